"""The test step of the main job: all tests by default, the affected ones on request, and never a skip unsaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.pipeline.testing import TestStep, run_tests
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from tests.support.git_repository import GitRepository

TESTS = "def test_one():\n    assert 1\n\n\ndef test_two():\n    assert 1\n"
AFFECTED = '[project]\nname = "x"\nversion = "1"\n\n[tool.maestro.run]\ntests = "affected"\n'


def step(repository: GitRepository, *, fresh: bool = False) -> TestStep:
    workspace = open_workspace(repository.root)
    with workspace.writer("test") as sink:
        return run_tests(
            workspace, tree=workspace.repository.work_tree(), run_id="r", sink=sink, show=False, fresh=fresh
        )


def test_all_tests_run_unless_the_project_asks_for_the_affected_ones(repository: GitRepository) -> None:
    repository.commit({"pyproject.toml": AFFECTED.replace("affected", "all"), "tests/test_x.py": TESTS})
    assert (step(repository).words, step(repository).words) == ("2 passed", "2 passed")
    repository.commit({"pyproject.toml": AFFECTED})
    found = step(repository)
    # The index recorded by runs of all tests serves, and each skip is told.
    assert (found.ok, found.skips, found.words) == (True, 2, "2 skipped by maestro")
    assert all("has changed since run" in str(skip) for skip in found.summary["skips"])  # type: ignore[attr-defined]
    assert step(repository, fresh=True).words == "2 passed"
