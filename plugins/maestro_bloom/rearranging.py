"""Whether a source defines a pytest hook that may look at more than one test at a time.

A file of tests may be left out of the collection only if no hook of the project notices. The usual hook gives each
test a mark by what that test is; one that counts, sorts or drops tests needs all of them.

Invariant: over-approximation by syntax (what a star import brings is looked for where it is defined). Only
``pytest_collection_modifyitems`` can be found to be harmless, and only if it does nothing with ``items`` but go through
them, keeping nothing from one test to the next.
"""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

from maestro_bloom.imports_of import imported
from maestro_bloom.syntax_nodes import nodes_of
from maestro_hooks.integrations.pytest_leaving_out import LOOKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from maestro_bloom.memos import Function

_HOOK, _ITEMS = "pytest_collection_modifyitems", "items"
_PURE = frozenset(
    {
        *("all", "any", "bool", "dict", "frozenset", "getattr", "hasattr", "int", "isinstance", "issubclass", "len"),
        *("list", "max", "min", "repr", "set", "sorted", "str", "sum", "tuple", "type"),
    }
)
# What ends a loop early, keeps something, or makes what runs later.
_KEEPS = (
    *(ast.Break, ast.Return, ast.Yield, ast.YieldFrom, ast.AugAssign, ast.Global, ast.Nonlocal, ast.Delete),
    *(ast.NamedExpr, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef, ast.Await),
)
_ASKED = frozenset({"getoption", "getini", "getvalue"})


def rearranges(tree: ast.Module) -> bool:
    """Whether a hook of this source may need to see tests beside the one it looks at."""
    known = {"pytest", *_of_standard_library(tree)}
    return any(_may(node, known) for node in nodes_of(tree))


def _may(node: ast.AST, known: Collection[str]) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name in LOOKING and not (node.name == _HOOK and _each_by_itself(node, known))
    if isinstance(node, ast.Import | ast.ImportFrom):
        return not set(imported(node)).isdisjoint(LOOKING)
    if isinstance(node, ast.Name):
        return isinstance(node.ctx, ast.Store) and node.id in LOOKING
    return isinstance(node, ast.Constant) and node.value in LOOKING


def _of_standard_library(tree: ast.Module) -> set[str]:
    found = set()
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {n for n, whole in imported(node).items() if whole.partition(".")[0] in sys.stdlib_module_names}
    return found


def _each_by_itself(node: Function, known: Collection[str]) -> bool:
    names = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
    if node.args.vararg or node.args.kwarg or not names <= {_ITEMS, "config", "self"}:
        return False
    inside = [inner for statement in node.body for inner in ast.walk(statement)]
    loops = [n for n in inside if isinstance(n, ast.For) and isinstance(n.iter, ast.Name) and n.iter.id == _ITEMS]
    through = {id(loop.iter) for loop in loops}
    if any(isinstance(n, ast.Name) and n.id == _ITEMS and id(n) not in through for n in inside):
        return False
    return all(_keeps_nothing(loop, inside, known) for loop in loops)


def _keeps_nothing(loop: ast.For, inside: list[ast.AST], known: Collection[str]) -> bool:
    body = [node for statement in loop.body for node in ast.walk(statement)]
    within = {id(node) for node in (*body, *ast.walk(loop.target))}
    own = {n.id for n in (*body, *ast.walk(loop.target)) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    outside = {n.id for n in inside if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and id(n) not in within}
    if loop.orelse or not isinstance(loop.target, ast.Name) or own & outside:
        return False
    return all(_is_harmless(node, own, known) for node in body)


def _is_harmless(node: ast.AST, own: Collection[str], known: Collection[str]) -> bool:
    if isinstance(node, _KEEPS):
        return False
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return _root(node) in own
    if isinstance(node, ast.Call):
        root = _root(node.func)
        if isinstance(node.func, ast.Name):
            return root in _PURE or root in known
        asks = root == "config" and isinstance(node.func, ast.Attribute) and node.func.attr in _ASKED
        return asks or root in own or root in known or root == ""
    return True


def _root(node: ast.expr) -> str | None:
    """The name an expression hangs on; ``''`` for a text, whose methods change nothing."""
    for part in _chain(node):
        if isinstance(part, ast.Name):
            return part.id
        if isinstance(part, ast.Constant | ast.JoinedStr):
            return ""
    return None


def _chain(node: ast.expr) -> Iterator[ast.expr]:
    current: ast.expr | None = node
    while current is not None:
        yield current
        if isinstance(current, ast.Attribute | ast.Subscript):
            current = current.value
        elif isinstance(current, ast.Call):
            current = current.func
        else:
            current = None
