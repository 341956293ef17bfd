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
from maestro_hooks.policy.cases import Case, Prepared, case_yaml, failures, prepare, value_of
from maestro_hooks.policy.cells import TooManyCellsError
from maestro_hooks.policy.evaluate import Observation, Settled, fails, observe
from maestro_hooks.policy.grid import points
from maestro_hooks.policy.mutation import mutants

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maestro_hooks.policy.cases import Failed, Suite
    from maestro_hooks.policy.mutation import Mutant
    from maestro_hooks.policy.program import Program
    from maestro_hooks.policy.situation import Point

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
    staged = [Staged.of(case, program) for case in cases]
    survived, equivalent, operators = [], [], Counter[str]()
    killed: Counter[str] = Counter()
    for mutant in mutants(program):
        operators[mutant.operator] += 1
        if any(case.notices(mutant) for case in staged):
            killed[mutant.operator] += 1
        elif is_equivalent(mutant, program):
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A case with what all mutants of one check share: its records under the waivers, and what the policy sees."""

    case: Prepared
    settled: Settled
    seen: Observation

    @classmethod
    def of(cls, case: Prepared, program: Program) -> Staged:
        """Stage ``case`` for the mutants of ``program``."""
        settled = case.settled(program)
        return cls(case=case, settled=settled, seen=observe(program, settled, case.facts))

    def notices(self, mutant: Mutant) -> bool:
        """Whether the mutant decides the case otherwise than expected."""
        if mutant.changed is None:
            return self.case.observed(mutant.program) != self.case.expected
        before, after = mutant.changed
        blocks, warns = self.seen.blocks - {before.id}, self.seen.warns - {before.id}
        if fails(after, self.settled, self.case.facts, mutant.program.authors):
            blocks, warns = (blocks | {after.id}, warns) if after.blocking else (blocks, warns | {after.id})
        return (blocks, warns) != (self.case.expected.blocks, self.case.expected.warns)


def is_equivalent(mutant: Mutant, program: Program) -> bool:
    """Whether no situation at all tells the mutant from the policy; not where there are too many to look at."""
    try:
        return distinguishing(mutant, program) is None
    except TooManyCellsError:
        return False


def distinguishing(mutant: Mutant, program: Program) -> Point | None:
    """The first grid point at which the mutant and the policy decide differently; ``None`` proves equivalence.

    Raises:
        TooManyCellsError: nothing was proved.
    """
    if replace(mutant.program, checks=mutant.program.by_id) == replace(program, checks=program.by_id):
        return None  # the decision is a set over the checks: their order cannot enter it
    for point in points(mutant, program):
        ids = {check.id for check in point.checks}
        case = _case_at(point)
        before, after = (
            case.observed(replace(p, checks=tuple(c for c in p.checks if c.id in ids)))
            for p in (program, mutant.program)
        )
        if before != after:
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
        try:
            found = _killing_case(mutant, program, suite, name)
        except TooManyCellsError:
            found = None
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
            fields = _fields(point, program, name)
        except ValueError:  # a number no case can write
            continue
        prepared = prepare(suite.file, msgspec.convert({**fields, "expect": "pass"}, Case))
        seen = prepared.observed(program)
        if seen != prepared.observed(mutant.program):
            fields["expect"] = "block" if seen.blocks else "pass"
            fields |= {k: sorted(v) for k, v in (("by", seen.blocks), ("warns", seen.warns)) if v}
            return fields, replace(prepared, expected=seen)
    return None


def _fields(point: Point, program: Program, name: str) -> dict[str, object]:
    fields: dict[str, object] = {"name": name[:200]}
    given = {c.key: _spec(c.verdict, c.number) for c in point.claims}
    gone = sorted({c.require for c in point.checks} - given.keys())
    if gone:
        fields["without"] = gone
    if given:
        fields["given"] = given
    if point.waived:
        fields["waived"] = sorted(point.waived)
    asked = {guard.fact for check in point.checks for guard in check.guards}
    if asked:
        fields["facts"] = {fact: getattr(point.facts, fact) for fact in sorted(asked)}
    if any(check.matches(w.key) for w in program.waivers for check in point.checks):
        fields["today"] = point.today.isoformat()
    return fields


def _spec(verdict: Verdict, number: Fraction | None) -> object:
    value = "some text" if number is None else value_of(number)
    return value if verdict is Verdict.MET else {"value": value, "verdict": _NAMES[verdict]}


def _case_at(point: Point) -> Prepared:
    """The grid point alone, without the common obligations."""
    return Prepared(
        name="",
        records=point.records(),
        facts=point.facts,
        today=point.today,
        waived=point.waived,
        expected=Observation(frozenset(), frozenset()),
    )
