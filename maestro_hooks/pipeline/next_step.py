"""The cheapest set of actions that meets the policy: an exact search over what is known to help.

Theorem: among all subsets of the known actions that answer every blocked obligation, the plan has the least cost, then
the least risk, then the fewest actions; no action in it changes what the policy demands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.policy.results import Outcome
from maestro_hooks.requests import Advice

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Iterator, Sequence

    from maestro_hooks.policy.document import Waiver
    from maestro_hooks.policy.results import RuleResult

RISKS = ("none", "low", "medium", "high")
MAX_EXACT = 16  # classes of obligations searched exactly: 2**16 states at most

# What the host itself knows, by key prefix; plugins know better through maestro_advise.
_UNMET = (
    ("pytest/failed", "look at the failing tests first", ("pytest", "--lf"), 30),
    ("pytest/errors", "look at the tests that could not start", ("pytest", "--lf", "-x"), 30),
    ("pytest/passed", "add a test: nothing that passed was recorded for this tree", ("maestro", "run"), 600),
    ("pytest/", "run the tests to their end", ("maestro", "run"), 120),
    ("bandit/", "mend the findings, or mark one with '# nosec BXXX' and the reason", ("maestro", "check"), 300),
    ("build/", "see the build log", ("python", "-m", "build"), 60),
    ("segment/", "clear what a killed process left behind", ("maestro", "ledger", "gc", "--unfinished"), 5),
    ("policy/", "mend the policy's cases", ("maestro", "policy", "mutate", "--suggest"), 300),
)
_RECORD = Advice(
    "*", "run the main job, which checks, tests, builds and records what is missing", ("maestro", "run"), 120
)
_RENEWAL_S = 900
# Options that switch a check off instead of meeting it.
_EVASIONS = ("--allow-unfinished", "--no-maestro", "--no-verify", "--no-plugins", "maestro_disable", "-p no:maestro")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step of the plan: what to do, at what cost (seconds) and risk, for which obligations and rules."""

    action: str
    command: tuple[str, ...] = ()
    cost_s: int = 0
    risk: Literal["none", "low", "medium", "high"] = "low"
    keys: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The actions, cheapest first; ``exact`` unless there were too many for an exact search; what was refused."""

    actions: tuple[Action, ...] = ()
    exact: bool = True
    refused: tuple[str, ...] = ()


def plan(
    blocking: Sequence[RuleResult],
    advice: Iterable[Advice],
    *,
    waivers: Iterable[Waiver] = (),
    today: dt.date,
    policy_file: str,
) -> Plan:
    """The cheapest plan for the results that block.

    Args:
        blocking: results that are unmet or missing under blocking rules.
        advice: what plugins propose; ``key`` may be a pattern.
        waivers: the policy's waivers; one that expired for a blocked key may be renewed by its owner.
        today: the day of the decision.
        policy_file: the name of the policy; advice to touch it is refused.
    """
    keys = tuple(dict.fromkeys(r.key for r in blocking))
    offered = [a for a in advice if any(matches(a.key, key) for key in keys)]
    refused = tuple(sorted({a.action for a in offered if lowers(a, policy_file)}))
    known = [a for a in offered if not lowers(a, policy_file) and a.risk in RISKS and a.cost_s >= 0]
    known += _renewals(waivers, keys, today)
    for result in blocking:
        if not any(matches(a.key, result.key) for a in known) or result.outcome is Outcome.MISSING:
            known.append(_remedy(result))
    options = _options(known, keys)
    chosen, exact = _cover(keys, options)
    rules: dict[str, list[str]] = {}
    for result in blocking:
        rules.setdefault(result.key, []).append(result.rule)
    actions = [_action(option, rules) for option in chosen]
    return Plan(actions=tuple(sorted(actions, key=_order)), exact=exact, refused=refused)


def lowers(advice: Advice, policy_file: str) -> bool:
    """Whether the advice would change what is demanded, or how it is looked at, instead of meeting it."""
    words = " ".join((*advice.command, advice.action)).lower()
    return policy_file.lower() in words or any(evasion in words for evasion in _EVASIONS)


def _renewals(waivers: Iterable[Waiver], keys: Sequence[str], today: dt.date) -> Iterator[Advice]:
    for waiver in waivers:
        if waiver.key in keys and waiver.window[1] < today:
            words = f"mend it, or ask {waiver.owner} whether the waiver that expired on {waiver.expires} is renewed"
            yield Advice(waiver.key, words, (), _RENEWAL_S, "medium")


def _remedy(result: RuleResult) -> Advice:
    if result.outcome is Outcome.MISSING:
        return Advice(result.key, _RECORD.action, _RECORD.command, _RECORD.cost_s)
    for prefix, action, command, cost_s in _UNMET:
        if result.key.startswith(prefix):
            return Advice(result.key, action, command, cost_s)
    return Advice(result.key, f"see the findings and mend them: {result.key}", ("maestro", "check"), 600, "medium")


@dataclass(frozen=True, slots=True)
class _Option:
    advice: Advice
    keys: frozenset[str]

    @property
    def price(self) -> tuple[int, int, int]:
        """Cost, then risk weighed so that one high risk is worse than several low ones, then the count."""
        return self.advice.cost_s, 10 ** RISKS.index(self.advice.risk), 1


def _options(known: Iterable[Advice], keys: Sequence[str]) -> list[_Option]:
    """Equal actions become one option that answers all their keys, at the dearest cost and risk named."""
    merged: dict[tuple[str, tuple[str, ...]], tuple[Advice, frozenset[str]]] = {}
    for advice in known:
        name = (advice.action, tuple(advice.command))
        answered = frozenset(key for key in keys if matches(advice.key, key))
        if name in merged:
            other, before = merged[name]
            answered |= before
            advice = max(advice, other, key=lambda a: (a.cost_s, RISKS.index(a.risk)))  # noqa: PLW2901 - the merged one
        merged[name] = (advice, answered)
    return [_Option(advice, answered) for _, (advice, answered) in sorted(merged.items())]


def _cover(keys: Sequence[str], options: Sequence[_Option]) -> tuple[list[_Option], bool]:
    """The cheapest options that together answer every key; keys with the same options count as one."""
    classes = sorted({tuple(i for i, o in enumerate(options) if key in o.keys) for key in keys})
    chosen: set[int] = set()
    exact = True
    for component in _components(classes):
        if len(component) <= MAX_EXACT:
            chosen.update(_cheapest(component, options))
        else:
            chosen.update(_greedy(component, options))
            exact = False
    return [options[i] for i in sorted(chosen)], exact


def _components(classes: Sequence[tuple[int, ...]]) -> Iterator[list[tuple[int, ...]]]:
    """Classes that share no option can be answered apart."""
    rest = list(classes)
    while rest:
        component = [rest.pop(0)]
        reached = set(component[0])
        while near := [c for c in rest if reached & set(c)]:
            component += near
            reached.update(*near)
            rest = [c for c in rest if c not in near]
        yield component


def _cheapest(classes: Sequence[tuple[int, ...]], options: Sequence[_Option]) -> tuple[int, ...]:
    covers = {i: sum(1 << n for n, c in enumerate(classes) if i in c) for c in classes for i in c}
    best: dict[int, tuple[tuple[int, int, int], tuple[int, ...]]] = {0: ((0, 0, 0), ())}
    # Every state is answered from smaller ones: the option that answers its lowest open class comes first.
    for state in range(1, 1 << len(classes)):
        lowest = (state & -state).bit_length() - 1
        candidates = []
        for i in classes[lowest]:
            price, picked = best[state & ~covers[i]]
            own = options[i].price
            summed = (price[0] + own[0], price[1] + own[1], price[2] + own[2])
            candidates.append((summed, tuple(sorted((*picked, i)))))
        best[state] = min(candidates)
    return best[(1 << len(classes)) - 1][1]


def _greedy(classes: Sequence[tuple[int, ...]], options: Sequence[_Option]) -> Iterator[int]:
    left = list(classes)
    while left:
        pick = min(
            {i for c in left for i in c},
            key=lambda i: (options[i].price[0] / sum(i in c for c in left), options[i].price),
        )
        yield pick
        left = [c for c in left if pick not in c]


def _action(option: _Option, rules: dict[str, list[str]]) -> Action:
    advice = option.advice
    return Action(
        action=advice.action,
        command=tuple(advice.command),
        cost_s=advice.cost_s,
        risk=advice.risk,
        keys=tuple(sorted(option.keys)),
        rules=tuple(sorted({rule for key in option.keys for rule in rules[key]})),
    )


def _order(action: Action) -> tuple[int, int, str]:
    return action.cost_s, RISKS.index(action.risk), action.action
