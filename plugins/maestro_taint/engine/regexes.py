"""Regular expressions: what a match tells about the text, and what a substitution takes out of it.

Invariant: a pattern that is not a constant tells nothing, and takes nothing out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj
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
        return Val(value.atoms, types=_match(pattern), pred=guards.matched(value, pattern, how))

    return apply


def _compiled(how: str) -> Any:
    def apply(f: Frame, given: Arguments) -> Val | None:  # noqa: ARG001 - one signature for all table entries
        value = given.get(0, "string")
        pattern = (
            next((t[2] for t in given.receiver.types if t[:2] == ("tag", "pattern")), None) if given.receiver else None
        )
        if value is None:
            return None
        told = guards.matched(value, pattern, how) if pattern is not None else None
        return Val(value.atoms, types=() if pattern is None else _match(pattern), pred=told)

    return apply


def _match(pattern: Val) -> tuple[Any, ...]:
    return (("x", "re.Match"), ("tag", "matched", pattern.const)) if isinstance(pattern.const, str | bytes) else ()


def group(match: Val, name: Any) -> Val:
    """``match[1]``, ``match.group("name")``: no more than the group's own pattern admits."""
    pattern = next((t[2] for t in match.types if t[:2] == ("tag", "matched")), None)
    known = pattern is not None and isinstance(name, int | str)
    return Val(cleared(match.atoms, charsets.kinds_of_group(pattern, name)) if known else match.atoms)


def _grouped(f: Frame, given: Arguments) -> Val:
    if given.receiver is None:
        return CLEAN
    if len(given.args) > 1:
        from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

        return f.new(given.at, sequence("tuple", [group(given.receiver, v.const) for v in given.args]))
    return group(given.receiver, given.args[0].const if given.args else 0)


def _found(f: Frame, given: Arguments) -> Val:
    """``re.findall(pattern, text)`` of a pattern with one group, or none."""
    pattern, value = given.get(0, "pattern"), given.get(1, "string")
    if pattern is None or value is None:
        return CLEAN
    count = 0
    if isinstance(pattern.const, str):
        try:
            count = re.compile(pattern.const).groups
        except re.error:
            count = 2
    known = isinstance(pattern.const, str) and count < 2
    bits = charsets.kinds_of_group(pattern.const, count) if known else 0
    return f.new(given.at, Obj("list", {}, Val(cleared(f.deep(value), bits))))


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
    "re.findall": _found,
    "re.Match.group": _grouped,
}
