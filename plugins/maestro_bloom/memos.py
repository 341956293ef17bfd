"""Memos on ``self``: an attribute that is filled where it is found empty, by the same function or by one it calls.

If the object outlives the test, later users read the attribute without running what filled it.

Invariant: over-approximation of these forms, by syntax: a guard that finds the attribute empty and fills it in its
body; an early return of what was found, and a store elsewhere; a store of ``self.x or ...``; an attribute missed in a
``try`` and stored. An object under construction has no memo yet. State machines (``if self.x: self.x = 0``) are none.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Fillers: TypeAlias = Mapping[str, frozenset[str]]

# What only removes leaves nothing behind that code computed.
MUTATORS = frozenset(
    """
    add append appendleft extend insert push put register set setdefault update __setitem__
    """.split()  # noqa: SIM905 - names in a row read better than one to a line
)
_CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__", "__setstate__", "__attrs_post_init__"})
_MISSES = frozenset({"AttributeError", "KeyError", "LookupError", "IndexError", "TypeError", "Exception"})
_LOOK_UPS = ("get", "pop", "keys", "__contains__")
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def own_nodes(body: list[ast.stmt]) -> list[ast.AST]:
    """All nodes of these statements, without the insides of nested functions and classes."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        found.append(node)
        if not isinstance(node, _NESTED):
            stack.extend(ast.iter_child_nodes(node))
    return found


def filled_by(tree: ast.Module) -> Fillers:
    """Per function name of a module: attributes of ``self`` that a function of this name fills."""
    found: dict[str, frozenset[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = found.get(node.name, frozenset()) | _filled(own_nodes(node.body), {})
    return found


def fills_own(node: Function, own: list[ast.AST], fillers: Fillers) -> bool:
    """Whether a function memoises on ``self``; ``own`` are its nodes."""
    if node.name in _CONSTRUCTORS:
        return False
    aliases = _aliases(own)
    everything = _filled(own, fillers)
    return any(_is_memo(n, aliases, everything, fillers) for n in own)


def _is_memo(node: ast.AST, aliases: Fillers, everything: frozenset[str], fillers: Fillers) -> bool:
    if isinstance(node, ast.If):
        empty, full = _guarded(node.test, aliases)
        if empty & _filled(own_nodes(node.body), fillers) or full & _filled(own_nodes(node.orelse), fillers):
            return True
        return bool(full & everything) and isinstance(node.body[-1], ast.Return)
    if isinstance(node, ast.Try):
        caught = {n for handler in node.handlers for n in _caught(handler)}
        return bool(caught & _MISSES and everything & attributes(ast.Module(node.body, [])))
    if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.BoolOp | ast.IfExp):
        return bool(attributes(node.value) & _filled([node], fillers))
    return False


def _guarded(test: ast.expr, aliases: Fillers) -> tuple[frozenset[str], frozenset[str]]:
    """Attributes this test finds (empty, full)."""
    if isinstance(test, ast.BoolOp):
        parts = [_guarded(value, aliases) for value in test.values]
        return frozenset[str]().union(*(p[0] for p in parts)), frozenset[str]().union(*(p[1] for p in parts))
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        empty, full = _guarded(test.operand, aliases)
        return full, empty
    if isinstance(test, ast.Compare):
        found = _direct(test.left, aliases) | _direct(test.comparators[0], aliases)
        if isinstance(test.ops[0], ast.Is | ast.Eq | ast.NotIn):
            return found, frozenset()
        return (frozenset(), found) if isinstance(test.ops[0], ast.IsNot | ast.NotEq | ast.In) else (frozenset(),) * 2
    return frozenset(), _direct(test, aliases)


def _direct(node: ast.expr, aliases: Fillers) -> frozenset[str]:
    """The attribute of ``self`` an expression is, or looks something up in."""
    while isinstance(node, ast.NamedExpr | ast.Subscript):
        node = node.value
    found: frozenset[str] = frozenset()
    if isinstance(node, ast.Name):
        found = aliases.get(node.id, found)
    elif isinstance(node, ast.Attribute) and _is_self(node.value):
        found = frozenset({node.attr})
    elif isinstance(node, ast.Call) and last_name(node.func) in ("hasattr", "getattr"):
        found = _named(node)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LOOK_UPS:
        found = _direct(node.func.value, aliases)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        found = frozenset({node.value})  # "x" in self.__dict__
    return found


def _aliases(own: list[ast.AST]) -> Fillers:
    """Local names that hold what was looked up in an attribute of ``self``."""
    found: dict[str, frozenset[str]] = {}
    for node in own:
        if isinstance(node, ast.Assign | ast.NamedExpr):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = _direct(node.value, {}) if not isinstance(node.value, ast.Constant) else frozenset()
            found.update({t.id: names for t in targets if isinstance(t, ast.Name) and names})
    return found


def _filled(nodes: list[ast.AST], fillers: Fillers) -> frozenset[str]:
    """Attributes of ``self`` that these nodes store or add to, themselves or by calling a method in ``fillers``."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            found |= attributes(node)
        elif isinstance(node, ast.Assign):
            found |= {name for target in node.targets for name in attributes(target)}
        elif isinstance(node, ast.Call):
            called = last_name(node.func)
            if called in ("setattr", "__setattr__"):
                found |= _named(node)
            elif isinstance(node.func, ast.Attribute) and called in MUTATORS:
                found |= attributes(node.func.value)
            elif isinstance(node.func, ast.Attribute) and _is_self(node.func.value):
                found |= fillers.get(called, frozenset())
    return frozenset(found)


def attributes(node: ast.AST) -> set[str]:
    """Attributes of ``self`` mentioned anywhere below, by ``hasattr`` and ``self.__dict__["x"]`` too."""
    found: set[str] = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Attribute) and _is_self(n.value):
            found.add(n.attr)
        elif isinstance(n, ast.Call) and last_name(n.func) in ("hasattr", "getattr"):
            found |= _named(n)
        elif isinstance(n, ast.Subscript) and isinstance(n.slice, ast.Constant) and "__dict__" in attributes(n.value):
            found.add(str(n.slice.value))
    return found


def _named(call: ast.Call) -> frozenset[str]:
    """The attribute a call like ``setattr(self, "x", 1)`` names."""
    if not (call.args and _is_self(call.args[0])):
        return frozenset()
    return frozenset(a.value for a in call.args[1:2] if isinstance(a, ast.Constant) and isinstance(a.value, str))


def _caught(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {"Exception"}
    return {last_name(n) for n in ast.walk(handler.type) if isinstance(n, ast.Name | ast.Attribute)}


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def last_name(node: ast.expr) -> str:
    """The last part of a dotted name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
