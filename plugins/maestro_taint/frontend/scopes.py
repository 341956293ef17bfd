"""Which names a scope binds, without leaving the scope.

Invariant: equals Python's own rule: a name bound anywhere in a function body is local unless declared otherwise.
"""

from __future__ import annotations

import ast

_STOP = {ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda}
_COMPREHENSIONS = {ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp}
_LEAVES = {ast.Constant, ast.Global, ast.Nonlocal, ast.MatchSingleton}
_PARTS: dict[type, tuple[tuple[str, ...], int]] = {}  # fields that hold further nodes; how many others there are
_OPERATIONS = ("op", "ctx")
_WORDS = frozenset((
    "arg", "asname", "attr", "conversion", "id", "is_async", "kind", "kwd_attrs", "level", "module", "name",
    "rest", "simple", "type_comment",
))  # fmt: skip


class Bound:
    """The names one scope binds (by an import among them), declares global and nonlocal, and whether it yields."""

    __slots__ = ("globals", "imported", "local", "nonlocals", "size", "yields")

    def __init__(self, body: list[ast.stmt]) -> None:
        self.local: set[str] = set()
        self.imported: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.yields = False
        self.size = 0
        self._walk(body)
        self.local |= self.imported
        self.local -= self.globals | self.nonlocals

    def _walk(self, body: list[ast.stmt]) -> None:  # noqa: C901 - one branch per form
        stack: list[ast.AST] = list(body)
        local = self.local
        while stack:
            node = stack.pop()
            self.size += 1
            kind = type(node)
            if kind is ast.Name:
                if type(node.ctx) is not ast.Load:  # type: ignore[attr-defined]
                    local.add(node.id)  # type: ignore[attr-defined]
                continue
            if kind in _STOP:
                self._nested(node, stack)
                continue
            if kind in _OTHERS:
                self._other(node)
            if kind in _LEAVES:
                continue
            if kind in _COMPREHENSIONS:
                # Targets of a comprehension are lowered under names of their own.
                stack += [n for n in ast.walk(node) if type(n) is ast.NamedExpr]
                self.yields = self.yields or any(type(n) in (ast.Yield, ast.YieldFrom) for n in ast.walk(node))
                continue
            names, extra = _PARTS.get(kind) or _parts(kind)
            self.size += extra
            for name in names:
                child = getattr(node, name)
                if type(child) is list:
                    stack += child if None not in child else [c for c in child if c is not None]
                elif child is not None:
                    stack.append(child)

    def _nested(self, node: ast.AST, stack: list[ast.AST]) -> None:
        if isinstance(node, ast.Lambda):
            stack += [*node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            self.local.add(node.name)
            stack += [*node.decorator_list, *node.args.defaults, *(d for d in node.args.kw_defaults if d)]
        elif isinstance(node, ast.ClassDef):
            self.local.add(node.name)
            stack += [*node.decorator_list, *node.bases]

    def _other(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.imported.update((a.asname or a.name.partition(".")[0]) for a in node.names if a.name != "*")
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            if node.name:
                self.local.add(node.name)
        elif isinstance(node, ast.MatchMapping):
            if node.rest:
                self.local.add(node.rest)
        elif isinstance(node, ast.Global):
            self.globals.update(node.names)
        elif isinstance(node, ast.Nonlocal):
            self.nonlocals.update(node.names)
        elif isinstance(node, ast.Yield | ast.YieldFrom):
            self.yields = True


_OTHERS = {
    ast.Import,
    ast.ImportFrom,
    ast.ExceptHandler,
    ast.MatchAs,
    ast.MatchStar,
    ast.MatchMapping,
    ast.Global,
    ast.Nonlocal,
    ast.Yield,
    ast.YieldFrom,
}


def _parts(kind: type[ast.AST]) -> tuple[tuple[str, ...], int]:
    """What of a kind of node to walk into: not its words, nor operators and contexts, which are only counted."""
    names = tuple(n for n in kind._fields if n not in _OPERATIONS and n not in _WORDS)
    found = _PARTS[kind] = (names, sum(n in _OPERATIONS for n in kind._fields))
    return found
