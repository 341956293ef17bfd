from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.commands import keys as keys_command
from maestro_hooks.commands import prove, verify
from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.evidence.bundle import sign_bundle
from maestro_hooks.evidence.disclosure import parse_disclosures
from maestro_hooks.sealing import keys, store
from tests.evidence.shipment import REQUIRED, WHEEL, ship

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType


def call(command: ModuleType, root: Path, *words: str, as_json: bool = False) -> ExitCode:
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    parser = ArgumentParser()
    command.add_arguments(parser)
    args: Namespace = parser.parse_args([*words])
    args.root, args.json = root, as_json
    code: ExitCode = command.run(args)
    return code


@pytest.fixture
def dist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release directory as the seal leaves it, under keys valid today."""
    monkeypatch.chdir(tmp_path)
    now = datetime.now(UTC).replace(microsecond=0)
    keys.create(tmp_path, now=now, encrypted_with=None)
    without_waiver = [i for i in REQUIRED if i != "reports/slow"]
    shipment = ship(required=without_waiver, policy=_policy())
    place = tmp_path / "dist"
    place.mkdir()
    signer = keys.signer(tmp_path, environ={}, now=now)
    (place / "demo.sigstore.json").write_bytes(sign_bundle(shipment.sealed.payload, signer.key))
    (place / "demo.ce-leaf.json").write_bytes(shipment.leaves)
    (place / "demo.policy.json").write_bytes(shipment.policy)
    (place / "demo.whl").write_bytes(WHEEL)
    (place / "trust.json").write_bytes((tmp_path / "trust.json").read_bytes())
    store.store_sealed(tmp_path, shipment.sealed)
    return place


def _policy() -> bytes:
    from tests.evidence.shipment import RULES, policy_bytes

    return policy_bytes([rule for rule in RULES if rule["id"] != "slow"], [])


# --- verify ----------------------------------------------------------------------------------------------------


def test_a_release_directory_verifies_with_what_lies_beside_the_bundle(
    dist: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(verify, dist.parent, str(dist / "demo.sigstore.json")) is ExitCode.OK
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[0].startswith("demo 1.0, manifest ")
    assert lines[-1] == "VERIFIED"
    for name in ("demo.ce-leaf.json", "demo.policy.json", "trust.json", "demo.whl"):
        assert str(dist / name) in out
    words = [line.split()[:2] for line in lines if line.startswith("  ")]
    assert ["signature", "pass"] in words
    assert ["checkpoint", "not-required"] in words


def test_a_directory_stands_for_the_one_release_in_it(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(verify, dist, str(dist)) is ExitCode.OK
    assert "VERIFIED" in capsys.readouterr().out
    (dist / "other.sigstore.json").write_bytes(b"{}")
    with pytest.raises(UsageError, match="2 bundles"):
        call(verify, dist, str(dist))
    with pytest.raises(UsageError, match="no bundle"):
        call(verify, dist, str(dist.parent))


def test_an_address_is_refused(dist: Path) -> None:
    with pytest.raises(UsageError, match="opens no connection"):
        call(verify, dist, "https://example.org/demo.sigstore.json")


def test_the_json_report_is_one_object(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(verify, dist.parent, str(dist / "demo.sigstore.json"), as_json=True) is ExitCode.OK
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["ok"], report["verdict"]) == ("maestro.verify/1", True, "pass")
    assert len(report["defaults"]) == 4


def test_tampered_artifact_exits_4(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dist / "demo.whl").write_bytes(b"other bytes")
    assert call(verify, dist.parent, str(dist / "demo.sigstore.json")) is ExitCode.EVIDENCE_INVALID
    assert capsys.readouterr().out.splitlines()[-1] == "NOT VALID (first: subject)"


def test_missing_inputs_exit_3(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dist / "demo.whl").unlink()
    assert call(verify, dist.parent, str(dist / "demo.sigstore.json")) is ExitCode.TOOL_FAILED
    assert capsys.readouterr().out.splitlines()[-1] == "CANNOT DECIDE (first: subject)"


def test_the_trust_file_here_serves_when_none_lies_beside(dist: Path) -> None:
    (dist / "trust.json").unlink()
    assert call(verify, dist.parent, str(dist / "demo.sigstore.json")) is ExitCode.OK


def test_files_may_be_given(dist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("demo.whl", "demo.ce-leaf.json", "demo.policy.json", "trust.json"):
        (dist / name).rename(moved / name)
    words = ["--artifact", str(moved / "demo.whl"), "--leaf", str(moved / "demo.ce-leaf.json")]
    words += ["--policy", str(moved / "demo.policy.json"), "--trust", str(moved / "trust.json")]
    assert call(verify, tmp_path, str(dist / "demo.sigstore.json"), *words) is ExitCode.OK
    assert "taken from beside" not in capsys.readouterr().out


@pytest.mark.parametrize("option", ["bundle", "--artifact", "--leaf", "--trust", "--policy"])
def test_an_unreadable_file_is_a_usage_error(dist: Path, option: str) -> None:
    words = [str(dist / "demo.sigstore.json")] if option != "bundle" else []
    words += [str(dist / "absent")] if option == "bundle" else [option, str(dist / "absent")]
    with pytest.raises(UsageError, match="absent"):
        call(verify, dist.parent, *words)


def test_junk_exits_4_and_names_the_step(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (dist / "demo.sigstore.json").write_bytes(b'{"a":1,"a":2}')
    assert call(verify, dist.parent, str(dist / "demo.sigstore.json")) is ExitCode.EVIDENCE_INVALID
    out = capsys.readouterr().out
    assert "duplicate key" in out
    assert out.splitlines()[-1] == "NOT VALID (first: parse)"


def test_a_subject_name_cannot_lead_out_of_the_directory(dist: Path) -> None:
    assert verify._subject_names(dist / "demo.sigstore.json") == ["demo.whl"]
    for name in ("../secret", "/etc/passwd", "..", "a\\b", "a\x00b", ""):
        assert not verify._is_plain(name)


def test_terminal_control_characters_do_not_reach_the_terminal(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = (dist / "trust.json").read_bytes().replace(b"release-1", b"\\u001b[2J-1")
    (dist / "trust.json").write_bytes(data)
    call(verify, dist.parent, str(dist / "demo.sigstore.json"))
    assert "\x1b" not in capsys.readouterr().out


def test_verifying_loads_no_plugin_and_no_heavy_module(dist: Path) -> None:
    code = (
        "import sys; from argparse import ArgumentParser; from maestro_hooks.commands import verify\n"
        "p = ArgumentParser(); verify.add_arguments(p); a = p.parse_args(sys.argv[1:]); a.json = False\n"
        "result = verify.run(a)\n"
        "print(sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr); sys.exit(result)"
    )
    made = subprocess.run(
        [sys.executable, "-c", code, str(dist / "demo.sigstore.json")],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if not k.startswith("COV")},
    )
    assert made.returncode == 0, made.stderr
    loaded = set(json.loads(made.stderr.splitlines()[-1].replace("'", '"')))
    assert "cryptography" in loaded
    assert not loaded & {"msgspec", "pluggy", "yaml", "rich", "socket", "ssl", "importlib_metadata", "libcst", "bandit"}
    assert not {name for name in loaded if name.startswith("maestro_") and name != "maestro_hooks"}


# --- prove -----------------------------------------------------------------------------------------------------


def test_a_leaf_is_disclosed_with_its_proof(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = dist.parent
    assert call(prove, root, "bandit/scan") is ExitCode.OK
    (item,) = parse_disclosures(capsys.readouterr().out.encode())
    assert b"boom" in item.leaf
    out = dist / "more.json"
    assert call(prove, root, "bandit/scan", "pytest/failed", "--output", str(out)) is ExitCode.OK
    assert len(parse_disclosures(out.read_bytes())) == 2
    words = ["--leaf", str(out), "--leaf", str(dist / "demo.ce-leaf.json")]
    assert call(verify, root, str(dist / "demo.sigstore.json"), *words) is ExitCode.OK


def test_proving_as_json(dist: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = store.latest(dist.parent)
    assert call(prove, dist.parent, "bandit/scan", "--manifest", name, as_json=True) is ExitCode.OK
    made = json.loads(capsys.readouterr().out)
    assert (made["schema"], made["ok"], made["manifest"]) == ("maestro.prove/1", True, {"sha256": name})


def test_an_unknown_id_gets_a_suggestion(dist: Path) -> None:
    with pytest.raises(UsageError, match="pytest/fialed") as caught:
        call(prove, dist.parent, "pytest/fialed")
    assert "pytest/failed" in caught.value.fix
    assert caught.value.exit_code is ExitCode.USAGE
    with pytest.raises(UsageError, match="cannot write"):
        call(prove, dist.parent, "pytest/failed", "--output", str(dist / "no" / "file"))


# --- keys ------------------------------------------------------------------------------------------------------


def test_keys_new_show_rotate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "word")
    assert call(keys_command, tmp_path, "new") is ExitCode.OK
    assert call(keys_command, tmp_path, "rotate", "--with-root") is ExitCode.OK
    capsys.readouterr()
    assert call(keys_command, tmp_path, "show", as_json=True) is ExitCode.OK
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema"], shown["version"], shown["log"], shown["warnings"]) == ("maestro.keys/1", 2, "none", [])
    assert [key["name"] for key in shown["keys"]] == ["root-1", "release-1", "release-2", "root-2"]
    assert call(keys_command, tmp_path, "show") is ExitCode.OK
    assert "version 2" in capsys.readouterr().out


def test_without_a_passphrase_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE, raising=False)
    with pytest.raises(UsageError, match="passphrase") as caught:
        call(keys_command, tmp_path, "new")
    assert keys.PASSPHRASE_VARIABLE in caught.value.fix
    assert [place.name for place in tmp_path.iterdir()] == [".git"]


def test_unencrypted_keys_are_said_loudly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE, raising=False)
    assert call(keys_command, tmp_path, "new", "--no-passphrase") is ExitCode.OK
    assert capsys.readouterr().out.startswith("WARNING: the private keys are NOT encrypted")
    monkeypatch.setenv(keys.PASSPHRASE_VARIABLE, "word")
    with pytest.raises(UsageError, match="contradicts"):
        call(keys_command, tmp_path, "rotate", "--no-passphrase")


@pytest.mark.parametrize(("answers", "words"), [(["a", "b"], "differ"), (["", ""], "empty"), (["a", "a"], "")])
def test_a_terminal_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[str], words: str) -> None:
    monkeypatch.delenv(keys.PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    given = iter(answers)
    monkeypatch.setattr("getpass.getpass", lambda _: next(given))
    if words:
        with pytest.raises(UsageError, match=words):
            call(keys_command, tmp_path, "new")
        assert [place.name for place in tmp_path.iterdir()] == [".git"]
    else:
        assert call(keys_command, tmp_path, "new") is ExitCode.OK
        public = keys.load_trust(tmp_path).trust.keys[0].public
        assert keys.load_private(tmp_path, public, b"a")
