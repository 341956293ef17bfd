"""The faults an audit plants: in function bodies, at module level, in data files that tests read, in variables.

Invariant: a fault names one file and its text or bytes with the fault, or one variable with a value; nothing else of
the project differs.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from maestro_bloom.effects import at_import
from maestro_bloom.source_model import split_docstring

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RAISE = "raise AssertionError('seeded fault')"
SORTS = ("body", "module", "data", "variable")
Sort = Literal["body", "module", "data", "variable"]


@dataclass(frozen=True, slots=True)
class Fault:
    """``content`` is the whole file at ``place`` with the fault; of a variable ``place``, its value."""

    sort: Sort
    place: str
    what: str
    content: bytes


def in_source(data: bytes, path: str) -> list[Fault]:
    """Faults of one source: a function begins by raising, or a constant, comparison or text changes."""
    try:
        tree = ast.parse(data)
        data.decode()
    except (SyntaxError, ValueError):
        return []
    source = _Source(path, data.splitlines(keepends=True))
    found = [fault for fault in _raising(tree, source) if fault is not None]
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _, body = split_docstring(node)
            inner = [n for child in body for n in ast.walk(child)]
            found += source.replaced("body", node.name, inner, texts=False)
    for statement in tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.ClassDef | ast.FunctionDef):
            name = getattr(statement, "name", "module level")
            found += source.replaced("module", name, _without_docstrings(at_import(statement)), texts=True)
    return found


def in_data(data: bytes, path: str) -> list[Fault]:
    """Two faults of a data file: a digit or letter in its middle changes; its last line is missing."""
    found = []
    at = next((i for i in range(len(data) // 2, len(data)) if data[i : i + 1].isalnum()), -1)
    if at >= 0:
        other = b"7" if data[at : at + 1] != b"7" else b"8"
        found.append(Fault("data", path, f"byte {at}", data[:at] + other + data[at + 1 :]))
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        found.append(Fault("data", path, "last line", b"".join(lines[:-1])))
    return found


def in_variable(name: str) -> Fault:
    """A variable that tests read is set to something else."""
    return Fault("variable", name, "set", b"maestro-seeded-fault")


def _raising(tree: ast.Module, source: _Source) -> Iterator[Fault | None]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _, body = split_docstring(node)
            if body and body[0].lineno > node.lineno and not isinstance(body[0], ast.FunctionDef | ast.ClassDef):
                yield source.raising(body[0], node.name)


def _without_docstrings(nodes: Iterable[ast.AST]) -> list[ast.AST]:
    found = list(nodes)
    texts = {id(n.value) for n in found if isinstance(n, ast.Expr)}
    inside = {id(part) for n in found if isinstance(n, ast.JoinedStr) for part in ast.walk(n)}
    return [n for n in found if id(n) not in texts | inside]


@dataclass(frozen=True, slots=True)
class _Source:
    path: str
    lines: list[bytes]

    def raising(self, first: ast.stmt, function: str) -> Fault | None:
        """The function that begins with ``first`` raises."""
        old = self.lines[first.lineno - 1]
        indent = b" " * first.col_offset
        if not old.startswith(indent):
            return None
        return self._with("body", function, first.lineno, indent + RAISE.encode() + b"\n" + old)

    def replaced(self, sort: Sort, what: str, nodes: Iterable[ast.AST], *, texts: bool) -> list[Fault]:
        """One fault for each expression on one line that has another of its kind."""
        found = []
        for node in nodes:
            new = _replacement(node, texts=texts)
            if new is None or not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
                continue
            old = self.lines[node.lineno - 1]
            found.append(
                self._with(sort, what, node.lineno, old[: node.col_offset] + new.encode() + old[node.end_col_offset :])
            )
        return found

    def _with(self, sort: Sort, what: str, line: int, new: bytes) -> Fault:
        content = b"".join([*self.lines[: line - 1], new, *self.lines[line:]])
        return Fault(sort, self.path, f"{what}:{line}", content)


def _replacement(node: ast.AST, *, texts: bool) -> str | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return repr(node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        return repr(not node.value)
    if texts and isinstance(node, ast.Constant) and isinstance(node.value, str):
        return ascii(node.value + "x")
    if isinstance(node, ast.Compare | ast.BoolOp):
        return f"(not ({ast.unparse(node)}))"
    return None
