"""The Decision Card: verdict, reasons with number against bound, what was not checked, cost, next step, proof.

Invariant: a card is a pure function of what is handed in; equal inputs give equal bytes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from maestro_hooks.policy.evaluate import Outcome, RuleResult
from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maestro_hooks.policy.evaluate import Decision

SCHEMA = "maestro.card/1"
Verdict = Literal["sealed", "blocked", "unproven"]

_RISKS = ("none", "low", "medium", "high")

# The cheapest remedy the host itself knows, by key prefix; plugins add better ones through maestro_advise.
_REMEDIES = (
    ("pytest/failed", "look at the failing tests first", ("pytest", "--lf"), 30),
    ("pytest/errors", "look at the tests that could not start", ("pytest", "--lf", "-x"), 30),
    ("pytest/passed", "add a test: nothing that passed was recorded for this tree", ("maestro", "run"), 600),
    ("pytest/", "run the tests to their end", ("maestro", "run"), 120),
    ("bandit/", "mend the findings, or mark one with '# nosec BXXX' and the reason", ("maestro", "check"), 300),
    ("build/", "see the build log", ("python", "-m", "build"), 60),
    ("segment/", "clear what a killed process left behind", ("maestro", "ledger", "gc", "--unfinished"), 5),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What the card is about."""

    name: str
    version: str
    tree: str
    commit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the verifier said of the bundle; ``not-sealed`` when there is none."""

    verdict: str = "not-sealed"
    first_failure: str | None = None
    bundle: str = ""
    manifest_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything a reviewer needs on one screen."""

    verdict: Verdict
    subject: Subject
    results: tuple[RuleResult, ...]
    obligations: int
    not_checked: tuple[str, ...] = ()
    cost: tuple[tuple[str, str], ...] = ()
    next_step: Advice | None = None
    next_rule: str = ""
    proof: Proof = field(default_factory=Proof)


def make_card(
    subject: Subject,
    decision: Decision,
    *,
    advice: Iterable[Advice],
    not_checked: Sequence[str],
    cost: Sequence[tuple[str, str]],
    proof: Proof,
) -> Card:
    """Put the card together; the next step is the cheapest advice for a blocking result, never a lower bound."""
    step, rule = next_step(decision.blocking, tuple(advice))
    verdict: Verdict = "blocked"
    if decision.met:
        verdict = "sealed" if proof.verdict == "pass" else "unproven"
    return Card(
        verdict=verdict,
        subject=subject,
        results=tuple(sorted(decision.results, key=_importance)),
        obligations=len(decision.records),
        not_checked=tuple(sorted(not_checked)),
        cost=tuple(cost),
        next_step=step,
        next_rule=rule,
        proof=proof,
    )


def next_step(blocking: Sequence[RuleResult], advice: tuple[Advice, ...]) -> tuple[Advice | None, str]:
    """The cheapest known action for an unmet result, least risk first among equals, and the rule that asks."""
    options = []
    for result in blocking:
        known = [a for a in advice if a.key == result.key] or [_remedy(result)]
        options += [((a.cost_s, _RISKS.index(a.risk), a.key, a.action), a, result.rule) for a in known]
    if not options:
        return None, ""
    _, action, rule = min(options, key=lambda option: option[0])
    return action, rule


def _remedy(result: RuleResult) -> Advice:
    for prefix, action, command, cost_s in _REMEDIES:
        if result.key.startswith(prefix):
            return Advice(result.key, action, command, cost_s)
    words = "record this obligation" if result.outcome is Outcome.MISSING else "see the findings and mend them"
    return Advice(result.key, f"{words}: {result.key}", ("maestro", "check"), 600, "medium")


def _importance(result: RuleResult) -> tuple[object, ...]:
    order = (Outcome.UNMET, Outcome.MISSING, Outcome.MET, Outcome.NOT_APPLICABLE)
    return (not result.blocking, order.index(result.outcome), result.rule, result.key)


def to_json(card: Card) -> dict[str, Any]:
    """The card as JSON-able data, schema ``maestro.card/1``."""
    body = asdict(card)
    body["cost"] = dict(card.cost)
    return {"schema": SCHEMA, "ok": card.verdict == "sealed", **body}


def from_json(body: Any) -> Card:
    """Read a card back. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise ValueError(f"expected an object of schema {SCHEMA!r}")
    step = body["next_step"]
    if step is not None:
        step = Advice(**{**step, "command": tuple(step["command"])})
    return Card(
        verdict=body["verdict"],
        subject=Subject(**body["subject"]),
        results=tuple(RuleResult(**{**r, "outcome": Outcome(r["outcome"])}) for r in body["results"]),
        obligations=body["obligations"],
        not_checked=tuple(body["not_checked"]),
        cost=tuple(body["cost"].items()),
        next_step=step,
        next_rule=body["next_rule"],
        proof=Proof(**body["proof"]),
    )
