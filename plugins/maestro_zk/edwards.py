"""Points of edwards25519 in extended coordinates, complete addition, doubling (RFC 8032 section 5.1.4).

Invariant: a point is ``(X, Y, Z, T)`` with ``x = X/Z``, ``y = Y/Z``, ``T = XY/Z``, each reduced mod p. A ``Cached``
point is the same one prepared for being added: ``(Y-X, Y+X, 2Z, 2dT)``. Variable time: for public values, or on a
build host.
"""

from __future__ import annotations

from typing import TypeAlias

from maestro_zk.field import D, P, number

Point: TypeAlias = tuple[int, int, int, int]
Cached: TypeAlias = tuple[int, int, int, int]

_D2 = 2 * D % P
_LOW = number(2**255 - 1)

IDENTITY: Point = (number(0), number(1), number(1), number(0))


def cached(point: Point) -> Cached:
    """Prepare a point for being added many times."""
    x, y, z, t = point
    return (y - x) % P, (y + x) % P, 2 * z % P, _D2 * t % P


def add(point: Point, other: Cached) -> Point:
    """The sum (formulas add-2008-hwcd-3 of the Explicit-Formulas Database)."""
    x, y, z, t = point
    minus, plus, z2, t2d = other
    a = (y - x) * minus
    b = (y + x) * plus
    c = t * t2d
    d = z * z2
    e, f, g, h = b - a, d - c, d + c, b + a
    # 2**255 = 19 mod p: folding the high bits down costs half of a division, and the products below absorb the rest.
    e = (e & _LOW) + 19 * (e >> 255)
    f = (f & _LOW) + 19 * (f >> 255)
    g = (g & _LOW) + 19 * (g >> 255)
    h = (h & _LOW) + 19 * (h >> 255)
    return e * f % P, g * h % P, f * g % P, e * h % P


def subtract(point: Point, other: Cached) -> Point:
    """The difference: negation swaps the first two members of a cached point and flips the last."""
    minus, plus, z2, t2d = other
    return add(point, (plus, minus, z2, -t2d))


def negate(point: Point) -> Point:
    """The inverse."""
    x, y, z, t = point
    return (-x) % P, y, z, (-t) % P


def double(point: Point, times: int = 1) -> Point:
    """``2**times`` times the point, ``times >= 1`` (formulas dbl-2008-hwcd); T is made once, at the end."""
    x, y, z, t = point
    for step in range(times, 0, -1):
        a = x * x % P
        b = y * y % P
        s = x + y
        h = a + b
        e = h - s * s % P
        g = a - b
        f = (2 * z * z + g) % P
        x, y, z = e * f % P, g * h % P, f * g % P
        if step == 1:
            t = e * h % P
    return x, y, z, t
