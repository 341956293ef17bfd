from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import Producer, Record, error_record, record_of
from maestro_hooks.policy.document import Conditions, Policy, Rule, Waiver
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.results import Outcome, bound_words, value_words

PRODUCER = Producer("x", "1", "maestro_check")
TODAY = dt.date(2026, 11, 22)


def record(key: str, value: object = 0, **bounds: object) -> Record:
    return record_of(Obligation(key=key, value=value, **bounds), producer=PRODUCER, inputs="0" * 64)  # type: ignore[arg-type]


def outcomes(
    policy: Policy, *records: Record, facts: Facts | None = None, gates: tuple[str, ...] = ()
) -> dict[str, str]:
    decision = decide(policy, records, facts=facts or Facts(), today=TODAY, gates=gates)
    return {f"{r.rule}:{r.key}": r.outcome.value for r in decision.results}


def policy(*rules: Rule, waivers: tuple[Waiver, ...] = ()) -> Policy:
    return Policy(version=1, rules=rules, waivers=waivers)


def test_what_is_missing_is_not_met() -> None:
    decision = decide(policy(Rule(id="r", require="x/y")), [], facts=Facts(), today=TODAY)
    assert [r.outcome for r in decision.results] == [Outcome.MISSING]
    assert not decision.met


def test_an_error_is_never_met_and_never_waived() -> None:
    crashed = error_record("x/y", producer=PRODUCER, inputs="0" * 64, error="boom")
    waiver = Waiver(key="x/y", owner="me", reason="r", expires="2030-01-01")
    decision = decide(policy(Rule(id="r", require="x/*"), waivers=(waiver,)), [crashed], facts=Facts(), today=TODAY)
    assert [r.outcome for r in decision.blocking] == [Outcome.UNMET]


@pytest.mark.parametrize(
    ("value", "low", "high", "met"),
    [
        (5, 5, None, True),
        (4, 5, None, False),
        (5, None, 5, True),
        (6, None, 5, False),
        (Decimal("0.5"), None, Decimal("0.49"), False),
    ],
)
def test_the_rules_own_bounds(value: object, low: object, high: object, met: bool) -> None:
    rule = Rule(id="r", require="x/y", min=low and Decimal(str(low)), max=high and Decimal(str(high)))  # type: ignore[arg-type]
    scale = 10 if isinstance(value, Decimal) else 1
    assert outcomes(policy(rule), record("x/y", value, scale=scale)) == {"r:x/y": "met" if met else "unmet"}


def test_a_bound_on_text_is_not_met() -> None:
    assert outcomes(policy(Rule(id="r", require="x/y", max=Decimal(1))), record("x/y", "text")) == {"r:x/y": "unmet"}


def test_a_pattern_judges_every_match() -> None:
    result = outcomes(policy(Rule(id="r", require="x/y/*")), record("x/y/a", 0, max=0), record("x/y/b", 1, max=0))
    assert result == {"r:x/y/a": "met", "r:x/y/b": "unmet"}


@pytest.mark.parametrize(("expires", "met"), [("2026-11-22", True), ("2026-11-21", False)])
def test_waivers_hold_to_the_end_of_their_day(expires: str, met: bool) -> None:
    waiver = Waiver(key="x/y", owner="me", reason="r", expires=expires)
    given = policy(Rule(id="r", require="x/y", max=Decimal(0)), waivers=(waiver,))
    decision = decide(given, [record("x/y", 3, max=0)], facts=Facts(), today=TODAY)
    assert decision.met is met
    assert [r.verdict.value for r in decision.records] == ["waived" if met else "unmet"]


def test_a_rule_may_refuse_waivers() -> None:
    waiver = Waiver(key="x/y", owner="me", reason="r", expires="2030-01-01")
    strict = policy(Rule(id="r", require="x/y", accept=("met",)), waivers=(waiver,))
    assert outcomes(strict, record("x/y", 3, max=0)) == {"r:x/y": "unmet"}


@pytest.mark.parametrize(
    ("when", "facts", "applies"),
    [
        (Conditions(branch="main"), Facts(branch="main"), True),
        (Conditions(branch="main"), Facts(branch="topic"), False),
        (Conditions(branch="main"), Facts(branch=""), True),
        (Conditions(environment="ci"), Facts(environment="local"), False),
        (Conditions(files="*.py"), Facts(files=("a/b.py",)), True),
        (Conditions(files="*.py"), Facts(files=("a.c",)), False),
        (Conditions(branch="main", environment="ci"), Facts(branch="main", environment="local"), False),
    ],
)
def test_conditions(when: Conditions, facts: Facts, applies: bool) -> None:
    result = outcomes(policy(Rule(id="r", require="x/y", when=when)), facts=facts)
    assert result == {"r:x/y": "missing" if applies else "not-applicable"}


def test_advisory_rules_do_not_block_and_are_not_required() -> None:
    decision = decide(
        policy(Rule(id="r", require="x/y", severity="warn")), [record("x/y", 3, max=0)], facts=Facts(), today=TODAY
    )
    assert decision.met
    assert decision.required == ()
    assert [r.outcome for r in decision.results] == [Outcome.UNMET]


def test_required_plugins_must_have_run() -> None:
    assert outcomes(policy(Rule(id="r", require="x/y")), record("x/y"), gates=("taint",)) == {
        "r:x/y": "met",
        "require.taint:taint/gate": "missing",
    }


def test_evaluation_does_not_depend_on_order() -> None:
    rules = (Rule(id="b", require="x/*"), Rule(id="a", require="x/y"))
    records = [record("x/y"), record("x/a", 1, max=0)]
    one = decide(policy(*rules), records, facts=Facts(), today=TODAY)
    two = decide(policy(*rules[::-1]), records[::-1], facts=Facts(), today=TODAY)
    assert one.results == two.results
    assert one.required == two.required == ("x/a", "x/y")


def test_words_for_numbers() -> None:
    percent = record("x/y", Decimal("0.8125"), min=Decimal("0.8"), scale=10_000)
    assert value_words(percent) == "0.8125"
    assert bound_words(percent.quantity) == ">= 0.8"
    assert value_words(record("x/y", -3, max=0)) == "-3"
    assert value_words(record("x/y", Decimal("-0.05"), max=0, scale=100)) == "-0.05"
