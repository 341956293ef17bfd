"""The cache key of a function: everything its verdict depends on, and nothing else.

Invariant: comments, docstrings without contracts and layout do not change the key; a changed constant, callee, class
or contract does. Our own printer, because ``ast.dump`` differs between Python versions.
"""

from __future__ import annotations

import ast
import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_symbolic.contracts.clauses import Contract
    from maestro_symbolic.program import Program
    from maestro_symbolic.targets import Target

SKIPPED = frozenset(
    {"lineno", "col_offset", "end_lineno", "end_col_offset", "ctx", "type_comment", "kind", "type_params"}
)


def canonical(node: ast.AST | list[object] | object) -> str:
    """A syntax tree as text: node name and fields in order, empty ones left out."""
    if isinstance(node, ast.AST):
        fields = []
        for name in node._fields:
            value = getattr(node, name, None)
            if name in SKIPPED or value is None or value == []:
                continue
            if name == "body" and isinstance(value, list):
                value = _without_docstring(value)
            fields.append(f"{name}={canonical(value)}")
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(canonical(v) for v in node)}]"
    if isinstance(node, float):
        return f"float:{node.hex()}"
    if isinstance(node, int) and not isinstance(node, bool):
        return f"int:{node:x}"
    return f"{type(node).__name__}:{node!r}"


# Modules that many files import are read once; so are their definitions written out.
_definition = lru_cache(maxsize=8192)(canonical)


def _without_docstring(body: list[object]) -> list[object]:
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def reached(program: Program, node: ast.AST) -> list[str]:
    """The module's names that a definition uses, directly or through what it uses, sorted."""
    known = program.definitions
    found: set[str] = set()
    pending = [node]
    while pending:
        for name in map(program.known, _names(program, pending.pop())):
            if name in known and name not in found:
                found.add(name)
                pending.append(known[name])
    return sorted(found)


def _names(program: Program, node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Name):
            yield inner.id
        elif isinstance(inner, ast.Attribute):
            yield program.dotted(inner)
        elif isinstance(inner, ast.Constant) and isinstance(inner.value, str):
            # Annotations as text, and PEP 316 contracts: every word may be a name.
            yield from "".join(c if c.isalnum() or c == "_" else " " for c in inner.value).split()


def contract_text(contract: Contract) -> str:
    """A contract as text."""
    clauses = [f"{c.kind}:{c.name}:{canonical(c.expression)}:{sorted(c.roles.items())}" for c in contract.clauses]
    return repr((clauses, sorted(contract.raises), contract.unreadable))


def contract_digest(target: Target) -> str:
    """Twelve hexadecimal digits that name a function's contract, its classes' invariants included."""
    texts = [contract_text(target.contract)]
    texts += [contract_text(target.invariants_of(info)) for _, info in sorted(target.program.classes.items())]
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def cache_key(target: Target, versions: tuple[str, ...]) -> str:
    """The digest of everything the verdict depends on; ``versions`` names engine, solvers, limits and Python."""
    program = target.program
    parts = [*versions, target.name, canonical(target.node), contract_text(target.contract)]
    owner = [target.info.name] if target.info is not None else []
    context = target.info.node if target.info is not None else target.node
    for name in sorted({*reached(program, target.node), *reached(program, context), *owner}):
        if name in program.functions:
            node: ast.AST = program.functions[name]
            contract = target.contract_of(node, None)
            parts.append(contract_text(contract) if contract is not None else "")
        elif name in program.classes:
            info = program.classes[name]
            node = info.node
            parts.append(contract_text(target.invariants_of(info)))
            parts += [contract_text(c) for m in info.methods.values() if (c := target.contract_of(m, info))]
        else:
            node = program.constants[name]
        parts.append(f"{name}={_definition(node)}")
    parts += sorted(f"{k}={v}" for k, v in program.imports.items())
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
