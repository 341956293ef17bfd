"""A policy in words: what each rule demands, when, and what it would say about one key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.policy.program import compile_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.policy.document import Conditions, Policy, Rule

_ASKS = {
    "branch": "on branches {}",
    "environment": "in the environment {}",
    "files": "for trees with a file {}",
    "author": "for authors of kind {}",
    "hazard": "from hazard {} on",
}


def demand(rule: Rule) -> str:
    """What a rule demands, as one sentence."""
    subject = f"each obligation {rule.require}" if "*" in rule.require else f"obligation {rule.require}"
    if rule.exempt:
        subject += f" but {', '.join(e.key for e in rule.exempt)}"
    alone = {"met": "met without a waiver", "waived": "under a waiver"}
    accepted = "met or waived" if len(set(rule.accept)) > 1 else alone[rule.accept[0]]
    parts = [*([] if rule.allow_empty else ["recorded"]), accepted, *_bounds(rule)]
    demanded = " and ".join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)
    condition = f" ({', '.join(conditions(rule.when))})" if rule.when is not None else ""
    return f"{subject} must be {demanded}{condition}"


def _bounds(rule: Rule) -> Iterator[str]:
    if rule.min is not None:
        yield f"at least {rule.min}"
    if rule.max is not None:
        yield f"at most {rule.max}"


def conditions(when: Conditions) -> Iterator[str]:
    """The conditions of a rule in words."""
    for name, words in _ASKS.items():
        wanted = getattr(when, name)
        if wanted is not None:
            yield words.format(wanted)


def about(policy: Policy, key: str) -> list[str]:
    """Which rules and waivers speak about ``key``, and what follows if it is missing, in words."""
    speaking = {check.id for check in compile_policy(policy).checks if check.matches(key)}
    lines = []
    for rule in policy.rules:
        if rule.id in speaking:
            effect = "blocks" if rule.severity == "block" else "warns"
            lines.append(f"rule {rule.id} {effect} unless: {demand(rule)}" + (f"; {rule.why}" if rule.why else ""))
    lines += [f"waived until {w.expires} by {w.owner}: {w.reason}" for w in policy.waivers if w.key == key]
    return lines or [f"no rule speaks about {key}: it is recorded and sealed, and decides nothing"]
