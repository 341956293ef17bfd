from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.commands import ledger as command
from maestro_hooks.errors import ExitCode, ToolError, UsageError
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.segment import SegmentWriter
from tests.evidence.ledger_samples import record, write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MAESTRO_RUN", raising=False)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "a.py").write_text("x = 1\n")
    return tmp_path


@pytest.fixture
def inputs(root: Path) -> Inputs:
    digest = hashlib.sha256((root / "a.py").read_bytes()).hexdigest()
    return Inputs(plugin="p", version="1", files={"a.py": digest})


def call(root: Path, *arguments: str, as_json: bool = False) -> ExitCode:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args(arguments, argparse.Namespace(root=root, json=as_json)))


def run_dir(root: Path, name: str = "r1") -> Path:
    return root / ".maestro" / "ledger" / name


def test_show_follows_the_work_tree(root: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    write(run_dir(root), [(record("p/a", 1, inputs), inputs)])
    assert call(root, "show") is ExitCode.OK
    assert capsys.readouterr().out.splitlines() == [
        "verdict  key  value   plugin  state",
        "met      p/a  1 <= 5  p       holds",
        "",
        "1 records: 1 hold for the work tree, 0 are stale",
    ]
    (root / "a.py").write_text("x = 2\n")
    assert call(root, "show", "--run", "r1") is ExitCode.OK
    assert "stale" in capsys.readouterr().out.splitlines()[1]


def test_show_as_json_with_what_to_know(root: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    write(run_dir(root), [(record("p/a", 1, inputs), inputs)], finish=False)
    with SegmentWriter(run_dir(root), run="r1", process="test") as writer:
        writer.inputs(inputs)
        writer.append(record("q/b", 9, inputs))
        (run_dir(root) / "notes.txt").write_text("mine")
        call(root, "show", "--key", "q/*", as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert (shown["schema"], shown["ok"]) == ("maestro.ledger.show/1", True)
    assert [(r["key"], r["verdict"], r["state"]) for r in shown["records"]] == [("q/b", "unmet", "holds")]
    notes = "\n".join(shown["notes"])
    for words in ("its process died before its end", "a process is still writing", "notes.txt: not a ledger segment"):
        assert words in notes


def test_show_lists_a_conflict_and_fails(root: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    write(run_dir(root), [(record("p/a", 1, inputs), inputs), (record("p/a", 2, inputs), inputs)])
    assert call(root, "show") is ExitCode.EVIDENCE_INVALID
    assert "2 contradict each other" in capsys.readouterr().out


def test_show_of_an_empty_ledger_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(root, "show") is ExitCode.OK
    assert capsys.readouterr().out.startswith("0 records")
    with pytest.raises(UsageError, match="no run 'r9'"):
        call(root, "show", "--run", "r9")


def test_gc_says_what_it_did(root: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(run_dir(root), [(record("p/a", 1, inputs), inputs)])
    size = path.stat().st_size
    assert call(root, "gc") is ExitCode.OK
    assert capsys.readouterr().out == "freed 0 bytes\n"
    assert call(root, "gc", "--keep", "0", as_json=True) is ExitCode.OK
    assert json.loads(capsys.readouterr().out) == {
        "schema": "maestro.ledger.gc/1",
        "ok": True,
        "removed": [{"run": "r1", "segments": 1}],
        "kept": [],
        "freed_bytes": size,
    }


def test_gc_that_had_to_keep_something_is_not_ok(
    root: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]
) -> None:
    with SegmentWriter(run_dir(root), run="r1", process="test") as writer:
        writer.inputs(inputs)
        writer.append(record("p/a", 1, inputs))
        assert call(root, "gc", "--run", "r1") is ExitCode.UNMET
    assert "kept r1: " in capsys.readouterr().out


@pytest.mark.parametrize("count", ["-1", "x", "1.5", ""])
def test_gc_keeps_a_number_of_runs(root: Path, count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        call(root, "gc", f"--keep={count}")
    assert caught.value.code == ExitCode.USAGE
    assert "expected a number of runs" in capsys.readouterr().err


def test_export_writes_what_holds(root: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    stale = Inputs(plugin="p", version="1", files={"a.py": "0" * 64})
    write(run_dir(root), [(record("p/a", 1, inputs), inputs), (record("p/b", 1, stale), stale)])
    assert call(root, "export") is ExitCode.OK
    printed = capsys.readouterr()
    assert "left out 1 stale claims" in printed.err
    out = root / "out.jsonl"
    assert call(root, "export", "--out", str(out), as_json=True) is ExitCode.OK
    assert json.loads(capsys.readouterr().out)["records"] == 1
    assert out.read_text() == printed.out
    assert '"p/b"' not in printed.out


def test_an_export_that_cannot_be_written_leaves_nothing(root: Path, inputs: Inputs) -> None:
    write(run_dir(root), [(record("p/a", 1, inputs), inputs)])
    (root / "out").mkdir()
    with pytest.raises(ToolError, match="cannot write the export"):
        call(root, "export", "--out", str(root / "out"))
    assert sorted(p.name for p in root.iterdir()) == [".git", ".maestro", "a.py", "out"]
