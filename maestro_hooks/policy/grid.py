"""The boundary grid: every situation in which two programs that differ in one place could decide differently.

Theorem: a check's answer depends only on whether a key matches, on the record's verdict, on where its number lies
among the limits, on its guards' facts and on the waivers' days. The grid holds a point of every cell these cut, so two
programs that agree on the grid agree everywhere: such a mutant is equivalent.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, product
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.policy.facts import HAZARD_ORDER, Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_hooks.policy.mutation import Mutant
    from maestro_hooks.policy.program import Check, Guard, Program

NO_WAIVER_DAY = dt.date(2000, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One obligation at a grid point: no number means a text; ``waived`` puts it under a waiver in force."""

    key: str
    verdict: Verdict
    number: Fraction | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One situation: what was recorded under the keys in question, the facts, and the day."""

    claims: tuple[Claim, ...]
    facts: Facts
    today: dt.date | None


def points(mutant: Mutant, program: Program) -> Iterator[Point]:
    """The grid of a mutant: over the checks it changed, or over the keys and days of the waivers it changed."""
    if mutant.program.waivers != program.waivers:
        yield from _waiver_points(mutant, program)
        return
    checks = mutant.changed or tuple(c for c in program.checks if c.id == mutant.rule)
    facts = list(_facts(checks, program))
    for claims in _claims(checks):
        for fact in facts:
            yield Point(claims=claims, facts=fact, today=None)


def _waiver_points(mutant: Mutant, program: Program) -> Iterator[Point]:
    windows = {*program.waivers, *mutant.program.waivers}
    one = dt.timedelta(days=1)
    days = {d for w in windows for d in (w.until, w.until + one)} | {w.since for w in windows if w.since > dt.date.min}
    days |= {w.since - one for w in windows if w.since > dt.date.min}
    for key in sorted({w.key for w in windows}):
        checks = [c for c in program.checks if c.matches(key)]
        for claim, day in product(_judged([key], _numbers(checks)), sorted(days)):
            if claim.verdict is not Verdict.WAIVED:
                yield Point(claims=(claim,), facts=Facts(), today=day)


def _claims(checks: Iterable[Check]) -> Iterator[tuple[Claim, ...]]:
    checks = tuple(checks)
    keys = sorted({key for check in checks for key in _keys(check)})
    judged = list(_judged(keys, _numbers(checks)))
    yield ()
    for claim in judged:
        yield (claim,)
    if any(check.is_pattern for check in checks):
        # A second key can hide that a pattern matches nothing, or show that each match is judged by itself.
        yield from ((a, b) for a in judged for b in judged if a.key < b.key)


def _keys(check: Check) -> Iterator[str]:
    """Keys of every class: inside the pattern, inside each exemption, and outside."""
    if not check.is_pattern:
        yield check.require
        return
    yield check.require.replace("*", "x")
    yield check.require.replace("*", "y")
    for pattern in check.exempt:
        exempt = pattern.replace("*", "x")
        if check.require.partition("*")[0] == pattern[: len(check.require.partition("*")[0])]:
            yield exempt


def _numbers(checks: Iterable[Check]) -> list[Fraction | None]:
    """No number, every limit, a point between each two, and one beyond each end."""
    limits = sorted({bound.limit for check in checks for bound in check.bounds})
    found: list[Fraction | None] = [None, *limits]
    found += [_between(a, b) for a, b in pairwise(limits)]
    return found + ([limits[0] - 1, limits[-1] + 1] if limits else [Fraction(0)])


def _between(low: Fraction, high: Fraction) -> Fraction:
    """A short decimal strictly between two numbers."""
    unit = Fraction(1)
    while True:
        candidate = (low // unit + 1) * unit
        if low < candidate < high:
            return candidate
        unit /= 10


def _judged(keys: Iterable[str], numbers: Iterable[Fraction | None]) -> Iterator[Claim]:
    for key, number, verdict in product(keys, numbers, (Verdict.MET, Verdict.UNMET, Verdict.WAIVED, Verdict.ERROR)):
        yield Claim(key=key, verdict=verdict, number=number)


def _facts(checks: Iterable[Check], program: Program) -> Iterator[Facts]:
    guards = {guard for check in checks for guard in check.guards}
    choices: dict[str, list[object]] = {}
    for guard in sorted(guards, key=repr):
        choices.setdefault(guard.fact, []).extend(_answers(guard, program))
    for values in product(*choices.values()):
        yield Facts(**dict(zip(choices, values, strict=True)))  # type: ignore[arg-type]


def _answers(guard: Guard, program: Program) -> list[object]:
    """Values of the guard's fact that match, do not match, and are unknown."""
    match guard.fact:
        case "branch":
            return [guard.wanted.replace("*", "x"), guard.wanted.replace("*", ""), f"not-{guard.wanted}", ""]
        case "environment":
            return ["ci", "local", ""]
        case "files":
            return [(guard.wanted.replace("*", "x"),), (guard.wanted.replace("*", ""),), (f"not-{guard.wanted}",), ()]
        case "author":
            known = [patterns[0].replace("*", "x") for _, patterns in sorted(program.authors.items()) if patterns]
            return [*known, "nobody known", ""]
        case _:
            return [*HAZARD_ORDER, ""]
