"""How many mutants of a policy its cases notice, and which of the others are equivalent.

Invariant: a mutant counts as killed only by a case that the policy itself passes, and as equivalent only if no point
of the finite boundary grid tells it from the policy.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from maestro_hooks.policy.cases import Prepared, failures
from maestro_hooks.policy.cells import TooManyCellsError
from maestro_hooks.policy.evaluate import Observation, Settled, fails, observe
from maestro_hooks.policy.grid import points
from maestro_hooks.policy.mutation import mutants

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_hooks.policy.cases import Failed
    from maestro_hooks.policy.mutation import Mutant
    from maestro_hooks.policy.program import Program
    from maestro_hooks.policy.situation import Point


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
