"""The file ``<name>.sigstore.json``: a Sigstore bundle v0.3 around one DSSE envelope (evidence format 4.8).

Invariant: exactly one signature per bundle, as every Sigstore client demands; a threshold takes several bundles over
the identical payload.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, dsse, shape, signature

if TYPE_CHECKING:
    from maestro_hooks.evidence.signature import PrivateKey

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True, slots=True)
class Bundle:
    """A parsed bundle; ``log_entries`` are left to the checker of the transparency log."""

    hint: str
    envelope: dsse.Envelope
    log_entries: tuple[object, ...] = ()


def sign_bundle(payload: bytes, key: PrivateKey) -> bytes:
    """Sign a manifest payload and wrap it, without log entries."""
    keyid = signature.public_of(key).id
    made = dsse.Signature(keyid, signature.sign(key, dsse.pae(dsse.IN_TOTO, payload)))
    return encode_bundle(Bundle(keyid, dsse.Envelope(dsse.IN_TOTO, payload, (made,))))


def encode_bundle(bundle: Bundle) -> bytes:
    """The bundle file: canonical JSON."""
    return canonical.encode(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {
                "publicKey": {"hint": bundle.hint},
                "tlogEntries": list(bundle.log_entries),
            },
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
    return Bundle(
        hint=shape.text(public["hint"], where=f"{where} hint"),
        envelope=envelope,
        log_entries=tuple(shape.array(material.get("tlogEntries", []), where=f"{where} tlogEntries")),
    )
