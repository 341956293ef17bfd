"""Logs, headers and cookies: line breaks removed, personal data and secrets redacted at the call.

Invariant: only values the analysis found tainted are touched; a value without line breaks is written as before.
"""

from __future__ import annotations

import re
from typing import Any

import libcst as cst

from maestro_taint.fixes import template, urls
from maestro_taint.fixes.building import Built, Feed
from maestro_taint.fixes.forms import pieces
from maestro_taint.fixes.pieces import Hole
from maestro_taint.fixes.site import Site, bare
from maestro_taint.fixes.view import Edit, Refusal

REDACTED = "[redacted]"
LOGS = ("taint-pii-log", "taint-secret-log")


def one_line(site: Site) -> Edit | Refusal:
    """Each tainted value through ``re.sub``: line breaks become one space; a ``Location`` stays on this site."""
    address = urls.location(site)
    if address is not None and site.finding.rule == "taint-header":
        return urls.address(site, address)
    function = site.use("re.sub")

    def mend(hole: Hole) -> bool:
        inner = hole.expr if site.is_text(hole.expr) else cst.Call(cst.Name("str"), [cst.Arg(bare(hole.expr))])
        pattern = cst.SimpleString('r"[\\r\\n]+"')
        made = cst.Call(
            cst.parse_expression(function), [cst.Arg(pattern), cst.Arg(cst.SimpleString('" "')), cst.Arg(bare(inner))]
        )
        return site.put(hole, made, "one_line")

    return _mended(site, mend)


def redact(site: Site) -> Edit | Refusal:
    """The project's own redactor round each confidential value; in a log, a constant in its place."""
    redactor = site.settings.redactor
    if not redactor and site.finding.rule not in LOGS:
        return Refusal("the receiver may need the value: set tool.maestro.taint.redactor to a function of your own")
    if not redactor:
        return _mended(site, _replace)
    function = site.use(redactor)

    def mend(hole: Hole) -> bool:
        return site.put(hole, cst.Call(cst.parse_expression(function), [cst.Arg(bare(hole.expr))]))

    return _mended(site, mend)


def _replace(hole: Hole) -> bool:
    hole.text = REDACTED
    return True


def _mended(site: Site, mend: Any) -> Edit | Refusal:
    """The tainted values among a call's arguments, or in what is assigned, each mended where it stands."""
    whole = _arguments(site)
    if whole is None:
        return Refusal("the value cannot be seen here")
    hot = site.hot_nodes(whole)
    if not hot:
        return Refusal("the tainted value comes in by a way that is not seen here")
    swaps: list[tuple[cst.CSTNode, cst.CSTNode]] = []
    for expr in hot:
        built = _parts(site, expr)
        if isinstance(built, Refusal):
            return built
        holes = [p for p in built.pieces if isinstance(p, Hole) and built.is_hot(p)]
        if not holes:
            return Refusal("the tainted value comes in by a way that is not seen here")
        for hole in holes:
            if hole.suffix.startswith("%") or (hole.suffix and mend is not _replace):
                return Refusal("the value is formatted on its way")
            if not mend(hole):
                return Refusal("the value stands in an f-string that cannot be split")
        swaps += built.swaps()
    return site.edit(*swaps)


def _parts(site: Site, expr: cst.BaseExpression) -> Built | Refusal:
    """The text's pieces where it is built in this call; a variable used elsewhere too is one piece."""
    tree = template.parse(expr)
    if tree is not None:
        return _open(site, expr)
    if isinstance(expr, cst.Name) and len(site.view.loads(site.view.scope(expr), expr.value)) == 1:
        one = site.view.assigned(expr)
        if one is not None and one.value is not None and template.parse(one.value) is not None:
            return site.built(expr)
    hole = Hole(expr)
    return Built([Feed(expr, hole)], [hole], hot={id(hole)})


def _open(site: Site, expr: cst.BaseExpression) -> Built | Refusal:
    """The pieces of the expression itself; variables in it are not opened: they may be read elsewhere."""
    tree = template.parse(expr)
    if tree is None:
        return Refusal("the text is built in a form that cannot be rewritten")
    made = Built([Feed(expr, tree)], pieces(tree))
    holes = [p for p in made.pieces if isinstance(p, Hole)]
    hot = site.hot_nodes([h.expr for h in holes])
    made.hot = {id(h) for h in holes if any(h.expr is n for n in hot)}
    return made


def _arguments(site: Site) -> list[cst.BaseExpression] | None:
    node = site.node
    if isinstance(node, cst.Call):
        return [x for a in node.args for x in _values(a.value)]
    if isinstance(node, cst.Assign | cst.AnnAssign) and node.value is not None:
        return [node.value]
    if isinstance(node, cst.Return) and node.value is not None:
        return list(_values(node.value))
    return None


def _values(expr: cst.BaseExpression) -> list[cst.BaseExpression]:
    """A display's own elements: each may be mended by itself."""
    if isinstance(expr, cst.Dict):
        return [x for e in expr.elements if isinstance(e, cst.DictElement) for x in _values(e.value)]
    if isinstance(expr, cst.List | cst.Tuple | cst.Set):
        return [x for e in expr.elements if isinstance(e, cst.Element) for x in _values(e.value)]
    return [expr]


def cookie(site: Site) -> Edit | Refusal:
    """The flags of a cookie."""
    from maestro_taint.fixes.view import argument, has_star, with_argument  # noqa: PLC0415 - kept near its only use

    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the cookie's flags come from elsewhere")
    name = argument(call, 0, "key", "name")
    if (
        name is not None
        and re.search(r"csrf|xsrf", site.view.code(name.value), re.IGNORECASE)
        and "httponly" in site.finding.rule
    ):
        return Refusal("scripts read this cookie: HttpOnly would break them")
    made = call
    for flag in ("secure", "httponly"):
        given = argument(call, 99, flag)
        if given is not None and not isinstance(given.value, cst.Name):
            return Refusal(f"the flag {flag} is computed")
        if (
            given is not None
            and isinstance(given.value, cst.Name)
            and given.value.value not in ("True", "False", "None")
        ):
            return Refusal(f"the flag {flag} is computed")
        made = with_argument(made, flag, cst.Name("True"))
    return site.edit((call, made))
