"""Threshold statements and their one aggregated proof, bound to everything around them (evidence format 4.10).

Theorem: if ``check`` returns ``None``, the signer knew, for each row, an opening of its commitment that meets its
threshold, and made the proof for exactly these subjects, this tree, these rows and this number of bits.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from maestro_hooks.errors import ExitCode, MaestroError
from maestro_zk import bases, rangeproof
from maestro_zk.edwards import add, cached, negate
from maestro_zk.field import L
from maestro_zk.msm import total
from maestro_zk.prover import Opening, prove
from maestro_zk.ristretto import IDENTITY_BYTES, decode, encode
from maestro_zk.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Operator: TypeAlias = Literal[">=", "<="]

LABEL = b"maestro-ce/zk-threshold/v1"
MAX_ROWS = 16
STATEMENT_BITS = (32, 64)
THRESHOLD_OFFSET = 2**63
ROUNDINGS = {">=": ("floor", "exact"), "<=": ("ceil", "exact")}


class NotProvableError(MaestroError):
    """A statement that is not true, or too far from its threshold for the number of bits."""

    exit_code = ExitCode.UNMET


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One statement: the value behind ``commit``, at ``scale``, rounded by ``round``, is ``op`` ``threshold``."""

    id: str
    metric: str
    scale: int
    round: str
    op: Operator
    threshold: int
    commit: bytes


@dataclass(frozen=True, slots=True)
class Context:
    """What a proof belongs to: SHA-256 of the canonical subject array, tree root (32 bytes), tree size."""

    subjects: bytes
    root: bytes
    size: int


def prove_rows(
    context: Context,
    rows: Sequence[Row],
    *,
    openings: Sequence[Opening],
    bits: int,
    entropy: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """One proof for all rows; ``openings[i]`` opens the commitment of ``rows[i]``.

    Raises:
        NotProvableError: a value does not meet its threshold, or is ``2**bits`` or more away from it.
        ValueError: for rows no proof can hold.
    """
    check_rows(rows, bits)
    witness = [_witness(row, opening, bits) for row, opening in zip(rows, openings, strict=True)]
    commitments = _range_commitments(rows)
    if isinstance(commitments, str):
        raise NotProvableError(commitments)
    padding = [Opening(0, 0)] * (len(commitments) - len(rows))
    transcript = transcript_of(context, rows, bits)
    return prove(transcript, [*witness, *padding], commitments=commitments, bits=bits, entropy=entropy)


def check(context: Context, rows: Sequence[Row], *, bits: int, proof: bytes) -> str | None:
    """Why ``proof`` does not show ``rows``, or ``None`` if it does.

    Raises:
        ValueError: for rows no proof can hold.
    """
    check_rows(rows, bits)
    commitments = _range_commitments(rows)
    if isinstance(commitments, str):
        return commitments
    if len(proof) != rangeproof.proof_size(bits, len(commitments)):
        return f"the proof has {len(proof)} bytes, not {rangeproof.proof_size(bits, len(commitments))}"
    good = rangeproof.verify(transcript_of(context, rows, bits), proof, commitments=commitments, bits=bits)
    return None if good else "the proof does not show these statements for this manifest"


def check_rows(rows: Sequence[Row], bits: int) -> None:
    """Raise ``ValueError`` for rows that no proof can hold: number, bits, threshold, rounding, repetition."""
    if not 1 <= len(rows) <= MAX_ROWS or bits not in STATEMENT_BITS:
        raise ValueError(f"a proof holds 1 to {MAX_ROWS} statements of 32 or 64 bits, not {len(rows)} of {bits}")
    keys = [(row.id, row.metric, row.op) for row in rows]
    if keys != sorted(set(keys)):
        raise ValueError("statements are not sorted and unique")
    for row in rows:
        if row.round not in ROUNDINGS[row.op]:
            raise ValueError(f"{row.id}: a number rounded by {row.round} does not support {row.op}")
        if not -THRESHOLD_OFFSET <= row.threshold < THRESHOLD_OFFSET:
            raise ValueError(f"{row.id}: the threshold {row.threshold} is outside 64 bits")


def transcript_of(context: Context, rows: Sequence[Row], bits: int) -> Transcript:
    """Everything the proof is bound to, absorbed before the proof's own messages (strong Fiat-Shamir)."""
    transcript = Transcript(LABEL)
    transcript.append(b"subjects", context.subjects)
    transcript.append(b"root", context.root)
    transcript.append_u64(b"size", context.size)
    transcript.append_u64(b"count", len(rows))
    transcript.append_u64(b"bits", bits)
    for row in rows:
        transcript.append(b"id", row.id.encode())
        transcript.append(b"metric", row.metric.encode())
        transcript.append_u64(b"scale", row.scale)
        transcript.append(b"round", row.round.encode())
        transcript.append(b"op", row.op.encode())
        transcript.append_u64(b"threshold", row.threshold + THRESHOLD_OFFSET)
        transcript.append(b"C", row.commit)
    return transcript


def _witness(row: Row, opening: Opening, bits: int) -> Opening:
    """The opening of the distance to the threshold."""
    if row.op == ">=":
        made = Opening(opening.value - row.threshold, opening.blinding)
    else:
        made = Opening(row.threshold - opening.value, -opening.blinding % L)
    if made.value < 0:
        raise NotProvableError("the value does not meet the bound, so nothing can prove it", where=row.id)
    if made.value >= 2**bits:
        raise NotProvableError(
            f"the value is 2**{bits} or more away from the bound", where=row.id, fix="use 64 bits or a coarser scale"
        )
    return made


def _range_commitments(rows: Sequence[Row]) -> list[bytes] | str:
    """The commitment to each distance, padded by identities to a power of two; or which commitment is none."""
    made = []
    for row in rows:
        point = None if row.commit == IDENTITY_BYTES else decode(row.commit)
        if point is None:
            return f"{row.id}: the commitment is no proper group element"
        bound = total([row.threshold], [bases.base()])
        distance = (point, negate(bound)) if row.op == ">=" else (bound, negate(point))
        encoded = encode(add(distance[0], cached(distance[1])))
        if encoded == IDENTITY_BYTES:
            return f"{row.id}: the commitment hides nothing, it is the threshold itself"
        made.append(encoded)
    parties = 1 << (len(made) - 1).bit_length()
    return made + [IDENTITY_BYTES] * (parties - len(made))
