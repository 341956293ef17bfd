"""The permutation Keccak-f[1600] (FIPS 202 section 3), which hashlib keeps to itself and STROBE needs bare."""

from __future__ import annotations

import struct

_MASK = 2**64 - 1
_LANES = struct.Struct("<25Q")


def _constants() -> tuple[list[int], list[tuple[int, int]]]:
    """Round constants (section 3.2.5), and for each lane where pi takes it and how far rho turns it (3.2.2, 3.2.3)."""
    rounds, register = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if register & 1:
                constant |= 1 << (2**j - 1)
            register = (register << 1) ^ (0x171 if register & 0x80 else 0)
        rounds.append(constant)
    moves = [(0, 0)] * 25
    x, y = 1, 0
    for t in range(24):
        place = y + 5 * ((2 * x + 3 * y) % 5)
        moves[place] = (x + 5 * y, (t + 1) * (t + 2) // 2 % 64)
        x, y = y, (2 * x + 3 * y) % 5
    return rounds, moves


_ROUNDS, _MOVES = _constants()


def permute(state: bytearray) -> None:
    """Apply the permutation to 200 bytes, in place."""
    a = list(_LANES.unpack(state))
    for constant in _ROUNDS:
        c = [a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20] for x in range(5)]
        d = [c[x - 1] ^ ((c[x - 4] << 1 | c[x - 4] >> 63) & _MASK) for x in range(5)] * 5
        a = [lane ^ mixed for lane, mixed in zip(a, d, strict=True)]
        b = [(a[source] << turn | a[source] >> (64 - turn)) & _MASK for source, turn in _MOVES]
        a = [b[y + x] ^ (~b[y + (x + 1) % 5] & b[y + (x + 2) % 5]) for y in (0, 5, 10, 15, 20) for x in range(5)]
        a[0] ^= constant
    _LANES.pack_into(state, 0, *a)
