"""The hooks as a user gets them: pre-commit clones this repository and installs it by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

ROOT = Path(__file__).parents[2]


def try_repo(repository: GitRepository, hook: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(ROOT), hook, "--verbose", *arguments]
    env = {**os.environ, "PRE_COMMIT_HOME": str(home)}
    return subprocess.run(command, cwd=repository.root, env=env, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.engine("package index")
def test_the_default_hook_blocks_a_defect_and_passes_clean_files(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit({"good.py": "x = 1\n"})
    clean = try_repo(repository, "maestro-reports", tmp_path, "--files", "good.py")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    repository.commit({"bad.py": "import subprocess\nsubprocess.call('ls ' + input(), shell=True)\n"})
    blocked = try_repo(repository, "maestro-reports", tmp_path, "--all-files")
    assert blocked.returncode == 1
    assert "bad.py:2" in blocked.stdout


def test_every_hook_names_an_installed_verb() -> None:
    hooks = yaml.safe_load((ROOT / "pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert hooks
    for hook in hooks:
        verb = hook["entry"].split()[1]
        done = subprocess.run([sys.executable, "-m", "maestro_hooks", verb, "--help"], capture_output=True, check=False)
        assert done.returncode == 0, hook["id"]
