"""Evaluate a policy over records: three-valued, total and deterministic.

Theorem: a rule is met only by a record that is there, accepted and inside its bounds; what is missing is not met,
an error is never met, and a record counts as waived only under a waiver of the policy that is in force.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.policy.facts import Facts, applies
from maestro_hooks.policy.program import compile_policy
from maestro_hooks.policy.results import Outcome, RuleResult, worded

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.program import Check, Program

_BAD = (Outcome.UNMET, Outcome.MISSING)
Judged = tuple["Check", "Record | None", Outcome]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The whole evaluation. The words of results are made when they are read: most decisions are never shown.

    Attributes:
        judged: every check with each record it speaks about, by (rule, key).
        records: the records with waivers applied.
        always_required: keys a verifier must find though no rule asks for them.
    """

    judged: tuple[Judged, ...]
    records: tuple[Record, ...]
    always_required: tuple[str, ...] = ()

    @cached_property
    def met(self) -> bool:
        """Whether nothing that blocks is unmet or missing."""
        return not any(outcome in _BAD and check.blocking for check, _, outcome in self.judged)

    @cached_property
    def results(self) -> tuple[RuleResult, ...]:
        """Every result in words, by (rule, key)."""
        return tuple(worded(*one) for one in self.judged)

    @cached_property
    def blocking(self) -> tuple[RuleResult, ...]:
        """The results that block."""
        return tuple(worded(*one) for one in self.judged if one[2] in _BAD and one[0].blocking)

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The keys of records a blocking rule judged, and those always required."""
        keys = {*self.always_required} | {
            record.key for check, record, _ in self.judged if record is not None and check.blocking
        }
        return tuple(sorted(keys, key=str.encode))


@dataclass(frozen=True, slots=True)
class Observation:
    """What a decision is known by: the rules that block and the advisory rules that are not met."""

    blocks: frozenset[str]
    warns: frozenset[str]


class Settled(dict[str, "Record"]):
    """Records by key, waivers applied, which finds those under a prefix without looking at the others."""

    @cached_property
    def by_key(self) -> list[str]:
        """The keys in order."""
        return sorted(self)

    def under(self, prefix: str) -> Iterator[Record]:
        """The records whose key begins with ``prefix``, by key."""
        keys = self.by_key
        for place in range(bisect_left(keys, prefix), len(keys)):
            if not keys[place].startswith(prefix):
                return
            yield self[keys[place]]


def decide(
    policy: Policy, records: Iterable[Record], *, facts: Facts, today: dt.date, gates: Sequence[str] = ()
) -> Decision:
    """Apply the waivers in force, then every rule; ``gates`` are plugins whose gate must have run."""
    return decided(compile_policy(policy, gates=tuple(gates)), records, facts=facts, today=today)


def decided(program: Program, records: Iterable[Record], *, facts: Facts, today: dt.date) -> Decision:
    """``decide`` for many decisions under one policy, compiled once."""
    settled = settle(program, records, today)
    judged = [
        (check, record, outcome)
        for check in program.by_id
        for record, outcome in _outcomes(check, settled, facts, program.authors)
    ]
    return Decision(judged=tuple(judged), records=tuple(settled.values()))


def observe(program: Program, settled: Settled, facts: Facts) -> Observation:
    """Which checks are not met, without words: for many decisions in a row."""
    blocks: list[str] = []
    warns: list[str] = []
    for check in program.checks:
        if fails(check, settled, facts, program.authors):
            (blocks if check.blocking else warns).append(check.id)
    return Observation(frozenset(blocks), frozenset(warns))


def fails(check: Check, settled: Settled, facts: Facts, authors: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether one check is not met."""
    return any(outcome in _BAD for _, outcome in _outcomes(check, settled, facts, authors))


def settle(program: Program, records: Iterable[Record], today: dt.date) -> Settled:
    """The records by key with waivers applied: unmet under a waiver in force is waived, waived without one unmet.

    An error cannot be waived away. Of two records under one key the worse counts, so order cannot matter.
    """
    waived = {w.key for w in program.waivers if w.since <= today <= w.until}
    settled = Settled()
    for record in records:
        verdict, key, kept = record.verdict, record.key, record
        if verdict is Verdict.UNMET and key in waived:
            kept = msgspec.structs.replace(record, verdict=Verdict.WAIVED)
        elif verdict is Verdict.WAIVED and key not in waived:
            kept = msgspec.structs.replace(record, verdict=Verdict.UNMET)
        other = settled.get(key)
        if other is not None and other != kept:
            kept = max(other, kept, key=_badness)
        settled[key] = kept
    return settled


def _badness(record: Record) -> tuple[int, bytes]:
    order = (Verdict.MET, Verdict.WAIVED, Verdict.UNMET, Verdict.ERROR)
    return order.index(record.verdict), msgspec.json.encode(record, order="sorted")


def _outcomes(
    check: Check, settled: Settled, facts: Facts, authors: Mapping[str, tuple[str, ...]]
) -> list[tuple[Record | None, Outcome]]:
    if check.guards and not applies(check, facts, authors):
        return [(None, Outcome.NOT_APPLICABLE)]
    if not check.is_pattern:
        record = settled.get(check.require)
        if record is None:
            return [(None, Outcome.MET if check.missing_met else Outcome.MISSING)]
        return [(record, Outcome.MET if accepts(check, record) else Outcome.UNMET)]
    found = _matching(check, settled)
    if found:
        return [(record, Outcome.MET if accepts(check, record) else Outcome.UNMET) for record in found]
    empty = Outcome.NOT_APPLICABLE if check.allow_empty else Outcome.MISSING
    return [(None, Outcome.MET if check.missing_met else empty)]


def _matching(check: Check, settled: Settled) -> list[Record]:
    """The records a pattern speaks about, by key; most patterns are a prefix and a star."""
    prefix, _, rest = check.require.partition("*")
    near = list(settled.under(prefix))
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
            answers = [bound.holds(q, scale) for bound in check.bounds]
            inside = all(answers) if check.bounds_join == "and" else any(answers)
    return inside is not check.negated
