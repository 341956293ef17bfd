"""The short form: a bare word in a list stands for native entries.

``sources: [req.headers, req.body, env:SECRET]``, ``sinks: [fs.write, net.post, log.debug]``,
``sanitizers: [redactPII, hash, encrypt]``. Invariant: a word not listed here is an error, never ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from maestro_hooks.errors import ConfigError
from maestro_taint.models.document import SanitizerEntry, SinkEntry, SourceEntry

if TYPE_CHECKING:
    from maestro_taint.models.document import Document

LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")
CONFIDENTIAL = ("confidential",)

_SOURCES: dict[str, tuple[str, ...]] = {
    "req.headers": ("flask.request.headers", "django.http.HttpRequest.headers", "django.http.HttpRequest.META",
                    "starlette.requests.Request.headers", "aiohttp.web.Request.headers"),
    "req.body": ("flask.request.data", "flask.request.json", "flask.request.form", "django.http.HttpRequest.body",
                 "django.http.HttpRequest.POST"),
    "req.args": ("flask.request.args", "django.http.HttpRequest.GET", "starlette.requests.Request.query_params",
                 "aiohttp.web.Request.query"),
    "req.cookies": ("flask.request.cookies", "django.http.HttpRequest.COOKIES", "starlette.requests.Request.cookies"),
}  # fmt: skip
_BODY_CALLS = ("starlette.requests.Request.json", "starlette.requests.Request.body", "starlette.requests.Request.form",
               "aiohttp.web.Request.json", "aiohttp.web.Request.text", "aiohttp.web.Request.post")  # fmt: skip
_SINKS: dict[str, Any] = {
    "fs.write": {"call": ("builtins.open.write", "builtins.open.writelines", "pathlib.Path.write_text",
                          "pathlib.Path.write_bytes", "os.write"), "args": ("*",), "kind": ("file",)},
    "net.post": {"call": ("requests.post", "requests.put", "requests.Session.post", "httpx.post", "httpx.put",
                          "httpx.Client.post", "httpx.AsyncClient.post", "urllib.request.urlopen"),
                 "args": ("*",), "kind": ("net",)},
}  # fmt: skip
_SANITIZERS: dict[str, Any] = {
    "redactPII": {"call": ("redact", "redactPII", "redact_pii", "privacy.redact"), "clears": CONFIDENTIAL},
    "hash": {"call": ("hmac.new", "hmac.digest", "hashlib.scrypt", "hashlib.pbkdf2_hmac", "bcrypt.hashpw"),
             "clears": CONFIDENTIAL},
    "encrypt": {"call": ("cryptography.fernet.Fernet.encrypt", "cryptography.hazmat.primitives.ciphers.aead.AESGCM.encrypt"),  # noqa: E501 - a program in one piece
                "clears": CONFIDENTIAL},
}  # fmt: skip


def expanded(document: Document, where: str) -> Document:
    """The document with every bare word replaced by what it stands for. Raises ``ConfigError`` for an unknown one."""
    sources: list[Any] = []
    for s in document.sources:
        sources += _source(s, where) if isinstance(s, str) else [s]
    sinks: list[Any] = []
    for k in document.sinks:
        sinks += _sink(k, where) if isinstance(k, str) else [k]
    sanitizers: list[Any] = []
    for z in document.sanitizers:
        sanitizers += _sanitizer(z, where) if isinstance(z, str) else [z]
    return msgspec.structs.replace(document, sources=tuple(sources), sinks=tuple(sinks), sanitizers=tuple(sanitizers))


def _source(word: str, where: str) -> list[SourceEntry]:
    if word.startswith("env:"):
        pattern = word.removeprefix("env:")
        return [SourceEntry(id=word, kind="secret", env=(pattern,))]
    if word not in _SOURCES:
        raise ConfigError(f"unknown source {word!r}", where=where, fix=f"one of {', '.join(_SOURCES)}, env:NAME")
    made = [SourceEntry(id=word, kind="untrusted", read=_SOURCES[word])]
    if word == "req.body":
        made.append(SourceEntry(id=word, kind="untrusted", call=_BODY_CALLS))
    return made


def _sink(word: str, where: str) -> list[SinkEntry]:
    head, _, level = word.partition(".")
    if head == "log" and (level in LEVELS or level == "*"):
        chosen = LEVELS if level == "*" else (level,)
        calls = tuple(f"{place}.{one}" for place in ("logging", "logging.Logger") for one in chosen)
        return [SinkEntry(id=word, kind=("log", "log_injection"), args=("*",), call=calls)]
    if word not in _SINKS:
        raise ConfigError(f"unknown sink {word!r}", where=where, fix=f"one of {', '.join(_SINKS)}, log.LEVEL, log.*")
    return [SinkEntry(id=word, **_SINKS[word])]


def _sanitizer(word: str, where: str) -> list[SanitizerEntry]:
    if word not in _SANITIZERS:
        raise ConfigError(f"unknown sanitizer {word!r}", where=where, fix=f"one of {', '.join(_SANITIZERS)}")
    return [SanitizerEntry(**_SANITIZERS[word])]
