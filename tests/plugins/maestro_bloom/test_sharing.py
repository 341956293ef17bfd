from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# One machine records, another selects: the index travels through the project's own cache, found by the commit.

TEST = "def test_one():\n    assert 1\n\n\ndef test_two():\n    assert 1\n"


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)


def run(root: Path, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "pytest", "--maestro", "--maestro-json=result.out", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run([*command, *arguments], cwd=root, capture_output=True, text=True, check=False)
    result: dict[str, Any] = json.loads((root / "result.out").read_text())
    return result | {"output": done.stdout}


@pytest.fixture
def clones(tmp_path: Path) -> tuple[Path, Path]:
    """Two clones of one repository that share one store of results."""
    origin = tmp_path / "origin"
    origin.mkdir()
    git(origin, "init", "-q")
    store = tmp_path / "store"
    (origin / "pyproject.toml").write_text(f'[tool.maestro.cas]\ndirectory = "{store}"\n')
    (origin / ".gitignore").write_text("*.out\n__pycache__/\n")
    (origin / "test_x.py").write_text(TEST)
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "start")
    for name in ("nightly", "change"):
        git(tmp_path, "clone", "-q", "origin", name)
    return tmp_path / "nightly", tmp_path / "change"


def test_an_index_reaches_a_clone_that_never_recorded(clones: tuple[Path, Path]) -> None:
    nightly, change = clones
    assert len(run(nightly, "--maestro-full")["tests"]) == 2
    (change / "test_x.py").write_text(TEST.replace("test_two():\n    assert 1", "test_two():\n    assert 2"))
    git(change, "commit", "-qam", "change")
    result = run(change, "--maestro-record=off")
    assert [test["nodeid"] for test in result["tests"]] == ["test_x.py::test_two"], result["output"]


def test_what_is_not_the_commit_is_not_offered(clones: tuple[Path, Path]) -> None:
    nightly, change = clones
    (nightly / "more.txt").write_text("not committed")
    run(nightly, "--maestro-full")
    assert len(run(change, "--maestro-record=off")["tests"]) == 2


def test_a_repetition_is_not_offered_again_but_a_full_run_is(clones: tuple[Path, Path]) -> None:
    nightly, change = clones
    run(nightly)
    shutil.rmtree(nightly.parent / "store")
    run(nightly, "--maestro-select=off")
    assert len(run(change, "--maestro-record=off")["tests"]) == 2
    run(nightly, "--maestro-full")
    assert len(run(change, "--maestro-record=off")["tests"]) == 0


@pytest.mark.slow
def test_an_index_of_the_fork_point_sees_what_both_sides_changed(clones: tuple[Path, Path]) -> None:
    nightly, change = clones
    for name in ("one", "two", "three"):
        (nightly / f"{name}.py").write_text("def value():\n    return 1\n")
        test = f"import {name}\n\n\ndef test_{name}():\n    assert {name}.value() == 1\n"
        (nightly / f"test_{name}.py").write_text(test)
    git(nightly, "rm", "-q", "test_x.py")
    git(nightly, "add", "-A")
    git(nightly, "commit", "-qm", "three")
    assert len(run(nightly, "--maestro-full")["tests"]) == 3
    git(change, "pull", "-q", str(nightly))
    # Main moves on without a recording; the branch changes something else, and takes main in.
    (nightly / "one.py").write_text("def value():\n    return 9\n")
    git(nightly, "commit", "-qam", "main moves")
    (change / "two.py").write_text("def value():\n    return 9\n")
    git(change, "commit", "-qam", "branch changes")
    result = run(change, "--maestro-record=off")
    assert [test["nodeid"] for test in result["tests"]] == ["test_two.py::test_two"], result["output"]
    git(change, "pull", "-q", "--no-rebase", "--no-edit", str(nightly))
    shutil.rmtree(change / ".maestro")
    result = run(change, "--maestro-record=off")
    assert {test["outcome"] for test in result["tests"]} == {"failed"}
    assert {test["nodeid"] for test in result["tests"]} == {"test_one.py::test_one", "test_two.py::test_two"}


@pytest.mark.slow
def test_shards_of_two_commits_are_not_merged(clones: tuple[Path, Path]) -> None:
    nightly, change = clones
    (change / "test_x.py").write_text(TEST.replace("assert 1", "assert 2"))
    git(change, "commit", "-qam", "change")
    shards = []
    for root, test in ((nightly, "test_x.py::test_one"), (change, "test_x.py::test_two")):
        run(root, test)
        shards.append(str(root / "shard.out"))
        subprocess.run([sys.executable, "-m", "maestro_hooks", "bloom", "export", shards[-1]], cwd=root, check=True)
    command = [sys.executable, "-m", "maestro_hooks", "bloom", "merge", *shards]
    done = subprocess.run(command, cwd=change, capture_output=True, text=True, check=False)
    assert (done.returncode, "the indexes differ in their tree" in done.stderr) == (2, True), done.stderr
