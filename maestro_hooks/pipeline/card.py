"""The Decision Card: verdict, reasons with number against bound, what was not checked, cost, next steps, proof.

Invariant: a card is a pure function of what is handed in; equal inputs give equal bytes. Its decision part says nothing
of cost, advice or proof, so it can be a leaf of the very manifest whose verification the rest of the card reports.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal

from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.pipeline.next_step import Action, Plan
from maestro_hooks.policy.facts import Facts
from maestro_hooks.policy.results import Outcome, RuleResult

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from maestro_hooks.evidence.obligation import Finding
    from maestro_hooks.evidence.record import Record
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.evaluate import Decision

SCHEMA = "maestro.card/1"
DECISION_SCHEMA = "maestro.decision/1"
LEAF_KEY = "card/decision"
DOCUMENT = "decision.json"
MAX_FINDINGS = 100
Verdict = Literal["sealed", "blocked", "unproven"]


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
class Claimed:
    """What was recorded under a key that rules speak about; a private number stays out."""

    key: str
    verdict: str
    text: str | None = None
    scale: int = 1
    q: str | None = None
    min: str | None = None
    max: str | None = None
    error: str | None = None
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """Everything the decision was made from: whoever has it can make the decision again.

    Attributes:
        policy: the exported policy, as the manifest's digest names it.
        facts: what conditions could ask; of the tree's files only those that a condition speaks about.
        today: the day waivers were judged on.
        gates: plugins whose gate must have run.
        claims: the obligations that rules speak about.
    """

    policy: dict[str, Any]
    facts: Facts
    today: str
    gates: tuple[str, ...]
    claims: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A finding behind a result that is not met: where and what."""

    key: str
    path: str
    line: int
    column: int
    rule: str
    level: Literal["error", "warning", "note"]
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """Everything a reviewer needs on one screen."""

    verdict: Verdict
    subject: Subject
    results: tuple[RuleResult, ...]
    obligations: int
    basis: Basis
    not_checked: tuple[str, ...] = ()
    cost: tuple[tuple[str, str], ...] = ()
    plan: Plan = field(default_factory=Plan)
    remarks: tuple[Remark, ...] = ()
    remarks_left_out: int = 0
    proof: Proof = field(default_factory=Proof)


def basis_of(policy: Policy, decision: Decision, *, facts: Facts, today: dt.date, gates: Sequence[str]) -> Basis:
    """What ``decision`` was made from, without what no rule asked about."""
    spoken = {result.key for result in decision.results}
    asked = [rule.when for rule in policy.rules if rule.when is not None]
    patterns = sorted({when.files for when in asked if when.files is not None})
    matched = (next((path for path in facts.files if matches(pattern, path)), None) for pattern in patterns)
    files = tuple(sorted({path for path in matched if path is not None}))
    author = facts.author if any(when.author is not None for when in asked) else ""
    kept = Facts(branch=facts.branch, environment=facts.environment, files=files, author=author, hazard=facts.hazard)
    exported: Any = canonical.decode(policy.exported(), canonical=True, where="policy")
    return Basis(
        policy=exported,
        facts=kept,
        today=today.isoformat(),
        gates=tuple(gates),
        claims=tuple(_claimed(r) for r in sorted(decision.records, key=lambda r: r.key) if r.key in spoken),
    )


def _claimed(record: Record) -> Claimed:
    quantity = None if record.private else record.quantity
    return Claimed(
        key=record.key,
        verdict=record.verdict.value,
        text=None if record.private else record.text,
        scale=1 if quantity is None else quantity.scale,
        q=None if quantity is None else quantity.q,
        min=None if quantity is None else quantity.min,
        max=None if quantity is None else quantity.max,
        error=record.error,
        private=record.private,
    )


def remarks_of(key: str, findings: Iterable[Finding]) -> list[Remark]:
    """The findings behind one record, in a fixed order."""
    made = [
        Remark(
            key=key,
            path=f.at.path,
            line=f.at.line,
            column=f.at.column,
            rule=f.rule,
            level=f.level,
            message=f.message,
        )
        for f in findings
        if f.level != "note"
    ]
    return sorted(made, key=lambda r: (r.path, r.line, r.column, r.rule, r.message))


