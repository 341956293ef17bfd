"""Hints for the vector bases: the square roots their recipe searches for, found beforehand.

Invariant: a hint is never trusted. ``field.sqrt_ratio`` squares it and searches by itself if that does not fit, so a
file that is lost, damaged or forged costs time and nothing else: every base is still the one of its recipe. To write
it anew::

    python -c "from maestro_zk import roots; roots.PLACE.write_bytes(roots.search())"
"""

from __future__ import annotations

import hashlib
from functools import cache
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from maestro_zk.field import number, sqrt_ratio
from maestro_zk.ristretto import SIZE, map_ratio

if TYPE_CHECKING:
    from collections.abc import Iterable

Hint: TypeAlias = tuple[int | None, int | None]

PLACE = Path(__file__).with_name("roots.bin")
LETTERS = (b"G", b"H")
PARTIES = 4
BITS = 64
_PARTY = 2 * SIZE * BITS


def chain(letter: bytes, party: int, bits: int) -> list[bytes]:
    """The 64 uniform bytes behind each base of one party (dalek's ``GeneratorsChain``)."""
    seed = b"GeneratorsChain" + letter + party.to_bytes(4, "little")
    stream = hashlib.shake_256(seed).digest(64 * bits)
    return [stream[i : i + 64] for i in range(0, 64 * bits, 64)]


def hints(letter: bytes, party: int) -> Iterable[Hint]:
    """For each base of one party the roots of its two halves; ``None`` where no hint is kept."""
    start = (LETTERS.index(letter) * PARTIES + party) * _PARTY
    kept = _kept()[start : start + _PARTY] if party < PARTIES else b""
    if len(kept) < _PARTY:
        return repeat((None, None))
    numbers = [number(int.from_bytes(kept[i : i + SIZE], "little")) for i in range(0, _PARTY, SIZE)]
    return zip(numbers[::2], numbers[1::2], strict=True)


def search() -> bytes:
    """All hints, by the search they save: letter by letter, party by party, base by base, half by half."""
    out = []
    for letter in LETTERS:
        for party in range(PARTIES):
            for data in chain(letter, party, BITS):
                for half in (data[:SIZE], data[SIZE:]):
                    _, _, u, v = map_ratio(half)
                    out.append(int(sqrt_ratio(u, v)[1]).to_bytes(SIZE, "little"))
    return b"".join(out)


@cache
def _kept() -> bytes:
    try:
        return PLACE.read_bytes()
    except OSError:
        return b""
