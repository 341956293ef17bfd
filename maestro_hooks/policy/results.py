"""What became of a rule, and the words for it: a number beside its bound, as people write them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict

if TYPE_CHECKING:
    from maestro_hooks.evidence.record import Quantity, Record
    from maestro_hooks.policy.program import Check


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


def worded(check: Check, record: Record | None, outcome: Outcome) -> RuleResult:
    """The result of one check in words."""
    applies_here = outcome is not Outcome.NOT_APPLICABLE
    demanded = [f"{b.relation} {exact(b.limit)}" for b in check.bounds]
    if record is None:
        return RuleResult(
            rule=check.id,
            key=check.require,
            outcome=outcome,
            blocking=check.blocking and applies_here,
            value="not recorded" if outcome is Outcome.MISSING else "",
            bound=" and ".join(demanded) if outcome is Outcome.MISSING else "",
            why=check.why,
        )
    bounds = [bound_words(record.quantity), *demanded]
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
        parts.append(f">= {exact(Fraction(int(quantity.min), quantity.scale))}")
    if quantity.max is not None:
        parts.append(f"<= {exact(Fraction(int(quantity.max), quantity.scale))}")
    return " and ".join(parts)


def value_words(record: Record) -> str:
    """A record's value as people write it: a number, a text, or the error's words; a private one is not told."""
    if record.error is not None:
        return record.error
    if record.private:
        return "(private)"
    if record.quantity is not None:
        return exact(Fraction(int(record.quantity.q), record.quantity.scale))
    return record.text or ""


def exact(value: Fraction) -> str:
    """A number as a decimal where it is one, else as a fraction."""
    if value.denominator == 1:
        return str(value.numerator)
    places = next((n for n in range(1, 19) if 10**n % value.denominator == 0), 0)
    if not places:
        return f"{value.numerator}/{value.denominator}"
    sign = "-" if value < 0 else ""
    whole, part = divmod(abs(value.numerator) * (10**places // value.denominator), 10**places)
    return f"{sign}{whole}.{part:0{places}d}"
