"""Evaluate a policy over records: three-valued, total and deterministic.

Theorem: a rule is met only by a record that is there, accepted and inside its bounds; what is missing is not met,
and an error is never met.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maestro_hooks.evidence.record import Quantity, Record
    from maestro_hooks.policy.document import Conditions, Policy, Rule


class Outcome(StrEnum):
    """What became of one rule for one key."""

    MET = "met"
    UNMET = "unmet"
    MISSING = "missing"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What conditions may ask. An empty branch (detached head) is unknown and counts as matching."""

    branch: str = ""
    environment: str = "local"
    files: tuple[str, ...] = ()


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


def decide(
    policy: Policy, records: Iterable[Record], *, facts: Facts, today: dt.date, gates: Sequence[str] = ()
) -> Decision:
    """Apply waivers that have not expired, then every rule; ``gates`` are plugins whose gate must have run."""
    waived = tuple(_waive(record, policy, today) for record in records)
    results: list[RuleResult] = []
    for rule in policy.rules:
        results.extend(_evaluate(rule, waived, facts))
    for gate in gates:
        results.extend(_evaluate(_gate_rule(gate), waived, facts))
    results.sort(key=lambda r: (r.rule, r.key))
    wanted = (Outcome.MET, Outcome.UNMET)
    required = {r.key for r in results if r.blocking and r.outcome in wanted}
    return Decision(results=tuple(results), records=waived, required=tuple(sorted(required, key=str.encode)))


def bound_words(quantity: Quantity | None) -> str:
    """A bound as people write it: ``>= 80 %`` is ``>= 0.8``."""
    if quantity is None:
        return ""
    parts = []
    if quantity.min is not None:
        parts.append(f">= {_number(quantity.min, quantity.scale)}")
    if quantity.max is not None:
        parts.append(f"<= {_number(quantity.max, quantity.scale)}")
    return " and ".join(parts)


def value_words(record: Record) -> str:
    """A record's value as people write it: a number, a text, or the error's words."""
    if record.error is not None:
        return record.error
    if record.quantity is not None:
        return _number(record.quantity.q, record.quantity.scale)
    return record.text or ""


def _number(q: str, scale: int) -> str:
    value = Fraction(int(q), scale)
    if value.denominator == 1:
        return str(value.numerator)
    digits = len(str(scale)) - 1
    if 10**digits == scale:
        sign = "-" if value < 0 else ""
        whole, part = divmod(abs(int(q)), scale)
        return f"{sign}{whole}.{part:0{digits}d}".rstrip("0")
    return f"{value.numerator}/{value.denominator}"


def _gate_rule(gate: str) -> Rule:
    from maestro_hooks.policy.document import Rule as RuleStruct  # noqa: PLC0415 - keeps this module free of YAML

    return RuleStruct(id=f"require.{gate}", require=f"{gate}/gate", accept=("met",), why="tool.maestro.require")


def _waive(record: Record, policy: Policy, today: dt.date) -> Record:
    """An unmet record somebody answers for becomes ``waived``; an error cannot be waived away."""
    if record.verdict is not Verdict.UNMET:
        return record
    for waiver in policy.waivers:
        if waiver.key == record.key and today <= dt.date.fromisoformat(waiver.expires):
            return msgspec.structs.replace(record, verdict=Verdict.WAIVED)
    return record


def _evaluate(rule: Rule, records: Sequence[Record], facts: Facts) -> list[RuleResult]:
    blocking = rule.severity == "block"
    if rule.when is not None and not _applies(rule.when, facts):
        outcome = Outcome.NOT_APPLICABLE
        return [RuleResult(rule=rule.id, key=rule.require, outcome=outcome, blocking=False, why=rule.why)]
    matching = [r for r in records if r.key == rule.require or fnmatchcase(r.key, rule.require)]
    if not matching:
        words = "no such obligation was recorded for this tree"
        return [
            RuleResult(
                rule=rule.id, key=rule.require, outcome=Outcome.MISSING, blocking=blocking, value=words, why=rule.why
            )
        ]
    return [_judge(rule, record, blocking=blocking) for record in matching]


def _judge(rule: Rule, record: Record, *, blocking: bool) -> RuleResult:
    met = record.verdict.value in rule.accept and _inside(rule, record)
    bounds = [bound_words(record.quantity)]
    bounds += [f"{sign} {b}" for sign, b in ((">=", rule.min), ("<=", rule.max)) if b is not None]
    return RuleResult(
        rule=rule.id,
        key=record.key,
        outcome=Outcome.MET if met else Outcome.UNMET,
        blocking=blocking,
        value=value_words(record) + (" (waived)" if record.verdict is Verdict.WAIVED else ""),
        bound=" and ".join(dict.fromkeys(b for b in bounds if b)),
        why=rule.why,
    )


def _inside(rule: Rule, record: Record) -> bool:
    """The rule's own bounds. A bound on something that is no number is not met; a waiver answers for the bound."""
    if rule.min is None and rule.max is None:
        return True
    if record.quantity is None:
        return False
    value = Fraction(int(record.quantity.q), record.quantity.scale)
    above = rule.min is None or value >= Fraction(rule.min)
    below = rule.max is None or value <= Fraction(rule.max)
    return (above and below) or record.verdict is Verdict.WAIVED


def _applies(conditions: Conditions, facts: Facts) -> bool:
    if conditions.branch is not None and facts.branch and not fnmatchcase(facts.branch, conditions.branch):
        return False
    if conditions.environment is not None and conditions.environment != facts.environment:
        return False
    return conditions.files is None or any(fnmatchcase(path, conditions.files) for path in facts.files)
