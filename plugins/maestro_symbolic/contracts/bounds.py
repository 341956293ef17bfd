"""Bounds in annotations: ``Annotated[int, Ge(0), Le(n)]`` with the classes of annotated-types (and msgspec's Meta).

Invariant: a marker of annotated-types that is not understood is reported as unreadable; other metadata is not ours.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_symbolic.contracts.clauses import Clause

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.contracts.clauses import ClauseKind, Draft
    from maestro_symbolic.program import Function, Program

COMPARISONS: dict[str, ast.cmpop] = {"ge": ast.GtE(), "gt": ast.Gt(), "le": ast.LtE(), "lt": ast.Lt()}
SINGLE = {"Ge": "ge", "Gt": "gt", "Le": "le", "Lt": "lt", "MultipleOf": "multiple_of"}
LENGTHS = {"MinLen": "min_length", "MaxLen": "max_length"}
LIBRARIES = ("annotated_types.", "msgspec.", "pydantic.")


def annotated_clauses(program: Program, node: Function, draft: Draft) -> None:
    """Add the bounds of a function's parameters and result."""
    arguments = node.args
    for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
        if argument.annotation is not None:
            subject = ast.Name(argument.arg, ast.Load())
            roles = {argument.arg: f"arg:{argument.arg}"}
            bound_clauses(program, argument.annotation, subject, draft, kind="pre", roles=roles)
    if node.returns is not None:
        subject = ast.Name("__return__", ast.Load())
        bound_clauses(program, node.returns, subject, draft, kind="post", roles={"__return__": "result"})


def resolve_annotation(program: Program, node: ast.expr) -> ast.expr:
    """An annotation with text parsed and the module's aliases replaced."""
    for _ in range(10):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                node = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                return node
        elif isinstance(node, ast.Name) and node.id in program.constants:
            node = program.constants[node.id]
        elif isinstance(node, ast.Call) and program.dotted(node.func) in ("typing.NewType", "NewType"):
            node = node.args[1]
        else:
            return node
    return node


def bound_clauses(
    program: Program,
    annotation: ast.expr,
    subject: ast.expr,
    draft: Draft,
    *,
    kind: ClauseKind,
    roles: Mapping[str, str],
) -> None:
    """Add a clause for each bound that an annotation puts on ``subject``."""
    line = annotation.lineno
    node = resolve_annotation(program, annotation)
    if not (isinstance(node, ast.Subscript) and program.dotted(node.value).rpartition(".")[2] == "Annotated"):
        return
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    bound_clauses(program, ast.copy_location(parts[0], annotation), subject, draft, kind=kind, roles=roles)
    for marker in parts[1:]:
        for expression in _conditions(program, marker, subject, draft, line):
            for inner in ast.walk(expression):
                ast.copy_location(inner, annotation)
            text = ast.unparse(expression)
            draft.styles.add("annotated")
            draft.clauses.append(Clause(kind=kind, text=text, line=line, expression=expression, roles=dict(roles)))


def _conditions(program: Program, marker: ast.expr, subject: ast.expr, draft: Draft, line: int) -> list[ast.expr]:
    if not isinstance(marker, ast.Call):
        return []
    dotted = program.dotted(marker.func)
    name = dotted.rpartition(".")[2]
    if not dotted.startswith(LIBRARIES) and name not in (*SINGLE, *LENGTHS, "Interval", "Len"):
        return []
    if name in SINGLE and len(marker.args) + len(marker.keywords) == 1:
        value = marker.args[0] if marker.args else marker.keywords[0].value
        return [_condition(SINGLE[name], subject, value)]
    if name in LENGTHS and len(marker.args) == 1:
        return [_condition(LENGTHS[name], subject, marker.args[0])]
    if name == "Len":
        return [_condition(key, subject, value) for key, value in zip(LENGTHS.values(), marker.args, strict=False)]
    known = (*COMPARISONS, "multiple_of", "min_length", "max_length", "description", "title", "examples")
    if name in ("Interval", "Meta", "Field") and not marker.args and all(k.arg in known for k in marker.keywords):
        return [
            _condition(k.arg, subject, k.value)
            for k in marker.keywords
            if k.arg in known[:-3] and not (isinstance(k.value, ast.Constant) and k.value.value is None)
        ]
    draft.unreadable.append((line, ast.unparse(marker)))
    return []


def _condition(name: str | None, subject: ast.expr, value: ast.expr) -> ast.expr:
    if name == "multiple_of":
        rest = ast.BinOp(subject, ast.Mod(), value)
        return ast.Compare(rest, [ast.Eq()], [ast.Constant(0)])
    if name in ("min_length", "max_length"):
        subject = ast.Call(ast.Name("len", ast.Load()), [subject], [])
        name = "ge" if name == "min_length" else "le"
    return ast.Compare(subject, [COMPARISONS[str(name)]], [value])
