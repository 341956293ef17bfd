"""Functions whose effect outlives the call: what they run is done once, for whoever comes later.

A lazy singleton, a memo table or a registry is filled by the first caller and read by the others without running the
code that filled it. What such a function runs is therefore *folded*: it counts as part of the file's skeleton.

Invariant: over-approximation by syntax. A store into anything that is not the function's own counts, and so does a
decorator that sounds like a memo.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_bloom.memos import MUTATORS, SETTERS, Function, fills_given, last_name
from maestro_bloom.source_parts import OWN, PLAIN, SEGMENT, WHOLE_TEST
from maestro_bloom.syntax_nodes import nodes_of, own_nodes_of

if TYPE_CHECKING:
    from maestro_bloom.memos import Fillers

__all__ = [
    "OWN",
    "PLAIN",
    "SEGMENT",
    "WHOLE_TEST",
    "bound",
    "decorator_names",
    "ending_with",
    "kind",
    "memo_lambdas",
    "memoisers",
    "module_names",
    "stored_into",
    "tables",
]

_MEMO_WORDS = ("cache", "memo", "once", "lazy", "singleton", "reify", "deferred")
# Called when something is first looked for: what they store is a memo, on whatever object.
# They keep the value in the dictionary of the instance.
_OF_INSTANCES = frozenset({"cached_property", "cachedproperty"})
_ON_LOOK_UP = frozenset({"__get__", "__getattr__", "__getattribute__", "__missing__"})
# Called when a module is first imported; what they make is kept in ``sys.modules``.
_OF_IMPORTERS = frozenset(
    {"create_module", "exec_module", "find_module", "find_spec", "get_code", "get_data", "get_source", "load_module"}
)
_XUNIT = ("test", "setUp", "setup_", "tearDown", "teardown_")


def module_names(tree: ast.Module) -> frozenset[str]:
    """Names bound anywhere at the module's top level."""
    return frozenset(name for node in own_nodes_of(tree) for name in bound(node))


def memoisers(tree: ast.Module) -> frozenset[str]:
    """Names of functions that are passed to a memoiser: ``f = lru_cache(None)(f)``, ``cache(f)``, or by a new name."""
    renamed = _renamed(tree)
    found: set[str] = set()
    for node in nodes_of(tree):
        if isinstance(node, ast.Call) and (_sounds_memo(node.func) or last_name(node.func) in renamed):
            found.update(a.id for a in node.args if isinstance(a, ast.Name))
            found.update(a.attr for a in node.args if isinstance(a, ast.Attribute))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not renamed.isdisjoint(decorator_names(node)):
            found.add(node.name)
    return frozenset(found)


def _renamed(tree: ast.Module) -> frozenset[str]:
    """What a module calls memoisers: ``from functools import cache as keep``, ``keep = partial(lru_cache, 9)()``."""
    found: set[str] = set()
    statements = [n for n in own_nodes_of(tree) if isinstance(n, ast.Import | ast.ImportFrom | ast.Assign)]
    for node in sorted(statements, key=lambda n: n.lineno):
        if not isinstance(node, ast.Assign):
            found.update(a.asname for a in node.names if a.asname and _sounds(a.name))
        else:
            named = {last_name(n) for n in ast.walk(node.value) if isinstance(n, ast.Name | ast.Attribute)}
            if any(name in found or _sounds(name) for name in named):
                found.update(t.id for t in node.targets if isinstance(t, ast.Name))
    return frozenset(found)


def memo_lambdas(tree: ast.Module) -> tuple[int, ...]:
    """First lines of the lambdas that are passed to a memoiser."""
    calls = [node for node in nodes_of(tree) if isinstance(node, ast.Call) and _sounds_memo(node.func)]
    return tuple(sorted({a.lineno for call in calls for a in call.args if isinstance(a, ast.Lambda)}))


def decorator_names(node: Function) -> frozenset[str]:
    """The last name of each decorator, calls unwrapped."""
    names = set()
    for decorator in node.decorator_list:
        target = decorator.func if isinstance(decorator, ast.Call) else decorator
        names.add(target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", ""))
    return frozenset(names)


def kind(node: Function, names: frozenset[str], memo: frozenset[str], filled: Fillers, around: frozenset[str]) -> int:
    """``PLAIN``, ``SEGMENT``, ``WHOLE_TEST`` or ``OWN`` for one function of a module that binds ``names``.

    ``memo`` and ``filled`` are what ``memoisers`` and ``filled_by`` say of the module; ``around`` are names of the
    functions around this one that end with their call, this function with them.
    """
    if node.name.startswith(_XUNIT):
        return PLAIN  # what one test leaves for the next is a dependency between tests, not a cache
    own = own_nodes_of(node)
    decorated = any(_sounds(name) for name in decorator_names(node))
    looked_up = node.name in _ON_LOOK_UP and any(stored_into(n) for n in own)
    outlives = decorated or looked_up or node.name in memo or node.name in _OF_IMPORTERS
    given = frozenset(_parameters(node)[0])
    if _stores_outside(node, own, names, around):
        found = SEGMENT
    elif outlives:
        kept = decorator_names(node) & _OF_INSTANCES and not looked_up and node.name not in memo | _OF_IMPORTERS
        found = OWN if kept and _others_are_plain(node, own, filled, given) else SEGMENT
    elif fills_given(node, own, filled, given):
        found = (
            OWN if _others_are_plain(node, own, filled, given) and _is_shallow(node, own, filled, given) else SEGMENT
        )
    else:
        return PLAIN
    suspends = isinstance(node, ast.AsyncFunctionDef) or any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own)
    return WHOLE_TEST if suspends else found


