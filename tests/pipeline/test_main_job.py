"""The main job in this process: every step said, every way to fail recorded, nothing sealed that is not met."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.cli import main
from tests.support.buildable import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.git_repository import GitRepository

    Told = Callable[..., tuple[int, dict[str, Any]]]

TESTS = "def test_one():\n    assert 1 + 1 == 2\n"


@pytest.fixture
def told(repository: GitRepository, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    """Run a verb in the project: its exit code and its JSON."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_PLUGINS", "maestro_hooks.integrations.pytest_plugin")

    def call(*words: str) -> tuple[int, dict[str, Any]]:
        capsys.readouterr()
        code = main([*words, "-C", str(repository.root), "--json"])
        return code, json.loads(capsys.readouterr().out.splitlines()[0])

    repository.commit({**PROJECT, "test_one.py": TESTS})
    assert call("init")[0] == 0
    return call


def steps(done: dict[str, Any]) -> dict[str, bool]:
    return {step["name"]: step["ok"] for step in done["steps"]}


def record(done: dict[str, Any], key: str) -> dict[str, Any]:
    (found,) = [o for o in done["obligations"] if o["key"] == key]
    return dict(found)


def test_from_check_to_verified_bundle(told: Told, repository: GitRepository) -> None:
    code, done = told("run")
    assert (code, done["ok"]) == (0, True)
    assert steps(done) == dict.fromkeys(("check", "test", "build", "seal", "verify"), True)
    assert done["card"]["verdict"] == "sealed"
    assert {o["key"] for o in done["obligations"]} >= {"pytest/failed", "build/completed", "bandit/issues"}
    code, report = told("verify", done["bundle"])
    assert (code, report["verdict"]) == (0, "pass")
    assert "card/decision" in {leaf["id"] for leaf in report["disclosed"]}
    assert told("seal", "--check")[0] == 0


def test_a_failing_test_blocks_and_nothing_is_sealed(told: Told, repository: GitRepository) -> None:
    repository.commit({"test_one.py": TESTS.replace("== 2", "== 3")})
    code, done = told("run")
    assert (code, done["ok"], done["bundle"]) == (1, False, None)
    assert steps(done) == {"check": True, "test": False, "build": True, "seal": False}
    assert record(done, "pytest/failed")["verdict"] == "unmet"
    assert done["card"]["next_step"]["command"] == ["pytest", "--lf"]
    assert not list((repository.root / "dist").glob("*.json"))


def test_two_jobs_at_once_each_read_their_own_test_report(told: Told, repository: GitRepository) -> None:
    repository.commit(message="policy")
    command = [sys.executable, "-m", "maestro_hooks", "run", "--fresh", "--json", "-C", str(repository.root)]
    jobs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for job in jobs:
        done = json.loads(job.communicate()[0].splitlines()[0])
        assert steps(done)["test"]


@pytest.mark.parametrize(
    ("conftest", "words"),
    [("import os\nos._exit(7)\n", "exit code 7"), ("import os, signal\nos.kill(os.getpid(), 9)\n", "SIGKILL")],
)
def test_a_test_process_that_dies_is_an_error_of_its_own(
    told: Told, repository: GitRepository, conftest: str, words: str
) -> None:
    repository.commit({"conftest.py": conftest})
    code, done = told("run")
    assert code == 1
    assert not steps(done)["test"]
    found = record(done, "pytest/completed")
    assert found["verdict"] == "error"
    assert words in found["error"]


def test_tests_that_outlast_the_limit_are_stopped(told: Told, repository: GitRepository) -> None:
    repository.commit({"test_one.py": "import time\ndef test_long():\n    time.sleep(600)\n"})
    (repository.root / "maestro.toml").write_text("[run]\ntest_timeout_s = 3\n", encoding="utf-8")
    code, done = told("run")
    assert code == 1
    assert "stopped after 3 s" in record(done, "pytest/completed")["error"]


def test_without_pytest_the_test_step_says_so(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    code, done = told("run")
    assert code == 1
    assert record(done, "pytest/completed")["error"] == "pytest is not installed in this environment"


def test_a_build_that_fails_is_an_error_and_shows_its_end(
    told: Told, repository: GitRepository, capsys: pytest.CaptureFixture[str]
) -> None:
    repository.commit({"backend.py": "raise SystemExit('no backend today')\n"})
    code, done = told("run")
    assert code == 1
    assert record(done, "build/completed")["verdict"] == "error"
    assert main(["run", "-C", str(repository.root)]) == 1
    assert "no backend today" in capsys.readouterr().out
