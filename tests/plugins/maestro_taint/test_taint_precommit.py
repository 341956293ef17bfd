"""The README's own example under real pre-commit: the hook blocks the commit, repairs it, and then lets it through."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "plugins/maestro_taint/README.md"
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


def example() -> str:
    """The program the README shows."""
    found = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(found) == 1
    return textwrap.dedent(found[0])


@pytest.mark.slow
@pytest.mark.engine("pre-commit")
def test_the_hook_blocks_and_repairs_under_pre_commit(tmp_path: Path) -> None:
    maestro = Path(sys.executable).with_name("maestro")
    if shutil.which("git") is None or not maestro.exists():
        pytest.skip("git or the maestro command is not installed")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)

    run("git", "init", "-q")
    (tmp_path / "app.py").write_text(example(), encoding="utf-8")
    (tmp_path / ".pre-commit-config.yaml").write_text(CONFIG.format(maestro=maestro), encoding="utf-8")
    run("git", "add", "-A")
    first = run(sys.executable, "-m", "pre_commit", "run")
    assert first.returncode != 0, first.stdout
    assert "taint-command" in first.stdout
    assert "taint-sql" in first.stdout
    repaired = (tmp_path / "app.py").read_text(encoding="utf-8")
    assert '"SELECT id FROM users WHERE name = ?", (name,)' in repaired
    assert 'shlex.quote(request.args["folder"])' in repaired
    run("git", "add", "-A")
    second = run(sys.executable, "-m", "pre_commit", "run")
    assert second.returncode == 0, second.stdout