def make_card(  # noqa: PLR0913 - the parts of a card, each by name
    subject: Subject,
    decision: Decision,
    *,
    basis: Basis,
    plan: Plan,
    remarks: Sequence[Remark],
    not_checked: Sequence[str],
    cost: Sequence[tuple[str, str]],
    proof: Proof,
) -> Card:
    """Put the card together, the most important results first."""
    verdict: Verdict = "blocked"
    if decision.met:
        verdict = "sealed" if proof.verdict == "pass" else "unproven"
    refused = (f"advice not followed, it would change what is demanded: {words}" for words in plan.refused)
    return Card(
        verdict=verdict,
        subject=subject,
        results=tuple(sorted(decision.results, key=_importance)),
        obligations=len(decision.records),
        basis=basis,
        not_checked=tuple(sorted((*not_checked, *refused))),
        cost=tuple(cost),
        plan=plan,
        remarks=tuple(remarks[:MAX_FINDINGS]),
        remarks_left_out=max(0, len(remarks) - MAX_FINDINGS),
        proof=proof,
    )


def _importance(result: RuleResult) -> tuple[object, ...]:
    order = (Outcome.UNMET, Outcome.MISSING, Outcome.MET, Outcome.NOT_APPLICABLE)
    return (not result.blocking, order.index(result.outcome), result.rule, result.key)


def to_json(card: Card) -> dict[str, Any]:
    """The card as JSON-able data, schema ``maestro.card/1``; ``next_step`` is the first step of the plan."""
    body = asdict(card)
    first = card.plan.actions[0] if card.plan.actions else None
    shown = None if first is None else asdict(first)
    return {"schema": SCHEMA, "ok": card.verdict == "sealed", "next_step": shown, **body}


def decision_document(card: Card) -> bytes:
    """The decision part in canonical JSON, schema ``maestro.decision/1``: what the card's leaf names by digest."""
    body = asdict(card)
    part = {name: body[name] for name in ("subject", "results", "obligations", "basis", "not_checked")}
    return canonical.encode({"schema": DECISION_SCHEMA, "met": card.verdict != "blocked", **part})


def decision_digest(card: Card) -> str:
    """The SHA-256 of the decision part."""
    return sha256(decision_document(card)).hexdigest()


def from_json(body: Any) -> Card:
    """Read back what ``to_json`` writes. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    if not isinstance(body, dict) or body.get("schema") != SCHEMA:
        raise ValueError(f"expected an object of schema {SCHEMA!r}")
    verdict = body["verdict"]
    if verdict not in ("sealed", "blocked", "unproven"):
        raise ValueError(f"no verdict: {verdict!r:.40}")
    basis = body["basis"]
    facts = Facts(**{**basis["facts"], "files": tuple(basis["facts"]["files"])})
    actions = [
        Action(**{**a, **{n: tuple(a[n]) for n in ("command", "keys", "rules", "reasons")}})
        for a in body["plan"]["actions"]
    ]
    card = Card(
        verdict=verdict,
        subject=Subject(**body["subject"]),
        results=tuple(RuleResult(**{**r, "outcome": Outcome(r["outcome"])}) for r in body["results"]),
        obligations=body["obligations"],
        basis=Basis(
            policy=basis["policy"],
            facts=facts,
            today=basis["today"],
            gates=tuple(basis["gates"]),
            claims=tuple(Claimed(**claim) for claim in basis["claims"]),
        ),
        not_checked=tuple(body["not_checked"]),
        cost=tuple((name, words) for name, words in body["cost"]),
        plan=Plan(actions=tuple(actions), exact=body["plan"]["exact"], refused=tuple(body["plan"]["refused"])),
        remarks=tuple(Remark(**remark) for remark in body["remarks"]),
        remarks_left_out=body["remarks_left_out"],
        proof=Proof(**body["proof"]),
    )
    if canonical.encode(to_json(card)) != canonical.encode(body):
        raise ValueError("its parts contradict each other, or it has fields this version does not know")
    return card
