"""Decorators: what they are called, and what a decorated function is to its callers.

Invariant: decorators that are functions of the project are applied as Python does; others are taken to be transparent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_taint.domain.values import Val
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.frame import CELL
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.ir import Function, Module


class Decorators:
    """Decorated functions of one program."""

    def __init__(self, solver: Solver) -> None:
        self._solver = solver
        self._names: dict[str, frozenset[str]] = {}

    def names(self, qn: str) -> frozenset[str]:
        """Last words of a function's decorators: ``property``, ``staticmethod``, ``cached_property`` ..."""
        known = self._names.get(qn)
        if known is None:
            words = set()
            for d in self._solver.program.functions[qn].decorators:
                node = d[2] if d[0] == ir.CALL else d
                words.add(str(node[3] if node[0] == ir.ATTR else node[2] if len(node) > 2 else ""))
            if words & {"cached_property", "hybrid_property", "abstractproperty"}:
                words.add("property")
            known = self._names[qn] = frozenset(words)
        return known

    def decorated(self, module: Module, qn: str) -> Val:
        """A module-level function as callers see it."""
        fn = self._solver.program.functions[qn]
        plain = Val(types=(("f", qn),), lit=True)
        if not fn.decorators:
            return plain
        f = self._solver.scratch(module)
        f.quiet = True
        made = self.apply(f, fn, plain)
        # What the wrapper captured is the function itself: keep the run that made it.
        return _detached(f, made, plain) if made.objs else made

    def apply(self, f: Frame, fn: Function, value: Val) -> Val:
        """What the decorators of a function make of it."""
        for d in reversed(fn.decorators):
            wrap = f.eval(d)
            if any(t[0] in ("f", "b") for t in wrap.types):
                made = self._solver.calls.dispatch(f, wrap, Arguments(f, [value], d[1]))
                if made.types and any(t[0] in ("f", "b", "i") for t in made.types):
                    value = made
        return value


def _detached(f: Frame, made: Val, plain: Val) -> Val:
    """A wrapper with the functions it captured, usable in any frame: as a bound value holding its cells."""
    cells: dict[str, Val] = {}
    for oid in made.objs:
        for place, v in f.get(oid).fields.items():
            if place[0] == CELL:
                cells[place] = plain if v.types == plain.types else v
    return Val(
        types=tuple(("w", t[1], tuple(cells.items())) for t in made.types if t[0] == "f") or plain.types, lit=True
    )
