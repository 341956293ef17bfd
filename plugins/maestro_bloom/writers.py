"""Functions whose effect outlives the call: what they run is done once, for whoever comes later.

A lazy singleton, a memo table or a registry is filled by the first caller and read by the others without running the
code that filled it. What such a function runs is therefore *folded*: it counts as part of the file's skeleton.

Invariant: over-approximation by syntax. A store into anything that is not the function's own counts, and so does a
decorator that sounds like a memo.
"""

from __future__ import annotations

import ast
from typing import TypeAlias

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

PLAIN, SEGMENT, WHOLE_TEST = 0, 1, 2
"""No writer; fold what runs inside the call; fold all the test runs (a generator's inside has no clear end)."""

_MUTATORS = frozenset(
    {
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "push", "put"),
        *("register", "remove", "set", "setdefault", "update", "__setitem__"),
    }
)
_MEMO_WORDS = ("cache", "memo", "once", "lazy", "singleton")
_XUNIT = ("test", "setUp", "setup_", "tearDown", "teardown_")
_NESTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def module_names(tree: ast.Module) -> frozenset[str]:
    """Names bound anywhere at the module's top level."""
    return frozenset(name for node in _own(tree.body) for name in _bound(node))


def memoisers(tree: ast.Module) -> frozenset[str]:
    """Names of functions that are passed to a memoiser by a call: ``f = lru_cache(None)(f)``, ``cache(f)``."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _sounds_memo(node.func):
            found.update(a.id for a in node.args if isinstance(a, ast.Name))
            found.update(a.attr for a in node.args if isinstance(a, ast.Attribute))
    return frozenset(found)


def decorator_names(node: Function) -> frozenset[str]:
    """The last name of each decorator, calls unwrapped."""
    names = set()
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        names.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return frozenset(names)


def kind(node: Function, names: frozenset[str], memo: frozenset[str]) -> int:
    """``PLAIN``, ``SEGMENT`` or ``WHOLE_TEST`` for one function of a module that binds ``names``."""
    if node.name.startswith(_XUNIT):
        return PLAIN  # what one test leaves for the next is a dependency between tests, not a cache
    own = list(_own(node.body))
    decorated = any(word in name.lower() for name in decorator_names(node) for word in _MEMO_WORDS)
    if not (decorated or node.name in memo or _stores_outside(node, own, names) or _fills_own(own)):
        return PLAIN
    suspends = isinstance(node, ast.AsyncFunctionDef) or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own)
    return WHOLE_TEST if suspends else SEGMENT


def _own(body: list[ast.stmt]) -> list[ast.AST]:
    """All nodes of these statements, without the insides of nested functions and classes."""
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        found.append(node)
        if not isinstance(node, _NESTED):
            stack.extend(ast.iter_child_nodes(node))
    return found


def _bound(node: ast.AST) -> tuple[str, ...]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        return (node.id,)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return tuple((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return (node.name,)
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        return (node.name,)
    return ()


def _parameters(node: Function) -> tuple[set[str], set[str]]:
    """(parameters that are the call's own, parameters that outlive it: ``cls`` and mutable defaults)."""
    a = node.args
    plain = [*a.posonlyargs, *a.args]
    everyone = {p.arg for p in [*plain, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]}
    defaults = [*zip(plain[len(plain) - len(a.defaults) :], a.defaults, strict=True)]
    defaults += [(p, d) for p, d in zip(a.kwonlyargs, a.kw_defaults, strict=True) if d is not None]
    shared = {p.arg for p, default in defaults if not isinstance(default, ast.Constant)}
    if plain and ("classmethod" in decorator_names(node) or plain[0].arg in ("cls", "mcs")):
        shared.add(plain[0].arg)
    return everyone - shared, shared


def _stores_outside(node: Function, own: list[ast.AST], names: frozenset[str]) -> bool:
    declared = {name for n in own if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    parameters, _ = _parameters(node)
    bound = {name for n in own for name in _bound(n)}
    if bound & declared:
        return True
    # An imported name bound inside the function is a module: a store into it outlives the call.
    imported = {name for n in own if isinstance(n, ast.Import | ast.ImportFrom) for name in _bound(n)}
    aliases = {t for n in own if isinstance(n, ast.Assign) for t in _aliases(n, names)}
    local = (bound | parameters) - imported - aliases
    return any(_root_outside(target, local) for n in own for target in _stored_into(n))


def _aliases(node: ast.Assign, names: frozenset[str]) -> list[str]:
    """Local names that are just another name of something of the module."""
    root = _root(node.value)
    if isinstance(node.value, ast.Call) or root is None or root not in names:
        return []
    return [t.id for t in node.targets if isinstance(t, ast.Name)]


def _stored_into(node: ast.AST) -> list[ast.expr]:
    """Containers and owners that this node changes."""
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
        return [node.value]
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in _MUTATORS:
            return [function.value]
        if isinstance(function, ast.Name) and function.id in ("setattr", "delattr") and node.args:
            return [node.args[0]]
    return []


def _root(node: ast.expr) -> str | None:
    """The name an expression hangs on; ``None`` for one that makes something new."""
    while True:
        if isinstance(node, ast.Attribute):
            if node.attr == "__class__":
                return "__class__"
            node = node.value
        elif isinstance(node, ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            inner = node.func
            if isinstance(inner, ast.Name) and inner.id in ("type", "globals", "vars"):
                return "__class__"
            if not isinstance(inner, ast.Attribute):
                return None
            node = inner.value
        else:
            return node.id if isinstance(node, ast.Name) else None


def _root_outside(node: ast.expr, local: set[str]) -> bool:
    root = _root(node)
    return root is not None and root not in local


def _fills_own(own: list[ast.AST]) -> bool:
    """Whether ``self.x`` is filled where it is first found empty: a memo on an object that may outlive the test."""
    tested = set()
    for node in own:
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            tested |= _self_attributes(node.test)
        elif isinstance(node, ast.Try):
            tested |= {name for statement in node.body for name in _self_attributes(statement)}
    if not tested:
        return False
    return any(tested & _self_attributes(t) for n in own for t in _stores(n))


def _stores(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
        return [node]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "setdefault":
        return [node.func.value]
    return []


def _self_attributes(node: ast.AST) -> set[str]:
    return {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "self"
    }


def _sounds_memo(node: ast.expr) -> bool:
    target = node.func if isinstance(node, ast.Call) else node
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return any(word in name.lower() for word in _MEMO_WORDS)
