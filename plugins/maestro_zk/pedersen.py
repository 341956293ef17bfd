"""Pedersen commitments ``q * B + r * B~``: perfectly hiding, and binding as long as discrete logarithms are hard.

Invariant: two ways to compute one give the same 32 bytes. libsodium's, through ``rbcl``, takes constant time and is
used where it is installed; the other is for everywhere else.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from maestro_zk import bases
from maestro_zk.field import L, scalar_bytes, wide_scalar
from maestro_zk.prover import pedersen_point
from maestro_zk.ristretto import encode

if TYPE_CHECKING:
    from collections.abc import Callable


def commit(value: int, blinding: int) -> bytes:
    """The 32 bytes of a commitment; ``value`` may be negative."""
    value, blinding = value % L, blinding % L
    if value and blinding and constant_time():  # libsodium refuses to multiply by zero
        return _commit_constant_time(value, blinding)
    return encode(pedersen_point(value, blinding))


def _commit_constant_time(value: int, blinding: int) -> bytes:
    import rbcl  # noqa: PLC0415 - optional accelerator

    shown = rbcl.crypto_scalarmult_ristretto255_base(scalar_bytes(value))
    hidden = rbcl.crypto_scalarmult_ristretto255(scalar_bytes(blinding), bases.BLINDING_BYTES)
    total: bytes = rbcl.crypto_core_ristretto255_add(shown, hidden)
    return total


def constant_time() -> bool:
    """Whether commitments are computed by libsodium."""
    try:
        import rbcl  # noqa: F401, PLC0415 - asked for, not used
    except ImportError:
        return False
    return True


def fresh_blinding(value: int, *, entropy: Callable[[int], bytes]) -> int:
    """A non-zero blinding, hedged: 64 bytes of ``entropy`` hashed with the value (SHA-512)."""
    seed = entropy(64)
    blinding = wide_scalar(hashlib.sha512(b"maestro-ce/zk-blinding/v1" + seed + scalar_bytes(value)).digest())
    return int(blinding) or 1
