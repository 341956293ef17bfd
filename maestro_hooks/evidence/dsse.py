"""DSSE envelopes (https://github.com/secure-systems-lab/dsse, version 1): what exactly is signed.

Invariant: the bytes that were verified are the bytes that are parsed; ``keyid`` is a hint and decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape

IN_TOTO = "application/vnd.in-toto+json"


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature with the hint which key made it."""

    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload, its type, and signatures over both."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def signed_bytes(self) -> bytes:
        """What each signature is over."""
        return pae(self.payload_type, self.payload)


def pae(payload_type: str, body: bytes) -> bytes:
    """Pre-authentication encoding: ``DSSEv1 SP len(type) SP type SP len(body) SP body``."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def envelope_object(envelope: Envelope) -> dict[str, object]:
    """The JSON object of an envelope, in standard base64."""
    return {
        "payload": canonical.base64_encode(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": [{"keyid": s.keyid, "sig": canonical.base64_encode(s.sig)} for s in envelope.signatures],
    }


def parse_envelope(value: object, *, where: str = "envelope", payload_type: str = IN_TOTO) -> Envelope:
    """Parse the JSON object of an envelope with at least one signature. Raises ``EvidenceError``."""
    body = shape.members(value, required=("payload", "payloadType", "signatures"), where=where)
    signatures = []
    for item in shape.array(body["signatures"], where=f"{where} signatures"):
        entry = shape.members(item, required=("sig",), optional=("keyid",), where=f"{where} signature")
        keyid = shape.text(entry.get("keyid", ""), where=f"{where} keyid")
        signatures.append(Signature(keyid, canonical.base64_decode(entry["sig"], where=f"{where} sig")))
    if not signatures:
        raise EvidenceError("there is no signature", where=where)
    return Envelope(
        payload_type=shape.one_of(body["payloadType"], (payload_type,), where=f"{where} payloadType"),
        payload=canonical.base64_decode(body["payload"], where=f"{where} payload"),
        signatures=tuple(signatures),
    )
