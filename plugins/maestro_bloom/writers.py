"""Functions whose effect outlives the call: what they run is done once, for whoever comes later.

A lazy singleton, a memo table or a registry is filled by the first caller and read by the others without running the
code that filled it. What such a function runs is therefore *folded*: it counts as part of the file's skeleton.

Invariant: over-approximation by syntax. A store into anything that is not the function's own counts, and so does a
decorator that sounds like a memo.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

PLAIN, SEGMENT, WHOLE_TEST = 0, 1, 2
"""No writer; fold what runs inside the call; fold all the test runs (a generator's inside has no clear end)."""

_MUTATORS = frozenset(
    {
        *("add", "append", "appendleft", "clear", "discard", "extend", "insert", "pop", "popitem", "push", "put"),
        *("register", "remove", "set", "setdefault", "update", "__setitem__"),
    }
)
_MEMO_WORDS = ("cache", "memo", "once", "lazy", "singleton", "reify", "deferred")
# Called when something is first looked for: what they store is a memo, on whatever object.
_ON_LOOK_UP = frozenset({"__get__", "__getattr__", "__getattribute__", "__missing__"})
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


def kind(node: Function, names: frozenset[str], memo: frozenset[str], filled: Mapping[str, frozenset[str]]) -> int:
    """``PLAIN``, ``SEGMENT`` or ``WHOLE_TEST`` for one function of a module that binds ``names``.

    ``memo`` and ``filled`` are what ``memoisers`` and ``filled_by`` say of the module.
    """
    if node.name.startswith(_XUNIT):
        return PLAIN  # what one test leaves for the next is a dependency between tests, not a cache
    own = list(_own(node.body))
    decorated = any(word in name.lower() for name in decorator_names(node) for word in _MEMO_WORDS)
    looked_up = node.name in _ON_LOOK_UP and any(_stored_into(n) for n in own)
    outlives = decorated or looked_up or node.name in memo
    if not (outlives or _stores_outside(node, own, names) or _fills_own(own, filled)):
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


def filled_by(tree: ast.Module) -> Mapping[str, frozenset[str]]:
    """Per function name of a module: attributes of ``self`` that a function of this name stores."""
    found: dict[str, frozenset[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            stored = {name for n in _own(node.body) for name in _filled(n)}
            found[node.name] = found.get(node.name, frozenset()) | stored
    return found


def _fills_own(own: list[ast.AST], filled: Mapping[str, frozenset[str]]) -> bool:
    """Whether ``self.x`` is filled where it is first found empty: a memo on an object that may outlive the test.

    Filled here, or by a method called where it was found empty.
    """
    tested: set[str] = set()
    for node in own:
        if isinstance(node, ast.If | ast.IfExp | ast.While):
            empty = _self_attributes(node.test)
            tested |= empty
            if empty and isinstance(node, ast.If) and _calls_filler(node, empty, filled):
                return True
        elif isinstance(node, ast.Try):
            tested |= {name for statement in node.body for name in _self_attributes(statement)}
    return bool(tested) and any(tested & _filled(n) for n in own)


def _calls_filler(node: ast.If, empty: set[str], filled: Mapping[str, frozenset[str]]) -> bool:
    calls = [n for s in (*node.body, *node.orelse) for n in ast.walk(s) if isinstance(n, ast.Call)]
    methods = [c.func.attr for c in calls if isinstance(c.func, ast.Attribute) and _is_self(c.func.value)]
    return any(empty & filled.get(method, frozenset()) for method in methods)


def _filled(node: ast.AST) -> set[str]:
    """Attributes of ``self`` that this node stores or adds to."""
    if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
        return _self_attributes(node)
    if isinstance(node, ast.Call):
        called = _last_name(node.func)
        if called == "setdefault" and isinstance(node.func, ast.Attribute):
            return _self_attributes(node.func.value)
        if called in ("setattr", "__setattr__"):
            return _named(node)
    return set()


def _self_attributes(node: ast.AST) -> set[str]:
    """Attributes of ``self`` mentioned, by ``hasattr`` and ``in self.__dict__`` too."""
    found = set()
    for n in ast.walk(node):
        if isinstance(n, ast.Attribute) and _is_self(n.value):
            found.add(n.attr)
        elif isinstance(n, ast.Call) and _last_name(n.func) in ("hasattr", "getattr"):
            found |= _named(n)
        elif isinstance(n, ast.Compare | ast.Subscript):
            inner = list(ast.walk(n))
            if any(isinstance(i, ast.Attribute) and i.attr == "__dict__" for i in inner):
                found.update(i.value for i in inner if isinstance(i, ast.Constant) and isinstance(i.value, str))
    return found


def _named(call: ast.Call) -> set[str]:
    """The attribute a call like ``setattr(self, "x", 1)`` names."""
    if not (call.args and _is_self(call.args[0])):
        return set()
    return {a.value for a in call.args[1:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)}


def _is_self(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _sounds_memo(node: ast.expr) -> bool:
    name = _last_name(node.func if isinstance(node, ast.Call) else node)
    return any(word in name.lower() for word in _MEMO_WORDS)
