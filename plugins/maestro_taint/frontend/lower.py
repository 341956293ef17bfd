"""Syntax tree to intermediate form: scopes, functions, classes and module bindings.

Invariant: lowering is a function of (module name, path, source) alone, so its result may be cached by content.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_taint.frontend import ir
from maestro_taint.frontend.expressions import Expressions
from maestro_taint.frontend.scopes import Bound
from maestro_taint.frontend.statements import Statements

if TYPE_CHECKING:
    from maestro_taint.frontend.ir import ClassInfo, Function, Module, Node

BODY = "<module>"


class Scope:
    """Where names are looked up: one function or class body, or the module itself."""

    __slots__ = ("bound", "cls", "kind", "outer", "qn", "rename")

    def __init__(self, qn: str, kind: str, bound: Bound | None, outer: Scope | None, cls: str = "") -> None:
        self.qn = qn
        self.kind = kind
        self.bound = bound
        self.outer = outer
        self.cls = cls
        self.rename: dict[str, str] = {}


class Lowering(Expressions, Statements):
    """Lowers one file; make one per file and call :meth:`run`."""

    def __init__(self, module: Module) -> None:
        self.module = module
        self.scope = Scope(f"{module.name}.{BODY}", "module", None, None)
        self.serial = 0
        self.names: set[str] = set()
        self.touched: set[str] = set()

    def run(self, tree: ast.Module) -> Module:
        """Fill the module record from its tree.

        Raises:
            RecursionError: an expression nested deeper than the interpreter's stack.
        """
        bound = Bound(tree.body)
        self.scope.bound = bound
        body = self.block(tree.body)
        qn = self.scope.qn
        whole = ir.Function(qn, self.module.name, BODY, ir.pack(1, 0), code=body, size=bound.size)
        whole.names, whole.touched = frozenset(self.names), frozenset(self.touched)
        self.module.functions[qn] = whole
        return self.module

    def name(self, node: ast.Name, position: int) -> Node:
        """A name where it is read."""
        return self.lookup(node.id, position)

    def lookup(self, name: str, position: int) -> Node:
        """Local, free (of an enclosing function) or global: Python's rule, class scopes seen by their own body only."""
        scope: Scope | None = self.scope
        first = True
        while scope is not None:
            if name in scope.rename:
                return (ir.LOCAL, position, scope.rename[name])
            bound = scope.bound
            if bound is not None and (first or scope.kind != "class"):
                if name in bound.globals or (scope.kind == "module" and first):
                    break
                if scope.kind != "module" and name in bound.local:
                    if name in bound.imported:
                        self.names.add(name)
                    return (ir.LOCAL, position, name) if first else self.captured(scope.qn, name, position)
            first = first and scope.kind == "comp"
            scope = scope.outer
        self.names.add(name)
        if self.scope.kind == "module" and self.scope.bound and name in self.scope.bound.local:
            return (ir.LOCAL, position, name)
        return (ir.GLOBAL, position, name)

    def captured(self, owner: str, name: str, position: int) -> Node:
        """A name of an enclosing function: every function in between captures it."""
        scope: Scope | None = self.scope
        while scope is not None and scope.qn != owner:
            self.module.captures.setdefault(scope.qn, set()).add((owner, name))
            scope = scope.outer
        return (ir.FREE, position, owner, name)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
        """Lower a function and file it; its qualified name."""
        qn = self.unique(f"{self.prefix()}{node.name}")
        made = ir.Function(qn, self.module.name, node.name, _at(node))
        outer = self.names, self.touched
        self.names, self.touched = set(), set()
        made.decorators = tuple(self.expr(d) for d in node.decorator_list)
        self.signature(made, node.args)
        # Decorators and defaults run where the function is defined.
        outer[0].update(self.names)
        outer[1].update(self.touched)
        if node.returns is not None:
            made.returns = self.annotation(node.returns)
        made.cls = self.scope.cls if self.scope.kind == "class" else ""
        made.is_async = isinstance(node, ast.AsyncFunctionDef)
        made.last = node.end_lineno or 0
        self.within(made, node.args, node.body)
        made.names, made.touched = frozenset(self.names), frozenset(self.touched)
        self.names, self.touched = outer
        if made.parent:
            self.names |= made.names
            self.touched |= made.touched
        return qn

    def within(self, made: Function, arguments: ast.arguments, body: list[ast.stmt]) -> None:  # noqa: ARG002 - one signature for all table entries
        """Lower a body in a scope of its own."""
        bound = Bound(body)
        bound.local |= set(made.slots) - bound.globals - bound.nonlocals
        outer = self.scope
        made.parent = self.enclosing(outer)
        self.scope = Scope(made.qn, "function", bound, outer, made.cls or outer.cls)
        made.code = self.block(body)
        made.is_generator = bound.yields
        made.size = bound.size
        self.scope = outer
        self.module.functions[made.qn] = made

    @staticmethod
    def enclosing(scope: Scope | None) -> str:
        """The qualified name of the nearest enclosing function, or ``''``."""
        while scope is not None and scope.kind != "function":
            scope = scope.outer
        return scope.qn if scope is not None else ""

    def signature(self, made: Function, arguments: ast.arguments) -> None:
        """Parameters, defaults and annotations."""
        positional = [*arguments.posonlyargs, *arguments.args]
        made.params = tuple(a.arg for a in (*positional, *arguments.kwonlyargs))
        made.keyword_only = len(arguments.kwonlyargs)
        made.vararg = arguments.vararg.arg if arguments.vararg else ""
        made.kwarg = arguments.kwarg.arg if arguments.kwarg else ""
        for a, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
            made.defaults[a.arg] = self.expr(default)
        for a, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if value is not None:
                made.defaults[a.arg] = self.expr(value)
        for a in (*positional, *arguments.kwonlyargs):
            if a.annotation is not None:
                made.annotations[a.arg] = self.annotation(a.annotation)

    def annotation(self, node: ast.expr) -> Node:
        """An annotation; one written as a string is parsed, and one that is no expression says nothing."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                inner = ast.parse(node.value.strip(), mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return (ir.UNKNOWN, _at(node))
            for child in ast.walk(inner):
                ast.copy_location(child, node)
            return self.expr(inner)
        return self.expr(node)

    def classdef(self, node: ast.ClassDef) -> str:
        """Lower a class: its methods become functions, its other statements a body run at definition."""
        qn = self.unique(f"{self.prefix()}{node.name}")
        info = ir.ClassInfo(qn, self.module.name, node.name, _at(node))
        info.bases = tuple(self.expr(b) for b in node.bases)
        info.decorators = tuple(self.expr(d) for d in node.decorator_list)
        info.scope = self.enclosing(self.scope)
        self.module.classes[qn] = info
        outer = self.scope
        self.scope = Scope(qn, "class", Bound(node.body), outer, qn)
        rest: list[Node] = []
        for statement in node.body:
            self.member(info, statement, rest)
        self.scope = outer
        body = ir.Function(f"{qn}.<class>", self.module.name, "<class>", info.position, code=tuple(rest), cls=qn)
        body.parent = info.scope
        self.module.functions[body.qn] = body
        return qn

    def member(self, info: ClassInfo, statement: ast.stmt, rest: list[Node]) -> None:
        """File one statement of a class body."""
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            known = info.methods.get(statement.name)
            made = self.function(statement)
            # A property's setter or deleter bears the getter's name and must not hide it.
            setter = any(
                isinstance(d, ast.Attribute) and d.attr in ("setter", "deleter") for d in statement.decorator_list
            )
            info.methods[f"{statement.name}=" if setter and known else statement.name] = made
            if statement.name == "__init__" and statement.args.args:
                self.stored(info, statement)
            return
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            value = self.expr(statement.value) if statement.value is not None else None
            info.fields[statement.target.id] = (self.annotation(statement.annotation), value, _at(statement))
            return
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    info.fields[target.id] = (None, self.expr(statement.value), _at(statement))
        rest += self.block([statement])

    def stored(self, info: ClassInfo, init: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """File the fields an ``__init__`` fills: ``self.email: str = value``, ``self.email = email``."""
        own, *others = (*init.args.posonlyargs, *init.args.args, *init.args.kwonlyargs)
        annotations = {a.arg: a.annotation for a in others}
        for s in init.body:
            target = s.target if isinstance(s, ast.AnnAssign) else s.targets[0] if isinstance(s, ast.Assign) else None
            if not (
                isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == own.arg
            ):
                continue
            value = s.value if isinstance(s, ast.AnnAssign | ast.Assign) else None
            said = s.annotation if isinstance(s, ast.AnnAssign) else None
            same = isinstance(value, ast.Name) and value.id in annotations and value.id == target.attr
            if said is None and same:
                said = annotations[target.attr]
            if said is not None or same:
                shape = (ir.UNKNOWN, _at(s)) if said is None else self.annotation(said)
                info.stored[target.attr] = (shape, None, _at(s))

    def prefix(self) -> str:
        """What the qualified name of a nested definition begins with."""
        qn = self.scope.qn
        return f"{qn.removesuffix(BODY)}" if self.scope.kind == "module" else f"{qn}."

    def unique(self, qn: str) -> str:
        """A qualified name nobody has: later definitions of one name get an ordinal."""
        functions, classes, number = self.module.functions, self.module.classes, 1
        made = qn
        while made in functions or made in classes:
            number += 1
            made = f"{qn}@{number}"
        return made


def _at(node: ast.AST) -> int:
    return ir.pack(node.lineno, node.col_offset)  # type: ignore[attr-defined]
