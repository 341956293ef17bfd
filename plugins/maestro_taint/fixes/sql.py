"""Queries: values leave the text and go where the driver binds them.

Invariant: only values the analysis found tainted are bound, each where SQL takes a value; names of tables and columns,
and texts whose meaning a placeholder would change, are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes import template
from maestro_taint.fixes.site import Built, Site, bare, paren
from maestro_taint.fixes.template import Hole, Text
from maestro_taint.fixes.view import TIGHT, Edit, Refusal, added, argument, has_star

if TYPE_CHECKING:
    from maestro_taint.fixes.template import Piece

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
# By the first word of a driver's name, as in PEP 249's paramstyle.
STYLES = {
    "sqlite3": "?", "aiosqlite": "?", "duckdb": "?", "pyodbc": "?", "psycopg2": "%s", "psycopg": "%s", "pymysql": "%s",
    "MySQLdb": "%s", "mysql": "%s", "django": "%s", "cx_Oracle": ":", "oracledb": ":", "asyncpg": "$",
    "mariadb": "?", "pymssql": "%s", "snowflake": "%s", "pg8000": "%s",
}  # fmt: skip
DOUBLE_QUOTES = frozenset({"sqlite3", "aiosqlite", "pymysql", "MySQLdb", "mysql", "mariadb"})
INVALID = "the query is built in a form that cannot be rewritten"


@dataclass(slots=True)
class Target:
    """Where the query is run: the call, its text, the driver and its placeholder."""

    call: cst.Call
    text: cst.BaseExpression
    driver: str
    style: str


def sql(site: Site) -> Edit | Refusal:
    """The repair of one query."""
    target = _target(site)
    if isinstance(target, Refusal):
        return target
    built = site.built(target.text)
    if isinstance(built, Refusal):
        return built
    if not built.hot:
        return Refusal("the tainted value comes into the query by a way that is not seen here")
    if not any(isinstance(p, Text) for p in built.pieces) or any(
        built.is_hot(f.tree) for f in built.feeds if isinstance(f.tree, Hole) and not f.adds
    ):
        return Refusal("the query is built elsewhere: bind the values where its text is written")
    problem = _usable(site, target, built)
    if problem:
        return Refusal(problem)
    return _bound(site, target, built)


def _target(site: Site) -> Target | Refusal:
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return Refusal("the query's call cannot be rewritten")
    name = site.sink.rpartition(".")[2]
    if name in ("executescript", "executemany"):
        return Refusal(f"{name}() binds no values into its text")
    first = argument(call, 0, "sql", "query", "operation", "statement", "text")
    if first is None:
        return Refusal("the query's call cannot be rewritten")
    inner = _text_call(site, first.value)
    if inner is not None or (site.sink.startswith("sqlalchemy.") and name in ("text", "literal_column")):
        if name == "literal_column":
            return Refusal("literal_column() holds an expression, not values")
        made = inner if inner is not None else call
        return Target(made, made.args[0].value, "sqlalchemy", ":v") if made.args else Refusal(INVALID)
    driver = _driver(site)
    if driver is None:
        return Refusal("the driver, and with it the form of its placeholders, is not known here")
    if driver == "sqlalchemy":
        return Refusal("the driver below SQLAlchemy is not known here: wrap the query in text() and bind its values")
    return Target(call, first.value, driver, STYLES[driver])


def _text_call(site: Site, expr: cst.BaseExpression) -> cst.Call | None:
    """``text(...)`` of SQLAlchemy, directly or in a variable."""
    if isinstance(expr, cst.Name):
        one = site.view.assigned(expr)
        expr = one.value if one is not None and one.value is not None else expr
    if isinstance(expr, cst.Call) and site.view.code(expr.func).rpartition(".")[2] == "text" and len(expr.args) == 1:
        return expr if re.search(r"\bsqlalchemy\b", site.view.module.code) else None
    return None


def _driver(site: Site) -> str | None:
    """The driver by the sink's own name, else the only one the file imports."""
    top = site.sink.partition(".")[0]
    if top in STYLES:
        return top
    if top == "sqlalchemy":
        return "sqlalchemy"
    used = {
        d
        for d in (*STYLES, "sqlalchemy")
        if re.search(rf"^\s*(import|from)\s+{d}\b", site.view.module.code, re.MULTILINE)
    }
    if {"psycopg", "psycopg2"} >= used and used:
        return "psycopg2"
    return used.pop() if len(used) == 1 else None


