"""Memos on what a function is given: filled where they are found empty, by the same function or by one it calls.

They are attributes of ``self`` or of an argument, or a table handed in. If the object outlives the test, later users
read it without running what filled it.

Invariant: over-approximation of these forms, by syntax: a guard that finds the attribute empty and fills it in its
body; an early return of what was found, and a store elsewhere; a store of ``self.x or ...``; an attribute missed in a
``try`` and stored. An object under construction has no memo yet. State machines (``if self.x: self.x = 0``) are none.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TypeAlias

from maestro_bloom.syntax_nodes import below, nodes_of, own_nodes, own_nodes_of

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Fillers: TypeAlias = Mapping[str, frozenset[str]]

# What only removes leaves nothing behind that code computed.
MUTATORS = frozenset(
    """
    add append appendleft extend insert push put register set set_exception set_result setdefault update __setitem__
    """.split()  # noqa: SIM905 - names in a row read better than one to a line
)
# They store what they are told to in their first argument.
SETTERS = frozenset({"setattr", "delattr", "setitem", "delitem", "__setattr__"})
# Stands for whatever a method of the owner itself looked up or put away.
_ASKED = "()"
_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__setstate__", "__attrs_post_init__"})
_MISSES = frozenset({"AttributeError", "KeyError", "LookupError", "IndexError", "TypeError", "Exception"})
_LOOK_UPS = ("get", "pop", "keys", "__contains__")


def filled_by(tree: ast.Module) -> Fillers:
    """Per function name of a module: attributes of ``self`` that a function of this name fills."""
    found: dict[str, frozenset[str]] = {}
    finder = _Finder(frozenset({"self"}), {})
    for node in nodes_of(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = found.get(node.name, frozenset()) | finder.filled(own_nodes_of(node))
    return found


def fills_given(
    node: Function, own: list[ast.AST], fillers: Fillers, given: frozenset[str], *, beside: str = ""
) -> bool:
    """Whether a function memoises on what it is ``given`` (names of parameters); ``own`` are its nodes.

    ``beside``: attributes of this parameter, and tables that are its attributes, do not count when they are filled.
    """
    return node.name not in _CONSTRUCTORS and _Finder(given, fillers, beside).is_memo(own)


class _Finder:
    """Looks for what hangs on one of ``owners``: ``x`` of ``self.x``, and ``[table]`` for an owner used as a table."""

    def __init__(self, owners: frozenset[str], fillers: Fillers, beside: str = "") -> None:
        self._owners = owners
        self._beside = beside
        self._fillers = fillers
        self._names: Fillers = {}

    def is_memo(self, own: list[ast.AST]) -> bool:
        """Whether these nodes of one function are a memo."""
        aliases = self._names = self._aliases(own)
        everything = self.filled(own)
        return bool(everything) and any(self._fills(n, aliases, everything) for n in own)

    def _fills(self, node: ast.AST, aliases: Fillers, everything: frozenset[str]) -> bool:
        if isinstance(node, ast.If):
            empty, full = self._guarded(node.test, aliases)
            if empty & self.filled(own_nodes(node.body)) or full & self.filled(own_nodes(node.orelse)):
                return True
            return bool(full & everything) and isinstance(node.body[-1], ast.Return)
        if isinstance(node, ast.Try):
            caught = {n for handler in node.handlers for n in _caught(handler)}
            return bool(caught & _MISSES and everything & self.mentioned(ast.Module(node.body, [])))
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.BoolOp | ast.IfExp):
            return bool(self.mentioned(node.value) & self.filled([node]))
        return False

    def _guarded(self, test: ast.expr, aliases: Fillers) -> tuple[frozenset[str], frozenset[str]]:
        """What this test finds (empty, full)."""
        if isinstance(test, ast.BoolOp):
            parts = [self._guarded(value, aliases) for value in test.values]
            return frozenset[str]().union(*(p[0] for p in parts)), frozenset[str]().union(*(p[1] for p in parts))
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            empty, full = self._guarded(test.operand, aliases)
            return full, empty
        if isinstance(test, ast.Compare):
            found = self._direct(test.left, aliases) | self._direct(test.comparators[0], aliases)
            if isinstance(test.ops[0], ast.Is | ast.Eq | ast.NotIn):
                return found, frozenset()
            return (
                (frozenset(), found) if isinstance(test.ops[0], ast.IsNot | ast.NotEq | ast.In) else (frozenset(),) * 2
            )
        return frozenset(), self._direct(test, aliases)

    def _direct(self, node: ast.expr, aliases: Fillers) -> frozenset[str]:
        """What of an owner an expression is, or looks something up in."""
        while isinstance(node, ast.NamedExpr | ast.Subscript):
            node = node.value
        found: frozenset[str] = frozenset()
        if isinstance(node, ast.Name):
            found = aliases.get(node.id, frozenset({f"[{node.id}]"}) if node.id in self._owners else found)
        elif isinstance(node, ast.Attribute):
            while isinstance(node, ast.Attribute) and not self._owns(node.value):
                node = node.value  # ``self.store.values`` hangs on ``self.store``
            found = frozenset({node.attr}) if isinstance(node, ast.Attribute) else self._direct(node, aliases)
        elif isinstance(node, ast.Call) and last_name(node.func) in ("hasattr", "getattr"):
            found = self._named(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOK_UPS:
            found = self._direct(node.func.value, aliases)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and self._owns(node.func.value):
            found = frozenset({_ASKED})  # ``if not table.has(key)``: asked of the owner
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = frozenset({node.value})  # "x" in self.__dict__
        return found

    def _aliases(self, own: list[ast.AST]) -> Fillers:
        """Local names that hold what was looked up."""
        found: dict[str, frozenset[str]] = {}
        given = [n for n in own if isinstance(n, ast.Assign | ast.NamedExpr) and not isinstance(n.value, ast.Constant)]
        while True:
            known = len(found)
            for node in given:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = self._direct(node.value, found)
                found.update({t.id: names for t in targets if isinstance(t, ast.Name) and names})
            if len(found) == known:
                return found  # a local name may stand for another

    def filled(self, nodes: list[ast.AST]) -> frozenset[str]:
        """What these nodes store or add to, themselves or by calling a method in ``fillers``."""
        found: set[str] = set()
        for node in nodes:
            if self._beside and isinstance(node, ast.Assign):
                continue  # its targets are nodes of their own
            if self._is_beside(node):
                continue
            if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
                found |= self.mentioned(node)
                found |= self._direct(node.value, self._names)
            elif isinstance(node, ast.Assign):
                found |= {name for target in node.targets for name in self.mentioned(target)}
            elif isinstance(node, ast.Call):
                found |= self._filled_by_call(node)
        return frozenset(found)

    def _is_beside(self, node: ast.AST) -> bool:
        """Whether this stores into an attribute of ``beside``, or into a table that is one."""
        if isinstance(node, ast.Call):
            if last_name(node.func) in SETTERS:
                return bool(node.args) and last_name(node.func) != "setitem" and self._is_own(node.args[0])
            owner = node.func.value if isinstance(node.func, ast.Attribute) else node
            return isinstance(owner, ast.Attribute) and self._is_own(owner.value)
        if isinstance(node, ast.Subscript):
            return isinstance(node.value, ast.Attribute) and self._is_own(node.value.value)
        return isinstance(node, ast.Attribute) and self._is_own(node.value)

    def _is_own(self, node: ast.AST) -> bool:
        return bool(self._beside) and isinstance(node, ast.Name) and node.id == self._beside

    def _filled_by_call(self, node: ast.Call) -> set[str]:
        called = last_name(node.func)
        found: set[str] = set()
        if called in SETTERS:
            found |= self._named(node)
            found |= self._direct(node.args[0], self._names) if node.args else frozenset()
        if isinstance(node.func, ast.Attribute):
            if called in MUTATORS:
                found |= self.mentioned(node.func.value) | self._direct(node.func.value, self._names)
                found |= {_ASKED} if self._owns(node.func.value) else set()
            if self._owns(node.func.value):
                found |= self._fillers.get(called, frozenset())
        return found

    def mentioned(self, node: ast.AST) -> set[str]:
        """Attributes of owners mentioned anywhere below, by ``hasattr`` and ``self.__dict__["x"]`` too."""
        found: set[str] = set()
        for n in below(node):
            if isinstance(n, ast.Attribute) and self._owns(n.value):
                found.add(n.attr)
            elif isinstance(n, ast.Call) and last_name(n.func) in ("hasattr", "getattr"):
                found |= self._named(n)
            elif isinstance(n, ast.Subscript):
                found |= {f"[{n.value.id}]"} if isinstance(n.value, ast.Name) and self._owns(n.value) else set()
                if isinstance(n.slice, ast.Constant) and "__dict__" in self.mentioned(n.value):
                    found.add(str(n.slice.value))
        return found

    def _named(self, call: ast.Call) -> frozenset[str]:
        """The attribute a call like ``setattr(self, "x", 1)`` names."""
        if not (call.args and self._owns(call.args[0])):
            return frozenset()
        return frozenset(a.value for a in call.args[1:2] if isinstance(a, ast.Constant) and isinstance(a.value, str))

    def _owns(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self._owners


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"Exception"}
    return {last_name(n) for n in ast.walk(handler.type) if isinstance(n, ast.Name | ast.Attribute)}


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
