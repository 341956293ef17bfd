"""Queries: values leave the text and go where the driver binds them.

Invariant: only values the analysis found tainted are bound, each where SQL takes a value; names of tables and columns,
and texts whose meaning a placeholder would change, are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes import gathering, passing
from maestro_taint.fixes.building import Built, Feed
from maestro_taint.fixes.drivers import Target, target_of
from maestro_taint.fixes.pieces import Hole, Piece, Text
from maestro_taint.fixes.placing import open_quote, value_at
from maestro_taint.fixes.site import Site, bare
from maestro_taint.fixes.view import TIGHT, Edit, Refusal, added, argument

if TYPE_CHECKING:
    from collections.abc import Sequence

KNOWN = frozenset({"get", "strip", "lower", "upper", "str", "int", "float", "getlist", "replace", "get_json"})


def sql(site: Site) -> Edit | Refusal:
    """The repair of one query."""
    target = target_of(site)
    if isinstance(target, Refusal):
        return target
    built = site.built(target.text)
    if isinstance(built, Refusal):
        return built
    if not built.hot:
        return Refusal("the tainted value comes into the query by a way that is not seen here")
    if not any(isinstance(p, Text) for p in built.pieces):
        passed = passing.query(site, target)
        if passed is not None:
            return passed
    made = bound(site, target, built)
    if isinstance(made, Refusal) and "several values" in made.reason:
        whole = site.built(target.text, nested=False)
        again = whole if isinstance(whole, Refusal) else bound(site, target, whole)
        return made if isinstance(again, Refusal) else again
    return made


def bound(site: Site, target: Target, built: Built) -> Edit | Refusal:
    """Marks into the text, values into the call."""
    whole = [f.tree for f in built.feeds if isinstance(f.tree, Hole) and not f.adds]
    if not any(isinstance(p, Text) for p in built.pieces) or any(built.is_hot(tree) for tree in whole):
        return Refusal("the query is built elsewhere: bind the values where its text is written")
    if any(f.name and site.view.scope(f.node) is not site.view.scope(target.call) for f in built.feeds):
        return Refusal("the query is built in another scope")
    shared = _shared(site, built)
    still = built.straight and not _moves(site, target, built)
    if shared and not (still and len(built.feeds) == 1):
        return Refusal("the query's text is used elsewhere too")
    values = marked(site, target, built)
    if isinstance(values, Refusal):
        return values
    if not still:
        return gathering.gathered(site, target, built, [v for v, _ in values])
    if shared:
        feed = built.feeds[0]
        built.feeds[0] = Feed(target.text, feed.tree)
    if target.style == ":v":
        return _bindparams(site, target, built, [v for v, _ in values])
    return _parameters(site, target, built, values)


def _shared(site: Site, built: Built) -> bool:
    """Whether a variable that holds the text, or a part of it, is read for something else as well."""
    inside = {id(n) for f in built.feeds for n in site.view.nodes(cst.Name, f.node)}
    for feed in built.feeds:
        if not feed.name or feed.tree is None or any(f.tree is None and f.name == feed.name for f in built.feeds):
            continue
        loads = site.view.loads(site.view.scope(feed.node), feed.name)
        if len([n for n in loads if id(n) not in inside and not _adds(site, n)]) > 1:
            return True
    return False


def _adds(site: Site, node: cst.CSTNode) -> bool:
    """Whether a name is read only to be added to."""
    parent = site.view.parents.get(node)
    return isinstance(parent, cst.AugAssign) and parent.target is node


def _moves(site: Site, target: Target, built: Built) -> bool:
    """Whether a value might be another one where the query is run: set anew between, or made by a call with effects."""
    end = site.view.order(target.call)
    scope = site.view.scope(target.call)
    for feed in built.feeds:
        own = _inside(feed.node)
        hot = [p.node for p in built.pieces if isinstance(p, Hole) and built.is_hot(p) and id(p.node) in own]
        if feed.name and any(_acts(site, h) for h in hot):
            return True
        start = site.view.order(feed.node)
        bound_here = site.view.names([loop.target for loop in built.loops.values()])
        for name in site.view.names(hot) - bound_here:
            if any(start < site.view.order(s) < end for s in site.view.stores(scope, name)):
                return True
    return False


def _inside(node: cst.CSTNode) -> set[int]:
    """Everything within a node, by identity."""
    found: set[int] = set()
    stack = [node]
    while stack:
        one = stack.pop()
        found.add(id(one))
        stack.extend(one.children)
    return found


def _acts(site: Site, expr: cst.CSTNode) -> bool:
    """Calls whose moment matters; look-ups and text methods may be made later."""
    return any(site.view.code(c.func).rpartition(".")[2] not in KNOWN for c in site.view.nodes(cst.Call, expr))


Value = tuple[cst.BaseElement, int]


def marked(site: Site, target: Target, built: Built) -> list[Value] | Refusal:
    """Placeholders put into the text; the values, each with its place among all that the text then has."""
    values: list[Value] = []
    marks = 0
    before = ""
    for i, piece in enumerate(built.pieces):
        if isinstance(piece, Text):
            marks += _marks(piece.value, target.style)
            before += piece.value
            continue
        if not built.is_hot(piece):
            before += "\0"
            continue
        value = value_at(site, target, built.pieces, i, before)
        if isinstance(value, Refusal):
            return value
        quote = open_quote(before)
        before = before[: before.rindex(quote)] if quote else before
        if isinstance(value, cst.Element):
            piece.text = _mark(target.style, len(values))
        if id(piece) in built.loops:
            value = _repeated(site, target, built, piece, value)
        if isinstance(value, Refusal):
            return value
        values.append((value, marks + len(values)))
        before += "?"
    return values


AGAIN = frozenset({"items", "values", "keys", "split", "args", "form"}) | KNOWN


def _repeated(
    site: Site, target: Target, built: Built, piece: Piece, value: cst.BaseElement
) -> cst.BaseElement | Refusal:
    """The values of a mark that a comprehension repeats: the same comprehension over them."""
    loop = built.loops[id(piece)]
    hot = [p for p in built.pieces if built.is_hot(p) and built.loops.get(id(p)) is loop]
    again = all(site.view.code(c.func).rpartition(".")[2] in AGAIN for c in site.view.nodes(cst.Call, loop.iter))
    held = site.view.assigned(loop.iter) if isinstance(loop.iter, cst.Name) else None
    once = held is not None and isinstance(held.value, cst.GeneratorExp | cst.Call) and not isinstance(
        getattr(held.value, "func", None), cst.Attribute
    )  # fmt: skip
    if len(hot) != 1 or target.style not in ("?", "%s") or not again or once or not isinstance(value, cst.Element):
        return Refusal("a list of values comes from outside: bind one placeholder per value")
    return cst.StarredElement(cst.ListComp(value.value, loop))


def _mark(style: str, at: int) -> str:
    if style == ":v":
        return f":v{at}"
    return f"{style}{at + 1}" if style in (":", "$") else style


def _marks(text: str, style: str) -> int:
    bare_text = re.sub(r"'[^']*'", "", text)
    return bare_text.count("?") if style == "?" else len(re.findall(r"(?<!%)%s", bare_text)) if style == "%s" else 0


def _bindparams(site: Site, target: Target, built: Built, values: Sequence[cst.BaseElement]) -> Edit | Refusal:
    """``text("... :v0").bindparams(v0=x)``."""
    if any(not isinstance(v, cst.Element) for v in values):
        return Refusal("a list of values comes from outside: bind one placeholder per value")
    if target.keyword:
        return _named(site, target, built, values)
    args = [cst.Arg(bare(v.value), keyword=cst.Name(f"v{i}"), equal=TIGHT) for i, v in enumerate(values)]
    swaps = built.swaps()
    inner = [(n, e) for n, e in swaps if not within(site, n, target.call)]
    own = next((e for n, e in swaps if within(site, n, target.call)), target.text)
    if target.raw:
        if any(re.search(r"(?<![:\w\\]):\w", p.value) for p in built.pieces if isinstance(p, Text)):
            return Refusal("the query holds a colon that SQLAlchemy's text() would read as a value's name")
        text = cst.Call(cst.parse_expression(site.use("sqlalchemy.text")), [cst.Arg(bare(own))])
        made = cst.Call(cst.Attribute(text, cst.Name("bindparams")), args)
        func: Any = target.call.func.with_changes(attr=cst.Name("execute"))
        call = target.call.with_changes(func=func, args=[target.call.args[0].with_changes(value=made)])
        return site.edit((target.call, call), *inner)
    call = target.call.with_changes(args=[target.call.args[0].with_changes(value=own), *target.call.args[1:]])
    return site.edit((target.call, cst.Call(cst.Attribute(call, cst.Name("bindparams")), args)), *inner)


def _named(site: Site, target: Target, built: Built, values: Sequence[cst.BaseElement]) -> Edit:
    """Values by name, for a function that passes them on to ``execute``."""
    table = cst.Dict([cst.DictElement(cst.SimpleString(f'"v{i}"'), bare(v.value)) for i, v in enumerate(values)])
    swaps = built.swaps()
    own = next((e for n, e in swaps if within(site, n, target.call)), target.text)
    args = [a.with_changes(value=own) if a.value is target.text else a for a in target.call.args]
    made = added(target.call.with_changes(args=args), passed(target, table))
    return site.edit((target.call, made), *((n, e) for n, e in swaps if not within(site, n, target.call)))


def within(site: Site, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
    """Whether a node stands inside another."""
    return any(n is outer for n in site.view.up(node))


def doubled(built: Built, style: str) -> None:
    """Percent signs of the text doubled where the driver formats only now that it is given values."""
    for piece in built.pieces:
        if style == "%s" and isinstance(piece, Text) and "%" not in piece.doubled:
            piece.escape("%")


def _parameters(site: Site, target: Target, built: Built, values: list[Value]) -> Edit | Refusal:
    call = target.call
    own_names = ("params", "parameters", "vars", "args")
    given = argument(call, 99, target.keyword) if target.keyword else argument(call, 1, *own_names)
    if len(call.args) == 1 or target.keyword:
        doubled(built, target.style)
    elif given is None or target.style == "$":
        return Refusal("the call already passes parameters")
    swaps = built.swaps()
    own = next((e for n, e in swaps if within(site, n, call) or n is target.text), None)
    others = [(n, e) for n, e in swaps if not within(site, n, call)]
    args = [a.with_changes(value=own) if own is not None and a.value is target.text else a for a in call.args]
    if target.text is not call.args[0].value and own is not None and not target.keyword:
        args[0] = args[0].with_changes(value=own)
    made = call.with_changes(args=args)
    elements = [v for v, _ in values]
    if target.style == "$":
        spread = [cst.Arg(bare(v.value), star="*" if isinstance(v, cst.StarredElement) else "") for v in elements]
        return site.edit((call, added(made, *spread)), *others)
    if given is None:
        return site.edit((call, added(made, passed(target, _tuple(elements)))), *others)
    merged = _merged(given.value, values)
    if merged is None:
        return Refusal("the call already passes parameters in a form that cannot be extended")
    args[next(i for i, a in enumerate(call.args) if a is given)] = given.with_changes(value=merged)
    return site.edit((call, call.with_changes(args=args)), *others)


def passed(target: Target, values: cst.BaseExpression) -> cst.Arg:
    """The values as an argument."""
    return cst.Arg(values, keyword=cst.Name(target.keyword), equal=TIGHT) if target.keyword else cst.Arg(values)


def _tuple(values: list[Any]) -> cst.BaseExpression:
    if len(values) == 1 and isinstance(values[0], cst.StarredElement):
        return values[0].value
    return cst.Tuple(values if len(values) > 1 else [values[0].with_changes(comma=cst.Comma())])


def _merged(given: Any, values: list[Value]) -> cst.BaseExpression | None:
    """Parameters passed before with the new ones at their places."""
    marks = max((at for _, at in values), default=0)
    if not isinstance(given, cst.Tuple | cst.List) or len(given.elements) + len(values) <= marks:
        return None
    if any(not isinstance(e, cst.Element) for e in given.elements) or any(
        not isinstance(v, cst.Element) for v, _ in values
    ):
        return None
    elements: list[Any] = [cst.Element(e.value) for e in given.elements]
    for value, at in values:
        elements.insert(at, value)
    return given.with_changes(elements=elements)
