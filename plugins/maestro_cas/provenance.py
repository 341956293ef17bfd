"""SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance) of a cached result, as an in-toto Statement v1.

Invariant: it says no more than the record: subjects are its outputs, dependencies its inputs and programs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_cas.scan import parse_listing
from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, dsse, signature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_cas.record import Record
    from maestro_cas.store import Store
    from maestro_hooks.evidence.signature import PrivateKey, PublicKey

PAYLOAD_TYPE = "application/vnd.in-toto+json"
BUILD_TYPE = "https://maestro-conductor.dev/cas/action/v1"


def statement(record: Record, *, writer: str, inputs: dict[str, tuple[str, int, str]]) -> dict[str, object]:
    """The Statement; ``writer`` is the key id of who stored the record, ``inputs`` its parsed listing."""
    external = {k: v for k, v in record.components.items() if k not in ("inputs", "platform", "tool")}
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": o.path, "digest": {"sha256": o.digest}} for o in record.outputs if o.kind == "f"],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "internalParameters": {"platform": record.components.get("platform", ""), "key": record.key},
                "resolvedDependencies": [
                    {"name": path, "digest": {"sha256": digest}} for path, (_, _, digest) in sorted(inputs.items())
                ],
            },
            "runDetails": {
                "builder": {"id": f"urn:maestro:writer:{writer}"},
                "metadata": {"invocationId": f"urn:maestro:action:{record.key}", "finishedOn": record.created},
                "byproducts": [{"name": "log", "digest": {"sha256": record.log.digest}}],
            },
        },
    }


def signed_statement(record: Record, store: Store, key: PrivateKey) -> bytes:
    """The Statement in a DSSE envelope, signed by whoever publishes the record. Raises ``EvidenceError``."""
    listing = store.get(record.inputs.digest)
    if listing is None:
        raise EvidenceError("the list of inputs was damaged", where=record.key)
    keyid = signature.public_of(key).id
    payload = canonical.encode(statement(record, writer=keyid, inputs=parse_listing(listing)))
    made = dsse.Signature(keyid, signature.sign(key, dsse.pae(PAYLOAD_TYPE, payload)))
    return canonical.encode(dsse.envelope_object(dsse.Envelope(PAYLOAD_TYPE, payload, (made,))))


def signer(envelope: bytes, trusted: Iterable[PublicKey]) -> str:
    """The id of the trusted key that signed an envelope; ``""`` if none did, or if it is no envelope."""
    try:
        value = canonical.decode(envelope, canonical=False, where="attachment")
        opened = dsse.parse_envelope(value, where="attachment", payload_type=PAYLOAD_TYPE)
    except EvidenceError:
        return ""
    message = opened.signed_bytes()
    keys = (k.id for k in trusted if any(signature.verify(k, s.sig, message) for s in opened.signatures))
    return next(keys, "")