def tables(node: Function) -> tuple[str, ...]:
    """Attributes of the first argument that a function stores into, not only sets: tables that others may hold, too."""
    first = _first(node)
    owners = [owner for n in own_nodes_of(node) for owner in stored_into(n, deleted=True)]
    return tuple(sorted({o.attr for o in owners if isinstance(o, ast.Attribute) and _is_name(o.value, first)}))


def _first(node: Function) -> str:
    plain = [*node.args.posonlyargs, *node.args.args]
    return plain[0].arg if plain else ""


def _is_name(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _others_are_plain(node: Function, own: list[ast.AST], filled: Fillers, given: frozenset[str]) -> bool:
    """Whether a method keeps nothing on other arguments than its first, and never binds that one anew."""
    first = _first(node)
    bare = [d for d in decorator_names(node) if d in ("staticmethod", "classmethod")]
    if not first or bare or any(first in bound(n) for n in own):
        return False
    return not fills_given(node, own, filled, given - {first})


def _is_shallow(node: Function, own: list[ast.AST], filled: Fillers, given: frozenset[str]) -> bool:
    """Whether all that a method keeps are attributes of its first argument, or tables directly there.

    Whatever it fills farther away, through a local name, or by calling another method, may outlive that argument.
    """
    if any(isinstance(n, ast.Attribute) and n.attr == "__dict__" for n in own):
        return False
    return not fills_given(node, own, filled, given, beside=_first(node))


def bound(node: ast.AST) -> tuple[str, ...]:
    """Names that this node binds where it stands."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
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


def ending_with(node: Function) -> tuple[frozenset[str], frozenset[str]]:
    """(names of a function's own, functions defined in it that are only ever called: they end with its call)."""
    own, everything = own_nodes_of(node), nodes_of(node)
    called = {id(n.func) for n in everything if isinstance(n, ast.Call)}
    escaping = {n.id for n in everything if isinstance(n, ast.Name) and id(n) not in called}
    inner = {n.name for n in own if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef) and not n.decorator_list}
    declared = {name for n in own if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    local = {name for n in own for name in bound(n)} | _parameters(node)[0]
    return frozenset(local - declared), frozenset(inner - escaping)


def _stores_outside(node: Function, own: list[ast.AST], names: frozenset[str], around: frozenset[str]) -> bool:
    declared = {name for n in own if isinstance(n, ast.Global | ast.Nonlocal) for name in n.names}
    parameters, _ = _parameters(node)
    own_names = {name for n in own for name in bound(n)}
    if own_names & declared - around:
        return True
    # An imported name bound inside the function is a module: a store into it outlives the call.
    imported = {name for n in own if isinstance(n, ast.Import | ast.ImportFrom) for name in bound(n)}
    aliases = {t for n in own if isinstance(n, ast.Assign) for t in _aliases(n, names)}
    local = (own_names | parameters | around) - imported - aliases
    return any(_root_outside(target, local) for n in own for target in stored_into(n))


def _aliases(node: ast.Assign, names: frozenset[str]) -> list[str]:
    """Local names that are just another name of something of the module."""
    root = _root(node.value)
    if any(isinstance(n, ast.Call) for n in ast.walk(node.value)) or root is None or root not in names:
        return []  # what a call returns is taken for new
    return [t.id for t in node.targets if isinstance(t, ast.Name)]


def stored_into(node: ast.AST, *, deleted: bool = False) -> list[ast.expr]:
    """Containers and owners that this node changes; what only removes counts if ``deleted``."""
    if isinstance(node, ast.Attribute | ast.Subscript):
        changed = isinstance(node.ctx, ast.Store) or (deleted and isinstance(node.ctx, ast.Del))
        return [node.value] if changed else []
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in MUTATORS:
            return [function.value, *(node.args[:1] if function.attr == "__setitem__" else [])]
        if last_name(function) in SETTERS and node.args:
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


def _sounds_memo(node: ast.expr) -> bool:
    name = last_name(node.func if isinstance(node, ast.Call) else node)
    return name == "defaultdict" or _sounds(name)


def _sounds(name: str) -> bool:
    return any(word in name.lower() for word in _MEMO_WORDS)
