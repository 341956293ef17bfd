"""Where SQL takes a value: a hole in a query's text becomes a placeholder only at such a place.

Invariant: what stands inside quotes is bound as a whole; a name of a table or a column is refused.
"""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from maestro_taint.fixes.drivers import DOUBLE_QUOTES, Target
from maestro_taint.fixes.pieces import Hole, Piece, Text, quoted
from maestro_taint.fixes.site import Site, bare, paren
from maestro_taint.fixes.view import Refusal

NAMES = re.compile(
    r"\b(from|join|into|update|table|order\s+by|group\s+by|set|select|column|index|view|database|schema|collate|as|"
    r"asc|desc|distinct|pragma|on|having|where|and|or|not|by|using)\s*\(?\s*$",
    re.IGNORECASE,
)
COLUMN_LIST = re.compile(r"\b(order|group)\s+by\s+[\w\s,.]*$|\bselect\s+(?!.*\bfrom\b)[\w\s,.*()]*,\s*$", re.IGNORECASE)
COUNTS = re.compile(r"\b(limit|offset)\s*$", re.IGNORECASE)
TYPED = re.compile(r"\b(interval|date|time|timestamp)\s*$", re.IGNORECASE)
VALUE_PLACE = re.compile(
    r"(=|<|>|\(|,|\blike|\bilike|\bvalues|\bthen|\belse|\bbetween|\band|\bin\s*\(|\|\|)\s*$", re.IGNORECASE
)


def value_at(site: Site, target: Target, pieces: list[Piece], i: int, before: str) -> cst.BaseElement | Refusal:
    """The value to bind for the hole at ``i``; quotes around it leave the text, a joined list its own marks."""
    hole = pieces[i]
    listed = _list(site, target, pieces, i, before) if isinstance(hole, Hole) and not hole.suffix else None
    if listed is not None:
        return listed
    made = _value(site, target, pieces, i, before)
    return made if isinstance(made, Refusal) else cst.Element(bare(made))


def _list(site: Site, target: Target, pieces: list[Piece], i: int, before: str) -> cst.BaseElement | Refusal | None:
    """``IN (`` + ``",".join(ids)``: as many marks as values, all bound; ``None`` for anything else."""
    hole = pieces[i]
    found = _joined(hole.expr) if isinstance(hole, Hole) else None
    quote = open_quote(before)
    if found is None or not isinstance(hole, Hole) or not re.search(r"\bin\s*\(\s*['\"]?$", before, re.IGNORECASE):
        return None
    between, items = found
    if target.style not in ("?", "%s"):
        return Refusal("a list of values comes from outside: bind one placeholder per value")
    if re.sub(r"\s", "", between) != (f"{quote},{quote}" if quote else ","):
        return None
    if quote:
        left, right = pieces[i - 1], pieces[i + 1] if i + 1 < len(pieces) else None
        if not isinstance(left, Text) or not isinstance(right, Text) or not right.value.startswith(quote):
            return None
        left.cut_end()
        right.cut_start()
    marks = cst.parse_expression(f'", ".join(["{target.style}"] * len({site.view.code(items)}))')
    hole.put(marks)
    return cst.StarredElement(items)


def _joined(expr: cst.BaseExpression) -> tuple[str, cst.BaseExpression] | None:
    """The separator and the list of ``",".join(ids)``, each item as it is or as its own text."""
    if not isinstance(expr, cst.Call) or not isinstance(expr.func, cst.Attribute) or len(expr.args) != 1:
        return None
    held, between = expr.args[0].value, expr.func.value
    if expr.func.attr.value != "join" or not isinstance(between, cst.SimpleString):
        return None
    if isinstance(held, cst.Call) and isinstance(held.func, cst.Name) and held.func.value == "map":
        held = held.args[-1].value if isinstance(held.args[0].value, cst.Name) else held
    if isinstance(held, cst.GeneratorExp | cst.ListComp) and held.for_in.inner_for_in is None and not held.for_in.ifs:
        inner = held.elt.args[0].value if isinstance(held.elt, cst.Call) and len(held.elt.args) == 1 else held.elt
        same = isinstance(inner, cst.Name) and inner.deep_equals(held.for_in.target)
        held = held.for_in.iter if same else held
    return (str(between.evaluated_value), held) if isinstance(held, cst.Name | cst.Attribute) else None


