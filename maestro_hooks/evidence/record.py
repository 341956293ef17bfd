"""What the ledger keeps of an obligation: exact integers, a verdict, and digests.

Theorem: ``record_of`` is a function of (obligation, producer, inputs, evidence) alone. Time and process stay
outside, so two processes that prove the same thing about the same content write equal records.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import msgspec

from maestro_hooks.evidence.obligation import Kind, Verdict

if TYPE_CHECKING:
    from fractions import Fraction

    from maestro_hooks.evidence.obligation import Number, Obligation

Rounding = Literal["floor", "ceil", "exact"]

# gc=False below: these hold text and tuples of each other's kind, so no cycle can pass through them, and a ledger
# of a million records is not walked again and again while it is read.


class Quantity(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A number as the manifest carries it: decimal strings of ``x * scale`` (evidence format 4.4)."""

    scale: int
    round: Rounding
    q: str
    min: str | None = None
    max: str | None = None


class EvidenceRef(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True, gc=False):
    """A backing file by name and lowercase hexadecimal SHA-256."""

    name: str
    sha256: str


class Producer(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True, gc=False):
    """Who made the claim, through which hook."""

    plugin: str
    version: str
    hook: str


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, gc=False):
    """One ledger record body: the obligation with its verdict, its inputs and its evidence."""

    key: str
    verdict: Verdict
    producer: Producer
    inputs: str
    kind: Kind = "policy"
    text: str | None = None
    quantity: Quantity | None = None
    evidence: tuple[EvidenceRef, ...] = ()
    private: bool = False
    error: str | None = None


def record_of(
    obligation: Obligation, *, producer: Producer, inputs: str, evidence: tuple[EvidenceRef, ...] = ()
) -> Record:
    """Derive the verdict and the exact form of ``obligation``; a plugin cannot declare itself passed."""
    text: str | None = None
    quantity: Quantity | None = None
    if isinstance(obligation.value, str):
        text = obligation.value
        met = not obligation.allowed or text in obligation.allowed
    else:
        quantity = quantity_of(obligation.value, scale=obligation.scale, low=obligation.min, high=obligation.max)
        met = holds(quantity)
    return Record(
        key=obligation.key,
        verdict=Verdict.MET if met else Verdict.UNMET,
        producer=producer,
        inputs=inputs,
        kind=obligation.kind,
        text=text,
        quantity=quantity,
        evidence=tuple(sorted(evidence)),
        private=obligation.private,
    )


def error_record(key: str, *, producer: Producer, inputs: str, error: str) -> Record:
    """A claim that could not be produced: a crashed gate must not look like a passing one."""
    return Record(key=key, verdict=Verdict.ERROR, producer=producer, inputs=inputs, error=error[:1000])


def quantity_of(value: Number, *, scale: int, low: Number | None, high: Number | None) -> Quantity:
    """Scale ``value`` to an integer, rounding against the claimant (down for ``>=``, up for ``<=``).

    Raises:
        ValueError: when both bounds are given and ``value * scale`` is no integer: one rounding cannot be
            against the claimant in both directions.
    """
    exact = _exact(value) * scale
    rounding: Rounding
    if exact.denominator == 1:
        rounding, q = "exact", exact.numerator
    elif low is not None and high is not None:
        raise ValueError(f"{value} is not a multiple of 1/{scale}: with both bounds choose a finer scale")
    elif high is not None:
        rounding, q = "ceil", math.ceil(exact)
    else:
        rounding, q = "floor", math.floor(exact)
    return Quantity(
        scale=scale,
        round=rounding,
        q=str(q),
        min=None if low is None else str(math.ceil(_exact(low) * scale)),
        max=None if high is None else str(math.floor(_exact(high) * scale)),
    )


def _exact(number: Number) -> int | Fraction:
    if isinstance(number, int):
        return int(number)
    from fractions import Fraction  # noqa: PLC0415 - most numbers are integers, and every pytest run makes claims

    return Fraction(number)


def holds(quantity: Quantity) -> bool:
    """Whether the open value lies inside its inclusive bounds; no bound means a recorded fact, which holds."""
    q = int(quantity.q)
    return (quantity.min is None or q >= int(quantity.min)) and (quantity.max is None or q <= int(quantity.max))
