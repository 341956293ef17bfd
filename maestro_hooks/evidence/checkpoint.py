"""Checkpoints (C2SP tlog-checkpoint): the signed head of a log, and witnesses' cosignatures over it (tlog-cosignature).

Invariant: a head is (size, root) under one exact origin; the empty tree has the empty root and no other.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, merkle, note, shape, signature
from maestro_hooks.evidence.note import Note, NoteSignature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

MAX_SIZE = 2**63 - 1
MAX_NAME_BYTES = 255


@dataclass(frozen=True, slots=True)
class Head:
    """The state of an append-only tree: number of leaves and root (32 bytes)."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A parsed checkpoint: whose log, its head, and the note it came in."""

    origin: str
    head: Head
    note: Note


def checkpoint_text(origin: str, head: Head) -> bytes:
    """The note text of a head: origin, size, base64 root, each on a line."""
    return f"{note.check_name(origin)}\n{head.size}\n{canonical.base64_encode(head.root)}\n".encode()


def parse_checkpoint(data: bytes, *, where: str = "checkpoint") -> Checkpoint:
    """Parse a checkpoint note; no signature is verified. Raises ``EvidenceError``."""
    parsed = note.parse_note(data, where=where)
    lines = parsed.text.decode()[:-1].split("\n")
    if len(lines) < 3 or "" in lines:
        raise EvidenceError("a checkpoint is an origin, a size and a root, each on a line", where=where)
    size = shape.natural(lines[1], where=f"{where} size")
    root = canonical.base64_decode(lines[2], where=f"{where} root", size=merkle.HASH_SIZE)
    if set(lines[2]) & {"-", "_"}:
        raise EvidenceError("the root is not standard base64", where=where)
    if size > MAX_SIZE or (not size and root != merkle.EMPTY_ROOT):
        raise EvidenceError("no tree has this size and root", where=where)
    return Checkpoint(lines[0], Head(size, root), parsed)


def sign_checkpoint(origin: str, head: Head, key: PrivateKey) -> bytes:
    """The note of a head, signed by the log; the key's name is the origin."""
    text = checkpoint_text(origin, head)
    hint = note.key_hash(origin, note.ED25519, signature.public_of(key))[:4]
    return note.encode_note(Note(text, (NoteSignature(origin, hint, signature.sign(key, text)),)))


def log_signed(checkpoint: Checkpoint, name: str, public: PublicKey) -> bool:
    """Whether this log key signed. Raises ``EvidenceError`` if a line names the key and does not verify."""
    found = note.matching(checkpoint.note, name, note.ED25519, public)
    return _all_valid(public, ((sig, checkpoint.note.text) for sig in found), name)


def cosign(checkpoint: Checkpoint, name: str, key: PrivateKey, *, time: int) -> NoteSignature:
    """A witness's cosignature of a checkpoint at ``time`` (seconds since 1970)."""
    public = signature.public_of(key)
    hint = note.key_hash(name, note.cosignature_kind(public), public)[:4]
    message = cosigned_message(checkpoint, name, public.alg, time)
    return NoteSignature(name, hint, time.to_bytes(8, "big") + signature.sign(key, message))


def cosigned_message(checkpoint: Checkpoint, name: str, alg: str, time: int) -> bytes:
    """What a cosignature is over: text for Ed25519; for ML-DSA-44 a structure that holds the witness's name too.

    Raises:
        EvidenceError: a name of the latter is longer than 255 bytes.
    """
    if alg == signature.ED25519:
        return b"cosignature/v1\ntime %d\n" % time + checkpoint.note.text
    names = [name.encode(), checkpoint.origin.encode()]
    if max(map(len, names)) > MAX_NAME_BYTES:
        raise EvidenceError(f"a name is longer than {MAX_NAME_BYTES} bytes", where="cosignature")
    witness, origin = (bytes([len(one)]) + one for one in names)
    head = checkpoint.head
    return b"subtree/v1\n\0" + witness + struct.pack(">Q", time) + origin + struct.pack(">QQ", 0, head.size) + head.root


def cosigned_at(checkpoint: Checkpoint, name: str, public: PublicKey) -> int | None:
    """When this witness cosigned (the earliest line of its key), or ``None``.

    Raises:
        EvidenceError: a line names the key and does not verify.
    """
    found = list(note.matching(checkpoint.note, name, note.cosignature_kind(public), public))
    times = [int.from_bytes(blob[:8], "big") for blob in found]
    messages = (
        (blob[8:], cosigned_message(checkpoint, name, public.alg, time))
        for blob, time in zip(found, times, strict=True)
    )
    return min(times) if _all_valid(public, messages, name) else None


def _all_valid(public: PublicKey, signed: Iterable[tuple[bytes, bytes]], name: str) -> bool:
    """Whether there is any; one that does not verify is an error, for then somebody edited the note."""
    count = 0
    for sig, message in signed:
        count += 1
        if len(sig) != signature.SIGNATURE_BYTES[public.alg] or not signature.verify(public, sig, message):
            raise EvidenceError(f"a signature in the name of {name:.80} does not verify", where="checkpoint")
    return count > 0
