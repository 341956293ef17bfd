"""Every byte of what is signed, and of every disclosed leaf, is tried: no edit may leave the verdict ``pass``."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.evidence import canonical, dsse
from maestro_hooks.evidence.bundle import parse_bundle, sign_bundle
from maestro_hooks.evidence.disclosure import Disclosure, encode_disclosures, parse_disclosures
from maestro_hooks.evidence.verify import verify
from tests.evidence.shipment import NOW, OTHER_KEY, RELEASE_KEY, REQUIRED, detail, ship, status, trust_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIPMENT = ship()


def edits(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Each position, each with one bit flipped (which bit varies), never the same byte."""
    for position, byte in enumerate(data):
        yield position, data[:position] + bytes([byte ^ (1 << position % 8)]) + data[position + 1 :]


def with_envelope(payload: bytes, sig: bytes) -> bytes:
    document = json.loads(SHIPMENT.bundle)
    document["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    document["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(sig).decode()
    return json.dumps(document).encode()


def test_the_untouched_release_passes() -> None:
    envelope = parse_bundle(SHIPMENT.bundle).envelope
    assert SHIPMENT.verify().verdict == "pass"
    assert SHIPMENT.verify(bundles=[with_envelope(envelope.payload, envelope.signatures[0].sig)]).verdict == "pass"


def test_every_byte_of_the_payload_is_protected() -> None:
    envelope = parse_bundle(SHIPMENT.bundle).envelope
    sig = envelope.signatures[0].sig
    tried = 0
    for position, payload in edits(envelope.payload):
        report = SHIPMENT.verify(bundles=[with_envelope(payload, sig)])
        assert report.verdict == "fail", position
        assert report.first_failure in ("parse", "signature"), position
        tried += 1
    assert tried == len(envelope.payload) > 500


def test_every_byte_of_the_signature_is_protected() -> None:
    envelope = parse_bundle(SHIPMENT.bundle).envelope
    sig = envelope.signatures[0].sig
    for bit in range(8):
        for position in range(64):
            bad = bytearray(sig)
            bad[position] ^= 1 << bit
            report = SHIPMENT.verify(bundles=[with_envelope(envelope.payload, bytes(bad))])
            assert (report.verdict, report.first_failure) == ("fail", "signature"), (position, bit)


def test_every_byte_of_the_bundle_file_but_the_hints_is_protected() -> None:
    data = SHIPMENT.bundle
    hint = parse_bundle(data).hint.encode()
    passed = {position for position, edited in edits(data) if SHIPMENT.verify(bundles=[edited]).verdict == "pass"}
    hints: set[int] = set()
    start = data.find(hint)
    while start >= 0:
        hints |= set(range(start, start + len(hint)))
        start = data.find(hint, start + 1)
    assert len(hints) == 128
    # An edited hint that is still text decides nothing; everything else must be noticed.
    assert passed <= hints


def test_every_byte_of_every_disclosed_leaf_is_protected() -> None:
    for chosen in parse_disclosures(SHIPMENT.leaves):
        for position, leaf in edits(chosen.leaf):
            forged = encode_disclosures([Disclosure(leaf, chosen.index, chosen.hashes)])
            report = SHIPMENT.verify(leaves=[forged])
            assert (report.verdict, report.first_failure) == ("fail", "leaf"), (chosen.index, position)
            assert not report.disclosed


def test_every_byte_of_every_proof_hash_is_protected() -> None:
    honest = parse_disclosures(SHIPMENT.leaves)
    for number, chosen in enumerate(honest):
        for place, value in enumerate(chosen.hashes):
            for position, edited in edits(value):
                hashes = (*chosen.hashes[:place], edited, *chosen.hashes[place + 1 :])
                forged = Disclosure(chosen.leaf, chosen.index, hashes)
                # Half of them alone, half after honest proofs that verified the nodes above.
                others = [*honest[:number], *honest[number + 1 :]] if position % 2 else []
                report = SHIPMENT.verify(leaves=[encode_disclosures([*others, forged])])
                assert (report.verdict, report.first_failure) == ("fail", "leaf"), (number, place, position)


def test_every_byte_of_the_leaf_file_is_protected() -> None:
    data = encode_disclosures([SHIPMENT.sealed.leaves.disclose(REQUIRED[0])])
    for position, edited in edits(data):
        assert SHIPMENT.verify(leaves=[SHIPMENT.leaves, edited]).verdict == "fail", position


def test_every_byte_of_the_policy_is_protected() -> None:
    for position, edited in edits(SHIPMENT.policy):
        report = SHIPMENT.verify(policy=edited)
        assert report.verdict == "fail", position
        assert report.first_failure in ("parse", "required"), position


def test_every_byte_of_the_trust_file_is_protected() -> None:
    passed = []
    for position, edited in edits(SHIPMENT.trust):
        if SHIPMENT.verify(trust=edited).verdict == "pass":
            passed.append(position)
    # The signatures' key ids are hints.
    keyid = SHIPMENT.trust.index(b'"keyid":"') + 9
    assert set(passed) <= set(range(keyid, keyid + 64))


# --- kinds of tampering, by hand -------------------------------------------------------------------------------


def disclosures(**changes: Any) -> bytes:
    one = SHIPMENT.sealed.leaves.disclose("pytest/failed")
    return encode_disclosures([replace(one, **changes)])


ONE = SHIPMENT.sealed.leaves.disclose("pytest/failed")
OTHER = SHIPMENT.sealed.leaves.disclose("reports/coverage")
LEAF_KINDS: dict[str, dict[str, Any]] = {
    "another leaf with this proof": {"leaf": OTHER.leaf},
    "the proof of another leaf": {"index": OTHER.index, "hashes": OTHER.hashes},
    "another index": {"index": ONE.index ^ 1},
    "index at the size": {"index": 12},
    "one hash more": {"hashes": (*ONE.hashes, bytes(32))},
    "one hash fewer": {"hashes": ONE.hashes[:-1]},
    "no hashes": {"hashes": ()},
    "hashes reversed": {"hashes": ONE.hashes[::-1]},
    "an inner node as a leaf": {"leaf": ONE.hashes[0] + ONE.hashes[1], "index": 0, "hashes": ONE.hashes[2:]},
    "leaf with whitespace": {"leaf": ONE.leaf + b" "},
}


@pytest.mark.parametrize("kind", LEAF_KINDS)
def test_a_swapped_leaf_or_proof_fails_the_leaf_step(kind: str) -> None:
    assert status(SHIPMENT.verify(leaves=[disclosures()]), "leaf") == "pass"
    report = SHIPMENT.verify(leaves=[SHIPMENT.leaves, disclosures(**LEAF_KINDS[kind])])
    assert (report.verdict, report.first_failure) == ("fail", "leaf")


def test_a_leaf_of_another_release_fails() -> None:
    other = ship(made_of=[r for r in _records() if r.key != "bandit/scan"])
    assert SHIPMENT.verify(leaves=[other.leaves]).first_failure == "leaf"
    assert other.verify().verdict == "pass"


def _records() -> list[Any]:
    from tests.evidence.shipment import records

    return records()


def sealed_by_hand(leaves: list[bytes]) -> tuple[bytes, list[Disclosure]]:
    """A tree no honest sealer makes, signed by the honest key."""
    from maestro_hooks.evidence import merkle

    tree = merkle.grow(merkle.leaf_hashes(leaves))
    document = json.loads(SHIPMENT.sealed.payload)
    document["predicate"]["tree"] |= {"size": str(len(leaves)), "root": tree.root.hex()}
    document["predicate"]["required"] = []
    shown = [Disclosure(leaf, number, tree.inclusion(number)) for number, leaf in enumerate(leaves)]
    return sign_bundle(canonical.encode(document), RELEASE_KEY), shown


@pytest.mark.parametrize("order", [[1, 0, 2], [0, 0, 2], [2, 1, 0]], ids=["unsorted", "one id twice", "reversed"])
def test_a_signed_tree_with_unsorted_or_repeated_ids_fails(order: list[int]) -> None:
    data = SHIPMENT.sealed.leaves.data
    bundle, shown = sealed_by_hand([data[i] for i in order])
    report = SHIPMENT.verify(bundles=[bundle], leaves=[encode_disclosures(shown)])
    assert status(report, "leaf") == "fail"
    assert "not sorted" in detail(report, "leaf")
    assert status(report, "signature") == "pass"


def test_a_signed_leaf_that_is_not_canonical_or_lies_fails() -> None:
    data = list(SHIPMENT.sealed.leaves.data[:3])
    for forged in (
        data[0].replace(b'"v":3', b'"v": 3'),
        data[0].replace(b'"verdict":"fail"', b'"verdict":"perhaps"'),
        b'{"v":3,"v":3}',
        b"",
        b"[" * 40 + b"]" * 40,
    ):
        bundle, shown = sealed_by_hand([forged, *data[1:]])
        report = SHIPMENT.verify(bundles=[bundle], leaves=[encode_disclosures(shown)])
        assert status(report, "leaf") == "fail", forged
        assert set(report.disclosed) == {1, 2}


def test_an_envelope_over_another_type_or_pae_fails() -> None:
    from maestro_hooks.evidence import signature

    payload = SHIPMENT.sealed.payload
    for message in (payload, dsse.pae("text/plain", payload), dsse.pae(dsse.IN_TOTO, payload + b" ")):
        forged = with_envelope(payload, signature.sign(RELEASE_KEY, message))
        assert SHIPMENT.verify(bundles=[forged]).first_failure == "signature"


PARSE_KINDS: dict[str, bytes] = {
    "empty": b"",
    "truncated": SHIPMENT.bundle[:-1],
    "duplicate key": b'{"mediaType":"x",' + SHIPMENT.bundle[1:],
    "deep": b"[" * 50_000,
    "1e400": SHIPMENT.bundle[:-1] + b',"x":1e400}',
    "huge number": SHIPMENT.bundle[:-1] + b',"x":' + b"9" * 5000 + b"}",
    "lone surrogate": SHIPMENT.bundle[:-1] + b',"x":"\\ud800"}',
    "BOM": b"\xef\xbb\xbf" + SHIPMENT.bundle,
    "array": b"[]",
    "too large": b" " * (canonical.MAX_BYTES + 1),
}


@pytest.mark.parametrize("kind", PARSE_KINDS)
def test_a_hostile_bundle_fails_to_parse(kind: str) -> None:
    report = SHIPMENT.verify(bundles=[PARSE_KINDS[kind]])
    assert (report.verdict, report.first_failure, report.manifest) == ("fail", "parse", None)


PAYLOAD_KINDS: dict[str, bytes] = {
    "duplicate key": b'{"_type":"x",' + SHIPMENT.sealed.payload[1:],
    "1e400": SHIPMENT.sealed.payload.replace(b'"schema":3', b'"schema":1e400'),
    "float": SHIPMENT.sealed.payload.replace(b'"schema":3', b'"schema":3.0'),
    "whitespace": SHIPMENT.sealed.payload + b"\n",
    "no required": SHIPMENT.sealed.payload.replace(b'"required"', b'"demanded"'),
    "deep": b"[" * 50_000,
    "lone surrogate": SHIPMENT.sealed.payload.replace(b'"demo"', b'"\\udc00"'),
}


@pytest.mark.parametrize("kind", PAYLOAD_KINDS)
def test_a_hostile_payload_fails_to_parse_even_when_signed(kind: str) -> None:
    assert PAYLOAD_KINDS[kind] != SHIPMENT.sealed.payload
    report = SHIPMENT.verify(bundles=[sign_bundle(PAYLOAD_KINDS[kind], RELEASE_KEY)])
    assert (report.verdict, report.first_failure) == ("fail", "parse")


def test_an_edited_or_replaced_trust_file_fails() -> None:
    from maestro_hooks.evidence.trust import sign_trust
    from tests.evidence.shipment import trust_document, trusted

    forged = SHIPMENT.trust.replace(b'"log":"none"', b'"log":"nono"')
    assert forged != SHIPMENT.trust
    assert SHIPMENT.verify(trust=forged).first_failure == "signature"
    keys = (trust_document().keys[0], trusted(OTHER_KEY, "evil", "release"))
    stolen = sign_trust(trust_document(keys=keys), [OTHER_KEY])
    assert ship(key=OTHER_KEY, trust=stolen).verify().first_failure == "signature"


HONEST: dict[str, dict[str, Any]] = {
    "indented bundle": {"bundles": [json.dumps(json.loads(SHIPMENT.bundle), indent=1).encode()]},
    "URL-safe base64": {
        "bundles": [
            json.dumps(
                {
                    **json.loads(SHIPMENT.bundle),
                    "dsseEnvelope": {
                        **json.loads(SHIPMENT.bundle)["dsseEnvelope"],
                        "payload": base64.urlsafe_b64encode(SHIPMENT.sealed.payload).decode(),
                    },
                }
            ).encode()
        ]
    },
    "leaves in separate files": {
        "leaves": [encode_disclosures([item]) for item in parse_disclosures(SHIPMENT.leaves)][::-1]
    },
    "a leaf given twice": {"leaves": [SHIPMENT.leaves, SHIPMENT.leaves]},
    "more leaves than required": {
        "leaves": [encode_disclosures([SHIPMENT.sealed.leaves.disclose(i) for i in SHIPMENT.sealed.leaves.ids])]
    },
    "an artifact given twice": {"artifacts": [*SHIPMENT.submission().artifacts] * 2},
    "a hint nobody knows": {"bundles": [SHIPMENT.bundle.replace(parse_bundle(SHIPMENT.bundle).hint.encode(), b"?")]},
    "a trust file pinned to the policy": {
        "trust": trust_bytes(policy=json.loads(SHIPMENT.sealed.payload)["predicate"]["policy"]["digest"]["sha256"])
    },
    "the last second of the waiver": {"now": NOW.replace(month=6, day=30, hour=23, minute=59, second=59)},
}


@pytest.mark.parametrize("variant", HONEST)
def test_honest_variants_pass(variant: str) -> None:
    report = verify(SHIPMENT.submission(**HONEST[variant]))
    assert (report.verdict, report.first_failure) == ("pass", None), report.steps
