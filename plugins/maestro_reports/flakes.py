"""Repeated runs of the same tests to a flake rate: the share of tests whose runs do not all end alike.

Theorem: a test counts as stable only if every run names it equally often and with the same outcomes. One run shows
nothing, so fewer than two are not met.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_reports.junit import parse
from maestro_reports.keys import key
from maestro_reports.reading import UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_reports.reading import Report

SCALE = 1_000_000
MIN_RUNS = 2


def obligations(pattern: str, runs: Sequence[Report], bound: Fraction | None) -> tuple[Obligation, ...]:
    """The number of runs, and the rate against ``bound``; ``runs`` are the JUnit reports that ``pattern`` matched.

    Raises:
        UnreadableError: a report that is no JUnit document, or holds no test.
    """
    outcomes = [_outcomes(run) for run in runs]
    tests = sorted({name for run in outcomes for name in run})
    unstable = [name for name in tests if len({run.get(name, ()) for run in outcomes}) > 1]
    words = f"{len(runs)} runs match {pattern!r}; it takes two to show anything"
    few = Finding(rule="report-missing", message=words, at=Location(pattern))
    rate = Obligation(
        key=key("flakes/rate", pattern),
        value=Fraction(len(unstable), len(tests)) if tests else Fraction(1),
        max=bound,
        scale=SCALE,
        kind="test",
        findings=tuple(Finding(rule="flaky-test", message=n, at=Location(pattern), level="warning") for n in unstable),
        attachments=tuple(Attachment(run.path, run.data) for run in runs),
    )
    count = Obligation(
        key=key("flakes/runs", pattern), value=len(runs), min=MIN_RUNS, findings=() if len(runs) >= MIN_RUNS else (few,)
    )
    return (count, rate) if len(runs) >= MIN_RUNS else (count,)


def _outcomes(run: Report) -> Mapping[str, tuple[str, ...]]:
    """Test name to what was said of it, in order; a name may stand for several cases (parameters, subtests)."""
    found: dict[str, list[str]] = defaultdict(list)
    for case in parse(run.data).cases:
        found[case.name].append(" ".join(sorted(case.outcomes)) or "passed")
    if not found:
        raise UnreadableError("holds no test")
    return {name: tuple(sorted(said)) for name, said in found.items()}
