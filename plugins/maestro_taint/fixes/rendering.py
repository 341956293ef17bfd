"""A text's pieces written back as an expression.

Invariant: a piece that is not changed is written as it stood, quotes, prefix, escapes and line breaks included.
"""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from maestro_taint.fixes.fields import FIELD, PERCENT
from maestro_taint.fixes.forms import Far, Filled, Joined, Listed, Literal, Plus, Tree, pieces
from maestro_taint.fixes.pieces import Hole, Text, quoted


class Unwritable(Exception):  # noqa: N818 - an answer, not a fault
    """A change that cannot be written: the text stands in a place that must not change, or means other things here."""


def render(tree: Tree) -> cst.BaseExpression:
    """The expression with what was changed."""
    if isinstance(tree, Literal):
        return _literal(tree.node, tree.piece.raw)
    if isinstance(tree, Hole):
        return tree.expr if tree.text is None else quoted(tree.text)
    if isinstance(tree, Plus):
        return _plus(tree)
    if isinstance(tree, Far):
        return _render_far(tree)
    if isinstance(tree, Joined):
        return _render_joined(tree)
    if isinstance(tree, Listed):
        arg: Any = tree.node.args[0]
        if tree.repeated:
            element = arg.value.with_changes(elt=render(tree.elements[0]))
            return tree.node.with_changes(args=[arg.with_changes(value=element)])
        new = [e.with_changes(value=render(t)) for e, t in zip(arg.value.elements, tree.elements, strict=True)]
        return tree.node.with_changes(args=[arg.with_changes(value=arg.value.with_changes(elements=new))])
    return _render_filled(tree)


def _render_far(tree: Far) -> cst.BaseExpression:
    """The call with its arguments changed, or, where the text itself changed, what it makes, written out here."""
    own = {id(p) for _, given in tree.given for p in pieces(given)}
    far = [p for p in pieces(tree.inner) if id(p) not in own]
    changed = any(p.changed or (isinstance(p, Hole) and p.text is not None) for p in far)
    moved = any(isinstance(p, Hole) and p.text is not None for p in pieces(tree.inner))
    if not changed and not moved:
        new = {id(arg): arg.with_changes(value=render(given)) for arg, given in tree.given}
        return tree.node.with_changes(args=[new.get(id(a), a) for a in tree.node.args])  # type: ignore[no-any-return]
    if not tree.closed or any(isinstance(p, Hole) and p.changed for p in far):
        raise Unwritable("the text is made by a function that must not change")
    return render(tree.inner)


def _literal(node: cst.SimpleString, raw: str) -> cst.SimpleString:
    return node.with_changes(value=f"{node.prefix}{node.quote}{raw}{node.quote}")


def _plus(tree: Plus) -> cst.BaseExpression:
    left, right = render(tree.left), render(tree.right)
    for text, hole, other in ((tree.left, tree.right, left), (tree.right, tree.left, right)):
        if isinstance(hole, Hole) and hole.text is not None and isinstance(text, Plus | Literal):
            style = _edge(other, last=text is tree.left)
            if style is not None and hole is tree.right:
                right = quoted(hole.text, style)
            elif style is not None:
                left = quoted(hole.text, style)
    if _empty(right) and isinstance(left, cst.SimpleString | cst.BinaryOperation) and _touched(tree.right):
        return _parens(left, tree.node)
    if _empty(left) and isinstance(right, cst.SimpleString) and _touched(tree.left):
        return _parens(right, tree.node)
    if isinstance(tree.node, cst.BinaryOperation) and (_touched(tree.left) or _touched(tree.right)):
        made = _merged(tree.node, left, right)
        if made is not None:
            return made
    return tree.node.with_changes(left=left, right=right)


