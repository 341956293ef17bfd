"""Whether the names in a project's own models mean anything: a misspelt one would silently find nothing.

Theorem: a name is refused only if its module was read and has no such name, or if no such module is in the project, in
its environment, in the standard library, or imported by any of its files. Nothing is imported or run.
"""

from __future__ import annotations

import ast
import difflib
import importlib.util
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import ConfigError, MaestroError
from maestro_hooks.project.repository import Repository
from maestro_taint.frontend.parse import Parsed, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_taint.models.document import Document

FIELDS = ("call", "read", "decorator", "base")
SECTIONS = ("sources", "sinks", "sanitizers", "propagators", "entrypoints", "patterns")


def check(document: Document, where: str, root: Path, known: set[str]) -> None:
    """Raise ``ConfigError`` for the first name that means nothing; ``known`` are the shipped models' names."""
    fix = "correct the name, or add 'unchecked: true' to its entry"
    for section, name in names_in(document):
        problem = "" if name in known else _problem(name, root)
        if problem:
            raise ConfigError(f"{section}: {name}: {problem}", where=where, fix=fix)


def names_in(document: Document) -> Iterator[tuple[str, str]]:
    """(section, dotted name) of everything that is looked up by name."""
    for section in SECTIONS:
        for entry in getattr(document, section):
            if isinstance(entry, str) or entry.unchecked:
                continue
            for field in FIELDS:
                held = getattr(entry, field, ())
                for name in (held,) if isinstance(held, str) else held:
                    if "." in name and re.fullmatch(r"[\w.]+", name):
                        yield section, name


def _problem(name: str, root: Path) -> str:
    """Why a dotted name means nothing; empty if it does, or may."""
    parts = name.split(".")
    for home in _homes(root, parts[0]):
        place, rest = _module(home, parts)
        if place is not None:
            return _missing(place, ".".join(parts[: len(parts) - len(rest)]), rest)
    if parts[0] in sys.stdlib_module_names or parts[0] in dir(__builtins__) or _imported(root, parts[0]):
        return ""
    return f"there is no module {parts[0]} in the project or its environment, and none of its files imports one"


def _homes(root: Path, top: str) -> Iterator[Path]:
    """Directories a top-level module may lie in: the project, its sources, its environment, the standard library."""
    yield root
    yield root / "src"
    for environment in (".venv", "venv"):
        yield from sorted(root.glob(f"{environment}/lib/python*/site-packages"))
    try:
        spec = importlib.util.find_spec(top) if top.isidentifier() and top in sys.stdlib_module_names else None
    except (ImportError, ValueError):
        return
    if spec is not None and spec.origin and spec.origin.endswith(".py"):
        place = Path(spec.origin)
        yield place.parent.parent if place.name == "__init__.py" else place.parent


def _module(home: Path, parts: list[str]) -> tuple[Path | None, list[str]]:
    """The file of the longest part of a name that is a module below ``home``, and what is left of the name."""
    for size in range(len(parts), 0, -1):
        base = home.joinpath(*parts[:size])
        for place in (base.with_name(f"{base.name}.py"), base / "__init__.py", base.with_name(f"{base.name}.pyi")):
            if place.is_file():
                return place, parts[size:]
    return None, parts


def _missing(place: Path, module: str, rest: list[str]) -> str:
    """What a module's text says of a name in it; empty if it has it, or if that cannot be told."""
    parsed = parse(place.read_bytes())
    if not rest or not isinstance(parsed, Parsed):
        return ""
    names = _defined(parsed.tree.body)
    if names is None:
        return ""
    if rest[0] not in names:
        return _told(module, rest[0], names)
    owner = names[rest[0]]
    if len(rest) == 1 or not isinstance(owner, ast.ClassDef) or owner.bases or owner.keywords or owner.decorator_list:
        return ""
    inner = _defined(owner.body)
    set_later = {n.attr for n in ast.walk(owner) if isinstance(n, ast.Attribute)}
    if inner is None or rest[1] in inner or rest[1] in set_later:
        return ""
    return _told(f"{module}.{rest[0]}", rest[1], inner)


def _told(owner: str, name: str, names: dict[str, ast.AST]) -> str:
    near = difflib.get_close_matches(name, names, 1)
    return f"{owner} has no {name}{f'; did you mean {near[0]}?' if near else ''}"


def _defined(body: list[ast.stmt]) -> dict[str, ast.AST] | None:
    """The names a block binds, at any depth of its conditions; ``None`` where others may come by a star or a hook."""
    found: dict[str, ast.AST] = {}
    for node in (n for statement in body for n in _walked(statement)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found[node.id] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if any(a.name == "*" for a in node.names):
                return None
            found |= {a.asname or a.name.partition(".")[0]: node for a in node.names}
    dynamic = "__getattr__" in found or any(
        isinstance(n, ast.Name) and n.id == "globals" for b in body for n in ast.walk(b)
    )
    return None if dynamic else found


def _walked(node: ast.AST) -> Iterator[ast.AST]:
    """A statement and what stands in it, without the insides of functions and classes."""
    yield node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _walked(child)


def _imported(root: Path, top: str) -> bool:
    """Whether a file of the project imports a module: then it is there where the project runs."""
    word = re.compile(rb"^\s*(?:from|import)\s[^#\n]*\b" + re.escape(top.encode()) + rb"\b", re.MULTILINE)
    try:
        places = [place for path, place in Repository(root).files() if path.endswith((".py", ".pyi"))]
    except MaestroError:
        places = sorted(root.rglob("*.py"))
    return any(word.search(place.read_bytes()) for place in places)
