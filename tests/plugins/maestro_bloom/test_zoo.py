from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from maestro_bloom.fork_server import ForkServer
from tests.plugins.maestro_bloom.preloaded import PRELOADED
from tests.plugins.maestro_bloom.zoo_project import CHANGES, FILES, QUIET, Change

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# The soundness of selection: for each kind of change, no test whose outcome changed is one that would be skipped.


# In the order of the files: some kinds are two tests, the first of which fills what the second reads.
ALWAYS = ["--maestro", "--maestro-json=result.out", "-p", "no:cacheprovider", "-p", "no:randomly", "-q"]


# They run whatever is unchanged; and they, whatever is changed.
FAILING = {"test_always_failing", "test_expected_failure"}
OPAQUE = {"test_fork", "test_copied"}


class Runner:
    def __init__(self, server: ForkServer) -> None:
        self.server = server

    def __call__(self, root: Path, *arguments: str, variables: dict[str, str] | None = None) -> dict[str, Any]:
        output = root / "output.out"
        code = self.server.run(root, [*ALWAYS, *arguments], output=output, variables=variables)
        place = root / "result.out"
        # A run that ends while conftests are loaded has nothing to report.
        result: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {"tests": [], "skips": []}
        place.unlink(missing_ok=True)
        return result | {"code": code, "output": output.read_text()}


def committed(root: Path) -> None:
    home = root.parent / "gitconfig"
    home.write_text("[user]\n\tname = Test\n\temail = test@example.org\n")
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": str(home)}
    for command in (["git", "init", "-q"], ["git", "add", "-A"], ["git", "commit", "-qm", "start"]):
        subprocess.run(command, cwd=root, env=environment, check=True)


def record(run: Runner, root: Path) -> dict[str, str]:
    """Record a project in which every test passes, and keep it for :func:`restore`; the outcomes."""
    committed(root)
    found = run(root)
    assert set(outcomes(found).values()) == {"passed"}, found["output"]
    shutil.copytree(root, root.parent / "kept", symlinks=True)
    return outcomes(found)


def restore(root: Path) -> None:
    """The project and its index as they were recorded."""
    shutil.rmtree(root)
    shutil.copytree(root.parent / "kept", root, symlinks=True)


def outcomes(result: dict[str, Any]) -> dict[str, str]:
    return {test["nodeid"]: test["outcome"] for test in result["tests"]}


def skippable(result: dict[str, Any]) -> set[str]:
    return {skip["nodeid"] for skip in result["skips"]}


@pytest.fixture(scope="module")
def run() -> Iterator[Runner]:
    with ForkServer(preload=PRELOADED) as server:
        yield Runner(server)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory, run: Runner) -> tuple[Path, dict[str, str]]:
    # One place for all runs: an index is recorded once, and restored with the project before each change.
    root = tmp_path_factory.mktemp("zoo") / "project"
    for path, content in FILES.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content, encoding="utf-8")
    committed(root)
    result = run(root)
    found = outcomes(result)
    assert found["tests/test_zoo.py::test_always_failing"] == "failed"
    assert found["tests/test_zoo.py::test_expected_failure"] == "xfailed"
    others = {n: o for n, o in found.items() if o != "passed"}
    assert len(others) == 2, others
    assert "index" in result["output"], result["output"]
    shutil.copytree(root, root.parent / "kept", symlinks=True)
    return root, found


@pytest.fixture
def project(recorded: tuple[Path, dict[str, str]]) -> Path:
    restore(recorded[0])
    return recorded[0]


# One of each mechanism always; the rest, a second of processor time each, with the slow ones.
QUICK = frozenset(
    {
        *("body of plain", "docstring", "module constant", "body of deep", "body of deep_memo", "body of for_session"),
        *("data file read at import", "variable", "code of a subprocess", "new conftest", "dynamic constant"),
        *("shadowing package", "resumed generator"),
    }
)
KINDS = [
    pytest.param(change, id=change.name.replace(" ", "_"), marks=() if change.name in QUICK else (pytest.mark.slow,))
    for change in CHANGES
]


@pytest.mark.parametrize("change", KINDS)
def test_no_changed_outcome_is_skipped(
    change: Change, project: Path, recorded: tuple[Path, dict[str, str]], run: Runner
) -> None:
    change.apply(project)
    now = run(project, "--maestro-select=report", "--maestro-record=off", variables=change.variables)
    before = recorded[1]
    flipped = {nodeid for nodeid, outcome in outcomes(now).items() if before.get(nodeid) != outcome}
    if change.flips:
        assert any(change.flips in nodeid for nodeid in flipped), now["output"]
    else:
        assert now["code"] in (2, 4), now["output"]
    assert not flipped & skippable(now), now["output"]


@pytest.mark.parametrize("change", QUIET, ids=lambda change: change.name.replace(" ", "_"))
def test_what_changes_nothing_selects_nothing(change: Change, project: Path, run: Runner) -> None:
    change.apply(project)
    now = run(project, "--maestro-select=report", "--maestro-record=off")
    selected = {nodeid.partition("::")[2] for nodeid in outcomes(now).keys() - skippable(now)}
    readers = {"test_source"} if change.replace else set()
    assert selected - readers <= FAILING | OPAQUE, now["output"]


def test_an_unchanged_tree_runs_only_what_always_runs(project: Path, run: Runner) -> None:
    now = run(project, "--maestro-record=off")
    assert {nodeid.partition("::")[2] for nodeid in outcomes(now)} == FAILING


def test_a_body_change_runs_its_own_tests_only(project: Path, run: Runner) -> None:
    next(change for change in CHANGES if change.name == "body of threaded").apply(project)
    now = run(project, "--maestro-record=off")
    readers = {"test_source"}  # of the same file
    assert {nodeid.partition("::")[2] for nodeid in outcomes(now)} == {"test_thread", *readers, *FAILING, *OPAQUE}
