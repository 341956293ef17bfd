"""The boundary grid: every situation in which two programs that differ in one place could decide differently.

Theorem: what a check makes of a situation depends only on whether its guards let it apply, and for each claim on
whether the check speaks about its key and accepts it. These answers in turn depend only on which patterns describe a
key, a branch, a path or an author, on where a number lies among the limits, on the verdict, and on the waivers' days.
The grid holds a situation for each combination of answers that can occur, and at most two claims tell two checks
apart (one that is judged differently, one that keeps a pattern from matching nothing); so two programs that agree on
the grid agree everywhere.
"""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import pairwise, product
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.policy.cells import cells
from maestro_hooks.policy.evaluate import accepts
from maestro_hooks.policy.facts import HAZARD_ORDER, Facts, applies, holds
from maestro_hooks.policy.situation import Claim, Point

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_hooks.policy.mutation import Mutant
    from maestro_hooks.policy.program import Check, Guard, Program

ONE_DAY = dt.timedelta(days=1)
QUIET_DAY = dt.date(2000, 1, 1)
_VERDICTS = (Verdict.MET, Verdict.UNMET, Verdict.WAIVED, Verdict.ERROR)
# A check as it stands in a program with these kinds of authors; ``None`` where the rule is gone.
Judge = tuple["Check | None", "Program"]


def points(mutant: Mutant, program: Program) -> Iterator[Point]:
    """The grid of a mutant: over the checks it changed, or over the keys and days of the waivers it changed.

    Raises:
        TooManyCellsError: the patterns tell more apart than can be searched.
    """
    if mutant.program.waivers != program.waivers:
        yield from _waiver_points(mutant, program)
        return
    for before, after in _changed(mutant, program):
        judges: list[Judge] = [(before, program), (after, mutant.program)]
        checks = tuple(c for c in (before, after) if c is not None)
        day = quiet_day(program, checks)
        situations = list(_facts(judges))
        for claims in _claims(checks):
            for facts in situations:
                yield Point(claims=claims, facts=facts, today=day, checks=checks)


def _changed(mutant: Mutant, program: Program) -> Iterator[tuple[Check, Check | None]]:
    """Each check of the policy beside what became of it, where that can differ."""
    if mutant.changed:
        yield mutant.changed
        return
    left = {check.id: check for check in mutant.program.checks}
    for check in program.checks:
        asks = any(guard.fact == "author" for guard in check.guards)
        if left.get(check.id) != check or (asks and mutant.program.authors != program.authors):
            yield check, left.get(check.id)


def quiet_day(program: Program, checks: Iterable[Check]) -> dt.date:
    """A day on which no waiver is in force that these checks could see."""
    spoken = [w for w in program.waivers if any(check.matches(w.key) for check in checks)]
    last = max((w.until for w in spoken), default=None)
    if last is None:
        return QUIET_DAY
    return last + ONE_DAY if last < dt.date.max else min(w.since for w in spoken) - ONE_DAY


def _waiver_points(mutant: Mutant, program: Program) -> Iterator[Point]:
    windows = {*program.waivers, *mutant.program.waivers}
    days = {d for w in windows for d in (w.since, w.until)}
    days |= {w.until + ONE_DAY for w in windows if w.until < dt.date.max}
    days |= {w.since - ONE_DAY for w in windows if w.since > dt.date.min}
    # 0001-01-01 is how a waiver without a beginning is held; people do not write that year.
    shown = sorted(d for d in days if d > dt.date.min)
    for key in sorted({w.key for w in windows}):
        for check in program.checks:
            if check.matches(key):
                situation = next(f for f in _facts([(check, program)]) if applies(check, f, program.authors))
                for claim, day in product(_judged([key], [check]), shown):
                    if claim.verdict is not Verdict.WAIVED:
                        yield Point(claims=(claim,), facts=situation, today=day, checks=(check,))


def _claims(checks: tuple[Check, ...]) -> Iterator[tuple[Claim, ...]]:
    """No claim, one of each kind the checks tell apart, and two of different keys."""
    patterns = tuple(sorted({p for check in checks for p in (check.require, *check.exempt)}))
    kinds: dict[tuple[object, ...], Claim] = {}
    for claim in _judged(cells(patterns, keys=True), checks):
        spoken = tuple(check.matches(claim.key) for check in checks)
        if any(spoken):
            answers = (accepts(check, claim.record()) for check in checks)
            kinds.setdefault((claim.key, spoken, *answers), claim)
    told = list(kinds.values())
    yield ()
    yield from ((claim,) for claim in told)
    if any(check.is_pattern for check in checks):
        yield from ((a, b) for a in told for b in told if a.key < b.key)


def _judged(keys: Iterable[str], checks: Iterable[Check]) -> Iterator[Claim]:
    numbers = _numbers(checks)
    for key, number, verdict in product(keys, numbers, _VERDICTS):
        yield Claim(key=key, verdict=verdict, number=number)


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


def _facts(judges: list[Judge]) -> Iterator[Facts]:
    """Facts for each combination of "applies" and "does not" that can occur."""
    told: set[tuple[bool, ...]] = set()
    guards = {guard for check, _ in judges if check is not None for guard in check.guards}
    choices = {fact: _told_apart(fact, guards, judges) for fact in sorted({guard.fact for guard in guards})}
    for values in product(*choices.values()):
        facts = Facts(**dict(zip(choices, values, strict=True)))  # type: ignore[arg-type]
        answers = tuple(check is not None and applies(check, facts, of.authors) for check, of in judges)
        if answers not in told:
            told.add(answers)
            yield facts


def _told_apart(fact: str, guards: set[Guard], judges: list[Judge]) -> list[object]:
    """Values of one fact, one for each combination of answers its guards give."""
    own = sorted((guard for guard in guards if guard.fact == fact), key=repr)
    kept: dict[tuple[bool, ...], object] = {}
    for value in _values(fact, tuple(guard.wanted for guard in own), judges):
        facts = Facts(**{fact: value})  # type: ignore[arg-type]
        answers = tuple(holds(guard, facts, of.authors) for guard in own for _, of in judges)
        kept.setdefault(answers, value)
    return list(kept.values())


def _values(fact: str, wanted: tuple[str, ...], judges: list[Judge]) -> list[object]:
    """Values of a fact that cover every class its guards can tell apart; the empty one is unknown."""
    match fact:
        case "branch":
            return [*cells(wanted), ""]
        case "environment":
            return ["ci", "local", ""]
        case "files":
            one = cells(wanted)
            return [*((path,) for path in one), *((a, b) for a in one for b in one if a < b), ()]
        case "author":
            patterns = {p for _, of in judges for listed in of.authors.values() for p in listed}
            return [*cells(tuple(sorted(patterns))), ""]
        case _:
            return [*HAZARD_ORDER, ""]
