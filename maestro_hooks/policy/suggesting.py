"""Cases for the mutants that no case notices: boundary values and conditions, as few as a greedy choice needs.

Invariant: each suggested case says what the policy itself decides, and is there because it tells a mutant from the
policy that no other kept case does; whether the policy decides it rightly is for its reader to say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.policy.cases import Case, Prepared, case_yaml, flow, prepare, value_of
from maestro_hooks.policy.cells import TooManyCellsError, cells
from maestro_hooks.policy.grid import points
from maestro_hooks.policy.scoring import Staged

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_hooks.policy.cases import Suite
    from maestro_hooks.policy.mutation import Mutant
    from maestro_hooks.policy.program import Check, Program
    from maestro_hooks.policy.scoring import Score
    from maestro_hooks.policy.situation import Point

_NAMES = {Verdict.MET: "met", Verdict.UNMET: "unmet", Verdict.WAIVED: "unmet", Verdict.ERROR: "error"}


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    """A case that could be suggested, and the survivors it kills by their number."""

    fields: dict[str, object]
    kills: frozenset[int]


def suggestions(score: Score, program: Program, suite: Suite) -> Iterator[str]:
    """Cases, as YAML text, that kill what survived; a comment for a mutant that no single case tells apart."""
    candidates: list[_Candidate] = []
    for number, mutant in enumerate(score.survived):
        name = f"suggested {number + 1}: {mutant.rule or 'all rules'}, {mutant.words}"
        found = _killing_case(mutant, program, suite, name)
        if found is None:
            yield f"# no single boundary case tells apart: {mutant.rule}: {mutant.words}"
            continue
        fields, prepared = found
        staged = Staged.of(prepared, program)
        kills = frozenset(i for i, other in enumerate(score.survived) if staged.notices(other))
        candidates.append(_Candidate(fields, kills))
    yield from (case_yaml(chosen.fields) for chosen in _few(candidates))


def _few(candidates: list[_Candidate]) -> Iterator[_Candidate]:
    """Candidates that kill all that any of them kills, always the one that kills most of the rest."""
    left = {number for candidate in candidates for number in candidate.kills}
    while left:
        best = max(candidates, key=lambda candidate: len(candidate.kills & left))
        left -= best.kills
        yield best


def _killing_case(
    mutant: Mutant, program: Program, suite: Suite, name: str
) -> tuple[dict[str, object], Prepared] | None:
    """A case over the file's common obligations on which mutant and policy differ."""
    try:
        for point in points(mutant, program):
            fields = _fields(point, program, name)
            prepared = prepare(suite.file, msgspec.convert({**fields, "expect": "pass"}, Case))
            seen = prepared.observed(program)
            if seen != prepared.observed(mutant.program):
                fields["expect"] = "block" if seen.blocks else "pass"
                fields |= {k: sorted(v) for k, v in (("by", seen.blocks), ("warns", seen.warns)) if v}
                return fields, replace(prepared, expected=seen)
    except (ValueError, TooManyCellsError):  # a number or a key no case can write, or too much to look at
        pass
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


def first_cases(program: Program) -> str:
    """A case file to begin with: obligations that every rule accepts where one can, and the case that says so."""
    keys = sorted({key for check in program.checks for key in _keys(check)})
    obligations = {key: value_of(_accepted([c for c in program.checks if c.matches(key)])) for key in keys}
    rows = "".join(f"  {flow(key)}: {flow(value)}\n" for key, value in obligations.items())
    # Unknown facts let every condition hold, so each rule has its say unless a case states otherwise.
    return f'version: 1\nfacts: {{environment: ""}}\nobligations:\n{rows}cases:\n'


def _keys(check: Check) -> Iterator[str]:
    """A key the check speaks about."""
    if not check.is_pattern:
        yield check.require
        return
    found = cells((check.require, *check.exempt), keys=True)
    yield next(key for key in found if check.matches(key))


def _accepted(checks: Iterable[Check]) -> Fraction:
    """A number inside all bounds of these checks, if there is one."""
    bounds = [bound for check in checks for bound in check.bounds]
    lowest = max((b.limit for b in bounds if b.relation == ">="), default=None)
    highest = min((b.limit for b in bounds if b.relation == "<="), default=None)
    return next((limit for limit in (lowest, highest) if limit is not None), Fraction(1))
