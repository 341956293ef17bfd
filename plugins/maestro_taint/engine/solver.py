"""Solving a program: summaries on demand to a fixpoint, and the flows met on the way.

Invariant: each function is run once without known arguments; recursion is run again until its summary no longer
changes; results do not depend on the order in which files are given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.steps import length
from maestro_taint.domain.values import CLEAN, Val, root_value
from maestro_taint.engine import comprehension, contexts, expressions, personal, protocols, statements
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.assignment import assign
from maestro_taint.engine.attributes import Attributes
from maestro_taint.engine.calls import Calls
from maestro_taint.engine.classes import Classes
from maestro_taint.engine.decorators import Decorators
from maestro_taint.engine.export import summarize
from maestro_taint.engine.frame import CELL, ITER, Frame
from maestro_taint.engine.program import resolve_type
from maestro_taint.engine.summary import Summary, empty
from maestro_taint.frontend import ir
from maestro_taint.kinds import NAMED, SURE

if TYPE_CHECKING:
    from maestro_taint.domain.atoms import Source
    from maestro_taint.engine.program import Program
    from maestro_taint.engine.summary import SinkSite
    from maestro_taint.frontend.ir import Function, Module, Node
    from maestro_taint.models.model import Models, PatternModel, SinkModel

ROUNDS = 4
DEPTH = 60
CONTEXTS = 8
CONTEXT_DEPTH = 4
CONTEXT_SIZE = 600
FUNCTION_STEPS = 1_000_000
MAX_ITERATING = 4


class Exhausted(Exception):  # noqa: N818 - not an error: a bound that was reached
    """A function, with what it calls, took more steps than allowed."""


class Solver:
    """Runs functions and keeps their summaries; make one per program."""

    def __init__(self, program: Program, models: Models) -> None:
        self.program = program
        self.models = models
        program.solver = self
        self.classes = Classes(program)
        self.attributes = Attributes(self)
        self.calls = Calls(self)
        self.decorators = Decorators(self)
        self.table: list[Any] = [None] * 64
        for op, entry in {**expressions.TABLE, **comprehension.TABLE}.items():
            self.table[op] = entry
        self.table[ir.CALL] = self.calls.evaluate
        self.done: dict[Any, Summary] = {}
        self.active: dict[Any, Summary] = {}
        self.stack: list[Any] = []
        self.lowest: dict[Any, int] = {}
        self.provisional: dict[Any, tuple[Summary, int]] = {}
        self.previous: dict[Any, Summary] = {}
        self.log: list[Any] = []
        self.changed = False
        self.contexts: dict[str, int] = {}
        self.flows: dict[Any, Any] = {}
        self.doubts: dict[Any, int] = {}  # flow to how doubtful its surest way is: 0, 1, 2
        self.patterns: dict[Any, Any] = {}
        self.literal: dict[Any, bool] = {}
        self.naming: dict[int, str] = {}
        self.declared: dict[tuple[str, str], str | None] = {}  # field to the kind of source it declares
        self.results: dict[str, tuple[Any, ...]] = {}
        self.routed: dict[str, str] = {}  # function to the decorator that does what a call did with it
        self.code_of_cells: dict[Any, tuple[Any, ...]] = {}
        self.assign = assign
        self.deferred: list[str] = []
        self.steps = 0
        self.iterating = 0
        self.limit = FUNCTION_STEPS
        self.cells: dict[Any, tuple[Any, ...]] = {}

    # -- summaries ---------------------------------------------------------------------------------------------

    def summary(self, qn: str) -> Summary:
        """The summary of a function for unknown arguments."""
        return self._solved((qn, ()), None, None)

    def chosen(
        self, qn: str, slots: list[Val], caller: Frame, callee: Val | None = None
    ) -> tuple[Summary, dict[Any, Val]]:
        """The summary for these arguments, if knowing them changes it, and what is known of captured names."""
        generic = self._solved((qn, ()), None, caller)
        if not generic.interest:
            return generic, {}
        made, cells = self._in_context(qn, generic, generic.interest, slots, caller, callee)
        if made.interest - generic.interest:
            # Knowing one argument showed that another matters.
            return self._in_context(qn, generic, made.interest | generic.interest, slots, caller, callee)
        return made, cells

    def _in_context(
        self, qn: str, generic: Summary, interest: frozenset[Any], slots: list[Val], caller: Frame, callee: Val | None
    ) -> tuple[Summary, dict[Any, Val]]:
        fn = self.program.functions[qn]
        cells = {root: self._cell(root, caller, callee) for root in interest if type(root) is tuple}
        known: dict[Any, contexts.Known] = {}
        facets = []
        for i in sorted(interest, key=repr):
            value = cells[i] if type(i) is tuple else slots[i] if i < len(slots) else CLEAN
            # What *args and **kwargs hold is the callee's own: it may be taken apart.
            packed = type(i) is int and i >= len(fn.params)
            what = contexts.shape(caller, value) if packed else contexts.facet(value)
            if what is not None:
                facets.append((i, what))
                known[i] = contexts.Known(value, what)
        if not facets or fn.size > CONTEXT_SIZE or caller.depth >= CONTEXT_DEPTH:
            return generic, cells
        key = (qn, tuple(facets))
        if key not in self.done and key not in self.active:
            if self.contexts.get(qn, 0) >= CONTEXTS:
                return generic, cells
            self.contexts[qn] = self.contexts.get(qn, 0) + 1
        return self._solved(key, known, caller), cells

    @staticmethod
    def _cell(root: Any, caller: Frame, callee: Val | None) -> Val:
        """A captured name as the caller knows it."""
        if caller.fn.qn == root[1]:
            return caller.state.get(root[2], CLEAN)  # type: ignore[no-any-return]
        if callee is not None and callee.objs:
            return caller.place(callee, CELL + root[2])
        return caller.state.get(root) or root_value(root)

    def _solved(self, key: Any, known: dict[Any, contexts.Known] | None, caller: Frame | None) -> Summary:
        found = self.done.get(key)
        if found is not None:
            return found
        waiting = self.provisional.get(key)
        if waiting is not None:
            self._depends(waiting[1])
            return waiting[0]
        if key in self.active:
            self._depends(self.stack.index(key))
            return self.active[key]
        if len(self.stack) >= DEPTH:
            self.deferred.append(key[0])
            return Summary(gives_up=True)
        return self._fixpoint(key, known, caller)

    def _depends(self, low: int) -> None:
        """Everything on the stack from ``low`` on depends on what the run at ``low`` will turn out to be."""
        for inner in self.stack[low:]:
            self.lowest[inner] = min(self.lowest.get(inner, low), low)

    def _fixpoint(self, key: Any, known: dict[Any, contexts.Known] | None, caller: Frame | None) -> Summary:
        """Run a function; the first one of a recursion is run until nothing in the recursion changes."""
        position, mark = len(self.stack), len(self.log)
        self.stack.append(key)
        before = self.changed
        for _ in range(ROUNDS):
            self.lowest.pop(key, None)
            self.changed = False
            self.active[key] = self.previous.get(key) or empty()
            made = self._run(key[0], known, caller)
            low = self.lowest.get(key, position + 1)
            if low > position:
                break
            same = made.digest() == self.active[key].digest()
            self.previous[key] = made
            self.changed = self.changed or not same
            if low < position or not self.changed:
                break
            for name in self.log[mark:]:
                self.provisional.pop(name, None)
            del self.log[mark:]
        self.stack.pop()
        del self.active[key]
        self.lowest.pop(key, None)
        if low < position:
            self.provisional[key] = (made, low)
            self.log.append(key)
            self.changed = self.changed or before
            return made
        self.changed = before
        self.done[key] = made
        for name in self.log[mark:]:
            self.done[name] = self.provisional.pop(name)[0]
        del self.log[mark:]
        return made

    def _run(self, qn: str, known: dict[Any, contexts.Known] | None, caller: Frame | None) -> Summary:
        fn = self.program.functions[qn]
        depth = 0 if known is None or caller is None else caller.depth + 1
        f = Frame(self, fn, self.program.modules[fn.module], self.table, depth)
        self._enter(f, fn, known or {})
        statements.block(f, fn.body)
        return summarize(f)

    def _enter(self, f: Frame, fn: Function, known: dict[Any, contexts.Known]) -> None:
        """Parameters at the start: unknowns with what their annotations and the caller's facts say."""
        scratch = self.scratch(f.module) if fn.annotations else f
        for i, name in enumerate(fn.slots):
            types: tuple[Any, ...] = ()
            if name in fn.annotations:
                types = resolve_type(scratch, fn.annotations[name])
            if i == 0 and fn.cls and "staticmethod" not in self.decorators.names(fn.qn):
                types = (("c", fn.cls),) if "classmethod" in self.decorators.names(fn.qn) else (("s", fn.cls),)
            if not types and name in self.models.parameters:
                types = self.by_name(f.module, name, fn)
            value = root_value(("p", i), types=types)
            given = known.get(i)
            if given is not None:
                value = contexts.specialised(f, value, given, ("p", i))
            f.state[name] = personal.annotated(f, fn, name, value)
        for root, given in known.items():
            if type(root) is tuple:
                f.state[root] = contexts.specialised(f, root_value(root), given, root)

    def by_name(self, module: Module, name: str, fn: Function | None = None) -> tuple[Any, ...]:
        """What a parameter called ``request`` is, by the framework its module imports; or one of a WSGI application."""
        if fn is not None and "start_response" in fn.slots and "environ" in fn.slots and name != "request":
            return (("x", f"wsgi.{name}"),)
        roots = {dotted.partition(".")[0] for dotted in module.imports}
        for dotted in self.models.parameters[name]:
            if dotted.partition(".")[0] in roots:
                return (("x", dotted),)
        return ()

    def returned(self, fn: Function) -> tuple[Any, ...]:
        """What the annotation of a result says it is."""
        known = self.results.get(fn.qn)
        if known is None:
            known = self.results[fn.qn] = resolve_type(self.scratch(self.program.modules[fn.module]), fn.returns)
        return known

    def spend(self, steps: int) -> None:
        """Count statements run: the same on every machine, so a bound in them is reproducible."""
        self.steps += steps
        if self.steps > self.limit:
            raise Exhausted

    def abandon(self) -> None:
        """Forget a solve that was broken off: nothing half-made is kept."""
        self.stack.clear()
        self.active.clear()
        self.lowest.clear()
        self.provisional.clear()
        self.log.clear()

    # -- runs outside any caller ---------------------------------------------------------------------------------

    def scratch(self, module: Module) -> Frame:
        """A frame for evaluating declarations of a module."""
        fn = ir.Function(f"{module.name}.<scratch>", module.name, "<module>", 0)
        return Frame(self, fn, module, self.table)

    def isolated(self, module: Module, node: Node) -> tuple[Val, Frame]:
        """An expression evaluated in module scope, with what it made; what it meets is told where it really runs."""
        fn = ir.Function(f"{module.name}.<static>", module.name, "<module>", 0)
        f = Frame(self, fn, module, self.table)
        f.quiet = True
        return f.eval(node), f

    def default(self, fn: Function, name: str) -> Val | None:
        """The default of a parameter."""
        node = fn.defaults.get(name)
        if node is None:
            return None
        if node[0] == ir.CONST:
            return Val(const=node[2], lit=True)
        if node[0] in (ir.LOCAL, ir.FREE):
            return CLEAN
        return self.isolated(self.program.modules[fn.module], node)[0] if node[0] in (ir.GLOBAL, ir.ATTR) else CLEAN

    def cell_types(self, root: Any) -> tuple[Any, ...]:
        """What code a captured name is, when it names a nested function or something imported in the function."""
        found = self.code_of_cells.get(root)
        if found is None:
            found = self.code_of_cells[root] = self._captured(root)
        return found

    def _captured(self, root: Any) -> tuple[Any, ...]:
        qn = f"{root[1]}.{root[2]}"
        if qn in self.program.classes:
            return (("c", qn),)
        if qn in self.program.functions:
            return (("f", qn),)
        owner = self.program.functions.get(root[1])
        bound = None if owner is None else ir.imported(owner.body, root[2])
        return () if owner is None or bound is None else self.program.imported(*bound, owner.module).types

    # -- functions as values -------------------------------------------------------------------------------------

    def entered(self, f: Frame, value: Val, at: int) -> Val:
        """What ``with value as x`` binds."""
        for t in value.types:
            if t[0] in ("i", "s"):
                for name in ("__enter__", "__aenter__"):
                    method = self.classes.method(t[1], name)
                    if method is not None:
                        return self.calls.invoke(f, method, Arguments(f, [value], at))
        if value.objs and any(f.get(o).kind == "gen" for o in value.objs):
            return f.place(value, ITER)
        return value

    def iterated(self, f: Frame, value: Val) -> Val | None:
        """One element of an instance that says how it is iterated; ``None`` while just that is being found out."""
        if self.iterating >= MAX_ITERATING:
            return None
        self.iterating += 1
        try:
            return protocols.iterated(f, value)
        finally:
            self.iterating -= 1

    def diverges(self, f: Frame) -> None:
        """A callee never returns: nothing after the call runs."""
        if f.raised is not None:
            f.raised.append(dict(f.state))
        f.dead = True

    # -- what is found -------------------------------------------------------------------------------------------

    def flow(self, source: Source, bits: int, site: SinkSite, step: Any) -> None:
        """A source reaches a sink; the shortest way there is kept, a sure one before a doubtful one."""
        key = (site.file, site.position, site.bit, source)
        known = self.flows.get(key)
        doubts = (not bits & SURE) + (not bits & NAMED)
        if known is None or (doubts, length(step)) < (self.doubts[key], length(known[1])):
            self.flows[key] = (site, step)
            self.doubts[key] = doubts

    def pattern(self, f: Frame, pattern: PatternModel, at: int, dotted: str, *, grave: bool = True) -> None:
        """A call that is wrong by itself; ``grave`` if what it is used for is known to matter."""
        if f.quiet:
            return
        key = (f.file, at & ir.PLACE, pattern.rule)
        grave = grave or (key in self.patterns and self.patterns[key][3])
        self.patterns[key] = (pattern, dotted, f.fn.qn, grave)

    def proved(self, f: Frame, sink: SinkModel, at: int, *, constant: bool) -> None:
        """Whether a sink argument is a constant, in this run; one run that cannot tell is enough to say no."""
        if f.quiet:
            return
        key = (f.file, at & ir.PLACE, sink.bits)
        self.literal[key] = constant and self.literal.get(key, True)
