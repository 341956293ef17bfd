"""Marks in a literal that values take the place of: ``text.replace("@x", x)``, ``Template(text).substitute(x=x)``.

Invariant: each mark stands once in the text, and every mark is filled.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.forms import Far, Literal, Lookup, Plus, Tree
from maestro_taint.fixes.pieces import Hole, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    Find = Callable[[cst.BaseExpression, Lookup], tuple[cst.SimpleString, bool] | None]

# PEP 292: $$ is an escape, $name and ${name} are fields.
FIELD = re.compile(r"\$(?:(?P<escaped>\$)|(?P<plain>[_a-zA-Z]\w*)|\{(?P<braced>[_a-zA-Z]\w*)\})")


def replaced(node: cst.Call, find: Find, lookup: Lookup) -> Far | None:
    """The text with values in the place of its marks; written out in full where it changes."""
    if not isinstance(node.func, cst.Attribute) or any(a.star for a in node.args):
        return None
    name, owner = node.func.attr.value, node.func.value
    if name == "replace" and len(node.args) == 2:
        mark = node.args[0].value
        literal = find(owner, lookup)
        if literal is None or not isinstance(mark, cst.SimpleString) or mark.prefix or not mark.raw_value:
            return None
        parts = literal[0].raw_value.split(mark.raw_value)
        return _filled(node, literal[0], parts, [node.args[1]]) if len(parts) == 2 else None
    if name in ("substitute", "safe_substitute") and node.args and all(a.keyword for a in node.args):
        held = lookup.template(owner)
        literal = find(held, lookup) if held is not None else None
        return _substituted(node, literal[0]) if literal is not None else None
    return None


def _substituted(node: cst.Call, literal: cst.SimpleString) -> Far | None:
    given = {a.keyword.value: a for a in node.args if a.keyword is not None}
    raw, parts, args, last = literal.raw_value, [""], [], 0
    for match in FIELD.finditer(raw):
        parts[-1] += raw[last : match.start()]
        last = match.end()
        field = match["plain"] or match["braced"]
        if match["escaped"]:
            parts[-1] += "$"
        elif field not in given or given[field] in args:
            return None
        else:
            args.append(given[field])
            parts.append("")
    parts[-1] += raw[last:]
    return _filled(node, literal, parts, args) if args and len(args) == len(given) else None


def _filled(node: cst.Call, literal: cst.SimpleString, parts: list[str], args: list[cst.Arg]) -> Far | None:
    """The literal's parts with the arguments between them."""
    if "b" in literal.prefix.lower():
        return None

    def part(raw: str) -> Literal:
        one = cst.SimpleString(f"{literal.prefix}{literal.quote}{raw}{literal.quote}")
        return Literal(one, Text(raw, literal.prefix.lower(), literal.quote))

    tree: Tree = part(parts[0])
    given: list[tuple[cst.Arg, Tree]] = []
    for arg, raw in zip(args, parts[1:], strict=True):
        hole = Hole(arg.value)
        given.append((arg, hole))
        for right in (hole, part(raw)):
            left = tree
            tree = Plus(cst.BinaryOperation(_node(left), cst.Add(), _node(right)), left, right)
    return Far(node, tree, given, closed=True)


def _node(tree: Tree) -> cst.BaseExpression:
    return tree.expr if isinstance(tree, Hole) else tree.node