def _usable(site: Site, target: Target, built: Built) -> str:
    """Why the values cannot move from the text to the call; empty if they can."""
    if not built.linear and target.style not in ("?", "%s"):
        return "parts of the query are added conditionally"
    end = site.view.order(target.call)
    scope = site.view.scope(target.call)
    for feed in built.feeds:
        if feed.name and len([n for n in site.view.loads(scope, feed.name) if not _adds(site, n)]) > 1:
            return "the query's text is used elsewhere too"
        if feed.name and site.view.scope(feed.node) is not scope:
            return "the query is built in another scope"
    start = min(site.view.order(f.node) for f in built.feeds)
    hot = [p.expr for p in built.pieces if isinstance(p, Hole) and built.is_hot(p)]
    for name in site.view.names(hot):
        if any(start < site.view.order(s) < end for s in site.view.stores(scope, name)):
            return f"{name} changes between the query's text and its execution"
    moved = any(f.name for f in built.feeds)
    if moved and any(_acts(site, h) for h in hot):
        return "a value in the query is made by a call that may have effects"
    return ""


def _adds(site: Site, node: cst.CSTNode) -> bool:
    """Whether a name is read only to be added to."""
    parent = site.view.parents.get(node)
    return isinstance(parent, cst.AugAssign) and parent.target is node


def _acts(site: Site, expr: cst.BaseExpression) -> bool:
    """Calls whose moment matters; look-ups and text methods may be made later."""
    known = {"get", "strip", "lower", "upper", "str", "int", "float", "getlist", "replace", "get_json"}
    return any(site.view.code(c.func).rpartition(".")[2] not in known for c in site.view.nodes(cst.Call, expr))


def _bound(site: Site, target: Target, built: Built) -> Edit | Refusal:
    """Marks into the text, values into the call."""
    values: list[cst.BaseExpression] = []
    order: list[int] = []
    marks = 0
    before = ""
    pieces = built.pieces
    for i, piece in enumerate(pieces):
        if isinstance(piece, Text):
            marks += _marks(piece.value, target.style)
            before += piece.value
            continue
        if not built.is_hot(piece):
            before += "\0"
            continue
        value = _value(site, target, pieces, i, before)
        if isinstance(value, Refusal):
            return value
        quote = _open_quote(before)
        before = before[: before.rindex(quote)] if quote else before
        named = target.style in (":v", ":", "$")
        piece.text = (
            f":v{len(values)}"
            if target.style == ":v"
            else f"{target.style}{len(values) + 1}"
            if named
            else target.style
        )
        order.append(marks + len(values))
        values.append(bare(value))
        before += "?"
    if not built.linear:
        return _gathered(site, target, built, values)
    if target.style == ":v":
        return _bindparams(site, target, built, values)
    return _parameters(site, target, built, values, order, marks)


def _marks(text: str, style: str) -> int:
    bare_text = re.sub(r"'[^']*'", "", text)
    return bare_text.count("?") if style == "?" else len(re.findall(r"(?<!%)%s", bare_text)) if style == "%s" else 0


def _value(site: Site, target: Target, pieces: list[Piece], i: int, before: str) -> cst.BaseExpression | Refusal:
    """The value to bind for the hole at ``i``; quotes around it leave the text."""
    hole = pieces[i]
    if not isinstance(hole, Hole):
        return Refusal(INVALID)
    if hole.suffix and hole.suffix not in ("!s", "%d", "%i"):
        return Refusal("a value in the query is formatted on its way")
    quote = _open_quote(before)
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


def _open_quote(before: str) -> str:
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
        made = cst.BinaryOperation(template.quoted(head), cst.Add(), made)
    return cst.BinaryOperation(made, cst.Add(), template.quoted(tail)) if tail else made


def _bindparams(site: Site, target: Target, built: Built, values: list[cst.BaseExpression]) -> Edit:
    """``text("... :v0").bindparams(v0=x)``."""
    args = [cst.Arg(v, keyword=cst.Name(f"v{i}"), equal=TIGHT) for i, v in enumerate(values)]
    inner = [(n, e) for n, e in built.swaps() if not _within(site, n, target.call)]
    own = next((e for n, e in built.swaps() if _within(site, n, target.call)), target.text)
    call = target.call.with_changes(args=[target.call.args[0].with_changes(value=own), *target.call.args[1:]])
    made = cst.Call(cst.Attribute(call, cst.Name("bindparams")), args)
    return site.edit((target.call, made), *inner)


