"""The house style as tests: sizes, types, docstrings, no catch-all modules."""

from __future__ import annotations

import ast
import statistics
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = sorted(p for top in ("maestro_hooks", "plugins") for p in (ROOT / top).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(parsed(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_is_code() -> None:
    assert len(OWN) > 20


def test_module_sizes() -> None:
    sizes = {name_of(p): len(p.read_text(encoding="utf-8").splitlines()) for p in OWN}
    assert {n: s for n, s in sizes.items() if s > 400} == {}
    assert statistics.median(sizes.values()) <= 120


def test_function_sizes() -> None:
    sizes = {f"{name_of(p)}:{f.name}": lines_of(f) for p in OWN for f in functions(p)}
    assert {n: s for n, s in sizes.items() if s > 60} == {}
    assert statistics.quantiles(sizes.values(), n=10)[8] <= 30


def test_everything_is_typed() -> None:
    def untyped(f: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
        arguments = [*f.args.posonlyargs, *f.args.args, *f.args.kwonlyargs]
        return f.returns is None or any(a.annotation is None and a.arg not in ("self", "cls") for a in arguments)

    assert [f"{name_of(p)}:{f.name}" for p in OWN for f in functions(p) if untyped(f)] == []


def test_public_functions_and_modules_are_documented() -> None:
    missing = [name_of(p) for p in OWN if not ast.get_docstring(parsed(p))]
    for path in OWN:
        tops = [n for n in parsed(path).body if isinstance(n, ast.FunctionDef | ast.ClassDef)]
        missing += [
            f"{name_of(path)}:{n.name}" for n in tops if not n.name.startswith("_") and not ast.get_docstring(n)
        ]
    assert missing == []


def test_broad_handlers_stand_at_the_plugin_boundary_only() -> None:
    broad = [
        name_of(p) for p in OWN for n in ast.walk(parsed(p)) if isinstance(n, ast.ExceptHandler) and _is_broad(n.type)
    ]
    assert len(broad) <= 5, broad


def _is_broad(handled: ast.expr | None) -> bool:
    if isinstance(handled, ast.Tuple):
        return any(_is_broad(part) for part in handled.elts)
    return handled is None or (isinstance(handled, ast.Name) and handled.id == "Exception")


@pytest.mark.parametrize("name", ["utils", "helpers", "base", "manager", "common", "misc"])
def test_no_catch_all_module(name: str) -> None:
    assert [name_of(p) for p in OWN if p.stem == name] == []
