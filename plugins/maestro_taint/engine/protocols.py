"""Special methods: what subscripting, iterating, adding and missing attributes do on instances of project classes.

Invariant: an instance whose class does not define the method is left to the ordinary rules.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_taint.domain.values import Val, join
from maestro_taint.engine import frame as frames
from maestro_taint.engine.arguments import Arguments

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame

OPERATORS = {
    "+": "__add__", "-": "__sub__", "*": "__mul__", "/": "__truediv__", "%": "__mod__", "|": "__or__", "&": "__and__",
    "//": "__floordiv__", "@": "__matmul__", "<<": "__lshift__", ">>": "__rshift__",
}  # fmt: skip


def call(f: Frame, v: Val, name: str, args: list[Val], at: int) -> Val | None:
    """The result of the special method ``name``; ``None`` where no class of ``v`` has it."""
    made: Val | None = None
    for t in v.types:
        if t[0] not in ("i", "s"):
            continue
        method = f.solver.classes.method(t[1], name)
        if method is not None:
            one = f.solver.calls.invoke(f, method, Arguments(f, [v, *args], at))
            made = one if made is None else join(made, one)
    return made


def positional(f: Frame, v: Val, index: object, at: int) -> Val | None:
    """The field of a named tuple at a position; ``None`` for anything else."""
    for t in v.types:
        names = f.solver.classes.positions(t[1]) if t[0] in ("i", "s") else []
        if isinstance(index, int) and -len(names) <= index < len(names):
            return f.solver.attributes.load(f, v, names[index], at)
    return None


def operator(f: Frame, op: str, a: Val, b: Val, at: int) -> Val | None:
    """``a op b`` by ``a``'s method, or by ``b``'s reflected one."""
    name = OPERATORS.get(op)
    if name is None:
        return None
    made = call(f, a, name, [b], at) if a.types else None
    if made is None and b.types:
        made = call(f, b, f"__r{name[2:]}", [a], at)
    return made


def iterated(f: Frame, v: Val) -> Val | None:
    """One element of an instance that defines ``__iter__`` (its iterator, or itself with ``__next__``)."""
    for name in ("__iter__", "__aiter__"):
        made = call(f, v, name, [], 0)
        if made is not None:
            following = call(f, made, "__next__" if name == "__iter__" else "__anext__", [], 0)
            if following is not None:
                return following
            # An iterator that says it is its own: what it holds is all there is to say.
            endless = any(t[0] in ("i", "s") for t in made.types)
            return Val(f.deep(made)) if endless else f.place(made, frames.ITER)
    return None
