"""The prime field of edwards25519 and the scalars of ristretto255, over Python integers or gmpy2's.

Invariant: gmpy2 only changes how fast the same integers are multiplied; where it is absent, plain integers do the work,
and ``ENGINE`` says which it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def _engine() -> tuple[str, Callable[[int], int], Callable[[int, int, int], int]]:
    try:
        import gmpy2  # noqa: PLC0415 - optional accelerator
    except ImportError:
        return "python", int, pow
    return f"gmpy2 {gmpy2.version()}", gmpy2.mpz, gmpy2.powmod


ENGINE, number, power = _engine()

P = number(2**255 - 19)
L = number(2**252 + 27742317777372353535851937790883648493)
"""The order of the group."""

# RFC 9496 section 4.1.
D = number(37095705934669439343138083508754565189542113879843219016388785533085940283555)
SQRT_M1 = number(19681161376707505956807079304988542015446066515923890162744021073123829784752)
SQRT_AD_MINUS_ONE = number(25063068953384623474111414158702152701244531502492656460079210482610430750235)
INVSQRT_A_MINUS_D = number(54469307008909316920995813868745141605393597292927456921205312896311721017578)
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) * (D - 1) % P


def magnitude(x: int) -> int:
    """The non-negative one of ``x`` and ``-x`` mod p: the one whose least significant bit is 0 (RFC 9496 section 2)."""
    x %= P
    return P - x if x & 1 else x


def sqrt_ratio(u: int, v: int, *, hint: int | None = None) -> tuple[bool, int]:
    """``(True, sqrt(u/v))``, or ``(False, sqrt(SQRT_M1*u/v))`` if u/v is no square (RFC 9496 section 4.2).

    ``hint`` is what somebody says the root is. It is believed only if it is one: squaring tells, ten times as fast as
    searching; otherwise the search takes place.
    """
    if hint is not None and not hint & 1 and hint < P:
        check = v * hint % P * hint % P
        if check in (u % P, u * SQRT_M1 % P):
            return check == u % P, hint
    v3 = v * v % P * v % P
    v7 = v3 * v3 % P * v % P
    root = u * v3 % P * power(u * v7 % P, (P - 5) // 8, P) % P
    check = v * root % P * root % P
    u %= P
    minus = (P - u) % P
    correct, flipped, flipped_i = check == u, check == minus, check == minus * SQRT_M1 % P
    if flipped or flipped_i:
        root = root * SQRT_M1 % P
    return correct or flipped, magnitude(root)


def inverse(x: int) -> int:
    """The inverse of a non-zero scalar mod the group order."""
    return power(x, L - 2, L)


def scalar_bytes(x: int) -> bytes:
    """A scalar as 32 bytes, little-endian, reduced."""
    return int(x % L).to_bytes(32, "little")


def wide_scalar(data: bytes) -> int:
    """64 uniform bytes, little-endian, reduced mod the group order."""
    return number(int.from_bytes(data, "little")) % L
