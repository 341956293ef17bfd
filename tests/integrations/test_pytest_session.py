"""What a run records, says and returns, with the real host, git and ledger."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

if TYPE_CHECKING:
    from tests.integrations.conftest import Project

pytest_plugins = ("pytester",)

ALL_OUTCOMES = """
    import pytest

    @pytest.fixture
    def broken(): raise OSError
    @pytest.fixture
    def breaks_later():
        yield
        raise OSError
    def test_passed(): pass
    def test_failed(): assert False
    def test_error_before(broken): pass
    def test_error_after(breaks_later): pass
    @pytest.mark.skip
    def test_skipped(): pass
    @pytest.mark.xfail
    def test_xfailed(): assert False
    @pytest.mark.xfail
    def test_xpassed(): pass
    @pytest.mark.xfail(strict=True)
    def test_xpassed_strictly(): pass
"""
COUNTS = {
    "collected": 8,
    "completed": 1,
    "deselected_by_maestro": 0,
    "errors": 2,
    "failed": 2,
    "passed": 1,
    "plugin_failures": 0,
    "skipped": 1,
    "xfailed": 1,
    "xpassed": 1,
}
ONE = "def test_one(): pass\n"
TWO = ONE + "def test_two(): pass\n"


def test_every_outcome_is_counted_once(project: Project) -> None:
    project.write(test_a=ALL_OUTCOMES)
    project.commit()
    result = project.run("-W", "error")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.counts() == COUNTS
    assert project.unmet() == {"errors", "failed"}
    outcomes = dict(project.blob("pytest/passed"))
    assert outcomes["test_a.py::test_xpassed_strictly"] == "failed"
    assert outcomes["test_a.py::test_error_after"] == "error"
    assert len(outcomes) == 8
    result.stdout.fnmatch_lines(["*= maestro =*", "1 passed, 1 skipped, 1 xfailed, 1 xpassed, 2 error, 2 failed"])
    result.stdout.fnmatch_lines(["unmet: pytest/errors is 2, at most 0", "ledger: .maestro/ledger/*.jsonl"])


def test_a_good_run_meets_every_obligation(project: Project) -> None:
    project.write(test_a=TWO)
    project.commit()
    result = project.run()
    assert result.ret == 0
    assert project.unmet() == set()
    (segment,) = project.segments()
    assert segment[0]["process"] == "pytest"
    assert "end" in segment[-1]
    assert {body["producer"]["plugin"] for body in project.records().values()} == {"pytest"}
    assert {body["kind"] for body in project.records().values()} == {"test"}
    assert {body["inputs"] for body in project.records().values()} == {project.records()["pytest/passed"]["inputs"]}


def test_equal_results_make_equal_records_however_the_run_is_shown(project: Project) -> None:
    project.write(test_a=TWO)
    project.commit()
    project.run()
    project.run("-v", "-rA", "--tb=short", "-p", "no:cacheprovider", "--durations=3", "-s", "-x", str(project.root))
    first, second = ([line["b"] for line in segment if "b" in line] for segment in project.segments())
    # -p is carried, for a plugin that is switched off may judge tests.
    assert [body["quantity"] for body in first] == [body["quantity"] for body in second]
    project.run("-v", "-rA", "--tb=short", "--durations=3", "-s", "-x", str(project.root))
    third = [line["b"] for line in project.segments()[2] if "b" in line]
    assert first == third


def test_no_tests_at_all_is_unmet(project: Project) -> None:
    project.commit()
    result = project.run()
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert project.unmet() == {"passed"}


@pytest.mark.parametrize(
    ("body", "arguments", "status"),
    [
        ("def test_a(): assert False\ndef test_b(): pass\n", ["-x"], pytest.ExitCode.TESTS_FAILED),
        ("def test_a(): assert False\ndef test_b(): pass\n", ["--maxfail=1"], pytest.ExitCode.TESTS_FAILED),
        ("def test_a(): raise KeyboardInterrupt\ndef test_b(): pass\n", [], pytest.ExitCode.INTERRUPTED),
        ("import pytest\ndef test_a(): pytest.exit('x')\ndef test_b(): pass\n", [], pytest.ExitCode.INTERRUPTED),
        ("import pytest\ndef test_a(): pytest.exit('x', 0)\n", [], pytest.ExitCode.TESTS_FAILED),
        ("def test_a(): pass\n", ["--setup-only"], pytest.ExitCode.TESTS_FAILED),
    ],
)
def test_a_session_cut_short_is_not_complete(
    project: Project, body: str, arguments: list[str], status: pytest.ExitCode
) -> None:
    project.write(test_a=body)
    project.commit()
    # pytester passes a KeyboardInterrupt on to its caller, so that one runs apart.
    result = project.run_apart(*arguments) if "KeyboardInterrupt" in body else project.run(*arguments)
    assert result.ret == status
    assert "completed" in project.unmet()
    result.stdout.fnmatch_lines(["the session is not complete*"])


def test_a_failure_in_the_last_test_under_x_is_complete(project: Project) -> None:
    project.write(test_a="def test_a(): pass\ndef test_b(): assert False\n")
    project.commit()
    project.run("-x")
    assert project.unmet() == {"failed"}


def test_a_module_that_cannot_be_imported_is_an_error(project: Project) -> None:
    project.write(test_a=TWO, test_b="import no_such_module\n")
    project.commit()
    result = project.run("--continue-on-collection-errors")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert project.counts()["errors"] == 1
    assert project.counts()["passed"] == 2
    assert project.unmet() == {"errors", "completed"}


def test_a_module_skipped_as_a_whole_counts_as_skipped(project: Project) -> None:
    project.write(test_a=ONE, test_b="import pytest\npytest.skip('no', allow_module_level=True)\n")
    project.commit()
    project.run()
    assert (project.counts()["skipped"], project.counts()["collected"]) == (1, 1)
    assert project.unmet() == set()


def test_failing_subtests_fail_their_test(project: Project) -> None:
    project.write(
        test_a="""
        import unittest
        class TestParts(unittest.TestCase):
            def test_parts(self):
                for i in range(3):
                    with self.subTest(i=i):
                        self.assertNotEqual(i, 1)
            def test_good_parts(self):
                for i in range(3):
                    with self.subTest(i=i):
                        pass
        """
    )
    project.commit()
    project.run()
    counts = project.counts()
    assert (counts["collected"], counts["failed"], counts["passed"]) == (2, 1, 1)


def test_collect_only_writes_nothing(project: Project) -> None:
    project.write(test_a=ONE)
    project.commit()
    result = project.run("--collect-only", "--maestro-json=out.json")
    assert result.ret == 0
    assert not (project.root / ".maestro").exists()
    assert not (project.root / "out.json").exists()
    assert not any("= maestro =" in line for line in result.outlines)


def test_fixtures_and_help_record_nothing(project: Project) -> None:
    project.write(test_a=ONE)
    project.commit()
    for option in ("--fixtures", "--help", "--markers"):
        assert project.run(option).ret == 0
    assert project.segments() == []


def test_the_mark_is_registered(project: Project) -> None:
    project.write(test_a="import pytest\n@pytest.mark.maestro_always\ndef test_one(): pass\n")
    project.commit()
    assert project.run("--strict-markers").ret == 0


@pytest.mark.parametrize("option", [["-p", "no:terminal"], ["-p", "no:cacheprovider"], ["--pdb"], ["-W", "error"]])
def test_works_with(project: Project, option: list[str]) -> None:
    project.write(test_a=ONE)
    project.commit()
    result = project.run_apart(*option)
    assert result.ret == 0
    assert result.stderr.str() == ""
    assert project.unmet() == set()


def test_last_failed_makes_another_run(project: Project) -> None:
    project.write(test_a="def test_a(): assert False\ndef test_b(): pass\n")
    project.commit()
    project.run()
    result = project.run("--lf")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    full, partial = project.segments()
    assert (
        next(line["b"] for line in full if "b" in line)["inputs"]
        != (next(line["b"] for line in partial if "b" in line)["inputs"])
    )


def test_p_no_maestro_takes_every_option_away(project: Project) -> None:
    project.write(test_a=ONE)
    project.commit()
    assert project.idle("-p", "no:maestro").ret == 0
    assert project.run("-p", "no:maestro").ret == pytest.ExitCode.USAGE_ERROR
    assert not (project.root / ".maestro").exists()


def test_the_ini_key_switches_on_and_no_maestro_off(project: Project) -> None:
    project.write(test_a=ONE)
    (project.root / "pytest.ini").write_text("[pytest]\nmaestro = true\n", encoding="utf-8")
    project.commit()
    assert project.idle("--no-maestro").ret == 0
    assert project.segments() == []
    assert project.idle().ret == 0
    assert len(project.segments()) == 1


@pytest.mark.parametrize("arguments", [["--maestro-run=x"], ["--maestro-json=x"]])
def test_options_without_maestro_are_refused(project: Project, arguments: list[str]) -> None:
    result = project.idle(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --maestro-json and --maestro-run need --maestro*"])


def test_a_wrong_ini_value_is_refused(project: Project) -> None:
    (project.root / "pytest.ini").write_text("[pytest]\nmaestro_select = maybe\n", encoding="utf-8")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: ini key maestro_select is 'maybe', expected one of: on, off, report"])


def test_the_run_id_comes_from_option_then_environment_then_index(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(
        test_a="import os\ndef test_run(): assert os.environ['MAESTRO_RUN'] == os.environ.get('WANTED', 'r1')\n"
    )
    project.commit()
    assert project.run("--maestro-run=r1").ret == 0
    assert "MAESTRO_RUN" not in os.environ
    monkeypatch.setenv("MAESTRO_RUN", "r2")
    monkeypatch.setenv("WANTED", "r2")
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["maestro: run r2, select on"])
    assert os.environ["MAESTRO_RUN"] == "r2"
    assert [segment[0]["run"] for segment in project.segments()] == ["r1", "r2"]


@pytest.mark.parametrize("run", ["../x", "", "a/b", "x" * 101, ".hidden", "a\n"])
def test_a_run_id_that_is_no_plain_name_is_refused(project: Project, run: str) -> None:
    project.write(test_a=ONE)
    project.commit()
    result = project.run(f"--maestro-run={run}")
    if run:
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: maestro: *run id*is not a plain name"])
    else:
        assert result.ret == 0


def test_outside_a_repository_no_test_runs(project: Project) -> None:
    project.write(test_a="import pathlib\ndef test_one(): pathlib.Path('ran').touch()\n")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: maestro: *not a git repository*", "*to do: *git init*"])
    assert not (project.root / "ran").exists()


@pytest.mark.parametrize("obstacle", [".maestro", ".maestro/ledger"])
def test_a_ledger_that_cannot_be_written_is_told_before_tests_run(project: Project, obstacle: str) -> None:
    project.write(test_a="import pathlib\ndef test_one(): pathlib.Path('ran').touch()\n")
    project.commit()
    place = project.root / obstacle
    place.parent.mkdir(exist_ok=True)
    place.write_text("", encoding="utf-8")
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: maestro: *cannot*"])
    assert not (project.root / "ran").exists()


LOSES_THE_LEDGER = """
    import pathlib, shutil
    def test_one():
        shutil.rmtree('.maestro')
        pathlib.Path('.maestro').write_text('')
