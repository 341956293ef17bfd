"""Text built from pieces: a concatenation, an f-string, ``%``, ``.format`` or ``join`` as texts and holes.

Invariant: ``parse`` answers only for forms whose text it knows exactly.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.fields import formatted, percent
from maestro_taint.fixes.forms import NOWHERE, Far, Filled, Joined, Listed, Literal, Lookup, Plus, Tree
from maestro_taint.fixes.marks import replaced
from maestro_taint.fixes.pieces import Hole, Piece, Text, requoted

if TYPE_CHECKING:
    from collections.abc import Callable


def parse(node: cst.BaseExpression, lookup: Lookup = NOWHERE) -> Tree | None:
    """The pieces of an expression that builds a text; ``None`` if it builds none in a form known exactly."""
    tree = _tree(node, lookup)
    return None if isinstance(tree, Hole) else tree


def _tree(node: cst.BaseExpression, lookup: Lookup) -> Tree | None:
    if isinstance(node, cst.SimpleString):
        if "b" in node.prefix.lower():
            return None
        return Literal(node, Text(node.raw_value, node.prefix.lower(), node.quote))
    if isinstance(node, cst.FormattedString):
        return _joined(node)
    if isinstance(node, cst.ConcatenatedString) or (
        isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add)
    ):
        left, right = _tree(node.left, lookup), _tree(node.right, lookup)
        if left is None or right is None or (isinstance(left, Hole) and isinstance(right, Hole)):
            return Hole(node) if isinstance(left, Hole) and isinstance(right, Hole) else None
        return Plus(node, left, right)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
        literal = _literal_of(node.left, lookup)
        return percent(node, *literal) if literal is not None else Hole(node)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        literal = _literal_of(node.func.value, lookup)
        if literal is not None and node.func.attr.value == "format":
            return formatted(node, *literal)
        if isinstance(node.func.value, cst.SimpleString) and node.func.attr.value == "join":
            return _listed(node, node.func.value, lookup)
    if not isinstance(node, cst.Call):
        return Hole(node)
    return replaced(node, _literal_of, lookup) or _far(node, lookup)


def _far(node: cst.Call, lookup: Lookup) -> Tree | None:
    """A call of a function that only puts a text together."""
    made = lookup.function(node)
    if made is None:
        return Hole(node)
    inner = _tree(made.expr, made.lookup)
    if inner is None or isinstance(inner, Hole):
        return Hole(node)
    given: list[tuple[cst.Arg, Tree]] = []
    seen: set[str] = set()
    known: dict[int, Tree] = {}

    def put(tree: Tree) -> Tree:
        if id(tree) not in known:
            known[id(tree)] = filled(tree)
        return known[id(tree)]

    def filled(tree: Tree) -> Tree:
        if isinstance(tree, Hole) and isinstance(tree.expr, cst.Name) and tree.expr.value in made.given:
            name = tree.expr.value
            own = _tree(made.given[name].value, lookup)
            if own is None or name in seen or tree.suffix:
                raise _Unclear
            seen.add(name)
            given.append((made.given[name], own))
            return own
        return tree

    try:
        inner = _mapped(inner, put)
    except _Unclear:
        return Hole(node)
    return Far(node, inner, given, made.closed)


class _Unclear(Exception):  # noqa: N818 - an answer, not a fault
    """A parameter that is used twice, or formatted on its way."""


def _mapped(tree: Tree, put: Callable[[Tree], Tree]) -> Tree:
    """The tree with its holes replaced."""
    if isinstance(tree, Hole):
        return put(tree)
    if isinstance(tree, Plus):
        return Plus(tree.node, _mapped(tree.left, put), _mapped(tree.right, put))
    if isinstance(tree, Listed) and not tree.repeated:
        return Listed(tree.node, [_mapped(e, put) for e in tree.elements], tree.between)
    if isinstance(tree, Joined | Filled):
        return _filled_holes(tree, put)
    if isinstance(tree, Far):
        return Far(tree.node, _mapped(tree.inner, put), [(a, _mapped(t, put)) for a, t in tree.given], tree.closed)
    return tree


def _filled_holes(tree: Joined | Filled, put: Callable[[Tree], Tree]) -> Tree:
    """Holes of an f-string or of fields stay holes: each takes an argument that is one value."""
    made: list[Piece] = []
    for piece in [p for _, p in tree.pieces] if isinstance(tree, Joined) else tree.pieces:
        new = put(piece) if isinstance(piece, Hole) else piece
        if not isinstance(new, Hole | Text):
            new = Hole(_whole(new))
        if isinstance(piece, Hole) and isinstance(new, Hole) and new is not piece:
            new.origin = new.node
            new.suffix, new.within = piece.suffix, piece.within
            new.expr = requoted(new.expr, new.within) if new.within else new.expr
        made.append(new)
    if isinstance(tree, Joined):
        return Joined(tree.node, [(part, new) for (part, _), new in zip(tree.pieces, made, strict=True)])
    return Filled(tree.node, made, tree.keys, tree.literal, tree.shared, tree.mapping)


def _whole(tree: Tree) -> cst.BaseExpression:
    return tree.expr if isinstance(tree, Hole) else tree.node


SAME = frozenset({"strip", "lstrip", "rstrip"})
DEDENTS = re.compile(r"(textwrap\.)?dedent$|(inspect\.)?cleandoc$")


def _literal_of(node: cst.BaseExpression, lookup: Lookup) -> tuple[cst.SimpleString, bool] | None:
    """The literal with the fields, and whether others read it: the expression itself, or what a name stands for."""
    if isinstance(node, cst.SimpleString):
        return node, False
    if isinstance(node, cst.Name | cst.Attribute | cst.Subscript):
        return lookup.literal(node)
    if isinstance(node, cst.Call):
        inner = _stripped(node)
        return _literal_of(inner, lookup) if inner is not None else None
    return None


def _stripped(node: cst.Call) -> cst.BaseExpression | None:
    """What a call only takes blanks from."""
    if isinstance(node.func, cst.Attribute) and node.func.attr.value in SAME and not node.args:
        return node.func.value
    name = cst.Module([]).code_for_node(node.func)
    return node.args[0].value if DEDENTS.fullmatch(name) and len(node.args) == 1 else None


def _listed(node: cst.Call, separator: cst.SimpleString, lookup: Lookup) -> Listed | Hole | None:
    held = node.args[0].value if len(node.args) == 1 else None
    between = Text(separator.raw_value, separator.prefix.lower(), separator.quote)
    if isinstance(held, cst.GeneratorExp | cst.ListComp):
        element = _tree(held.elt, lookup)
        return Hole(node) if element is None or isinstance(element, Hole) else Listed(node, [element], between, True)  # noqa: FBT003 - a field
    if not isinstance(held, cst.List | cst.Tuple) or any(not isinstance(e, cst.Element) for e in held.elements):
        return Hole(node)
    elements = [_tree(e.value, lookup) for e in held.elements]
    known = [e for e in elements if e is not None]
    if len(known) != len(elements) or all(isinstance(e, Hole) for e in known):
        return Hole(node)
    return Listed(node, known, between)


def _joined(node: cst.FormattedString) -> Joined | None:
    prefix = node.start.lower().rstrip("'\"").replace("f", "")
    quote = node.end
    made: list[tuple[Any, Piece]] = []
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            made.append((part, Text(part.value, prefix, quote, "{}")))
            continue
        if not isinstance(part, cst.FormattedStringExpression) or part.equal is not None:
            return None
        suffix = f"!{part.conversion}" if part.conversion else ""
        if part.format_spec is not None:
            if any(not isinstance(p, cst.FormattedStringText) for p in part.format_spec):
                return None
            suffix += ":" + "".join(getattr(p, "value", "") for p in part.format_spec)
        made.append((part, Hole(part.expression, suffix, within=quote)))
    return Joined(node, made)
