"""Whether the rules and waivers of a policy can stand together.

Invariant: two rules contradict each other only if no release could ever meet both where both apply; every such pair
about one key, or about a pattern inside another, is found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.policy.cells import TooManyCellsError, cells, is_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_hooks.policy.document import Conditions, Rule, Waiver


class MisplacedError(ValueError):
    """Something that is wrong at ``path``, a place such as ``$.rules[1]``."""

    def __init__(self, words: str, path: str) -> None:
        super().__init__(words)
        self.path = path


def check_rules(rules: Sequence[Rule]) -> None:
    """Raise ``MisplacedError`` for a repeated id and for two blocking rules that can never both be met."""
    first: dict[str, int] = {}
    for i, rule in enumerate(rules):
        if rule.id in first:
            words = f"rule ids must be unique: {rule.id} is already rule {first[rule.id] + 1}"
            raise MisplacedError(words, f"$.rules[{i}].id")
        first[rule.id] = i
    demanding = [(i, rule) for i, rule in enumerate(rules) if rule.severity == "block" and _demands(rule)]
    exact: dict[str, list[tuple[int, Rule]]] = {}
    for i, rule in demanding:
        exact.setdefault(rule.require, []).append((i, rule))
    patterns = [(i, rule) for i, rule in demanding if "*" in rule.require]
    for i, one in demanding:
        if not one.allow_empty:
            for j, other in (*exact[one.require], *patterns):
                words = _clash(one, other) if i != j else ""
                if words:
                    raise MisplacedError(words, f"$.rules[{max(i, j)}]")


def _demands(rule: Rule) -> bool:
    return rule.min is not None or rule.max is not None or len(set(rule.accept)) == 1


def _clash(one: Rule, other: Rule) -> str:
    """Why no obligation that ``one`` speaks about can meet both; empty if one can, or if they never meet."""
    if not matches(other.require, one.require) or not _may_both_apply(one.when, other.when):
        return ""
    low, high = one, other
    if one.max is not None and other.min is not None and other.min > one.max:
        low, high = other, one
    clashes = low.min is not None and high.max is not None and low.min > high.max
    disjoint = not set(one.accept) & set(other.accept)
    if not (clashes or disjoint) or any(describes_some_key(exempt.key, one.require) for exempt in other.exempt):
        return ""
    bounds = f"cannot be >= {low.min} and <= {high.max}" if clashes else "cannot be both met and waived"
    return f"rules {one.id} and {other.id} contradict each other: {one.require} {bounds}"


def describes_some_key(*patterns: str) -> bool:
    """Whether all the patterns describe one key; taken to, where that is too much to find out."""
    for text in (pattern.replace("*", "x") for pattern in patterns):  # mostly enough, and quick
        if is_key(text) and all(matches(p, text) for p in patterns):
            return True
    try:
        return any(all(matches(p, key) for p in patterns) for key in cells(patterns, keys=True))
    except TooManyCellsError:
        return True


def _may_both_apply(one: Conditions | None, other: Conditions | None) -> bool:
    """Conditions on different facts may hold together; on one fact, equal ones do, and others are not judged."""
    if one is None or other is None:
        return True
    pairs = ((getattr(one, name), getattr(other, name)) for name in one.__struct_fields__)
    return all(a is None or b is None or a == b for a, b in pairs)


def check_waivers(waivers: Sequence[Waiver], max_days: int | None) -> None:
    """Raise ``MisplacedError`` for a waiver that lasts longer than ``max_days``, if any are stated."""
    for i, waiver in enumerate(waivers if max_days is not None else ()):
        since, until = waiver.window
        if waiver.since is None or (until - since).days > (max_days or 0):
            raise MisplacedError(
                f"waiver of {waiver.key}: with max_waiver_days a waiver says 'since' and lasts at most {max_days} days",
                f"$.waivers[{i}].{'expires' if waiver.since else 'key'}",
            )
