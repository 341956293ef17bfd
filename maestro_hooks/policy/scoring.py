"""How many mutants of a policy its cases notice, which of the others are equivalent, and cases for the rest.

Invariant: a mutant counts as killed only by a case that the policy itself passes, and as equivalent only if no point
of the finite boundary grid tells it from the policy.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import msgspec

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import Quantity, Record
from maestro_hooks.policy.cases import NO_INPUTS, PRODUCER, Case, Prepared, case_yaml, failures, prepare, value_of
from maestro_hooks.policy.evaluate import Observation
from maestro_hooks.policy.grid import NO_WAIVER_DAY, points
from maestro_hooks.policy.mutation import mutants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maestro_hooks.policy.cases import Failed, Suite
    from maestro_hooks.policy.grid import Claim, Point
    from maestro_hooks.policy.mutation import Mutant
    from maestro_hooks.policy.program import Program

_NAMES = {Verdict.MET: "met", Verdict.UNMET: "unmet", Verdict.WAIVED: "unmet", Verdict.ERROR: "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The result of one mutation run; ``failed`` cases make it void."""

    failed: tuple[Failed, ...]
    total: int
    killed: int
    survived: tuple[Mutant, ...]
    equivalent: tuple[Mutant, ...]
    operators: Mapping[str, tuple[int, int]]

    @property
    def raw(self) -> Fraction:
        """Killed over all mutants; 0 where a case fails or there is no mutant."""
        return Fraction(self.killed, self.total) if self.total and not self.failed else Fraction(0)

    @property
    def effective(self) -> Fraction:
        """Killed over the mutants that are not equivalent; 0 where a case fails."""
        real = self.total - len(self.equivalent)
        return Fraction(self.killed, real) if real and not self.failed else Fraction(0)


def score(program: Program, cases: Sequence[Prepared]) -> Score:
    """Run every mutant against the cases."""
    failed = failures(program, cases)
    survived, equivalent, operators = [], [], Counter[str]()
    killed: Counter[str] = Counter()
    for mutant in mutants(program):
        operators[mutant.operator] += 1
        if any(case.observed(mutant.program) != case.expected for case in cases):
            killed[mutant.operator] += 1
        elif distinguishing(mutant, program) is None:
            equivalent.append(mutant)
        else:
            survived.append(mutant)
    return Score(
        failed=failed,
        total=operators.total(),
        killed=killed.total(),
        survived=tuple(survived),
        equivalent=tuple(equivalent),
        operators={name: (killed[name], count) for name, count in sorted(operators.items())},
    )


def distinguishing(mutant: Mutant, program: Program) -> Point | None:
    """The first grid point at which the mutant and the policy decide differently; ``None`` proves equivalence."""
    if set(mutant.program.checks) == set(program.checks) and mutant.program.waivers == program.waivers:
        return None  # the decision is a set over the checks: their order cannot enter it
    before, after = (_concerned(p, mutant, program) for p in (program, mutant.program))
    for point in points(mutant, program):
        case = _case_at(point)
        if case.observed(before) != case.observed(after):
            return point
    return None


def report(result: Score) -> dict[str, Any]:
    """The result as JSON-able data, schema ``maestro.policy-mutation/1``; shares are exact fractions as text."""
    return {
        "schema": "maestro.policy-mutation/1",
        "ok": result.effective == 1,
        "mutants": result.total,
        "killed": result.killed,
        "raw": str(result.raw),
        "effective": str(result.effective),
        "operators": {name: {"mutants": n, "killed": k} for name, (k, n) in result.operators.items()},
        "failed": [{"case": f.name, "words": f.words} for f in result.failed],
        "survived": [{"operator": m.operator, "rule": m.rule, "words": m.words} for m in result.survived],
        "equivalent": [{"operator": m.operator, "rule": m.rule, "words": m.words} for m in result.equivalent],
    }


def suggestions(score_of: Score, program: Program, suite: Suite) -> Iterator[str]:
    """Cases, as YAML text, that kill what survived; as few as one pass over the survivors needs."""
    added: list[Prepared] = []
    for number, mutant in enumerate(score_of.survived, 1):
        if any(case.observed(mutant.program) != case.expected for case in added):
            continue
        name = f"suggested {number}: {mutant.rule or 'all rules'}, {mutant.words}"
        found = _killing_case(mutant, program, suite, name)
        if found is None:
            yield f"# no single boundary case tells apart: {mutant.rule}: {mutant.words}"
            continue
        fields, prepared = found
        added.append(prepared)
        yield case_yaml(fields)


def _killing_case(
    mutant: Mutant, program: Program, suite: Suite, name: str
) -> tuple[dict[str, object], Prepared] | None:
    """A case over the file's common obligations on which mutant and policy differ."""
    for point in points(mutant, program):
        try:
            fields = _fields(point, mutant, program, name)
        except ValueError:  # a number no case can write
            continue
        prepared = prepare(suite.file, msgspec.convert({**fields, "expect": "pass"}, Case))
        seen = prepared.observed(program)
        if seen != prepared.observed(mutant.program):
            fields["expect"] = "block" if seen.blocks else "pass"
            fields |= {k: sorted(v) for k, v in (("by", seen.blocks), ("warns", seen.warns)) if v}
            return fields, replace(prepared, expected=seen)
    return None


def _fields(point: Point, mutant: Mutant, program: Program, name: str) -> dict[str, object]:
    changed = mutant.changed or tuple(c for c in program.checks if c.id == mutant.rule)
    fields: dict[str, object] = {"name": name[:200]}
    gone = sorted({c.require for c in changed} - {c.key for c in point.claims})
    if gone:
        fields["without"] = gone
    if point.claims:
        fields["given"] = {c.key: _spec(c.verdict, c.number) for c in point.claims}
    waived = sorted(c.key for c in point.claims if c.verdict is Verdict.WAIVED)
    if waived:
        fields["waived"] = waived
    asked = {guard.fact for check in changed for guard in check.guards}
    if asked:
        fields["facts"] = {fact: getattr(point.facts, fact) for fact in sorted(asked)}
    if point.today is not None:
        fields["today"] = point.today.isoformat()
    return fields


def _spec(verdict: Verdict, number: Fraction | None) -> object:
    value = "some text" if number is None else value_of(number)
    return value if verdict is Verdict.MET else {"value": value, "verdict": _NAMES[verdict]}


def _case_at(point: Point) -> Prepared:
    """The grid point alone, without the common obligations."""
    return Prepared(
        name="",
        records=tuple(_record(claim) for claim in point.claims),
        facts=point.facts,
        today=point.today or NO_WAIVER_DAY,
        waived=tuple(c.key for c in point.claims if c.verdict is Verdict.WAIVED),
        expected=Observation(frozenset(), frozenset()),
    )


def _record(claim: Claim) -> Record:
    number = claim.number
    exact = None if number is None else Quantity(scale=number.denominator, round="exact", q=str(number.numerator))
    verdict = Verdict.UNMET if claim.verdict is Verdict.WAIVED else claim.verdict
    return Record(key=claim.key, verdict=verdict, producer=PRODUCER, inputs=NO_INPUTS, quantity=exact)


def _concerned(program: Program, mutant: Mutant, original: Program) -> Program:
    """The part of ``program`` in which the mutant can differ: one rule, or everything for a changed waiver."""
    if mutant.program.waivers != original.waivers:
        return program
    return replace(program, checks=tuple(c for c in program.checks if c.id == mutant.rule))
