"""Bandit's results by a file's content: what it said of the same bytes before need not be asked again.

Theorem: results kept equal results asked for: the name they are kept under covers the bytes, this code, the
interpreter and Bandit's version.
"""

from __future__ import annotations

from dataclasses import astuple
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from maestro_taint.bandit import running
from maestro_taint.bandit.running import Issue, Skipped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.requests import SourceFile
    from maestro_taint.cache import Store


def results(files: Mapping[str, SourceFile], store: Store | None) -> tuple[list[Issue], list[Skipped]]:
    """Results and gaps of files by absolute path; only those not seen before are given to Bandit."""
    issues: list[Issue] = []
    unknown: list[str] = []
    for place, file in sorted(files.items()):
        held = store.recall(_what(), file.data) if store is not None else None
        if held is None:
            unknown.append(place)
        else:
            issues += [Issue(place, *one) for one in held]
    found, skipped = running.run(unknown) if unknown else ([], [])
    gaps = {s.path for s in skipped}
    for place in unknown if store is not None else ():
        if place not in gaps and store is not None:
            own = tuple(astuple(i)[1:] for i in found if i.path == place)
            store.remember(_what(), files[place].data, own)
    return [*issues, *found], skipped


@cache
def _what() -> str:
    return f"bandit {version('bandit')}"
