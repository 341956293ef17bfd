"""One change from commit to verified bundle: pre-commit, pytest with xdist, nox, seal, verify, in one ledger run."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.user import User

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.git_repository import GitRepository

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "ledgerbook"
version = "2.0"
"""
HOOKS = """\
repos:
  - repo: local
    hooks:
      - id: maestro-reports
        name: maestro bandit
        entry: maestro hook reports
        language: unsupported
        types_or: [python, pyi]
        require_serial: true
"""
NOXFILE = """\
import os

from maestro_hooks.integrations import nox as maestro

maestro.sessions(names=("build",), install=(os.environ["WHEEL"],))
"""


@pytest.fixture
def user(repository: GitRepository) -> User:
    repository.commit(
        {
            "pyproject.toml": PYPROJECT,
            "ledgerbook/__init__.py": "def total(entries: list[int]) -> int:\n    return sum(entries)\n",
            "tests/test_total.py": "\n".join(
                [
                    "from ledgerbook import total",
                    *(f"def test_{i}():\n    assert total([{i}]) == {i}" for i in range(8)),
                ]
            ),
            ".pre-commit-config.yaml": HOOKS,
            ".gitignore": "__pycache__/\n.nox/\ndist/\n",
        }
    )
    return User(repository.root)


@pytest.mark.slow
def test_from_commit_to_verified_bundle(user: User, wheel: Path, tmp_path: Path) -> None:
    user.run("maestro", "init")
    (user.root / "noxfile.py").write_text(NOXFILE, encoding="utf-8")

    # A defect does not get past the commit.
    user.run("pre-commit", "install")
    bad = user.root / "ledgerbook" / "shell.py"
    bad.write_text("import subprocess\nsubprocess.call('ls ' + input(), shell=True)\n", encoding="utf-8")
    user.run("git", "add", "--all")
    assert "B602" in user.run("git", "commit", "-m", "add shell", code=1)
    bad.unlink()
    user.run("git", "add", "--all")
    user.run("git", "commit", "-m", "adopt maestro")

    # Hook, tests over two workers, and build find one ledger run without talking to each other.
    user.run("pre-commit", "run", "--all-files")
    user.run("python", "-m", "pytest", "--maestro", "-n2", "-q")
    user.run("nox", "-s", "build", WHEEL=str(wheel))
    run = max(user.ledger().values(), key=len)
    assert {"check", "pytest", "build"} <= run

    # Seal decides, signs and verifies; an auditor with only the files agrees.
    sealed = user.json("maestro", "seal")
    assert sealed["ok"]
    shutil.copytree(user.root / "dist", tmp_path / "auditor")
    auditor = User(tmp_path / "auditor")
    report = auditor.json("maestro", "verify", "ledgerbook-2.0.sigstore.json")
    assert report["verdict"] == "pass"
    assert {d["id"] for d in report["disclosed"]} >= {"pytest/failed", "build/completed", "bandit/issues"}

    # A changed artifact, and a bundle of another release, are caught and named.
    built = auditor.root / "ledgerbook-2.0-py3-none-any.whl"
    built = built if built.exists() else next(auditor.root.glob("*.whl"))
    built.write_bytes(built.read_bytes() + b"\0")
    tampered = auditor.json("maestro", "verify", "ledgerbook-2.0.sigstore.json", "--artifact", built.name, code=4)
    assert tampered["first_failure"] == "subject"

    # One obligation more, disclosed on request, with its inclusion proof.
    user.run("maestro", "prove", "pytest/collected", "--output", str(tmp_path / "auditor" / "one.ce-leaf.json"))
    built.unlink()
    more = auditor.json("maestro", "verify", "ledgerbook-2.0.sigstore.json", "--leaf", "one.ce-leaf.json", code=None)
    assert "pytest/collected" in {d["id"] for d in more["disclosed"]}


@pytest.mark.slow
def test_a_failing_test_blocks_and_the_card_says_what_to_do(user: User) -> None:
    user.run("maestro", "init")
    (user.root / "tests" / "test_total.py").write_text(
        "def test_yes():\n    pass\ndef test_no():\n    assert 1 == 2\n", encoding="utf-8"
    )
    blocked = user.json("maestro", "run", code=1)
    card = blocked["card"]
    assert card["verdict"] == "blocked"
    assert card["results"][0]["key"] == "pytest/failed"
    assert card["next_step"]["command"] == ["pytest", "--lf"]
    assert blocked["bundle"] is None
    assert not list((user.root / "dist").glob("*.sigstore.json"))
    assert "BLOCKED" in user.run("maestro", "card", code=1)
    assert "<!-- maestro-decision-card -->" in user.run("maestro", "card", "--markdown", code=1)


@pytest.mark.slow
def test_the_main_job_twice(user: User) -> None:
    user.run("maestro", "init")
    first = user.json("maestro", "run")
    assert [s["name"] for s in first["steps"]] == ["check", "test", "build", "seal", "verify"]
    assert first["ok"]
    assert first["card"]["subject"]["commit"] == ""  # maestro init's file is not committed yet
    user.run("git", "add", "--all")
    user.run("git", "commit", "-m", "adopt maestro")
    second = user.json("maestro", "run")
    assert second["ok"]
    assert second["card"]["subject"]["commit"] == user.run("git", "rev-parse", "HEAD").strip()
    assert second["saved"]
