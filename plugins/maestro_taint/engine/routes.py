"""Route tables: what a URL's pattern admits for a handler's parameter.

Invariant: a kind is ruled out only if every route to the handler that fills the parameter rules it out. What a pattern
lets through percent-encoded is decoded later, so a group that admits ``%`` rules out nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from maestro_taint.engine import charsets
from maestro_taint.frontend import ir
from maestro_taint.kinds import INJECTION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.ir import Function, Node

TABLES = re.compile(r"urlpatterns|handlers|routes|urls", re.IGNORECASE)
CALLS = ("path", "re_path", "url", "URLSpec")
CONVERTERS = re.compile(r"(?<!P)<(?:(\w+)(?:\([^)]*\))?:)?(\w+)>|\{(\w+)(?::(\w+))?\}")
SAFE = {
    "int": INJECTION, "float": INJECTION, "uuid": INJECTION,
    "slug": charsets.kinds_excluded(charsets.WORD | {"-"}),
}  # fmt: skip


class Routes:
    """The routes of a program, by handler; make one when all modules are read."""

    def __init__(self, solver: Solver) -> None:
        self.patterns: dict[str, list[str]] = defaultdict(list)
        for module in solver.program.modules.loaded():
            frame = solver.scratch(module)
            for name, binding in module.bindings.items():
                if binding[0] == "v" and binding[1] and TABLES.search(name):
                    for text, target in _entries(frame, binding[1]):
                        self.patterns[target].append(text)

    def excluded(self, fn: Function, name: str) -> int:
        """The kinds no route lets through to a parameter."""
        known = [*self.patterns.get(fn.cls or fn.qn, ()), *_own(fn)]
        told = [bits for text in known if (bits := _of(text, fn, name)) is not None]
        left = INJECTION if told else 0
        for bits in told:
            left &= bits
        return left


def _own(fn: Function) -> Iterator[str]:
    """The texts of a handler's own decorators."""
    for d in fn.decorators:
        if d[0] == ir.CALL:
            yield from (c for c in ir.constants(d[3]) if isinstance(c, str) and "/" in c)


def _of(text: str, fn: Function, name: str) -> int | None:
    """What a route says of a parameter; ``None`` if it does not fill it."""
    for converter, plain, braced, kind in CONVERTERS.findall(text):
        if name in (plain, braced):
            return SAFE.get(converter or kind, 0)
    try:
        pattern = re.compile(text)
    except re.error:
        return None
    first = 1 if fn.cls else 0
    number = pattern.groupindex.get(name)
    if number is None and not pattern.groupindex and name in fn.params[first : first + pattern.groups]:
        number = fn.params.index(name) - first + 1
    return None if number is None else charsets.kinds_of_group(text, number, without="%")


def _entries(f: Frame, table: Node) -> Iterator[tuple[str, str]]:
    """(pattern, handler) of each ``(pattern, Handler)`` and ``path(pattern, view)`` in a table."""
    stack: list[Any] = [table]
    while stack:
        n = stack.pop()
        if not isinstance(n, tuple):
            continue
        stack += n
        parts = _parts(n)
        if parts is None:
            continue
        text, target = f.eval(parts[0]).const, _handler(f, parts[1])
        if isinstance(text, str) and target:
            yield text, target


def _parts(n: tuple[Any, ...]) -> tuple[Node, Node] | None:
    if len(n) > 3 and n[0] == ir.SEQ and n[2] == "tuple" and len(n[3]) > 1:
        return n[3][0], n[3][1]
    named = len(n) > 4 and n[0] == ir.CALL and isinstance(n[2], tuple) and n[2][-1] in CALLS and len(n[3]) > 1
    return (n[3][0], n[3][1]) if named else None


def _handler(f: Frame, n: Node) -> str:
    """The function or class a table names, ``View.as_view()`` included."""
    if n[0] == ir.CALL and n[2][0] == ir.ATTR and n[2][3] == "as_view":
        n = n[2][2]
    if n[0] not in (ir.GLOBAL, ir.LOCAL, ir.ATTR):
        return ""
    return next((str(t[1]) for t in f.eval(n).types if t[0] in ("f", "c")), "")
