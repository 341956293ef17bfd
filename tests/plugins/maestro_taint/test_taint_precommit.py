"""The README's example under real pre-commit: the hook blocks the commit, repairs it, and then lets it through."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = """import os

from flask import request


def listing() -> None:
    os.system("ls " + request.args["name"])
"""
CONFIG = """repos:
- repo: local
  hooks:
  - id: maestro-taint
    name: maestro taint
    entry: {maestro} hook taint --fix
    language: system
    types: [python]
    require_serial: true
"""


@pytest.mark.slow
@pytest.mark.engine("pre-commit")
def test_the_hook_blocks_and_repairs_under_pre_commit(tmp_path: Path) -> None:
    maestro = Path(sys.executable).with_name("maestro")
    if shutil.which("git") is None or not maestro.exists():
        pytest.skip("git or the maestro command is not installed")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)

    run("git", "init", "-q")
    (tmp_path / "app.py").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / ".pre-commit-config.yaml").write_text(CONFIG.format(maestro=maestro), encoding="utf-8")
    run("git", "add", "-A")
    first = run(sys.executable, "-m", "pre_commit", "run")
    assert first.returncode != 0, first.stdout
    assert "taint-command" in first.stdout
    assert "shlex.quote(request.args" in (tmp_path / "app.py").read_text(encoding="utf-8")
    run("git", "add", "-A")
    second = run(sys.executable, "-m", "pre_commit", "run")
    assert second.returncode == 0, second.stdout
