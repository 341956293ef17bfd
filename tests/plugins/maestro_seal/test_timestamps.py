"""Timestamps by a real authority (``openssl ts`` on loopback): asked for, stored, verified, every forgery rejected."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from maestro_hooks import cli
from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.evidence.bundle import encode_bundle, parse_bundle, sign_payload
from maestro_hooks.evidence.timestamp_token import bare, stamped_at
from maestro_hooks.evidence.trust import parse_trust
from maestro_hooks.sealing import keys
from maestro_hooks.sealing.stamping import stamped as seal_stamped
from maestro_hooks.workspace import open_workspace
from maestro_seal.stamping import ask_authority
from tests.evidence.shipment import (
    RELEASE_KEY,
    REQUIRED,
    ROOT_KEY,
    RULES,
    Shipment,
    detail,
    policy_bytes,
    ship,
    status,
    trust_bytes,
    trusted,
)
from tests.plugins.maestro_seal.authority import DAY, Tsa, make_tsa, send, serving, serving_tsa
from tests.support.buildable import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.report import Report
    from tests.support.git_repository import GitRepository

pytestmark = pytest.mark.engine("openssl")
MESSAGE = b"a signature"
PEM = Encoding.PEM


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return make_tsa(tmp_path_factory.mktemp("tsa") / "it")


@pytest.fixture(scope="module")
def token(tsa: Tsa) -> bytes:
    with serving_tsa(tsa) as address:
        return ask_authority(address, MESSAGE, timeout_s=10)


def released(**changes: Any) -> Shipment:
    """A release whose policy has no waiver that a calendar could end."""
    required = [i for i in REQUIRED if i != "reports/slow"]
    return ship(
        **{"required": required, "policy": policy_bytes([r for r in RULES if r["id"] != "slow"], []), **changes}
    )


def trust_of(tsa: Tsa, **changes: Any) -> bytes:
    """A trust file of today that names the authority."""
    moment = now()
    dates = {"valid_from": moment - 300 * DAY, "valid_to": moment + DAY}
    root = trusted(ROOT_KEY, "root-1", "root", **dates)
    release = trusted(RELEASE_KEY, "release-1", "release", **{**dates, **changes.pop("release", {})})
    settings = {"expires": moment + DAY, "keys": (root, release), "authorities": (tsa.authority(),)}
    return trust_bytes(**{**settings, **changes})


def stamped(tsa: Tsa, **changes: Any) -> Shipment:
    """A release whose signature the authority saw just now."""
    shipment = released(trust=trust_of(tsa, **changes))
    bundle = parse_bundle(shipment.bundle)
    with serving_tsa(tsa) as address:
        made = ask_authority(address, bundle.envelope.signatures[0].sig, timeout_s=10)
    return replace(shipment, bundle=encode_bundle(replace(bundle, timestamps=(made,))))


def looked_at(shipment: Shipment, **changes: Any) -> Report:
    return shipment.verify(**{"now": now(), **changes})


def test_a_stamped_release_passes_and_says_when(tsa: Tsa) -> None:
    report = looked_at(stamped(tsa, thresholds={"root": 1, "release": 1, "timestamp": 1}))
    assert (status(report, "timestamp"), status(report, "signature")) == ("pass", "pass")
    assert f"signed by {now():%Y-%m-%d}" in detail(report, "timestamp")


def test_openssl_accepts_the_stored_token(tsa: Tsa, tmp_path: Path) -> None:
    bundle = parse_bundle(stamped(tsa).bundle)
    (tmp_path / "token").write_bytes(bundle.timestamps[0])
    (tmp_path / "signature").write_bytes(bundle.envelope.signatures[0].sig)
    command = ["openssl", "ts", "-verify", "-data", "signature", "-in", "token"]
    command += ["-CAfile", str(tsa.place / "root.pem"), "-untrusted", str(tsa.place / "tsa.pem")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, "Verification: OK" in done.stdout + done.stderr) == (0, True), done.stderr
    (tmp_path / "signature").write_bytes(b"another signature")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_no_changed_bit_is_accepted(tsa: Tsa, token: bytes) -> None:
    certificates = tsa.authority().certificates
    assert abs(stamped_at(token, MESSAGE, certificates) - now()) < timedelta(minutes=5)
    for place in range(8 * len(token)):
        changed = bytearray(token)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(EvidenceError):
            stamped_at(bytes(changed), MESSAGE, certificates)
    for edited in (token[:-1], token + b"\0", token[1:], b"", b"\x30\x80" + token[4:]):
        with pytest.raises(EvidenceError):
            stamped_at(edited, MESSAGE, certificates)


def test_an_rsa_authority_that_sends_its_certificate(tmp_path: Path) -> None:
    """A token may bring certificates along, but only the pinned ones; no bit of them may change either."""
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder, decode_timestamp_response

    tsa = make_tsa(tmp_path / "rsa", key=rsa.generate_private_key(65537, 2048))
    builder = TimestampRequestBuilder(data=MESSAGE, hash_algorithm=HashAlgorithm.SHA512, cert_req=True)
    token = bare(decode_timestamp_response(tsa.reply(builder.build().as_bytes())).time_stamp_token())
    certificates = tsa.authority().certificates
    assert certificates[0] in token
    stamped_at(token, MESSAGE, certificates)
    for place in range(0, 8 * len(token), 3):  # an odd step: each bit of a byte in turn
        changed = bytearray(token)
        changed[place // 8] ^= 1 << place % 8
        with pytest.raises(EvidenceError):
            stamped_at(bytes(changed), MESSAGE, certificates)


def test_the_token_of_another_bundle(tsa: Tsa) -> None:
    shipment, other = stamped(tsa), released(required=())
    foreign = replace(parse_bundle(other.bundle), timestamps=parse_bundle(shipment.bundle).timestamps)
    report = looked_at(replace(other, bundle=encode_bundle(foreign), trust=shipment.trust))
    assert status(report, "timestamp") == "fail"
    assert "Mismatch between messages" in detail(report, "timestamp")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"days": (-100, -1)}, "expired"),
        ({"days": (1, 100)}, "not yet valid"),
        ({"usage": ()}, "unsuitable certificate purpose"),
        ({"usage": (ExtendedKeyUsageOID.CODE_SIGNING,)}, "unsuitable certificate purpose"),
        ({"critical": False}, "unsuitable certificate purpose"),
    ],
    ids=["expired", "not yet valid", "no usage", "another usage", "usage not critical"],
)
def test_a_certificate_that_does_not_count(tsa: Tsa, changes: dict[str, Any], words: str) -> None:
    """The same key, serial and issuer: only what the pinned certificate says differs."""
    wrong = tsa.authority(tsa.certificate(**changes), tsa.root)
    report = looked_at(stamped(tsa, authorities=(wrong,)))
    assert (status(report, "timestamp"), report.verdict) == ("fail", "fail")
    assert words in detail(report, "timestamp")


def test_another_authority_or_root(tsa: Tsa, tmp_path: Path) -> None:
    other = make_tsa(tmp_path / "other")
    for pinned in (other.authority(), tsa.authority(tsa.leaf, other.root), tsa.authority(other.leaf, tsa.root)):
        assert status(looked_at(stamped(tsa, authorities=(pinned,))), "timestamp") == "fail"
    both = stamped(tsa, authorities=(other.authority(), tsa.authority()))
    assert status(looked_at(both), "timestamp") == "pass"


def test_one_authority_twice_is_one(tsa: Tsa, tmp_path: Path) -> None:
    other = make_tsa(tmp_path / "other")
    demanded = {"root": 1, "release": 1, "timestamp": 2}
    shipment = stamped(tsa, authorities=(tsa.authority(), other.authority()), thresholds=demanded)
    bundle = parse_bundle(shipment.bundle)
    assert "demanded for each signature: 2, there: 1" in detail(looked_at(shipment), "timestamp")
    twice = encode_bundle(replace(bundle, timestamps=bundle.timestamps * 2))
    assert "1 of the 2 authorities" in detail(looked_at(shipment, bundles=[twice]), "timestamp")
    with serving_tsa(other) as address:
        second = ask_authority(address, bundle.envelope.signatures[0].sig, timeout_s=10)
    whole = encode_bundle(replace(bundle, timestamps=(*bundle.timestamps, second)))
    assert status(looked_at(shipment, bundles=[whole]), "timestamp") == "pass"
    spoilt = encode_bundle(replace(bundle, timestamps=(*bundle.timestamps, second, b"\x30\x00")))
    assert status(looked_at(shipment, bundles=[spoilt]), "timestamp") == "fail"


def test_a_time_outside_of_what_is_trusted(tsa: Tsa) -> None:
    moment = now()
    late = stamped(tsa, release={"valid_to": moment - DAY})
    assert "when release-1 was not valid" in detail(looked_at(late), "timestamp")
    retired = tsa.authority(valid_to=moment - DAY)
    assert "not trusted for" in detail(looked_at(stamped(tsa, authorities=(retired,))), "timestamp")
    assert "yet to come" in detail(looked_at(stamped(tsa), now=moment - DAY), "timestamp")


def test_a_timestamp_dates_a_key_that_expired_since(tsa: Tsa, monkeypatch: pytest.MonkeyPatch) -> None:
    shipment = stamped(tsa, release={"valid_to": now() + timedelta(hours=1)}, expires=now() + 9 * DAY)
    later = now() + timedelta(hours=2)
    assert looked_at(shipment, now=later).verdict == "pass"
    assert status(looked_at(shipment, now=later), "signature") == "pass"
    plain = encode_bundle(replace(parse_bundle(shipment.bundle), timestamps=()))
    assert status(looked_at(shipment, now=later, bundles=[plain]), "signature") == "fail"
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    report = looked_at(shipment, now=later)
    assert (status(report, "signature"), status(report, "timestamp")) == ("not-checked", "not-checked")


def test_without_the_library_it_is_never_green(tsa: Tsa, monkeypatch: pytest.MonkeyPatch) -> None:
    shipment = stamped(tsa)
    assert looked_at(shipment).verdict == "pass"
    monkeypatch.setitem(sys.modules, "rfc3161_client", None)
    report = looked_at(shipment)
    assert (status(report, "timestamp"), report.verdict) == ("not-checked", "incomplete")
    assert "pip install 'maestro-conductor[timestamp]'" in detail(report, "timestamp")
    with pytest.raises(ToolError, match="needs rfc3161-client"):
        ask_authority("http://127.0.0.1:1/", MESSAGE, timeout_s=1)


def test_no_authority_named_is_not_required_and_demanded_is_missed(tsa: Tsa) -> None:
    report = looked_at(stamped(tsa, authorities=()))
    assert (status(report, "timestamp"), report.verdict) == ("not-required", "pass")
    assert "prove nothing here" in detail(report, "timestamp")
    demanding = trust_of(tsa, thresholds={"root": 1, "release": 1, "timestamp": 1})
    assert status(looked_at(released(trust=demanding)), "timestamp") == "fail"
    with pytest.raises(EvidenceError, match="1 are demanded and 0 named"):
        parse_trust(trust_of(tsa, thresholds={"root": 1, "release": 1, "timestamp": 1}, authorities=()))


def drip(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with suppress(OSError):  # the client hangs up
        for _step in range(100):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda h, q: send(h, b"\x30\x05\x30\x03\x02\x01\x02"), "refuses|nonsense"),
        (lambda h, q: send(h, b"hello"), "nonsense"),
        (lambda h, q: send(h, b"", status=500), "answered 500"),
        (lambda h, q: send(h, b"<html>", kind="text/html"), "of text/html"),
        (lambda h, q: send(h, bytes(70_000)), "answered 200 with 65537 bytes"),
        (lambda h, q: h.connection.close(), "cannot be reached"),
        (drip, "no whole answer within 1 s|cannot be reached"),
    ],
    ids=["refuses", "nonsense", "status", "type", "too long", "closes", "drips"],
)
def test_an_authority_that_misbehaves(answer: Callable[[BaseHTTPRequestHandler, bytes], None], words: str) -> None:
    began = time.monotonic()
    with serving(answer) as address, pytest.raises(ToolError, match=words):
        ask_authority(address, MESSAGE, timeout_s=1)
    assert time.monotonic() - began < 10


def test_an_answer_to_another_question(tsa: Tsa, token: bytes) -> None:
    with serving(lambda h, q: send(h, token)) as address, pytest.raises(ToolError, match="another question"):
        ask_authority(address, MESSAGE, timeout_s=5)
    with pytest.raises(ToolError, match="cannot be reached"):
        ask_authority("http://127.0.0.1:9/", MESSAGE, timeout_s=1)


@pytest.fixture
def root(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with keys."""
    repository.commit({"a.py": "x = 1\n"})
    monkeypatch.chdir(repository.root)
    keys.create(repository.root, now=now(), encrypted_with=None)
    return repository.root


