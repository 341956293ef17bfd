"""What the main job need not do twice: tests that passed and a build, of the same tree in the same surroundings."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.record import Producer, error_record
from maestro_hooks.pipeline import building, held_tests, surroundings
from maestro_hooks.pipeline.building import build
from maestro_hooks.pipeline.gathering import gather, look_at_tree
from maestro_hooks.pipeline.held_tests import held_run, hold_run
from maestro_hooks.pipeline.testing import TestStep
from maestro_hooks.workspace import open_workspace
from tests.support.buildable import PROJECT

if TYPE_CHECKING:
    from maestro_hooks.workspace import Workspace
    from tests.support.git_repository import GitRepository


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where Maestro was installed from an index; here it may be editable, and then nothing is reused."""
    monkeypatch.setattr(surroundings, "editable_sources", lambda search_path: ())


@pytest.fixture
def workspace(repository: GitRepository) -> Workspace:
    repository.commit(PROJECT)
    return open_workspace(repository.root)


def recorded(workspace: Workspace, tree: str) -> TestStep:
    with workspace.writer("pytest") as sink:
        digest = sink.inputs(Inputs(plugin="pytest", version="9", tree=tree))
        sink.append(error_record("pytest/x", producer=Producer("pytest", "9", "pytest"), inputs=digest, error=""))
    return TestStep(ok=True, words="3 passed", summary={"inputs": digest})


def test_a_run_that_passed_holds_for_its_tree_its_command_and_its_surroundings(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert held_run(workspace, "t") is None
    step = recorded(workspace, "t")
    hold_run(workspace, "t", step, seconds=1.5)
    held = held_run(workspace, "t")
    assert held == held_tests.HeldRun(step.inputs, "3 passed", 1500)
    assert held_run(workspace, "another") is None
    monkeypatch.setenv("DATABASE_URL", "another")
    assert held_run(workspace, "t") is None
    monkeypatch.delenv("DATABASE_URL")
    assert held_run(workspace, "t") == held
    monkeypatch.setattr(surroundings, "editable_sources", lambda search_path: ("/elsewhere",))
    assert held_run(workspace, "t") is None


def test_what_failed_changed_its_tree_or_left_no_record_does_not_hold(workspace: Workspace) -> None:
    step = recorded(workspace, "changed-during-run:t")
    hold_run(workspace, "t", step, seconds=1)
    assert held_run(workspace, "t") is None
    hold_run(workspace, "t", TestStep(ok=True, words="3 passed", summary={"inputs": "0" * 64}), seconds=1)
    assert held_run(workspace, "t") is None
    step = recorded(workspace, "u")
    hold_run(workspace, "u", TestStep(ok=False, words="1 failed", summary=step.summary), seconds=1)
    assert held_run(workspace, "u") is None


def test_a_build_is_reused_for_the_same_tree_commit_and_tags(workspace: Workspace, repository: GitRepository) -> None:
    tree = look_at_tree(workspace)

    def built(*, fresh: bool = False) -> building.BuildStep:
        with workspace.writer("build") as sink:
            step = build(workspace, tree=tree.id, sink=sink, fresh=fresh)
        assert step.ok, step.tail
        return step

    first = built()
    assert first.saved_s == 0
    first.artifacts[0].path.write_bytes(b"changed by hand")
    second = built()
    assert second.saved_s > 0
    assert second.artifacts == first.artifacts
    assert "earlier build" in second.words
    assert built(fresh=True).saved_s == 0
    repository.git("tag", "v2")
    assert built().saved_s == 0
    # All of it is one claim about one tree, made by one version of the builder.
    merged = gather(workspace, tree, test_run="", allow_unfinished=False)
    assert "build/completed" in {record.key for record in merged.records}


def test_builds_by_two_versions_of_the_builder_are_not_ambiguous(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = look_at_tree(workspace)
    with monkeypatch.context() as earlier, workspace.writer("build") as sink:
        earlier.setattr(building, "code_digest", lambda name: "an earlier version")
        build(workspace, tree=tree.id, sink=sink)
    with workspace.writer("build") as sink:
        build(workspace, tree=tree.id, sink=sink)
    merged = gather(workspace, tree, test_run="", allow_unfinished=False)
    assert not merged.ambiguous
    assert "build/completed" in {record.key for record in merged.records}


def test_another_interpreter_is_another_place(monkeypatch: pytest.MonkeyPatch, repository: GitRepository) -> None:
    before = surroundings.fingerprint(repository.root)
    monkeypatch.setattr(sys, "executable", "/elsewhere/python")
    assert surroundings.fingerprint(repository.root) != before
