# ruff: noqa: SLF001 - the table at the end names the class's own methods
"""Statements to intermediate form, and what they bind at module level.

Invariant: statement order is kept; module-level bindings are recorded with how often each name is assigned.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.frontend.ir import Module, Node
    from maestro_taint.frontend.lower import Scope

# Methods that change the object they are called on: a global container they are called on is no constant.
MUTATORS = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "setdefault",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "sort",
        "reverse",
        "appendleft",
        "__setitem__",
    ]
)


class Statements:
    """The statement half of the lowering."""

    module: Module
    scope: Scope
    expr: Callable[[ast.expr], Node]
    target: Callable[[ast.expr], Node]
    function: Callable[[Any], str]
    classdef: Callable[[ast.ClassDef], str]

    def block(self, body: list[ast.stmt]) -> tuple[Node, ...]:
        """Lower a suite; statements without effect on data are left out."""
        made = []
        for s in body:
            lower = _STATEMENTS.get(type(s))
            if lower is not None:
                node = lower(self, s, s.lineno << 12 | min(s.col_offset, 4095))
                if node is not None:
                    made.append(node)
        return tuple(made)

    def _expr(self, s: ast.Expr, at: int) -> Node | None:
        value = s.value
        if isinstance(value, ast.Constant):
            return None
        if (
            isinstance(value, ast.Call)
            and isinstance(value.func, ast.Attribute)
            and isinstance(value.func.value, ast.Name)
            and value.func.attr in MUTATORS
        ):
            self.module.changed.add(value.func.value.id)
        return (ir.EXPR, at, self.expr(value))

    def _assign(self, s: ast.Assign, at: int) -> Node:
        value = self.expr(s.value)
        targets = tuple(self.target(t) for t in s.targets)
        for t in s.targets:
            self._bind_target(t, value)
        return (ir.ASSIGN, at, targets, value)

    def _annassign(self, s: ast.AnnAssign, at: int) -> Node | None:
        if s.value is None:
            return None
        value = self.expr(s.value)
        self._bind_target(s.target, value)
        return (ir.ASSIGN, at, (self.target(s.target),), value)

    def _augassign(self, s: ast.AugAssign, at: int) -> Node:
        self._bind_target(s.target, None)
        if isinstance(s.target, ast.Name):
            self.module.changed.add(s.target.id)
        read = ast.copy_location(_as_load(s.target), s.target)
        return (ir.AUG, at, self.target(s.target), _OP.get(type(s.op), "?"), self.expr(read), self.expr(s.value))

    def _bind_target(self, t: ast.expr, value: Node | None) -> None:
        if self.scope.kind != "module":
            return
        if isinstance(t, ast.Name):
            self.bind(t.id, ("v", value))
        else:
            for n in ast.walk(t):
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                    self.bind(n.id, ("v", None))

    def bind(self, name: str, binding: Node) -> None:
        """Record a module-level binding; the first one that says something is kept."""
        if self.scope.kind != "module":
            return
        module = self.module
        module.counts[name] = module.counts.get(name, 0) + 1
        if name not in module.bindings or module.bindings[name] == ("v", None):
            module.bindings[name] = binding

    def _return(self, s: ast.Return, at: int) -> Node:
        return (ir.RETURN, at, self.expr(s.value) if s.value else (ir.CONST, at, None))

    def _if(self, s: ast.If, at: int) -> Node:  # noqa: ARG002 - one signature for all table entries
        # An elif chain is nested as deep as it is long: walk it down.
        chain = [s]
        while len(chain[-1].orelse) == 1 and isinstance(chain[-1].orelse[0], ast.If):
            chain.append(chain[-1].orelse[0])
        last = self.block(chain[-1].orelse)
        made: Node = ()
        for one in reversed(chain):
            made = (ir.IF, ir.pack(one.lineno, one.col_offset), self.expr(one.test), self.block(one.body), last)
            last = (made,)
        return made

    def _while(self, s: ast.While, at: int) -> Node:
        return (ir.LOOP, at, self.expr(s.test), self.block(s.body), self.block(s.orelse))

    def _for(self, s: ast.For | ast.AsyncFor, at: int) -> Node:
        self._bind_target(s.target, None)
        return (ir.FOR, at, self.target(s.target), self.expr(s.iter), self.block(s.body), self.block(s.orelse))

    def _try(self, s: Any, at: int) -> Node:
        handlers = tuple(
            (self.expr(h.type) if h.type else None, h.name or "", self.block(h.body), ir.pack(h.lineno, h.col_offset))
            for h in s.handlers
        )
        return (ir.TRY, at, self.block(s.body), handlers, self.block(s.orelse), self.block(s.finalbody))

    def _with(self, s: ast.With | ast.AsyncWith, at: int) -> Node:
        items = []
        for item in s.items:
            if item.optional_vars is not None:
                self._bind_target(item.optional_vars, None)
            items.append(
                (self.expr(item.context_expr), self.target(item.optional_vars) if item.optional_vars else None)
            )
        return (ir.WITH, at, tuple(items), self.block(s.body))

    def _raise(self, s: ast.Raise, at: int) -> Node:
        return (ir.RAISE, at, self.expr(s.exc) if s.exc else None)

    def _match(self, s: ast.Match, at: int) -> Node:
        cases = tuple(
            (self.pattern(c.pattern), self.expr(c.guard) if c.guard else None, self.block(c.body)) for c in s.cases
        )
        return (ir.MATCH, at, self.expr(s.subject), cases)

    def pattern(self, p: ast.pattern) -> Node:  # noqa: PLR0911 - one return per form
        """A match pattern: ("value", expr) ("any", name) ("or", ...) ("seq", ...) ("map", ...) ("cls", ...)."""
        if isinstance(p, ast.MatchValue):
            return ("value", self.expr(p.value))
        if isinstance(p, ast.MatchSingleton):
            return ("value", (ir.CONST, 0, p.value))
        if isinstance(p, ast.MatchAs):
            return ("any", p.name, self.pattern(p.pattern) if p.pattern else None)
        if isinstance(p, ast.MatchOr):
            return ("or", tuple(self.pattern(o) for o in p.patterns))
        if isinstance(p, ast.MatchSequence):
            return ("seq", tuple(self.pattern(o) for o in p.patterns))
        if isinstance(p, ast.MatchMapping):
            pairs = tuple((self.expr(k), self.pattern(v)) for k, v in zip(p.keys, p.patterns, strict=True))
            return ("map", pairs, p.rest)
        if isinstance(p, ast.MatchClass):
            named = tuple(zip(p.kwd_attrs, (self.pattern(o) for o in p.kwd_patterns), strict=True))
            return ("cls", self.expr(p.cls), tuple(self.pattern(o) for o in p.patterns), named)
        return ("any", p.name if isinstance(p, ast.MatchStar) else None, None)

    def _def(self, s: ast.FunctionDef | ast.AsyncFunctionDef, at: int) -> Node:
        qn = self.function(s)
        self.bind(s.name, ("f", qn))
        return (ir.DEF, at, s.name, qn)

    def _class(self, s: ast.ClassDef, at: int) -> Node:
        qn = self.classdef(s)
        self.bind(s.name, ("c", qn))
        return (ir.CLASS, at, s.name, qn)

    def _import(self, s: ast.Import, at: int) -> Node:
        bound = []
        for a in s.names:
            self.module.imports.add(a.name)
            name = a.asname or a.name.partition(".")[0]
            dotted = a.name if a.asname else name
            self.bind(name, ("i", dotted, ""))
            self.module.aliases.append((name, dotted, ""))
            bound.append((name, dotted, ""))
        return (ir.IMPORT, at, tuple(bound))

    def _import_from(self, s: ast.ImportFrom, at: int) -> Node:
        source = self._absolute(s.module or "", s.level)
        bound = []
        for a in s.names:
            self.module.imports.add(source)
            if a.name == "*":
                self.module.stars = (*self.module.stars, source)
                continue
            self.module.imports.add(f"{source}.{a.name}")
            self.bind(a.asname or a.name, ("i", source, a.name))
            self.module.aliases.append((a.asname or a.name, source, a.name))
            bound.append((a.asname or a.name, source, a.name))
        return (ir.IMPORT, at, tuple(bound))

    def _absolute(self, name: str, level: int) -> str:
        if level == 0:
            return name
        parts = self.module.name.split(".")
        keep = len(parts) - level + (1 if self.module.is_package else 0)
        return ".".join([*parts[: max(keep, 0)], *([name] if name else [])])

    def _delete(self, s: ast.Delete, at: int) -> Node:
        return (ir.DEL, at, tuple(self.target(t) for t in s.targets))

    def _assert(self, s: ast.Assert, at: int) -> Node:
        return (ir.ASSERT, at, self.expr(s.test))

    def _break(self, s: ast.Break, at: int) -> Node:  # noqa: ARG002 - one signature for all table entries
        return (ir.BREAK, at)

    def _continue(self, s: ast.Continue, at: int) -> Node:  # noqa: ARG002 - one signature for all table entries
        return (ir.CONTINUE, at)


def _as_load(t: ast.expr) -> ast.expr:
    if isinstance(t, ast.Name):
        return ast.Name(t.id, ast.Load())
    if isinstance(t, ast.Attribute):
        return ast.Attribute(t.value, t.attr, ast.Load())
    if isinstance(t, ast.Subscript):
        return ast.Subscript(t.value, t.slice, ast.Load())
    return t


_OP = {ast.Add: "+", ast.Mod: "%", ast.Mult: "*", ast.BitOr: "|", ast.Sub: "-", ast.Div: "/", ast.FloorDiv: "//"}

_STATEMENTS: dict[type, Any] = {
    ast.Expr: Statements._expr,
    ast.Assign: Statements._assign,
    ast.AnnAssign: Statements._annassign,
    ast.AugAssign: Statements._augassign,
    ast.Return: Statements._return,
    ast.If: Statements._if,
    ast.While: Statements._while,
    ast.For: Statements._for,
    ast.AsyncFor: Statements._for,
    ast.Try: Statements._try,
    ast.TryStar: Statements._try,
    ast.With: Statements._with,
    ast.AsyncWith: Statements._with,
    ast.Raise: Statements._raise,
    ast.Match: Statements._match,
    ast.FunctionDef: Statements._def,
    ast.AsyncFunctionDef: Statements._def,
    ast.ClassDef: Statements._class,
    ast.Import: Statements._import,
    ast.ImportFrom: Statements._import_from,
    ast.Delete: Statements._delete,
    ast.Assert: Statements._assert,
    ast.Break: Statements._break,
    ast.Continue: Statements._continue,
}
