"""What git lists in a work tree at one moment, by one process: tracked files by content, and what differs on disk.

Invariant: ``tree`` is the id ``git write-tree`` gives the index, and so that of the work directory if nothing differs.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from maestro_hooks.project.git import git
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from pathlib import Path

_TRACKED = (b"H", b"S", b"M")  # cached, outside a sparse checkout, unmerged
_DIRECTORY = b"40000"


class Entry(NamedTuple):
    """One entry of git's index; ``path`` is relative to the root, ``stage`` is ``0`` outside a conflict."""

    mode: bytes
    blob: bytes
    stage: bytes
    path: bytes


class Listing(Value, frozen=True):
    """The entries of the index in git's order, and the paths whose content on disk is another, gone, or not tracked.

    ``unsure``: tracked paths that git was told not to look at (``assume-unchanged``, a sparse checkout).
    """

    entries: tuple[Entry, ...]
    dirty: frozenset[bytes]
    unsure: frozenset[bytes] = frozenset()

    @property
    def run_id(self) -> str:
        """See ``Repository.run_id``: the digest of what ``git ls-files --stage -z`` prints."""
        text = b"".join(b"%b %b %b\t%b\0" % entry for entry in self.entries)
        return hashlib.sha256(text).hexdigest()[:24]

    @property
    def tree(self) -> str | None:
        """The git tree id of the index; ``None`` for one with conflicts, which has none."""
        if any(entry.stage != b"0" for entry in self.entries):
            return None
        return _Trees(self.entries).id.hex()


class _Trees:
    """The tree objects of an index, from the leaves up (git's object format: mode, name, NUL, binary id)."""

    def __init__(self, entries: tuple[Entry, ...]) -> None:
        sha256 = bool(entries) and len(entries[0].blob) == 64
        self._hash = hashlib.sha256 if sha256 else hashlib.sha1
        directories: dict[bytes, list[tuple[bytes, bytes]]] = {b"": []}
        for entry in entries:
            directory, _, name = entry.path.rpartition(b"/")
            above = directory
            while above not in directories:
                directories[above] = []
                above = above.rpartition(b"/")[0]
            line = b"%b %b\0%b" % (entry.mode, name, bytes.fromhex(entry.blob.decode()))
            directories[directory].append((name, line))
        # The deepest first, so that each directory's id is known to the one above it.
        for path in sorted(directories.keys() - {b""}, key=lambda path: path.count(b"/"), reverse=True):
            parent, _, name = path.rpartition(b"/")
            # Git sorts a directory as if its name ended in a slash.
            directories[parent].append((name + b"/", b"%b %b\0%b" % (_DIRECTORY, name, self._tree(directories[path]))))
        self.id = self._tree(directories[b""])

    def _tree(self, members: list[tuple[bytes, bytes]]) -> bytes:
        body = b"".join(line for _, line in sorted(members))
        return self._hash(b"tree %d\0%b" % (len(body), body), usedforsecurity=False).digest()


def read_listing(root: Path) -> Listing:
    """The listing of the work tree at ``root``. Raises ``ToolError`` if git cannot say."""
    entries, dirty, unsure = [], set(), set()
    output = git(root, "ls-files", "-z", "-v", "--stage", "--modified", "--deleted", "--others", "--exclude-standard")
    for line in output.split(b"\0"):
        tag, rest = line[:1], line[2:]
        if tag.upper() in _TRACKED:  # lower case where a change is not to be looked for
            facts, _, path = rest.partition(b"\t")
            mode, blob, stage = facts.split(b" ")
            entries.append(Entry(mode, blob, stage, path))
            if tag not in (b"H", b"M"):
                unsure.add(path)
        elif tag:
            dirty.add(rest.partition(b"\t")[2] if tag in (b"C", b"R") else rest)
    return Listing(tuple(entries), frozenset(dirty), frozenset(unsure))
