"""A flake rate is the share of tests whose repeated runs do not all end alike."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec
import pytest

from maestro_reports.importing import obligations
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Obligation
    from tests.plugins.maestro_reports.conftest import Write

FAILED = '<failure message="no"/>'


def run(**cases: str) -> str:
    """A JUnit report; each case with what stands inside its element."""
    inner = "".join(f'<testcase name="{name}">{said}</testcase>' for name, said in cases.items())
    return f"<testsuites><testsuite>{inner}</testsuite></testsuites>"


def claims(root: Path, *, flake_max: str | None = "1") -> dict[str, Obligation]:
    settings = ReportsSettings(repeated=("runs/*.xml",), flake_max=flake_max)
    return {o.key.rsplit("/runs/", 1)[0]: o for o in obligations(root, settings)}


def test_runs_that_agree_have_no_flakes(write: Write) -> None:
    same = run(a="", b=FAILED, c="<skipped/>")
    found = claims(write({"runs/1.xml": same, "runs/2.xml": same, "runs/3.xml": same}))
    assert (found["flakes/runs"].value, found["flakes/runs"].min) == (3, 2)
    assert (found["flakes/rate"].value, found["flakes/rate"].max) == (0, Fraction(1, 100))
    assert found["flakes/rate"].scale == 1_000_000


@pytest.mark.parametrize(
    "second",
    [run(a="", b="", c="", d=FAILED), run(a="", b="", c=""), run(a="", b="", c="", d="<skipped/>")],
    ids=["failed once", "missing once", "skipped once"],
)
def test_a_test_that_ends_otherwise_once_is_a_flake(write: Write, second: str) -> None:
    first = run(a="", b="", c="", d="")
    found = claims(write({"runs/1.xml": first, "runs/2.xml": second}), flake_max=None)["flakes/rate"]
    assert (found.value, found.max) == (Fraction(1, 4), None)
    assert [(f.rule, f.message) for f in found.findings] == [("flaky-test", "d")]
    assert len(found.attachments) == 2


def test_one_run_shows_nothing(write: Write) -> None:
    for files in ({}, {"runs/1.xml": run(a="")}):
        found = claims(write(files))
        assert (found["flakes/runs"].value, found["flakes/runs"].min) == (len(files), 2)
        assert found["flakes/runs"].findings[0].rule == "report-missing"
        assert "flakes/rate" not in found


@pytest.mark.parametrize("bad", ["<html/>", "<testsuites/>", "nonsense"])
def test_a_run_that_cannot_be_read_is_not_met(write: Write, bad: str) -> None:
    found = claims(write({"runs/1.xml": run(a=""), "runs/2.xml": bad}))
    assert list(found) == ["flakes/unreadable"]
    assert (found["flakes/unreadable"].value, found["flakes/unreadable"].max) == (1, 0)


def test_a_bound_needs_runs() -> None:
    with pytest.raises(msgspec.ValidationError, match="flake_max"):
        msgspec.convert({"flake_max": "1"}, ReportsSettings)
