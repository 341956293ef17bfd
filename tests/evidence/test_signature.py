from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import bundle, canonical, dsse, signature
from tests.evidence.shipment import RELEASE_KEY, private_key, ship

PREFIX = bytes.fromhex("302a300506032b6570032100")
P = 2**255 - 19
# RFC 8032 section 7.1, tests 1 to 3: secret, public, message, signature
RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
# The eight points of small order (RFC 7748 lists their x-coordinates on the other curve), in canonical form.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]
NON_CANONICAL = [
    (P + 1).to_bytes(32, "little").hex(),
    P.to_bytes(32, "little").hex(),
    (2**255 - 1).to_bytes(32, "little").hex(),
    (1 | 1 << 255).to_bytes(32, "little").hex(),  # x = 0 with the sign bit set
    ((P - 1) | 1 << 255).to_bytes(32, "little").hex(),
]


@pytest.mark.parametrize(("secret", "public", "message", "expected"), RFC_8032)
def test_known_ed25519_signatures(secret: str, public: str, message: str, expected: str) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret))
    made = signature.public_of(key)
    assert made.spki == PREFIX + bytes.fromhex(public)
    assert signature.sign(key, bytes.fromhex(message)).hex() == expected
    assert signature.verify(made, bytes.fromhex(expected), bytes.fromhex(message))
    assert not signature.verify(made, bytes.fromhex(expected), bytes.fromhex(message) + b"x")


@pytest.mark.parametrize("raw", SMALL_ORDER)
def test_a_key_of_small_order_is_refused(raw: str) -> None:
    with pytest.raises(EvidenceError, match="small order"):
        signature.load_public("ed25519", PREFIX + bytes.fromhex(raw), where="key")


@pytest.mark.parametrize("raw", NON_CANONICAL)
def test_a_key_in_another_spelling_is_refused(raw: str) -> None:
    with pytest.raises(EvidenceError, match="canonically"):
        signature.load_public("ed25519", PREFIX + bytes.fromhex(raw), where="key")


def test_about_half_of_all_strings_are_no_curve_points() -> None:
    refused = 0
    for number in range(2, 202):
        try:
            signature.check_ed25519_point(number.to_bytes(32, "little"), where="key")
        except EvidenceError as error:
            refused += "curve" in error.what
    assert 60 < refused < 140


def test_every_generated_key_meets_the_policy() -> None:
    for seed in range(60):
        signature.public_of(private_key(seed))


@pytest.mark.parametrize("spki", [b"", PREFIX, PREFIX + bytes(31), b"\x30" * 44, PREFIX + bytes(33)])
@pytest.mark.parametrize("alg", ["ed25519", "ecdsa-p256", "rsa"])
def test_malformed_keys_are_refused(spki: bytes, alg: str) -> None:
    with pytest.raises(EvidenceError):
        signature.load_public(alg, spki, where="key")


def spki_of(key: ec.EllipticCurvePrivateKey, form: Encoding = Encoding.DER) -> bytes:
    return key.public_key().public_bytes(form, PublicFormat.SubjectPublicKeyInfo)


def test_p256_signs_and_verifies() -> None:
    key = ec.derive_private_key(7, ec.SECP256R1())
    public = signature.public_of(key)
    assert public == signature.load_public("ecdsa-p256", spki_of(key), where="key")
    made = signature.sign(key, b"message")
    assert signature.verify(public, made, b"message")
    assert not signature.verify(public, made, b"massage")
    assert not signature.verify(public, made + b"\x00", b"message")
    assert not signature.verify(public, b"", b"message")


def test_other_curves_and_compressed_points_are_refused() -> None:
    other = ec.derive_private_key(7, ec.SECP384R1())
    with pytest.raises(EvidenceError, match="P-256"):
        signature.public_of(other)
    compressed = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    point = compressed.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    spki = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    with pytest.raises(EvidenceError, match="P-256"):
        signature.load_public("ecdsa-p256", spki, where="key")


def test_pae_as_in_the_dsse_specification() -> None:
    # protocol.md, "Test Vectors"
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_a_bundle_round_trips_and_holds_the_payload() -> None:
    shipment = ship()
    parsed = bundle.parse_bundle(shipment.bundle)
    assert parsed.envelope.payload == shipment.sealed.payload
    assert parsed.hint == parsed.envelope.signatures[0].keyid == signature.public_of(RELEASE_KEY).id
    assert bundle.encode_bundle(parsed) == shipment.bundle


def test_both_base64_alphabets_and_any_layout_are_read() -> None:
    import json

    shipment = ship()
    value = json.loads(shipment.bundle)
    for name in ("payload",):
        value["dsseEnvelope"][name] = value["dsseEnvelope"][name].replace("+", "-").replace("/", "_")
    del value["dsseEnvelope"]["signatures"][0]["keyid"]
    assert bundle.parse_bundle(json.dumps(value, indent=2).encode()).envelope.payload == shipment.sealed.payload


BAD_BUNDLES: dict[str, tuple[str, object]] = {
    "another media type": ("mediaType", "application/vnd.dev.sigstore.bundle.v0.2+json"),
    "unknown member": ("extra", 1),
    "no envelope": ("dsseEnvelope", None),
    "no key": ("verificationMaterial", {}),
    "certificate": ("verificationMaterial", {"certificate": {"rawBytes": ""}}),
    "no signature": ("dsseEnvelope.signatures", []),
    "two signatures": ("dsseEnvelope.signatures", [{"sig": "AAAA"}, {"sig": "AAAA"}]),
    "another payload type": ("dsseEnvelope.payloadType", "text/plain"),
    "sloppy base64": ("dsseEnvelope.payload", "AB=="),
    "log entries no array": ("verificationMaterial.tlogEntries", {}),
    "keyid no text": ("dsseEnvelope.signatures", [{"sig": "AAAA", "keyid": 1}]),
}


@pytest.mark.parametrize("name", BAD_BUNDLES)
def test_a_bad_bundle_is_refused(name: str) -> None:
    value: Any = canonical.decode(ship().bundle, canonical=True)
    path, new = BAD_BUNDLES[name]
    *way, last = path.split(".")
    inner = value
    for step in way:
        inner = inner[step]
    inner[last] = new
    with pytest.raises(EvidenceError):
        bundle.parse_bundle(canonical.encode(value))
