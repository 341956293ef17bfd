"""Redirects stay on the site; requests go to hosts from a list.

Invariant: a redirect keeps path, query and fragment and loses scheme and host; without a list of hosts no request is
changed.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

import libcst as cst

from maestro_taint.fixes.far import Reader
from maestro_taint.fixes.pieces import Hole
from maestro_taint.fixes.site import Site, bare, paren
from maestro_taint.fixes.view import Edit, Refusal, argument

# RFC 3986 reserved characters and the percent sign: a URL's own syntax is left alone.
KEPT = "/?#[]@!$&'()*+,;=:%"
ABSOLUTE = re.compile(
    r"\b(referrer|base_url|host_url|url_root|build_absolute_uri|HTTP_REFERER)\b|\brequest\.url\b|Referer", re.IGNORECASE
)
LISTS = re.compile(
    r"^_?(ALLOWED|TRUSTED|SAFE|PERMITTED|KNOWN|VALID)_?\w*(HOST|DOMAIN)S?\w*$|^(HOST|DOMAIN)_(WHITE|ALLOW)_?LIST$"
)


def redirect(site: Site) -> Edit | Refusal:
    """A redirect to a tainted address."""
    named = location(site)
    if named is not None:
        return address(site, named)
    plain = isinstance(site.node, cst.Call) and not site.sink.endswith("Response")
    first = argument(site.node, 0, "location", "url", "to", "redirect_to") if plain else None
    if first is None:
        return Refusal("the redirect's address cannot be seen here")
    return address(site, first.value)


def location(site: Site) -> cst.BaseExpression | None:
    """The value of a ``Location`` header that the sink sets, if it sets one."""
    node = site.node
    if isinstance(node, cst.Assign):
        target = site.view.code(node.targets[0].target)
        return node.value if re.search(r"""\[['"]location['"]\]$""", target, re.IGNORECASE) else None
    headers = argument(node, 99, "headers") if isinstance(node, cst.Call) else None
    if headers is None or not isinstance(headers.value, cst.Dict):
        return None
    entries = [e for e in headers.value.elements if isinstance(e, cst.DictElement)]
    named = [e.value for e in entries if re.fullmatch(r"""['"]location['"]""", site.view.code(e.key), re.IGNORECASE)]
    return named[0] if len(named) == 1 else None


def address(site: Site, value: cst.BaseExpression) -> Edit | Refusal:
    """The address a browser is sent to, kept on this site or among the hosts listed."""
    hosts = _hosts(site)
    if hosts:
        return _checked(site, value, hosts)
    if ABSOLUTE.search(_origin(site, value)):
        return Refusal("the address is a whole URL of this or another site: no list of hosts is configured")
    quote = site.use("urllib.parse.quote")
    inner = cst.Call(cst.Attribute(paren(value), cst.Name("lstrip")), [cst.Arg(cst.SimpleString('"/\\\\"'))])
    safe = cst.Arg(cst.SimpleString(f'"{KEPT}"'), keyword=cst.Name("safe"), equal=_TIGHT)
    made = cst.BinaryOperation(
        cst.SimpleString('"/"'), cst.Add(), cst.Call(cst.parse_expression(quote), [cst.Arg(inner), safe])
    )
    return site.edit((value, made), note="stays on this site")


_TIGHT = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))


def ssrf(site: Site) -> Edit | Refusal:
    """A request to a tainted address."""
    call = site.node
    if not isinstance(call, cst.Call):
        return Refusal("the request's address cannot be seen here")
    position = 1 if site.sink.endswith(".request") or (site.sink.endswith("urlopen") and "urllib3" in site.sink) else 0
    first = argument(call, position, "url")
    hosts = _hosts(site) or _fixed_host(site, first)
    if not hosts:
        return Refusal("no list of hosts is known: set tool.maestro.taint.hosts, or define ALLOWED_HOSTS in the module")
    if first is None or not re.search(r"requests|httpx|urllib\.request|aiohttp|urllib3", site.sink):
        return Refusal("the request's address cannot be seen here")
    return _checked(site, first.value, hosts)


def _fixed_host(site: Site, first: cst.Arg | None) -> str:
    """The host the address itself begins with, where that is constant: it must be the one that is asked."""
    built = site.built(first.value) if first is not None else None
    if built is None or isinstance(built, Refusal):
        return ""
    head = ""
    for piece in built.pieces:
        if isinstance(piece, Hole):
            value = Reader(site.view, site.project).literal(_leftmost(piece.expr))
            head += str(value[0].evaluated_value) if value is not None and not piece.suffix else ""
            break
        head += piece.value
    try:
        host = urlsplit(head).hostname
    except ValueError:
        return ""
    # An address that goes on in the host's own name ("http://api." + x) has no fixed host.
    named = isinstance(built.pieces[0], Hole) and re.fullmatch(r"https?://(localhost|[\w-]+(\.[\w-]+)+)(:\d+)?", head)
    return f'{{"{host}"}}' if host and (named or re.match(r"https?://[^/?#]+[/?#]", head)) else ""


def _leftmost(expr: cst.BaseExpression) -> cst.BaseExpression:
    """What a sum begins with."""
    while isinstance(expr, cst.BinaryOperation) and isinstance(expr.operator, cst.Add):
        expr = expr.left
    return expr


def _hosts(site: Site) -> str:
    """A collection of host names, as code: one the module defines, else the configured one."""
    for line in site.view.module.body:
        for node in line.body if isinstance(line, cst.SimpleStatementLine) else ():
            if isinstance(node, cst.Assign | cst.AnnAssign) and isinstance(
                node.value, cst.Set | cst.List | cst.Tuple | cst.Call
            ):
                target = node.targets[0].target if isinstance(node, cst.Assign) else node.target
                if isinstance(target, cst.Name) and LISTS.match(target.value):
                    return target.value
    return "{" + ", ".join(f'"{h}"' for h in site.settings.hosts) + "}" if site.settings.hosts else ""


def _checked(site: Site, expr: cst.BaseExpression, hosts: str) -> Edit | Refusal:
    """The address's host compared with the list before the statement that uses it."""
    statement = site.view.statement(expr)
    if statement is None:
        return Refusal("the address is used inside an expression that cannot be split")
    split = site.use("urllib.parse.urlsplit")
    swaps: list[tuple[Any, Any]] = []
    texts = []
    if isinstance(expr, cst.Name):
        name = expr.value
    else:
        taken = {n.value for n in site.view.nodes(cst.Name)}
        name = next(n for n in ("checked_url", *(f"checked_url_{i}" for i in range(2, 99))) if n not in taken)
        texts.append(f"{name} = {site.view.code(bare(expr))}\n")
        swaps.append((expr, cst.Name(name)))
    texts.append(f'if {split}({name}).hostname not in {hosts}:\n    raise ValueError("host is not allowed")\n')
    return site.edit(*swaps, before=[(statement, tuple(texts))])


def _origin(site: Site, expr: cst.BaseExpression, depth: int = 4) -> str:
    """The code an address comes from, through single assignments."""
    text = site.view.code(expr)
    for name in site.view.nodes(cst.Name, expr):
        one = site.view.assigned(name) if depth else None
        if one is not None and one.value is not None:
            text += " " + _origin(site, one.value, depth - 1)
    return text
