"""What makes two test runs different."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_hooks.integrations.pytest_inputs import distributions_digest, options

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integrations.conftest import Project

pytest_plugins = ("pytester",)

FILES = {"test_a": "def test_one(): pass\ndef test_two(): pass\n", "test_b": "def test_three(): pass\n"}


def inputs_of(project: Project, *arguments: str) -> str:
    project.run(*arguments)
    bodies = [line["b"] for line in project.segments()[-1] if "b" in line]
    (digest,) = {body["inputs"] for body in bodies}
    return str(digest)


DIFFERENT: tuple[list[str], ...] = (
    [],
    ["-k", "one"],
    ["-m", "not slow"],
    ["test_a.py"],
    ["test_a.py::test_one"],
    ["--deselect", "test_a.py::test_one"],
    ["--ignore", "test_b.py"],
    ["-o", "python_functions=test_o*"],
    ["-W", "error"],
    ["--runxfail"],
    ["--setup-only"],
    ["--noconftest"],
    ["-p", "no:unittest"],
)


def test_partial_and_different_runs_have_different_inputs(project: Project) -> None:
    project.write(**FILES)
    project.commit()
    seen = [inputs_of(project, *arguments) for arguments in DIFFERENT]
    assert len(set(seen)) == len(DIFFERENT)


def test_an_option_of_a_conftest_changes_the_inputs_and_its_value_stays_secret(project: Project) -> None:
    project.write(**FILES, conftest="def pytest_addoption(parser): parser.addoption('--token', default='')\n")
    project.commit()
    assert inputs_of(project) != inputs_of(project, "--token=hunter2")
    ledger = "".join(p.read_text(encoding="utf-8") for p in (project.root / ".maestro").rglob("*.jsonl"))
    assert "option token=sha256:" in ledger
    assert "hunter2" not in ledger


def test_tests_deselected_by_a_conftest_change_the_inputs(project: Project) -> None:
    hook = """
        import os
        def pytest_collection_modifyitems(config, items):
            if os.environ.get("FEWER"):
                config.hook.pytest_deselected(items=items[:1])
                del items[:1]
    """
    project.write(**FILES, conftest=hook)
    project.commit()
    full = inputs_of(project)
    project.pytester._monkeypatch.setenv("FEWER", "1")
    assert inputs_of(project) != full


def test_the_tree_and_the_tools_are_named(project: Project) -> None:
    project.write(**FILES)
    project.commit()
    project.run()
    inputs = project.inputs()
    assert len(inputs["tree"]) == 40
    assert inputs["version"] == inputs["tools"]["pytest"] == pytest.__version__
    assert set(inputs["tools"]) == {"python", "pytest", "platform", "distributions"}
    assert "path ." in inputs["arguments"]
    assert str(project.root) not in str(inputs)


def test_a_tree_that_changes_during_the_run_holds_for_no_tree(project: Project) -> None:
    project.write(test_a="import pathlib\ndef test_one(): pathlib.Path('made').touch()\n")
    project.commit()
    result = project.run()
    assert project.inputs()["tree"].startswith("changed-during-run:")
    result.stdout.fnmatch_lines(["the work tree changed during the run*"])


def test_the_distributions_are_read_from_folder_names(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    (one / "a-1.dist-info").mkdir(parents=True)
    (two / "b-1.dist-info").mkdir(parents=True)
    both = distributions_digest([str(one), str(two)])
    assert both == distributions_digest([str(two), str(tmp_path / "absent.zip"), str(one)])
    (two / "b-1.dist-info").rename(two / "b-1.0.1.dist-info")
    assert both != distributions_digest([str(one), str(two)])


def test_options_that_are_not_set_or_only_shown_are_left_out(tmp_path: Path) -> None:
    values = {"keyword": "a", "verbose": 3, "lf": False, "ignore": [f"{tmp_path}/x"], "other": "v"}
    said = options(dict(values), root=tmp_path)
    assert said[:2] == ("option ignore=['./x']", "option keyword='a'")
    assert said[2].startswith("option other=sha256:")
    assert len(said) == 3
