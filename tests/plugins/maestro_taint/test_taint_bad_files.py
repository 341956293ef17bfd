"""Bad input through the command line: bounded time and memory, an answer for every file, never a crash or silence."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plugins.maestro_taint.bad_files import BAD, SINK, Bad

MAESTRO = Path(sys.executable).with_name("maestro")
SECONDS = 60
MEMORY = 2 << 30


def bounded() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(MAESTRO), *words], cwd=root, capture_output=True, text=True, check=False,
                          timeout=600, preexec_fn=bounded)  # fmt: skip


def answer(root: Path, bad: Bad) -> tuple[int, int, int]:
    """Exit code, flows that block, files not analysed."""
    for name, data in bad.files.items():
        (root / name).write_bytes(data)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    done = run(root, "check", "--only", "taint", "--json")
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    found: dict[str, Any] = {o["key"]: o for o in json.loads(done.stdout)["obligations"]}
    assert found["taint/gate"]["verdict"] == "met", "the gate itself never fails"
    flows, unanalysed = (int(found[f"taint/{name}"]["quantity"]["q"]) for name in ("flows", "unanalysed"))
    return done.returncode, flows, unanalysed


def judge(bad: Bad, root: Path) -> None:
    code, flows, unanalysed = answer(root, bad)
    assert code == (1 if flows or unanalysed else 0)
    good = {"unanalysed": unanalysed > 0, "flow": flows > 0, "either": flows + unanalysed > 0,
            "clean": flows + unanalysed == 0, "any": True}  # fmt: skip
    assert good[bad.wanted], (code, flows, unanalysed)


SOME = ("does not parse", "null byte", "unknown encoding", "a huge line", "a sum of 5,000", "an import cycle")


@pytest.mark.parametrize("bad", [b for b in BAD if b.name in SOME], ids=lambda b: b.name)
def test_some_bad_input(bad: Bad, tmp_path: Path) -> None:
    judge(bad, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("bad", [b for b in BAD if b.name not in SOME], ids=lambda b: b.name)
def test_all_bad_input(bad: Bad, tmp_path: Path) -> None:
    judge(bad, tmp_path)


def test_links_in_circles_pipes_and_devices_are_no_files_and_end(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("import os\nfrom flask import request\n" + SINK, encoding="utf-8")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "self.py").symlink_to("self.py")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "dir.py").mkdir()
    os.mkfifo(tmp_path / "pipe.py")
    for inside in (False, True):
        if inside:
            subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
            subprocess.run(["git", "add", "good.py", "self.py", "gone.py", "loop"], cwd=tmp_path, check=True)
        assert run(tmp_path, "check", "--only", "taint", *(() if inside else (".",))).returncode == 1
        for name in ("self.py", "gone.py", "pipe.py", "dir.py", "/dev/zero"):
            done = run(tmp_path, "check", "--only", "taint", name)
            assert done.returncode == 2, (name, done.stdout, done.stderr)
            assert name in done.stderr
            assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "x.py").chmod(0)
    done = run(tmp_path, "check", "--only", "taint", "x.py")
    assert done.returncode == 3
    assert "cannot read" in done.stderr
