"""Abstract execution of statements.

Invariant: ``f.state`` is ``None`` exactly where control cannot get; a dead statement contributes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import CLEAN, NO_CONST, Val, join
from maestro_taint.engine import assignment, folding, guards, patterns
from maestro_taint.engine.expressions import combine, function_value, sequence
from maestro_taint.engine.frame import ITER, join_states
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.frontend.ir import Node

ROUNDS = 3


def block(f: Frame, body: tuple[Node, ...]) -> None:
    """Run a suite until control is lost. Raises ``Exhausted`` when the function has used up its steps."""
    f.solver.spend(len(body))
    for n in body:
        if f.state is None:
            return
        TABLE[n[0]](f, n)
        if f.dead:
            f.dead = False
            f.state = None  # type: ignore[assignment]
            return
        if f.raised is not None and f.state is not None:
            f.raised.append(f.state)
            f.state = dict(f.state)


def assign(f: Frame, n: Node) -> None:
    """``a = b = value``."""
    value = f.eval(n[3])
    for target in n[2]:
        f.solver.assign(f, target, value, n[1])


def aug(f: Frame, n: Node) -> None:
    """``a += value``: a list grows in place."""
    old, more = f.eval(n[4]), f.eval(n[5])
    if (
        n[3] == "+"
        and old.objs
        and f.get(old.objs[0]).kind in ("list", "sym")
        and (more.objs or more.const is not NO_CONST)
    ):
        from maestro_taint.engine import containers  # noqa: PLC0415 - rare

        if containers.method(f, Val(objs=old.objs), "extend", [more], {}, n[1]) is not None and not more.atoms:
            return
    f.solver.assign(f, n[2], combine(f, n[3], old, more, n[1]), n[1])


def expr(f: Frame, n: Node) -> None:
    """An expression for its effect."""
    f.eval(n[2])


def return_(f: Frame, n: Node) -> None:
    """``return value``."""
    value = f.eval(n[2])
    if not f.dead:
        if value.atoms and f.fn.name[:1] != "<":
            assignment.named(f, f.fn.name, value, n[1])
        f.returns.append((value, f.state))
        f.state = None  # type: ignore[assignment]


def raise_(f: Frame, n: Node) -> None:
    """``raise value``: whoever catches it sees what it carries."""
    if n[2] is not None:
        value = f.eval(n[2])
        f.raises = join(f.raises, value) if f.raises is not CLEAN else value
        if value.objs and f.state is not None:
            f.thrown = join_states(f.thrown, f.state)
    elif f.caught:
        f.raises = join(f.raises, f.caught[-1])
    _leave(f)


def _leave(f: Frame) -> None:
    if f.raised is not None and f.state is not None:
        f.raised.append(f.state)
    f.state = None  # type: ignore[assignment]


def if_(f: Frame, n: Node) -> None:
    """``if``; a dead arm is not run."""
    test = f.eval(n[2])
    f.note_interest(test)
    truth = folding.truth(f, test)
    if truth is not None:
        block(f, n[3] if truth else n[4])
        return
    other = dict(f.state)
    pred = test.pred if test.pred is not None else guards.truthiness(test)
    guards.apply(f, pred, truth=True)
    block(f, n[3])
    after, f.state = f.state, other
    guards.apply(f, pred, truth=False)
    block(f, n[4])
    f.state = join_states(after, f.state)  # type: ignore[assignment]


def assert_(f: Frame, n: Node) -> None:
    """``assert test``: not a guard, since ``python -O`` drops it."""
    f.eval(n[2])


def _looped(f: Frame, entry: Any, body: tuple[Node, ...], orelse: tuple[Node, ...], *, endless: bool = False) -> None:
    """Run a body until the state at its head is stable. ``entry`` runs at the head of each round."""
    saved = f.breaks, f.continues
    f.breaks, f.continues = [], []
    head = f.state
    for _ in range(ROUNDS):
        f.state = dict(head)
        f.continues = []
        entry(f)
        block(f, body)
        tail = f.state
        for state in f.continues:
            tail = join_states(tail, state)  # type: ignore[assignment]
        merged = join_states(head, tail)
        if merged is head or merged is None:
            break
        head = merged
    f.state = None if endless else dict(head)  # type: ignore[assignment]
    if f.state is not None and orelse:
        block(f, orelse)
    for state in f.breaks:
        f.state = join_states(f.state, state)  # type: ignore[assignment]
    f.breaks, f.continues = saved


def while_(f: Frame, n: Node) -> None:
    """``while test``."""
    before = dict(f.state)
    test = f.eval(n[2])
    truth = folding.truth(f, test)
    if truth is False:
        block(f, n[4])
        return
    f.state = before
    endless = n[2][0] == ir.CONST and bool(n[2][2])

    def entry(frame: Frame) -> None:
        told = frame.eval(n[2])
        if told.pred is not None:
            guards.apply(frame, told.pred, truth=True)

    _looped(f, entry, n[3], n[4], endless=endless)
    if f.state is not None and not f.breaks and not endless:
        told = f.eval(n[2])
        if told.pred is not None and not _breaks(n[3]):
            guards.apply(f, told.pred, truth=False)


def _breaks(body: tuple[Node, ...]) -> bool:
    return any(
        n[0] == ir.BREAK or (n[0] == ir.IF and (_breaks(n[3]) or _breaks(n[4]))) or n[0] in (ir.TRY, ir.WITH, ir.MATCH)
        for n in body
    )


def for_(f: Frame, n: Node) -> None:
    """``for target in iterable``: one element stands for all, unless the sequence is short and exact."""
    from maestro_taint.engine import containers  # noqa: PLC0415 - containers import expressions

    items = f.eval(n[3])
    exact = containers.exact_items(f, items)
    if exact is not None and len(exact) <= 4 and not _breaks(n[4]):
        _unrolled(f, n, exact)
        return
    element = f.place(items, ITER)

    def entry(frame: Frame) -> None:
        frame.solver.assign(frame, n[2], element, n[1])

    _looped(f, entry, n[4], n[5])


def _unrolled(f: Frame, n: Node, items: list[Val]) -> None:
    saved = f.breaks, f.continues
    f.breaks = []
    for item in items:
        f.continues = []
        f.solver.assign(f, n[2], item, n[1])
        block(f, n[4])
        for state in f.continues:
            f.state = join_states(f.state, state)  # type: ignore[assignment]
        if f.state is None:
            break
    if f.state is not None:
        block(f, n[5])
    for state in f.breaks:
        f.state = join_states(f.state, state)  # type: ignore[assignment]
    f.breaks, f.continues = saved


def break_(f: Frame, n: Node) -> None:  # noqa: ARG001 - table entry
    """``break``."""
    f.breaks.append(f.state)
    f.state = None  # type: ignore[assignment]


def continue_(f: Frame, n: Node) -> None:  # noqa: ARG001 - table entry
    """``continue``."""
    f.continues.append(f.state)
    f.state = None  # type: ignore[assignment]


def try_(f: Frame, n: Node) -> None:
    """``try``: a handler may begin in the state after any statement of the body."""
    body, handlers, orelse, final = n[2:6]
    raised, raises = f.raised, f.raises
    f.raised, f.raises = [dict(f.state)], CLEAN
    block(f, body)
    entries, carried = f.raised, f.raises
    f.raised = raised
    if handlers:
        f.raises = raises
    else:
        f.raises = join(raises, carried) if raises is not CLEAN else carried
    if f.state is not None:
        block(f, orelse)
    after = f.state
    start: Any = None
    for state in entries:
        start = join_states(start, state)
    for h in handlers:
        after = join_states(after, _handled(f, h, dict(start), carried))  # type: ignore[assignment]
    if f.raised is not None:
        f.raised += entries
    f.state = after
    if final:
        if f.state is None:
            # The suite runs although control goes elsewhere.
            f.state = dict(start)
            block(f, final)
            f.state = None
        else:
            block(f, final)


def _handled(f: Frame, handler: Any, state: dict[Any, Any], carried: Val) -> dict[Any, Any] | None:
    f.state = state
    if handler[1]:
        f.state[handler[1]] = Val(
            carried.atoms, types=(*carried.types, ("tag", "exception")), objs=carried.objs, lit=carried.lit
        )
    f.caught.append(carried)
    block(f, handler[2])
    f.caught.pop()
    return f.state


def with_(f: Frame, n: Node) -> None:
    """``with``: what is entered is what ``__enter__`` returns, or the manager itself."""
    for context, target in n[2]:
        value = f.eval(context)
        entered = f.solver.entered(f, value, n[1])
        if target is not None and f.state is not None:
            f.solver.assign(f, target, entered, n[1])
    if f.state is not None:
        block(f, n[3])


def match(f: Frame, n: Node) -> None:
    """``match``: arms that cannot apply to a constant are not run."""
    subject = f.eval(n[2])
    f.note_interest(subject)
    after: Any = None
    for pattern, guard, body in n[3]:
        fits = patterns.fits(f, pattern, subject)
        if fits is False:
            continue
        missed = dict(f.state)
        facts = patterns.bind(f, pattern, subject, n[1])
        guards.apply(f, facts, truth=True)
        if guard is not None:
            told = f.eval(guard)
            truth = folding.truth(f, told)
            if truth is False:
                f.state = missed
                continue
            guards.apply(f, told.pred, truth=True)
            fits = fits if truth else None
        block(f, body)
        after = join_states(after, f.state)
        f.state = missed
        if fits:
            f.state = None  # type: ignore[assignment]
            break
    f.state = join_states(after, f.state)  # type: ignore[assignment]


def define(f: Frame, n: Node) -> None:
    """``def``: a function value, through its decorators."""
    fn = f.module.functions[n[3]]
    for default in fn.defaults.values():
        if default[0] == ir.CALL:
            f.eval(default)
    value = function_value(f, n[3], n[1])
    value = f.solver.decorators.apply(f, fn, value)
    f.state[n[2]] = value


def class_(f: Frame, n: Node) -> None:
    """``class``: its body runs now, in a scope of its own."""
    body = f.module.functions.get(f"{n[3]}.<class>")
    if body is not None and body.body:
        keep = dict(f.state)
        block(f, tuple(s for s in body.body if s[0] in (ir.EXPR, ir.ASSIGN)))
        f.state = {**(f.state or {}), **{k: v for k, v in keep.items() if type(k) is str}}
    f.state[n[2]] = Val(types=(("c", n[3]),), lit=True)


def import_(f: Frame, n: Node) -> None:
    """``import``: names for modules and their members."""
    for name, dotted, symbol in n[2]:
        f.state[name] = f.solver.program.imported(dotted, symbol, f.module.name)


def delete(f: Frame, n: Node) -> None:
    """``del``: the place holds nothing afterwards."""
    for target in n[2]:
        if target[0] == ir.LOCAL:
            f.state.pop(target[2], None)
        elif target[0] == ir.INDEX:
            obj, key = f.eval(target[2]), f.eval(target[3])
            if key.const is not NO_CONST:
                _forget(f, obj, f"={key.const!r}")


def _forget(f: Frame, val: Val, place: str) -> None:
    if len(val.objs) != 1:
        return
    obj = f.get(val.objs[0])
    if obj.kind == "dict" and place in obj.fields:
        f.put(val.objs[0], obj.having(fields={p: v for p, v in obj.fields.items() if p != place}))
    elif obj.kind == "list":
        index = int(place[1:]) if place[1:].lstrip("-").isdigit() else None
        items = list(obj.fields.values())
        if index is not None and obj.exact and obj.rest is None and -len(items) <= index < len(items):
            del items[index]
            f.put(val.objs[0], sequence("list", items))
        else:
            f.put(val.objs[0], obj.flat())
    elif obj.origin is not None:
        f.put(val.objs[0], obj.put(place, CLEAN))


TABLE: dict[int, Any] = {
    ir.ASSIGN: assign,
    ir.AUG: aug,
    ir.EXPR: expr,
    ir.RETURN: return_,
    ir.RAISE: raise_,
    ir.IF: if_,
    ir.ASSERT: assert_,
    ir.LOOP: while_,
    ir.FOR: for_,
    ir.BREAK: break_,
    ir.CONTINUE: continue_,
    ir.TRY: try_,
    ir.WITH: with_,
    ir.MATCH: match,
    ir.DEF: define,
    ir.CLASS: class_,
    ir.IMPORT: import_,
    ir.DEL: delete,
}
