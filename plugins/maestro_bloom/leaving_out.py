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


def unchanged(stored: Stored, changes: Changes, judged: list[Judgement], *, level: str) -> dict[str, list[Judgement]]:
    """Files that would be collected as before and run nothing; ``judged`` are all tests of the index, in its order."""
    # At level ``names`` a changed name is followed to whoever mentions it, which no test that is new to a file does.
    if changes.everything or changes.rearranged or (level == "names" and changes.any):
        return {}
    files = {row.path: row for row in stored.index.files}
    tests: defaultdict[str, list[Judgement]] = defaultdict(list)
    for row, judgement in zip(stored.index.tests, judged, strict=True):
        tests[row.path].append(judgement)
    unseen = _with_unseen_inputs(stored.index)
    return {
        path: members
        for path, members in tests.items()
        if path in files
        and path not in unseen
        and _name(path) not in changes.added
        and not any(member.reasons for member in members)
        and _is_known(files[path], members)
    }


def left_out(stored: Stored, changes: Changes, judged: list[Judgement], *, level: str) -> dict[str, list[Judgement]]:
    """Files to leave out, with the judgements of their tests."""
    confirmed = {row.path for row in stored.index.files if row.confirmed}
    found = {p: m for p, m in unchanged(stored, changes, judged, level=level).items() if p in confirmed}
    running = {judgement.nodeid for judgement in judged if judgement.reasons}
    if not running and not changes.any and stored.index.last_full:
        return found  # nothing runs that could miss what another file does when it is imported
    holders = stored.holders([keys.every_class()])
    if any(stored.index.tests[at].nodeid in running for at in holders):
        return {}
    acting = {row.path for row in stored.index.files if _acts(row)}
    return {path: members for path, members in found.items() if path not in acting}


def _is_known(row: FileRow, members: list[Judgement]) -> bool:
    """Whether the recorded tests are all that collecting the file finds."""
    plain = row.path.endswith(".py") and row.path.rpartition("/")[2] not in _OWN_RULES
    return plain and row.collected == digest(member.nodeid for member in members)


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


def _name(path: str) -> str:
    return path.rpartition("/")[2]
