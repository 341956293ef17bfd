"""A policy compiled to the form that is evaluated: checks with bounds, guards and effects, and waiver windows.

Invariant: ``compile_policy`` only ever makes ``>=`` and ``<=`` bounds that must all hold, guards that hold for unknown
facts, and checks that a missing obligation does not meet. The wider range of values is what mutants are made of.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import matches

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

    from maestro_hooks.policy.document import Policy, Rule

Relation = Literal[">=", ">", "<=", "<", "==", "!="]
Join = Literal["and", "or"]
FACTS = ("branch", "environment", "files", "author", "hazard")


@dataclass(frozen=True, slots=True)
class Bound:
    """``value relation limit``, exact."""

    relation: Relation
    limit: Fraction

    def holds(self, q: int, scale: int) -> bool:
        """Whether ``q / scale`` is inside, by integers alone."""
        left, right = q * self.limit.denominator, self.limit.numerator * scale
        match self.relation:
            case ">=":
                return left >= right
            case "<=":
                return left <= right
            case ">":
                return left > right
            case "<":
                return left < right
            case "==":
                return left == right
            case _:
                return left != right


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on one fact: does it match ``wanted``; ``unknown`` is what an unknown fact counts as."""

    fact: str
    wanted: str
    negated: bool = False
    unknown: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One rule, compiled. ``missing_met`` and ``text_met`` are false in every policy and true in some mutants."""

    id: str
    require: str
    exempt: tuple[str, ...] = ()
    bounds: tuple[Bound, ...] = ()
    bounds_join: Join = "and"
    accept: frozenset[Verdict] = frozenset({Verdict.MET, Verdict.WAIVED})
    blocking: bool = True
    guards: tuple[Guard, ...] = ()
    guards_join: Join = "and"
    allow_empty: bool = False
    missing_met: bool = False
    text_met: bool = False
    negated: bool = False
    why: str = ""

    @property
    def is_pattern(self) -> bool:
        """Whether the check speaks about every key of a pattern."""
        return "*" in self.require

    def matches(self, key: str) -> bool:
        """Whether the check speaks about ``key``."""
        return matches(self.require, key) and not any(matches(pattern, key) for pattern in self.exempt)


@dataclass(frozen=True, slots=True)
class Window:
    """A waiver in its essence: one key, first and last day."""

    key: str
    since: dt.date
    until: dt.date


@dataclass(frozen=True)
class Program:
    """A compiled policy."""

    checks: tuple[Check, ...]
    waivers: tuple[Window, ...] = ()
    authors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def by_id(self) -> tuple[Check, ...]:
        """The checks in the order results are told in."""
        return tuple(sorted(self.checks, key=lambda check: check.id))


def compile_policy(policy: Policy, *, gates: tuple[str, ...] = ()) -> Program:
    """The program of a policy; ``gates`` are plugins whose gate must have run (``tool.maestro.require``)."""
    checks = [_check(rule) for rule in policy.rules]
    met = frozenset({Verdict.MET})
    checks += [
        Check(id=f"require.{gate}", require=f"{gate}/gate", accept=met, why="tool.maestro.require") for gate in gates
    ]
    windows = tuple(Window(w.key, *w.window) for w in policy.waivers)
    return Program(tuple(checks), windows, dict(policy.authors))


def _check(rule: Rule) -> Check:
    bounds = ([Bound(">=", Fraction(rule.min))] if rule.min is not None else []) + (
        [Bound("<=", Fraction(rule.max))] if rule.max is not None else []
    )
    guards = []
    if rule.when is not None:
        wanted = ((fact, getattr(rule.when, fact)) for fact in FACTS)
        guards = [Guard(fact, value) for fact, value in wanted if value is not None]
    return Check(
        id=rule.id,
        require=rule.require,
        exempt=tuple(e.key for e in rule.exempt),
        bounds=tuple(bounds),
        accept=frozenset(Verdict(word) for word in rule.accept),
        blocking=rule.severity == "block",
        guards=tuple(guards),
        allow_empty=rule.allow_empty,
        why=rule.why,
    )
