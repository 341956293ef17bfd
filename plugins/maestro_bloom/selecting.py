"""Which tests need not run: those with a passed record that holds nothing that changed.

Invariant: a test is skipped only if it has a record, the record's run passed, and no rule of the change table names
it. Every other outcome of the judgement is a reason in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from maestro_bloom.index import FLAKY, OPAQUE, UNSTABLE, VARIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_bloom.changes import Changes
    from maestro_bloom.index import TestRow
    from maestro_bloom.index_file import Stored


# A struct, because one is made for every test.
class Judgement(msgspec.Struct, frozen=True, gc=False):
    """A test's fate: ``reasons`` to run it; none means it may be skipped."""

    nodeid: str
    reasons: tuple[str, ...]
    run: str = ""


def judge(stored: Stored, changes: Changes, nodeids: Iterable[str]) -> list[Judgement]:
    """A judgement for each test asked about, in order."""
    rows = stored.index.tests
    places = {row.nodeid: at for at, row in enumerate(rows)}
    holders = stored.holders(changes.keys) if changes.keys else {}
    by_place: dict[str, tuple[str, ...]] = {}
    found = []
    for nodeid in nodeids:
        at = places.get(nodeid)
        if at is None:
            found.append(Judgement(nodeid, ("it has no record",)))
            continue
        row = rows[at]
        if row.path not in by_place:
            by_place[row.path] = _by_place(row.path, changes)
        reasons = _own(row, changes) or by_place[row.path]
        if not reasons and at in holders:
            reasons = tuple(changes.keys[key] for key in holders[at])
        found.append(Judgement(nodeid, reasons, row.run))
    return found


def _own(row: TestRow, changes: Changes) -> tuple[str, ...]:
    """What its record says, or what makes all tests run."""
    words = ""
    if row.outcome != "passed":
        words = f"it {row.outcome} in run {row.run}"
    elif row.flags & FLAKY:
        words = "it is flaky"
    elif row.flags & UNSTABLE:
        words = "an input changed while it ran"
    elif row.flags & OPAQUE and changes.any:
        words = "it starts processes or the like, and the project changed"
    elif row.flags & VARIES and row.path in changes.reachable:
        words = f"it runs at random what {row.path} can reach, and {changes.reachable[row.path]}"
    words = words or changes.everything
    return (words,) if words else ()


def _by_place(path: str, changes: Changes) -> tuple[str, ...]:
    """What changed in a test's own file, or in a conftest above it."""
    if path in changes.files:
        return (f"{path}: {changes.files[path]}",)
    directory = path
    while directory:
        directory = directory.rpartition("/")[0]
        if directory in changes.directories:
            return (changes.directories[directory],)
    return ()
