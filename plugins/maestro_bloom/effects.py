"""What the statements of a module's top level bind, and what they do to other modules when it is imported.

A module that stores into another (``settings.DEBUG = True``, ``os.environ["X"] = "1"``, ``logging.addLevelName(...)``)
reaches tests that never import it. Writes that only show when a function of the project runs (a registering decorator,
``__init_subclass__``) are seen by the recorder and joined to the statement that was running.

Invariant: over-approximation by syntax of stores into imported names, and of calls whose result nobody takes.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_bloom import writers
from maestro_bloom.imports_of import imported
from maestro_bloom.memos import last_name
from maestro_bloom.source_parts import Statement
from maestro_bloom.syntax_nodes import nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# What is called for its effect on the test run alone, and read by every run.
_HARNESS = frozenset({"pytest", "unittest", "typing", "doctest"})
# What a plain statement's value may be made of: nothing that can fail or act.
_VALUES = (ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Load)
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


class Effects:
    """The analysis of one module."""

    def __init__(self, tree: ast.Module) -> None:
        self._imported: dict[str, str] = {}
        for node in nodes_of(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._imported.update(imported(node))
        self._own: dict[str, frozenset[str]] = {}
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self._own[node.name] = frozenset(self._stores(nodes_of(node)))

    def statement(self, node: ast.stmt, digest: bytes) -> Statement:
        """One statement of the top level."""
        inside = [] if _is_main(node) else list(at_import(node))
        targets = {*self._stores(inside), *self._calls(inside)}
        calls = {name for n in inside for name in _called(n)}
        return Statement(
            names=tuple(sorted({*(name for n in inside for name in writers.bound(n))})),
            digest=digest,
            targets=tuple(sorted(targets)),
            calls=tuple(sorted(calls)),
            imports=tuple(sorted(_imports(inside))),
            mentions=tuple(sorted({name for n in inside for name in mentioned(n)})),
            plain=not targets and _is_plain(node),
            line=min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))]),
            end=node.end_lineno or node.lineno,
        )

    def _stores(self, nodes: Iterator[ast.AST] | list[ast.AST]) -> Iterator[str]:
        """Imported names that are stored into."""
        for node in nodes:
            for owner in writers.stored_into(node, deleted=True):
                if not _is_itself(owner):
                    yield from self._dotted(owner)

    def _calls(self, nodes: list[ast.AST]) -> Iterator[str]:
        """What is called without taking a result: an imported name, or a function of the module for its stores."""
        for node in nodes:
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                names = list(self._dotted(node.value))
                yield from (name for name in names if name.partition(".")[0] not in _HARNESS)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                yield from self._own.get(node.func.id, ())

    def _dotted(self, node: ast.expr) -> Iterator[str]:
        """The dotted name of what hangs on an imported name."""
        chain: list[str] = []
        while not isinstance(node, ast.Name):
            if isinstance(node, ast.Attribute):
                chain.append(node.attr)
            inner = node.func if isinstance(node, ast.Call) else getattr(node, "value", None)
            if not isinstance(inner, ast.expr):
                return
            node = inner
        base = self._imported.get(node.id)
        if base is not None:
            yield ".".join([base, *reversed(chain)])


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """All nodes below that run when the module is imported: no function bodies."""
    yield node
    if isinstance(node, _FUNCTIONS):
        parts: list[ast.AST] = [node.args, *getattr(node, "decorator_list", ())]
        if not isinstance(node, ast.Lambda) and node.returns is not None:
            parts.append(node.returns)
    else:
        parts = list(ast.iter_child_nodes(node))
    for part in parts:
        yield from at_import(part)


def mentioned(node: ast.AST) -> tuple[str, ...]:
    """Identifiers, attributes and texts that may name something."""
    if isinstance(node, ast.Name):
        return (node.id,)
    if isinstance(node, ast.Attribute):
        return (node.attr,)
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
        return (node.value,)
    if isinstance(node, ast.ImportFrom):
        return tuple(alias.name for alias in node.names)
    return ()


def _imports(nodes: list[ast.AST]) -> set[str]:
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update(imported(node).values() or ["." * node.level + (node.module or "")])
    return found


def _called(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Call):
        yield from _ends(node.func)
    for owner in (*getattr(node, "decorator_list", ()), *getattr(node, "bases", ())):
        yield from _ends(owner.func if isinstance(owner, ast.Call) else owner)
    for keyword in getattr(node, "keywords", ()) if isinstance(node, ast.ClassDef) else ():
        yield from _ends(keyword.value)


def _ends(node: ast.expr) -> Iterator[str]:
    """The last name of an expression."""
    name = last_name(node)
    if name:
        yield name


def _is_itself(node: ast.expr) -> bool:
    """``sys.modules[__name__]``: the module stores into itself."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Name) and node.slice.id == "__name__"


def _is_main(node: ast.stmt) -> bool:
    """``if __name__ == "__main__":``, which no import runs."""
    test = node.test if isinstance(node, ast.If) else None
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def _is_plain(node: ast.stmt) -> bool:
    """Whether a statement only binds a name: an import, an undecorated function, a value of literals and names."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        # What its header evaluates is evaluated at import.
        header = [n for n in at_import(node) if n is not node and not isinstance(n, ast.arguments | ast.arg)]
        special = node.name.startswith("__") and node.name.endswith("__")
        return not node.decorator_list and not special and all(isinstance(n, _VALUES) for n in header)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return not any(alias.name == "*" for alias in node.names)
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        names = [t.id for t in targets if isinstance(t, ast.Name)]
        special = any(n.startswith("__") and n.endswith("__") for n in names)
        value = [] if node.value is None else list(at_import(node.value))
        return len(names) == len(targets) and not special and all(isinstance(n, _VALUES) for n in value)
    return False
