"""The file ``<name>.sigstore.json``: a Sigstore bundle v0.3 around one DSSE envelope (evidence format 4.8).

Invariant: exactly one signature per bundle, as every Sigstore client demands; a threshold takes several bundles over
the identical payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, dsse, shape, signature
from maestro_hooks.evidence.log_entry import logged_object, parse_logged

if TYPE_CHECKING:
    from maestro_hooks.evidence.log_entry import LoggedEntry
    from maestro_hooks.evidence.signature import PrivateKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle; ``log_entry`` says where a transparency log holds its signature.

    ``timestamps`` are RFC 3161 tokens (``TimeStampResp`` in DER) over the signature.
    """

    hint: str
    envelope: dsse.Envelope
    log_entry: LoggedEntry | None = None
    timestamps: tuple[bytes, ...] = ()


def sign_payload(payload: bytes, key: PrivateKey) -> Bundle:
    """Sign a manifest payload and wrap it, without a log entry."""
    keyid = signature.public_of(key).id
    made = dsse.Signature(keyid, signature.sign(key, dsse.pae(dsse.IN_TOTO, payload)))
    return Bundle(keyid, dsse.Envelope(dsse.IN_TOTO, payload, (made,)))


def sign_bundle(payload: bytes, key: PrivateKey) -> bytes:
    """The bundle file of ``sign_payload``."""
    return encode_bundle(sign_payload(payload, key))


def encode_bundle(bundle: Bundle) -> bytes:
    """The bundle file: canonical JSON."""
    material: dict[str, object] = {
        "publicKey": {"hint": bundle.hint},
        "tlogEntries": [] if bundle.log_entry is None else [logged_object(bundle.log_entry)],
    }
    if bundle.timestamps:
        tokens = [{"signedTimestamp": canonical.base64_encode(token)} for token in bundle.timestamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": tokens}
    return canonical.encode(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": material,
            "dsseEnvelope": dsse.envelope_object(bundle.envelope),
        }
    )


def parse_bundle(data: bytes) -> Bundle:
    """Parse a bundle file; the payload stays bytes. Raises ``EvidenceError``."""
    where = "bundle"
    document = canonical.decode(data, canonical=False, where=where)
    body = shape.members(document, required=("mediaType", "verificationMaterial", "dsseEnvelope"), where=where)
    shape.one_of(body["mediaType"], (MEDIA_TYPE,), where=f"{where} mediaType")
    material = shape.members(
        body["verificationMaterial"],
        required=("publicKey",),
        optional=("tlogEntries", "timestampVerificationData"),
        where=f"{where} verificationMaterial",
    )
    public = shape.members(material["publicKey"], required=("hint",), where=f"{where} publicKey")
    envelope = dsse.parse_envelope(body["dsseEnvelope"], where=f"{where} dsseEnvelope")
    if len(envelope.signatures) != 1:
        raise EvidenceError(f"a bundle has one signature, not {len(envelope.signatures)}", where=where)
    entries = shape.array(material.get("tlogEntries", []), where=f"{where} tlogEntries")
    if len(entries) > 1:
        raise EvidenceError(f"a bundle has one log entry at most, not {len(entries)}", where=where)
    return Bundle(
        hint=shape.text(public["hint"], where=f"{where} hint"),
        envelope=envelope,
        log_entry=parse_logged(entries[0], where=f"{where} log entry") if entries else None,
        timestamps=_parse_timestamps(material.get("timestampVerificationData", {}), where=f"{where} timestamps"),
    )


def _parse_timestamps(value: object, *, where: str) -> tuple[bytes, ...]:
    body = shape.members(value, required=(), optional=("rfc3161Timestamps",), where=where)
    tokens = shape.array(body.get("rfc3161Timestamps", []), where=where)
    holders = [shape.members(token, required=("signedTimestamp",), where=where) for token in tokens]
    return tuple(canonical.base64_decode(holder["signedTimestamp"], where=where) for holder in holders)
