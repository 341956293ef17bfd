"""A witness (C2SP tlog-witness): cosigns a log's head only if it continues the head it cosigned before.

Theorem: the heads one witness cosigned for one origin are heads of one growing tree. For the last head is compared and
stored, on stable storage, before the cosignature is given away, under one lock.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, merkle, note, shape
from maestro_hooks.evidence.checkpoint import Checkpoint, Head, cosign, log_signed, parse_checkpoint
from maestro_hooks.project.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

MAX_PROOF = 63
MAX_REQUEST = 256 * 1024
TEXT, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the witness says: an HTTP status, a body and its type."""

    status: int
    body: bytes
    content_type: str = TEXT


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed ``add-checkpoint`` request: the old size, the proof, and the new checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    checkpoint: Checkpoint


@dataclass(slots=True)
class Witness:
    """One witness: its name and key, the logs it knows (origin to key), and where it remembers heads."""

    name: str
    key: PrivateKey
    logs: Mapping[str, PublicKey]
    state: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_checkpoint(self, body: bytes, *, time: int) -> Answer:
        """Answer one request; ``time`` is seconds since 1970."""
        try:
            request = parse_request(body)
        except EvidenceError as error:
            return Answer(400, f"{error.where}: {error.what}\n".encode())
        origin = request.checkpoint.origin
        if origin not in self.logs:
            return Answer(404, b"unknown log\n")
        if not _signed(request.checkpoint, self.logs[origin]):
            return Answer(403, b"not signed by the log's key\n")
        with self._lock:
            return self._compare(request, time)

    def last(self, origin: str) -> Head:
        """The head cosigned last; the empty tree before the first. Raises ``EvidenceError`` for damaged state."""
        path = self._place(origin)
        if not path.exists():
            return Head(0, merkle.EMPTY_ROOT)
        return parse_checkpoint(path.read_bytes(), where=str(path)).head

    def _place(self, origin: str) -> Path:
        return self.state / f"{sha256(origin.encode()).hexdigest()}.checkpoint"

    def _compare(self, request: Request, time: int) -> Answer:
        checkpoint = request.checkpoint
        new, last = checkpoint.head, self.last(checkpoint.origin)
        if request.old > new.size:
            return Answer(400, b"the old size is larger than the new one\n")
        if request.old != last.size:
            return Answer(409, f"{last.size}\n".encode(), SIZE)
        try:
            merkle.verify_consistency((last.size, last.root), (new.size, new.root), request.proof)
        except EvidenceError as error:
            return Answer(422, f"{error.what}\n".encode())
        self.state.mkdir(parents=True, exist_ok=True)
        write_atomic(self._place(checkpoint.origin), note.encode_note(checkpoint.note), mode=0o600)
        line = cosign(checkpoint, self.name, self.key, time=time)
        return Answer(200, note.signature_line(line))


def _signed(checkpoint: Checkpoint, public: PublicKey) -> bool:
    try:
        return log_signed(checkpoint, checkpoint.origin, public)
    except EvidenceError:
        return False


def encode_request(old: int, proof: tuple[bytes, ...], checkpoint: bytes) -> bytes:
    """The body of an ``add-checkpoint`` request."""
    lines = [f"old {old}", *(canonical.base64_encode(value) for value in proof), "", ""]
    return "\n".join(lines).encode() + checkpoint


def parse_request(body: bytes) -> Request:
    """Parse the body of an ``add-checkpoint`` request. Raises ``EvidenceError``."""
    where = "add-checkpoint"
    head, separator, rest = body.partition(b"\n\n")
    if len(body) > MAX_REQUEST or not separator or not head.isascii():
        raise EvidenceError("no proof lines, blank line and checkpoint", where=where)
    first, *lines = head.decode().split("\n")
    if not first.startswith("old ") or len(lines) > MAX_PROOF:
        raise EvidenceError(f"expected 'old <size>' and at most {MAX_PROOF} proof lines", where=where)
    return Request(
        old=shape.natural(first.removeprefix("old "), where=f"{where} old"),
        proof=tuple(canonical.base64_decode(line, where=f"{where} proof", size=merkle.HASH_SIZE) for line in lines),
        checkpoint=parse_checkpoint(rest),
    )
