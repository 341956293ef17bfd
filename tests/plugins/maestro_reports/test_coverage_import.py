from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pytest

from maestro_hooks.evidence.record import holds, quantity_of
from maestro_reports import coverage
from maestro_reports.reading import Report, UnreadableError
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Obligation


def claims(data: bytes, settings: ReportsSettings | None = None) -> dict[str, Obligation]:
    found = coverage.obligations(Report("c.json", data), settings or ReportsSettings())
    return {o.key.split("/")[1]: o for o in found}


def met(o: Obligation) -> bool:
    assert not isinstance(o.value, str)
    return holds(quantity_of(o.value, scale=o.scale, low=o.min, high=o.max))


def test_a_real_report_gives_exact_ratios(made: Path) -> None:
    found = claims((made / "calc.json").read_bytes())
    # calc.py: 4 statements, one missed; 2 branches, one missed
    assert found["lines"].value == Fraction(3, 4)
    assert found["branches"].value == Fraction(1, 2)
    assert found["total"].value == Fraction(3 + 1, 4 + 2)
    assert found["files"].value == 1


def test_the_total_is_the_number_coverage_prints(samples: dict[str, bytes]) -> None:
    stated = json.loads(samples["coverage"])["totals"]["percent_covered"]
    value = claims(samples["coverage"])["total"].value
    assert isinstance(value, Fraction)
    assert abs(float(value) * 100 - stated) < 1e-9


def document(covered: int, statements: int, *, branch: bool = False) -> dict[str, Any]:
    lines = list(range(1, statements + 1))
    counts = {"covered_lines": covered, "num_statements": statements, "missing_lines": statements - covered}
    file = {"executed_lines": lines[:covered], "missing_lines": lines[covered:], "summary": counts}
    return {"meta": {"version": "7", "branch_coverage": branch}, "files": {"a.py": file}, "totals": counts}


@pytest.mark.parametrize(
    ("covered", "bound", "expected"),
    [(2, "66.66", True), (2, "66.67", False), (2, "100", False), (3, "100", True), (2, "0", True)],
)
def test_a_bound_is_never_rounded_for_the_claimant(covered: int, bound: str, *, expected: bool) -> None:
    data = json.dumps(document(covered, 3)).encode()
    assert met(claims(data, ReportsSettings(coverage=("c.json",), coverage_min=bound))["total"]) is expected


def test_an_empty_report_meets_no_bound() -> None:
    empty = {**document(0, 0), "files": {}}
    found = claims(json.dumps(empty).encode(), ReportsSettings(coverage=("c.json",), coverage_min="1"))
    assert not met(found["total"])
    assert not met(found["files"])


def test_a_bound_on_branches_that_were_not_measured_is_not_met() -> None:
    found = claims(json.dumps(document(1, 1)).encode(), ReportsSettings(coverage=("c.json",), coverage_branch_min="50"))
    assert not met(found["branches"])
    assert "--branch" in found["branches"].findings[0].message


@pytest.mark.parametrize("where", ["totals", "summary", "lines", "both"])
def test_a_report_that_contradicts_itself_is_refused(where: str) -> None:
    forged = document(1, 4)
    if where == "totals":
        forged["totals"] = {**forged["totals"], "covered_lines": 4}
    elif where == "summary":
        forged["files"]["a.py"]["summary"] = {**forged["totals"], "num_statements": 1}
    elif where == "lines":
        forged["files"]["a.py"]["executed_lines"] = [1, 9]
    else:
        forged["files"]["a.py"]["executed_lines"] = [2]
    with pytest.raises(UnreadableError, match=r"contradicts itself|both executed and missing"):
        coverage.parse(json.dumps(forged).encode())
