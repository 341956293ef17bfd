from __future__ import annotations

from pathlib import Path

import pytest

from maestro_bloom.claims import Facts, obligations, upper_bound_ppm
from maestro_bloom.index import Audit
from maestro_hooks.requests import AppliedSkip, TestOutcome, TestRun


@pytest.mark.parametrize(
    ("wrong", "of", "low", "high"),
    [(0, 299, 9_900, 10_000), (0, 64, 45_500, 46_000), (1, 100, 46_000, 47_000), (3, 3, 1_000_000, 1_000_000)],
)
def test_the_bound_is_clopper_pearson(wrong: int, of: int, low: int, high: int) -> None:
    # 0 of 299 is the classical number for one per cent; 1 of 100 has the bound 4.656 %.
    assert low <= upper_bound_ppm(wrong, of) <= high


def test_numbers_are_exact_and_a_false_skip_is_unmet() -> None:
    run = TestRun(
        root=Path(),
        run="r",
        tree="t",
        tests=(
            TestOutcome(nodeid="a", outcome="passed", duration_us=1),
            TestOutcome(nodeid="b", outcome="failed", duration_us=1),
        ),
        skips=(AppliedSkip("c", "bloom", "unchanged"), AppliedSkip("d", "other", "why")),
        completed=True,
    )
    facts = Facts(
        index="ab",
        judged_by="cd",
        last_full_age_s=60,
        audit=Audit(2, 300, 1),
        night=(100, 1),
        problem="",
        budget_ppm=10_000,
    )
    found = {o.key: o for o in obligations(run, facts)}
    values = {key: o.value for key, o in found.items()}
    assert values["bloom/tests_run"] == 2
    assert values["bloom/tests_failed"] == 1
    assert values["bloom/tests_skipped"] == 1
    assert values["bloom/index"] == "ab"
    assert values["bloom/false_skip_ppm"] == 3334
    assert (found["bloom/false_skips"].value, found["bloom/false_skips"].max) == (1, 0)
    assert "bloom/problem" not in values
