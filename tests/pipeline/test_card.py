from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.evidence.canonical import encode
from maestro_hooks.pipeline.card import Card, Proof, Subject, from_json, make_card, next_step, to_json
from maestro_hooks.pipeline.card_text import MARKER, lines, markdown
from maestro_hooks.policy.evaluate import Decision, Outcome, RuleResult
from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    from collections.abc import Sequence

SUBJECT = Subject(name="demo", version="1.0", tree="a" * 40, commit="b" * 40)
MET = RuleResult(rule="tests-pass", key="pytest/failed", outcome=Outcome.MET, blocking=True, value="0", bound="<= 0")
UNMET = RuleResult(rule="clean", key="bandit/issues", outcome=Outcome.UNMET, blocking=True, value="3", bound="<= 0")
MISSING = RuleResult(rule="built", key="build/completed", outcome=Outcome.MISSING, blocking=True)
ADVISORY = RuleResult(rule="nice", key="x/y", outcome=Outcome.UNMET, blocking=False)


def card(*results: RuleResult, advice: Sequence[Advice] = (), proof: Proof | None = None) -> Card:
    decision = Decision(results=results, records=(), required=())
    cost = [("check", "1.0 s")]
    return make_card(
        SUBJECT, decision, advice=advice, not_checked=["plugin x: disabled"], cost=cost, proof=proof or Proof()
    )


def test_verdicts() -> None:
    assert card(MET, UNMET).verdict == "blocked"
    assert card(MET, ADVISORY).verdict == "unproven"
    assert card(MET, proof=Proof(verdict="incomplete", first_failure="subject")).verdict == "unproven"
    assert card(MET, proof=Proof(verdict="pass")).verdict == "sealed"
    assert card(UNMET, proof=Proof(verdict="pass")).verdict == "blocked"


def test_what_blocks_stands_first() -> None:
    assert [r.rule for r in card(MET, ADVISORY, MISSING, UNMET).results] == ["clean", "built", "tests-pass", "nice"]


def test_the_cheapest_advice_wins_and_risk_breaks_ties() -> None:
    advice = [
        Advice("bandit/issues", "apply the verified fix", ("maestro", "check", "--fix"), 5, "medium"),
        Advice("bandit/issues", "rewrite it", (), 5, "low"),
        Advice("other/key", "irrelevant", (), 0, "none"),
    ]
    step, rule = next_step([UNMET, MISSING], tuple(advice))
    assert step is not None
    assert (step.action, rule) == ("rewrite it", "clean")
    assert next_step([], tuple(advice)) == (None, "")


def test_without_advice_the_hosts_own_remedy_serves() -> None:
    step = card(UNMET).next_step
    assert step is not None
    assert step.key == "bandit/issues"
    unknown = RuleResult(rule="r", key="new/thing", outcome=Outcome.MISSING, blocking=True)
    step = card(unknown).next_step
    assert step is not None
    assert "new/thing" in step.action


def test_json_round_trip_and_determinism() -> None:
    made = card(
        MET, UNMET, proof=Proof(verdict="fail", first_failure="leaf", bundle="dist/x", manifest_sha256="c" * 64)
    )
    again = from_json(json.loads(encode(to_json(made))))
    assert again == made
    assert encode(to_json(again)) == encode(to_json(made))


@pytest.mark.parametrize("body", [None, [], {}, {"schema": "maestro.card/2"}, {"schema": "maestro.card/1"}])
def test_what_is_no_card_is_refused(body: object) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(body)


def test_terminal_words() -> None:
    shown = "\n".join(lines(card(MET, UNMET)))
    assert shown.startswith("BLOCKED")
    assert "demo 1.0, commit bbbbbbbbbbbb" in shown
    assert "plugin x: disabled" in shown
    assert "next step:" in shown


def test_markdown_escapes_and_stays_below_the_limit() -> None:
    nasty = RuleResult(rule="r|r", key="x/<img>", outcome=Outcome.UNMET, blocking=True, value="a|b\nc" * 5000)
    text = markdown(card(nasty))
    assert text.startswith(MARKER)
    assert "<img>" not in text
    assert len(text) < 65_536
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert all(line.count("|") - line.count("\\|") == 6 for line in rows if line.endswith(" |"))
