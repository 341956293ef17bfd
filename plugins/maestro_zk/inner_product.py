"""The inner product argument of Bulletproofs, the proving side (Bünz et al. 2018, section 3; dalek's ``ipp v1``).

Invariant: the folded bases are never needed as such for three rounds at a time: each L and R is a sum over bases whose
tables exist, with coefficients that remember the challenges. Only then are eight bases folded into one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_zk import bases, msm
from maestro_zk.field import L, inverse, number, scalar_bytes
from maestro_zk.ristretto import encode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_zk.edwards import Point
    from maestro_zk.transcript import Transcript

ROUNDS = 3
SMALL = 16


@dataclass(slots=True)
class Generators:
    """Bases with their tables: ``g`` and ``h`` of one length, ``base`` for B, ``blinding`` for B~."""

    g: list[msm.Table]
    h: list[msm.Table]
    base: msm.Table
    blinding: msm.Table
    window: int

    @classmethod
    def of(cls, bits: int, parties: int, *, window: int) -> Generators:
        """The public bases."""
        g, h = ([msm.table(p, window=window) for p in points] for points in bases.vectors(bits, parties))
        base, blinding = (msm.table(p, window=window) for p in (bases.base(), bases.blinding_base()))
        return cls(g, h, base, blinding, window)

    def sum(self, g: Sequence[int], h: Sequence[int], *, value: int = 0, blinding: int = 0) -> Point:
        """``<g, G> + <h, H> + value * B + blinding * B~``; zeros cost nothing."""
        tables = [*self.g, *self.h, self.base, self.blinding]
        return msm.interleaved([*g, *h, value, blinding], tables, window=self.window)

    def fold(self, g: Sequence[int], h: Sequence[int], size: int) -> Generators:
        """``size`` bases each, the sum of those whose index agrees mod ``size``, with coefficients ``g`` and ``h``."""
        folded = [
            [
                msm.table(msm.interleaved(factors[i::size], tables[i::size], window=self.window), window=self.window)
                for i in range(size)
            ]
            for factors, tables in ((g, self.g), (h, self.h))
        ]
        return Generators(folded[0], folded[1], self.base, self.blinding, self.window)


def argue(
    transcript: Transcript, a: list[int], b: list[int], *, generators: Generators, y_inverse: int, w: int
) -> bytes:
    """The (L, R) of each round and the two last scalars, as bytes.

    Args:
        transcript: gives the challenges.
        a: the left vector, for the bases G.
        b: the right vector, for the bases ``y**-i * H``.
        generators: of the length of the vectors.
        y_inverse: 1/y.
        w: the factor of B that carries the inner product.
    """
    out = []
    g, h = [number(1)] * len(a), [pow(y_inverse, i, L) for i in range(len(a))]
    since = 0
    while len(a) > 1:
        if since == ROUNDS and len(a) >= SMALL:
            generators = generators.fold(g, h, len(a))
            g, h, since = [number(1)] * len(a), [number(1)] * len(a), 0
        half = len(a) // 2
        for point in _sides(a, b, g, h, generators, w):
            out.append(point)
            transcript.append(b"R" if len(out) % 2 == 0 else b"L", point)
        u = transcript.challenge_scalar(b"u")
        v = inverse(u)
        _remember(g, h, half, u=u, v=v)
        a = [(low * u + high * v) % L for low, high in zip(a[:half], a[half:], strict=True)]
        b = [(low * v + high * u) % L for low, high in zip(b[:half], b[half:], strict=True)]
        since += 1
    return b"".join([*out, scalar_bytes(a[0]), scalar_bytes(b[0])])


def _sides(
    a: list[int], b: list[int], g: list[int], h: list[int], generators: Generators, w: int
) -> tuple[bytes, bytes]:
    """L pairs the low half of ``a`` with the high G and the high half of ``b`` with the low H; R pairs the others."""
    size, half = len(a), len(a) // 2
    left: tuple[list[int], list[int]] = ([], [])
    right: tuple[list[int], list[int]] = ([], [])
    for i, (g_factor, h_factor) in enumerate(zip(g, h, strict=True)):
        j = i % size
        if j >= half:
            left[0].append(a[j - half] * g_factor)
            left[1].append(0)
            right[0].append(0)
            right[1].append(b[j - half] * h_factor)
        else:
            left[0].append(0)
            left[1].append(b[j + half] * h_factor)
            right[0].append(a[j + half] * g_factor)
            right[1].append(0)
    cross = (
        sum(p * q for p, q in zip(a[:half], b[half:], strict=True)),
        sum(p * q for p, q in zip(a[half:], b[:half], strict=True)),
    )
    return (
        encode(generators.sum(left[0], left[1], value=cross[0] * w)),
        encode(generators.sum(right[0], right[1], value=cross[1] * w)),
    )


def _remember(g: list[int], h: list[int], half: int, *, u: int, v: int) -> None:
    """Multiply into each base's coefficient what this round's fold would do to it."""
    for i in range(len(g)):
        high = i & half
        g[i] = g[i] * (u if high else v) % L
        h[i] = h[i] * (v if high else u) % L
