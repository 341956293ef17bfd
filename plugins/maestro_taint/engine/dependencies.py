"""Parameters that a framework fills by calling a function of the program: FastAPI's ``Depends`` and ``Security``.

Theorem: the framework calls the dependency as it calls a handler, with data of the request, so what it returns is what
the handler gets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import source_of
from maestro_taint.domain.values import CLEAN, Val, join, source_value
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.frame import ITER
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.ir import Function, Node
    from maestro_taint.models.model import EntryModel

MARKS = frozenset(("Depends", "Security"))
DEPTH = 4


def needed(solver: Solver, fn: Function, name: str) -> Val | None:
    """What a parameter depends on: of ``= Depends(get)`` or ``Annotated[T, Depends(get)]`` the function ``get``."""
    annotation = fn.annotations.get(name)
    for node in (fn.defaults.get(name), *(_arguments(annotation) if annotation is not None else ())):
        if node is not None and node[0] == ir.CALL and _mark(node[2]) in MARKS:
            given = node[3][0] if node[3] else next((v for k, v in node[4] if k == "dependency"), annotation)
            return CLEAN if given is None else solver.scratch(solver.program.modules[fn.module]).eval(given)
    return None


def _arguments(annotation: Node) -> tuple[Node, ...]:
    """``Annotated[T, a, b]``: T, a and b."""
    inner = annotation[3] if annotation[0] == ir.INDEX else None
    return inner[3] if inner is not None and inner[0] == ir.SEQ and isinstance(inner[3], tuple) else ()


def _mark(callee: Node) -> str:
    return str(callee[3] if callee[0] == ir.ATTR else callee[2])


def provided(solver: Solver, f: Frame, callee: Val, entry: EntryModel, depth: int = 0) -> Val:
    """What the dependency gives, called with data of the request."""
    made: Val | None = None
    for t in callee.types:
        fn = solver.program.functions.get(_entered(solver, t))
        if fn is None or depth >= DEPTH:
            continue
        skip = 1 if t[0] == "c" else 0
        inner = solver.scratch(solver.program.modules[fn.module])
        args = [_argument(solver, inner, fn, i, entry, depth) for i in range(skip, len(fn.slots))]
        one = solver.calls.dispatch(f, Val(types=(t,)), Arguments(f, args, fn.position))
        if fn.is_generator:
            one = f.place(one, ITER)
        made = one if made is None else join(made, one)
    return CLEAN if made is None else made


def _entered(solver: Solver, t: Any) -> str:
    if t[0] == "c":
        return solver.classes.method(t[1], "__init__") or ""
    return t[1] if t[0] == "f" else ""


def _argument(solver: Solver, f: Frame, fn: Function, i: int, entry: EntryModel, depth: int) -> Val:
    name = fn.slots[i]
    inner = needed(solver, fn, name)
    if inner is not None:
        return provided(solver, f, inner, entry, depth + 1)
    annotation = fn.annotations.get(name)
    types = f.eval(annotation).types if annotation is not None else ()
    if any(t[0] == "x" and ("Request" in t[1] or "WebSocket" in t[1]) for t in types):
        return Val(types=types)
    if annotation is not None and solver.classes.textless(fn.module, annotation):
        return CLEAN
    source = source_of(entry.params, entry.id, f.file, fn.position, f"{fn.name}({name})", entry.confidence)
    words = f"parameter {name} comes from the request"
    return source_value(source, steps.step(f.file, fn.position, words))
