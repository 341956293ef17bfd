"""Whether advice would change what is demanded, or how it is looked at, instead of meeting it.

Invariant: such advice never becomes a next step, whoever gives it and however cheap it is; it is told as refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_hooks.requests import Advice

# Options and settings that switch a check off instead of meeting it.
_EVASIONS = (
    "--allow-unfinished",
    "--no-maestro",
    "--no-verify",
    "--no-plugins",
    "--policy",
    "--deselect",
    "--ignore",
    "maestro_disable",
    "-p no:maestro",
    "tool.maestro]",
)
_BETWEEN = r"(?:ing|s)?\s+(?:[\w'-]+\s+){0,2}"
_LOOSENING = re.compile(
    r"\b(?:lower|loosen|relax|weaken|reduc|drop|remov|delet|disabl|skip|bypass|switch off|turn off|suppress)e?"
    + _BETWEEN
    + r"(?:bounds?|thresholds?|limits?|minimum|rules?|polic(?:y|ies)|gates?|requirements?|checks?|severity)\b"
    r"|\b(?:rais|increas|widen)e?" + _BETWEEN + r"(?:bounds?|thresholds?|limits?|maximum|budgets?|max)\b"
)


def lowers(advice: Advice, policy_files: Sequence[str]) -> bool:
    """Whether the advice names a policy file, switches a check off, or says it loosens a bound or a rule."""
    words = " ".join((*advice.command, advice.action)).lower()
    if any(name.lower() in words for name in policy_files) or any(evasion in words for evasion in _EVASIONS):
        return True
    skipped = any(word.startswith(("SKIP=", "MAESTRO_")) for word in advice.command)
    return skipped or _LOOSENING.search(words) is not None
