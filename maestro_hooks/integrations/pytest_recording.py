"""Put a finished test session on disk: evidence files, one ledger segment, the JSON document.

Invariant: records are written only after the evidence they name; what cannot be written raises, so that a run whose
claims are lost does not look like one that made none.
"""

from __future__ import annotations

import json
import os
import tempfile
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence import inputs as inputs_documents
from maestro_hooks.evidence.record import EvidenceRef, Producer, error_record, record_of
from maestro_hooks.integrations import pytest_claims as claims
from maestro_hooks.project.state import state_directory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.record import Record
    from maestro_hooks.evidence.segment import SegmentWriter
    from maestro_hooks.integrations.pytest_claims import Session
    from maestro_hooks.pipeline.gates import Claim
    from maestro_hooks.project.blobs import Blobs


def check_writable(root: Path, run: str) -> None:
    """Make the run's ledger directory and write a probe there. Raises ``ToolError`` before any test has run."""
    directory = state_directory(root) / "ledger" / run
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=directory):
            pass
    except OSError as error:
        raise ToolError(
            f"cannot write to the ledger: {error.strerror}",
            where=str(directory),
            fix="make the directory writable, or run without --maestro",
        ) from error


def records_of(session: Session, *, inputs: Inputs, outcomes: str, skips: str) -> tuple[Record, ...]:
    """The ledger records of a session, given the digests of its evidence files."""
    producer = Producer("pytest", pytest.__version__, "pytest")
    digest = inputs_documents.digest(inputs_documents.encode(inputs))
    evidence = {"outcomes": EvidenceRef("outcomes", outcomes), "skips": EvidenceRef("skips", skips)}
    records = [
        record_of(
            claim,
            producer=producer,
            inputs=digest,
            evidence=(evidence["skips" if claim.key == claims.DESELECTED else "outcomes"],),
        )
        for claim in claims.obligations(session)
    ]
    if session.selection is None:
        words = "no worker process lived to report which tests it deselected"
        records.append(error_record(claims.DESELECTED, producer=producer, inputs=digest, error=words))
    return tuple(records)


def record(
    session: Session, *, inputs: Inputs, blobs: Blobs, writer: SegmentWriter, contributed: Sequence[Claim] = ()
) -> tuple[Record, ...]:
    """Store evidence and records, pytest's own and those plugins contributed; returns the records.

    Raises:
        ToolError: the ledger cannot be written.
        OSError: an evidence file cannot be written.
    """
    outcomes = blobs.put(claims.outcomes_blob(session))
    skips = blobs.put(claims.skips_blob(session))
    durations = blobs.put(claims.durations_blob(session))
    records = records_of(session, inputs=inputs, outcomes=outcomes, skips=skips)
    with writer:
        writer.inputs(inputs)
        for made in records:
            writer.append(made, {"durations": durations})
        for claim in contributed:
            writer.inputs(claim.inputs)
            writer.append(claim.record)
    return (*records, *(claim.record for claim in contributed))


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write one JSON document so that a reader sees the old file or the whole new one. Raises ``OSError``."""
    # In the same directory, so that the rename stays on one file system.
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(json.dumps(content, ensure_ascii=True, sort_keys=True) + "\n", encoding="ascii")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
