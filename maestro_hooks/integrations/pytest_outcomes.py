"""One outcome per test out of pytest's reports, which come per phase, attempt, subtest and worker.

Invariant: a test is counted once, with the worst of its phases; an attempt that a rerun plugin discarded, or that
never called the test, is no outcome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
from msgspec import field

from maestro_hooks.session_requests import TestOutcome
from maestro_hooks.values import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pytest

Outcome: TypeAlias = Literal["passed", "skipped", "xfailed", "xpassed", "error", "failed"]

# From best to worst: what is claimed of a test is the worst thing said about it.
OUTCOMES: tuple[Outcome, ...] = ("passed", "skipped", "xfailed", "xpassed", "error", "failed")


# A struct, because three are made for every test.
class Phase(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One report about one test: ``when`` is pytest's word; ``outcome`` is ``None`` for a discarded attempt."""

    nodeid: str
    when: str
    outcome: Outcome | None
    duration_us: int = 0
    worker: str = ""
    subtest: bool = False


def phase_of(report: pytest.TestReport, nodeid: str) -> Phase:
    """Read a report of pytest, pytest-xdist (crashed workers) or pytest-rerunfailures."""
    gateway = getattr(getattr(report, "node", None), "gateway", None)
    return Phase(
        nodeid=nodeid,
        when=str(report.when),
        outcome=_word(report),
        duration_us=round(report.duration * 1_000_000),
        worker=getattr(gateway, "id", ""),
        # pytest >= 9 and the pytest-subtests plugin both mark their reports by this attribute alone.
        subtest=hasattr(report, "context"),
    )


def _word(report: pytest.TestReport) -> Outcome | None:
    if report.failed:
        return "error" if report.when in ("setup", "teardown") else "failed"
    if report.outcome not in ("passed", "skipped"):
        return None  # "rerun"
    if hasattr(report, "wasxfail"):
        return "xfailed" if report.skipped else "xpassed"
    return report.outcome


class _Attempt(State):
    """The phases of one execution of a test, until its teardown."""

    said: list[Outcome] = field(default_factory=list)
    called: bool = False
    discarded: bool = False
    duration_us: int = 0

    def add(self, phase: Phase) -> None:
        self.discarded |= phase.outcome is None
        if phase.subtest and phase.outcome != "failed":
            return  # a skipped or expectedly failing part says nothing about the whole
        if not phase.subtest:
            self.called |= phase.when == "call"
            self.duration_us += phase.duration_us
        if phase.outcome is not None:
            self.said.append(phase.outcome)

    def outcome(self) -> Outcome | None:
        plain = all(word == "passed" for word in self.said)
        worst: Outcome = "passed" if plain else max(self.said, key=OUTCOMES.index)
        return None if worst == "passed" and not self.called else worst


class Tally(State):
    """Outcomes so far: finished tests by node id, and collectors that failed or were skipped as a whole."""

    tests: dict[str, TestOutcome] = field(default_factory=dict)
    collectors: dict[str, Outcome] = field(default_factory=dict)
    _open: dict[tuple[str, str], _Attempt] = field(default_factory=dict)
    _reruns: dict[str, int] = field(default_factory=dict)

    def add(self, phase: Phase) -> TestOutcome | None:
        """Take one report; the test's outcome if the report finished an attempt that counts."""
        place = (phase.worker, phase.nodeid)
        if phase.when == "setup":
            self._open[place] = _Attempt()
        attempt = self._open.setdefault(place, _Attempt())
        attempt.add(phase)
        if phase.when in ("setup", "call"):
            return None
        del self._open[place]  # a teardown, or the report of a crash, which names no phase
        if attempt.discarded:
            self._reruns[phase.nodeid] = self._reruns.get(phase.nodeid, 0) + 1
            return None
        return self._finish(phase, attempt)

    def _finish(self, phase: Phase, attempt: _Attempt) -> TestOutcome | None:
        outcome = attempt.outcome()
        if outcome is None:
            return None
        test = TestOutcome(
            nodeid=phase.nodeid,
            outcome=outcome,
            duration_us=attempt.duration_us,
            worker=phase.worker,
            reruns=self._reruns.get(phase.nodeid, 0),
        )
        before = self.tests.get(test.nodeid)
        # The same test on each worker (--dist each) or named twice (--keep-duplicates): the worst stands.
        self.tests[test.nodeid] = test if before is None else _worse(before, test)
        return test

    def add_collector(self, report: pytest.CollectReport) -> None:
        """Take a collection report: a broken module is an error, a module skipped as a whole a skip."""
        if report.failed:
            self.collectors[report.nodeid] = "error"
        elif report.skipped:
            self.collectors.setdefault(report.nodeid, "skipped")

    def pairs(self) -> list[tuple[str, Outcome]]:
        """(node id, outcome) of every test and every failed or skipped collector, sorted."""
        return sorted([*((t.nodeid, t.outcome) for t in self.tests.values()), *self.collectors.items()])

    def counts(self) -> dict[Outcome, int]:
        """How often each outcome stands in :meth:`pairs`; every outcome is named."""
        outcomes = [outcome for _, outcome in self.pairs()]
        return {outcome: outcomes.count(outcome) for outcome in OUTCOMES}

    def missing(self, expected: Iterable[str]) -> frozenset[str]:
        """The tests that were to run and have no outcome."""
        return frozenset(expected) - self.tests.keys()


def _worse(one: TestOutcome, other: TestOutcome) -> TestOutcome:
    worse = max(one, other, key=lambda test: OUTCOMES.index(test.outcome))
    return msgspec.structs.replace(worse, reruns=max(one.reruns, other.reruns))
