"""Evaluate a policy over records: three-valued, total and deterministic.

Theorem: a rule is met only by a record that is there, accepted and inside its bounds; what is missing is not met,
an error is never met, and a record counts as waived only under a waiver of the policy that is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.policy.facts import Facts, applies
from maestro_hooks.policy.program import compile_policy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from maestro_hooks.evidence.record import Quantity, Record
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.program import Check, Program


class Outcome(StrEnum):
    """What became of one rule for one key."""

    MET = "met"
    UNMET = "unmet"
    MISSING = "missing"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """One rule against one obligation: the number beside its bound, in words."""

    rule: str
    key: str
    outcome: Outcome
    blocking: bool
    value: str = ""
    bound: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The whole evaluation: results sorted by (rule, key), records with waivers applied, and required keys."""

    results: tuple[RuleResult, ...]
    records: tuple[Record, ...]
    required: tuple[str, ...]

    @property
    def met(self) -> bool:
        """Whether nothing that blocks is unmet or missing."""
        return not self.blocking

    @property
    def blocking(self) -> tuple[RuleResult, ...]:
        """The results that block."""
        bad = (Outcome.UNMET, Outcome.MISSING)
        return tuple(r for r in self.results if r.blocking and r.outcome in bad)


@dataclass(frozen=True, slots=True)
class Observation:
    """What a decision is known by: the rules that block and the advisory rules that are not met."""

    blocks: frozenset[str]
    warns: frozenset[str]


def decide(
    policy: Policy, records: Iterable[Record], *, facts: Facts, today: dt.date, gates: Sequence[str] = ()
) -> Decision:
    """Apply the waivers in force, then every rule; ``gates`` are plugins whose gate must have run."""
    program = compile_policy(policy, gates=tuple(gates))
    settled = settle(program, records, today)
    results = [
        _result(check, record, outcome)
        for check in program.checks
        for record, outcome in _outcomes(check, settled, facts, program.authors)
    ]
    results.sort(key=lambda r: (r.rule, r.key))
    judged = (Outcome.MET, Outcome.UNMET)
    required = {r.key for r in results if r.blocking and r.outcome in judged}
    return Decision(
        results=tuple(results), records=tuple(settled.values()), required=tuple(sorted(required, key=str.encode))
    )


def observe(program: Program, settled: Mapping[str, Record], facts: Facts) -> Observation:
    """Which checks are not met, without words: for many decisions in a row."""
    blocks: list[str] = []
    warns: list[str] = []
    for check in program.checks:
        for _, outcome in _outcomes(check, settled, facts, program.authors):
            if outcome is Outcome.UNMET or outcome is Outcome.MISSING:
                (blocks if check.blocking else warns).append(check.id)
                break
    return Observation(frozenset(blocks), frozenset(warns))


def settle(program: Program, records: Iterable[Record], today: dt.date) -> dict[str, Record]:
    """The records by key with waivers applied: unmet under a waiver in force is waived, waived without one unmet.

    An error cannot be waived away. Of two records under one key the worse counts, so order cannot matter.
    """
    waived = {w.key for w in program.waivers if w.since <= today <= w.until}
    settled: dict[str, Record] = {}
    for record in records:
        verdict = record.verdict
        kept = record
        if verdict is Verdict.UNMET and record.key in waived:
            kept = msgspec.structs.replace(record, verdict=Verdict.WAIVED)
        elif verdict is Verdict.WAIVED and record.key not in waived:
            kept = msgspec.structs.replace(record, verdict=Verdict.UNMET)
        other = settled.get(record.key)
        if other is not None and other != kept:
            kept = max(other, kept, key=_badness)
        settled[record.key] = kept
    return settled


def _badness(record: Record) -> tuple[int, bytes]:
    order = (Verdict.MET, Verdict.WAIVED, Verdict.UNMET, Verdict.ERROR)
    return order.index(record.verdict), msgspec.json.encode(record, order="sorted")