def _value(site: Site, target: Target, pieces: list[Piece], i: int, before: str) -> cst.BaseExpression | Refusal:
    """The value to bind for the hole at ``i``; quotes around it leave the text."""
    hole = pieces[i]
    if not isinstance(hole, Hole):
        return Refusal("the query is built in a form that cannot be rewritten")
    if hole.suffix and hole.suffix not in ("!s", "%d", "%i"):
        return Refusal("a value in the query is formatted on its way")
    quote = open_quote(before)
    if quote == "'" or (quote == '"' and target.driver in DOUBLE_QUOTES):
        if TYPED.search(before[: before.rindex(quote)]):
            return Refusal("a typed literal (DATE '...', INTERVAL '...') takes no placeholder")
        return _quoted(site, pieces, i, quote)
    if quote:
        return Refusal("a table or column name comes from outside: offer an allow-list")
    if COUNTS.search(before):
        return cst.Call(cst.Name("int"), [cst.Arg(bare(hole.expr))])
    if re.search(r"\bin\s*\(\s*$", before, re.IGNORECASE):
        return Refusal("a list of values comes from outside: bind one placeholder per value")
    after = next((p.value for p in pieces[i + 1 :] if isinstance(p, Text)), "")
    if NAMES.search(before) and not re.search(r"\bbetween\b[^()]*\band\s*$", before, re.IGNORECASE):
        return Refusal("a table or column name, or a whole condition, comes from outside: offer an allow-list")
    if COLUMN_LIST.search(before) or re.match(r"\s*(=|<|>|\w*\(|\.|in\b|like\b|is\b)", after, re.IGNORECASE):
        return Refusal("a table or column name comes from outside: offer an allow-list")
    if re.search(r"\binto\s+\S+\s*\([^()]*$", before, re.IGNORECASE):
        return Refusal("a column name comes from outside: offer an allow-list")
    if not VALUE_PLACE.search(before) or re.match(r"[\w.]", after):
        return Refusal("the value does not stand where SQL takes a value of its own")
    return hole.expr


def open_quote(before: str) -> str:
    """The quote the text before a hole leaves open."""
    state = ""
    for c in before:
        if state:
            state = "" if c == state else state
        elif c in "'\"`":
            state = c
    return state


def _quoted(site: Site, pieces: list[Piece], i: int, quote: str) -> cst.BaseExpression | Refusal:
    """A hole inside a quoted text: the whole of it becomes the value (``'%{x}%'`` binds ``f'%{x}%'``)."""
    hole, left = pieces[i], pieces[i - 1] if i else None
    right = pieces[i + 1] if i + 1 < len(pieces) else None
    if not isinstance(left, Text) or not isinstance(right, Text) or not isinstance(hole, Hole):
        return Refusal("a quoted text in the query is built of several values")
    head = left.value[left.value.rindex(quote) + 1 :] if quote in left.value else None
    tail, found, _ = right.value.partition(quote)
    if head is None or not found:
        return Refusal("a quoted text in the query is built of several values")
    if right.value[len(tail) + 1 :].startswith(quote):
        return Refusal("a quoted text in the query holds doubled quotes")
    for _ in range(len(head) + 1):
        left.cut_end()
    for _ in range(len(tail) + 1):
        right.cut_start()
    if not head and not tail:
        return hole.expr
    if "\\" in head + tail:
        return Refusal("a quoted text in the query holds backslashes")
    made: Any = paren(hole.expr) if site.is_text(hole.expr) else cst.Call(cst.Name("str"), [cst.Arg(bare(hole.expr))])
    if head:
        made = cst.BinaryOperation(quoted(head), cst.Add(), made)
    return cst.BinaryOperation(made, cst.Add(), quoted(tail)) if tail else made
