"""Bloom filters sized per test, and the bit-sliced table in which many are asked at once.

Theorem: no false negative. A key inserted into a filter is found in it, in every OR with another filter, and in every
tiling to a multiple of its size: bit ``h mod m`` is set, and for ``m`` dividing ``M`` the tiled filter has every bit
``p`` of ``M`` with ``p mod m`` set, among them ``h mod M``.
"""

from __future__ import annotations

import hashlib
import math
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HASHES = 10
BITS_PER_KEY = 14.4
WORD = 64
# Ten 32-bit slices of one digest: double hashing misses a rate of 1e-3 in filters this small.
_SLICES = Struct(f"<{HASHES}I")
_STEPS = (4, 5, 6, 7)


def hashes(key: bytes, salt: bytes) -> tuple[int, ...]:
    """The ten 32-bit hashes of a key: BLAKE2b-320 keyed by ``salt`` (RFC 7693)."""
    return _SLICES.unpack(hashlib.blake2b(key, digest_size=_SLICES.size, key=salt).digest())


def size_for(keys: int) -> int:
    """Bits of a filter for so many keys at a false-positive rate of 1e-3: the next quarter-octave class of words."""
    words = max(_STEPS[0], math.ceil(keys * BITS_PER_KEY / WORD))
    octave = 1
    while _STEPS[-1] * octave < words:
        octave *= 2
    return WORD * next(step * octave for step in _STEPS if step * octave >= words)


def overfilled(bits: int, keys: int) -> bool:
    """Whether so many keys are more than a fifth above what the size was made for."""
    return keys * BITS_PER_KEY > bits * 1.2


def mask(key: tuple[int, ...], bits: int) -> int:
    """The filter of one key (given by its hashes) as an integer of ``bits`` bits; a set's is the OR of its keys'."""
    filled = 0
    for h in key:
        filled |= 1 << (h % bits)
    return filled


def build(keys: Iterable[tuple[int, ...]], bits: int) -> int:
    """The filter of these keys as an integer of ``bits`` bits."""
    filled = 0
    for key in keys:
        filled |= mask(key, bits)
    return filled


def contains(filled: int, bits: int, key: tuple[int, ...]) -> bool:
    """Whether the filter may hold the key; a false answer is exact."""
    return all(filled >> (h % bits) & 1 for h in key)


def tile(filled: int, bits: int, times: int) -> int:
    """The same set in a filter ``times`` as large."""
    tiled = 0
    for i in range(times):
        tiled |= filled << (i * bits)
    return tiled


def union(left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
    """OR of two (filter, bits), tiled to the least common multiple of their sizes."""
    bits = math.lcm(left[1], right[1])
    return tile(left[0], left[1], bits // left[1]) | tile(right[0], right[1], bits // right[1]), bits


def transpose(rows: Sequence[int], width: int) -> list[int]:
    """Columns of a bit matrix: bit ``r`` of column ``c`` is bit ``c`` of row ``r``.

    Done by strided slices of one text of zeros and ones, so the work is copying, not arithmetic.
    """
    if not rows:
        return [0] * width
    # Rows from last to first and each from its highest bit: then a stride reads a column, highest row first.
    text = "".join(format(row, f"0{width}b") for row in reversed(rows))
    return [int(text[width - 1 - c :: width], 2) for c in range(width)]
