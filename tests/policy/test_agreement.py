"""The sealing side and the verifier read one policy: one corpus through both readers, one decision by both."""

from __future__ import annotations

import datetime as dt
import hashlib
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.leaf_writer import leaf_bytes
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import parse_policy
from maestro_hooks.evidence.record import Producer, Quantity, Record, holds
from maestro_hooks.evidence.required import check_required
from maestro_hooks.evidence.steps import Status
from maestro_hooks.policy.document import Conditions, Exempt, Policy, Rule, Waiver, from_exported, read_policy
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.facts import Facts

TODAY = dt.date(2026, 11, 22)
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)

CORPUS = {
    "plain": "rules: [{id: a, require: x/y}]",
    "bounds": "rules: [{id: a, require: x/y, min: -0.5, max: 12}]",
    "twelve places": "rules: [{id: a, require: x/y, max: 0.000000000001}]",
    "eighteen digits": "rules: [{id: a, require: x/y, max: 999999999999999999}]",
    "pattern": "rules: [{id: a, require: 'x/*', allow_empty: true, exempt: [{key: 'x/t*', why: tests}]}]",
    "literal brackets": "rules: [{id: a, require: 'x/[ab]?'}]",
    "waived": "rules: [{id: a, require: x/y, accept: [waived]}]",
    "advice": "rules: [{id: a, require: x/y, severity: warn}]",
    "conditions": "authors: {bot: ['*bot*']}\n"
    "rules: [{id: a, require: x/y, when: {branch: m*, author: bot, hazard: low}}]",
    "waivers": "rules: [{id: a, require: x/y}]\nmax_waiver_days: 9\n"
    "waivers: [{key: x/y, owner: o, reason: r, since: 2026-11-20, expires: 2026-11-23}]",
    "unicode": "rules: [{id: a, require: 'x/größe', why: weil}]",
}


@pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS)
def test_what_one_reader_exports_the_other_reads_alike(text: str) -> None:
    policy = read_policy(f"version: 1\n{text}\n".encode(), where="p")
    exported = policy.exported()
    read = parse_policy(exported)
    assert read.sha256 == hashlib.sha256(exported).hexdigest()
    assert from_exported(exported).exported() == exported
    (ours,), (theirs,) = policy.rules, read.rules
    assert (theirs.low, theirs.high) == (ours.min, ours.max)
    assert (theirs.severity, theirs.allow_empty) == (ours.severity, ours.allow_empty)
    assert theirs.exempt == tuple(e.key for e in ours.exempt)
    for waiver in policy.waivers:
        for day in (19, 20, 23, 24):
            moment = dt.datetime(2026, 11, day, 12, tzinfo=dt.UTC)
            assert bool(read.waived(waiver.key, now=moment)) is waiver.in_force(moment.date())


BAD_EXPORTS: list[dict[str, Any]] = [
    {"schema": "maestro.policy/2", "rules": [], "waivers": []},
    {"schema": "maestro.policy/1", "rules": [{"id": "a"}], "waivers": []},
    {"schema": "maestro.policy/1", "rules": [{"id": "a", "require": "x/y", "severity": "note"}], "waivers": []},
    {"schema": "maestro.policy/1", "rules": [{"id": "a", "require": "x", "severity": "block", "x": 1}], "waivers": []},
    {
        "schema": "maestro.policy/1",
        "rules": [{"id": "a", "require": "x/*", "severity": "block", "allow_empty": 1}],
        "waivers": [],
    },
    {
        "schema": "maestro.policy/1",
        "rules": [{"id": "a", "require": "x/*", "severity": "block", "exempt": ["x/t"]}],
        "waivers": [],
    },
    {"schema": "maestro.policy/1", "rules": [], "waivers": [{"key": "a", "owner": "o", "reason": "r"}]},
    {
        "schema": "maestro.policy/1",
        "rules": [],
        "waivers": [{"key": "a", "owner": "o", "reason": "r", "expires": "2026-01-01", "since": "soon"}],
    },
]


@pytest.mark.parametrize("document", BAD_EXPORTS)
def test_both_readers_refuse_a_bad_export(document: dict[str, Any]) -> None:
    data = canonical.encode(document)
    for read in (parse_policy, from_exported):
        with pytest.raises(EvidenceError):
            read(data)


rules = st.builds(
    Rule,
    id=st.sampled_from(["p", "q", "r"]),
    require=st.sampled_from(["x/a", "x/b", "y/a"]),
    min=st.sampled_from([None, Decimal("-0.5"), Decimal(1)]),
    max=st.sampled_from([None, Decimal(1), Decimal("2.5")]),
    accept=st.sampled_from([("met",), ("met", "waived")]),
    severity=st.sampled_from(["block", "warn"]),
) | st.builds(
    Rule,
    id=st.sampled_from(["p", "q", "r"]),
    require=st.sampled_from(["x/*", "*/a"]),
    max=st.sampled_from([None, Decimal(1)]),
    allow_empty=st.booleans(),
    exempt=st.sampled_from([(), (Exempt(key="x/a", why="w"),)]),
)


@st.composite
def records(draw: st.DrawFn) -> list[Record]:
    keys = draw(st.lists(st.sampled_from(["x/a", "x/b", "y/a"]), unique=True, min_size=1))
    made = []
    for key in keys:
        quantity = draw(
            st.none()
            | st.builds(
                Quantity,
                scale=st.just(2),
                round=st.just("exact"),
                q=st.integers(-3, 7).map(str),
                max=st.sampled_from([None, "2"]),
            )
        )
        verdict = Verdict.MET if quantity is None or holds(quantity) else Verdict.UNMET
        verdict = draw(st.sampled_from([verdict, Verdict.ERROR]))
        error = "boom" if verdict is Verdict.ERROR else None
        made.append(
            Record(
                key=key,
                verdict=verdict,
                producer=Producer("x", "1", "h"),
                inputs="0" * 64,
                quantity=quantity,
                text="t" if quantity is None else None,
                error=error,
            )
        )
    return made


@settings(derandomize=True, max_examples=150, deadline=None)
@given(st.lists(rules, min_size=1, max_size=3, unique_by=lambda r: r.id), records(), st.booleans())
def test_the_verifier_accepts_exactly_what_the_sealing_side_accepts(
    chosen: list[Rule], given_records: list[Record], waive: bool
) -> None:
    waivers = (Waiver(key="x/a", owner="o", reason="r", expires="2026-11-22"),) if waive else ()
    try:
        policy = Policy(version=1, rules=tuple(chosen), waivers=waivers)
    except ValueError:
        return
    decision = decide(policy, given_records, facts=Facts(), today=TODAY)
    parsed = parse_policy(policy.exported())
    leaves = {r.key: parse_leaf(leaf_bytes(r, salt=bytes(16))) for r in decision.records}
    manifest = SimpleNamespace(policy=parsed.sha256, required=decision.required, sections={})
    step = check_required(manifest, leaves, policy=parsed, pinned=None, now=NOW)  # type: ignore[arg-type]
    assert (step.status is Status.PASS) is decision.met, step


def test_a_condition_is_carried_but_not_judged_by_the_verifier() -> None:
    policy = Policy(version=1, rules=(Rule(id="a", require="x/y", when=Conditions(branch="main")),))
    assert not parse_policy(policy.exported()).rules[0].binding