def add_tsa(capsys: pytest.CaptureFixture[str], chain: Path, *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    command = ["keys", "add-tsa", "--no-passphrase", "--certificates", str(chain), *words, "--json"]
    assert cli.main(command) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_an_authority_enters_the_trust_file(root: Path, tsa: Tsa, capsys: pytest.CaptureFixture[str]) -> None:
    chain = root / "chain.pem"
    for wrong in (b"hello", tsa.pem()[50:], tsa.certificate(usage=()).public_bytes(PEM), tsa.leaf.public_bytes(PEM)):
        chain.write_bytes(wrong)
        add_tsa(capsys, chain, code=2)
    add_tsa(capsys, root / "absent.pem", code=2)
    chain.write_bytes(tsa.pem())
    add_tsa(capsys, chain, "--timestamps", "2", code=2)
    assert keys.load_trust(root).trust.version == 1
    made = add_tsa(capsys, chain, "--timestamps", "1")
    assert (made["timestamps"], [a["name"] for a in made["timestamp_authorities"]]) == (1, ["CN=Authority"])
    trust = keys.load_trust(root).trust
    assert (trust.version, trust.authorities[0].certificates) == (2, tsa.authority().certificates)
    add_tsa(capsys, chain, code=2)
    assert cli.main(["keys", "show"]) == 0
    assert "timestamps demanded: 1" in capsys.readouterr().out


def sealing(root: Path, address: str) -> tuple[Bundle, tuple[str, ...]]:
    """What the seal makes of a signature, with the plugin as it is installed and configured."""
    (root / "maestro.toml").write_text(f'[seal]\ntimestamp = "{address}"\ntimestamp_timeout_s = 2\n')
    key = keys.signer(root, environ={}, now=now()).key
    workspace = open_workspace(root)
    return seal_stamped(workspace, sign_payload(b"{}", key), keys.trust_path(root).read_bytes())


def test_a_seal_asks_the_configured_authority(root: Path, tsa: Tsa, capsys: pytest.CaptureFixture[str]) -> None:
    assert sealing(root, "")[0].timestamps == ()
    with serving_tsa(tsa) as address:
        bundle, warnings = sealing(root, address)
        assert (len(bundle.timestamps), warnings) == (1, ())
        assert parse_bundle(encode_bundle(sign_payload(b"{}", RELEASE_KEY))).timestamps == ()
        assert parse_bundle(encode_bundle(bundle)).timestamps == bundle.timestamps
        stamped_at(bundle.timestamps[0], bundle.envelope.signatures[0].sig, tsa.authority().certificates)
    # Nobody demands a timestamp: that there is none is said, and no more.
    bundle, warnings = sealing(root, address)
    assert (bundle.timestamps, len(warnings)) == ((), 1)
    assert "cannot be reached" in warnings[0]


def test_a_demanded_timestamp_that_fails_stops_the_seal(
    root: Path, tsa: Tsa, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "chain.pem").write_bytes(tsa.pem())
    add_tsa(capsys, root / "chain.pem", "--timestamps", "1")
    with serving_tsa(tsa) as address:
        assert len(sealing(root, address)[0].timestamps) == 1
    for nobody in (address, ""):
        with pytest.raises(ToolError, match="demanded by the trust file: 1, there: 0"):
            sealing(root, nobody)
    with serving_tsa(make_tsa(tmp_path / "stranger")) as address, pytest.raises(ToolError, match="not by CN=Authority"):
        sealing(root, address)


def test_a_release_from_the_settings_to_the_auditor(
    repository: GitRepository,
    tsa: Tsa,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "maestro_hooks.integrations.pytest_plugin")
    monkeypatch.chdir(repository.root)
    repository.commit({**PROJECT, "test_one.py": "def test_one():\n    assert 1 + 1 == 2\n"})
    (tmp_path / "chain.pem").write_bytes(tsa.pem())
    assert cli.main(["init"]) == 0
    assert cli.main(["keys", "new", "--no-passphrase"]) == 0
    add_tsa(capsys, tmp_path / "chain.pem", "--timestamps", "1")
    with serving_tsa(tsa) as address:
        (repository.root / "maestro.toml").write_text(f'[seal]\ntimestamp = "{address}"\n')
        assert cli.main(["run"]) == 0, capsys.readouterr()
    bundle = next((repository.root / "dist").glob("*.sigstore.json"))
    assert len(parse_bundle(bundle.read_bytes()).timestamps) == 1
    capsys.readouterr()
    assert cli.main(["verify", str(bundle)]) == 0
    assert "1 RFC 3161 token of named authorities: signed by" in " ".join(capsys.readouterr().out.split())
    # With the authority gone, no bundle is made.
    bundle.unlink()
    assert cli.main(["seal"]) == 3
    assert "timestamps demanded by the trust file: 1, there: 0" in capsys.readouterr().err
    assert not bundle.exists()
