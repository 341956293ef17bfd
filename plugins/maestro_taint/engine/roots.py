"""Where the outside world enters: route handlers, methods of framework classes, and state shared between functions.

Invariant: a function nobody in the program calls is entered with its globals and fields as any other function may
have left them; one that is called is judged where it is called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, source_of
from maestro_taint.domain.steps import joined
from maestro_taint.domain.values import CLEAN, Val, cleared, compose, join, root_value, source_value
from maestro_taint.engine import dependencies, responses
from maestro_taint.engine.applications import Applications
from maestro_taint.engine.apply import Application
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.attributes import SHARED
from maestro_taint.engine.external import reach
from maestro_taint.engine.routes import Routes
from maestro_taint.frontend import ir
from maestro_taint.kinds import BIT, SURE

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from maestro_taint.engine.solver import Solver
    from maestro_taint.engine.summary import Summary
    from maestro_taint.frontend.ir import Function, Module
    from maestro_taint.models.model import EntryModel


RAISED = "raised"  # an entry's parameters: what the handlers of the program raise


def enter_all(
    solver: Solver,
    solve: Callable[[Module, str], None],
    noting: Callable[[Module, str], AbstractContextManager[None]],
    asked: frozenset[str] | None = None,
) -> None:
    """Enter every handler, then those that are handed what a handler raised; then meet what is shared.

    ``solve`` runs a function that was not run yet; within ``noting`` a failure becomes a gap. With ``asked``, of other
    files only what was run is entered: they may have been read for a class or a constant alone.
    """
    applications = Applications(solver.program)
    raised: dict[str, Val] = {}
    later: list[tuple[Function, EntryModel]] = []
    routes = Routes(solver)
    called = {qn for summary in solver.done.values() for qn in summary.callees}
    for module in solver.program.modules.loaded():
        frame = solver.scratch(module)
        for qn, fn in module.functions.items():
            if asked is not None and module.path not in asked and (qn, ()) not in solver.done:
                continue
            with noting(module, qn):
                entry = _entry(solver, frame, fn, called)
                if entry is not None and (qn, ()) not in solver.done:
                    solve(module, qn)
                if (qn, ()) not in solver.done:
                    continue  # no handler, or one that could not be analysed
                if entry is not None and entry.params == RAISED:
                    later.append((fn, entry))
                elif entry is not None:
                    made = _handler(solver, fn, entry, CLEAN, routes)
                    whose = applications.of(fn.module)
                    raised[whose] = join(raised.get(whose, CLEAN), made)
                elif fn.decorators and not fn.cls and not fn.parent:
                    _wrapped(solver, module, qn)
    for fn, entry in later:
        with noting(solver.program.modules[fn.module], fn.qn):
            _handler(solver, fn, entry, raised.get(applications.of(fn.module), CLEAN), routes)
    _shared(solver, applications)


def _entry(solver: Solver, frame: Any, fn: Function, called: set[str]) -> EntryModel | None:
    """How a framework calls a function: by its decorator, as a method of a view class, or by its first parameter."""
    if fn.qn in solver.routed:
        return solver.models.entries[solver.routed[fn.qn]]
    for d in fn.decorators:
        callee = d[2] if d[0] == ir.CALL else d
        if callee[0] not in (ir.ATTR, ir.GLOBAL, ir.LOCAL):
            continue
        for t in frame.eval(callee).types:
            if t[0] == "x":
                model = solver.models.entries.get(solver.models.canonical(t[1]))
                if model is not None:
                    return _shown_as(frame, model, d)
    if fn.cls:
        return _method(solver, fn)
    if not fn.parent and len(fn.slots) > 1 and fn.slots[0] in solver.models.entries and fn.qn not in called:
        model = solver.models.entries[fn.slots[0]]
        return (
            model
            if solver.by_name(solver.program.modules[fn.module], fn.slots[0])
            and model.frameworks(solver.program.modules[fn.module].imports)
            else None
        )
    return None


def _method(solver: Solver, fn: Function) -> EntryModel | None:
    for base in solver.classes.order(fn.cls)[1] if fn.name in solver.models.methods_entered else ():
        model = solver.models.entries.get(solver.models.canonical(base))
        if model is not None and fn.name in model.methods:
            return model
    return None


def _shown_as(frame: Any, model: EntryModel, decorator: Any) -> EntryModel:
    """The entry with what its decorator says of the response: ``response_class=HTMLResponse``."""
    for name, node in decorator[4] if decorator[0] == ir.CALL else ():
        if name == "response_class" and any(str(t[1]).endswith("HTMLResponse") for t in frame.eval(node).types):
            return replace(model, returns=model.returns | BIT["html"])
    return model


def _handler(solver: Solver, fn: Function, entry: EntryModel, raised: Val, routes: Routes) -> Val:
    """Call a handler as its framework does: parameters from outside, its result to the client; what it raises."""
    module, qn = solver.program.modules[fn.module], fn.qn
    f = solver.scratch(module)
    f.fn = fn
    args: list[Val] = []
    for i, name in enumerate(fn.slots):
        default = fn.defaults.get(name)
        outside = entry.params and not (i == 0 and fn.cls) and not _injected(solver, f, fn, name)
        needed = dependencies.needed(solver, fn, name)
        if needed is not None:
            args.append(dependencies.provided(solver, f, needed, entry))
        elif not outside or (name in solver.models.parameters and solver.by_name(module, name)):
            args.append(root_value(("p", i)))
        elif entry.params == RAISED:
            args.append(raised)
        elif default is not None and entry.base:
            args.append(root_value(("p", i)))
        else:
            source = source_of(entry.params, entry.id, f.file, fn.position, f"{fn.name}({name})", entry.confidence)
            words = f"parameter {name} comes from the request"
            entered = source_value(source, steps.step(f.file, fn.position, words))
            bits = routes.excluded(fn, name)
            args.append(Val(cleared(entered.atoms, bits)) if bits else entered)
    summary = solver.summary(qn)
    wrapped = (
        solver.decorators.decorated(module, qn) if len(fn.decorators) > 1 and not fn.cls and not fn.parent else CLEAN
    )
    if any(t[0] == "w" for t in wrapped.types):
        made = solver.calls.dispatch(f, wrapped, Arguments(f, args, fn.position))
    else:
        made = Application(f, summary, args, None, fn.position, fn.name).run()
    if entry.returns and not responses.is_response(solver, made):
        atoms = responses.body(f, made)
        position = responses.last_return(fn)
        reach(f, responses.location(f, made), BIT["redirect"], f"{fn.name} response", entry.id, position)
        bits = entry.returns & ~BIT["html"] if responses.is_typed(f, made) else entry.returns
        reach(f, atoms, bits, f"{fn.name} response", entry.id, position)
    return Val({a: x for a, x in f.deep(f.raises).items() if isinstance(a, Source)})


def _wrapped(solver: Solver, module: Module, qn: str) -> None:
    """Call a decorated function as its wrapper does: the wrapper may give it what it did not get from its caller."""
    made = solver.decorators.decorated(module, qn)
    if any(t[0] == "w" for t in made.types) and solver.done[qn, ()].sinks:
        f = solver.scratch(module)
        solver.calls.dispatch(f, made, Arguments(f, [], module.functions[qn].position))


def _injected(solver: Solver, f: Any, fn: Function, name: str) -> bool:
    """A parameter the framework fills itself, or whose annotation admits no text."""
    annotation = fn.annotations.get(name)
    if annotation is None:
        return False
    if solver.classes.textless(fn.module, annotation):
        return True
    names = {t[1] for t in f.eval(annotation).types if t[0] == "x"}
    return any("Request" in n or "Response" in n for n in names)


def _shared(solver: Solver, applications: Applications) -> None:
    """Globals and fields: sources stored by one function, used by another that nobody calls with them known."""
    called = {qn for summary in solver.done.values() for qn in summary.callees}
    store = _stores(solver)
    if not store:
        return
    for key, summary in sorted(solver.done.items(), key=lambda kv: kv[0][0]):
        if key[1] or key[0] in called:
            continue
        _meet(solver, key[0], summary, store, applications)


def _stores(solver: Solver) -> dict[Any, Val]:
    """What any function leaves in a global or in a field of its class: sources only, by place where it is known."""
    store: dict[Any, Val] = {}
    for (qn, context), summary in sorted(solver.done.items(), key=lambda kv: (kv[0][0], repr(kv[0][1]))):
        if context:
            continue
        fn = solver.program.functions[qn]
        for key, held in summary.writes.items():
            for place, val in _places(fn, key, held):
                # Doubtful data is not followed through state that all share: everything would soon be doubtful.
                sources = {a: x for a, x in val.atoms.items() if isinstance(a, Source) and x[0] & SURE}
                if sources:
                    made = Val(sources)
                    store[place] = join(store[place], made) if place in store else made
    return store


def _places(fn: Function, key: Any, held: Any) -> list[tuple[Any, Val]]:
    """(root, first place below it or ``""``) to what is stored there."""
    if isinstance(held, Val):
        return [((key, ""), held)]
    root, path = key
    if root == ("p", 0) and fn.cls and not path:
        return [((("field", fn.cls), place), val) for place, val in held.fields.items()]
    if root[0] != "g":
        return []
    found = [((root, path[0] if path else place), val) for place, val in held.fields.items()]
    if held.rest is not None:
        found.append(((root, path[0] if path else ""), held.rest))
    return found


def _meet(solver: Solver, qn: str, summary: Summary, store: dict[Any, Val], applications: Applications) -> None:
    fn = solver.program.functions[qn]
    own, modules = applications.of(fn.module), solver.program.tree.modules
    frame = solver.scratch(solver.program.modules[fn.module])
    for (atom, site), (live, step) in summary.sinks.items():
        for held in _held(solver, fn, store, *atom):
            for a, (outer, st) in held.atoms.items():
                if atom[0][1] in SHARED and isinstance(a, Source) and applications.of(modules[a.file]) != own:
                    continue  # another application's requests
                left = compose(outer, a, live)
                if left & site.bit:
                    frame.reach({a: (left, joined(step, st))}, site.bit, site)


def _held(solver: Solver, fn: Function, store: dict[Any, Val], root: Any, path: Any) -> list[Val]:
    """What may stand at a root and path when a function is entered by nobody we know."""
    if root == ("p", 0) and fn.cls:
        keys = [(("field", cls), path[0]) for cls in solver.classes.order(fn.cls)[0]] if path else []
        found = next((store[k] for k in keys if k in store), None)
        return [] if found is None else [found]
    keys = [(root, ""), (root, path[0])] if path else [k for k in store if k[0] == root]
    return [store[k] for k in keys if k in store]
