"""What the tests of the proofs share: repeatable randomness, openings, rows, a context."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_zk.pedersen import commit
from maestro_zk.prover import Opening, prove
from maestro_zk.rangeproof import verify
from maestro_zk.statement import Context, Row, prove_rows
from maestro_zk.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

CONTEXT = Context(hashlib.sha256(b"subjects").digest(), hashlib.sha256(b"root").digest(), 12)
COVERAGE = Opening(9312, 1234567890123456789)
LATENCY = Opening(480_000, 987654321987654321)


def entropy(count: int) -> bytes:
    """The same bytes each time."""
    return hashlib.shake_128(b"tests").digest(count)


def rows() -> list[Row]:
    """One lower and one upper bound, sorted."""
    return [
        Row(
            id="bench/p95_us",
            metric="p95_us",
            scale=1,
            round="ceil",
            op="<=",
            threshold=500_000,
            commit=commit(LATENCY.value, LATENCY.blinding),
        ),
        Row(
            id="reports/coverage",
            metric="coverage",
            scale=10_000,
            round="floor",
            op=">=",
            threshold=8_000,
            commit=commit(COVERAGE.value, COVERAGE.blinding),
        ),
    ]


OPENINGS = (LATENCY, COVERAGE)


def honest(bits: int = 32) -> bytes:
    """The proof of ``rows()``."""
    return prove_rows(CONTEXT, rows(), openings=OPENINGS, bits=bits, entropy=entropy)


def changed(index: int, **changes: object) -> list[Row]:
    """``rows()`` with one of them changed."""
    made = rows()
    made[index] = replace(made[index], **changes)  # type: ignore[arg-type]  # the caller names real fields
    return made


def openings(values: Sequence[int]) -> list[Opening]:
    return [Opening(value, 10**30 + 7 * i) for i, value in enumerate(values)]


def range_proof(values: Sequence[int], bits: int, label: bytes = b"test") -> tuple[bytes, list[bytes]]:
    """A low-level proof and its commitments."""
    secret = openings(values)
    commitments = [commit(o.value, o.blinding) for o in secret]
    return prove(Transcript(label), secret, commitments=commitments, bits=bits, entropy=entropy), commitments


def accepts(proof: bytes, commitments: Sequence[bytes], bits: int, label: bytes = b"test") -> bool:
    return verify(Transcript(label), proof, commitments=commitments, bits=bits)


def forget(monkeypatch: pytest.MonkeyPatch, label: bytes) -> None:
    """Let prover and verifier both leave one message out of the transcript."""
    whole = Transcript.append

    def partial(self: Transcript, name: bytes, message: bytes) -> None:
        if name != label:
            whole(self, name, message)

    monkeypatch.setattr(Transcript, "append", partial)
