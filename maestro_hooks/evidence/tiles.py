"""The layout of a tiled log (C2SP tlog-tiles), and proofs read out of its tiles.

Theorem: what ``TileTree`` returns verifies against a head only if the tiles are those of that head: it reads, the
caller verifies. A partial tile that is gone is read from the full tile that replaced it, cut to its width.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

WIDTH = 256
HEIGHT = 8
HASH_SIZE = merkle.HASH_SIZE


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """``tile/<L>/<N>[.p/<W>]``; N in groups of three digits, all but the last behind an ``x``."""
    return f"tile/{level}/{_spelled(index)}{_partial(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """``tile/entries/<N>[.p/<W>]``."""
    return f"tile/entries/{_spelled(index)}{_partial(width)}"


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"


def _spelled(index: int) -> str:
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))


def level_sizes(size: int) -> list[int]:
    """How many tile hashes each level of a tree of ``size`` has, up to the last level with any."""
    sizes = []
    while size:
        sizes.append(size)
        size >>= HEIGHT
    return sizes


def width_at(level: int, index: int, size: int) -> int:
    """The width of a tile in a tree of ``size``: 256, less at the right edge, 0 where there is none."""
    return max(0, min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH))


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """An entry bundle: each entry behind its length in sixteen bits, big endian."""
    return b"".join([part for entry in entries for part in (len(entry).to_bytes(2, "big"), entry)])


def decode_entries(data: bytes, *, where: str = "entry bundle") -> list[bytes]:
    """The entries of a bundle. Raises ``EvidenceError`` for a cut one."""
    entries: list[bytes] = []
    position, end = 0, len(data)
    while position < end:
        start = position + 2
        position = start + int.from_bytes(data[position:start], "big")
        if start > end or position > end:
            raise EvidenceError("the last entry is cut off", where=where)
        entries.append(data[start:position])
    return entries


def split_tile(data: bytes, *, where: str = "tile") -> list[bytes]:
    """The hashes of a tile."""
    if len(data) % HASH_SIZE or not data:
        raise EvidenceError(f"{len(data)} bytes are no whole number of hashes", where=where)
    return [data[i : i + HASH_SIZE] for i in range(0, len(data), HASH_SIZE)]


class TileTree:
    """The tree of ``size`` leaves behind a function that reads a tile by its path.

    ``read`` raises ``FileNotFoundError`` for a file that is not there; a few tiles are kept.
    """

    def __init__(self, size: int, read: Callable[[str], bytes]) -> None:
        self.size = size
        self._read = read
        self._tile = lru_cache(maxsize=64)(self._load)

    def _load(self, level: int, index: int) -> list[bytes]:
        width = width_at(level, index, self.size)
        return split_tile(_cut(self._read, tile_path(level, index, width), tile_path(level, index), width * HASH_SIZE))

    def partial(self, level: int) -> list[bytes]:
        """The hashes of the right-most tile of a level, empty when all its tiles are full."""
        index = (self.size >> (HEIGHT * level)) // WIDTH
        return list(self._tile(level, index)) if width_at(level, index, self.size) else []

    def entry(self, index: int) -> bytes:
        """The entry at ``index``. Raises ``EvidenceError`` outside the tree or for a damaged bundle."""
        if not 0 <= index < self.size:
            raise EvidenceError(f"no entry {index} in a log of {self.size}", where="log")
        number, place = divmod(index, WIDTH)
        width = width_at(0, number, self.size)
        data = _cut(self._read, bundle_path(number, width), bundle_path(number), None)
        entries = decode_entries(data, where=bundle_path(number))
        if len(entries) < width:
            raise EvidenceError("entries are missing", where=bundle_path(number))
        return entries[place]

    def root(self) -> bytes:
        """The root as the tiles tell it."""
        return self._range(0, self.size) if self.size else merkle.EMPTY_ROOT

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """The audit path of a leaf (RFC 9162 section 2.1.3.1)."""
        if not 0 <= index < self.size:
            raise EvidenceError(f"no leaf {index} in a tree of {self.size}", where="inclusion proof")
        path: list[bytes] = []
        start, end = 0, self.size
        while end - start > 1:
            middle = start + merkle.split(end - start)
            if index < middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start = middle
        return tuple(reversed(path))

    def consistency(self, old_size: int) -> tuple[bytes, ...]:
        """The proof that the tree of ``old_size`` is a prefix (RFC 9162 section 2.1.4.1)."""
        if not 0 <= old_size <= self.size:
            raise EvidenceError(f"no tree of {old_size} inside one of {self.size}", where="consistency proof")
        path: list[bytes] = []
        start, end, whole = 0, self.size, True
        while old_size and old_size != end:
            middle = start + merkle.split(end - start)
            if old_size <= middle:
                path.append(self._range(middle, end))
                end = middle
            else:
                path.append(self._range(start, middle))
                start, whole = middle, False
        if old_size and not whole:
            path.append(self._range(start, end))
        return tuple(reversed(path))

    def _range(self, start: int, end: int) -> bytes:
        """The hash over leaves ``[start, end)``: a full aligned subtree is in a tile, else it is split."""
        span = end - start
        if span & (span - 1) or start % span:
            middle = start + merkle.split(span)
            return merkle.node_hash(self._range(start, middle), self._range(middle, end))
        level, rest = divmod(span.bit_length() - 1, HEIGHT)
        first = start >> (HEIGHT * level)
        index, offset = divmod(first, WIDTH)
        hashes = self._tile(level, index)[offset : offset + (1 << rest)]
        if len(hashes) != 1 << rest:
            raise EvidenceError("hashes are missing", where=tile_path(level, index))
        return merkle.root(hashes)


def _cut(read: Callable[[str], bytes], partial: str, full: str, length: int | None) -> bytes:
    """Read a partial file, or the full one if it is gone, cut to ``length`` bytes."""
    try:
        data = read(partial)
    except FileNotFoundError:
        if partial == full:
            raise
        data = read(full)
    return data[:length]


def fold(hashes: Sequence[bytes]) -> list[bytes]:
    """The hashes one tile level up: each 256 become one; the length must be a multiple of 256."""
    level = list(hashes)
    for _ in range(HEIGHT):
        level = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=True)]
    return level


def edge_root(edge: Sequence[Sequence[bytes]]) -> bytes:
    """The root of a tree from its right-most tiles: each level's incomplete part ends in what is incomplete below."""
    incomplete: bytes | None = None
    for hashes in edge:
        nodes = [*hashes] if incomplete is None else [*hashes, incomplete]
        incomplete = merkle.root(nodes) if nodes else None
    return merkle.EMPTY_ROOT if incomplete is None else incomplete
