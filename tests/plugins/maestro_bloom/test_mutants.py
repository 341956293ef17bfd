from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from maestro_bloom.mutants import audit

if TYPE_CHECKING:
    from pathlib import Path

# Seeded faults in a project that turns warnings into errors.

FILES = {
    ".gitignore": "__pycache__/\n",
    "pyproject.toml": '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n',
    "pkg.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n",
    "test_pkg.py": "import pkg\n\n\ndef test_one():\n    assert pkg.one() == 1\n\n\n"
    "def test_two():\n    assert pkg.two() == 2\n",
}


def test_each_fault_is_killed_and_its_test_alone_selected(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=tmp_path, check=True)
    result = audit(tmp_path, count=2, seed=0, paths=(), timeout_s=60)
    assert (result.killed, result.survived, result.lost) == (2, 0, 0)
    assert [(verdict.failing, verdict.selected, verdict.total) for verdict in result.verdicts] == [(1, 1, 2)] * 2
