"""Sums of many scalar multiples: tables of odd multiples for bases used often, signed-digit buckets for many at once.

Theorem: ``total(scalars, points)`` is the sum of ``s * P``, whichever way it is computed. Variable time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from maestro_zk.edwards import IDENTITY, Cached, Point, add, cached, double, negate, subtract
from maestro_zk.field import L

if TYPE_CHECKING:
    from collections.abc import Sequence

Table: TypeAlias = list[Cached]
"""The odd multiples ``1P, 3P, 5P, ...`` of one point."""

FEW = 12
SCALAR_BITS = 253
SMALL_WINDOW = 5


def total(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """The sum of ``scalars[i] * points[i]``: interleaved (Straus) for few points, buckets (Pippenger) for many."""
    if len(points) < FEW:
        return interleaved(scalars, [table(point, window=SMALL_WINDOW) for point in points], window=SMALL_WINDOW)
    return bucketed(scalars, points)


def table(point: Point, *, window: int) -> Table:
    """The ``2**(window-2)`` first odd multiples, to be used again and again."""
    twice = cached(double(point))
    entries = [cached(point)]
    for _ in range(2 ** (window - 2) - 1):
        point = add(point, twice)
        entries.append(cached(point))
    return entries


def interleaved(scalars: Sequence[int], tables: Sequence[Table], *, window: int) -> Point:
    """The sum over bases with tables: one run of doublings for all, an addition per non-zero digit."""
    plus: list[list[Cached]] = [[] for _ in range(SCALAR_BITS + 2)]
    minus: list[list[Cached]] = [[] for _ in range(SCALAR_BITS + 2)]
    for scalar, entries in zip(scalars, tables, strict=True):
        for position, digit in _sparse_digits(scalar % L, window):
            if digit > 0:
                plus[position].append(entries[digit >> 1])
            else:
                minus[position].append(entries[-digit >> 1])
    sum_, pending = IDENTITY, 0
    for added, subtracted in zip(reversed(plus), reversed(minus), strict=True):
        pending += 1
        if not added and not subtracted:
            continue
        if sum_ is not IDENTITY:
            sum_ = double(sum_, pending)
        pending = 0
        for item in added:
            sum_ = add(sum_, item)
        for item in subtracted:
            sum_ = subtract(sum_, item)
    return double(sum_, pending) if pending and sum_ is not IDENTITY else sum_


def _sparse_digits(scalar: int, window: int) -> list[tuple[int, int]]:
    """The (position, odd signed digit) pairs of the non-adjacent form of width ``window``."""
    scalar = int(scalar)
    full, half, position = 1 << window, 1 << (window - 1), 0
    digits = []
    while scalar:
        zeros = (scalar & -scalar).bit_length() - 1
        scalar >>= zeros
        position += zeros
        digit = scalar & (full - 1)
        if digit >= half:
            digit -= full
        digits.append((position, digit))
        scalar = (scalar - digit) >> window
        position += window
    return digits


def bucketed(scalars: Sequence[int], points: Sequence[Point]) -> Point:
    """The sum by Pippenger's buckets over signed digits."""
    window = _window(len(points))
    positive = [(point, cached(point)) for point in points]
    negative = [(negate(point), (c[1], c[0], c[2], -c[3])) for point, c in positive]
    columns = zip(*(_digits(scalar % L, window) for scalar in scalars), strict=True)
    sum_ = IDENTITY
    for column in columns:
        if sum_ is not IDENTITY:
            sum_ = double(sum_, window)
        buckets: list[Point | None] = [None] * ((1 << (window - 1)) + 1)
        for digit, plus, minus in zip(column, positive, negative, strict=True):
            if digit:
                item = plus if digit > 0 else minus
                held = buckets[abs(digit)]
                buckets[abs(digit)] = item[0] if held is None else add(held, item[1])
        part = _weighted(buckets)
        if part is not None:
            sum_ = part if sum_ is IDENTITY else add(sum_, cached(part))
    return sum_


def _weighted(buckets: Sequence[Point | None]) -> Point | None:
    """The sum of ``i * buckets[i]`` by running sums from the top."""
    running: Point | None = None
    result: Point | None = None
    for bucket in reversed(buckets[1:]):
        if bucket is not None:
            running = bucket if running is None else add(running, cached(bucket))
        if running is not None:
            result = running if result is None else add(result, cached(running))
    return result


def _digits(scalar: int, window: int) -> list[int]:
    """Signed digits in ``[-2**(window-1), 2**(window-1))``, the highest first.

    Adding half a digit everywhere makes them plain digits with an offset.
    """
    count = (SCALAR_BITS + window) // window
    half, mask = 1 << (window - 1), (1 << window) - 1
    shifted = int(scalar) + half * (((1 << window * count) - 1) // mask)
    return [(shifted >> window * i & mask) - half for i in range(count - 1, -1, -1)]


def _window(count: int) -> int:
    """The width with the fewest additions for ``count`` points."""
    return min(range(3, 11), key=lambda w: (count + (1 << w)) * -(-SCALAR_BITS // w))
