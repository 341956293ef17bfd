"""A situation a policy may be asked about: what was recorded, the facts, and the day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Producer, Quantity, Record

if TYPE_CHECKING:
    import datetime as dt
    from fractions import Fraction

    from maestro_hooks.policy.facts import Facts
    from maestro_hooks.policy.program import Check

NO_INPUTS = "0" * 64
PRODUCER = Producer("policy-case", "1", "maestro_check")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One obligation: no number means a text; the verdict ``waived`` puts it under a waiver in force."""

    key: str
    verdict: Verdict
    number: Fraction | None

    def record(self) -> Record:
        """The claim as a check meets it, waivers applied."""
        n = self.number
        exact = None if n is None else Quantity(scale=n.denominator, round="exact", q=str(n.numerator))
        return Record(key=self.key, verdict=self.verdict, producer=PRODUCER, inputs=NO_INPUTS, quantity=exact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One point of the grid, with the checks it was made to tell apart."""

    claims: tuple[Claim, ...]
    facts: Facts
    today: dt.date
    checks: tuple[Check, ...]

    @property
    def waived(self) -> tuple[str, ...]:
        """The keys under a waiver in force."""
        return tuple(claim.key for claim in self.claims if claim.verdict is Verdict.WAIVED)

    def records(self) -> tuple[Record, ...]:
        """The claims as a gate records them, before waivers."""
        return tuple(
            Claim(key=c.key, verdict=Verdict.UNMET, number=c.number).record()
            if c.verdict is Verdict.WAIVED
            else c.record()
            for c in self.claims
        )
