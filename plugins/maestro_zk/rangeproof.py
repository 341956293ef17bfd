"""Aggregated Bulletproofs: the wire format and the verifier (Bünz et al. 2018, as the dalek library writes them).

Theorem: if ``verify`` returns ``True``, whoever made the proof knew, for each commitment, a value in ``[0, 2**bits)``
and its blinding, but for a chance of about 2**-120 and as long as discrete logarithms in ristretto255 are hard.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_zk import bases, msm
from maestro_zk.field import L, inverse, number, wide_scalar
from maestro_zk.ristretto import IDENTITY_BYTES, SIZE, decode, is_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_zk.edwards import Point
    from maestro_zk.transcript import Transcript

BITS = (8, 16, 32, 64)
MAX_PARTIES = 16


@dataclass(frozen=True, slots=True)
class RangeProof:
    """A parsed proof: encoded points, scalars mod L, and the rounds of the inner product argument.

    ``points`` are A, S, T_1, T_2; ``scalars`` are t_x, t_x_blinding, e_blinding; ``rounds`` are (L, R); ``ends`` are
    a and b.
    """

    points: tuple[bytes, bytes, bytes, bytes]
    scalars: tuple[int, int, int]
    rounds: tuple[tuple[bytes, bytes], ...]
    ends: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Challenges:
    """What the transcript demanded: y, z, x, w, and one u for each round."""

    y: int
    z: int
    x: int
    w: int
    u: tuple[int, ...]


def check_shape(bits: int, parties: int) -> int:
    """The number of rounds. Raises ``ValueError`` for sizes no proof has."""
    if bits not in BITS or parties not in (1, 2, 4, 8, MAX_PARTIES):
        raise ValueError(f"a range proof has 8, 16, 32 or 64 bits and 1, 2, 4, 8 or 16 parties, not {bits} x {parties}")
    return (bits * parties).bit_length() - 1


def proof_size(bits: int, parties: int) -> int:
    """The bytes of a proof: ``32 * (9 + 2 * lg(bits * parties))``."""
    return SIZE * (9 + 2 * check_shape(bits, parties))


def parse(data: bytes, *, bits: int, parties: int) -> RangeProof | None:
    """Split a proof, or ``None`` for a wrong length or a scalar that is not reduced."""
    rounds = check_shape(bits, parties)
    if len(data) != proof_size(bits, parties):
        return None
    pieces = [data[i : i + SIZE] for i in range(0, len(data), SIZE)]
    numbers = [number(int.from_bytes(piece, "little")) for piece in (*pieces[4:7], *pieces[-2:])]
    if any(n >= L for n in numbers):
        return None
    middle = pieces[7 : 7 + 2 * rounds]
    return RangeProof(
        (pieces[0], pieces[1], pieces[2], pieces[3]),
        (numbers[0], numbers[1], numbers[2]),
        tuple(zip(middle[::2], middle[1::2], strict=True)),
        (numbers[3], numbers[4]),
    )


def start(transcript: Transcript, commitments: Sequence[bytes], *, bits: int) -> None:
    """Say what is to be proved: the protocol, the sizes, each commitment."""
    transcript.append(b"dom-sep", b"rangeproof v1")
    transcript.append_u64(b"n", bits)
    transcript.append_u64(b"m", len(commitments))
    for commitment in commitments:
        transcript.append(b"V", commitment)


def start_inner_product(transcript: Transcript, size: int) -> None:
    """Begin the inner product argument."""
    transcript.append(b"dom-sep", b"ipp v1")
    transcript.append_u64(b"n", size)


def verify(
    transcript: Transcript,
    proof: bytes,
    *,
    commitments: Sequence[bytes],
    bits: int,
    entropy: Callable[[int], bytes] = os.urandom,
) -> bool:
    """Whether ``proof`` shows that each of ``commitments`` (32 bytes each) holds a value in ``[0, 2**bits)``.

    ``entropy`` feeds the random factor that joins the two equations into one.

    Raises:
        ValueError: for sizes no proof has.
    """
    parsed = parse(proof, bits=bits, parties=len(commitments))
    if parsed is None:
        return False
    values = [decode(item) for item in commitments]
    heads = [_proper(item) for item in parsed.points]
    sides = [_proper(item) for pair in parsed.rounds for item in pair]
    points = [p for p in (*heads, *sides, *values) if p is not None]
    if len(points) != len(heads) + len(sides) + len(values):
        return False
    challenges = _replay(transcript, parsed, commitments, bits)
    if not all((challenges.y, challenges.z, challenges.x, challenges.w, *challenges.u)):
        return False
    factor = 1 + wide_scalar(entropy(64)) % (L - 1)
    scalars = _outer_scalars(challenges, factor, len(commitments))
    base, blinding, g, h = _base_scalars(parsed, challenges, factor, bits, len(commitments))
    vectors = bases.vectors(bits, len(commitments))
    return is_identity(
        msm.total(
            [*scalars, base, blinding, *g, *h],
            [*points, bases.base(), bases.blinding_base(), *vectors[0], *vectors[1]],
        )
    )


def _proper(data: bytes) -> Point | None:
    """A decoded element other than the identity."""
    return None if data == IDENTITY_BYTES else decode(data)


def _replay(transcript: Transcript, proof: RangeProof, commitments: Sequence[bytes], bits: int) -> Challenges:
    start(transcript, commitments, bits=bits)
    transcript.append(b"A", proof.points[0])
    transcript.append(b"S", proof.points[1])
    y, z = transcript.challenge_scalar(b"y"), transcript.challenge_scalar(b"z")
    transcript.append(b"T_1", proof.points[2])
    transcript.append(b"T_2", proof.points[3])
    x = transcript.challenge_scalar(b"x")
    w = say_evaluation(transcript, proof.scalars)
    start_inner_product(transcript, bits * len(commitments))
    u = []
    for left, right in proof.rounds:
        transcript.append(b"L", left)
        transcript.append(b"R", right)
        u.append(transcript.challenge_scalar(b"u"))
    return Challenges(y, z, x, w, tuple(u))


def say_evaluation(transcript: Transcript, scalars: tuple[int, int, int]) -> int:
    """Absorb t_x, t_x_blinding and e_blinding; return w."""
    for label, scalar in zip((b"t_x", b"t_x_blinding", b"e_blinding"), scalars, strict=True):
        transcript.append(label, int(scalar).to_bytes(SIZE, "little"))
    return transcript.challenge_scalar(b"w")


def _outer_scalars(ch: Challenges, factor: int, parties: int) -> list[int]:
    """The scalars of A, S, T_1, T_2, each L and R, each V."""
    scalars = [number(1), ch.x, factor * ch.x % L, factor * ch.x % L * ch.x % L]
    for u in ch.u:
        square = u * u % L
        scalars += [square, inverse(square)]
    power = factor * ch.z % L
    for _ in range(parties):
        power = power * ch.z % L
        scalars.append(power)
    return scalars


def _base_scalars(
    proof: RangeProof, ch: Challenges, factor: int, bits: int, parties: int
) -> tuple[int, int, list[int], list[int]]:
    """The scalars of B, B~, each G and each H."""
    t_x, t_x_blinding, e_blinding = proof.scalars
    a, b = proof.ends
    size, y, z = bits * parties, ch.y, ch.z
    s = folded(ch.u)
    y_inverse = inverse(y)
    y_sum, y_power, g, h = number(0), number(1), [], []
    minus_power, z_power = number(1), z
    for i in range(size):
        if i % bits == 0:
            z_power = z_power * z % L
        y_sum += y_power
        y_power = y_power * y % L
        g.append(-z - a * s[i])
        h.append(z + minus_power * ((z_power << i % bits) - b * s[size - 1 - i]))
        minus_power = minus_power * y_inverse % L
    z_sum = sum(pow(z, j, L) for j in range(parties))
    delta = (z - z * z) * y_sum - z * z % L * z % L * (2**bits - 1) * z_sum
    base = ch.w * (t_x - a * b) + factor * (delta - t_x)
    return base, -e_blinding - factor * t_x_blinding, g, h


def folded(u: Sequence[int]) -> list[int]:
    """The coefficient of each base after every round: a product of challenges and inverses by the bits of its index."""
    first = number(1)
    for challenge in u:
        first = first * challenge % L
    s = [inverse(first)]
    squares = [challenge * challenge % L for challenge in reversed(u)]
    for square in squares:
        s += [item * square % L for item in s]
    return s
