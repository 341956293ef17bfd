"""``match`` patterns: whether they can apply, what they bind, what they tell.

Invariant: ``fits`` answers ``False`` only when Python would not take the arm, ``True`` only when it must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import key_place
from maestro_taint.domain.values import NO_CONST, Val
from maestro_taint.engine import folding, guards
from maestro_taint.engine.frame import ITER
from maestro_taint.kinds import INJECTION

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame


def fits(f: Frame, pattern: Any, subject: Val) -> bool | None:  # noqa: PLR0911 - one return per form
    """Whether the arm is taken: known, known not, or unknown."""
    kind = pattern[0]
    if kind == "any":
        return True if pattern[2] is None else fits(f, pattern[2], subject)
    if kind == "value":
        wanted = f.eval(pattern[1])
        if subject.const is NO_CONST or wanted.const is NO_CONST:
            return None
        same = folding.compare("==", subject.const, wanted.const)
        return None if same is NO_CONST else bool(same)
    if kind == "or":
        answers = [fits(f, p, subject) for p in pattern[1]]
        return True if True in answers else False if all(a is False for a in answers) else None
    if kind == "cls" and subject.types and all(t[0] == "i" for t in subject.types):
        named = {t[1] for t in f.eval(pattern[1]).types if t[0] == "c"}
        if named and not any(set(f.solver.classes.order(t[1])[0]) & named for t in subject.types):
            return False
    if kind in ("seq", "map", "cls") and subject.const is not NO_CONST:
        return False if not isinstance(subject.const, tuple) or kind == "map" else None
    return None


def bind(f: Frame, pattern: Any, subject: Val, at: int) -> Any:  # noqa: C901 - one branch per form
    """Bind the names of a pattern in the state; facts that hold in its arm."""
    kind = pattern[0]
    if kind == "value":
        facts = guards.about(subject, INJECTION)
        return (facts, ()) if facts else None
    if kind == "any":
        inner = bind(f, pattern[2], subject, at) if pattern[2] is not None else None
        if pattern[1]:
            literal = f.eval(pattern[2][1]) if pattern[2] is not None and pattern[2][0] == "value" else None
            f.state[pattern[1]] = subject if literal is None or literal.const is NO_CONST else literal
        return inner
    if kind == "or":
        if all(p[0] == "value" for p in pattern[1]):
            return bind(f, pattern[1][0], subject, at)
        for p in pattern[1]:
            bind(f, p, subject, at)
    elif kind == "seq":
        for i, p in enumerate(pattern[1]):
            bind(f, p, f.place(subject, key_place(i)) if p[0] != "any" or p[1] else f.place(subject, ITER), at)
    elif kind == "map":
        for key, p in pattern[1]:
            wanted = f.eval(key)
            place = key_place(wanted.const) if wanted.const is not NO_CONST else "=*"
            bind(f, p, f.place(subject, place), at)
        if pattern[2]:
            f.state[pattern[2]] = subject
    elif kind == "cls":
        _bind_class(f, pattern, subject, at)
    return None


def _bind_class(f: Frame, pattern: Any, subject: Val, at: int) -> None:
    names = [n for t in f.eval(pattern[1]).types if t[0] == "c" for n in f.solver.classes.declared_fields(t[1])]
    for i, p in enumerate(pattern[2]):
        whole = not names  # ``str(x)`` and its like bind the subject itself
        bind(f, p, subject if whole else f.solver.attributes.load(f, subject, names[min(i, len(names) - 1)], at), at)
    for name, p in pattern[3]:
        bind(f, p, f.solver.attributes.load(f, subject, name, at), at)
