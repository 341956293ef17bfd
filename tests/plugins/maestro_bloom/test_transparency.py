from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from maestro_bloom.fork_server import ForkServer
from tests.plugins.maestro_bloom.preloaded import PRELOADED
from tests.plugins.maestro_bloom.test_runs import Project, ran

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Tests that look at, replace or count what the recorder looks with: none may end otherwise, or print anything else.

FILES = {
    ".gitignore": "__pycache__/\n*.out\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\n',
    "src/pkg.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n",
    "src/deprecated.py": "import warnings\n\nwarnings.warn('old', DeprecationWarning, stacklevel=3)\n",
    "tests/test_0.py": "import pkg\n\n\ndef test_first():\n    assert pkg.one() + pkg.two() == 3\n",
}
BEHAVIOURS = {
    "working directory that is gone": """
import os

def test_it(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert not os.path.exists("x")
    assert os.listdir(".") == []
    try:
        open("x")
    except FileNotFoundError:
        pass
""",
    "functions of the standard library that are counted": """
import gc
import os
import sys
import threading
from unittest import mock

import pkg

def test_it():
    with mock.patch("os.getcwd") as where, mock.patch("os.listdir") as names, mock.patch("os.lstat") as asked:
        open("src/pkg.py").close()
        os.stat("src/pkg.py")
        list(os.scandir("src"))
    assert (where.call_count, names.call_count, asked.call_count) == (0, 0, 0)

@mock.patch("threading.active_count", side_effect=ValueError)
@mock.patch("sys._current_frames", side_effect=ValueError)
@mock.patch("gc.collect", side_effect=ValueError)
def test_patched(*_):
    assert pkg.two() == 2
""",
    "functions of os as values": """
import copy
import inspect
import os
import pickle

class Accessor:
    stat = os.stat

def test_it():
    assert Accessor().stat(".") == os.stat(".")
    assert pickle.loads(pickle.dumps(os.stat)) == copy.deepcopy(os.stat) == os.stat
    assert list(inspect.signature(os.stat).parameters) == ["path", "dir_fd", "follow_symlinks"]
    assert os.stat in os.supports_follow_symlinks
    assert (os.stat.__name__, os.stat(path=".")) == ("stat", os.stat("."))
""",
    "place of a warning": """
import importlib

import pytest

def test_it():
    with pytest.warns(DeprecationWarning) as seen:
        importlib.import_module("deprecated")
    assert seen[0].filename == __file__
""",
}
FAILING = """
import importlib
import os
import pathlib

def test_variable():
    os.environ["NOT_THERE"]

def test_stat():
    pathlib.Path("nowhere").stat()

def test_scan():
    os.scandir("nowhere")

def test_import():
    importlib.import_module("nowhere")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(preload=PRELOADED) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: ForkServer) -> Project:
    root = tmp_path / "project"
    for path, content in FILES.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "start"]):
        subprocess.run(command, cwd=root, check=True)
    return Project(root, server)


def test_no_outcome_is_another(project: Project) -> None:
    for number, source in enumerate(BEHAVIOURS.values()):
        (project.root / f"tests/test_{number + 1}.py").write_text(source)
    plain = project.run("-p", "no:maestro_bloom")
    recorded = project.run("-W", "error::pytest.PytestUnraisableExceptionWarning")
    assert (plain["code"], recorded["code"]) == (0, 0), plain["output"] + recorded["output"]
    project.edit("src/pkg.py", "return 2", "return 3")
    assert {"test_first", "test_patched"} <= ran(project.run("--maestro-record=off"))


def test_no_traceback_shows_the_recorder(project: Project) -> None:
    (project.root / "tests/test_failing.py").write_text(FAILING)
    output = project.run()["output"]
    assert len(re.findall("^FAILED", output, re.MULTILINE)) == 4
    assert "maestro_bloom/" not in output


@pytest.mark.skipif(sys.version_info < (3, 12), reason="probes need no tool id")
@pytest.mark.parametrize("act", ["free_tool_id(tool)", "register_callback(tool, sys.monitoring.events.PY_START, None)"])
def test_whoever_takes_the_recorders_means_away_makes_what_follows_run(project: Project, act: str) -> None:
    take = f"import sys\n\n\ndef test_take():\n    for tool in (3, 4):\n        sys.monitoring.{act}\n"
    (project.root / "tests/test_1.py").write_text(take)
    (project.root / "tests/test_2.py").write_text("import pkg\n\n\ndef test_it():\n    assert pkg.two() == 2\n")
    assert project.run()["code"] == 0
    assert ran(project.run("--maestro-record=off")) == set()
    project.edit("src/pkg.py", "return 2", "return 3")
    result = project.run("--maestro-record=off")
    assert ran(result) == {"test_first", "test_take", "test_it"}
    assert result["code"] == 1


def test_what_a_tracing_function_runs_is_not_missed(project: Project) -> None:
    tracer = (
        "def name(frame):\n    return frame.f_code.co_name\n\n\n"
        "class Tracer:\n    def __init__(self):\n        self.seen = []\n\n"
        "    def __call__(self, frame, event, argument):\n        self.seen.append(name(frame))\n"
    )
    (project.root / "src/tracer.py").write_text(tracer)
    test = (
        "import sys\n\nimport pkg\nimport tracer\n\n\ndef test_name():\n    assert tracer.name(sys._getframe())\n\n\n"
        "def test_tracer():\n    made, before = tracer.Tracer(), sys.gettrace()\n    sys.settrace(made)\n"
        "    pkg.one()\n    sys.settrace(before)\n    assert made.seen == ['one']\n"
    )
    (project.root / "tests/test_tracer.py").write_text(test)
    assert project.run()["code"] == 0
    project.edit("src/tracer.py", "frame.f_code.co_name", "frame.f_code.co_name[:1]")
    result = project.run("--maestro-record=off")
    assert (ran(result), result["code"]) == ({"test_name", "test_tracer"}, 1)
