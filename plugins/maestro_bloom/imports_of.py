"""Which modules a source imports, at any depth of it, or names in a text that may become an import.

Invariant: over-approximation. ``from a import b`` names ``a`` and ``a.b``; a dotted text names itself; an import of
a computed name makes the file a wildcard.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

# Calls whose first argument is a module's name.
IMPORTERS = frozenset({"import_module", "__import__", "importorskip", "find_spec", "run_module"})
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[.:][A-Za-z_]\w*)+")


@dataclass(frozen=True, slots=True)
class Imports:
    """Names of import statements and importing calls; dotted texts that may name a module; computed names."""

    names: tuple[str, ...]
    strings: tuple[str, ...]
    wildcard: bool


def imports(tree: ast.Module) -> Imports:
    """All imports of a module, sorted."""
    names: set[str] = set()
    strings: set[str] = set()
    wildcard = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(_from(node))
        elif isinstance(node, ast.Call):
            name = _importer(node)
            if name is not None:
                names.add(name)
            elif _called(node) == "__import__":
                wildcard = True  # importlib's functions are seen at run time; the built-in is not
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
            text = node.value
            if _DOTTED.fullmatch(text):
                strings.add(text.replace(":", "."))
    return Imports(tuple(sorted(names)), tuple(sorted(strings)), wildcard)


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
