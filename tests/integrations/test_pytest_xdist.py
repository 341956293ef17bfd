"""The same claims when tests run in other processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integrations.conftest import Project

pytest_plugins = ("pytester",)

MIXED = """
    import os, pytest

    @pytest.fixture
    def breaks_later():
        yield
        raise OSError
    @pytest.mark.parametrize("n", range(8))
    def test_passed(n): assert os.environ["MAESTRO_RUN"] == "shared"
    def test_failed(): assert False
    def test_error(breaks_later): pass
    @pytest.mark.skip
    def test_skipped(): pass
    @pytest.mark.xfail
    def test_xfailed(): assert False
"""
SKIPS_ZERO = """
    @hookimpl
    def maestro_select(plan):
        return [Skip(n, "unchanged") for n in plan.nodeids if n.endswith("[0]")]
"""


def test_two_workers_make_the_records_of_one_process(project: Project) -> None:
    project.plugin("pick", SKIPS_ZERO)
    project.write(test_a=MIXED, test_b="import pytest\npytest.skip('no', allow_module_level=True)\n")
    project.commit()
    alone = project.run("--maestro-run=shared")
    distributed = project.run_apart("-n2", "--maestro-run=shared")
    assert alone.ret == distributed.ret == pytest.ExitCode.TESTS_FAILED
    one, two = ([line["b"] for line in segment if "b" in line] for segment in project.segments())
    assert one == two
    counts = {body["key"].removeprefix("pytest/"): int(body["quantity"]["q"]) for body in two}
    assert counts["collected"] == 12
    assert counts["deselected_by_maestro"] == 1
    assert (counts["passed"], counts["failed"], counts["errors"]) == (7, 1, 1)
    assert (counts["skipped"], counts["xfailed"], counts["completed"]) == (2, 1, 1)
    distributed.stdout.fnmatch_lines(["SKIPPED BY MAESTRO [[]1[]] pick: unchanged"])


def test_tests_deselected_in_workers_make_another_run(project: Project) -> None:
    hook = "def pytest_collection_modifyitems(config, items):\n    config.hook.pytest_deselected(items=[items.pop()])\n"
    project.write(test_a="def test_one(): pass\ndef test_two(): pass\n", conftest=hook)
    project.commit()
    assert project.run_apart("-n2").ret == 0
    assert any(argument.startswith("deselected 1 sha256:") for argument in project.inputs()["arguments"])


def test_a_crashed_worker_fails_its_test_and_the_rest_still_counts(project: Project) -> None:
    project.write(
        test_a="import os\ndef test_crash(): os._exit(9)\n" + "".join(f"def test_{i}(): pass\n" for i in "abcd")
    )
    project.commit()
    result = project.run_apart("-n2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    counts = project.counts()
    assert (counts["collected"], counts["failed"], counts["passed"], counts["completed"]) == (5, 1, 4, 1)
    assert dict(project.blob("pytest/failed"))["test_a.py::test_crash"] == "failed"


def test_when_no_worker_lives_the_selection_is_an_error(project: Project) -> None:
    project.write(test_a="import os, pytest\n@pytest.mark.parametrize('n', range(4))\ndef test_crash(n): os._exit(9)\n")
    project.commit()
    result = project.run_apart("-n2", "--max-worker-restart=0")
    assert result.ret != 0
    record = project.records()["pytest/deselected_by_maestro"]
    assert record["verdict"] == "error"
    assert {"completed", "passed", "failed", "deselected_by_maestro"} <= project.unmet()
    result.stdout.fnmatch_lines(["error: pytest/deselected_by_maestro: no worker process lived*"])


def test_maxfail_under_xdist_is_not_complete(project: Project) -> None:
    project.write(
        test_a="""
        import pytest, time
        @pytest.mark.parametrize("n", range(20))
        def test_a(n):
            time.sleep(.05)
            assert n
        """
    )
    project.commit()
    result = project.run_apart("-n2", "-x")
    assert result.ret != 0
    assert "completed" in project.unmet()


def test_groups_do_not_change_the_names_of_tests(project: Project) -> None:
    project.plugin("pick", SKIPS_ZERO)
    project.write(
        test_a="""
        import pytest
        @pytest.mark.xdist_group("g")
        @pytest.mark.parametrize("n", range(3))
        def test_a(n): pass
        """
    )
    project.commit()
    assert project.run_apart("-n2", "--dist=loadgroup").ret == 0
    assert [nodeid for nodeid, _ in project.blob("pytest/passed")] == ["test_a.py::test_a[1]", "test_a.py::test_a[2]"]
    assert project.counts()["deselected_by_maestro"] == 1


def test_each_worker_running_each_test_counts_a_test_once(project: Project) -> None:
    project.write(
        test_a="import os\ndef test_a(): assert os.environ['PYTEST_XDIST_WORKER'] == 'gw0'\ndef test_b(): pass\n"
    )
    project.commit()
    result = project.run_apart("-n2", "--dist=each")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    counts = project.counts()
    assert (counts["collected"], counts["failed"], counts["passed"], counts["completed"]) == (2, 1, 1, 1)


def test_a_broken_module_and_a_failing_accelerator_are_told_once_for_all_workers(project: Project) -> None:
    project.plugin("skipper", "@hookimpl\ndef maestro_select(plan):\n    raise ValueError('damaged')\n")
    project.write(test_a="def test_a(): pass\n", test_b="import no_such_module\n")
    project.commit()
    result = project.run_apart("-n2")
    assert result.ret != 0
    assert (project.counts()["errors"], project.counts()["plugin_failures"]) == (1, 1)
    assert {"completed", "errors"} <= project.unmet()
    result.stdout.fnmatch_lines(["skipper: disabled (ValueError: damaged)"])


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_a_rerun_test_has_its_final_outcome_and_is_flagged(project: Project, workers: list[str]) -> None:
    project.write(
        test_a="""
        import pathlib
        def test_flaky():
            mark = pathlib.Path(".maestro/mark")
            first = not mark.exists()
            mark.touch()
            assert not first
        def test_bad(): assert False
        def test_good(): pass
        """
    )
    project.commit()
    result = project.run_apart("--reruns=1", *workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    counts = project.counts()
    assert (counts["collected"], counts["passed"], counts["failed"], counts["completed"]) == (3, 2, 1, 1)
    result.stdout.fnmatch_lines(["2 with an outcome reached only after reruns"])
