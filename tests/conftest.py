"""Fixtures every room shares: a git repository to work in, and git that reads nobody's configuration."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support.git_repository import GitRepository

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in [n for n in os.environ if n.startswith(("MAESTRO_", "GIT_"))]:
        monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Test\n\temail = test@example.org\n[init]\n\tdefaultBranch = main\n"
        '[protocol "file"]\n\tallow = always\n',
        encoding="utf-8",
    )
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(home / ".gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    root = tmp_path / "project"
    root.mkdir()
    made = GitRepository(root)
    made.git("init", "--quiet", "--initial-branch=main")
    return made
