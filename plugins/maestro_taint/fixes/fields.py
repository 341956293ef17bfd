"""A literal with fields, filled by ``%`` or ``str.format``, as texts and holes.

Invariant: an answer is given only where every field and every value is understood.
"""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from maestro_taint.fixes.forms import Filled
from maestro_taint.fixes.pieces import Hole, Piece, Text

PERCENT = re.compile(r"%(?:\((?P<name>[^)]*)\))?(?P<spec>[#0\- +]*\d*(?:\.\d+)?)(?P<kind>[a-zA-Z%])")
FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}!:]*)(?P<rest>(?:![rsa])?(?::[^{}]*)?)\}")


def percent(node: cst.BinaryOperation, left: cst.SimpleString, shared: bool) -> Filled | None:  # noqa: FBT001 - a field
    """``"..." % values``."""
    if "b" in left.prefix.lower():
        return None
    values: dict[int | str, cst.BaseExpression]
    right = node.right
    if re.search(r"(?<!%)%\(", left.raw_value) and not isinstance(right, cst.Dict):
        return _mapping(node, left, PERCENT, right, shared)
    if isinstance(right, cst.Tuple):
        if any(not isinstance(e, cst.Element) for e in right.elements):
            return None
        values = {i: e.value for i, e in enumerate(right.elements)}
    elif isinstance(right, cst.Dict):
        values = {}
        for e in right.elements:
            if not isinstance(e, cst.DictElement) or not isinstance(e.key, cst.SimpleString):
                return None
            values[str(e.key.evaluated_value)] = e.value
    else:
        values = {0: right}
    return _filled(node, left, PERCENT, values, "%", shared=shared)


def formatted(node: cst.Call, literal: cst.SimpleString, shared: bool) -> Filled | None:  # noqa: FBT001 - a field
    """``"...".format(...)``."""
    if "b" in literal.prefix.lower():
        return None
    if len(node.args) == 1 and node.args[0].star == "**":
        return _mapping(node, literal, FIELD, node.args[0].value, shared)
    if any(a.star for a in node.args):
        return None
    values: dict[int | str, cst.BaseExpression] = {}
    for i, a in enumerate(node.args):
        values[a.keyword.value if a.keyword else i] = a.value
    return _filled(node, literal, FIELD, values, "{}", shared=shared)


def _mapping(
    node: Any,
    literal: cst.SimpleString,
    form: re.Pattern[str],
    held: cst.BaseExpression,
    shared: bool,  # noqa: FBT001 - a field
) -> Filled | None:
    """Fields filled from a mapping that is there as a whole: ``held["name"]``, or a variable for ``locals()``."""
    names = {m["name"] for m in form.finditer(literal.raw_value) if m["name"]}
    local = isinstance(held, cst.Call) and isinstance(held.func, cst.Name) and held.func.value in ("locals", "vars")
    if (
        not names
        or not all(n.isidentifier() for n in names)
        or not (local or isinstance(held, cst.Name | cst.Attribute))
    ):
        return None

    def value(name: str) -> cst.BaseExpression:
        if local:
            return cst.Name(name)
        return cst.Subscript(held, [cst.SubscriptElement(cst.Index(cst.SimpleString(f'"{name}"')))])

    values: dict[int | str, cst.BaseExpression] = {n: value(n) for n in sorted(names)}
    made = _filled(node, literal, form, values, "%" if form is PERCENT else "{}", shared=shared)
    if made is not None:
        made.mapping = held
    return made


def _filled(
    node: Any,
    literal: cst.SimpleString,
    form: re.Pattern[str],
    values: dict[int | str, cst.BaseExpression],
    doubled: str,
    *,
    shared: bool,
) -> Filled | None:
    raw, prefix, quote = literal.raw_value, literal.prefix.lower(), literal.quote
    made: list[Piece] = []
    keys: list[int | str] = []
    last = count = 0
    for match in form.finditer(raw):
        if match["name"] is None and match[0] in ("{{", "}}", "%%"):
            continue
        if match.start() > last:
            made.append(Text(raw[last : match.start()], prefix, quote, doubled))
        last = match.end()
        name = match["name"]
        key: int | str = count if not name else int(name) if name.isdigit() else name
        count += not name
        if key not in values:
            return None
        suffix = match["rest"] if doubled == "{}" else "" if match["kind"] == "s" and not match["spec"] else match[0]
        made.append(Hole(values[key], suffix))
        keys.append(key)
    if last < len(raw):
        made.append(Text(raw[last:], prefix, quote, doubled))
    rest = "".join(p.raw for p in made if isinstance(p, Text)).replace("%%", "").replace("{{", "").replace("}}", "")
    if set(rest) & set(doubled) or set(keys) != set(values):
        return None  # a field in a form not understood, or an argument that is not used
    return Filled(node, made, keys, literal, shared)