def _touched(tree: Tree) -> bool:
    """Whether a piece is (or stands beside) a hole that became text: only there are literals joined."""
    if isinstance(tree, Hole):
        return tree.text is not None
    if isinstance(tree, Literal):
        return tree.piece.raw != tree.node.raw_value
    return any(isinstance(p, Hole) and p.text is not None for p in pieces(tree))


def _merged(node: cst.BinaryOperation, left: Any, right: Any) -> cst.BaseExpression | None:
    """Two literals on one line as one."""
    head = left.right if isinstance(left, cst.BinaryOperation) and isinstance(left.operator, cst.Add) else left
    if not isinstance(head, cst.SimpleString) or not isinstance(right, cst.SimpleString):
        return None
    if (head.prefix, head.quote) != (right.prefix, right.quote) or head.lpar or right.lpar:
        return None
    if "\n" in cst.Module([]).code_for_node(node.operator):
        return None
    one = _literal(head, head.raw_value + right.raw_value)
    return _parens(one, node) if head is left else left.with_changes(right=one, lpar=node.lpar, rpar=node.rpar)


def _parens(made: Any, node: Any) -> cst.BaseExpression:
    """Parentheses are kept where they hold a line break, dropped round a single literal."""
    if isinstance(made, cst.SimpleString) and node.lpar and "\n" not in cst.Module([]).code_for_node(made):
        return made
    return made.with_changes(lpar=node.lpar, rpar=node.rpar) if node.lpar else made  # type: ignore[no-any-return]


def _edge(node: Any, *, last: bool) -> str | None:
    """The quote of the literal at one end."""
    while isinstance(node, cst.BinaryOperation):
        node = node.right if last else node.left
    return node.quote if isinstance(node, cst.SimpleString) and not node.prefix and len(node.quote) == 1 else None


def _empty(node: Any) -> bool:
    return isinstance(node, cst.SimpleString) and node.raw_value == ""


def _render_joined(tree: Joined) -> cst.BaseExpression:
    made: list[Any] = []
    holes = False
    for part, piece in tree.pieces:
        if isinstance(piece, Text):
            made.append(part.with_changes(value=piece.raw))
        elif piece.text is not None:
            made.append(cst.FormattedStringText(piece.text.replace("{", "{{").replace("}", "}}")))
        else:
            holes = True
            new = piece.changed or piece.expr is not part.expression
            made.append(cst.FormattedStringExpression(piece.expr) if new else part)
    if holes or not any(isinstance(p, Hole) for _, p in tree.pieces):
        return tree.node.with_changes(parts=made)
    raw = "".join(p.value for p in made).replace("{{", "{").replace("}}", "}")
    prefix = tree.node.start.rstrip("'\"").replace("f", "").replace("F", "")
    return cst.SimpleString(f"{prefix}{tree.node.end}{raw}{tree.node.end}", lpar=tree.node.lpar, rpar=tree.node.rpar)


def _render_filled(tree: Filled) -> cst.BaseExpression:
    literal, kept = filled_literal(tree)
    head = _head(tree, literal)
    if not kept:
        return head.with_changes(lpar=tree.node.lpar or head.lpar, rpar=tree.node.rpar or head.rpar)  # type: ignore[no-any-return]
    holes = [p for p in tree.pieces if isinstance(p, Hole)]
    if tree.mapping is not None:
        return _remapped(tree, head, [(k, p) for k, p in zip(tree.keys, holes, strict=True) if p.changed])
    return _refilled(tree.node, head, {k: p.expr for k, p in zip(tree.keys, holes, strict=True) if p.text is None})


def _head(tree: Filled, literal: cst.SimpleString) -> Any:
    """What stands where the literal is expected: a name stays if its literal is changed where it is written."""
    head = tree.head
    if head is tree.literal:
        return literal
    if not isinstance(head, cst.Name | cst.Attribute | cst.Subscript):
        return head.deep_replace(tree.literal, literal)
    return literal if tree.shared and literal.value != tree.literal.value else head


