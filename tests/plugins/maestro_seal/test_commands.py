"""``maestro log`` from init to verify, a seal that enters the log, and an auditor who remembers its head."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks import cli
from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.evidence import canonical, note, signature
from maestro_hooks.evidence.bundle import encode_bundle, sign_payload
from maestro_hooks.evidence.log_entry import entry_bytes
from maestro_hooks.requests import LogRequest
from maestro_hooks.sealing import keys
from maestro_hooks.sealing.seal import logged
from maestro_seal import maestro_log
from maestro_seal.serving import witness_server
from maestro_seal.settings import SealSettings
from maestro_seal.witness import Witness
from tests.evidence.shipment import REQUIRED, RULES, WHEEL, policy_bytes, ship
from tests.plugins.maestro_seal.clients import BUILT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.git_repository import GitRepository

ORIGIN = "project.example/log"


@pytest.fixture
def root(repository: GitRepository, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with keys."""
    repository.commit({"a.py": "x = 1\n"})
    monkeypatch.chdir(repository.root)
    keys.create(repository.root, now=datetime.now(UTC).replace(microsecond=0), encrypted_with=None)
    return repository.root


def log(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> dict[str, Any]:
    capsys.readouterr()
    assert cli.main(["log", *words, "--json"]) == code
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def release(root: Path, **settings: Any) -> Path:
    """Sign, log and write a release as a seal does; return its bundle."""
    now = datetime.now(UTC).replace(microsecond=0)
    required = [i for i in REQUIRED if i != "reports/slow"]
    shipment = ship(required=required, policy=policy_bytes([r for r in RULES if r["id"] != "slow"], []))
    signer = keys.signer(root, environ={}, now=now)
    bundle = sign_payload(shipment.sealed.payload, signer.key)
    body = entry_bytes(bundle.envelope.payload, bundle.envelope.signatures[0].sig, signer.trusted.public)
    proof = maestro_log(LogRequest(root=root, entry=body, settings=SealSettings(log="log", **settings)))
    assert proof is not None
    place = root / f"dist{proof.index}"
    place.mkdir()
    (place / "demo.sigstore.json").write_bytes(encode_bundle(replace(bundle, log_entry=logged(body, proof))))
    (place / "demo.ce-leaf.json").write_bytes(shipment.leaves)
    (place / "demo.policy.json").write_bytes(shipment.policy)
    (place / "demo.whl").write_bytes(WHEEL)
    (place / "trust.json").write_bytes((root / "trust.json").read_bytes())
    return place / "demo.sigstore.json"


def test_from_init_to_verify(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = log(capsys, "init", "log", "--origin", ORIGIN)
    assert note.parse_vkey(made["vkey"], kinds=[note.ED25519])[0] == ORIGIN
    trust = keys.load_trust(root).trust
    assert (trust.log, trust.version, [key.name for key in trust.of_role("log")]) == (ORIGIN, 2, [ORIGIN])
    (root / "one").write_bytes(b"1")
    (root / "two").write_bytes(b"2")
    assert log(capsys, "append", "log", "one", "two")["size"] == 2
    assert log(capsys, "append", "log", "one")["first"] == 2
    assert log(capsys, "gc", "log")["removed"] == 0
    assert {k: v for k, v in log(capsys, "verify", "log").items() if k in ("size", "heads")} == {"size": 3, "heads": 3}
    tile = root / "log/tile/entries/000.p/3"
    tile.write_bytes(tile.read_bytes().replace(b"2", b"3"))
    failed = log(capsys, "verify", "log", code=int(ExitCode.EVIDENCE_INVALID))
    assert failed["ok"] is False


def test_usage_errors_say_what_to_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ("verify",),
        ("init", "log"),
        ("verify", "log"),
        ("serve-dir", "log"),
        ("witness", "w"),
        ("add-witness",),
        ("append", "log"),
        ("init", "log", "--origin", "two words"),
        ("page", "no/such/directory/page.html"),
    ):
        found = log(capsys, *words, code=4 if "two words" in words else 2)
        assert found["error"]["what"]
    assert not (root / "log").exists()
    with pytest.raises(UsageError, match="names no log"):
        maestro_log(LogRequest(root=root, entry=b"{}", settings=SealSettings(log="log")))


def test_no_log_configured_means_no_entry(root: Path) -> None:
    assert maestro_log(LogRequest(root=root, entry=b"{}")) is None


def test_a_release_enters_the_log_and_an_auditor_remembers_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log(capsys, "init", "log", "--origin", ORIGIN)
    first, second = release(root), release(root)
    state = root / "head.json"
    capsys.readouterr()
    assert cli.main(["verify", str(first), "--state", str(state)]) == 0
    assert json.loads(state.read_bytes())["size"] == "1"
    # The log grew: whether honestly, only a copy of it can tell.
    assert cli.main(["verify", str(second), "--state", str(state)]) == 3
    assert cli.main(["verify", str(second), "--state", str(state), "--log", "log"]) == 0
    assert json.loads(state.read_bytes())["size"] == "2"
    # An older bundle is still good, and does not roll the state back.
    assert cli.main(["verify", str(first), "--state", str(state), "--log", "log"]) == 0
    assert json.loads(state.read_bytes())["size"] == "2"
    state.write_bytes(canonical.encode({"schema": "maestro.head/1", "size": "2", "root": "A" * 43 + "="}))
    assert cli.main(["verify", str(second), "--state", str(state), "--log", "log"]) == 4


@pytest.mark.parametrize("alg", ["ed25519", "ml-dsa-44"])
def test_witnesses_make_a_quorum(root: Path, capsys: pytest.CaptureFixture[str], alg: str) -> None:
    log(capsys, "init", "log", "--origin", ORIGIN)
    key = keys.stand_alone_key(root / "w" / "witness.pem", alg=alg, passphrase=None)
    assert signature.public_of(keys.stand_alone_key(root / "w" / "witness.pem", passphrase=None)).alg == alg
    assert (root / "w" / "witness.pem").stat().st_mode & 0o777 == 0o600
    vkey = note.vkey("witness.example/1", note.COSIGNATURES[alg], signature.public_of(key))
    refused = log(capsys, "add-witness", "--vkey", vkey, "--quorum", "2", code=2)
    assert "as many witnesses" in refused["error"]["what"]
    assert log(capsys, "add-witness", "--vkey", vkey)["quorum"] == 1
    logs = {k.name: k.public for k in keys.load_trust(root).trust.of_role("log")}
    server = witness_server(Witness("witness.example/1", key, logs, root / "w"), ("127.0.0.1", 0))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        cosigned = release(root, witnesses=(f"http://127.0.0.1:{server.server_address[1]}",))
    finally:
        server.shutdown()
        server.server_close()
    alone = release(root)
    capsys.readouterr()
    assert cli.main(["verify", str(cosigned), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["witnesses"] == 1
    assert cli.main(["verify", str(alone), "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["first_failure"] == "witness"


def test_the_page_is_written_beside_a_release(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = log(capsys, "page", "verifier.html")
    assert (root / "verifier.html").read_bytes() == BUILT.read_bytes()
    assert found["bytes"] == BUILT.stat().st_size
