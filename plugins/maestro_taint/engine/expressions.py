"""Abstract evaluation of expressions other than calls.

Invariant: an operation without a rule of its own keeps all atoms of its operands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.atoms import Unknown
from maestro_taint.domain.objects import Obj, key_place
from maestro_taint.domain.values import (
    CLEAN,
    FALSE,
    LITERAL,
    NO_CONST,
    TRUE,
    Val,
    cleared,
    constant,
    derived,
    join,
    join_atoms,
    root_value,
)
from maestro_taint.engine import folding, guards, literals, program, protocols, texts
from maestro_taint.engine.frame import DEFAULT, ITER, join_states
from maestro_taint.frontend import ir
from maestro_taint.kinds import BIT, CONFIDENTIAL

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.frontend.ir import Node

SLOT = 40  # function values stand beside other objects made at the same place


def const(f: Frame, n: Node) -> Val:  # noqa: ARG001 - table entry
    """A literal."""
    return constant(n[2])


def local(f: Frame, n: Node) -> Val:
    """A name of this scope."""
    found = f.state.get(n[2])
    if found is None:
        if f.fn.name == "<module>":
            return f.solver.program.static(f.module.name, n[2], f)
        return CLEAN
    return found  # type: ignore[no-any-return]


def free(f: Frame, n: Node) -> Val:
    """A name of an enclosing function."""
    root = ("c", n[2], n[3])
    found = f.state.get(root)
    return root_value(root, types=f.solver.cell_types(root)) if found is None else found


def global_(f: Frame, n: Node) -> Val:
    """A module-level name, or a builtin."""
    return f.solver.program.global_value(f, n[2])


def attr(f: Frame, n: Node) -> Val:
    """``obj.name``."""
    return f.solver.attributes.load(f, f.eval(n[2]), n[3], n[1])


def index(f: Frame, n: Node) -> Val:
    """``obj[key]``."""
    obj, key = f.eval(n[2]), f.eval(n[3])
    if key.sym is not None:
        f.note_interest(key)
    return subscript(f, obj, key, n[1])


def subscript(f: Frame, obj: Val, key: Val, at: int) -> Val:
    """The element at a key; a tainted key into clean content is clean."""
    if obj.const is not NO_CONST and key.const is not NO_CONST:
        folded = folding.item(obj.const, key.const)
        if folded is not NO_CONST:
            return constant(folded)
    if obj.types:
        made = program.looked_up(obj, key) or protocols.call(f, obj, "__getitem__", [key], at)
        made = made or protocols.positional(f, obj, key.const, at)
        if made is not None:
            return made
    model = f.solver.attributes.item(f, obj, key, at)
    if model is not None:
        return model
    if obj.objs:
        from maestro_taint.engine import library  # noqa: PLC0415 - the library is made of expressions

        library.filled(f, obj, key_place(key.const) if key.const is not NO_CONST else "=*", at)
    if key.const is not NO_CONST and not isinstance(key.const, slice):
        return f.place(obj, key_place(key.const))
    return f.place(obj, "=*")


def slice_(f: Frame, n: Node) -> Val:
    """``obj[a:b]``: of an exact sequence with constant bounds exact, else the same content in unknown order."""
    val = f.eval(n[2])
    bounds = [f.eval(p) if p is not None else None for p in n[3]]
    if all(b is None or b.const is not NO_CONST for b in bounds):
        cut = slice(*(None if b is None else b.const for b in bounds))
        if val.const is not NO_CONST:
            folded = folding.item(val.const, cut)
            if folded is not NO_CONST:
                return constant(folded)
        if len(val.objs) == 1:
            obj = f.get(val.objs[0])
            if obj.exact and obj.rest is None and obj.kind in ("list", "tuple"):
                return f.new(n[1], sequence(obj.kind, folding.part(list(obj.fields.values()), cut)))
    if n[3] and texts.short(bounds):
        return Val(cleared(f.own(val), CONFIDENTIAL), lit=val.lit)
    if not val.objs:
        return Val(val.atoms, lit=val.lit)
    made = f.new(n[1], Obj("list", {}, f.place(val, ITER)))
    return Val(join_atoms(val.atoms, made.atoms), objs=made.objs)


def sequence(kind: str, values: list[Val]) -> Obj:
    """A list, tuple or set of known values in order."""
    return Obj(kind, {f"={i}": v for i, v in enumerate(values)})


def fmt(f: Frame, n: Node) -> Val:
    """An f-string: constant if all parts are, else everything its parts print."""
    parts = [f.eval(p) for p in n[2]]
    if all(p.const is not NO_CONST for p in parts) and len(n) == 3:
        return constant("".join(str(p.const) for p in parts))
    made = texts.glued(f, parts)
    return texts.quoted(made) if len(n) > 3 and n[3] in QUOTING else made


QUOTING = (ord("r"), ord("a"))  # ``{x!r}``
MARKUP = ("x", "markupsafe.Markup")
SEPARATORS = ((("x", "os.sep"),), (("x", "os.path.sep"),))


def binary(f: Frame, n: Node) -> Val:
    """An arithmetic operator, or text concatenation and formatting."""
    op, a, b = n[2], f.eval(n[3]), f.eval(n[4])
    return combine(f, op, a, b, n[1])


def combine(f: Frame, op: str, a: Val, b: Val, at: int) -> Val:  # noqa: C901, PLR0911, PLR0912 - one branch per form
    """``a op b``."""
    if a.const is not NO_CONST and b.const is not NO_CONST:
        folded = folding.binary(op, a.const, b.const)
        if folded is not NO_CONST:
            return constant(folded)
    if a.types or b.types:
        made = protocols.operator(f, op, a, b, at)
        if made is not None:
            return made
        if MARKUP in (*a.types, *b.types) and op in ("%", "+"):
            return texts.marked_up(f, a, b)
    if op == "+":
        x, y = _container(f, a), _container(f, b)
        if a.objs and b.objs and (x or y):
            return _concatenated(f, a, b, at)
        if not x and not y:
            made = texts.glued(f, [a, b])
            if isinstance(a.const, str) and a.const[:1] == "/" and made.atoms:
                return Val(made.atoms, types=(("tag", "rooted"),), lit=made.lit)
            # A base with a separator at its end can be compared with by prefix.
            if b.types in SEPARATORS or b.const == "/":
                return Val(made.atoms, types=(("tag", "closed"),), lit=made.lit)
            return made
    if op == "%" and isinstance(a.const, str):
        return texts.percent(f, a.const, b)
    if op == "/" and (a.types or isinstance(b.const, str)):
        below = f.solver.attributes.path_join(f, a, [b])
        return below if below is not None else derived(a, b)
    if op == "|" and a.objs and b.objs:
        return _concatenated(f, a, b, at)
    if op in ("-", "*", "//", "**", "/") and not a.objs and not b.objs and not a.atoms:
        return derived(a, b)
    if not a.atoms and not b.atoms and not a.objs and not b.objs:
        return LITERAL if a.lit and b.lit else CLEAN
    return Val(join_atoms(f.deep(a), f.deep(b)), objs=a.objs if op == "*" else (), lit=a.lit and b.lit)


def _container(f: Frame, v: Val) -> bool:
    """Whether a value is a container made here, not an unknown that may be a text."""
    return any(f.get(o).origin is None for o in v.objs)


def _concatenated(f: Frame, a: Val, b: Val, at: int) -> Val:
    """Two containers in one: positions are kept when both are exact."""
    x, y = f.get(a.objs[0]), f.get(b.objs[0])
    single = len(a.objs) == 1 == len(b.objs)
    own = join_atoms(f.own(a), f.own(b))
    if single and x.exact and y.exact and x.rest is None is y.rest and x.kind in ("list", "tuple"):
        made = f.new(at, sequence(x.kind, [*x.fields.values(), *y.fields.values()]))
    elif single and x.exact and y.exact and x.kind == "dict" == y.kind:
        made = f.new(at, Obj("dict", {**x.fields, **y.fields}, x.rest or y.rest, keys=x.keys or y.keys))
    else:
        made = f.new(at, Obj("list", {}, join(f.place(a, "=*"), f.place(b, "=*"))))
    return Val(own, objs=made.objs, lit=a.lit and b.lit) if own else made


def compare(f: Frame, n: Node) -> Val:
    """A comparison: a truth value that carries no taint, but may tell something about its operands."""
    values = [f.eval(o) for o in n[3]]
    for v in values:
        if v.sym is not None:
            f.note_interest(v)
    if len(values) == 2:
        return compared(f, n[2][0], values[0], values[1])
    if all(v.const is not NO_CONST for v in values):
        told = [folding.compare(op, a.const, b.const) for op, a, b in zip(n[2], values, values[1:], strict=False)]
        if NO_CONST not in told:
            return TRUE if all(told) else FALSE
    return LITERAL if all(v.lit for v in values) else CLEAN


def compared(f: Frame, op: str, a: Val, b: Val) -> Val:
    """``a op b``."""
    if a.const is not NO_CONST and b.const is not NO_CONST:
        folded = folding.compare(op, a.const, b.const)
        if folded is not NO_CONST:
            return TRUE if folded else FALSE
    if op in ("is", "is not") and b.const is None and _never_none(f, a):
        return TRUE if op == "is not" else FALSE
    if op in ("in", "not in") and a.const is not NO_CONST and len(b.objs) == 1:
        obj = f.get(b.objs[0])
        if obj.kind == "dict" and obj.exact and obj.rest is None and obj.keys is None:
            return TRUE if (key_place(a.const) in obj.fields) == (op == "in") else FALSE
    return Val(pred=guards.comparison(f, op, a, b))


def _never_none(f: Frame, v: Val) -> bool:
    return bool(v.objs) and not v.atoms and all(f.get(o).origin is None for o in v.objs)


def boolean(f: Frame, n: Node) -> Val:
    """``and``/``or``: later operands run in the state where earlier ones let them."""
    is_and, rest = n[2], n[3]
    found: Val | None = None
    exits: dict[Any, Any] | None = None
    preds: list[Any] = []
    start = dict(f.state)
    for i, part in enumerate(rest):
        v = f.eval(part)
        f.note_interest(v)
        truth = folding.truth(f, v)
        preds.append(v.pred if v.pred is not None or type(v.sym) not in (tuple, Unknown) else guards.truthiness(v))
        last = i == len(rest) - 1
        if truth is not None and truth != is_and:
            found = v if found is None else join(found, v)
            break
        if last:
            found = v if found is None else join(found, v)
            break
        if truth is None:
            # The value when evaluation stops here: falsy for ``and``, which tells nothing dangerous of it.
            stop = v if not is_and else Val(cleared(v.atoms, 0) if not v.pred else {}, objs=v.objs)
            found = stop if found is None else join(found, stop)
            before = dict(f.state)
            guards.apply(f, v.pred, truth=not is_and)
            exits = join_states(exits, f.state)
            f.state = before
            guards.apply(f, v.pred, truth=is_and)
    if exits is not None:
        f.state = dict(join_states(f.state, exits) or f.state)
        guards.unrefined(start, f.state)
    made = found if found is not None else CLEAN
    pred = guards.conjunction(preds) if is_and else guards.disjunction(preds)
    literal = literals.quoted_name(n) if len(rest) == 3 else None
    if literal is not None:
        facts = guards.about(f.eval(literal), BIT["code"])
        pred = (facts, ()) if is_and else ((), facts)
    return Val(made.atoms, made.const, made.types, objs=made.objs, pred=pred, lit=made.lit)


def negation(f: Frame, n: Node) -> Val:
    """``not x``."""
    v = f.eval(n[2])
    f.note_interest(v)
    truth = folding.truth(f, v)
    if truth is not None:
        return FALSE if truth else TRUE
    pred = v.pred if v.pred is not None else guards.truthiness(v)
    return Val(pred=None if pred is None else (pred[1], pred[0]))


def unary(f: Frame, n: Node) -> Val:
    """``-x``, ``+x``, ``~x``."""
    v = f.eval(n[2])
    return CLEAN if v.const is not NO_CONST else derived(v)


def ifexp(f: Frame, n: Node) -> Val:
    """``a if test else b``; a dead arm contributes nothing."""
    test = f.eval(n[2])
    f.note_interest(test)
    truth = folding.truth(f, test)
    if truth is not None:
        return f.eval(n[3] if truth else n[4])
    before = dict(f.state)
    guards.apply(f, test.pred, truth=True)
    a = f.eval(n[3])
    after, f.state = f.state, before
    guards.apply(f, test.pred, truth=False)
    b = f.eval(n[4])
    f.state = join_states(after, f.state) or after
    return join(a, b)


def walrus(f: Frame, n: Node) -> Val:
    """``name := value``."""
    v = f.eval(n[3])
    f.solver.assign(f, n[2], v, n[1])
    return v


def lambda_(f: Frame, n: Node) -> Val:
    """A lambda, as a function value."""
    return function_value(f, n[2], n[1])


def function_value(f: Frame, qn: str, at: int) -> Val:
    """A function with what it captures, still by name."""
    captures = f.module.captures.get(qn)
    held = {DEFAULT + name: f.eval(node) for name, node in f.module.functions[qn].defaults.items() if _varies(node)}
    if not captures and not held:
        return Val(types=(("f", qn),), lit=True)
    made = f.new(at, Obj("func", held, exact=False, cls=qn), SLOT)
    return Val(types=(("f", qn),), objs=made.objs, lit=True)


def _varies(node: Node) -> bool:
    """Whether a default must be kept from where the function was defined."""
    return node[0] in (ir.LOCAL, ir.FREE, ir.FMT, ir.BIN, ir.INDEX) or (node[0] == ir.CALL and bool(node[3]))


def yield_(f: Frame, n: Node) -> Val:
    """``yield x``: what is sent in is unknown and clean."""
    v = f.eval(n[2])
    f.yields = v if f.yields is None else join(f.yields, v)
    return CLEAN


def yield_from(f: Frame, n: Node) -> Val:
    """``yield from x``."""
    v = f.place(f.eval(n[2]), ITER)
    f.yields = v if f.yields is None else join(f.yields, v)
    return CLEAN


def star(f: Frame, n: Node) -> Val:
    """``*x`` outside a call or display."""
    return f.eval(n[2])


def unknown(f: Frame, n: Node) -> Val:  # noqa: ARG001 - table entry
    """Nothing is known."""
    return CLEAN


TABLE: dict[int, Any] = {
    ir.CONST: const,
    ir.LOCAL: local,
    ir.FREE: free,
    ir.GLOBAL: global_,
    ir.ATTR: attr,
    ir.INDEX: index,
    ir.SLICE: slice_,
    ir.FMT: fmt,
    ir.BIN: binary,
    ir.CMP: compare,
    ir.BOOL: boolean,
    ir.NOT: negation,
    ir.UNARY: unary,
    ir.IFEXP: ifexp,
    ir.WALRUS: walrus,
    ir.LAMBDA: lambda_,
    ir.YIELD: yield_,
    ir.YIELDFROM: yield_from,
    ir.STAR: star,
    ir.UNKNOWN: unknown,
}