def _gathered(site: Site, target: Target, built: Built, values: list[cst.BaseExpression]) -> Edit | Refusal:
    """Parts added under conditions: each adds its values to a list beside the text."""
    first = built.feeds[0]
    statement = site.view.statement(target.call)
    if len(target.call.args) != 1 or first.adds or first.statement is None or statement is None:
        return Refusal("parts of the query are added conditionally")
    here, begun = site.view.parents.get(statement), site.view.parents.get(first.statement)
    rest = [f for f in built.feeds[1:] if f.statement is not first.statement]
    if here is not begun or any(not f.adds for f in rest) or len({f.name for f in built.feeds}) != 1:
        return Refusal("parts of the query are added conditionally")
    name = site.free(f"{first.name}_values")
    before: list[tuple[cst.CSTNode, tuple[str, ...]]] = []
    left = list(values)
    for feed in built.feeds:
        own = (
            [left.pop(0) for p in template.pieces(feed.tree) if isinstance(p, Hole) and p.text is not None]
            if feed.tree
            else []
        )
        listed = ", ".join(site.view.code(v) for v in own)
        if feed is first:
            before.append((first.statement, (f"{name} = [{listed}]\n",)))
        elif own and feed.statement is not None:
            if site.view.parents.get(feed.statement) is None or isinstance(
                site.view.parents[feed.statement], cst.SimpleStatementSuite
            ):
                return Refusal("parts of the query are added conditionally")
            before.append((feed.statement, (f"{name} += [{listed}]\n",)))
    if target.style == "%s":
        for piece in built.pieces:
            if isinstance(piece, Text) and piece.doubled != "%":
                piece.escape("%")
    swaps = built.swaps()
    return site.edit((target.call, added(target.call, cst.Arg(cst.Name(name)))), *swaps, before=before)


def _within(site: Site, node: cst.CSTNode, outer: cst.CSTNode) -> bool:
    return any(n is outer for n in site.view.up(node))


def _parameters(
    site: Site, target: Target, built: Built, values: list[cst.BaseExpression], order: list[int], marks: int
) -> Edit | Refusal:
    call = target.call
    if target.style == "%s":
        for piece in built.pieces:
            if isinstance(piece, Text) and len(call.args) == 1:
                piece.escape("%") if piece.doubled != "%" else None
    swaps = built.swaps()
    own = next((e for n, e in swaps if _within(site, n, call)), None)
    others = [(n, e) for n, e in swaps if not _within(site, n, call)]
    args = list(call.args)
    if own is not None:
        args[0] = args[0].with_changes(value=own)
    if target.style == "$":
        if len(call.args) > 1:
            return Refusal("the call already passes parameters")
        return site.edit((call, added(call.with_changes(args=args), *(cst.Arg(v) for v in values))), *others)
    given = argument(call, 1, "params", "parameters", "vars", "args")
    if given is None and len(args) > 1:
        return Refusal("the call already passes parameters")
    if given is None:
        return site.edit((call, added(call.with_changes(args=args), cst.Arg(_tuple(values)))), *others)
    merged = _merged(given.value, values, order, marks)
    if merged is None:
        return Refusal("the call already passes parameters in a form that cannot be extended")
    args[next(i for i, a in enumerate(call.args) if a is given)] = given.with_changes(value=merged)
    return site.edit((call, call.with_changes(args=args)), *others)


def _tuple(values: list[Any]) -> cst.Tuple:
    return cst.Tuple([cst.Element(v) for v in values] if len(values) > 1 else [cst.Element(values[0], cst.Comma())])


def _merged(given: Any, values: list[cst.BaseExpression], order: list[int], marks: int) -> cst.BaseExpression | None:
    """Parameters passed before with the new ones at their places."""
    if not isinstance(given, cst.Tuple | cst.List) or len(given.elements) != marks:
        return None
    if any(not isinstance(e, cst.Element) for e in given.elements):
        return None
    all_values = [e.value for e in given.elements]
    for at, value in zip(order, values, strict=True):
        all_values.insert(at, value)
    elements = [cst.Element(v) for v in all_values]
    return given.with_changes(elements=elements)
