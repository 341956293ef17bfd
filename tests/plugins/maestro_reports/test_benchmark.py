from __future__ import annotations

import json
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from maestro_reports import benchmark, importing
from maestro_reports.reading import Report, UnreadableError
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from pathlib import Path


def test_medians_are_the_digits_of_the_file(samples: dict[str, bytes]) -> None:
    bound = ReportsSettings(benchmark_max_us={"b.py::test_sum": "0.7"})
    count, total, slow = benchmark.obligations(Report("b.json", samples["benchmark"]), bound)
    assert (count.value, count.min) == (2, 1)
    assert (total.key, total.value) == ("benchmark/median_us/b.py::test_sum", Fraction("0.631200009593158"))
    assert total.max is not None
    assert Fraction(total.max) == Fraction("0.7")
    assert (slow.value, slow.max) == (2_000_000, None)


def test_one_bound_for_all_gives_way_to_a_benchmarks_own(samples: dict[str, bytes]) -> None:
    bounds = ReportsSettings(benchmark=("b.json",), benchmark_max="9", benchmark_max_us={"b.py::test_sum": "0.7"})
    _, total, slow = benchmark.obligations(Report("b.json", samples["benchmark"]), bounds)
    assert [str(total.max), str(slow.max)] == ["0.7", "9"]


def test_a_bound_on_an_absent_benchmark_is_not_met(samples: dict[str, bytes], tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(samples["benchmark"])
    settings = ReportsSettings(benchmark=("b.json",), benchmark_max_us={"b.py::gone": "1", "b.py::test_sum": "1"})
    found = {o.key: o for o in importing.obligations(tmp_path, settings)}
    assert (found["benchmark/missing/b.py::gone"].value, found["benchmark/missing/b.py::gone"].max) == (1, 0)
    assert "benchmark/missing/b.py::test_sum" not in found


@pytest.mark.parametrize("change", [{"median": -1}, {"rounds": 0}, {"median": "1"}, {"median": None}])
def test_numbers_that_measure_nothing_are_refused(change: dict[str, object]) -> None:
    one = {"fullname": "x", "stats": {"median": 1, "rounds": 1, **change}}
    with pytest.raises(UnreadableError):
        benchmark.parse(json.dumps({"version": "5", "benchmarks": [one]}).encode())


def test_a_benchmark_named_twice_is_refused() -> None:
    one = {"fullname": "x", "stats": {"median": 1, "rounds": 1}}
    with pytest.raises(UnreadableError, match="given twice"):
        benchmark.parse(json.dumps({"version": "5", "benchmarks": [one, one]}).encode())
