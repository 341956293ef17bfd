"""A claim about one file depends on the files it calls: it must not be reused when they change."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_a_change_in_a_called_file_is_seen(tmp_path: Path) -> None:
    maestro = Path(sys.executable).with_name("maestro")
    if not maestro.exists():
        pytest.skip("the maestro command is not installed")

    def check(*files: str) -> int:
        words = [str(maestro), "check", "--only", "taint", *files]
        return subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, timeout=120).returncode

    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    source = "from flask import request\ndef data():\n    return request.args['q']\n"
    (tmp_path / "app.py").write_text("import os\nimport lib\nos.system(lib.data())\n", encoding="utf-8")
    (tmp_path / "lib.py").write_text("def data():\n    return 'ls'\n", encoding="utf-8")
    assert check("app.py") == 0
    (tmp_path / "lib.py").write_text(source, encoding="utf-8")
    assert check("app.py") == 1
