"""The cheapest set of actions that meets the policy: an exact search over what is known to help.

Theorem: among all subsets of the known actions that answer every blocked obligation, the plan has the least cost, then
the least risk, then the fewest actions; no action in it changes what the policy demands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.pipeline.cover import cheapest_cover
from maestro_hooks.pipeline.evasion import lowers
from maestro_hooks.pipeline.remedies import remedy, renewals
from maestro_hooks.policy.results import Outcome

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from maestro_hooks.pipeline.remedies import Producers
    from maestro_hooks.policy.document import Waiver
    from maestro_hooks.policy.results import RuleResult
    from maestro_hooks.requests import Advice

RISKS = ("none", "low", "medium", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step of the plan: what to do, at what cost (seconds) and risk, for which obligations and rules, and why."""

    action: str
    command: tuple[str, ...] = ()
    cost_s: int = 0
    risk: Literal["none", "low", "medium", "high"] = "low"
    keys: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The actions, cheapest first; ``exact`` unless the search was cut short; and what was refused."""

    actions: tuple[Action, ...] = ()
    exact: bool = True
    refused: tuple[str, ...] = ()


def plan(
    blocking: Sequence[RuleResult],
    advice: Iterable[Advice],
    *,
    waivers: Iterable[Waiver] = (),
    today: dt.date,
    policy_files: Sequence[str],
    producers: Producers | None = None,
) -> Plan:
    """The cheapest plan for the results that block.

    Args:
        blocking: results that are unmet or missing under blocking rules.
        advice: what plugins propose; ``key`` may be a pattern.
        waivers: those that would answer for their key if they were in force; an expired one may be renewed.
        today: the day of the decision.
        policy_files: the policy and its layers; advice to touch one is refused.
        producers: who makes claims here; unknown, the main job is taken to make them all.
    """
    keys = tuple(dict.fromkeys(r.key for r in blocking))
    offered = [a for a in advice if any(matches(a.key, key) for key in keys)]
    refused = tuple(sorted({a.action for a in offered if lowers(a, policy_files)}))
    known = [a for a in offered if not lowers(a, policy_files)]
    renewed = list(renewals(waivers, keys, today))
    guessed = [r for r in blocking if not _is_advised(r, known) and all(a.key != r.key for a in renewed)]
    own = [*(remedy(result, producers) for result in guessed), *renewed]
    helpful = [(a, frozenset(k for k in keys if matches(a.key, k))) for a in known]
    helpful += [(a, frozenset({a.key})) for a in own]
    options = _options(helpful)
    chosen, exact = cheapest_cover(_needs(keys, options), _prices(options))
    by_key: dict[str, list[RuleResult]] = {}
    for result in blocking:
        by_key.setdefault(result.key, []).append(result)
    actions = [_action(options[i], by_key) for i in chosen]
    return Plan(actions=tuple(sorted(actions, key=_order)), exact=exact, refused=refused)


def _is_advised(result: RuleResult, known: Iterable[Advice]) -> bool:
    """Whether a plugin knows what to do; for a missing claim it must name the key, for a pattern speaks of others."""
    if result.outcome is Outcome.MISSING:
        return any(a.key == result.key for a in known)
    return any(matches(a.key, result.key) for a in known)


@dataclass(frozen=True, slots=True)
class _Option:
    advice: Advice
    keys: frozenset[str]


def _options(helpful: Iterable[tuple[Advice, frozenset[str]]]) -> list[_Option]:
    """Equal actions become one option that answers all their keys, at the dearest cost and risk named."""
    merged: dict[tuple[str, tuple[str, ...]], _Option] = {}
    for advice, answered in helpful:
        name = (advice.action, tuple(advice.command))
        other = merged.get(name, _Option(advice, frozenset()))
        dearest = max(advice, other.advice, key=lambda a: (a.cost_s, RISKS.index(a.risk)))
        merged[name] = _Option(dearest, answered | other.keys)
    return [option for _, option in sorted(merged.items(), key=lambda item: item[0])]


def _needs(keys: Sequence[str], options: Sequence[_Option]) -> list[frozenset[int]]:
    """For each key the options that answer it."""
    answers: dict[str, set[int]] = {key: set() for key in keys}
    for i, option in enumerate(options):
        for key in option.keys:
            answers[key].add(i)
    return [frozenset(found) for found in answers.values()]


def _prices(options: Sequence[_Option]) -> list[int]:
    """Cost, then risk weighed so that one high risk is worse than several low ones, then the count, as one number."""
    of_count = len(options) + 1
    of_risk = (10 ** (len(RISKS) - 1) * len(options) + 1) * of_count
    return [o.advice.cost_s * of_risk + 10 ** RISKS.index(o.advice.risk) * of_count + 1 for o in options]


def _action(option: _Option, by_key: dict[str, list[RuleResult]]) -> Action:
    advice = option.advice
    asked = {result.rule: result.why for key in option.keys for result in by_key.get(key, ())}
    return Action(
        action=advice.action,
        command=tuple(advice.command),
        cost_s=advice.cost_s,
        risk=advice.risk,
        keys=tuple(sorted(option.keys)),
        rules=tuple(sorted(asked)),
        reasons=tuple(dict.fromkeys(asked[rule] for rule in sorted(asked) if asked[rule])),
    )


def _order(action: Action) -> tuple[int, int, str]:
    return action.cost_s, RISKS.index(action.risk), action.action