def _remapped(tree: Filled, head: Any, changed: list[tuple[int | str, Hole]]) -> cst.BaseExpression:
    """Values of a mapping changed: the mapping unpacked, with these keys again."""
    mapping: Any = tree.mapping
    if changed:
        new = {k: cst.DictElement(cst.SimpleString(f'"{k}"'), p.expr) for k, p in changed}
        mapping = cst.Dict([cst.StarredDictElement(mapping), *new.values()])
    if isinstance(tree.node, cst.Call):
        args = [tree.node.args[0].with_changes(value=mapping)]
        return tree.node.with_changes(func=tree.node.func.with_changes(value=head), args=args)
    return tree.node.with_changes(left=head, right=mapping)  # type: ignore[no-any-return]


def filled_literal(tree: Filled) -> tuple[cst.SimpleString, bool]:
    """The literal with what was changed, and whether any field is left in it."""
    percent = isinstance(tree.node, cst.BinaryOperation)
    holes = [p for p in tree.pieces if isinstance(p, Hole)]
    gone = {k for k, p in zip(tree.keys, holes, strict=True) if p.text is not None}
    kept = [k for k in dict.fromkeys(tree.keys) if k not in gone]
    # Arguments keep their order, so a numbered field's new number is its rank among those left.
    ranked = sorted(k for k in kept if isinstance(k, int))
    order: dict[int | str, int] = {k: i for i, k in enumerate(ranked)}
    form = PERCENT if percent else FIELD
    fields = [m[0] for m in form.finditer(tree.literal.raw_value) if m[0] not in ("%%", "{{", "}}")]
    written = [p.raw if isinstance(p, Text) else p.text for p in tree.pieces]
    # With nothing left to fill, characters doubled for that stand for themselves again.
    single = not kept and not (percent and any("%s" in w for w in written if w is not None))
    raw, at = "", 0
    for p in tree.pieces:
        if isinstance(p, Text):
            raw += _single(p.raw, percent=percent) if single else p.raw
            continue
        if p.text is None:
            numbered = re.match(r"\{\d", fields[at])
            raw += re.sub(r"\d+", str(order[tree.keys[at]]), fields[at], count=1) if numbered else fields[at]
        elif kept:
            raw += p.text.replace("%", "%%") if percent else p.text.replace("{", "{{").replace("}", "}}")
        else:
            raw += p.text
        at += 1
    return _literal(tree.literal, raw), bool(kept)


def _single(raw: str, *, percent: bool) -> str:
    return raw.replace("%%", "%") if percent else raw.replace("{{", "{").replace("}}", "}")


def _refilled(node: Any, literal: Any, values: dict[int | str, cst.BaseExpression]) -> cst.BaseExpression:
    if isinstance(node, cst.Call):
        args = []
        for i, a in enumerate(node.args):
            key: int | str = a.keyword.value if a.keyword else i
            if key in values:
                args.append(a.with_changes(value=values[key]))
        args[-1] = args[-1].with_changes(comma=node.args[-1].comma)
        return node.with_changes(func=node.func.with_changes(value=literal), args=args)
    right = node.right
    if isinstance(right, cst.Tuple):
        elements: list[Any] = [e.with_changes(value=values[i]) for i, e in enumerate(right.elements) if i in values]
        if len(elements) == 1:
            elements[0] = elements[0].with_changes(comma=cst.Comma())
        elif elements:
            elements[-1] = elements[-1].with_changes(comma=right.elements[-1].comma)
        right = right.with_changes(elements=elements)
    elif isinstance(right, cst.Dict):
        keys: list[Any] = list(right.elements)
        entries = [e.with_changes(value=values[k]) for e in keys if (k := str(e.key.evaluated_value)) in values]
        entries[-1] = entries[-1].with_changes(comma=right.elements[-1].comma)
        right = right.with_changes(elements=entries)
    else:
        right = values[0]
    return node.with_changes(left=literal, right=right)  # type: ignore[no-any-return]
