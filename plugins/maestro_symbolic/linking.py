"""Modules of the project that a module imports, read into its program under their full names.

Invariant: a definition of ``pkg.limits`` stands in the program as ``pkg.limits.name``, and every name inside it that
means something of its module says so; no such name can collide with one a person writes, because it holds a dot.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Reader = Callable[[str], str | None]

MAX_MODULES = 40


@dataclass(slots=True)
class Finder:
    """Finds modules by dotted name as the replay's ``sys.path`` does: beside the top package first, then the root."""

    path: str
    read: Reader
    found: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def package(self) -> tuple[str, ...]:
        """The package the file itself belongs to, outermost first."""
        folder = PurePosixPath(self.path).parent
        parts: list[str] = []
        while folder.name and self.read(f"{folder}/__init__.py") is not None:
            parts.insert(0, folder.name)
            folder = folder.parent
        return tuple(parts)

    def _tops(self) -> Iterator[str]:
        package = self.package
        folder = PurePosixPath(self.path).parent
        top = folder.parents[len(package) - 1] if package else folder
        yield from dict.fromkeys(("" if str(top) == "." else f"{top}/", ""))

    def module(self, dotted: str) -> tuple[str, str] | None:
        """Path and text of a module of the project; ``None`` for every other."""
        if not dotted or dotted.partition(".")[0] in sys.stdlib_module_names:
            return None
        if dotted not in self.found:
            stem = dotted.replace(".", "/")
            for place in (f"{top}{stem}{end}" for top in self._tops() for end in (".py", "/__init__.py")):
                text = None if place == self.path else self.read(place)
                if text is not None:
                    self.found[dotted] = (place, text)
                    break
        return self.found.get(dotted)

    def absolute(self, dotted: str, package: tuple[str, ...]) -> str:
        """A relative dotted name as an absolute one."""
        level = len(dotted) - len(dotted.lstrip("."))
        if not level:
            return dotted
        return ".".join([*package[: len(package) - level + 1], dotted.lstrip(".")])


class Qualifier(ast.NodeTransformer):
    """Writes the full name of whatever a module defines, except where a function's own name hides it."""

    def __init__(self, module: str, names: frozenset[str]) -> None:
        self.module = module
        self.names = names
        self.hidden: list[frozenset[str]] = []

    def visit_Name(self, node: ast.Name) -> ast.AST:
        """A name of the module, in full unless a scope hides it."""
        if node.id in self.names and not any(node.id in hidden for hidden in self.hidden):
            return ast.copy_location(ast.Name(f"{self.module}.{node.id}", node.ctx), node)
        return node

    def _scoped(self, node: ast.AST) -> ast.AST:
        self.hidden.append(_bound_inside(node))
        try:
            return self.generic_visit(node)
        finally:
            self.hidden.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Decorators and defaults belong to the scope outside."""
        node.decorator_list = [self.visit(one) for one in node.decorator_list]
        node.args.defaults = [self.visit(one) for one in node.args.defaults]
        node.args.kw_defaults = [None if one is None else self.visit(one) for one in node.args.kw_defaults]
        self.hidden.append(_bound_inside(node))
        try:
            node.body = [self.visit(one) for one in node.body]
        finally:
            self.hidden.pop()
        return node

    # ast's own names for what it visits
    visit_Lambda = visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _scoped  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """An annotation in quotes is read as one without."""
        if isinstance(node.annotation, ast.Constant) and isinstance(node.annotation.value, str):
            try:
                parsed = ast.parse(node.annotation.value, mode="eval").body
            except SyntaxError:
                return self.generic_visit(node)
            node.annotation = ast.copy_location(parsed, node.annotation)
        return self.generic_visit(node)


def _bound_inside(node: ast.AST) -> frozenset[str]:
    """Names a scope binds: parameters and whatever is stored to."""
    inner = list(ast.walk(node))
    shared = {name for one in inner if isinstance(one, ast.Global) for name in one.names}
    stored = {one.id for one in inner if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return frozenset((stored | {one.arg for one in inner if isinstance(one, ast.arg)}) - shared)


def mangled(name: str) -> str:
    """A full name as an identifier, for text that Python must read."""
    return f"linked_{name.replace('_', '__').replace('.', '_')}" if "." in name else name
