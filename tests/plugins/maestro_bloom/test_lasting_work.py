from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from maestro_bloom.fork_server import ForkServer
from tests.plugins.maestro_bloom.preloaded import PRELOADED
from tests.plugins.maestro_bloom.test_runs import Project, ran

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What one test begins and a later one goes on with: processes that still run, tasks of a loop that several share.

FILES = {
    ".gitignore": "__pycache__/\n*.out\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\n',
    "src/pkg.py": "def value():\n    return 1\n",
    "src/unused.py": "def unused():\n    return 1\n",
    "src/server.py": "import sys\n\nimport pkg\n\nfor line in sys.stdin:\n"
    "    print(pkg.value() if line.strip() else 0, flush=True)\n",
    "tests/test_0.py": "import pkg\nimport unused\n\n\ndef test_zero():\n    assert pkg.value() + unused.unused()\n",
}
LASTING: dict[str, str] = {
    "pool": """
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pkg

POOL = ProcessPoolExecutor(1, mp_context=get_context("fork"))

def test_first():
    assert POOL.submit(abs, 1).result() == 1

def test_second():
    assert POOL.submit(pkg.value).result() == 1

def test_third():
    POOL.shutdown()
""",
    "server": """
import subprocess
import sys

KEPT = []

def ask(word):
    KEPT[0].stdin.write(word)
    KEPT[0].stdin.flush()
    return KEPT[0].stdout.readline().strip()

def test_first():
    command, pipe = [sys.executable, "src/server.py"], subprocess.PIPE
    KEPT[:] = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)]
    assert ask("\\n") == "0"

def test_second():
    assert ask("x\\n") == "1"

def test_third():
    KEPT[0].communicate()
""",
    "task": """
import asyncio

import pkg

LOOP = asyncio.new_event_loop()
MADE = []

async def make():
    await asyncio.sleep(0.01)
    MADE.append(pkg.value())

def test_first():
    async def begin():
        return asyncio.create_task(make())
    MADE.append(LOOP.run_until_complete(begin()))

def test_between():
    LOOP.run_until_complete(asyncio.sleep(0.05))

def test_second():
    assert MADE[-1] == 1

def test_third():
    LOOP.close()
""",
    "task of a fixture": """
import asyncio

import pkg
import pytest

async def make():
    return pkg.value()

@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()

@pytest.fixture(scope="module")
def made(loop):
    return loop.create_task(make())

def test_first(loop, made):
    assert loop.run_until_complete(made)

def test_second(made):
    assert made.result() == 1
""",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with ForkServer(preload=PRELOADED) as server:
        yield server


@pytest.mark.parametrize("name", LASTING)
def test_what_a_later_test_goes_on_with_is_its_own(tmp_path: Path, server: ForkServer, name: str) -> None:
    root = tmp_path / "project"
    for path, content in (FILES | {"tests/test_lasting.py": LASTING[name]}).items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "start"]):
        subprocess.run(command, cwd=root, check=True)
    project = Project(root, server)
    (root / "tests/test_z.py").write_text("import unused\n\n\ndef test_last():\n    assert unused.unused()\n")
    first = project.run()
    assert first["code"] == 0, first["output"]
    assert ran(project.run("--maestro-record=off")) == set()
    project.edit("src/pkg.py", "return 1", "return 9")
    result = project.run("--maestro-select=report", "--maestro-record=off")
    skipped = {skip["nodeid"].rpartition("::")[2] for skip in result["skips"]}
    assert "FAILED tests/test_lasting.py::test_second" in result["output"]
    # It is over when the process is, and the loop.
    assert ("test_second" in skipped, "test_last" in skipped) == (False, True), result["output"]
