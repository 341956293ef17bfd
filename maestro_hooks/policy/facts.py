"""What the conditions of rules may ask about a change, and whether they hold: yes, no, or unknown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.evidence.policy_document import matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.policy.program import Check, Guard

HAZARD_KEY = "hazard/level"
HAZARD_ORDER = ("low", "medium", "high", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts about a change; an empty one is unknown.

    Attributes:
        branch: the branch name; empty on a detached head.
        environment: ``ci`` or ``local``.
        files: the paths of the tree.
        author: the e-mail address of the commit's author; empty for uncommitted changes.
        hazard: the level in the obligation ``hazard/level``; empty where nothing measured one.
    """

    branch: str = ""
    environment: str = "local"
    files: tuple[str, ...] = ()
    author: str = ""
    hazard: str = ""


def applies(check: Check, facts: Facts, authors: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the check's guards let it apply; no guard, always."""
    if not check.guards:
        return True
    answers = (holds(guard, facts, authors) for guard in check.guards)
    return all(answers) if check.guards_join == "and" else any(answers)


def holds(guard: Guard, facts: Facts, authors: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether one guard holds; an unknown fact counts as the guard says."""
    answer = _ask(guard, facts, authors)
    return guard.unknown if answer is None else answer is not guard.negated


def _ask(guard: Guard, facts: Facts, authors: Mapping[str, tuple[str, ...]]) -> bool | None:
    match guard.fact:
        case "branch":
            return matches(guard.wanted, facts.branch) if facts.branch else None
        case "environment":
            return guard.wanted == facts.environment if facts.environment else None
        case "files":
            return any(matches(guard.wanted, path) for path in facts.files)
        case "author":
            kinds = {kind for kind, patterns in authors.items() if any(matches(p, facts.author) for p in patterns)}
            return guard.wanted in kinds if kinds and facts.author else None
        case _:
            if facts.hazard not in HAZARD_ORDER:
                return None
            return HAZARD_ORDER.index(facts.hazard) >= HAZARD_ORDER.index(guard.wanted)
