"""Verifiers that others wrote accept what we make and reject what was tampered with."""

from __future__ import annotations

import copy
import json
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey  # type: ignore[attr-defined]  # re-exported without __all__

from maestro_hooks.evidence import dsse, signature
from maestro_hooks.evidence.bundle import parse_bundle, sign_bundle
from tests.evidence.shipment import RELEASE_KEY, ship

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.signature import PrivateKey

P256_KEY = ec.derive_private_key(11, ec.SECP256R1())
KEYS = pytest.mark.parametrize("key", [RELEASE_KEY, P256_KEY], ids=["ed25519", "ecdsa-p256"])


def envelope(key: PrivateKey) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(sign_bundle(ship().sealed.payload, key))["dsseEnvelope"]
    return made


def their_verdict(made: dict[str, Any], key: PrivateKey) -> bool:
    theirs = SSlibKey.from_crypto(key.public_key(), keyid=signature.public_of(key).id)
    try:
        # from_dict consumes its argument
        Envelope.from_dict(copy.deepcopy(made)).verify([theirs], 1)
    except VerificationError:
        return False
    return True


@KEYS
def test_securesystemslib_agrees_about_the_envelope(key: PrivateKey) -> None:
    made = envelope(key)
    assert their_verdict(made, key)
    last = made["payload"]
    for field, forged in (
        ("payload", ("A" if last[0] != "A" else "B") + last[1:]),
        ("payloadType", "application/vnd.in-toto+jsom"),
    ):
        assert not their_verdict({**made, field: forged}, key)
    sig = made["signatures"][0]["sig"]
    tampered = {**made["signatures"][0], "sig": sig[:20] + ("A" if sig[20] != "A" else "B") + sig[21:]}
    assert not their_verdict({**made, "signatures": [tampered]}, key)


def test_in_toto_agrees_about_the_statement() -> None:
    payload = ship().sealed.payload

    def check(data: bytes) -> None:
        message = json_format.Parse(data, StatementMessage())
        theirs = Statement(
            subjects=list(message.subject), predicate_type=message.predicate_type, predicate=dict(message.predicate)
        )
        theirs.pb.type = message.type
        theirs.validate()

    check(payload)
    for forged in (
        payload.replace(b"in-toto.io/Statement/v1", b"in-toto.io/Statement/v0"),
        payload.replace(b'"predicateType":"https', b'"predicateTypo":"https'),
        payload.replace(b'"digest":{"sha256"', b'"digits":{"sha256"'),
    ):
        assert forged != payload
        with pytest.raises((ValueError, json_format.ParseError)):
            check(forged)


@KEYS
@pytest.mark.engine("openssl")
def test_openssl_agrees_about_the_signed_bytes(key: PrivateKey, tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    parsed = parse_bundle(sign_bundle(ship().sealed.payload, key)).envelope
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "k.pem").write_bytes(public)
    (tmp_path / "sig").write_bytes(parsed.signatures[0].sig)

    def check(message: bytes) -> bool:
        (tmp_path / "message").write_bytes(message)
        files = ["-inkey", "k.pem", "-in", "message", "-sigfile", "sig"]
        command = [openssl, "pkeyutl", "-verify", "-pubin", "-rawin", *files]
        if key is P256_KEY:
            command += ["-digest", "sha256"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert check(dsse.pae(dsse.IN_TOTO, parsed.payload))
    assert not check(parsed.payload)
    assert not check(dsse.pae(dsse.IN_TOTO, parsed.payload[:-1] + b"~"))
