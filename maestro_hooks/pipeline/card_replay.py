"""Make a card's decision again from what the card recorded.

Theorem: if a replay agrees, the verdict follows from the recorded policy, facts, day and obligations alone; what could
not be replayed (a private number under a bound) is named.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Quantity, Record
from maestro_hooks.pipeline.card import DOCUMENT, LEAF_KEY, decision_digest
from maestro_hooks.policy.document import from_exported
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maestro_hooks.evidence.leaf import Leaf
    from maestro_hooks.pipeline.card import Card, Claimed
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.results import RuleResult

_NOBODY = Producer("replay", "", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What replaying found: the policy's digest, every difference in words, and what could not be replayed."""

    policy: str
    met: bool
    differences: tuple[str, ...]
    not_replayed: tuple[str, ...]


def replay(card: Card) -> Replay:
    """Decide again.

    Raises:
        EvidenceError: what the card recorded is no policy, no day or no obligation.
    """
    basis = card.basis
    exported = canonical.encode(basis.policy)
    policy = from_exported(exported)
    try:
        records = [_record(claim) for claim in basis.claims]
        today = dt.date.fromisoformat(basis.today)
    except (ValueError, TypeError) as error:
        raise EvidenceError(f"the card's basis is malformed: {error}", where="card") from error
    decision = decide(policy, records, facts=basis.facts, today=today, gates=basis.gates)
    bounded = {rule.id for rule in policy.rules if rule.min is not None or rule.max is not None}
    private = {claim.key for claim in basis.claims if claim.private}
    hidden = {(r.rule, r.key) for r in card.results if r.key in private and r.rule in bounded}
    told = {(r.rule, r.key): _essence(r, private) for r in card.results}
    made = {(r.rule, r.key): _essence(r, private) for r in decision.results}
    pairs = sorted(told.keys() | made.keys())
    different = [p for p in pairs if p not in hidden and told.get(p) != made.get(p)]
    blocked = [r for r in decision.blocking if (r.rule, r.key) not in hidden]
    blocked += [r for r in card.results if (r.rule, r.key) in hidden and r.blocking and r.outcome != "met"]
    words = [
        f"rule {rule} for {key}: the card says {_word(told, (rule, key))}, the replay {_word(made, (rule, key))}"
        for rule, key in different
    ]
    words += _unheard(policy, records, card, hidden)
    words += _contradictions(card, blocked=[result.key for result in blocked])
    return Replay(
        policy=sha256(exported).hexdigest(),
        met=not blocked,
        differences=tuple(words),
        not_replayed=tuple(f"rule {rule} for {key}: the number is private" for rule, key in sorted(hidden)),
    )


def _unheard(policy: Policy, records: Sequence[Record], card: Card, hidden: set[tuple[str, str]]) -> Iterator[str]:
    """Private numbers said to meet a rule although their verdict alone does not, whatever the number is."""
    rules = tuple(msgspec.structs.replace(rule, min=None, max=None) for rule in policy.rules)
    unbounded = msgspec.structs.replace(policy, rules=rules)
    today = dt.date.fromisoformat(card.basis.today)
    decision = decide(unbounded, records, facts=card.basis.facts, today=today)
    refused = {(r.rule, r.key) for r in decision.results if r.outcome is not Outcome.MET}
    for result in card.results:
        pair = (result.rule, result.key)
        if pair in hidden & refused and result.outcome is Outcome.MET:
            yield f"rule {result.rule} for {result.key}: met, although the recorded verdict is not accepted"


def _contradictions(card: Card, *, blocked: Sequence[str]) -> Iterator[str]:
    """Where the card's verdict, results, proof and plan do not fit together."""
    pairs = [(result.rule, result.key) for result in card.results]
    if len(set(pairs)) < len(pairs):
        yield "the card tells one result twice"
    if (card.verdict == "blocked") != bool(blocked):
        yield f"the card's verdict is {card.verdict}, the replay {'blocks' if blocked else 'does not block'}"
    if (card.verdict == "sealed") != (card.proof.verdict == "pass" and not blocked):
        yield f"the card's verdict is {card.verdict}, its proof {card.proof.verdict}"
    planned = {key for action in card.plan.actions for key in action.keys}
    for key in sorted(planned ^ set(blocked)):
        yield f"the plan {'leaves out' if key in blocked else 'answers, though it does not block,'} {key}"


def _essence(result: RuleResult, private: set[str]) -> tuple[str, ...]:
    """What must come out again; of a private claim neither the number nor its own bound was recorded."""
    words = () if result.key in private else (result.value, result.bound)
    return (result.outcome.value, "blocking" if result.blocking else "advisory", *words)


def _word(results: Mapping[tuple[str, str], tuple[str, ...]], pair: tuple[str, str]) -> str:
    return " ".join(part for part in results[pair] if part) if pair in results else "nothing"


def _record(claim: Claimed) -> Record:
    quantity = None
    if claim.q is not None:
        int(claim.q)
        quantity = Quantity(scale=claim.scale, round="exact", q=claim.q, min=claim.min, max=claim.max)
    return Record(
        key=claim.key,
        verdict=Verdict(claim.verdict),
        producer=_NOBODY,
        inputs="",
        text=claim.text,
        quantity=quantity,
        error=claim.error,
        private=claim.private,
    )


def sealed_difference(card: Card, leaves: Mapping[str, Leaf]) -> str | None:
    """How the card differs from the decision that was sealed, or ``None`` if it is that one."""
    leaf = leaves.get(LEAF_KEY)
    if leaf is None:
        return f"no leaf {LEAF_KEY} is among those given"
    sealed = [digest for name, digest in leaf.evidence if name == DOCUMENT]
    found = decision_digest(card)
    return None if sealed == [found] else f"the sealed decision is {', '.join(sealed)[:80]}, this card's is {found}"
