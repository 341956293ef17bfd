"""LDAP filters and XPath: values escaped, or bound as variables.

Invariant: a filter's value is escaped for a filter, a name's part for a name; an XPath value becomes a variable only
where it was a quoted text of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.pieces import Hole, Text
from maestro_taint.fixes.site import Site, bare
from maestro_taint.fixes.view import TIGHT, Edit, Refusal, added, argument, has_star

if TYPE_CHECKING:
    from maestro_taint.fixes.building import Built

ESCAPES = {
    ("ldap", True): "ldap.filter.escape_filter_chars",
    ("ldap", False): "ldap.dn.escape_dn_chars",
    ("ldap3", True): "ldap3.utils.conv.escape_filter_chars",
    ("ldap3", False): "ldap3.utils.dn.escape_rdn",
}


def ldap(site: Site) -> Edit | Refusal:
    """Each tainted value of a search, escaped."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the search's call cannot be rewritten")
    library = "ldap3" if re.search(r"^\s*(import|from)\s+ldap3\b", site.view.module.code, re.MULTILINE) else "ldap"
    if not re.search(rf"^\s*(import|from)\s+{library}\b", site.view.module.code, re.MULTILINE):
        return Refusal("the LDAP library, and with it the function that escapes, is not known here")
    swaps: list[tuple[cst.CSTNode, cst.CSTNode]] = []
    for expr in site.hot_nodes([a.value for a in call.args]):
        built = site.built(expr)
        if isinstance(built, Refusal) or not any(isinstance(p, Text) for p in built.pieces):
            return Refusal("the whole filter comes from outside, or is built elsewhere")
        # Asked with the other arguments in place, every value of a tainted argument looks tainted: escaping one more
        # value that needs none leaves it as it is.
        for hole in [p for p in built.pieces if isinstance(p, Hole) and (built.is_hot(p) or not built.hot)]:
            site.wrap(hole, site.use(ESCAPES[library, _is_filter(built)]))
        swaps += built.swaps()
    return site.edit(*swaps) if swaps else Refusal("the whole filter comes from outside, or is built elsewhere")


def _is_filter(built: Built) -> bool:
    return next((p.value for p in built.pieces if isinstance(p, Text)), "").lstrip().startswith("(")


def xpath(site: Site) -> Edit | Refusal:
    """``tree.xpath("//u[@n=$v0]", v0=x)``."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the query's call cannot be rewritten")
    select = site.sink.startswith("elementpath.")
    first = argument(call, 1 if select else 0, "path", "_path")
    method = isinstance(call.func, cst.Attribute) and call.func.attr.value == "xpath"
    if first is None or not (method or select):
        return Refusal("this XPath function binds no variables: use lxml's xpath() and pass the value as one")
    built = site.built(first.value)
    if isinstance(built, Refusal):
        return built
    if not built.hot or any(built.is_hot(f.tree) for f in built.feeds if isinstance(f.tree, Hole)):
        return Refusal("the whole expression comes from outside, or is built elsewhere")
    if not built.linear or any(f.name and len(site.view.loads(site.view.scope(call), f.name)) > 1 for f in built.feeds):
        return Refusal("the expression is used elsewhere, or added to conditionally")
    taken = {a.keyword.value for a in call.args if a.keyword is not None}
    values: list[tuple[str, cst.BaseExpression]] = []
    for i, piece in enumerate(built.pieces):
        if not isinstance(piece, Hole) or not built.is_hot(piece):
            continue
        name = next(n for n in (f"v{k}" for k in range(99)) if n not in taken)
        taken.add(name)
        left = built.pieces[i - 1] if i else None
        right = built.pieces[i + 1] if i + 1 < len(built.pieces) else None
        if not isinstance(left, Text) or not isinstance(right, Text) or piece.suffix:
            return Refusal("the value is not a quoted text of its own")
        quote = left.value[-1:]
        if quote not in ("'", '"') or not right.value.startswith(quote):
            return Refusal("the value is not a quoted text of its own")
        left.cut_end()
        right.cut_start()
        piece.text = f"${name}"
        values.append((name, bare(piece.expr)))
    return _bound(site, call, first, built, values, select=select)


def _bound(
    site: Site,
    call: cst.Call,
    first: cst.Arg,
    built: Built,
    values: list[tuple[str, cst.BaseExpression]],
    *,
    select: bool,
) -> Edit | Refusal:
    swaps = built.swaps()
    own = next((e for n, e in swaps if any(x is first for x in site.view.up(n))), first.value)
    others = [(n, e) for n, e in swaps if not any(x is first for x in site.view.up(n))]
    args = [a.with_changes(value=own) if a is first else a for a in call.args]
    if select:
        if argument(call, 99, "variables") is not None:
            return Refusal("the call already passes variables")
        table = cst.Dict([cst.DictElement(cst.SimpleString(f'"{n}"'), v) for n, v in values])
        new = [cst.Arg(table, keyword=cst.Name("variables"), equal=TIGHT)]
    else:
        new = [cst.Arg(v, keyword=cst.Name(n), equal=TIGHT) for n, v in values]
    return site.edit((call, added(call.with_changes(args=args), *new)), *others)
