"""``maestro cas`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import maestro_cas
from maestro_cas import claims
from maestro_cas.opening import open_for, read_settings
from maestro_hooks.cli import main
from maestro_hooks.requests import CacheEntry, ContentKey, FetchRequest, StoreRequest

if TYPE_CHECKING:
    from collections.abc import Callable

Cas = "Callable[..., tuple[int, str, str]]"


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "in.txt").write_text("hello\n")
    code = (
        "import pathlib, sys; pathlib.Path('out.txt').write_text(pathlib.Path('in.txt').read_text() * 2); print('made')"
    )
    (tmp_path / "make.py").write_text(code)
    subprocess.run(["git", "-C", str(tmp_path), "add", "-A"], check=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cas(toy: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    del toy

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["cas", *words])
        out, err = capfd.readouterr()
        return code, out, err

    return run


RUN = ("run", "--name", "toy", "--inputs", "in.txt", "make.py", "--outputs", "out.txt", "--", sys.executable, "make.py")


def test_run_restores_and_says_so(cas: Callable[..., tuple[int, str, str]], toy: Path) -> None:
    code, out, err = cas(*RUN)
    assert (code, out) == (0, "made\n")
    assert "stored" in err
    (toy / "out.txt").unlink()
    code, out, err = cas(*RUN)
    assert (code, out) == (0, "made\n")
    assert "1 outputs restored" in err
    assert (toy / "out.txt").read_text() == "hello\nhello\n"


def test_the_commands_exit_code_is_kept_and_failures_are_not_stored(
    cas: Callable[..., tuple[int, str, str]], toy: Path
) -> None:
    (toy / "make.py").write_text("raise SystemExit(7)")
    for _ in range(2):
        code, _, err = cas(*RUN)
        assert code == 7
        assert "not stored: exit code 7" in err


def test_looking_into_the_store(cas: Callable[..., tuple[int, str, str]]) -> None:
    cas(*RUN)
    rows = json.loads(cas("ls", "--json")[1])["results"]
    assert [r["outputs"] for r in rows] == [1]
    key = rows[0]["key"]
    assert "undeclared" in cas("stat", key[:12])[1]
    assert json.loads(cas("stat", "--json")[1])["records"] == 1
    assert cas("why", "toy")[0] == 1
    cas(*RUN)
    assert cas("why", "toy")[0] == 0
    report: Any = json.loads(cas("report", "--json")[1])
    assert report["rows"][-1]["action_permille"] == 500
    assert "50.0 %" in cas("report", "--since", "1h")[1]
    assert cas("fsck")[0] == 0
    blob = next(p for p in Path(".maestro/cas/cas").rglob("*") if p.is_file())
    blob.chmod(0o600)
    blob.write_bytes(b"damage")
    assert cas("fsck")[0] == 1
    assert cas("gc", "--max-bytes", "0")[0] == 0
    assert "nothing is cached" in cas("ls")[1]


def test_export_as_slsa_provenance(cas: Callable[..., tuple[int, str, str]]) -> None:
    cas(*RUN)
    key = json.loads(cas("ls", "--json")[1])["results"][0]["key"]
    statement = json.loads(cas("export", key, "--slsa")[1])
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    assert [s["name"] for s in statement["subject"]] == ["out.txt"]
    names = [d["name"] for d in statement["predicate"]["buildDefinition"]["resolvedDependencies"]]
    assert names == ["in.txt", "make.py"]
    envelope = json.loads(cas("export", key)[1])
    assert envelope["payloadType"] == "application/vnd.maestro.action+json"
    assert len(envelope["signatures"]) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "--inputs", "/etc/passwd", "--", "true"), "is absolute"),
        (("run", "--inputs", "in.txt", "--outputs", "../x", "--", "true"), "leaves the root"),
        (("run", "--inputs", "in.txt"), "no command"),
        (("run", "--", "no-such-program-at-all"), "no such program"),
        (("why", "nobody"), "nothing of this name"),
        (("report", "--since", "ever"), "no span"),
        (("export", "ffff"), "0 results"),
    ],
)
def test_mistakes_are_explained(cas: Callable[..., tuple[int, str, str]], words: tuple[str, ...], message: str) -> None:
    code, _, err = cas(*words)
    assert code == 2
    assert message in err


def test_cached_results_are_claims_about_the_tree(cas: Callable[..., tuple[int, str, str]], toy: Path) -> None:
    cas(*RUN)
    cas(*RUN)
    store = open_for(str(toy), read_settings(str(toy)))
    made = {o.key: o for o in claims.obligations(store, str(toy))}
    assert made["cas/origin/toy"].value == "local"
    assert made["cas/outputs/toy"].value == 1
    assert made["cas/quarantined"].value == 0
    assert len(str(made["cas/writer/toy"].value)) == 64
    assert made["cas/undeclared-reads/toy"].value == len(made["cas/undeclared-reads/toy"].findings)
    assert [a.name for a in made["cas/action/toy"].attachments] == ["action-record.dsse.json", "inputs.txt"]
    (toy / "in.txt").write_text("another tree\n")
    assert list(claims.obligations(store, str(toy))) == []


def test_plugin_entries_travel_through_the_store(toy: Path) -> None:
    key = ContentKey("bloom/index:" + "a" * 64)
    entry = CacheEntry(metadata={"tests": 3}, blobs={"index.bin": b"\x00\x01"})
    assert maestro_cas.maestro_fetch(FetchRequest(root=toy, key=key)) is None
    maestro_cas.maestro_store(StoreRequest(root=toy, key=key, entry=entry))
    found = maestro_cas.maestro_fetch(FetchRequest(root=toy, key=key))
    assert found is not None
    assert (dict(found.metadata), dict(found.blobs)) == ({"tests": 3}, {"index.bin": b"\x00\x01"})
    assert maestro_cas.maestro_fetch(FetchRequest(root=toy, key=ContentKey("another"))) is None
    assert (toy / ".maestro/cas").is_dir()


@pytest.mark.parametrize(("mode", "kept"), [("ro", False), ("off", False), ("refresh", True)])
def test_plugin_entries_heed_the_cache_mode(toy: Path, monkeypatch: pytest.MonkeyPatch, mode: str, kept: bool) -> None:
    request = FetchRequest(root=toy, key=ContentKey("bloom/index"))
    monkeypatch.setenv("MAESTRO_CACHE", mode)
    entry = CacheEntry(metadata={}, blobs={})
    maestro_cas.maestro_store(StoreRequest(root=toy, key=request.key, entry=entry))
    monkeypatch.delenv("MAESTRO_CACHE")
    assert (maestro_cas.maestro_fetch(request) is not None) is kept
