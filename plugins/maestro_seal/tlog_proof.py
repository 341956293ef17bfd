"""Check a proof that stands alone (C2SP tlog-proof): index, audit path and cosigned checkpoint in one text file.

Theorem: a proof that checks shows that its checkpoint's tree holds the entry; whose checkpoint that is, its signatures
tell.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, merkle, shape
from maestro_hooks.evidence.checkpoint import parse_checkpoint
from maestro_hooks.evidence.log_entry import PROOF_HEADER

if TYPE_CHECKING:
    from maestro_hooks.evidence.checkpoint import Checkpoint

_WHERE = "tlog-proof"


def check(data: bytes, entry: bytes) -> Checkpoint:
    """The checkpoint whose tree holds ``entry``.

    Raises:
        EvidenceError: no proof, or one of something else.
    """
    head, separator, note = data.partition(b"\n\n")
    if not separator or not head.isascii():
        raise EvidenceError("no proof lines, blank line and checkpoint", where=_WHERE)
    first, *lines = head.decode().split("\n")
    if lines and lines[0].startswith("extra "):
        canonical.base64_decode(lines.pop(0).removeprefix("extra "), where=f"{_WHERE} extra")
    if first != PROOF_HEADER or not lines or not lines[0].startswith("index "):
        raise EvidenceError(f"expected {PROOF_HEADER!r} and an index", where=_WHERE)
    index = shape.natural(lines[0].removeprefix("index "), where=f"{_WHERE} index")
    path = [canonical.base64_decode(line, where=_WHERE, size=merkle.HASH_SIZE) for line in lines[1:]]
    checkpoint = parse_checkpoint(note, where=f"{_WHERE} checkpoint")
    merkle.verify_inclusion(merkle.leaf_hash(entry), index, checkpoint.head.size, path, checkpoint.head.root)
    return checkpoint
