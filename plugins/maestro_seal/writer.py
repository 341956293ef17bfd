"""The one writer of a log: batches of entries become tiles, then a journalled, signed head, then the checkpoint.

Theorem: whenever the machine stops, the checkpoint is the old or the new one, its tiles are whole, and no size was ever
signed with two roots. For the order is: tiles, sync; journal of signed heads, sync; checkpoint last. A file below the
published size is never written again; what lies beyond it is not log content yet.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence import merkle, signature, tiles
from maestro_hooks.evidence.checkpoint import Head, log_signed, parse_checkpoint, sign_checkpoint
from maestro_hooks.evidence.log_entry import MAX_ENTRY_BYTES
from maestro_seal.journal import JOURNAL, journalled, read_journal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from maestro_hooks.evidence.checkpoint import Checkpoint
    from maestro_hooks.evidence.signature import PrivateKey
    from maestro_seal.disk import Disk

CHECKPOINT = "checkpoint"
LOCK = "lock"


class LogWriter:
    """An open log; a context manager that holds the lock.

    Attributes:
        origin: the log's name.
        head: the published size and root.
        checkpoint: the published note.
    """

    def __init__(self, disk: Disk, origin: str, key: PrivateKey) -> None:
        """Open an existing log. Raises ``EvidenceError`` if its files do not fit together."""
        if not disk.exists(CHECKPOINT):
            raise UsageError("there is no log", where=str(disk.root), fix="run 'maestro log init'")
        self._disk, self.origin, self._key = disk, origin, key
        self._lock = disk.lock(LOCK)
        with ExitStack() as undo:
            undo.callback(os.close, self._lock)
            self._recover()
            undo.pop_all()

    @classmethod
    def create(cls, disk: Disk, origin: str, key: PrivateKey) -> Self:
        """Begin a log of size 0. Raises ``UsageError`` if there is one."""
        if disk.exists(CHECKPOINT) or disk.exists(JOURNAL):
            raise UsageError("there is a log already", where=str(disk.root), fix="choose an empty directory")
        disk.root.mkdir(parents=True, exist_ok=True)
        head = Head(0, merkle.EMPTY_ROOT)
        note = sign_checkpoint(origin, head, key)
        disk.append(JOURNAL, journalled(head, note))
        disk.replace(CHECKPOINT, note)
        return cls(disk, origin, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def append(self, entries: Sequence[bytes]) -> int:
        """Append one batch and publish it; return the index of its first entry.

        Raises:
            UsageError: for no entry, or one longer than 65,535 bytes.
            OSError: nothing was published.
        """
        if not entries or max(map(len, entries)) > MAX_ENTRY_BYTES:
            raise UsageError(f"a batch has at least one entry, each of at most {MAX_ENTRY_BYTES} bytes", where="log")
        first = self.head.size
        files, edge, tail = self._planned(entries)
        for name, data in files:
            self._disk.put(name, data)
        self._disk.settle()
        head = Head(first + len(entries), tiles.edge_root(edge))
        note = sign_checkpoint(self.origin, head, self._key)
        self._disk.append(JOURNAL, journalled(head, note))
        self._publish(head, note)
        self._edge, self._tail = edge, tail
        self._sweep(first, head.size)
        return first

    def add_cosignatures(self, note: bytes) -> None:
        """Publish the same head with further signature lines. Raises ``EvidenceError`` for another head or text."""
        given = parse_checkpoint(note)
        if given.note.text != parse_checkpoint(self.checkpoint).note.text:
            raise EvidenceError("cosignatures of another head", where=CHECKPOINT)
        self._check_own(given)
        self._publish(self.head, note)

    def tree(self) -> tiles.TileTree:
        """The published tree, for proofs."""
        return tiles.TileTree(self.head.size, self._disk.read)

    def _publish(self, head: Head, note: bytes) -> None:
        self._disk.replace(CHECKPOINT, note)
        self.head, self.checkpoint = head, note

    def _recover(self) -> None:
        """Publish a head that was signed before a crash, then check that the tiles are those of the head."""
        published = parse_checkpoint(self._disk.read(CHECKPOINT))
        self._check_own(published)
        heads, length = read_journal(self._disk.read(JOURNAL))
        if not heads:
            raise EvidenceError("the journal of signed heads is empty", where=str(self._disk.root / JOURNAL))
        last, note = heads[-1]
        signed = dict.fromkeys((head for head, _ in heads))
        if published.head not in signed or published.head.size > last.size:
            raise EvidenceError("the checkpoint is not in the journal of signed heads", where=str(self._disk.root))
        self._load_edge(last)
        self._disk.truncate(JOURNAL, length)  # half a line of a head that was never published
        if last.size > published.head.size:
            self._check_own(parse_checkpoint(note))
            self._publish(last, note)
        else:
            self.head, self.checkpoint = published.head, self._disk.read(CHECKPOINT)

    def _check_own(self, checkpoint: Checkpoint) -> None:
        if checkpoint.origin != self.origin or not log_signed(checkpoint, self.origin, signature.public_of(self._key)):
            raise EvidenceError(
                f"the checkpoint is not of {self.origin} by this key", where=str(self._disk.root / CHECKPOINT)
            )

    def _load_edge(self, head: Head) -> None:
        """Read the right edge: the partial tile of each level, and the entries of the partial bundle."""
        tree = tiles.TileTree(head.size, self._disk.read)
        try:
            self._edge = [tree.partial(level) for level in range(len(tiles.level_sizes(head.size)))]
            width = head.size % tiles.WIDTH
            self._tail = [tree.entry(head.size - width + i) for i in range(width)]
        except FileNotFoundError as error:
            raise EvidenceError(f"a tile is missing: {error.filename}", where=str(self._disk.root)) from error
        if tiles.edge_root(self._edge) != head.root:
            raise EvidenceError("the tiles do not give the signed root", where=str(self._disk.root))
        if merkle.leaf_hashes(self._tail) != (self._edge[0] if self._edge else []):
            raise EvidenceError("the last entries are not those that were hashed", where=str(self._disk.root))

    def _planned(self, entries: Sequence[bytes]) -> tuple[list[tuple[str, bytes]], list[list[bytes]], list[bytes]]:
        """The files of a batch, and the right edge and partial bundle after it. Writes nothing."""
        start = self.head.size
        whole = [*self._tail, *entries]
        files, tail = _bundles(start // tiles.WIDTH, whole)
        edge: list[list[bytes]] = []
        added: list[bytes] = merkle.leaf_hashes(entries)
        for level in range(64 // tiles.HEIGHT):
            before = self._edge[level] if level < len(self._edge) else []
            if not added and level >= len(self._edge):
                break
            hashes = [*before, *added]
            index = (start >> (tiles.HEIGHT * level)) // tiles.WIDTH
            full = len(hashes) // tiles.WIDTH * tiles.WIDTH
            for place in range(0, full, tiles.WIDTH):
                name = tiles.tile_path(level, index + place // tiles.WIDTH)
                files.append((name, b"".join(hashes[place : place + tiles.WIDTH])))
            rest = hashes[full:]
            if rest and added:
                files.append((tiles.tile_path(level, index + full // tiles.WIDTH, len(rest)), b"".join(rest)))
            edge.append(rest)
            added = tiles.fold(hashes[:full]) if full else []
        return files, edge, tail

    def _sweep(self, old: int, new: int) -> None:
        """Remove the partial tiles that this batch filled."""
        names = []
        for level, size in enumerate(tiles.level_sizes(old)):
            index, width = divmod(size, tiles.WIDTH)
            if width and (new >> (tiles.HEIGHT * level)) // tiles.WIDTH > index:
                names.append(f"{tiles.tile_path(level, index)}.p")
                if not level:
                    names.append(f"{tiles.bundle_path(index)}.p")
        self._disk.remove(names)


def _bundles(index: int, entries: list[bytes]) -> tuple[list[tuple[str, bytes]], list[bytes]]:
    """Bundle files from bundle ``index`` on, the last one partial; and the entries in that one."""
    files = []
    for place in range(0, len(entries), tiles.WIDTH):
        part = entries[place : place + tiles.WIDTH]
        files.append((tiles.bundle_path(index + place // tiles.WIDTH, len(part)), tiles.encode_entries(part)))
    return files, entries[len(entries) // tiles.WIDTH * tiles.WIDTH :]
