"""What is analysed for a request: the files asked about together with the modules of the repository.

Invariant: only files asked about are reported on; the others are there so that their functions are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_taint.analysis import Analysis, analyse

if TYPE_CHECKING:
    from maestro_hooks.requests import CheckRequest, SourceFile
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings


def run(request: CheckRequest, settings: TaintSettings, chosen: list[SourceFile], models: Models) -> Analysis:  # noqa: ARG001
    """Analyse the request."""
    asked = {f.path: f.data for f in chosen}
    others = {} if request.whole else neighbours(request, set(asked))
    result = analyse(sorted({**others, **asked}.items()), models)
    result.gaps = [g for g in result.gaps if g.path in asked]
    return result


def neighbours(request: CheckRequest, asked: set[str]) -> dict[str, bytes]:
    """Python files of the repository that were not asked about but may be imported."""
    from maestro_hooks.project.repository import Repository  # noqa: PLC0415 - not needed for a whole tree

    found: dict[str, bytes] = {}
    for path, place in Repository(request.root).files():
        if path.endswith(".py") and path not in asked:
            try:
                found[path] = place.read_bytes()
            except OSError:
                continue  # it may vanish while we look; it was not asked about
    return found
