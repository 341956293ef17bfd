"""Which files of tests need not even be collected.

Invariant: a file is left out only if two recordings found the same tests in it, every one of them has a record that
says it may be skipped, and nothing that its collection depends on has changed, can have changed unseen, or needs it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from maestro_bloom import keys

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_bloom.changes import Changes
    from maestro_bloom.index import FileRow, Index
    from maestro_bloom.index_file import Stored
    from maestro_bloom.selecting import Judgement

# What was read while a module was imported, and is not seen to change.
UNSEEN = frozenset({"opaque", "outside"})
_OWN_RULES = ("conftest.py", "__init__.py")


def digest(nodeids: Iterable[str]) -> bytes:
    """One digest of a set of node ids; never empty."""
    text = "\n".join(sorted(nodeids))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=keys.DIGEST_SIZE).digest()


def why_collected(stored: Stored, changes: Changes, judged: list[Judgement], *, level: str) -> dict[str, str]:
    """Per file with recorded tests: why it is collected, or ``''``; ``judged`` are all tests, in the index's order."""
    found = _why_changed(stored, changes, judged, level=level)
    for row in stored.index.files:
        if found.get(row.path) == "" and not row.confirmed:
            found[row.path] = "only one recording found these tests in it"
    running = {judgement.nodeid for judgement in judged if judgement.reasons}
    if not running and not changes.any and stored.index.last_full:
        return found  # nothing runs that could miss what another file does when it is imported
    holders = stored.holders([keys.every_class()])
    looked = next((n for at in holders if (n := stored.index.tests[at].nodeid) in running), "")
    for row in stored.index.files:
        if found.get(row.path) == "" and (looked or _acts(row)):
            found[row.path] = f"{looked} looks at all classes or modules" if looked else "importing it changes others"
    return found


def unchanged(stored: Stored, changes: Changes, judged: list[Judgement], *, level: str) -> set[str]:
    """Files that would be collected as before and run nothing."""
    return {path for path, why in _why_changed(stored, changes, judged, level=level).items() if not why}


def left_out(stored: Stored, changes: Changes, judged: list[Judgement], *, level: str) -> dict[str, list[Judgement]]:
    """Files to leave out, with the judgements of their tests."""
    why = why_collected(stored, changes, judged, level=level)
    return {path: members for path, members in _by_file(stored, judged).items() if not why[path]}


def _by_file(stored: Stored, judged: list[Judgement]) -> dict[str, list[Judgement]]:
    found: defaultdict[str, list[Judgement]] = defaultdict(list)
    for row, judgement in zip(stored.index.tests, judged, strict=True):
        found[row.path].append(judgement)
    return found


def _why_changed(stored: Stored, changes: Changes, judged: list[Judgement], *, level: str) -> dict[str, str]:
    tests = _by_file(stored, judged)
    whole = changes.everything
    if changes.rearranged:
        whole = whole or "a hook of the project may look at several tests at once"
    if level == "names" and changes.any:
        # A changed name is followed to whoever mentions it, which no test that is new to a file does.
        whole = whole or "at level names, what changed may make new tests"
    if whole:
        return dict.fromkeys(tests, whole)
    files = {row.path: row for row in stored.index.files}
    unseen = _with_unseen_inputs(stored.index)
    return {path: _why(path, members, files.get(path), changes, unseen) for path, members in tests.items()}


def _why(path: str, tests: list[Judgement], row: FileRow | None, changes: Changes, unseen: dict[str, str]) -> str:
    name = path.rpartition("/")[2]
    if not name.endswith(".py") or name in _OWN_RULES:
        return "it is no file of tests in Python"
    if any(test.reasons for test in tests):
        return "some of its tests run"
    if row is None or row.collected != digest(test.nodeid for test in tests):
        return "no recording found just these tests in it, none of them marked to run always"
    if path in unseen:
        return "it imports what reads outside the project, or starts programs, while it is imported"
    return f"another {name} is new" if name in changes.added else ""


def _with_unseen_inputs(index: Index) -> dict[str, str]:
    """Sources that import something whose tests may come from where nobody looks."""
    found = {row.path: row.path for row in index.files if any(read.kind in UNSEEN for read in row.inputs)}
    if not found:
        return found
    from maestro_bloom.module_graph import ModuleGraph  # noqa: PLC0415 - seldom needed

    return ModuleGraph(index.files).reaching(found)


def _acts(row: FileRow) -> bool:
    """Whether importing a file changes another module, or brings plugins, which tests of other files may need."""
    return any(statement.targets or "pytest_plugins" in statement.names for statement in row.statements)
