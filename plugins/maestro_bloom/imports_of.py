"""Which modules a source imports, at any depth of it, or names in a text that may become an import.

Invariant: over-approximation. ``from a import b`` names ``a`` and ``a.b``; a dotted text names itself; an import of
a computed name makes the file a wildcard.
"""

from __future__ import annotations

import ast
import re
import sys
from dataclasses import dataclass

from maestro_bloom.syntax_nodes import nodes_of

# Calls whose first argument is a module's name.
IMPORTERS = frozenset({"import_module", "__import__", "importorskip", "find_spec", "run_module"})
# How many parts of a chain of attributes may be modules.
_DEPTH = 5
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Imports:
    """Names of import statements and importing calls; dotted texts that may name a module; computed names."""

    names: tuple[str, ...]
    strings: tuple[str, ...]
    wildcard: bool


def imports(tree: ast.Module) -> Imports:
    """All imports of a module, sorted."""
    collector = _Collector()
    for node in nodes_of(tree):
        collector.add(node)
    names = collector.names | {name for chain in collector.chains for name in _reached(chain, collector.roots)}
    return Imports(tuple(sorted(names)), tuple(sorted(collector.strings)), collector.wildcard)


class _Collector:
    def __init__(self) -> None:
        self.names: set[str] = set()
        self.strings: set[str] = set()
        self.roots: dict[str, str] = {}
        self.chains: list[ast.Attribute] = []
        self.wildcard = False

    def add(self, node: ast.AST) -> None:
        """Take one node."""
        if isinstance(node, ast.Import | ast.ImportFrom):
            self.names.update(_from(node) if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
            self.roots.update(imported(node))
        elif isinstance(node, ast.Attribute):
            self.chains.append(node)
        elif isinstance(node, ast.Subscript):
            self.names.update(_looked_up(node.value, node.slice))
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.Constant) and _is_dotted(node.value):
            self.strings.add(str(node.value).replace(":", "."))

    def _call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Attribute):
            self.names.update(_looked_up(node.func.value, *node.args[:1]))
        name = _importer(node)
        if name is not None:
            self.names.add(name)
        elif _called(node) == "__import__":
            self.wildcard = True  # importlib's functions are seen at run time; the built-in is not


def _is_dotted(value: object) -> bool:
    return isinstance(value, str) and len(value) < 200 and _DOTTED.fullmatch(value) is not None


def imported(node: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """Per name that an import statement binds: the dotted name it stands for."""
    if isinstance(node, ast.Import):
        return {
            a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0] for a in node.names
        }
    base = "." * node.level + (node.module or "")
    join = base if base.endswith(".") else f"{base}."
    return {a.asname or a.name: f"{join}{a.name}" for a in node.names if a.name != "*"}


def _reached(node: ast.Attribute, roots: dict[str, str]) -> list[str]:
    """``package.module``: a module that somebody else imported, reached as an attribute of an imported name."""
    chain: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute):
        chain.append(inner.attr)
        inner = inner.value
    base = roots.get(inner.id) if isinstance(inner, ast.Name) else None
    if base is None or base.partition(".")[0] in sys.stdlib_module_names:
        return []
    return [".".join([base, *reversed(chain)][:_DEPTH])]


def _is_modules(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "modules" and getattr(node.value, "id", "") == "sys"


def _looked_up(owner: ast.expr, key: ast.expr | None = None) -> list[str]:
    """``sys.modules["name"]`` and its methods."""
    if _is_modules(owner) and isinstance(key, ast.Constant) and isinstance(key.value, str):
        return [key.value]
    return []


def walks_modules(node: ast.AST) -> bool:
    """Whether this looks at whatever modules or classes there are: any module may be among them."""
    if isinstance(node, ast.Attribute):
        return node.attr == "__subclasses__" or (node.attr in ("values", "items") and _is_modules(node.value))
    if isinstance(node, ast.For | ast.comprehension):
        return _is_modules(node.iter)
    return (
        isinstance(node, ast.Call)
        and _called(node) in ("list", "tuple", "set", "sorted", "dict", "filter")
        and any(_is_modules(argument) for argument in node.args)
    )


def _from(node: ast.ImportFrom) -> list[str]:
    base = "." * node.level + (node.module or "")
    join = base if base.endswith(".") or not base else f"{base}."
    return [*([base] if base else []), *(f"{join}{alias.name}" for alias in node.names if alias.name != "*")]


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _importer(node: ast.Call) -> str | None:
    if _called(node) not in IMPORTERS or not node.args:
        return None
    first = node.args[0]
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
