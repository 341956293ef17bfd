"""What a run with test selection claims, in exact numbers.

Invariant: everything here is a function of the run and the index; the confidence bound is an integer, rounded up.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from maestro_bloom.index import Audit
    from maestro_hooks.session_requests import TestRun

_PPM = 1_000_000


class Facts(Value, frozen=True, kw_only=True):
    """What the index knows at the end of a run. ``night`` is (skippable, of these failed) of a full run."""

    index: str
    judged_by: str
    last_full_age_s: int | None
    audit: Audit
    night: tuple[int, int] | None
    problem: str
    budget_ppm: int


def obligations(run: TestRun, facts: Facts) -> list[Obligation]:
    """The claims. Those about full runs are absent until one was measured."""
    failed = sum(1 for test in run.tests if test.outcome in ("failed", "error"))
    claims = [
        ("tests_run", len(run.tests)),
        ("tests_failed", failed),
        ("tests_skipped", len([skip for skip in run.skips if skip.plugin == "bloom"])),
    ]
    found = [Obligation(key=f"bloom/{name}", value=value, kind="bloom") for name, value in claims]
    found.append(Obligation(key="bloom/index", value=facts.index or "none", kind="bloom"))
    found.append(Obligation(key="bloom/judged_by", value=facts.judged_by or "none", kind="bloom"))
    if facts.problem:
        found.append(Obligation(key="bloom/problem", value=facts.problem[:1000], kind="bloom"))
    if facts.last_full_age_s is not None:
        found.append(Obligation(key="bloom/last_full_age_s", value=facts.last_full_age_s, kind="bloom"))
    if facts.night is not None:
        found.append(Obligation(key="bloom/skippable", value=facts.night[0], kind="bloom"))
        found.append(Obligation(key="bloom/false_skips", value=facts.night[1], max=0, kind="bloom"))
    audit = facts.audit
    if audit.skippable:
        rate = math.ceil(audit.false_skips * _PPM / audit.skippable)
        upper = upper_bound_ppm(audit.false_skips, audit.skippable)
        found += [
            Obligation(key="bloom/false_skip_ppm", value=rate, max=facts.budget_ppm, kind="bloom"),
            Obligation(key="bloom/false_skip_upper95_ppm", value=upper, kind="bloom"),
        ]
    return found


def upper_bound_ppm(wrong: int, of: int) -> int:
    """The one-sided 95 % Clopper-Pearson bound of a rate, in parts per million, rounded up."""
    if wrong >= of:
        return _PPM
    low, high = wrong * _PPM // of, _PPM
    while high - low > 1:
        middle = (low + high) // 2
        if _at_most(wrong, of, middle / _PPM) > 0.05:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, of: int, rate: float) -> float:
    """Probability of at most ``wrong`` in ``of`` trials, by logarithms so that large numbers do not underflow."""
    found = []
    for i in range(wrong + 1):
        ways = math.lgamma(of + 1) - math.lgamma(i + 1) - math.lgamma(of - i + 1)
        found.append(math.exp(ways + i * math.log(rate) + (of - i) * math.log1p(-rate)))
    return math.fsum(found)
