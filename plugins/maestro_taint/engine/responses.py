"""What leaves with a response: its body, where it is returned, whether a browser shows it as HTML.

Invariant: a body counts as HTML unless every type the function gives a response is known to be another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import Val, join_atoms
from maestro_taint.engine.frame import ITER
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.ir import Function, Node

FRAMEWORKS = ("flask.", "werkzeug.", "django.", "starlette.", "fastapi.", "aiohttp.", "tornado.")
TYPES = ("content_type", "mimetype", "media_type")


def is_response(solver: Solver, made: Val) -> bool:
    """Whether a handler returns a response object, whose body was judged where it was made."""
    for t in made.types:
        model = solver.models.calls.get(solver.models.canonical(t[1])) if t[0] == "x" else None
        if model is not None and model.source is None and t[1].startswith(FRAMEWORKS):
            return True
    return False


def body(f: Frame, made: Val) -> dict[Any, Any]:
    """The body of a response: of ``(body, status)`` the first; a mapping becomes JSON; a generator is streamed."""
    atoms = f.own(made)
    for oid in made.objs:
        obj = f.get(oid)
        if obj.kind == "tuple" and "=0" in obj.fields:
            atoms = join_atoms(atoms, obj.fields["=0"].atoms)
        elif obj.kind == "gen":
            atoms = join_atoms(atoms, f.deep(f.place(Val(objs=(oid,)), ITER)))
        elif obj.kind not in ("dict", "list"):
            atoms = join_atoms(atoms, f.solver.attributes.printed(f, Val(objs=(oid,))))
    return atoms


def is_typed(f: Frame, made: Val) -> bool:
    """Whether a returned ``(body, status, headers)`` names a content type that is not HTML."""
    for oid in made.objs:
        obj = f.get(oid)
        headers = [o for v in obj.fields.values() for o in v.objs] if obj.kind == "tuple" else []
        if is_headed(f, Val(objs=tuple(headers))):
            return True
    return False


def location(f: Frame, made: Val) -> dict[Any, Any]:
    """What of a returned ``(body, status, headers)`` says where to go."""
    atoms: dict[Any, Any] = {}
    for oid in made.objs:
        obj = f.get(oid)
        for v in obj.fields.values() if obj.kind == "tuple" else ():
            told = [f.get(o).fields.get("='Location'") for o in v.objs]
            for one in told:
                atoms = atoms if one is None else join_atoms(atoms, one.atoms)
    return atoms


def is_headed(f: Frame, headers: Val | None) -> bool:
    """Whether headers given to a response name a content type that is not HTML."""
    for oid in headers.objs if headers is not None else ():
        told = f.get(oid).fields.get("='Content-Type'")
        if told is not None and isinstance(told.const, str) and "html" not in told.const:
            return True
    return False


def last_return(fn: Function) -> int:
    """The place of the last return of a function, where its response leaves."""
    return max((n[1] for n in _statements(fn.body) if n[0] == ir.RETURN), default=fn.position)


def is_plain(fn: Function) -> bool:
    """Whether a function gives its response a content type, and none that a browser shows as HTML."""
    told = [value for n in _statements(fn.body) if n[0] == ir.ASSIGN for t in n[2] if (value := _type_set(t, n[3]))]
    return bool(told) and all(v[0] == ir.CONST and "html" not in str(v[2]) and "svg" not in str(v[2]) for v in told)


def _type_set(target: Node, value: Node) -> Node | None:
    if target[0] == ir.ATTR and target[3] in TYPES:
        return value
    named = target[0] == ir.INDEX and target[3][0] == ir.CONST and str(target[3][2]).lower() == "content-type"
    return value if named else None


def _statements(body: tuple[Node, ...]) -> Iterator[Node]:
    stack: list[Any] = list(body)
    while stack:
        n = stack.pop()
        yield n
        for part in n[2:]:
            if isinstance(part, tuple):
                stack += [p for p in part if isinstance(p, tuple) and p and isinstance(p[0], int) and len(p) > 1]
