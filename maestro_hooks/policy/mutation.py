"""Mutants of a policy: small changes of meaning that its cases should notice.

Each operator yields (operator, rule, words, program). A bound changes by one unit of the precision it is written in
(``0`` by 1, ``0.95`` by 0.01) and by ten per cent rounded to that precision; what rounds to another mutant of the same
bound is made once. Every mutant differs from the policy in exactly one place.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.policy.facts import HAZARD_ORDER
from maestro_hooks.policy.program import Bound, Check, Guard, Program
from maestro_hooks.policy.results import exact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.policy.program import Relation

RELATIONS: tuple[Relation, ...] = (">=", ">", "<=", "<", "==", "!=")
UNITS = (100, 1000)  # a fraction for a percentage, seconds for milliseconds
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One changed program. ``changed`` is (check before, check after) where one check changed in place."""

    operator: str
    rule: str
    words: str
    program: Program
    changed: tuple[Check, Check] | None = None


def mutants(program: Program) -> Iterator[Mutant]:
    """Every mutant, in a fixed order."""
    for i, check in enumerate(program.checks):
        for operator, words, after in _check_mutants(check):
            checks = (*program.checks[:i], after, *program.checks[i + 1 :])
            changed = replace(program, checks=checks)
            yield Mutant(operator=operator, rule=check.id, words=words, program=changed, changed=(check, after))
        rest = replace(program, checks=(*program.checks[:i], *program.checks[i + 1 :]))
        yield Mutant(operator="rule-deletion", rule=check.id, words="the rule is gone", program=rest)
    if len(program.checks) > 1:
        turned = replace(program, checks=program.checks[::-1])
        yield Mutant(operator="order", rule="", words="the rules in reverse order", program=turned)
    yield from _author_mutants(program)
    yield from _waiver_mutants(program)


def _check_mutants(check: Check) -> Iterator[tuple[str, str, Check]]:
    for i, bound in enumerate(check.bounds):
        for operator, words, changed in _bound_mutants(bound):
            yield operator, words, replace(check, bounds=(*check.bounds[:i], changed, *check.bounds[i + 1 :]))
        words = f"without {bound.relation} {exact(bound.limit)}"
        yield "clause-deletion", words, replace(check, bounds=(*check.bounds[:i], *check.bounds[i + 1 :]))
    for i, guard in enumerate(check.guards):
        for operator, words, altered in _guard_mutants(guard):
            yield operator, words, replace(check, guards=(*check.guards[:i], altered, *check.guards[i + 1 :]))
        rest = (*check.guards[:i], *check.guards[i + 1 :])
        yield "clause-deletion", f"without the condition on {guard.fact}", replace(check, guards=rest)
    if len(check.bounds) > 1:
        yield "and-or", "either bound is enough", replace(check, bounds_join="or")
    if len(check.guards) > 1:
        yield "and-or", "either condition is enough", replace(check, guards_join="or")
    yield "negation", "met where it was not, and the other way round", replace(check, negated=True)
    yield from _set_mutants(check)
    effect = "the rule only warns" if check.blocking else "the rule blocks"
    yield "effect", effect, replace(check, blocking=not check.blocking)
    yield "default", "a missing obligation meets the rule", replace(check, missing_met=True)
    if check.is_pattern:
        words = "a pattern may match nothing" if not check.allow_empty else "a pattern may not match nothing"
        yield "default", words, replace(check, allow_empty=not check.allow_empty)
    if check.bounds:
        yield "missing-field", "what states no number is inside the bound", replace(check, text_met=True)


def _bound_mutants(bound: Bound) -> Iterator[tuple[str, str, Bound]]:
    for relation in RELATIONS:
        if relation != bound.relation:
            yield "relation", f"{bound.relation} becomes {relation}", Bound(relation, bound.limit)
    seen = {bound.limit}
    for operator, limit in _limits(bound.limit):
        if limit not in seen:
            seen.add(limit)
            words = f"{bound.relation} {exact(bound.limit)} becomes {exact(limit)}"
            yield operator, words, Bound(bound.relation, limit)


def _limits(limit: Fraction) -> Iterator[tuple[str, Fraction]]:
    unit = Fraction(1)
    while (limit / unit).denominator != 1:
        unit /= 10
    for sign in (1, -1):
        yield "epsilon", limit + sign * unit
    for sign in (1, -1):
        yield "ten-percent", limit + sign * _rounded(limit / 10, unit)
    for factor in UNITS:
        yield "unit", limit * factor
        yield "unit", _rounded(limit / factor, unit)


def _rounded(value: Fraction, unit: Fraction) -> Fraction:
    return round(value / unit) * unit


def _guard_mutants(guard: Guard) -> Iterator[tuple[str, str, Guard]]:
    yield "negation", f"the condition on {guard.fact} is turned round", replace(guard, negated=not guard.negated)
    if guard.fact != "files":  # the files of a tree are always known
        yield "default", f"an unknown {guard.fact} counts as not holding", replace(guard, unknown=False)
    if guard.fact == "hazard":
        place = HAZARD_ORDER.index(guard.wanted)
        for level in HAZARD_ORDER[max(0, place - 1) : place + 2]:
            if level != guard.wanted:
                yield "epsilon", f"hazard {guard.wanted} becomes {level}", replace(guard, wanted=level)
    if "*" in guard.wanted:
        narrowed = guard.wanted.replace("*", "")
        yield "set-member", f"{guard.fact} {guard.wanted} becomes {narrowed}", replace(guard, wanted=narrowed)


def _set_mutants(check: Check) -> Iterator[tuple[str, str, Check]]:
    for verdict in Verdict:
        other = check.accept ^ {verdict}
        words = f"{'no longer ' if verdict in check.accept else ''}accepts {verdict.value}"
        yield "set-member", words, replace(check, accept=frozenset(other))
    for pattern in check.exempt:
        rest = tuple(p for p in check.exempt if p != pattern)
        yield "set-member", f"{pattern} is no longer exempt", replace(check, exempt=rest)


def _author_mutants(program: Program) -> Iterator[Mutant]:
    for kind, patterns in sorted(program.authors.items()):
        for pattern in patterns:
            rest = tuple(p for p in patterns if p != pattern)
            yield Mutant(
                operator="set-member",
                rule=f"authors {kind}",
                words=f"{pattern} is no longer of this kind",
                program=replace(program, authors={**program.authors, kind: rest}),
            )


def _waiver_mutants(program: Program) -> Iterator[Mutant]:
    for i, window in enumerate(program.waivers):
        rest = (*program.waivers[:i], *program.waivers[i + 1 :])
        changes = [("clause-deletion", "the waiver is gone", rest)]
        for words, until in (("a day longer", window.until + DAY), ("a day shorter", window.until - DAY)):
            changes.append(("epsilon", f"the waiver lasts {words}", (*rest, replace(window, until=until))))
        if window.since > dt.date.min:
            for words, since in (("later", window.since + DAY), ("earlier", window.since - DAY)):
                changes.append(("epsilon", f"the waiver begins a day {words}", (*rest, replace(window, since=since))))
        for operator, words, waivers in changes:
            changed = replace(program, waivers=waivers)
            yield Mutant(operator=operator, rule=f"waiver {window.key}", words=words, program=changed)
