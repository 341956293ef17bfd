"""Skipping tests: justified, shown as deselected, and never in doubt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.host import Failure, Results
from maestro_hooks.integrations.pytest_selection import Skipped, decide
from maestro_hooks.requests import RunAll, Skip

if TYPE_CHECKING:
    from tests.integrations.conftest import Project

pytest_plugins = ("pytester",)

THREE = "def test_one(): pass\ndef test_two(): pass\ndef test_three(): pass\n"
SKIPS_ONE = """
    @hookimpl
    def maestro_select(plan):
        return [Skip(n, "nothing it touched has changed") for n in plan.nodeids if n.endswith("one")]
"""
SKIPS_ALL = """
    @hookimpl
    def maestro_select(plan):
        return [Skip(n, "nothing it touched has changed") for n in plan.nodeids]
"""
CRASHES = """
    @hookimpl
    def maestro_select(plan):
        yield Skip(plan.nodeids[0], "x")
        raise ValueError("index is damaged")
"""


def test_skipped_tests_are_deselected_and_never_passed(project: Project) -> None:
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a=THREE)
    project.commit()
    result = project.run()
    result.assert_outcomes(passed=2, deselected=1)
    result.stdout.fnmatch_lines(
        [
            "maestro: run ????????????????????????, select on",
            "maestro: select on, 1/3 skippable, reason: pick: nothing it touched has changed",
            "2 passed, 1 skipped by Maestro (deselected)",
            "SKIPPED BY MAESTRO [[]1[]] pick: nothing it touched has changed",
        ]
    )
    counts = project.counts()
    assert (counts["collected"], counts["passed"], counts["deselected_by_maestro"]) == (3, 2, 1)
    assert project.unmet() == set()
    skips = project.blob("pytest/deselected_by_maestro")
    assert skips == [["test_a.py::test_one", "pick", "nothing it touched has changed"]]
    assert [nodeid for nodeid, _ in project.blob("pytest/passed")] == ["test_a.py::test_three", "test_a.py::test_two"]


def test_a_run_that_skipped_does_not_look_like_one_that_did_not(project: Project) -> None:
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a=THREE)
    project.commit()
    project.run()
    project.run("--maestro-select=off")
    project.run("--maestro-select=report")
    skipping, full, report = (
        next(line["b"]["inputs"] for line in segment if "b" in line) for segment in project.segments()
    )
    assert skipping != full
    assert full == report


@pytest.mark.parametrize("ini", [False, True])
def test_report_mode_runs_all_and_tells(project: Project, *, ini: bool) -> None:
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a=THREE)
    (project.root / "pytest.ini").write_text(f"[pytest]\nmaestro_select = {'report' if ini else 'on'}\n", "utf-8")
    project.commit()
    result = project.run(*([] if ini else ["--maestro-select=report"]))
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["SKIPPABLE (ran all the same) [[]1[]] pick: nothing it touched has changed"])
    assert project.counts()["deselected_by_maestro"] == 0


def test_off_asks_nobody(project: Project) -> None:
    project.plugin("pick", CRASHES)
    project.write(test_a=THREE)
    project.commit()
    result = project.run("--maestro-select=off")
    result.assert_outcomes(passed=3)
    assert project.counts()["plugin_failures"] == 0


@pytest.mark.parametrize(
    ("arguments", "passed", "words"),
    [
        (["-k", "one or two"], 2, "-k asks for certain tests"),
        (["-m", "not slow"], 3, "-m asks for certain tests"),
        (["test_a.py::test_one"], 1, "the command line names tests"),
    ],
)
def test_a_user_who_names_tests_gets_them(project: Project, arguments: list[str], passed: int, words: str) -> None:
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a=THREE)
    project.commit()
    result = project.run(*arguments)
    assert result.parseoutcomes()["passed"] == passed
    result.stdout.fnmatch_lines([f"maestro: run *, select report ({words}, so nothing is skipped)"])
    result.stdout.fnmatch_lines(["SKIPPABLE (ran all the same) [[]1[]] *"])


@pytest.mark.parametrize("option", ["-m 'not slow'", "-m'not slow'", "--strict-markers -m 'not slow'"])
def test_marks_that_the_project_itself_chooses_do_not_disable_skipping(project: Project, option: str) -> None:
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a="import pytest\n@pytest.mark.slow\ndef test_slow(): pass\n" + THREE)
    (project.root / "pytest.ini").write_text(f"[pytest]\naddopts = {option}\nmarkers = slow\n")
    project.commit()
    project.run().assert_outcomes(passed=2, deselected=2)
    result = project.run("-m", "slow")
    result.stdout.fnmatch_lines(["maestro: run *, select report (-m asks for certain tests, so nothing is skipped)"])


def test_a_path_on_the_command_line_does_not_disable_skipping(project: Project) -> None:
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a=THREE)
    project.commit()
    project.run("test_a.py").assert_outcomes(passed=2, deselected=1)


def test_the_mark_keeps_a_test(project: Project) -> None:
    project.plugin("pick", SKIPS_ALL)
    project.write(test_a="import pytest\n@pytest.mark.maestro_always\n" + THREE)
    project.commit()
    project.run().assert_outcomes(passed=1, deselected=2)
    assert dict(project.blob("pytest/passed")) == {"test_a.py::test_one": "passed"}


def test_a_failing_accelerator_skips_nothing_and_says_so(project: Project) -> None:
    project.plugin("skipper", CRASHES)
    project.plugin("pick", SKIPS_ONE)
    project.write(test_a=THREE)
    project.commit()
    result = project.run("--maestro-json=out.json")
    assert result.ret == 0
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["maestro: skipper: disabled (ValueError: index is damaged)", "*= maestro =*"])
    assert project.counts()["plugin_failures"] == 1
    content = json.loads((project.root / "out.json").read_bytes())
    assert content["failures"] == [
        {"plugin": "skipper", "hook": "maestro_select", "error_class": "ValueError", "message": "index is damaged"}
    ]


def test_an_accelerator_says_why_a_run_is_full(project: Project) -> None:
    project.plugin("skipper", "@hookimpl\ndef maestro_select(plan):\n    yield RunAll('no index for this commit')\n")
    project.write(test_a=THREE)
    project.commit()
    result = project.run()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "maestro: select on, 0/3 skippable, reason: skipper: no index for this commit",
            "skipper: all tests run: no index for this commit",
        ]
    )


def test_when_every_test_is_skipped_for_a_reason_the_run_is_good(project: Project) -> None:
    project.plugin("pick", SKIPS_ALL)
    project.write(test_a=THREE)
    project.commit()
    result = project.run()
    assert result.ret == 0
    assert project.unmet() == set()
    assert project.records()["pytest/passed"]["quantity"]["min"] == "0"
    result.stdout.fnmatch_lines(["3 skipped by Maestro (deselected)"])


def test_a_run_of_which_only_tests_that_never_pass_are_left_is_good(project: Project) -> None:
    project.plugin("pick", SKIPS_ALL.replace("in plan.nodeids", "in plan.nodeids[:-1]"))
    project.write(test_a=THREE, test_b="import pytest\n\n\n@pytest.mark.xfail\ndef test_never():\n    assert 0\n")
    project.commit()
    result = project.run()
    assert result.ret == 0
    assert project.unmet() == set()
    result.stdout.fnmatch_lines(["1 xfailed, 3 skipped by Maestro (deselected)"])


def test_tests_others_deselected_are_not_asked_about(project: Project) -> None:
    project.plugin("pick", SKIPS_ALL)
    project.write(test_a="import os\ndef test_one(): assert 'GOOD' in os.environ\ndef test_two(): pass\n")
    project.commit()
    project.run("--maestro-select=off")
    project.run("--lf")
    segment = project.segments()[-1]
    counts = {line["b"]["key"]: int(line["b"]["quantity"]["q"]) for line in segment if "b" in line}
    assert counts["pytest/collected"] == counts["pytest/deselected_by_maestro"] == 1


def test_a_skip_of_an_unknown_test_is_ignored_and_the_first_plugin_is_named() -> None:
    results = Results(values=(("a", Skip("x", "ra")), ("b", Skip("x", "rb")), ("b", Skip("elsewhere", "rb"))))
    selection = decide(results, mode="on", nodeids=["x", "y"], always=[])
    assert selection.deselected == (Skipped("x", "a", "ra"),)
    assert selection.tests == 2


@pytest.mark.parametrize("bad", ["x", None, 1])
def test_a_value_that_is_no_answer_skips_nothing(bad: object) -> None:
    selection = decide(Results(values=(("a", Skip("x", "r")), ("b", bad))), mode="on", nodeids=["x"], always=[])
    assert selection.skips == ()
    assert [fault.plugin for fault in selection.faults] == ["b"]


def test_a_failure_skips_nothing_but_keeps_the_reasons() -> None:
    results = Results(
        values=(("a", Skip("x", "r")), ("a", RunAll("why"))), failures=(Failure("b", "maestro_select", "E", "m"),)
    )
    selection = decide(results, mode="on", nodeids=["x"], always=[])
    assert selection.skips == ()
    assert selection.full == (("a", "why"),)


LEAVES_OUT = """
@hookimpl
def maestro_leave_out(plan):
    names = ("test_a.py::test_one", "test_a.py::test_two", "test_a.py::test_three")
    yield FileSkip("test_a.py", tuple(Skip(name, "as before") for name in names))
