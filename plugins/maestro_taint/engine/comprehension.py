"""Displays and comprehensions: containers made in place.

Invariant: a display of known length keeps its positions; a comprehension holds the join of its elements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj, key_place
from maestro_taint.domain.values import NO_CONST, Val, join
from maestro_taint.engine import containers, folding, guards
from maestro_taint.engine.expressions import sequence
from maestro_taint.engine.frame import ITER
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.frontend.ir import Node


def display(f: Frame, n: Node) -> Val:
    """``[a, b]``, ``(a, b)``, ``{a, b}``."""
    values: list[Val] = []
    spread: Val | None = None
    for e in n[3]:
        v = f.eval(e)
        if e[0] != ir.STAR:
            values.append(v)
            continue
        exact = containers.exact_items(f, v)
        if exact is not None:
            values += exact
        else:
            inner = f.place(v, ITER)
            spread = inner if spread is None else join(spread, inner)
    if spread is not None:
        for v in values:
            spread = join(spread, v)
        return f.new(n[1], Obj(n[2], {}, spread))
    if n[2] != "list" and values and all(v.const is not NO_CONST for v in values) and n[2] == "tuple":
        return Val(const=tuple(v.const for v in values), lit=True)
    made = f.new(n[1], sequence(n[2], values))
    return Val(objs=made.objs, lit=all(v.lit for v in values))


def mapping(f: Frame, n: Node) -> Val:
    """``{k: v, **more}``."""
    made = f.new(n[1], Obj("dict", {}))
    lit = True
    for key_node, value_node in n[2]:
        value = f.eval(value_node)
        lit = lit and value.lit
        if key_node is None:
            containers.method(f, made, "update", [value], {}, n[1])
            continue
        key = f.eval(key_node)
        if key.const is not NO_CONST:
            f.write(made, key_place(key.const), value)
        else:
            f.absorb(made, value, Val(f.deep(key)))
    return Val(objs=made.objs, lit=lit)


def comprehension(f: Frame, n: Node) -> Val:
    """A comprehension or generator expression."""
    kind, loops, element, value = n[2], n[3], n[4], n[5]
    if len(loops) == 1 and kind != "set":
        exact = containers.exact_items(f, f.eval(loops[0][1]))
        if exact is not None and len(exact) <= 6:
            told = _one_by_one(f, n, exact)
            if told is not None:
                return told
    saved = dict(f.state)
    alive = all(_loop(f, one, n[1]) for one in loops)
    found = f.eval(element) if alive else None
    if kind == "dict":
        held = f.eval(value) if alive else None
        key = found
        obj = Obj("dict", {}, held, keys=None if key is None or not f.deep(key) else Val(f.deep(key)))
    else:
        obj = Obj("set" if kind == "set" else "list", {}, found)
    # Facts about elements hold inside only; objects made inside live on.
    kept = {k: v for k, v in f.state.items() if type(k) is not str}
    f.state = {**{k: v for k, v in saved.items() if k not in kept}, **kept}
    made_val = f.new(n[1], obj)
    return Val(objs=made_val.objs, pred=None, lit=found is None or found.lit)


def _one_by_one(f: Frame, n: Node, items: list[Val]) -> Val | None:
    """The result for a short iterable known item by item; ``None`` where a test or a key is not known."""
    target, _, tests = n[3][0]
    before = dict(f.state)
    made: list[Val] = []
    pairs: dict[str, Val] = {}
    for item in items:
        f.solver.assign(f, target, item, n[1])
        answers = [folding.truth(f, f.eval(test)) for test in tests]
        if False in answers:
            continue
        key = f.eval(n[4])
        if None in answers or (n[2] == "dict" and key.const is NO_CONST):
            f.state = before
            return None
        if n[2] == "dict":
            pairs[key_place(key.const)] = f.eval(n[5])
        else:
            made.append(key)
    return f.new(n[1], Obj("dict", pairs) if n[2] == "dict" else sequence("list", made))


def _loop(f: Frame, loop: Any, at: int) -> bool:
    target, source, tests = loop
    f.solver.assign(f, target, f.place(f.eval(source), ITER), at)
    for test in tests:
        told = f.eval(test)
        if folding.truth(f, told) is False:
            return False
        guards.apply(f, told.pred if told.pred is not None else guards.truthiness(told), truth=True)
    return True


TABLE: dict[int, Any] = {ir.SEQ: display, ir.DICT: mapping, ir.COMP: comprehension}
