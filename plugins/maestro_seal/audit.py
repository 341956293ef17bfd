"""Check a whole log: every entry hashed again, every signed head a prefix of the next.

Theorem: if ``audit`` returns, the published head is the root of exactly the entries in the bundles, all tiles are those
of that tree, and every head in the journal was a head of this one growing tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle, tiles
from maestro_hooks.evidence.checkpoint import log_signed, parse_checkpoint
from maestro_seal.journal import JOURNAL, read_journal
from maestro_seal.writer import CHECKPOINT

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.checkpoint import Head
    from maestro_hooks.evidence.signature import PublicKey
    from maestro_seal.disk import Disk


@dataclass(frozen=True, slots=True)
class Audit:
    """What was checked: the published head, and how many signed heads are consistent with it."""

    head: Head
    heads: int


def audit(disk: Disk, origin: str, public: PublicKey) -> Audit:
    """Check everything. Raises ``EvidenceError`` naming the first thing that does not fit."""
    checkpoint = parse_checkpoint(_read(disk, CHECKPOINT))
    if checkpoint.origin != origin or not log_signed(checkpoint, origin, public):
        raise EvidenceError(f"not a checkpoint of {origin} by its key", where=CHECKPOINT)
    head = checkpoint.head
    hashes = _entry_hashes(disk, head.size)
    levels = _check_tiles(disk, hashes, head.size)
    if merkle.root(levels[0]) != head.root:
        raise EvidenceError("the entries do not give the signed root", where=CHECKPOINT)
    heads = _check_journal(disk, origin, public, levels, head) if disk.exists(JOURNAL) else 0
    return Audit(head, heads)


def _entry_hashes(disk: Disk, size: int) -> list[bytes]:
    hashes: list[bytes] = []
    for index in range((size + tiles.WIDTH - 1) // tiles.WIDTH):
        width = tiles.width_at(0, index, size)
        name = tiles.bundle_path(index, width)
        entries = tiles.decode_entries(_read(disk, name), where=name)
        if len(entries) != width:
            raise EvidenceError(f"{len(entries)} entries instead of {width}", where=name)
        hashes += merkle.leaf_hashes(entries)
    return hashes


def _check_tiles(disk: Disk, hashes: list[bytes], size: int) -> list[list[bytes]]:
    """The hashes of each tile level, after comparing every published tile with them."""
    levels = []
    for level in range(max(1, len(tiles.level_sizes(size)))):
        levels.append(hashes)
        for place in range(0, len(hashes), tiles.WIDTH):
            index = place // tiles.WIDTH
            expected = b"".join(hashes[place : place + tiles.WIDTH])
            name = tiles.tile_path(level, index, tiles.width_at(level, index, size))
            if _read(disk, name) != expected:
                raise EvidenceError("the tile is not that of the entries", where=name)
        hashes = tiles.fold(hashes[: len(hashes) // tiles.WIDTH * tiles.WIDTH])
    return levels


def _check_journal(disk: Disk, origin: str, public: PublicKey, levels: list[list[bytes]], head: Head) -> int:
    heads, _ = read_journal(_read(disk, JOURNAL))
    if head not in [signed for signed, _ in heads]:
        raise EvidenceError("the published head is not in the journal", where=JOURNAL)
    for signed, note in heads:
        if not log_signed(parse_checkpoint(note), origin, public) or parse_checkpoint(note).origin != origin:
            raise EvidenceError(f"the head of size {signed.size} is not signed by the log", where=JOURNAL)
        if signed.size <= head.size and _prefix_root(levels, signed.size) != signed.root:
            raise EvidenceError(f"the head of size {signed.size} is not a prefix of the log", where=JOURNAL)
    return len(heads)


def _prefix_root(levels: Iterable[list[bytes]], size: int) -> bytes:
    """The root of the first ``size`` entries: which is stronger than a consistency proof, it recomputes the head."""
    edge = []
    for level, hashes in enumerate(levels):
        count = size >> (tiles.HEIGHT * level)
        edge.append(hashes[count // tiles.WIDTH * tiles.WIDTH : count])
    return tiles.edge_root(edge)


def _read(disk: Disk, name: str) -> bytes:
    try:
        return disk.read(name)
    except FileNotFoundError:
        raise EvidenceError("the file is missing", where=name) from None
