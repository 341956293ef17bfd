"""Calls: which functions an expression may call, and what each does to the caller.

Invariant: a callee that is not known takes nothing away: its result holds what its arguments and receiver hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import CLEAN, NO_CONST, Val, join
from maestro_taint.engine import containers, external, library, special
from maestro_taint.engine.apply import Application
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.expressions import sequence
from maestro_taint.engine.frame import DEFAULT, ITER
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.ir import Function, Node

MAX_TARGETS = 6


class Calls:
    """Call evaluation; one per solver."""

    def __init__(self, solver: Solver) -> None:
        self.solver = solver

    def evaluate(self, f: Frame, n: Node) -> Val:
        """A call expression."""
        callee_node = n[2]
        receiver: Val | None = None
        name = ""
        if callee_node[0] == ir.ATTR:
            receiver = f.eval(callee_node[2])
            name = callee_node[3]
            if receiver.sym is not None:
                f.note_interest(receiver)
            special = self._super(f, callee_node, receiver)
            callee = special if special is not None else self.solver.attributes.load(f, receiver, name, callee_node[1])
        else:
            callee = f.eval(callee_node)
            name = str(callee_node[2]) if callee_node[0] in (ir.GLOBAL, ir.LOCAL) else ""
            if callee.sym is not None:
                f.note_interest(callee)
        given = self._arguments(f, n)
        given.receiver = receiver
        given.name = name
        return self.dispatch(f, callee, given)

    def _super(self, f: Frame, node: Node, receiver: Val) -> Val | None:  # noqa: ARG002 - one signature for all table entries
        """``super().method``: looked up after the class whose body the call stands in."""
        inner = node[2]
        if inner[0] != ir.CALL or inner[2][0] != ir.GLOBAL or inner[2][2] != "super" or not f.fn.cls:
            return None
        own = f.state.get(f.fn.params[0]) if f.fn.params else None
        if own is None:
            return None
        exact = next((t[1] for t in own.types if t[0] in ("i", "c")), f.fn.cls)
        method = self.solver.classes.method(exact, node[3], after=f.fn.cls)
        if method is None:
            return Val(f.own(own), types=(("x", "builtins.object." + node[3]),))
        return Val(types=(("b", method, own),))

    @staticmethod
    def _arguments(f: Frame, n: Node) -> Arguments:
        """Positional and keyword values; ``spread`` joins what ``*x`` and ``**x`` of unknown length bring."""
        args: list[Val] = []
        kwargs: dict[str, Val] = {}
        spread: Val | None = None
        for a in n[3]:
            if a[0] != ir.STAR:
                args.append(f.eval(a))
                continue
            v = f.eval(a[2])
            f.note_interest(v)
            exact = containers.items_by_place(f, v)
            if exact is not None and spread is None:
                args += exact
            else:
                inner = f.place(v, ITER)
                spread = inner if spread is None else join(spread, inner)
        for key, node in n[4]:
            v = f.eval(node)
            if key is not None:
                kwargs[key] = v
                continue
            f.note_interest(v)
            known = containers.exact_keys(f, v)
            if known is not None:
                kwargs.update(known)
            else:
                inner = f.place(v, "=*")
                spread = inner if spread is None else join(spread, inner)
        return Arguments(f, args, n[1], kwargs=kwargs, spread=spread)

    def dispatch(self, f: Frame, callee: Val, given: Arguments) -> Val:
        """Call everything ``callee`` may be."""
        for oid in callee.objs:
            held = f.get(oid)
            if held.kind == "partial" and len(callee.objs) == 1:
                bound = [v for p, v in held.fields.items() if p[0] == "="]
                named = {p[1:]: v for p, v in held.fields.items() if p[0] == "."}
                later = given.before(*bound[1:])
                later.kwargs = {**named, **given.kwargs}
                return self.dispatch(f, bound[0], later)
        made: Val | None = None
        for t in callee.types[:MAX_TARGETS]:
            one = self._one(f, t, callee, given)
            if one is not None:
                made = one if made is None else join(made, one)
        if made is not None:
            return made
        folded = containers.called(f, given)
        return folded if folded is not None else external.unknown(f, callee, given)

    def _one(self, f: Frame, t: Any, callee: Val, given: Arguments) -> Val | None:
        kind = t[0]
        if kind == "x":
            return self._outside(f, t[1], callee, given)
        if kind == "f":
            return self.invoke(f, t[1], given, callee=callee)
        if kind == "b":
            return self.invoke(f, t[1], given.before(t[2]))
        if kind == "c":
            return self.construct(f, t[1], given)
        if kind == "w":
            held = f.new(given.at, Obj("func", dict(t[2]), cls=t[1]), slot=30)
            return self.invoke(f, t[1], given, callee=held)
        method = self.solver.classes.method(t[1], "__call__") if kind in ("i", "s") else None
        return self.invoke(f, method, given.before(callee)) if method is not None else None

    @staticmethod
    def _outside(f: Frame, dotted: str, callee: Val, given: Arguments) -> Val:
        whole = f.solver.models.canonical(dotted)
        if not special.knows(whole) and whole not in f.solver.models.calls:
            folded = containers.called(f, given)
            if folded is not None:
                return folded
        made = library.constructed(f, callee, given)
        return made if made is not None else external.call(f, dotted, callee, given)

    def construct(self, f: Frame, cls: str, given: Arguments) -> Val:
        """A new instance: ``__init__`` runs on it, or declared fields take the arguments."""
        at, args = given.at, given.args
        made = f.new(at, Obj("inst", {}, cls=cls))
        made = Val(made.atoms, types=(("i", cls),), objs=made.objs, lit=True)
        classes = self.solver.classes
        if classes.is_mapping(cls):
            held = f.new(at, Obj("dict", {f"={k!r}": v for k, v in given.kwargs.items()}, given.spread))
            return Val(types=(("s", cls),), objs=held.objs, lit=True)
        if any(b.endswith(("Exception", "Error", "Warning")) for b in classes.order(cls)[1]) and args:
            f.write(made, ".args", f.new(at, sequence("tuple", args), slot=3))
        init = classes.method(cls, "__init__")
        if init is not None:
            self.invoke(f, init, given.before(made))
        elif classes.order(cls)[1] or classes.declares(cls):
            names = classes.declared_fields(cls)
            for field, value in {**dict(zip(names, args, strict=False)), **given.kwargs}.items():
                f.write(made, "." + field, value)
            self._defaults(f, made, [n for n in names[len(args) :] if n not in given.kwargs], at)
            rest = args[len(names) :]
            if rest:
                held = f.new(at, sequence("tuple", rest), slot=2)
                f.write(made, ".args", held)
            if given.spread is not None:
                f.absorb(made, given.spread)
            after = classes.method(cls, "__post_init__")
            if after is not None:
                self.invoke(f, after, Arguments(f, [made], at))
        return made

    def _defaults(self, f: Frame, made: Val, names: list[str], at: int) -> None:
        """Fields that were not given: ``field(default_factory=list)`` makes one for each instance."""
        for i, name in enumerate(names):
            found = self.solver.classes.field(made.types[0][1], name)
            value = found[1][1] if found is not None else None
            if found is None or value is None or value[0] != ir.CALL:
                continue
            factory = next((node for key, node in value[4] if key == "default_factory"), None)
            if factory is not None:
                callee, _ = self.solver.isolated(self.solver.program.modules[found[0].module], factory)
                apart = at | (i + 1) << (ir.NEST + 8)  # not the object the instance itself is
                f.write(made, "." + name, self.dispatch(f, callee, Arguments(f, [], apart)))

    def invoke(self, f: Frame, qn: str, given: Arguments, *, callee: Val | None = None) -> Val:
        """Call a project function with its receiver, if any, already first."""
        fn = self.solver.program.functions.get(qn)
        if fn is None:
            return CLEAN
        f.callees.add(qn)
        slots = self._bind(f, fn, given, callee)
        summary, cells = self.solver.chosen(qn, slots, f, callee)
        f.gives_up = f.gives_up or summary.gives_up
        f.passes_on = f.passes_on or summary.passes_on
        if summary.interest:
            self._inherit_interest(f, summary.interest, slots, cells)
        made = Application(f, summary, slots, callee, given.at, fn.name).run()
        if fn.returns is not None and not fn.is_generator and all(t[0] in ("x", "tag") for t in made.types):
            made = self._annotated(f, fn, made)
        if not summary.normal and not fn.is_generator and not ir.is_abstract(fn):
            f.solver.diverges(f)
        return made

    def _annotated(self, f: Frame, fn: Function, made: Val) -> Val:
        """A result of which nothing better is known is what the function's annotation says."""
        types = self.solver.returned(fn)
        if not types or made.const is not NO_CONST or (made.types and types[0][0] not in ("s", "of")):
            return made
        objs = made.objs or f.new(0, Obj("dict", {}, exact=False), slot=31).objs
        return Val(made.atoms, types=types, objs=objs, sym=made.sym, pred=made.pred, lit=made.lit)

    @staticmethod
    def _inherit_interest(f: Frame, interest: frozenset[Any], slots: list[Val], cells: dict[Any, Val]) -> None:
        for i in interest:
            if type(i) is tuple:
                f.note_interest(cells.get(i, CLEAN))
            elif i < len(slots):
                f.note_interest(slots[i])

    def _bind(self, f: Frame, fn: Function, given: Arguments, callee: Val | None) -> list[Val]:
        """Arguments by slot, as Python binds them; defaults come from where the function is defined."""
        args, at, spread = given.args, given.at, given.spread
        positional = len(fn.params) - fn.keyword_only
        slots: list[Val] = []
        taken = dict(given.kwargs)
        for i, name in enumerate(fn.params):
            if i < positional and i < len(args):
                slots.append(args[i])
            elif name in taken:
                slots.append(taken.pop(name))
            elif spread is not None:
                default = self._default(f, fn, name, callee)
                slots.append(join(spread, default) if default is not None else spread)
            else:
                default = self._default(f, fn, name, callee)
                slots.append(CLEAN if default is None else default)
        if fn.vararg:
            extra = sequence("tuple", args[positional:])
            slots.append(f.new(at, extra if spread is None else extra.weak(spread), slot=4))
        if fn.kwarg:
            held = Obj("dict", {f"={k!r}": v for k, v in taken.items() if k not in fn.params})
            slots.append(f.new(at, held if spread is None else held.weak(spread), slot=5))
        return slots

    def _default(self, f: Frame, fn: Function, name: str, callee: Val | None) -> Val | None:
        """A parameter's default: kept in the function value where it was computed, else from the declaration."""
        if callee is not None and name in fn.defaults:
            for oid in callee.objs:
                held = f.get(oid).fields.get(DEFAULT + name)
                if held is not None:
                    return held
        return self.solver.default(fn, name)
