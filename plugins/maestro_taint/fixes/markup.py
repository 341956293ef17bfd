"""Markup and templates: values escaped where HTML takes text, and passed to templates as context.

Invariant: a value is escaped only where escaping is enough (text, a quoted attribute that holds no URL or script).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.calling import at_callers
from maestro_taint.fixes.pieces import Hole, Text
from maestro_taint.fixes.site import TEXT_CALLS, TEXT_METHODS, Site, bare
from maestro_taint.fixes.view import TIGHT, Edit, Refusal, added, argument

if TYPE_CHECKING:
    from maestro_taint.fixes.building import Built

URLS = frozenset({"href", "src", "action", "formaction", "data", "xlink:href", "poster", "background", "cite"})
RAW = re.compile(
    r"<(script|style|title|textarea|iframe|noscript|xmp)\b[^>]*>(?!.*</\1)[^\0]*$", re.IGNORECASE | re.DOTALL
)
GETTERS = frozenset({"get", "getlist", "pop", "get_json", "get_argument", "get_data", "json", "form", "text", "values"})
MAKES_MARKUP = re.compile(r"html|render|markup|template|mark_safe|format_tag|to_tag|widget|linkify", re.IGNORECASE)
OPEN_TAG = re.compile(r"<[a-zA-Z!/?][^<>]*$")
ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:([\"'])((?:(?!\2).)*))?$", re.DOTALL)


def html(site: Site) -> Edit | Refusal:
    """The repair of a text that becomes a page."""
    if isinstance(site.node, cst.Return):
        return _returns(site)
    expr = _content(site)
    if expr is None:
        return Refusal("the page's text cannot be seen here")
    return escaped(site, expr)


def _returns(site: Site) -> Edit | Refusal:
    """A handler's response may leave it at several places: those that bring the finding are mended."""
    scope = site.view.scope(site.node)
    found = [r for r in site.view.nodes(cst.Return, scope) if site.view.scope(r) is scope and r.value is not None]
    bodies = [returned(r) for r in found]
    hot = site.hot_nodes(bodies)
    made: Edit | None = None
    for body in hot:
        site.muted = [b for b in hot if b is not body]
        one = escaped(site, body)
        if isinstance(one, Refusal):
            return one
        # Two returns may end in the same text: it is changed once.
        known = {id(node) for node, _ in made.swaps} if made is not None else set()
        one.swaps = [*(made.swaps if made is not None else []), *(s for s in one.swaps if id(s[0]) not in known)]
        made = one
    return made if made is not None else Refusal("the page's text cannot be seen here")


def escaped(site: Site, expr: cst.BaseExpression) -> Edit | Refusal:
    """The values of one text, each escaped where HTML takes text."""
    built = site.built(expr)
    return built if isinstance(built, Refusal) else _escaped(site, built)


def _escaped(site: Site, built: Built) -> Edit | Refusal:
    if not built.hot:
        return Refusal("the tainted value comes into the page by a way that is not seen here")
    function = site.use("html.escape")
    for i, piece in enumerate(built.pieces):
        if not isinstance(piece, Hole) or not built.is_hot(piece):
            continue
        if isinstance(piece.expr, cst.Name) and not piece.suffix and not _context(built, i):
            passed = at_callers(site, piece.expr, _given) if len(built.hot) == 1 else None
            if passed is not None and not isinstance(passed, Refusal):
                return passed
        whole = any(f.tree is piece and not f.adds for f in built.feeds) and not _is_data(site, piece.expr)
        if _holds_markup(site, piece.expr) or (whole and (_writes_markup(site) or _made_elsewhere(site, piece.expr))):
            return Refusal("the page's markup is built elsewhere: escape where the value is put into it")
        problem = _context(built, i)
        if problem:
            return Refusal(problem)
        if piece.suffix.startswith("%"):
            return Refusal("a value in the page is formatted on its way")
        site.wrap(piece, function)
    return site.edit(*built.swaps())


def _given(place: Site, built: Built) -> Edit | Refusal:
    """What a caller gives a function that puts it into a page as text."""
    if not any(isinstance(p, Text) and "<" in p.value for p in built.pieces):
        return Refusal("the value is no markup: it is escaped where it enters the page")
    return _escaped(place, built)


def returned(node: Any) -> Any:
    """What a handler returns as its body: the first of ``body, status, headers``."""
    value = node.value
    if isinstance(value, cst.Tuple) and value.elements:
        return value.elements[0].value
    return value


