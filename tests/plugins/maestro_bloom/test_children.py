from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# A test that starts processes: a Python child records itself, and whatever cannot be recorded is opaque.

FILES = {
    ".gitignore": "__pycache__/\n*.out\n",
    "README.md": "words\n",
    "data.txt": "hi",
    "pk/__init__.py": "from pk.other import THREE\n\n\ndef one():\n    return 1\n\n\ndef two():\n    return 2\n",
    "pk/other.py": "THREE = 3\n",
    "pk/__main__.py": "import pk\n\nprint(pk.one(), open('data.txt').read())\n",
    "test_children.py": """
import multiprocessing
import os
import subprocess
import sys

import pk


def said(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True)


def test_recorded():
    done = said("-m", "pk")
    assert (done.stdout, done.stderr) == ("1 hi\\n", "")


def test_unaltered():
    code = "import os; print([n for n in os.environ if 'MAESTRO' in n], os.environ.get('PYTHONPATH'))"
    assert said("-c", code).stdout == f"{[n for n in os.environ if 'MAESTRO' in n]} {os.environ.get('PYTHONPATH')}\\n"


def test_isolated():
    assert said("-I", "-c", "print(1)").stdout == "1\\n"


def test_killed():
    assert said("-c", "import os; os._exit(0)").stdout == ""


def test_program():
    assert subprocess.run(["git", "--version"], capture_output=True).stdout


def test_two():
    assert pk.two() == 2


def test_spawned():
    child = multiprocessing.get_context("spawn").Process(target=pk.two)
    child.start()
    child.join()
    assert child.exitcode == 0


def test_spawning_child():
    assert said("spawning.py").stdout == "0\\n"
""",
    "spawning.py": """
import multiprocessing

import pk

if __name__ == "__main__":
    child = multiprocessing.get_context("spawn").Process(target=pk.two)
    child.start()
    child.join()
    print(child.exitcode)
""",
}
OPAQUE = {"test_isolated", "test_killed", "test_program", "test_spawned", "test_spawning_child"}

# The same in all runs, whatever a test's own fixtures set.
VARIABLES = dict(os.environ)


def ran(root: Path, *arguments: str) -> dict[str, str]:
    command = [sys.executable, "-m", "pytest", "--maestro", "--maestro-json=result.out", "-q", "-p", "no:cacheprovider"]
    subprocess.run([*command, *arguments], cwd=root, env=VARIABLES, capture_output=True, check=False)
    tests: list[dict[str, Any]] = json.loads((root / "result.out").read_text())["tests"]
    return {test["nodeid"].partition("::")[2]: test["outcome"] for test in tests}


@pytest.fixture(scope="module")
def recorded_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("children") / "project"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=root, check=True)
    assert set(ran(root).values()) == {"passed"}
    shutil.copytree(root, root.parent / "kept")
    return root


@pytest.fixture
def recorded(recorded_once: Path) -> Path:
    shutil.rmtree(recorded_once)
    shutil.copytree(recorded_once.parent / "kept", recorded_once)
    return recorded_once


@pytest.mark.parametrize(
    ("path", "old", "new", "failed"),
    [
        ("README.md", "words", "other", None),
        ("pk/__init__.py", "return 2", "return 9", "test_two"),
        ("pk/__init__.py", "return 1", "return 9", "test_recorded"),
        ("data.txt", "hi", "ho", "test_recorded"),
    ],
)
def test_a_child_counts_as_what_its_test_ran(recorded: Path, path: str, old: str, new: str, failed: str | None) -> None:
    place = recorded / path
    place.write_text(place.read_text().replace(old, new))
    found = ran(recorded, "--maestro-record=off")
    assert found.keys() == OPAQUE | ({failed} if failed else set())
    assert failed is None or found[failed] == "failed"
    assert not list((recorded / ".maestro/bloom/children").glob("*"))
