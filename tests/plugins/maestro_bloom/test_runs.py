from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import replace

from maestro_bloom import index_file
from maestro_bloom.fork_server import ForkServer
from maestro_bloom.store import Store
from maestro_hooks.pipeline.gathering import gather, look_at_tree
from maestro_hooks.workspace import open_workspace
from tests.plugins.maestro_bloom.preloaded import PRELOADED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Whole pytest runs on a small project: what each flag does, and that no accident makes an index or a result wrong.

FILES = {
    ".gitignore": "__pycache__/\n*.out\n",
    "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\ntestpaths = ["tests"]\n',
    "src/pkg.py": "def one():\n    return 1\n\n\ndef two():\n    return 2\n",
    "tests/test_one.py": "import pkg\n\n\ndef test_one():\n    assert pkg.one() == 1\n",
    "tests/test_two.py": "import pkg\n\n\ndef test_two():\n    assert pkg.two() == 2\n",
}
ALWAYS = ["--maestro", "--maestro-json=result.out", "-p", "no:cacheprovider"]


class Project:
    def __init__(self, root: Path, server: ForkServer) -> None:
        self.root = root
        self.server = server

    def run(self, *arguments: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
        output = self.root / "output.out"
        code = self.server.run(self.root, [*ALWAYS, *arguments], output=output, variables=variables)
        place = self.root / "result.out"
        result: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
        place.unlink(missing_ok=True)
        return result | {"code": code, "output": output.read_text()}

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        (self.root / path).write_text(text.replace(old, new))

    @property
    def indexes(self) -> list[Path]:
        return Store(self.root).candidates()


def together(project: Project, *runs: list[str]) -> list[int]:
    """Exit codes of pytest runs that all have chosen their index before one of them writes the next."""
    wait = (
        "import os, time\nfrom pathlib import Path\n\n\ndef pytest_collection_finish(session):\n"
        "    Path(f'{os.getpid()}.out').touch()\n"
        f"    while len(list(Path().glob('*.out'))) < {len(runs)}:\n        time.sleep(0.05)\n"
    )
    (project.root / "conftest.py").write_text(wait)
    command = [sys.executable, "-m", "pytest", "--maestro", "-q", "-p", "no:cacheprovider"]
    children = [subprocess.Popen([*command, *run], cwd=project.root, stdout=subprocess.DEVNULL) for run in runs]
    return [child.wait() for child in children]


def ran(result: dict[str, Any]) -> set[str]:
    return {test["nodeid"].rpartition("::")[2] for test in result["tests"]}


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


def test_a_change_runs_its_tests_and_the_index_follows(project: Project) -> None:
    assert ran(project.run()) == {"test_one", "test_two"}
    project.edit("src/pkg.py", "return 2", "return 3")
    result = project.run()
    assert (ran(result), result["code"]) == ({"test_two"}, 1)
    # A failure is never cached, and neither is what failed: it runs again, changed or not.
    assert ran(project.run()) == {"test_two"}
    project.edit("src/pkg.py", "return 3", "return 2")
    assert (ran(project.run()), project.run()["code"]) == ({"test_two"}, 0)
    assert ran(project.run()) == set()


def test_obligations_carry_exact_numbers(project: Project) -> None:
    project.run()
    result = project.run("--maestro-full")
    keys = {key for key in result["obligations"] if key.startswith("bloom/")}
    assert {"bloom/tests_run", "bloom/tests_failed", "bloom/tests_skipped", "bloom/index", "bloom/false_skips"} <= keys
    assert {"bloom/last_full_age_s", "bloom/false_skip_upper95_ppm"} <= keys
    assert set(result["obligations"].values()) == {"met"}


def test_a_full_run_measures_a_false_skip(project: Project) -> None:
    # What a test reads through a C library is not seen: here, a file's age. The full run finds out.
    test = "import os\n\n\ndef test_age():\n    assert os.stat('src/pkg.py').st_mtime > 1000\n"
    (project.root / "tests/test_age.py").write_text(test)
    project.run()
    os.utime(project.root / "src/pkg.py", (1, 1))
    assert ran(project.run("--maestro-record=off")) == set()
    result = project.run("--maestro-full")
    assert result["obligations"]["bloom/false_skips"] == "unmet"
    assert "of 3 tests the last index would have skipped, 1 failed" in result["output"]
    # The budget is spent: the next run skips nothing, and says why.
    assert "more than the budget" in project.run()["output"]


@pytest.mark.parametrize("flag", ["--maestro-record=off", "--collect-only"])
def test_some_runs_write_no_index(project: Project, flag: str) -> None:
    project.run()
    before = project.indexes
    project.edit("src/pkg.py", "return 2", "return 1 + 1")
    project.run(flag)
    assert project.indexes == before


def test_collecting_lists_what_would_run(project: Project) -> None:
    project.run()
    project.edit("src/pkg.py", "return 2", "return 1 + 1")
    output = project.run("--collect-only", "-q")["output"]
    assert "test_two" in output
    assert "test_one" not in output


def test_off_records_without_selecting_and_report_tells(project: Project) -> None:
    project.run()
    assert ran(project.run("--maestro-select=off")) == {"test_one", "test_two"}
    result = project.run("--maestro-select=report")
    assert ran(result) == {"test_one", "test_two"}
    assert len(result["skips"]) == 2


def test_naming_tests_skips_none_and_keeps_what_is_stale_stale(project: Project) -> None:
    project.run()
    project.edit("src/pkg.py", "return 2", "return 3")
    assert ran(project.run("-k", "test_one")) == {"test_one"}
    # test_two was not run since the change, so it may not be skipped now.
    assert "test_two" in ran(project.run())


def test_stopping_early_keeps_the_rest_stale(project: Project) -> None:
    project.run()
    project.edit("src/pkg.py", "return 1", "return 8")
    project.edit("src/pkg.py", "return 2", "return 9")
    assert ran(project.run("-x")) == {"test_one"}
    assert ran(project.run()) == {"test_one", "test_two"}


def test_one_of_two_sessions_of_a_tree_speaks_for_it(project: Project) -> None:
    assert len(project.run()["tests"]) == len(project.run("--maestro-full")["tests"]) == 2
    workspace = open_workspace(project.root)
    merged = gather(workspace, look_at_tree(workspace), test_run="", allow_unfinished=False)
    assert not merged.ambiguous
    assert {"pytest/passed", "bloom/tests_run", "bloom/index"} <= {record.key for record in merged.records}
    assert len({record.inputs for record in merged.records if record.key.startswith("bloom/")}) == 1


def test_the_mark_always_runs(project: Project) -> None:
    project.edit("tests/test_one.py", "def test_one", "import pytest\n\n\n@pytest.mark.maestro_always\ndef test_one")
    project.run()
    assert ran(project.run()) == {"test_one"}


def test_workers_record_shards_that_are_merged(project: Project) -> None:
    assert ran(project.run("-n", "2")) == {"test_one", "test_two"}
    stored = index_file.read(project.indexes[0])
    assert len(stored.index.tests) == 2
    assert stored.index.last_full > 0
    assert not list((project.root / ".maestro/bloom/shards").rglob("*.shard"))


@pytest.mark.slow
def test_workers_use_the_index_the_controller_chose(project: Project) -> None:
    project.run("-n", "2")
    # One environment, whoever asks.
    project.edit("src/pkg.py", "return 2", "return 1 + 1")
    assert ran(project.run("-n", "2")) == {"test_two"}
    assert ran(project.run()) == set()


def test_a_killed_worker_loses_only_its_own_tests(project: Project) -> None:
    kill = "import os\nimport signal\n\n\ndef test_kill():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    (project.root / "tests/test_kill.py").write_text(kill)
    project.run("-n", "2", "--max-worker-restart=0")
    for path in project.indexes:
        assert "test_kill" not in {row.nodeid.rpartition("::")[2] for row in index_file.read(path).index.tests}
    (project.root / "tests/test_kill.py").unlink()
    result = project.run()
    assert result["code"] == 0
    assert result["completed"]


def test_what_failed_without_a_record_is_not_skipped(project: Project, tmp_path: Path) -> None:
    # It crashes for a reason outside the repository, in a run of a part: its old record would still be good.
    crash = (
        f"import os\n\n\ndef test_crash():\n    if os.path.exists({str(tmp_path / 'crash')!r}):\n        os._exit(1)\n"
    )
    (project.root / "tests/test_crash.py").write_text(crash)
    project.run("-n", "1")
    (tmp_path / "crash").touch()
    assert project.run("-n", "1", "--max-worker-restart=1", "-k", "crash or one")["code"] == 1
    (tmp_path / "crash").unlink()
    assert "test_crash" in ran(project.run("-n", "1"))


def test_killing_a_run_leaves_the_old_index(project: Project) -> None:
    project.run()
    before = project.indexes
    sleep = "open('started.out', 'w').close()\n    time.sleep(60)"
    project.edit("tests/test_two.py", "def test_two():", f"import time\n\n\ndef test_two():\n    {sleep}")
    child = subprocess.Popen([sys.executable, "-m", "pytest", *ALWAYS], cwd=project.root, stdout=subprocess.DEVNULL)
    while not (project.root / "started.out").exists():
        assert child.poll() is None
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    assert project.indexes == before
    index_file.read(before[0])
    project.edit("tests/test_two.py", "    time.sleep(60)", "    time.sleep(0)")
    assert ran(project.run()) == {"test_two"}


def test_a_full_disk_costs_the_index_and_not_the_result(project: Project) -> None:
    project.run()
    before = project.indexes
    project.edit("src/pkg.py", "return 2", "return 1 + 1")
    # The conftest stands for the disk: whatever the plugin writes meets "no space left".
    (project.root / "conftest.py").write_text(
        "import errno\nfrom maestro_bloom import index_file\n\n\n"
        "def full(path, data, *, mode):\n    raise OSError(errno.ENOSPC, 'No space left on device')\n\n\n"
        "index_file.write_atomic = full\n"
    )
    result = project.run()
    assert result["code"] == 0
    assert "no index was written: [Errno 28] No space left on device" in result["output"]
    assert result["obligations"]["bloom/problem"] == "met"
    assert project.indexes == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere; the next test stands in")
def test_a_read_only_index_directory_is_told(project: Project) -> None:
    project.run()
    (project.root / ".maestro/bloom").chmod(0o500)
    result = project.run("--maestro-select=off")
    (project.root / ".maestro/bloom").chmod(0o700)
    assert (result["code"], "no index was written" in result["output"]) == (0, True)


def test_an_index_directory_that_is_none_is_told(project: Project) -> None:
    (project.root / ".maestro").mkdir()
    (project.root / ".maestro/bloom").write_text("in the way")
    result = project.run()
    assert (result["code"], ran(result)) == (0, {"test_one", "test_two"})
    assert "no index was written" in result["output"]


def test_a_damaged_index_runs_everything_and_says_so(project: Project) -> None:
    project.run()
    place = project.indexes[0]
    place.write_bytes(place.read_bytes()[:-20])
    result = project.run()
    assert ran(result) == {"test_one", "test_two"}
    assert "the index is damaged" in result["output"]


def test_another_environment_runs_everything_and_names_the_difference(project: Project) -> None:
    project.run()
    result = project.run(variables={"TZ": "Asia/Tokyo"})
    assert ran(result) == {"test_one", "test_two"}
    assert "the environment differs: variable TZ (none) -> Asia/Tokyo" in result["output"]


def test_an_old_record_makes_the_next_run_full(project: Project) -> None:
    project.run()
    stored = index_file.read(project.indexes[0])
    aged = [replace(row, made=row.made - 15 * 86_400 * (row.nodeid.endswith("one"))) for row in stored.index.tests]
    old = replace(stored.index, tests=tuple(aged))
    index_file.write(project.indexes[0], index_file.encode(old, stored.filters()))
    result = project.run()
    assert "the oldest record is 15.0 days old, the limit is 14 days" in result["output"]
    assert ran(result) == {"test_one", "test_two"}
    assert ran(project.run()) == set()


def test_whoever_runs_a_part_gets_skips_for_it(project: Project) -> None:
    # Not all of testpaths: no full run is ever made, and none is needed to judge these tests.
    assert ran(project.run("tests/test_one.py")) == {"test_one"}
    assert ran(project.run("tests/test_one.py")) == set()
    assert ran(project.run()) == {"test_two"}


def test_two_runs_at_once_both_leave_a_valid_index(project: Project) -> None:
    assert together(project, [], []) == [0, 0]
    assert len(project.indexes) == 2
    for path in project.indexes:
        assert len(index_file.read(path).index.tests) == 2
    assert ran(project.run()) == set()


def test_two_runs_of_parts_at_once_lose_no_record(project: Project) -> None:
    assert together(project, ["tests/test_one.py"], ["tests/test_two.py"]) == [0, 0]
    assert len(index_file.read(project.indexes[0]).index.tests) == 2
    assert ran(project.run()) == set()


def test_a_source_edited_during_the_run_leaves_no_index(project: Project) -> None:
    edit = "from pathlib import Path\n\n\ndef test_edit():\n    Path('src/pkg.py').write_text('# nothing')\n"
    (project.root / "tests/test_z.py").write_text(edit)
    result = project.run()
    assert "src/pkg.py changed while the tests ran" in result["output"]
    assert not project.indexes


def test_code_loaded_before_the_recorder_is_recorded(project: Project) -> None:
    # A plugin of the project itself, loaded with -p before any recorder can be there.
    (project.root / "early.py").write_text("def value():\n    return 1\n")
    (project.root / "tests/test_early.py").write_text(
        "import early\n\n\ndef test_early():\n    assert early.value() == 1\n"
    )
    variables = {"PYTHONPATH": str(project.root)}
    path = f"import sys; sys.path.insert(0, {str(project.root)!r})"
    (project.root / "sitecustomize.py").write_text(path)
    project.run("-p", "early", variables=variables)
    project.edit("early.py", "return 1", "return 2")
    assert "test_early" in ran(project.run("-p", "early", variables=variables))


def test_a_broken_selection_runs_everything(project: Project) -> None:
    project.run()
    (project.root / "conftest.py").write_text(
        "from maestro_bloom import keeping\n\n\n"
        "def broken(*arguments):\n    raise ValueError('no')\n\n\nkeeping.judge = broken\n"
    )
    result = project.run("--maestro-record=off")
    assert ran(result) == {"test_one", "test_two"}
    assert "bloom: disabled (ValueError: no)" in result["output"]


def test_without_the_flag_nothing_of_the_core_is_loaded(project: Project) -> None:
    code = (
        "import sys, pytest; pytest.main(['-q', '-p', 'no:cacheprovider']); "
        "print(sorted(m for m in sys.modules if m.startswith('maestro_bloom')))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "['maestro_bloom', 'maestro_bloom.pytest_options']"


def test_what_runs_at_random_depends_on_all_it_can_reach(project: Project) -> None:
    # Hypothesis marks its tests like this; this one happens to draw nothing that leads to the function.
    test = "import pkg\n\n\ndef test_any(n=0):\n    assert not n or pkg.two()\n\n\ntest_any.is_hypothesis_test = True\n"
    (project.root / "tests/test_any.py").write_text(test)
    project.run()
    project.edit("src/pkg.py", "return 2", "return 3")
    assert ran(project.run("--maestro-record=off")) == {"test_two", "test_any"}


def test_a_test_may_take_away_what_the_recorder_looks_with(project: Project) -> None:
    test = (
        "import os\nimport sys\n\nimport pkg\n\nMEMO = {}\n\n\ndef keep():\n    MEMO[1] = pkg.two()\n\n\n"
        "def test_away():\n    kept = sys._getframe\n    del sys._getframe\n    try:\n        keep()\n"
        "        os.environ.get('X')\n        os.path.exists('src')\n        open('src/pkg.py').close()\n"
        "    finally:\n        sys._getframe = kept\n"
    )
    (project.root / "tests/test_away.py").write_text(test)
    result = project.run()
    assert (ran(result), result["code"]) == ({"test_one", "test_two", "test_away"}, 0), result["output"]
    project.edit("src/pkg.py", "return 2", "return 3")
    assert "test_away" in ran(project.run("--maestro-record=off"))


def test_the_width_of_the_terminal_is_nobodys_input(project: Project) -> None:
    # Pytest asks for it while a test runs, to write dots.
    wide = "import shutil\n\n\ndef test_wide():\n    assert shutil.get_terminal_size()\n"
    (project.root / "tests/test_wide.py").write_text(wide)
    project.run()
    assert ran(project.run("--maestro-record=off", variables={"COLUMNS": "99", "LINES": "33"})) == {"test_wide"}
