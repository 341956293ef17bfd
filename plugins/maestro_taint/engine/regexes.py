"""Regular expressions: what a match tells about the text, and what a substitution takes out of it.

Invariant: a pattern that is not a constant tells nothing, and takes nothing out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import CLEAN, Val, cleared, join_atoms
from maestro_taint.engine import charsets, guards
from maestro_taint.kinds import BIT

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame


def _regex(how: str) -> Any:
    def apply(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
        pattern, value = given.get(0, "pattern"), given.get(1, "string")
        if pattern is None or value is None:
            return CLEAN
        return Val(value.atoms, pred=guards.matched(value, pattern, how))

    return apply


def _compiled(how: str) -> Any:
    def apply(f: Frame, given: Arguments) -> Val | None:  # noqa: ARG001 - one signature for all table entries
        value = given.get(0, "string")
        pattern = (
            next((t[2] for t in given.receiver.types if t[:2] == ("tag", "pattern")), None) if given.receiver else None
        )
        if value is None:
            return None
        return Val(value.atoms, pred=guards.matched(value, pattern, how) if pattern is not None else None)

    return apply


def _compile(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - table entry
    pattern = given.get(0, "pattern")
    return Val(types=(("x", "re.Pattern"), ("tag", "pattern", pattern)), lit=True) if pattern is not None else CLEAN


def _substituted(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``re.sub(pattern, replacement, text)``: deleting everything outside a safe class sanitizes."""
    pattern, new, text = given.get(0), given.get(1), given.get(2, "string")
    if pattern is None or new is None or text is None:
        return CLEAN
    bits = 0
    if isinstance(pattern.const, str) and isinstance(new.const, str):
        inverted = re.fullmatch(r"\[\^(.+)\][+*]?", pattern.const)
        if inverted is not None:
            bits = charsets.kinds_of_pattern(f"[{inverted[1]}{re.escape(new.const)}]*", "fullmatch")
        elif re.fullmatch(r"\[(\\r|\\n|\r|\n)+\]\+?|\\r?\\?\\?n", pattern.const):
            bits = BIT["log_injection"] | BIT["header"]
    return Val(cleared(join_atoms(text.atoms, new.atoms), bits), lit=text.lit and new.lit)


TABLE: dict[str, Any] = {
    "re.fullmatch": _regex("fullmatch"),
    "re.match": _regex("match"),
    "re.search": _regex("search"),
    "re.compile": _compile,
    "re.Pattern.fullmatch": _compiled("fullmatch"),
    "re.Pattern.match": _compiled("match"),
    "re.Pattern.search": _compiled("search"),
    "re.sub": _substituted,
}
