"""Text built from pieces: an expression as constant texts and holes, and back.

Invariant: ``parts`` answers only for forms whose text it knows exactly; anything else is ``None``, a refusal.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import libcst as cst

Piece = tuple[str, Any]  # ("text", str) or ("hole", expression)


def parts(node: cst.BaseExpression) -> list[Piece] | None:  # noqa: PLR0911 - one return per form
    """The pieces of a concatenation, an f-string, ``%`` or ``.format``; ``None`` if it is none of these."""
    if isinstance(node, cst.SimpleString):
        value = node.evaluated_value
        return [("text", value)] if isinstance(value, str) else None
    if isinstance(node, cst.ConcatenatedString):
        left, right = parts(node.left), parts(node.right)
        return left + right if left is not None and right is not None else None
    if isinstance(node, cst.FormattedString):
        return _formatted(node)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left, right = parts(node.left), parts(node.right)
        return (left or [("hole", node.left)]) + (right or [("hole", node.right)]) if left or right else None
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
        return _percent(node)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute) and node.func.attr.value == "format":
        return _format(node)
    return None


def _formatted(node: cst.FormattedString) -> list[Piece] | None:
    made: list[Piece] = []
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            made.append(("text", part.value.replace("{{", "{").replace("}}", "}")))
        elif isinstance(part, cst.FormattedStringExpression) and part.format_spec is None and part.conversion is None:
            made.append(("hole", part.expression))
        else:
            return None
    return made


def _percent(node: cst.BinaryOperation) -> list[Piece] | None:
    text = node.left.evaluated_value if isinstance(node.left, cst.SimpleString) else None
    if not isinstance(text, str) or re.search(r"%[^s%]", text):
        return None
    values = [e.value for e in node.right.elements] if isinstance(node.right, cst.Tuple) else [node.right]
    return _woven([t.replace("%%", "%") for t in re.split(r"%s", text)], values)


def _format(node: cst.Call) -> list[Piece] | None:
    owner = node.func.value if isinstance(node.func, cst.Attribute) else None
    text = owner.evaluated_value if isinstance(owner, cst.SimpleString) else None
    if (
        not isinstance(text, str)
        or re.search(r"\{[^}]+\}|\{\{|\}\}", text)
        or any(a.keyword or a.star for a in node.args)
    ):
        return None
    return _woven(text.split("{}"), [a.value for a in node.args])


def _woven(texts: list[str], values: list[Any]) -> list[Piece] | None:
    if len(texts) != len(values) + 1:
        return None
    made: list[Piece] = []
    for i, text in enumerate(texts):
        made += [("text", text)] if text else []
        if i < len(values):
            made.append(("hole", values[i]))
    return made


def literal(text: str) -> cst.BaseExpression:
    """A string literal for a text, in double quotes where that is plain."""
    plain = '"' not in text and "\\" not in text and text.isprintable()
    return cst.SimpleString(f'"{text}"' if plain else repr(text))


def wrapped(node: cst.BaseExpression, function: str) -> cst.BaseExpression | None:  # noqa: PLR0911 - one return per form
    """The same text with every hole passed through a function; a lone hole is wrapped itself."""
    if isinstance(node, cst.FormattedString):
        if _formatted(node) is None:
            return None
        made = [
            p.with_changes(expression=call(function, p.expression))
            if isinstance(p, cst.FormattedStringExpression)
            else p
            for p in node.parts
        ]
        return node.with_changes(parts=made)
    if isinstance(node, cst.SimpleString):
        return node
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left, right = wrapped(node.left, function), wrapped(node.right, function)
        return node.with_changes(left=left, right=right) if left is not None and right is not None else None
    if isinstance(node, cst.Call) and code(node.func) == function:
        return node
    if parts(node) is not None:
        if isinstance(node, cst.BinaryOperation):
            return _wrapped_percent(node, function)
        if isinstance(node, cst.Call):
            return node.with_changes(args=[a.with_changes(value=call(function, a.value)) for a in node.args])
    return call(function, node)


def _wrapped_percent(node: cst.BinaryOperation, function: str) -> cst.BaseExpression:
    if isinstance(node.right, cst.Tuple):
        elements = [e.with_changes(value=call(function, e.value)) for e in node.right.elements]
        return node.with_changes(right=node.right.with_changes(elements=elements))
    return node.with_changes(right=call(function, node.right))


def call(function: str, argument: cst.BaseExpression) -> cst.Call:
    """``function(argument)``."""
    return cst.Call(cst.parse_expression(function), [cst.Arg(argument)])


def code(node: cst.CSTNode) -> str:
    """The source text of a node."""
    return cst.Module([]).code_for_node(node)


def same_tree(a: bytes, b: bytes) -> bool:
    """Whether two sources are the same program."""
    return ast.dump(ast.parse(a)) == ast.dump(ast.parse(b))