"""


@pytest.mark.parametrize("option", [[], ["-p", "no:terminal"]])
def test_a_ledger_lost_during_the_run_fails_it(project: Project, option: list[str]) -> None:
    project.write(test_a=LOSES_THE_LEDGER)
    project.commit()
    result = project.run_apart("--maestro-json=out.json", *option)
    assert result.ret == pytest.ExitCode.INTERNAL_ERROR
    said = result.stderr if option else result.stdout
    said.fnmatch_lines(["*ERROR: nothing may be concluded from this run: *"])
    content = json.loads((project.root / "out.json").read_bytes())
    assert content["ok"] is False
    assert content["error"]
    assert content["exit_status"] == 3


def test_the_json_document(project: Project) -> None:
    project.write(test_a=ALL_OUTCOMES)
    project.commit()
    project.run("--maestro-json=out.json", "--maestro-run=r")
    content: dict[str, Any] = json.loads((project.root / "out.json").read_bytes())
    assert content["schema"] == "maestro.pytest/1"
    assert (content["ok"], content["run"], content["exit_status"], content["completed"]) == (False, "r", 1, True)
    assert content["counts"] == {"passed": 1, "skipped": 1, "xfailed": 1, "xpassed": 1, "error": 2, "failed": 2}
    assert content["obligations"]["pytest/failed"] == "unmet"
    assert len(content["tests"]) == 8
    assert all(test["duration_us"] >= 0 for test in content["tests"])
    assert (project.root / content["segment"]).is_file()
    assert [path.name for path in project.root.glob(".out*")] == []


def test_a_json_path_without_directory_is_refused(project: Project) -> None:
    project.write(test_a=ONE)
    project.commit()
    result = project.run("--maestro-json=nowhere/out.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --maestro-json: no such directory: *"])


@pytest.mark.parametrize("workers", [[], ["-n2"]])
def test_junit_names_the_run(project: Project, workers: list[str]) -> None:
    project.write(test_a=ONE)
    project.commit()
    assert project.run_apart("--junitxml=out.xml", "--maestro-run=r", *workers).ret == 0
    properties = ET.parse(project.root / "out.xml").iter("property")  # noqa: S314  # nosec B314 - made by this test
    assert [(p.get("name"), p.get("value")) for p in properties] == [("maestro.run", "r")]


def test_an_observer_sees_each_test_once_and_its_crash_is_told(project: Project) -> None:
    project.plugin(
        "watch",
        """
        import pathlib
        @hookimpl
        def maestro_test_finished(outcome):
            with pathlib.Path(".maestro/seen").open("a") as out:
                out.write(f"{outcome.nodeid} {outcome.outcome}\\n")
            if outcome.nodeid.endswith("one"):
                raise RuntimeError("cannot watch")
        """,
    )
    project.write(test_a=TWO)
    project.commit()
    result = project.run()
    assert result.ret == 0
    seen = (project.root / ".maestro/seen").read_text(encoding="utf-8").splitlines()
    assert seen == ["test_a.py::test_one passed", "test_a.py::test_two passed"]
    result.stdout.fnmatch_lines(["watch: maestro_test_finished failed (RuntimeError: cannot watch)"])
    assert project.counts()["plugin_failures"] == 1


def test_a_plugin_that_cannot_be_loaded_is_told(project: Project) -> None:
    project.plugin("broken", "import no_such_module\n")
    project.write(test_a=ONE)
    project.commit()
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(["broken: load failed (LoadError: ModuleNotFoundError: *"])


def test_a_wrong_configuration_ends_the_session_before_it_starts(project: Project) -> None:
    project.write(test_a=ONE)
    (project.root / "maestro.toml").write_text("requier = []\n", encoding="utf-8")
    project.commit()
    result = project.run()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*did you mean 'require'*"])
