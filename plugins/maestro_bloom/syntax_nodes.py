"""The nodes of a syntax tree as lists, made once for the many questions asked of each source.

The contexts of names (``ast.Load`` and its like), which are a third of all nodes and of no interest, are left out.

Invariant: a tree does not change between two questions; ``forget`` is called when there are no more.
"""

from __future__ import annotations

import ast
from functools import cache

_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below, in the order of ``ast.iter_child_nodes``."""
    found: list[ast.AST] = []
    for name in node._fields:
        if name == "ctx":
            continue
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
    return found


def below(node: ast.AST) -> list[ast.AST]:
    """A node and all below it, in the order of ``ast.walk``."""
    found = [node]
    for current in found:
        found += children(current)
    return found


@cache
def nodes_of(node: ast.AST) -> list[ast.AST]:
    """As ``below``, kept for whoever asks next; nobody may change it."""
    return below(node)


def own_nodes(body: list[ast.stmt]) -> list[ast.AST]:
    """All nodes of these statements, without the insides of nested functions and classes."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        found.append(node)
        if not isinstance(node, _NESTED):
            stack += children(node)
    return found


@cache
def own_nodes_of(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.AST]:
    """As ``own_nodes`` of its body, kept for whoever asks next; nobody may change it."""
    return own_nodes(node.body)


def forget() -> None:
    """Let go of the lists, and of the trees with them."""
    nodes_of.cache_clear()
    own_nodes_of.cache_clear()
