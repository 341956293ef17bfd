"""One edit per kind of flaw: a sink call in, a repaired call out, or the reason why not.

Invariant: an edit touches the sink expression, the expression that feeds it, and imports; nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.parts import code, literal, parts, wrapped

if TYPE_CHECKING:
    from maestro_taint.settings import TaintSettings

IDENTIFIER_PLACE = re.compile(
    r"\b(from|join|into|update|table|order\s+by|group\s+by|set|select|column|limit|offset)\s*$", re.IGNORECASE
)
FIXED_RANDOM = {"choice": "secrets.choice", "randbytes": "secrets.token_bytes", "getrandbits": "secrets.randbits"}


@dataclass(frozen=True, slots=True)
class Edit:
    """The new call, the new text of the expression that feeds it (if it stands elsewhere), modules to import."""

    call: cst.BaseExpression
    feed: cst.BaseExpression | None = None
    imports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no safe edit is known."""

    reason: str


@dataclass(frozen=True, slots=True)
class Site:
    """The sink call, the text expression that reaches it (itself an argument, or assigned before), the sink's name."""

    call: cst.Call
    text: cst.BaseExpression
    elsewhere: bool
    sink: str


def edit(rule: str, site: Site, settings: TaintSettings) -> Edit | Refusal:  # noqa: C901, PLR0911, PLR0912 - one return per kind
    """The repair of one finding."""
    if rule == "taint-sql":
        return _sql(site)
    if rule == "taint-command":
        return (
            _wrap(site, "shlex.quote", "shlex")
            if "os.system" in site.sink or _has_shell(site.call)
            else Refusal("the program itself comes from outside: offer a fixed list of programs")
        )
    if rule == "taint-html":
        return _wrap(site, "html.escape", "html")
    if rule == "taint-ldap":
        return (
            _wrap(site, "ldap.filter.escape_filter_chars", "ldap.filter")
            if site.sink.startswith("ldap.")
            else _wrap(site, "ldap3.utils.conv.escape_filter_chars", "ldap3.utils.conv")
        )
    if rule == "taint-xpath":
        return _xpath(site)
    if rule == "taint-deserialize":
        return _yaml(site)
    if rule == "taint-weak-hash":
        return _hash(site)
    if rule.startswith("taint-cookie-"):
        return Edit(_flag(_flag(site.call, "secure"), "httponly"))
    if rule == "taint-log-injection":
        return _log(site, "repr", "")
    if rule == "taint-path":
        return _path(site)
    if rule.startswith(("taint-pii-", "taint-secret-")):
        if not settings.redactor:
            return Refusal("no redactor configured: set tool.maestro.taint.redactor to your own function")
        return _log(site, settings.redactor, settings.redactor.rpartition(".")[0])
    if rule in ("taint-redirect", "taint-ssrf"):
        return Refusal("no allow-list of hosts can be derived: compare urlparse(url).hostname with a constant set")
    return Refusal("no edit is known that keeps what the code does")


def _has_shell(call: cst.Call) -> bool:
    return any(a.keyword and a.keyword.value == "shell" and code(a.value) == "True" for a in call.args)


