"""Digests of files remembered by their stat numbers, in one file per set of patterns.

Invariant: an entry younger than ``TICK_NS`` when it was hashed, or from the future, is not kept: an edit within the
same tick would be invisible in the numbers. A damaged cache file is an empty one.
"""

from __future__ import annotations

import hashlib
import os
import time
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from maestro_cas.scan import Tree

if TYPE_CHECKING:
    from maestro_cas.scan import Walked

TICK_NS = 2_000_000_000  # the coarsest time stamps in use (FAT); ext4 and xfs tick every 1-10 ms
_MAGIC = b"maestro.stat.v1\n"


class StatCache:
    """One cache file. ``whole`` answers an unchanged scan by two comparisons; ``digest`` answers file by file."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._names = b""
        self._stats = array("q")
        self._tree: Tree | None = None
        self._old: dict[str, tuple[tuple[int, ...], str]] | None = None
        self._racy: set[str] = set()
        self._began: int | None = None
        self._read()

    def clock(self) -> int:
        """The file system's clock in nanoseconds when this scan began to hash: the stamp of a file written then."""
        if self._began is None:
            probe = f"{self._path}.{os.getpid()}.tick"
            now = time.time_ns()
            try:
                os.close(os.open(probe, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
                now = min(now, os.lstat(probe).st_mtime_ns)
                os.unlink(probe)
            except OSError:
                now = 0  # no clock of the file system's: trust no digest next time
            self._began = now
        return self._began

    def whole(self, walked: Walked) -> Tree | None:
        """The earlier tree, if every path and number is as it was."""
        if self._tree is None or len(walked.stats) != len(self._stats):
            return None
        if array("q", walked.stats) != self._stats or _join(walked.paths) != self._names:
            return None
        return self._tree

    def digest(self, path: str, numbers: list[int]) -> str | None:
        """The remembered digest of a file with these numbers."""
        if self._old is None:
            self._old = self._table()
        entry = self._old.get(path)
        if entry is None or entry[0] != tuple(numbers):
            return None
        return entry[1]

    def learn(self, path: str, numbers: list[int]) -> None:
        """Note a file just hashed; one changed too close to that moment will be hashed again next time."""
        if max(numbers[2], numbers[3]) + TICK_NS > self.clock():
            self._racy.add(path)

    def remember(self, walked: Walked, tree: Tree) -> None:
        """Replace the cache file; failing to is no error, the next scan then hashes again."""
        stats = array("q", walked.stats)
        if self._racy:
            for i, path in enumerate(walked.paths):
                if path in self._racy:
                    stats[6 * i] = -1  # no mode is negative: never equal, so hashed again
        names = _join(walked.paths)
        body = b"\0\0".join((names, b"%d %d" % (tree.files, tree.size), tree.listing))
        packed = stats.tobytes()
        data = b"%d\n%s%s" % (len(packed), packed, body)
        draft = f"{self._path}.{os.getpid()}"
        try:
            with open(draft, "wb") as stream:
                stream.write(_MAGIC + hashlib.sha256(data).digest() + data)
            os.replace(draft, self._path)
        except OSError:
            with suppress(OSError):
                os.unlink(draft)
        self._names, self._stats, self._tree, self._old = names, stats, tree, None
        self._racy, self._began = set(), None

    def _read(self) -> None:
        try:
            with open(self._path, "rb") as stream:
                raw = stream.read()
        except OSError:
            return
        head = len(_MAGIC) + 32
        data = raw[head:]
        if not raw.startswith(_MAGIC) or hashlib.sha256(data).digest() != raw[len(_MAGIC) : head]:
            return
        length, _, rest = data.partition(b"\n")
        count = int(length)
        self._stats.frombytes(rest[:count])
        self._names, numbers, listing = rest[count:].split(b"\0\0", 2)
        files, size = numbers.split()
        self._tree = Tree(listing, int(files), int(size))

    def _table(self) -> dict[str, tuple[tuple[int, ...], str]]:
        if self._tree is None:
            return {}
        digests = {line.split(b" ", 3)[3]: line.split(b" ", 3)[2] for line in self._tree.listing.splitlines()}
        names = self._names.split(b"\0") if self._names else []
        return {
            os.fsdecode(name): (tuple(self._stats[6 * i : 6 * i + 6]), digests[name].decode())
            for i, name in enumerate(names)
        }


def _join(paths: list[str]) -> bytes:
    return os.fsencode("\0".join(paths))
