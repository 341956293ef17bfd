"""Signed notes (C2SP signed-note): a text, a blank line, and signature lines over exactly that text.

Invariant: ``encode_note(parse_note(data)) == data``. Key ids are four bytes and only choose which key is tried; a
signature line that names a known key and does not verify condemns the whole note.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, signature

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from maestro_hooks.evidence.signature import PublicKey

MAX_BYTES = 128 * 1024
MAX_SIGNATURES = 128
ED25519 = 0x01
# C2SP tlog-cosignature: a timestamp of eight bytes, then a signature by the algorithm.
COSIGNATURES = {signature.ED25519: 0x04, signature.ML_DSA_44: 0x06}

_DASH = "\N{EM DASH} "
_NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,256}")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: the key's name, the hint of four bytes, and the signature itself."""

    name: str
    hint: bytes
    sig: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A text that ends in a newline, and its signature lines in order."""

    text: bytes
    signatures: tuple[NoteSignature, ...]


def key_hash(name: str, kind: int, public: PublicKey) -> bytes:
    """SHA-256(name || 0x0A || kind || raw key), 32 bytes; the first four are the key id in a note."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + raw_key(public)).digest()


def raw_key(public: PublicKey) -> bytes:
    """The bytes of a key that can sign notes. Raises ``EvidenceError`` for another algorithm."""
    if public.alg not in COSIGNATURES:
        raise EvidenceError(f"notes are not signed by {public.alg}", where="note key")
    return signature.raw_of(public)


def cosignature_kind(public: PublicKey) -> int:
    """The kind byte of a witness's key. Raises ``EvidenceError`` for an algorithm no witness uses."""
    raw_key(public)
    return COSIGNATURES[public.alg]


def vkey(name: str, kind: int, public: PublicKey) -> str:
    """The verifier key as the Go and C2SP tools read it: ``name+hex(id)+base64(kind || raw key)``."""
    encoded = canonical.base64_encode(bytes([kind]) + raw_key(public))
    return f"{check_name(name)}+{key_hash(name, kind, public)[:4].hex()}+{encoded}"


def parse_vkey(text: str, *, kinds: Collection[int]) -> tuple[str, PublicKey]:
    """Read a verifier key of one of the given kinds. Raises ``EvidenceError``."""
    where = "verifier key"
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise EvidenceError("expected name+id+key", where=where)
    name, _, encoded = parts
    blob = canonical.base64_decode(encoded, where=where)
    kind = blob[0] if blob else 0
    if kind not in kinds:
        raise EvidenceError(f"a key of kind {kind}, expected {', '.join(map(str, sorted(kinds)))}", where=where)
    alg = signature.ML_DSA_44 if kind == COSIGNATURES[signature.ML_DSA_44] else signature.ED25519
    public = signature.load_public(alg, signature.spki_of(alg, blob[1:]), where=where)
    if vkey(name, kind, public) != text:
        raise EvidenceError("its id or kind is not that of the key", where=where)
    return name, public


def check_name(name: str) -> str:
    """Return ``name`` if it can name a note's key: not empty, no white space, no plus sign."""
    if not _NAME.fullmatch(name):
        raise EvidenceError(f"{name!r:.80} cannot name a key: no white space and no '+'", where="note")
    return name


def encode_note(note: Note) -> bytes:
    """The bytes of a note."""
    return note.text + b"\n" + b"".join(map(signature_line, note.signatures))


def signature_line(made: NoteSignature) -> bytes:
    """One signature line, newline included."""
    return f"{_DASH}{made.name} {canonical.base64_encode(made.hint + made.sig)}\n".encode()


def parse_note(data: bytes, *, where: str = "note") -> Note:
    """Parse a note; no signature is verified. Raises ``EvidenceError``."""
    if len(data) > MAX_BYTES:
        raise EvidenceError(f"{len(data)} bytes are more than the limit of {MAX_BYTES}", where=where)
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise EvidenceError("no valid UTF-8", where=where) from error
    if any((c < " " and c != "\n") or c == "\x7f" for c in whole):
        raise EvidenceError("a control character", where=where)
    text, separator, block = whole.rpartition("\n\n")
    if not separator or not text or not block.endswith("\n"):
        raise EvidenceError("no text, blank line and signature lines", where=where)
    lines = block[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise EvidenceError(f"more than {MAX_SIGNATURES} signature lines", where=where)
    return Note((text + "\n").encode(), tuple(_parse_line(line, where) for line in lines))


def matching(note: Note, name: str, kind: int, public: PublicKey) -> Iterable[bytes]:
    """The signatures whose line names this key."""
    hint = key_hash(name, kind, public)[:4]
    return [s.sig for s in note.signatures if s.name == name and s.hint == hint]


def _parse_line(line: str, where: str) -> NoteSignature:
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2 or set(parts[1]) & {"-", "_"}:
        raise EvidenceError("a signature line is an em dash, a name and base64", where=where)
    blob = canonical.base64_decode(parts[1], where=f"{where} signature")
    if len(blob) < 5:
        raise EvidenceError("a signature line without a signature", where=where)
    return NoteSignature(check_name(parts[0]), blob[:4], blob[4:])
