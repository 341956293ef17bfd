from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Quantity, Record
from maestro_hooks.policy.document import Conditions, Exempt, Policy, Rule, Waiver
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.layers import merge, stricter

TODAY = dt.date(2026, 11, 22)
KEYS = ("x/a", "x/b", "y/a")

rules = st.builds(
    Rule,
    id=st.sampled_from(["p", "q", "r"]),
    require=st.sampled_from(["x/a", "x/*", "y/a"]),
    min=st.sampled_from([None, Decimal(-1), Decimal(1)]),
    max=st.sampled_from([None, Decimal(1), Decimal(3)]),
    accept=st.sampled_from([("met",), ("met", "waived")]),
    severity=st.sampled_from(["block", "warn"]),
    when=st.sampled_from([None, Conditions(branch="main"), Conditions(environment="ci")]),
)
records = st.builds(
    Record,
    key=st.sampled_from(KEYS),
    verdict=st.sampled_from(list(Verdict)),
    producer=st.just(Producer("x", "1", "h")),
    inputs=st.just(""),
    quantity=st.none() | st.builds(Quantity, scale=st.just(2), round=st.just("exact"), q=st.integers(-4, 8).map(str)),
)


def policies(*, waivers: tuple[Waiver, ...]) -> st.SearchStrategy[Policy]:
    def made(chosen: list[Rule]) -> Policy | None:
        try:
            return Policy(version=1, rules=tuple(chosen), waivers=waivers)
        except ValueError:
            return None

    return (
        st.lists(rules, min_size=1, max_size=3, unique_by=lambda r: r.id).map(made).filter(lambda p: p is not None)  # type: ignore[return-value]
    )


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    policies(waivers=(Waiver(key="x/a", owner="o", reason="r", expires="2027-01-01"),)),
    policies(waivers=()),
    st.lists(records, max_size=4),
    st.sampled_from([Facts(branch="main", environment="ci"), Facts(branch="topic", environment="local"), Facts()]),
)
def test_what_meets_the_merged_policy_meets_each_layer(
    below: Policy, above: Policy, given_records: list[Record], facts: Facts
) -> None:
    try:
        merged = merge(below, above)
    except ValueError:
        return
    decision = decide(merged, given_records, facts=facts, today=TODAY)
    for layer in (below, above):
        alone = Policy(version=1, rules=layer.rules, waivers=merged.waivers)
        if decision.met:
            assert decide(alone, given_records, facts=facts, today=TODAY).met


def test_the_stricter_part_of_each_wins() -> None:
    below = Rule(id="r", require="x/*", min=Decimal(1), max=Decimal(9), severity="warn", when=Conditions(branch="main"))
    above = Rule(id="r", require="x/*", min=Decimal(0), max=Decimal(5), accept=("met",), allow_empty=True, why="so")
    merged = stricter(below, above)
    assert (merged.min, merged.max, merged.accept, merged.severity) == (Decimal(1), Decimal(5), ("met",), "block")
    assert (merged.when, merged.allow_empty, merged.why) == (None, False, "so")
    assert stricter(above, below).when is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"require": "z/*"}, "requires"),
        ({"when": Conditions(branch="b")}, "another condition"),
        ({"exempt": (Exempt(key="x/t", why="w"),)}, "other exemptions"),
        ({"max": Decimal(0), "min": None}, "above max"),
    ],
)
def test_what_has_no_stricter_side_is_refused(change: dict[str, Any], words: str) -> None:
    one = Rule(id="r", require="x/*", min=Decimal(1), when=Conditions(branch="a"))
    other = Rule(**{"id": "r", "require": "x/*", **change})
    with pytest.raises(ValueError, match=words):
        stricter(one, other)


def test_authors_may_not_be_redeclared_and_waivers_not_prolonged() -> None:
    rule = Rule(id="r", require="x/a")
    one = Policy(version=1, rules=(rule,), authors={"bot": ("*bot*",)}, max_waiver_days=30)
    other = Policy(version=1, rules=(rule,), authors={"bot": ("*",)})
    with pytest.raises(ValueError, match="authors"):
        merge(one, other)
    long = Waiver(key="x/a", owner="o", reason="r", since="2026-01-01", expires="2026-12-31")
    with pytest.raises(ValueError, match="30 days"):
        merge(one, Policy(version=1, rules=(rule,), waivers=(long,)))
    assert merge(one, Policy(version=1, rules=(rule,))).authors == {"bot": ("*bot*",)}