def _outcomes(
    check: Check, settled: Mapping[str, Record], facts: Facts, authors: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[Record | None, Outcome]]:
    if check.guards and not applies(check, facts, authors):
        yield None, Outcome.NOT_APPLICABLE
        return
    if not check.is_pattern:
        record = settled.get(check.require)
        if record is None:
            yield None, Outcome.MET if check.missing_met else Outcome.MISSING
        else:
            yield record, Outcome.MET if accepts(check, record) else Outcome.UNMET
        return
    found = False
    for record in _matching(check, settled):
        found = True
        yield record, Outcome.MET if accepts(check, record) else Outcome.UNMET
    if not found:
        empty = Outcome.NOT_APPLICABLE if check.allow_empty else Outcome.MISSING
        yield None, Outcome.MET if check.missing_met else empty


def _matching(check: Check, settled: Mapping[str, Record]) -> list[Record]:
    """The records a pattern speaks about; most patterns are a prefix and a star."""
    prefix, _, rest = check.require.partition("*")
    near = [record for key, record in settled.items() if key.startswith(prefix)]
    if rest:
        near = [record for record in near if matches(check.require, record.key)]
    if check.exempt:
        near = [r for r in near if not any(matches(pattern, r.key) for pattern in check.exempt)]
    return near


def accepts(check: Check, record: Record) -> bool:
    """Whether the record's verdict and number meet the check. A bound on something that is no number is not met."""
    inside = record.verdict in check.accept
    # A waiver answers for the number, too: it was given for a claim outside its bound.
    if inside and check.bounds and record.verdict is not Verdict.WAIVED:
        quantity = record.quantity
        if quantity is None:
            inside = check.text_met
        else:
            q, scale = int(quantity.q), quantity.scale
            answers = (bound.holds(q, scale) for bound in check.bounds)
            inside = all(answers) if check.bounds_join == "and" else any(answers)
    return inside is not check.negated


def _result(check: Check, record: Record | None, outcome: Outcome) -> RuleResult:
    applies_here = outcome is not Outcome.NOT_APPLICABLE
    if record is None:
        words = "no such obligation was recorded for this tree" if outcome is Outcome.MISSING else ""
        return RuleResult(
            rule=check.id,
            key=check.require,
            outcome=outcome,
            blocking=check.blocking and applies_here,
            value=words,
            why=check.why,
        )
    bounds = [bound_words(record.quantity), *(f"{b.relation} {_exact(b.limit)}" for b in check.bounds)]
    return RuleResult(
        rule=check.id,
        key=record.key,
        outcome=outcome,
        blocking=check.blocking,
        value=value_words(record) + (" (waived)" if record.verdict is Verdict.WAIVED else ""),
        bound=" and ".join(dict.fromkeys(b for b in bounds if b)),
        why=check.why,
    )


def bound_words(quantity: Quantity | None) -> str:
    """A bound as people write it: ``>= 80 %`` is ``>= 0.8``."""
    if quantity is None:
        return ""
    parts = []
    if quantity.min is not None:
        parts.append(f">= {_exact(Fraction(int(quantity.min), quantity.scale))}")
    if quantity.max is not None:
        parts.append(f"<= {_exact(Fraction(int(quantity.max), quantity.scale))}")
    return " and ".join(parts)


def value_words(record: Record) -> str:
    """A record's value as people write it: a number, a text, or the error's words; a private one is not told."""
    if record.error is not None:
        return record.error
    if record.private:
        return "(private)"
    if record.quantity is not None:
        return _exact(Fraction(int(record.quantity.q), record.quantity.scale))
    return record.text or ""


def _exact(value: Fraction) -> str:
    """A number as a decimal where it is one, else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    places = next((n for n in range(1, 19) if 10**n % value.denominator == 0), 0)
    if not places:
        return f"{value.numerator}/{value.denominator}"
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value.numerator) * (10**places // value.denominator), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"