def _content(site: Site) -> cst.BaseExpression | None:
    if not isinstance(site.node, cst.Call):
        return None
    found = argument(site.node, 0, "response", "content", "text", "body", "html")
    return None if found is None else found.value


def _holds_markup(site: Site, expr: cst.BaseExpression) -> bool:
    """Whether a value may bring tags of the program's own: escaping it would show them as text."""
    for source in site.sources_of(expr):
        if any("<" in str(s.evaluated_value) for s in site.view.nodes(cst.SimpleString, source)):
            return True
        if any("<" in t.value for t in site.view.nodes(cst.FormattedStringText, source)):
            return True
        calls = (site.view.code(c.func).rpartition(".")[2] for c in site.view.nodes(cst.Call, source))
        if any(MAKES_MARKUP.search(name) for name in calls):
            return True
    own = _own_lines(site)
    steps = (s for s in site.finding.trace[:-1] if s.path != site.finding.at.path or s.line not in own)
    texts = (t for s in steps for t in re.findall(r"""['"]([^'"]*)['"]""", site.project.line(s.path, s.line)))
    return any("<" in text for text in texts)


def _made_elsewhere(site: Site, expr: cst.BaseExpression) -> bool:
    """Whether a value comes from a function that is not seen here: what it makes may be markup."""
    local = {d.name.value for d in site.view.nodes(cst.FunctionDef)} | {
        d.name.value for d in site.view.nodes(cst.ClassDef)
    }
    for source in site.sources_of(expr):
        for call in site.view.nodes(cst.Call, source):
            name = site.view.code(call.func).rpartition(".")[2]
            plain = isinstance(call.func, cst.Name) and name in local
            if not plain and name not in (TEXT_METHODS | TEXT_CALLS | GETTERS):
                return True
    return False


def _writes_markup(site: Site) -> bool:
    """Whether the sink's own function writes any tag: a value that is the whole page may then hold it."""
    scope = site.view.scope(site.node)
    texts = (str(s.evaluated_value) for s in site.view.nodes(cst.SimpleString, scope))
    parts = (t.value for t in site.view.nodes(cst.FormattedStringText, scope))
    return any("<" in text for text in (*texts, *parts)) or isinstance(scope, cst.Module)


def _own_lines(site: Site) -> set[int]:
    """The lines of the sink's own function: what is built there is looked at piece by piece."""
    span = site.view.positions.get(site.view.scope(site.node))
    return set(range(span.start.line, span.end.line + 1)) if span is not None else set(range(len(site.view.lines) + 1))


def _is_data(site: Site, expr: cst.BaseExpression, depth: int = 4) -> bool:
    """Whether a bare expression is a value as it came in, with no markup of our own around it."""
    if isinstance(expr, cst.Name) and depth:
        stores = site.view.stores(site.view.scope(expr), expr.value)
        values = [getattr(s, "value", None) for s in stores]
        return bool(values) and all(
            isinstance(s, cst.Assign | cst.AnnAssign) and v is not None and _is_data(site, v, depth - 1)
            for s, v in zip(stores, values, strict=True)
        )
    if isinstance(expr, cst.BooleanOperation):
        return _is_data(site, expr.left, depth) and _is_data(site, expr.right, depth)
    if isinstance(expr, cst.SimpleString):
        return "<" not in str(expr.evaluated_value)
    if isinstance(expr, cst.Subscript | cst.Attribute):
        return bool(re.match(r"(flask\.)?(self\.)?request\.", site.view.code(expr)))
    if isinstance(expr, cst.Call) and isinstance(expr.func, cst.Attribute):
        owner = site.view.code(expr.func.value)
        plain = all("<" not in site.view.code(a) for a in expr.args)
        return plain and (
            bool(re.match(r"(flask\.)?(self\.)?request\b", owner)) or _is_data(site, expr.func.value, depth - 1)
        )
    return False


