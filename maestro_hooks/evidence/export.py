"""The merged ledger as one file: the same records give the same bytes.

    {"schema":"maestro.ledger/1","run":...,"tree":...,"inputs":<count>,"records":<count>}
    {"i":{an Inputs document}}          sorted by digest
    {"b":{a Record}}                    sorted by key

Bodies are the bytes the ledger's digests were made from, except that a private record's number stays out; they are not
RFC 8785, and nothing signs this file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence import inputs as inputs_documents

if TYPE_CHECKING:
    from maestro_hooks.evidence.ledger import Merged
    from maestro_hooks.evidence.record import Record

SCHEMA = "maestro.ledger/1"


def export(merged: Merged, *, run: str, tree: str) -> bytes:
    """The JSON lines of ``merged``, each with its newline."""
    first = {"schema": SCHEMA, "run": run, "tree": tree, "inputs": len(merged.inputs), "records": len(merged.records)}
    lines = [msgspec.json.encode(first)]
    lines += [b'{"i":%b}' % inputs_documents.encode(merged.inputs[digest]) for digest in sorted(merged.inputs)]
    lines += [b'{"b":%b}' % msgspec.json.encode(_told(record)) for record in merged.records]
    return b"".join(line + b"\n" for line in lines)


def _told(record: Record) -> Record:
    return msgspec.structs.replace(record, quantity=None, text=None, evidence=()) if record.private else record
