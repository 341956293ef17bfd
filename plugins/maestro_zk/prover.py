"""The prover of aggregated range proofs, in the wire format of ``rangeproof``.

Invariant: what comes out verifies, for values inside the range; others are refused before anything is computed.
Variable time: it runs where the values are known anyway, on the build host.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_zk import bases, msm
from maestro_zk.edwards import add, cached, subtract
from maestro_zk.field import L, inverse, number, scalar_bytes
from maestro_zk.inner_product import Generators, argue
from maestro_zk.rangeproof import check_shape, say_evaluation, start, start_inner_product
from maestro_zk.ristretto import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_zk.edwards import Point
    from maestro_zk.transcript import Transcript

WINDOW = 6


@dataclass(frozen=True, slots=True)
class Opening:
    """A committed value and its blinding: the secret side of ``value * B + blinding * B~``."""

    value: int
    blinding: int


@dataclass(slots=True)
class _Polynomials:
    """``l(x) = l0 + l1 x`` and ``r(x) = r0 + r1 x``, whose product holds the values at its constant term."""

    l0: list[int]
    l1: list[int]
    r0: list[int]
    r1: list[int]

    def middle(self) -> tuple[int, int]:
        """The coefficients of x and x**2 in the inner product."""
        cross = _dot(self.l0, self.r1) + _dot(self.l1, self.r0)
        return cross % L, _dot(self.l1, self.r1)


def prove(
    transcript: Transcript,
    openings: Sequence[Opening],
    *,
    commitments: Sequence[bytes],
    bits: int,
    entropy: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """A proof that each of ``commitments`` holds a value in ``[0, 2**bits)``.

    Args:
        transcript: with everything the proof is to be bound to already absorbed.
        openings: the values and blindings behind the commitments, in order.
        commitments: 32 bytes each.
        bits: 8, 16, 32 or 64.
        entropy: n random bytes on ``entropy(n)``; hedged with the witness.

    Raises:
        ValueError: for a value outside the range, or sizes no proof has.
    """
    check_shape(bits, len(openings))
    if any(not 0 <= opening.value < 2**bits for opening in openings):
        raise ValueError(f"a value lies outside [0, 2**{bits})")
    start(transcript, commitments, bits=bits)
    witness = [scalar_bytes(secret) for o in openings for secret in (o.value, o.blinding)]
    secret = transcript.secret_scalars(witness, entropy=entropy)
    generators = Generators.of(bits, len(openings), window=WINDOW)
    size = bits * len(openings)
    digits = [o.value >> i & 1 for o in openings for i in range(bits)]
    alpha, rho = next(secret), next(secret)
    masks = [next(secret) for _ in range(size)], [next(secret) for _ in range(size)]
    a = _bit_commitment(digits, alpha, bases.vectors(bits, len(openings)))
    s = encode(generators.sum(masks[0], masks[1], blinding=rho))
    transcript.append(b"A", a)
    transcript.append(b"S", s)
    y, z = transcript.challenge_scalar(b"y"), transcript.challenge_scalar(b"z")
    polynomials = _polynomials(digits, masks, y=y, z=z, bits=bits)
    t1, t2 = polynomials.middle()
    tau1, tau2 = next(secret), next(secret)
    points = [encode(pedersen_point(t, tau)) for t, tau in ((t1, tau1), (t2, tau2))]
    transcript.append(b"T_1", points[0])
    transcript.append(b"T_2", points[1])
    x = transcript.challenge_scalar(b"x")
    left = [(p + q * x) % L for p, q in zip(polynomials.l0, polynomials.l1, strict=True)]
    right = [(p + q * x) % L for p, q in zip(polynomials.r0, polynomials.r1, strict=True)]
    opened = sum(pow(z, j + 2, L) * o.blinding for j, o in enumerate(openings))
    scalars = (_dot(left, right), (opened + x * tau1 + x * x * tau2) % L, (alpha + x * rho) % L)
    w = say_evaluation(transcript, scalars)
    start_inner_product(transcript, size)
    tail = argue(transcript, left, right, generators=generators, y_inverse=inverse(y), w=w)
    return b"".join([a, s, *points, *map(scalar_bytes, scalars), tail])


def pedersen_point(value: int, blinding: int) -> Point:
    """``value * B + blinding * B~``, in variable time."""
    return msm.total([value, blinding], [bases.base(), bases.blinding_base()])


def _bit_commitment(digits: list[int], alpha: int, vectors: tuple[Sequence[Point], Sequence[Point]]) -> bytes:
    """A: each bit adds a G or takes an H away, so no multiplication is needed but the blinding's."""
    point = msm.total([alpha], [bases.blinding_base()])
    for digit, plus, minus in zip(digits, *vectors, strict=True):
        point = add(point, cached(plus)) if digit else subtract(point, cached(minus))
    return encode(point)


def _polynomials(digits: list[int], masks: tuple[list[int], list[int]], *, y: int, z: int, bits: int) -> _Polynomials:
    made = _Polynomials([], masks[0], [], [])
    y_power, z_power = number(1), z
    for i, digit in enumerate(digits):
        if i % bits == 0:
            z_power = z_power * z % L
        made.l0.append(digit - z)
        made.r0.append((y_power * (digit - 1 + z) + (z_power << i % bits)) % L)
        made.r1.append(y_power * masks[1][i] % L)
        y_power = y_power * y % L
    return made


def _dot(left: Sequence[int], right: Sequence[int]) -> int:
    return sum(a * b for a, b in zip(left, right, strict=True)) % L
