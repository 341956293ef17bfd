"""The group ristretto255: encoding, strict decoding, one-way map (RFC 9496 section 4).

Theorem: ``encode(decode(b)) == b`` for every ``b`` that decodes, so two different byte strings never decode to equal
elements.
"""

from __future__ import annotations

from maestro_zk.edwards import Point, add, cached
from maestro_zk.field import (
    D_MINUS_ONE_SQ,
    INVSQRT_A_MINUS_D,
    ONE_MINUS_D_SQ,
    SQRT_AD_MINUS_ONE,
    SQRT_M1,
    D,
    P,
    magnitude,
    number,
    sqrt_ratio,
)

SIZE = 32
IDENTITY_BYTES = bytes(SIZE)
_LOW_255 = 2**255 - 1


def decode(data: bytes) -> Point | None:
    """The element of 32 bytes, or ``None`` for a negative, non-canonical or off-curve encoding (section 4.3.1)."""
    if len(data) != SIZE:
        return None
    s = number(int.from_bytes(data, "little"))
    if s >= P or s & 1:
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    u2_squared = u2 * u2 % P
    v = (-(D * u1 % P * u1) - u2_squared) % P
    was_square, root = sqrt_ratio(number(1), v * u2_squared % P)
    den_x = root * u2 % P
    x = magnitude(2 * s * den_x)
    y = u1 * (root * den_x % P * v % P) % P
    t = x * y % P
    if not was_square or t & 1 or y == 0:
        return None
    return x, y, number(1), t


def encode(point: Point) -> bytes:
    """The canonical 32 bytes of an element (section 4.3.2)."""
    x0, y0, z0, t0 = point
    u1 = (z0 + y0) * (z0 - y0) % P
    u2 = x0 * y0 % P
    _, root = sqrt_ratio(number(1), u1 * u2 % P * u2 % P)
    den1, den2 = root * u1 % P, root * u2 % P
    z_inverse = den1 * den2 % P * t0 % P
    if t0 * z_inverse % P & 1:
        x, y, den = y0 * SQRT_M1 % P, x0 * SQRT_M1 % P, den1 * INVSQRT_A_MINUS_D % P
    else:
        x, y, den = x0, y0, den2
    if x * z_inverse % P & 1:
        y = -y
    return int(magnitude(den * (z0 - y))).to_bytes(SIZE, "little")


def is_identity(point: Point) -> bool:
    """Whether the element is the identity: one of four points of the curve stands for it (section 4.5)."""
    return point[0] % P == 0 or point[1] % P == 0


def equal(one: Point, other: Point) -> bool:
    """Whether two points stand for one element (section 4.3.3)."""
    x1, y1, x2, y2 = one[0], one[1], other[0], other[1]
    return (x1 * y2 - y1 * x2) % P == 0 or (y1 * y2 - x1 * x2) % P == 0


def from_uniform(data: bytes, *, hints: tuple[int | None, int | None] = (None, None)) -> Point:
    """The one-way map of 64 uniform bytes (section 4.3.4): nobody knows a discrete logarithm of the result.

    ``hints`` may say the square roots of the two halves; see ``field.sqrt_ratio``.
    """
    if len(data) != 2 * SIZE:
        raise ValueError(f"the one-way map takes {2 * SIZE} bytes, not {len(data)}")
    return add(_map(data[:SIZE], hints[0]), cached(_map(data[SIZE:], hints[1])))


def map_ratio(half: bytes) -> tuple[int, int, int, int]:
    """The start of the map of one half: ``t``, ``r``, and the ratio ``u/v`` whose root it takes."""
    t = number(int.from_bytes(half, "little") & _LOW_255) % P
    r = SQRT_M1 * t % P * t % P
    return t, r, (r + 1) * ONE_MINUS_D_SQ % P, (-1 - r * D) * (r + D) % P


def _map(half: bytes, hint: int | None) -> Point:
    t, r, u, v = map_ratio(half)
    was_square, s = sqrt_ratio(u, v, hint=hint)
    c = P - 1
    if not was_square:
        s, c = P - magnitude(s * t), r
    n = (c * (r - 1) % P * D_MINUS_ONE_SQ - v) % P
    ss = s * s % P
    w0, w1 = 2 * s * v % P, n * SQRT_AD_MINUS_ONE % P
    w2, w3 = (1 - ss) % P, (1 + ss) % P
    return w0 * w3 % P, w2 * w1 % P, w1 * w3 % P, w0 * w2 % P