def _context(built: Built, at: int) -> str:
    """Why escaping is not enough at a hole; empty where it is."""
    before = "".join(p.value if isinstance(p, Text) else "\0" for p in built.pieces[:at])
    if RAW.search(before):
        return "the value stands inside a script, style or raw text element: escaping for HTML does not help there"
    if before.rfind("<!--") > before.rfind("-->"):
        return "the value stands inside a comment"
    tag = OPEN_TAG.search(before.replace("\0", "x"))
    if tag is None:
        return ""
    attribute = ATTRIBUTE.search(tag[0])
    if attribute is None or attribute[2] is None:
        return "the value stands inside a tag, outside a quoted attribute"
    name = attribute[1].lower()
    if name.startswith("on") or name in ("style", "srcdoc"):
        return f"the attribute {name} holds code: escaping for HTML does not help there"
    if name in URLS and not re.match(r"(https?:/)?/|[#?]|mailto:", attribute[3]):
        return f"the attribute {name} holds a URL: check its scheme against a list"
    return ""


def template(site: Site) -> Edit | Refusal:
    """``render_template_string("<p>{{ v0 }}</p>", v0=x)``; ``Template("{{ v0 }}").render(v0=x)``."""
    call = site.node
    first = argument(call, 0, "source", "template_string") if isinstance(call, cst.Call) else None
    if first is None:
        return Refusal("the template's call cannot be rewritten")
    target = _rendering(site, call)
    if target is None:
        return Refusal("the template is rendered elsewhere: pass the value as its context there")
    built = site.built(first.value)
    if isinstance(built, Refusal):
        return built
    if not built.hot or any(built.is_hot(f.tree) for f in built.feeds if isinstance(f.tree, Hole)):
        return Refusal("the whole template comes from outside, or is built elsewhere")
    if not built.linear or any(f.name and len(site.view.loads(site.view.scope(call), f.name)) > 1 for f in built.feeds):
        return Refusal("the template's text is used elsewhere, or added to conditionally")
    values: list[Any] = []
    before = ""
    for piece in built.pieces:
        if isinstance(piece, Text):
            before += piece.value
        elif built.is_hot(piece):
            if before.count("{{") > before.count("}}") or before.count("{%") > before.count("%}") or piece.suffix:
                return Refusal("the value stands inside an expression of the template")
            name = f"v{len(values)}"
            piece.text = f"{{{{ {name} }}}}"
            values.append(cst.Arg(bare(piece.expr), keyword=cst.Name(name), equal=TIGHT))
    swaps = built.swaps()
    if target is not call:
        return site.edit(*swaps, (target, _with(target, values))) if not _inside(site, call, target) else _chained(
            site, call, target, swaps, values)  # fmt: skip
    own = next((e for n, e in swaps if n is first.value), None)
    args = [a.with_changes(value=own) if a is first and own is not None else a for a in call.args]
    others = [(n, e) for n, e in swaps if n is not first.value]
    return site.edit((call, _with(call.with_changes(args=args), values)), *others)


def _with(call: cst.Call, values: list[cst.Arg]) -> cst.Call:
    return added(call, *values)


def _rendering(site: Site, call: cst.Call) -> cst.Call | None:
    """The call that takes the template's context."""
    if site.sink.endswith("render_template_string"):
        return call
    if not site.sink.startswith(("jinja2.", "django.")) or not site.sink.endswith(("Template", "from_string")):
        return None
    if site.sink.startswith("django."):
        return None
    parent = site.view.parents.get(call)
    if isinstance(parent, cst.Attribute) and parent.attr.value == "render":
        outer = site.view.parents.get(parent)
        return outer if isinstance(outer, cst.Call) and not any(a.star for a in outer.args) else None
    if isinstance(parent, cst.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0].target, cst.Name):
        name = parent.targets[0].target
        loads = site.view.loads(site.view.scope(call), name.value)
        if len(loads) == 1 and len(site.view.stores(site.view.scope(call), name.value)) == 1:
            attribute = site.view.parents.get(loads[0])
            outer = site.view.parents.get(attribute) if isinstance(attribute, cst.Attribute) else None
            rendered = isinstance(attribute, cst.Attribute) and attribute.attr.value == "render"
            if isinstance(outer, cst.Call) and rendered and outer.func is attribute:
                return outer
    return None


def _inside(site: Site, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
    return any(n is outer for n in site.view.up(node))


def _chained(site: Site, call: cst.Call, target: cst.Call, swaps: list[Any], values: list[cst.Arg]) -> Edit:
    """``Template(text).render()``: both calls are one expression."""
    inner: Any = call
    others = []
    for node, new in swaps:
        if _inside(site, node, call):
            inner = inner.deep_replace(node, new)
        else:
            others.append((node, new))
    func = target.func.with_changes(value=inner)
    return site.edit((target, _with(target.with_changes(func=func), values)), *others)
