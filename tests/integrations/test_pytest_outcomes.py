"""Counting, as a function of reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.integrations.pytest_outcomes import OUTCOMES, Outcome, Phase, Tally, phase_of

if TYPE_CHECKING:
    from collections.abc import Iterable


def tally(phases: Iterable[Phase]) -> Tally:
    counted = Tally()
    for phase in phases:
        counted.add(phase)
    return counted


def attempt(setup: Outcome | None, call: Outcome | None, teardown: Outcome | None, **more: str) -> list[Phase]:
    """The reports pytest makes: no call after a setup that did not pass."""
    nodeid = more.get("nodeid", "t")
    worker = more.get("worker", "")
    words = [("setup", setup), *([("call", call)] if setup == "passed" else []), ("teardown", teardown)]
    return [Phase(nodeid=nodeid, when=when, outcome=word, duration_us=1, worker=worker) for when, word in words]


@pytest.mark.parametrize(
    ("phases", "expected"),
    [
        (attempt("passed", "passed", "passed"), "passed"),
        (attempt("passed", "failed", "passed"), "failed"),
        (attempt("passed", "passed", "error"), "error"),
        (attempt("passed", "failed", "error"), "failed"),
        (attempt("error", None, "passed"), "error"),
        (attempt("skipped", None, "passed"), "skipped"),
        (attempt("xfailed", None, "passed"), "xfailed"),
        (attempt("passed", "xfailed", "passed"), "xfailed"),
        (attempt("passed", "xpassed", "passed"), "xpassed"),
        (attempt("passed", "skipped", "error"), "error"),
        (
            [Phase(nodeid="t", when="setup", outcome="passed"), Phase(nodeid="t", when="???", outcome="failed")],
            "failed",
        ),
    ],
)
def test_one_test_has_one_outcome(phases: list[Phase], expected: Outcome) -> None:
    counted = tally(phases)
    assert counted.pairs() == [("t", expected)]
    assert counted.counts() == {outcome: int(outcome == expected) for outcome in OUTCOMES}


def test_a_test_that_was_set_up_but_never_called_has_no_outcome() -> None:
    phases = [p for p in attempt("passed", "passed", "passed") if p.when != "call"]
    assert tally(phases).pairs() == []


def test_an_unfinished_test_has_no_outcome() -> None:
    counted = tally(attempt("passed", "passed", "passed")[:-1])
    assert counted.pairs() == []
    assert counted.missing(["t"]) == {"t"}


def test_discarded_attempts_are_counted_beside_the_final_outcome() -> None:
    phases = attempt("passed", None, "passed") * 2 + attempt("passed", "passed", "passed")
    (test,) = tally(phases).tests.values()
    assert (test.outcome, test.reruns) == ("passed", 2)


def test_an_attempt_discarded_in_setup_is_no_outcome() -> None:
    assert tally(attempt(None, None, "passed")).pairs() == []


def test_the_same_test_twice_keeps_the_worse_outcome() -> None:
    bad = attempt("passed", "failed", "passed", worker="gw0")
    good = attempt("passed", "passed", "passed", worker="gw1")
    for phases in (bad + good, good + bad):
        assert tally(phases).pairs() == [("t", "failed")]


def test_a_failing_subtest_fails_the_test_and_a_skipped_one_says_nothing() -> None:
    setup, call, teardown = attempt("passed", "passed", "passed")
    failing = Phase(nodeid="t", when="call", outcome="failed", subtest=True)
    skipped = Phase(nodeid="t", when="call", outcome="skipped", subtest=True)
    assert tally([setup, skipped, call, teardown]).pairs() == [("t", "passed")]
    assert tally([setup, failing, call, teardown]).pairs() == [("t", "failed")]


def test_collectors_are_counted_under_their_own_name() -> None:
    counted = Tally()
    for nodeid, outcome in (("a.py", "failed"), ("b.py", "skipped"), ("c.py", "passed"), ("a.py", "failed")):
        report = pytest.CollectReport(nodeid, outcome, None, [])  # type: ignore[arg-type]
        counted.add_collector(report)
    assert counted.pairs() == [("a.py", "error"), ("b.py", "skipped")]


def test_a_report_says_its_worker_and_whether_it_is_a_subtest() -> None:
    report = pytest.TestReport("t", ("t", 0, "t"), {}, "failed", None, "teardown", duration=0.5)
    report.node = SimpleNamespace(gateway=SimpleNamespace(id="gw3"))  # type: ignore[attr-defined]
    assert phase_of(report, "n") == Phase(
        nodeid="n", when="teardown", outcome="error", duration_us=500_000, worker="gw3"
    )


WORDS = st.sampled_from(OUTCOMES)
TESTS = st.lists(st.tuples(WORDS, WORDS, WORDS), min_size=1, max_size=6)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(TESTS, st.randoms(use_true_random=False))
def test_counts_do_not_depend_on_how_workers_interleave(words: list[tuple[Outcome, ...]], random: object) -> None:
    queues = [attempt(*word, nodeid=f"t{i}", worker=f"gw{i % 2}") for i, word in enumerate(words)]
    serial = [phase for queue in queues for phase in queue]
    mixed: list[Phase] = []
    while any(queues):
        queue = random.choice([q for q in queues if q])  # type: ignore[attr-defined]
        mixed.append(queue.pop(0))
    assert tally(mixed).pairs() == tally(serial).pairs()
    assert sum(tally(mixed).counts().values()) <= len(words)
