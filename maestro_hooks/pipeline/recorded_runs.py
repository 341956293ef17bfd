"""Which of several recorded test runs of one tree a seal speaks about.

Rule: the run the caller names; else the only one there is; else those that nothing on the command line narrowed
(``-k``, ``-m``, ``--lf``, a node id), and of those the ones in which Maestro skipped nothing, if there are any. Two
whole runs that were asked for differently stay ambiguous, and that is said.

What plugins say about a test session follows its test run. Sessions of equal test runs differ in what a plugin saw of
them (times, its own state), so one of them speaks for all: one with an unmet claim before one without, and any before
one that failed to claim; of equals the one whose inputs have the smallest digest, so that no order and no clock counts.
"""

from __future__ import annotations

import platform
import sys
from typing import TYPE_CHECKING

from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.obligation import Verdict

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.record import Record

PLUGIN = "pytest"
SESSION_HOOK = "maestro_tests_finished"
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


def session_arguments(test_run: str, session: str) -> tuple[str, str, str]:
    """How the inputs of a claim about a session name the digest of its test run's inputs, and the session."""
    return SESSION_HOOK, f"test run {test_run}", session


def speaks_of(document: Inputs, runs: Iterable[str]) -> bool:
    """Whether ``document`` is that of a claim about a session of one of these test runs."""
    return document.arguments[:1] == (SESSION_HOOK,) and document.arguments[1] in {f"test run {run}" for run in runs}


def accepted_sessions(records: Iterable[Record], sessions: Mapping[str, Inputs]) -> frozenset[str]:
    """Of these inputs documents of sessions, by digest, one per plugin and test run; ``records`` has their claims."""
    verdicts: dict[str, set[Verdict]] = {}
    for record in records:
        if record.inputs in sessions:
            verdicts.setdefault(record.inputs, set()).add(record.verdict)
    speaking: dict[tuple[str, str], str] = {}
    for digest in sorted(verdicts, key=lambda digest: (_rank(verdicts[digest]), digest)):
        document = sessions[digest]
        speaking.setdefault((document.plugin, document.arguments[1]), digest)
    return frozenset(speaking.values())


def _rank(verdicts: Container[Verdict]) -> int:
    if Verdict.UNMET in verdicts:
        return 0
    return 2 if Verdict.ERROR in verdicts else 1


def _narrowed(document: Inputs) -> bool:
    options = tuple(f"option {name}=" for name in _NARROWING)
    return any(a.startswith((*options, "deselected ")) or ("::" in a and a[:5] == "path ") for a in document.arguments)


def _skipping(document: Inputs) -> bool:
    return any(argument.startswith("skipped by maestro ") for argument in document.arguments)
