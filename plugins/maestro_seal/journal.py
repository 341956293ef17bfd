"""The journal of signed heads: every head this log ever signed, one canonical JSON line each, oldest first.

Invariant: sizes grow strictly. A last line without its newline was never published: it is cut off, not an error.
"""

from __future__ import annotations

from itertools import pairwise

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, merkle, shape
from maestro_hooks.evidence.checkpoint import Head, parse_checkpoint

JOURNAL = "signed-heads"


def journalled(head: Head, note: bytes) -> bytes:
    """The line of a head: size, root, and the note as it was signed."""
    body = {"size": str(head.size), "root": canonical.base64_encode(head.root), "note": note.decode()}
    return canonical.encode(body) + b"\n"


def read_journal(data: bytes) -> tuple[list[tuple[Head, bytes]], int]:
    """The heads with their notes, and how many bytes of ``data`` are whole lines. Raises ``EvidenceError``."""
    length = data.rfind(b"\n") + 1
    heads = [_parse(line, number) for number, line in enumerate(data[:length].splitlines(), 1)]
    for (before, _), (after, _) in pairwise(heads):
        if after.size <= before.size:
            raise EvidenceError(f"size {after.size} was signed after size {before.size}", where=JOURNAL)
    return heads, length


def _parse(line: bytes, number: int) -> tuple[Head, bytes]:
    where = f"{JOURNAL} line {number}"
    document = canonical.decode(line, canonical=True, where=where)
    body = shape.members(document, required=("size", "root", "note"), where=where)
    root = canonical.base64_decode(body["root"], where=where, size=merkle.HASH_SIZE)
    head = Head(shape.natural(body["size"], where=where), root)
    note = shape.text(body["note"], where=where).encode()
    if parse_checkpoint(note, where=where).head != head:
        raise EvidenceError("the note is about another head", where=where)
    return head, note
