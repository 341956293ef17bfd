"""The bases of commitments and range proofs: nobody knows a relation between any two of them (evidence format 4.10).

Invariant: every base is computed here from its public recipe and never read from a file; the blinding base is compared
with its published value.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from maestro_zk import roots
from maestro_zk.ristretto import decode, encode, from_uniform

if TYPE_CHECKING:
    from maestro_zk.edwards import Point

BASE_BYTES = bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76")
BLINDING_BYTES = bytes.fromhex("8c9240b456a9e6dc65c377a1048d745f94a08cdb7f44cbcd7b46f34048871134")


@cache
def base() -> Point:
    """B, the generator of RFC 9496, which carries values."""
    point = decode(BASE_BYTES)
    if point is None:
        raise ArithmeticError("the generator of RFC 9496 does not decode: this arithmetic is broken")
    return point


@cache
def blinding_base() -> Point:
    """B~, which carries blindings: the one-way map of SHA3-512(encode(B))."""
    point = from_uniform(hashlib.sha3_512(BASE_BYTES).digest())
    if encode(point) != BLINDING_BYTES:
        raise ArithmeticError("the blinding base is not the published one: this arithmetic is broken")
    return point


@cache
def vectors(bits: int, parties: int) -> tuple[tuple[Point, ...], tuple[Point, ...]]:
    """The vector bases G and H: ``bits`` for each party, parties one after another."""
    return _chains(b"G", bits, parties), _chains(b"H", bits, parties)


def _chains(letter: bytes, bits: int, parties: int) -> tuple[Point, ...]:
    points: list[Point] = []
    for party in range(parties):
        hints = roots.hints(letter, party)
        points += [
            from_uniform(data, hints=hint) for data, hint in zip(roots.chain(letter, party, bits), hints, strict=False)
        ]
    return tuple(points)
