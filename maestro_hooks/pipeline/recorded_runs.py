"""Which of several recorded test runs of one tree a seal speaks about.

Rule: the run the caller names; else the only one there is; else those that nothing on the command line narrowed
(``-k``, ``-m``, ``--lf``, a node id), and of those the ones in which Maestro skipped nothing, if there are any. Two
whole runs that were asked for differently stay ambiguous, and that is said.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from maestro_hooks.evidence import inputs as inputs_module

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.inputs import Inputs

PLUGIN = "pytest"
_NARROWING = ("keyword", "markexpr", "deselect", "lf", "lastfailed", "stepwise", "ignore", "ignore_glob")


def accepted_runs(documents: Iterable[Inputs], *, tree: str, named: str) -> frozenset[str]:
    """Digests of the test runs' inputs documents that count for ``tree``; ``named`` is one digest or ``''``."""
    python = f"{sys.implementation.name}-{platform.python_version()}"
    runs = {
        inputs_module.digest(inputs_module.encode(document)): document
        for document in documents
        if document.plugin == PLUGIN and document.tree == tree and document.tools.get("python", python) == python
    }
    if named in runs:
        return frozenset({named})
    if len(runs) <= 1:
        return frozenset(runs)
    whole = {digest: document for digest, document in runs.items() if not _narrowed(document)}
    full = frozenset(digest for digest, document in whole.items() if not _skipping(document))
    return full or frozenset(whole)


def _narrowed(document: Inputs) -> bool:
    options = tuple(f"option {name}=" for name in _NARROWING)
    return any(a.startswith((*options, "deselected ")) or ("::" in a and a[:5] == "path ") for a in document.arguments)


def _skipping(document: Inputs) -> bool:
    return any(argument.startswith("skipped by maestro ") for argument in document.arguments)