"""


def test_a_file_that_is_left_out_is_not_imported_and_every_test_of_it_is_told(project: Project) -> None:
    project.plugin("pick", LEAVES_OUT)
    project.write(test_a="raise RuntimeError\n" + THREE, test_b="def test_b():\n    pass\n")
    project.commit()
    result = project.run("--maestro-json=out.json")
    assert result.ret == 0
    result.assert_outcomes(passed=1, deselected=3)
    result.stdout.fnmatch_lines(["collected 1 item", "maestro: select on, 3/4 skippable, reason: pick: as before"])
    content = json.loads((project.root / "out.json").read_bytes())
    assert (content["collected"], len(content["skips"])) == (4, 3)
    assert [entry[0] for entry in project.blob("pytest/deselected_by_maestro")] == sorted(
        f"test_a.py::{name}" for name in ("test_one", "test_two", "test_three")
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["-k", "test"],
        ["--lf"],
        ["--sw"],
        ["--deselect=test_a.py::test_one"],
        ["--maestro-select=report"],
        ["test_a.py"],
    ],
    ids=str,
)
def test_whoever_asks_for_certain_tests_has_them_collected(project: Project, arguments: list[str]) -> None:
    project.plugin("pick", LEAVES_OUT)
    project.write(test_a=THREE)
    project.commit()
    result = project.run(*arguments)
    result.stdout.fnmatch_lines(["collected 3 items*"])
    assert result.parseoutcomes()["passed"] >= 2


@pytest.mark.parametrize("wrong", ["raise ValueError('no')", "yield 'test_a.py'"], ids=["fails", "wrong type"])
def test_a_failing_accelerator_leaves_no_file_out(project: Project, wrong: str) -> None:
    project.plugin("pick", LEAVES_OUT)
    project.plugin("broken", f"@hookimpl\ndef maestro_leave_out(plan):\n    {wrong}\n    yield from ()\n")
    project.write(test_a=THREE)
    project.commit()
    result = project.run()
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["maestro: broken: disabled (*)"])
    assert project.counts()["plugin_failures"] == 1


def test_a_file_that_nobody_would_collect_is_not_told(project: Project) -> None:
    project.plugin("pick", LEAVES_OUT)
    project.write(test_a=THREE, test_b="def test_b():\n    pass\n")
    project.commit()
    project.run("--ignore=test_a.py").assert_outcomes(passed=1)
    project.run("test_b.py").assert_outcomes(passed=1)