def _rebuilt(site: Site, new: cst.BaseExpression, imports: tuple[str, ...], extra: tuple[cst.Arg, ...] = ()) -> Edit:
    args = list(site.call.args)
    if not site.elsewhere:
        args[0] = args[0].with_changes(value=new)
    if extra:
        if args:
            args[-1] = args[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
        args += extra
    made = site.call.with_changes(args=args)
    return Edit(made, new if site.elsewhere else None, imports)


def _wrap(site: Site, function: str, module: str) -> Edit | Refusal:
    if parts(site.text) is None and function == "shlex.quote":
        return Refusal("the whole command comes from outside")
    made = wrapped(site.text, function)
    return (
        Refusal("the text is built in a form that cannot be rewritten")
        if made is None
        else _rebuilt(site, made, (module,))
    )


def _sql(site: Site) -> Edit | Refusal:
    pieces = parts(site.text)
    if pieces is None:
        return Refusal("the query is built in a form that cannot be rewritten")
    if len(site.call.args) != 1:
        return Refusal("the call already passes parameters")
    mark = "?" if "sqlite3" in site.sink or "duckdb" in site.sink else "%s"
    text, values = "", []
    for i, (kind, value) in enumerate(pieces):
        if kind == "text":
            text += value.replace("%", "%%") if mark == "%s" else value
            continue
        if IDENTIFIER_PLACE.search(text):
            return Refusal("a table or column name comes from outside: offer an allow-list")
        after = pieces[i + 1][1] if i + 1 < len(pieces) and pieces[i + 1][0] == "text" else ""
        if text.endswith("'") != after.startswith("'"):
            return Refusal("the value is a part of a quoted text: bind the whole of it")
        if text.endswith("'"):
            text = text[:-1]
            pieces[i + 1] = ("text", after[1:])
        text += mark
        values.append(value)
    if not values:
        return Refusal("no value found in the query")
    given = cst.Arg(
        cst.Tuple([cst.Element(v) for v in values] if len(values) > 1 else [cst.Element(values[0], cst.Comma())])
    )
    return _rebuilt(site, literal(text), (), (given,))


def _xpath(site: Site) -> Edit | Refusal:
    pieces = parts(site.text)
    if pieces is None or not site.sink.endswith(".xpath"):
        return Refusal("only lxml's xpath() binds variables")
    text = ""
    extra: list[cst.Arg] = []
    for i, (kind, value) in enumerate(pieces):
        if kind == "text":
            text += value
            continue
        after = pieces[i + 1][1] if i + 1 < len(pieces) and pieces[i + 1][0] == "text" else ""
        if not text or text[-1] not in "'\"" or not after.startswith(text[-1]):
            return Refusal("the value is not a quoted text of its own")
        text = text[:-1] + f"$v{len(extra)}"
        pieces[i + 1] = ("text", after[1:])
        extra.append(cst.Arg(value, keyword=cst.Name(f"v{len(extra)}"), equal=_TIGHT))
    return _rebuilt(site, literal(text), (), tuple(extra))


_TIGHT = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))


def _yaml(site: Site) -> Edit | Refusal:
    if not site.sink.startswith("yaml.") or not isinstance(site.call.func, cst.Attribute):
        return Refusal("pickle and its like run what they load: use a data format such as JSON")
    name = "safe_load_all" if site.sink.endswith("_all") else "safe_load"
    first = site.call.args[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return Edit(site.call.with_changes(func=site.call.func.with_changes(attr=cst.Name(name)), args=[first]))


def _hash(site: Site) -> Edit | Refusal:
    if isinstance(site.call.func, cst.Attribute) and site.call.func.attr.value in ("md5", "sha1"):
        return Edit(site.call.with_changes(func=site.call.func.with_changes(attr=cst.Name("sha256"))))
    if site.sink == "hashlib.new" and site.call.args:
        args = [site.call.args[0].with_changes(value=literal("sha256")), *site.call.args[1:]]
        return Edit(site.call.with_changes(args=args))
    return Refusal("not a hashlib constructor")


def _flag(call: cst.Call, name: str) -> cst.Call:
    """The call with ``name=True``, replacing what it said before."""
    args = [a for a in call.args if not (a.keyword and a.keyword.value == name)]
    if args:
        args[-1] = args[-1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
    args.append(cst.Arg(cst.Name("True"), keyword=cst.Name(name), equal=_TIGHT))
    return call.with_changes(args=args)


def _log(site: Site, function: str, module: str) -> Edit | Refusal:
    """Every argument after a constant message; a message that is built is wrapped hole by hole."""
    args = list(site.call.args)
    for i, a in enumerate(args):
        if a.keyword is not None or a.star:
            continue
        if isinstance(a.value, cst.SimpleString):
            continue
        made = wrapped(a.value, function)
        if made is None:
            return Refusal("the message is built in a form that cannot be rewritten")
        args[i] = a.with_changes(value=made)
    return Edit(site.call.with_changes(args=args), None, (module,) if module else ())


def _path(site: Site) -> Edit | Refusal:
    """A name below a fixed directory: only its last part may come from outside."""
    text = site.text
    if isinstance(text, cst.Call) and code(text.func) == "os.path.join" and len(text.args) == 2:
        last = text.args[1]
        fixed = text.with_changes(
            args=[
                text.args[0],
                last.with_changes(value=cst.Call(cst.parse_expression("os.path.basename"), [cst.Arg(last.value)])),
            ]
        )
        return _rebuilt(site, fixed, ("os",))
    pieces = parts(text)
    if pieces and len(pieces) >= 2 and pieces[0][0] == "text" and pieces[0][1].endswith("/"):
        return _wrap(site, "os.path.basename", "os")
    return Refusal("no base directory can be derived")
