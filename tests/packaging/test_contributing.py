"""CONTRIBUTING.md's plugin is real: its files are written out, installed and used."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^`(?P<name>[\w.]+)`:\n\n```\w+\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.slow
def test_the_plugin_of_ten_minutes(repository: GitRepository, tmp_path: Path) -> None:
    source = tmp_path / "plugin"
    source.mkdir()
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = []
    for block in BLOCK.finditer(text):
        (source / block["name"]).write_text(block["body"], encoding="utf-8")
        names.append(block["name"])
    assert names == ["maestro_docstrings.py", "pyproject.toml", "test_docstrings.py"]

    site = tmp_path / "site"
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
    ]
    subprocess.run([*pip, str(source)], check=True, capture_output=True)
    env = {**os.environ, "PYTHONPATH": str(site)}

    tests = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(source), str(source)]
    done = subprocess.run(tests, cwd=source, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout

    repository.commit({"good.py": 'def f():\n    """Words."""\n', "bad.py": "def g(): pass\n"})
    check = [sys.executable, "-m", "maestro_hooks", "check", "--only", "docstrings", "--json"]
    shown = subprocess.run(check, cwd=repository.root, env=env, capture_output=True, text=True, check=False)
    assert shown.returncode == 1, shown.stderr
    verdicts = {o["key"]: o["verdict"] for o in json.loads(shown.stdout)["obligations"]}
    assert verdicts == {
        "docstrings/gate": "met",
        "docstrings/missing/bad.py": "unmet",
        "docstrings/missing/good.py": "met",
    }
