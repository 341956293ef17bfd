"""Which tests need not run: those with a passed record that holds nothing that changed.

Invariant: a test is skipped only if it has a record, the record's run passed, and no rule of the change table names
it. Every other outcome of the judgement is a reason in words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_bloom.index import FLAKY, OPAQUE, UNSTABLE, VARIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_bloom.changes import Changes
    from maestro_bloom.index import TestRow
    from maestro_bloom.index_file import Stored


@dataclass(frozen=True, slots=True)
class Judgement:
    """A test's fate: ``reasons`` to run it; none means it may be skipped."""

    nodeid: str
    reasons: tuple[str, ...]
    run: str = ""


def judge(stored: Stored, changes: Changes, nodeids: Iterable[str]) -> list[Judgement]:
    """A judgement for each test asked about, in order."""
    rows = stored.index.tests
    places = {row.nodeid: at for at, row in enumerate(rows)}
    holders = stored.holders(changes.keys) if changes.keys else [[] for _ in rows]
    found = []
    for nodeid in nodeids:
        at = places.get(nodeid)
        if at is None:
            found.append(Judgement(nodeid, ("it has no record",)))
            continue
        reasons = _reasons(rows[at], changes) or [changes.keys[key] for key in holders[at]]
        found.append(Judgement(nodeid, tuple(reasons), rows[at].run))
    return found


def _reasons(row: TestRow, changes: Changes) -> list[str]:
    own = (
        (row.outcome != "passed", f"it {row.outcome} in run {row.run}"),
        (row.flags & FLAKY, "it is flaky"),
        (row.flags & UNSTABLE, "an input changed while it ran"),
        (row.flags & OPAQUE and changes.any, "it starts processes or the like, and the project changed"),
        (changes.everything, changes.everything),
        (row.flags & VARIES and row.path in changes.reachable, f"it runs at random what {row.path} can reach"),
    )
    for holds, words in own:
        if holds:
            return [words]
    return _by_place(row, changes)


def _by_place(row: TestRow, changes: Changes) -> list[str]:
    """What changed in the test's own file, or in a conftest above it."""
    if row.path in changes.files:
        return [f"{row.path}: {changes.files[row.path]}"]
    directory = row.path
    while directory:
        directory = directory.rpartition("/")[0]
        if directory in changes.directories:
            return [changes.directories[directory]]
    return []
