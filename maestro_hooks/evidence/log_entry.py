"""Log entries in the shape of Rekor v2 (``dsse`` 0.0.2), and the proof of one in a Sigstore bundle (format 4.7, 4.8).

Invariant: an entry is a function of payload, signature and key, so comparing bytes says whether it is about them.
The entry holds digests only: its size does not grow with the manifest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, merkle, shape, signature

if TYPE_CHECKING:
    from maestro_hooks.evidence.signature import PublicKey

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
MAX_ENTRY_BYTES = 65_535  # a tile's entry bundle has a length of sixteen bits
KIND, VERSION = "dsse", "0.0.2"
_DETAILS = {signature.ED25519: "PKIX_ED25519", signature.ECDSA_P256: "PKIX_ECDSA_P256_SHA_256"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEntry:
    """One of a bundle's ``tlogEntries``: the entry and everything that proves its place; nothing is verified.

    ``index`` is stated outside the proof, ``proof_index`` inside; ``checkpoint`` is the signed note.
    """

    index: int
    log_id: bytes
    body: bytes
    proof_index: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def entry_bytes(payload: bytes, sig: bytes, public: PublicKey) -> bytes:
    """The entry for one signature over one payload, canonical JSON."""
    verifier = {
        "keyDetails": _DETAILS[public.alg],
        "publicKey": {"rawBytes": canonical.base64_encode(public.spki)},
    }
    body = {
        "payloadHash": {"algorithm": "SHA2_256", "digest": canonical.base64_encode(sha256(payload).digest())},
        "signatures": [{"content": canonical.base64_encode(sig), "verifier": verifier}],
    }
    return canonical.encode({"apiVersion": VERSION, "kind": KIND, "spec": {"dsseV002": body}})


def logged_object(entry: LoggedEntry) -> dict[str, object]:
    """The JSON object for ``tlogEntries``; 64-bit integers are decimal strings, as in protobuf's JSON."""
    encode = canonical.base64_encode
    return {
        "logIndex": str(entry.index),
        "logId": {"keyId": encode(entry.log_id)},
        "kindVersion": {"kind": KIND, "version": VERSION},
        "integratedTime": "0",
        "inclusionProof": {
            "logIndex": str(entry.proof_index),
            "rootHash": encode(entry.root),
            "treeSize": str(entry.size),
            "hashes": [encode(value) for value in entry.hashes],
            "checkpoint": {"envelope": entry.checkpoint.decode()},
        },
        "canonicalizedBody": encode(entry.body),
    }


def alone(entry: LoggedEntry) -> bytes:
    """The proof of a bundle's log entry as a file of its own (C2SP tlog-proof), without extra data."""
    lines = [PROOF_HEADER, f"index {entry.index}", *map(canonical.base64_encode, entry.hashes), "", ""]
    return "\n".join(lines).encode() + entry.checkpoint


def parse_logged(value: object, *, where: str) -> LoggedEntry:
    """Parse one of ``tlogEntries``. Raises ``EvidenceError``."""
    names = ("logIndex", "logId", "kindVersion", "integratedTime", "inclusionProof", "canonicalizedBody")
    outer = shape.members(value, required=names, where=where)
    log_id = shape.members(outer["logId"], required=("keyId",), where=f"{where} logId")
    kind = shape.members(outer["kindVersion"], required=("kind", "version"), where=f"{where} kindVersion")
    shape.one_of(kind["kind"], (KIND,), where=f"{where} kind")
    shape.one_of(kind["version"], (VERSION,), where=f"{where} version")
    shape.one_of(outer["integratedTime"], ("0",), where=f"{where} integratedTime")
    inner = ("logIndex", "rootHash", "treeSize", "hashes", "checkpoint")
    proof = shape.members(outer["inclusionProof"], required=inner, where=f"{where} inclusionProof")
    signed = shape.members(proof["checkpoint"], required=("envelope",), where=f"{where} checkpoint")
    body = canonical.base64_decode(outer["canonicalizedBody"], where=f"{where} canonicalizedBody")
    if len(body) > MAX_ENTRY_BYTES:
        raise EvidenceError("the entry is longer than a log can hold", where=where)
    return LoggedEntry(
        index=shape.natural(outer["logIndex"], where=f"{where} logIndex"),
        log_id=_hash(log_id["keyId"], f"{where} logId"),
        body=body,
        proof_index=shape.natural(proof["logIndex"], where=f"{where} inclusionProof logIndex"),
        size=shape.natural(proof["treeSize"], where=f"{where} treeSize"),
        root=_hash(proof["rootHash"], f"{where} rootHash"),
        hashes=tuple(_hash(h, f"{where} hashes") for h in shape.array(proof["hashes"], where=f"{where} hashes")),
        checkpoint=shape.text(signed["envelope"], where=f"{where} checkpoint").encode(),
    )


def _hash(value: object, where: str) -> bytes:
    return canonical.base64_decode(value, where=where, size=merkle.HASH_SIZE)
