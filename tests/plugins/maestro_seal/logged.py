"""A release entered in a log and cosigned by two witnesses, each part at hand to be tampered with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from maestro_hooks.evidence import log_entry, merkle, note, signature
from maestro_hooks.evidence.bundle import Bundle, encode_bundle, parse_bundle
from maestro_hooks.evidence.checkpoint import Head, cosign, parse_checkpoint, sign_checkpoint
from maestro_hooks.evidence.log_entry import LoggedEntry
from tests.evidence.shipment import NOW, RELEASE_KEY, Shipment, private_key, ship, trust_bytes, trust_document, trusted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from maestro_hooks.evidence.signature import PrivateKey
    from maestro_hooks.evidence.trust import TrustedKey

ORIGIN = "log.example/releases"
LOG_KEY, WITNESS_1, WITNESS_2 = private_key(21), private_key(22), private_key(23)
NAME_1, NAME_2 = "witness.example/1", "witness.example/2"
WITNESS_PQ, NAME_PQ = MLDSA44PrivateKey.from_seed_bytes(bytes([24] * 32)), "witness.example/ml-dsa"
BEFORE, AFTER = 11, 6  # entries of other releases around ours
SEEN_AT = int(NOW.timestamp()) - 3600


def trust_keys(**log_changes: object) -> tuple[TrustedKey, ...]:
    return (
        *trust_document().keys,
        trusted(LOG_KEY, ORIGIN, "log", **log_changes),
        trusted(WITNESS_1, NAME_1, "witness"),
        trusted(WITNESS_2, NAME_2, "witness"),
    )


def post_quantum_trust(**changes: object) -> bytes:
    """Three witnesses, all demanded, one of them by ML-DSA-44."""
    keys = (*trust_keys(), trusted(WITNESS_PQ, NAME_PQ, "witness"))
    return logged_trust(**{"keys": keys, "quorum": 3, **changes})


def logged_trust(**changes: object) -> bytes:
    settings: dict[str, object] = {"log": ORIGIN, "keys": trust_keys(), "quorum": 2, "min_tree_size": 3}
    return trust_bytes(**{**settings, **changes})


def other_entries(count: int, *, salt: str = "") -> list[bytes]:
    return [
        log_entry.entry_bytes(b"other %d%s" % (n, salt.encode()), bytes(64), signature.public_of(RELEASE_KEY))
        for n in range(count)
    ]


def checkpoint_note(
    head: Head,
    *,
    origin: str = ORIGIN,
    key: Ed25519PrivateKey = LOG_KEY,
    witnesses: Sequence[tuple[str, PrivateKey]] = ((NAME_1, WITNESS_1), (NAME_2, WITNESS_2)),
    time: int = SEEN_AT,
) -> bytes:
    signed = parse_checkpoint(sign_checkpoint(origin, head, key))
    lines = [cosign(signed, name, witness, time=time) for name, witness in witnesses]
    return note.encode_note(replace(signed.note, signatures=(*signed.note.signatures, *lines)))


def logged_entry(bundle: Bundle, **note_changes: object) -> LoggedEntry:
    """The entry of a bundle in a log of 18 entries, at index 11."""
    body = log_entry.entry_bytes(
        bundle.envelope.payload, bundle.envelope.signatures[0].sig, signature.public_of(RELEASE_KEY)
    )
    tree = merkle.grow(merkle.leaf_hashes([*other_entries(BEFORE), body, *other_entries(AFTER, salt="after")]))
    return LoggedEntry(
        index=BEFORE,
        log_id=note.key_hash(ORIGIN, note.ED25519, signature.public_of(LOG_KEY)),
        body=body,
        proof_index=BEFORE,
        size=tree.size,
        root=tree.root,
        hashes=tree.inclusion(BEFORE),
        checkpoint=checkpoint_note(Head(tree.size, tree.root), **note_changes),  # type: ignore[arg-type]  # the caller names real parameters
    )


def ship_logged(*, trust: bytes | None = None, **note_changes: object) -> Shipment:
    """A release whose bundle proves its log entry."""
    shipment = ship(trust=logged_trust() if trust is None else trust)
    bundle = parse_bundle(shipment.bundle)
    entry = logged_entry(bundle, **note_changes)
    return replace(shipment, bundle=encode_bundle(replace(bundle, log_entry=entry)))


def with_entry(shipment: Shipment, **changes: object) -> bytes:
    """The bundle with fields of its log entry replaced."""
    bundle = parse_bundle(shipment.bundle)
    assert bundle.log_entry is not None
    return encode_bundle(replace(bundle, log_entry=replace(bundle.log_entry, **changes)))  # type: ignore[arg-type]  # the caller names real fields
