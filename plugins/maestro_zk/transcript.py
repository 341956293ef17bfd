"""Merlin transcripts: what was said so far decides every challenge (Merlin v1.0 over STROBE-128).

Invariant: a challenge depends on every label, length and byte appended before it; prover randomness depends on these,
on the secrets and on the operating system, so none of the three alone can make it repeat.
"""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

from maestro_zk.field import wide_scalar
from maestro_zk.strobe import Strobe128

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

SEED_SIZE = 64


class Transcript:
    """A public-coin protocol's messages, absorbed in order."""

    __slots__ = ("_strobe",)

    def __init__(self, label: bytes) -> None:
        self._strobe = Strobe128(b"Merlin v1.0")
        self.append(b"dom-sep", label)

    def append(self, label: bytes, message: bytes) -> None:
        """Absorb a labelled message."""
        self._strobe.meta_ad(label)
        self._strobe.meta_ad(struct.pack("<I", len(message)), more=True)
        self._strobe.ad(message)

    def append_u64(self, label: bytes, value: int) -> None:
        """Absorb a number below 2**64, eight bytes little-endian."""
        self.append(label, struct.pack("<Q", value))

    def challenge(self, label: bytes, count: int) -> bytes:
        """``count`` bytes that nobody could choose."""
        self._strobe.meta_ad(label)
        self._strobe.meta_ad(struct.pack("<I", count), more=True)
        return self._strobe.prf(count)

    def challenge_scalar(self, label: bytes) -> int:
        """A challenge mod the group order, from 64 bytes."""
        return wide_scalar(self.challenge(label, 64))

    def secret_scalars(self, witness: Iterable[bytes], *, entropy: Callable[[int], bytes]) -> Iterator[int]:
        """An endless stream of secret scalars, hedged: transcript, witness and ``entropy`` (Merlin's TranscriptRng).

        Only its 64-byte seed is squeezed from the transcript's branch; SHAKE256 stretches that.
        """
        branch = self._strobe.clone()
        for secret in witness:
            branch.meta_ad(b"witness")
            branch.meta_ad(struct.pack("<I", len(secret)), more=True)
            branch.key(secret)
        branch.meta_ad(b"rng")
        branch.key(entropy(32))
        branch.meta_ad(struct.pack("<I", SEED_SIZE))
        seed = branch.prf(SEED_SIZE)
        block = 0
        while True:
            stream = hashlib.shake_256(seed + struct.pack("<Q", block)).digest(64 * 64)
            for start in range(0, len(stream), 64):
                yield wide_scalar(stream[start : start + 64])
            block += 1
