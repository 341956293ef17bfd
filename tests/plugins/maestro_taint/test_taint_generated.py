"""The engine against programs that were run: recall must be whole, precision at least 95 %."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from maestro_taint.kinds import KINDS, rule_of
from tests.plugins.maestro_taint.analysing import findings
from tests.plugins.maestro_taint.generator import web_harness
from tests.plugins.maestro_taint.generator.cases import CHAIN, Case, make
from tests.plugins.maestro_taint.generator.harness import label
from tests.plugins.maestro_taint.generator.steps import STEPS
from tests.plugins.maestro_taint.generator.web import FLASK_USES, USES, handler, single

if TYPE_CHECKING:
    from collections.abc import Callable

# Twins the engine is known not to tell from their leaks: text is not followed by position, nor generators by turn.
IMPRECISE = {"slice", "partition", "split", "resub", "send"}
SMALL = 200
LARGE = 2000


def flagged(case: Case) -> tuple[bool, int]:
    """(whether the expected kind is found, how many other blocking findings there are)."""
    kind = KINDS.get(case.kind)
    rules = {rule_of(kind, s) for s in ("untrusted", "pii", "secret")} if kind else {f"taint-{case.kind}"}
    found = [f.rule for f in findings(case.files) if f.level == "error"]
    return any(r in rules for r in found), sum(r not in rules for r in found)


@dataclass(frozen=True)
class Suite:
    """A way to build programs and the way to label them."""

    build: Callable[[int], Case]
    label: Callable[[Case], str]


PLAIN = Suite(make, label)
WEB = Suite(handler, web_harness.label)
SUITES = pytest.mark.parametrize("suite", [PLAIN, WEB], ids=["plain", "web"])


def measure(suite: Suite, seeds: range) -> tuple[int, int, int, list[str]]:
    """(leaks found, leaks, false findings, names of missed cases); a program that does not run says nothing."""
    hits = leaks = false = 0
    missed: list[str] = []
    for seed in seeds:
        case = suite.build(seed)
        truth = suite.label(case)
        if truth == "broken":
            continue
        found, other = flagged(case)
        false += other + (found and truth == "safe")
        if truth == "vulnerable":
            leaks += 1
            hits += found
            if not found:
                missed.append(case.name)
    return hits, leaks, false, missed


def check(suite: Suite, seeds: range) -> None:
    hits, leaks, false, missed = measure(suite, seeds)
    bound = 1 - 0.05 ** (1 / leaks) if hits == leaks else math.nan
    print(f"{len(seeds)} programs, {leaks} leaks, {hits} found, {false} false; miss rate < {bound:.4f} at 95 %")  # noqa: T201
    assert leaks > len(seeds) // 8, "the suite hardly leaks: it tests nothing"
    assert missed == []
    assert false <= 0.05 * (hits + false)


@SUITES
def test_pinned_programs(suite: Suite) -> None:
    check(suite, range(SMALL))


@SUITES
def test_fresh_programs(suite: Suite) -> None:
    start = int(os.environ.get("MAESTRO_TAINT_SEED", "7000"))
    check(suite, range(start, start + SMALL))


@pytest.mark.slow
@SUITES
def test_many_programs(suite: Suite) -> None:
    start = int(os.environ.get("MAESTRO_TAINT_SEED", "20000"))
    check(suite, range(start, start + LARGE))


def test_every_kind_and_both_labels_occur_among_the_web_handlers() -> None:
    kinds: dict[str, set[str]] = {}
    for use in (*USES, *FLASK_USES):
        kinds.setdefault(use.kind, set())
    for seed in range(240):
        case = handler(seed)
        if len(kinds[case.kind]) < 2:
            kinds[case.kind].add(web_harness.label(case))
    assert {kind for kind, labels in kinds.items() if not labels & {"safe", "vulnerable"}} == set()
    assert sum("vulnerable" in labels for labels in kinds.values()) > len(kinds) * 3 // 4


@pytest.mark.parametrize("step", [*CHAIN, *STEPS], ids=lambda step: step[0])
def test_each_step_alone(step: tuple[str, str, str]) -> None:
    """A leak through one step is found; its twin is reported only where it leaks, a few named ones aside."""
    for text in step[1:]:
        case = single(step[0], text)
        truth = web_harness.label(case)
        found, other = flagged(case)
        assert not other
        assert truth != "broken"
        assert found or truth == "safe"
        if truth == "safe" and step[0] not in IMPRECISE:
            assert not found


def test_the_labels_come_from_running() -> None:
    """Both labels occur, and a case whose sink line is made harmless is labelled safe."""
    cases = [make(seed) for seed in range(40)]
    labels = [label(c) for c in cases]
    assert {"safe", "vulnerable"} <= set(labels)
    case = cases[labels.index("vulnerable")]
    dull = {name: "\n".join("" if False else line for line in text.split("\n")) for name, text in case.files.items()}
    dull["main.py"] = "def run():\n    pass\n"
    assert label(Case("dull", dull, case.payload, case.kind)) == "safe"


def test_a_deaf_engine_would_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without flows the suite must notice."""
    monkeypatch.setattr("maestro_taint.engine.solver.Solver.flow", lambda *_: None)
    hits, leaks, _, missed = measure(PLAIN, range(12))
    assert leaks
    assert hits == 0
    assert len(missed) == leaks
