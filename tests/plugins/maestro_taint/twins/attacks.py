"""Attacks by kind, and how their effect is told."""

from __future__ import annotations

import base64
import os
import pickle
import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    from tests.plugins.maestro_taint.twins.cases import Twin
    from tests.plugins.maestro_taint.twins.standins import Seen

WINDOW = 8  # so many characters of a canary in a row are a leak
SECRET = "zq7-Canary-Secret-4711"
CANARY = "zq7canary4711@example.invalid"
SQL = ("' OR 'zq'='zq", "1 OR 'zq'='zq'")
HOST = "evil.example"
FORGED = "x\nWARNING:root:forged"
SCRIPT = "<script>zq</script>"
_RUN = "__import__('os').mkdir('pwned')"
ENTITY = '<!DOCTYPE a [<!ENTITY e SYSTEM "secret.txt">]><a>&e;</a>'


class _Marker:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, ("pwned",)


_PICKLE = pickle.dumps(_Marker(), protocol=0)

ATTACKS: dict[str, tuple[bytes, ...]] = {
    "sql": tuple(s.encode() for s in SQL),
    "command": (b"x; mkdir pwned;", b"'; mkdir pwned; '", b'"; mkdir pwned; "', b"mkdir pwned"),
    "code": (
        _RUN.encode(), f"''+{_RUN}+''".encode(), b"pwnmod", f"__builtins__.{_RUN};str".encode(),
        f"f']) or {_RUN} or (ns['f".encode(), f"{_RUN} or add".encode(),
    ),
    "path": (b"../secret.txt", b"../secret.d", b"../../work/secret.txt", b"../secret.new", b"secret.txt", b".."),
    "html": (SCRIPT.encode(), b"&lt;script&gt;zq&lt;/script&gt;"),
    "template": (b"{{7*191}}",),
    "xpath": (b"' or '1'='1", b"ann']/../user[@name='bob"),
    "ldap": (b"*)(zq=*", b"x,ou=zq"),
    "xxe": (ENTITY.encode(),),
    "deserialize": (
        _PICKLE, base64.b64encode(_PICKLE), _PICKLE.hex().encode(), b"!!python/object/apply:os.mkdir [pwned]",
        base64.b64encode(b"0" * 32 + _PICKLE),
    ),
    "redirect": (f"https://{HOST}/".encode(), f"//{HOST}/".encode()),
    "ssrf": (f"http://{HOST}/".encode(),),
    "trust": (b"zqadmin",),
    "log": (FORGED.encode(),),
}  # fmt: skip


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def signs(answer: Any, session: dict[str, Any]) -> str:
    """What a response shows: body, kind, place and session, as one text."""
    answer.direct_passthrough = False
    return repr((answer.get_data(as_text=True), answer.mimetype, answer.location, session))


def effect(kind: str, twin: Twin, seen: Seen, shown: str, told: str) -> bool:  # noqa: C901, PLR0911 - one effect per kind
    """Whether an attack of this kind had its effect."""
    body, mimetype, location, session = eval(told, {}) if told else ("", "", None, {})  # noqa: S307  # nosec B307 - our own repr
    if kind == "sql":
        return any(attack in q for q in seen.queries for attack in SQL)
    if kind in ("path", "xxe"):
        return SECRET in body or bool(seen.outside)
    if kind == "html":
        return mimetype == "text/html" and "script" in _Tags(body).tags
    if kind == "template":
        return "1337" in body
    if kind == "xpath":
        return "zqother" in body or body == "2"
    if kind == "ldap":
        return any("(zq=" in q if q[:1] == "(" else re.search(r"[^\\],ou=zq", q) for q in seen.queries)
    if kind == "redirect":
        target = re.sub(r"[\t\r\n]", "", location or "").replace("\\", "/")
        return urlsplit(urljoin("http://localhost/", target)).hostname == HOST
    if kind == "ssrf":
        return any(host.partition(":")[0] == HOST for host in seen.hosts)
    if kind == "trust":
        return "zqadmin" in repr(session)
    if kind == "log":
        return any(line.startswith("WARNING:root:forged") for line in shown.splitlines())
    return kind == "pii" and _leaked(twin, seen, shown)


def _leaked(twin: Twin, seen: Seen, shown: str) -> bool:
    channel = twin.rules[0].rpartition("-")[2]
    where = {"log": shown, "net": repr(seen.sent), "file": seen.written()}[channel]
    canary = SECRET if "secret" in twin.rules[0] else CANARY
    forms = [canary[i : i + WINDOW] for i in range(len(canary) - WINDOW + 1)]
    return any(form in where for form in (*forms, *map(_encoded, [canary] * 3, range(3))))


def _encoded(canary: str, shift: int) -> str:
    """What base64 shows of a canary that begins ``shift`` bytes after a group of three."""
    text = base64.b64encode(b"x" * shift + canary.encode() + b"xx").decode()
    return text[4 if shift else 0 : -8]
