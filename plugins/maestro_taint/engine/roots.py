"""Where the outside world enters: route handlers, methods of framework classes, and state shared between functions.

Invariant: a function nobody in the program calls is entered with its globals and fields as any other function may
have left them; one that is called is judged where it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, source_of
from maestro_taint.domain.steps import joined
from maestro_taint.domain.values import Val, compose, join, root_value, source_value
from maestro_taint.engine.apply import Application
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.external import reach
from maestro_taint.frontend import ir
from maestro_taint.kinds import SURE

if TYPE_CHECKING:
    from maestro_taint.engine.solver import Solver
    from maestro_taint.engine.summary import Summary
    from maestro_taint.frontend.ir import Function, Module
    from maestro_taint.models.model import EntryModel


def enter_all(solver: Solver) -> None:
    """Enter every handler, then meet what is shared."""
    for module in solver.program.modules.loaded():
        frame = solver.scratch(module)
        for qn, fn in module.functions.items():
            entry = _entry(solver, frame, fn) if fn.decorators else None
            if entry is not None:
                _handler(solver, qn, fn, entry)
            elif fn.decorators and not fn.cls and not fn.parent and (qn, ()) in solver.done:
                _wrapped(solver, module, qn)
    _shared(solver)


def _entry(solver: Solver, frame: Any, fn: Function) -> EntryModel | None:
    for d in fn.decorators:
        callee = d[2] if d[0] == ir.CALL else d
        if callee[0] not in (ir.ATTR, ir.GLOBAL, ir.LOCAL):
            continue
        for t in frame.eval(callee).types:
            if t[0] == "x":
                model = solver.models.entries.get(solver.models.canonical(t[1]))
                if model is not None:
                    return model
    return None


def _handler(solver: Solver, qn: str, fn: Function, entry: EntryModel) -> None:
    """Call a handler as its framework does: parameters from outside, its result to the client."""
    f = solver.scratch(solver.program.modules[fn.module])
    f.fn = fn
    args: list[Val] = []
    for i, name in enumerate(fn.slots):
        default = fn.defaults.get(name)
        outside = entry.params and not (i == 0 and fn.cls) and not _injected(solver, f, fn, name, default)
        if not outside:
            args.append(root_value(("p", i)))
            continue
        source = source_of(entry.params, entry.id, f.file, fn.position, f"{fn.name}({name})")
        args.append(source_value(source, steps.step(f.file, fn.position, f"parameter {name} comes from the request")))
    summary = solver.summary(qn)
    made = Application(f, summary, args, None, fn.position, fn.name).run()
    if entry.returns and not _response(solver, made):
        atoms = _body(f, made)
        position = _last_return(fn)
        reach(f, atoms, entry.returns, f"{fn.name} response", entry.id, position)


def _wrapped(solver: Solver, module: Module, qn: str) -> None:
    """Call a decorated function as its wrapper does: the wrapper may give it what it did not get from its caller."""
    made = solver.decorated(module, qn)
    if any(t[0] == "w" for t in made.types) and solver.done[qn, ()].sinks:
        f = solver.scratch(module)
        solver.calls.dispatch(f, made, Arguments(f, [], module.functions[qn].position))


FRAMEWORKS = ("flask.", "werkzeug.", "django.", "starlette.", "fastapi.", "aiohttp.", "tornado.")


def _response(solver: Solver, made: Val) -> bool:
    """Whether a handler returns a response object, whose body was judged where it was made."""
    for t in made.types:
        model = solver.models.calls.get(solver.models.canonical(t[1])) if t[0] == "x" else None
        if model is not None and model.source is None and t[1].startswith(FRAMEWORKS):
            return True
    return False


def _injected(solver: Solver, f: Any, fn: Function, name: str, default: Any) -> bool:  # noqa: ARG001 - one signature for all table entries
    """A parameter the framework fills itself (``Depends``), or whose annotation admits no text."""
    if default is not None and default[0] == ir.CALL:
        callee = default[2]
        if str(callee[3] if callee[0] == ir.ATTR else callee[2]) == "Depends":
            return True
    annotation = fn.annotations.get(name)
    if annotation is None:
        return False
    names = {t[1] for t in f.eval(annotation).types if t[0] == "x"}
    plain = {n.removeprefix("builtins.") for n in names}
    return bool(plain & {"int", "float", "bool", "uuid.UUID"}) or any("Request" in n or "Response" in n for n in names)


def _body(f: Any, made: Val) -> dict[Any, Any]:
    """The body of a response: of ``(body, status)`` the first; a mapping becomes JSON."""
    atoms = f.own(made)
    for oid in made.objs:
        obj = f.get(oid)
        if obj.kind == "tuple" and "=0" in obj.fields:
            atoms = {**atoms, **obj.fields["=0"].atoms}
        elif obj.kind not in ("dict", "list"):
            atoms = {**atoms, **f.solver.attributes.printed(f, Val(objs=(oid,)))}
    return atoms  # type: ignore[no-any-return]


def _last_return(fn: Function) -> int:
    """The place of the last return of a function, where its response leaves."""
    found = fn.position
    stack = list(fn.body)
    while stack:
        n = stack.pop()
        if n[0] == ir.RETURN:
            found = max(found, n[1])
        for part in n[2:]:
            if isinstance(part, tuple):
                stack += [p for p in part if isinstance(p, tuple) and p and isinstance(p[0], int) and len(p) > 1]
    return found


def _shared(solver: Solver) -> None:
    """Globals and fields: sources stored by one function, used by another that nobody calls with them known."""
    called = {qn for summary in solver.done.values() for qn in summary.callees}
    store = _stores(solver)
    if not store:
        return
    for key, summary in sorted(solver.done.items(), key=lambda kv: kv[0][0]):
        if key[1] or key[0] in called:
            continue
        _meet(solver, key[0], summary, store)


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


def _meet(solver: Solver, qn: str, summary: Summary, store: dict[Any, Val]) -> None:
    fn = solver.program.functions[qn]
    frame = solver.scratch(solver.program.modules[fn.module])
    for (atom, site), (live, step) in summary.sinks.items():
        for held in _held(solver, fn, store, *atom):
            for a, (outer, st) in held.atoms.items():
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
