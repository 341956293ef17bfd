"""Runs a program to repair in a child process, and says what an input made it do.

Invariant: vulnerable means that something happened (a file made, a row more, a tag more, a host reached), never that a
tool said so. Flask, Jinja2, lxml, SQLAlchemy, PyYAML, sqlite3 and the shell are the real ones; drivers without a server
here are stood in for by sqlite behind their own placeholders.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import io
import logging
import os
import pickle
import random
import re
import sqlite3
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from tests.plugins.maestro_taint.repairs import standins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.plugins.maestro_taint.repairs.cases import Case

SECONDS = 30
SECRET = "zq7-Canary-Secret"
REDACTED = "[redacted]"
ENTITY = '<!DOCTYPE a [<!ENTITY e SYSTEM "{0}">]><a>&e;</a>'
BOMB = '<!DOCTYPE a [<!ENTITY x "zz"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;&y;</a>'
SPECIAL = {"HASH": "ann", "RANDOM": "ann", "COOKIE": "ann", "SECRET": "ann", "TAR": "bad.tar", "ZIP": "bad.zip",
           "BOMB": BOMB}  # fmt: skip


class _Marker:
    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, ("pwned",)


@dataclass(frozen=True, slots=True)
class Seen:
    """What one input did: the handler's result, what was printed or logged, what was touched or reached."""

    result: str
    shown: str
    error: str
    marked: bool
    reached: tuple[str, ...]


def run(case: Case, files: Mapping[str, bytes], value: str) -> Seen:
    """Run the program, and the modules beside it, with one input, in a directory of its own."""
    _preload()
    with tempfile.TemporaryDirectory(prefix="repair-") as scratch:
        root = Path(scratch)
        _furnish(root)
        for name, data in files.items():
            (root / name).write_bytes(data)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _child(root, case, value, write)
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
        if not answer:
            return Seen("", "", "the program was killed", marked=False, reached=())
        result, shown, error, reached = pickle.loads(answer)  # noqa: S301  # nosec B301 - our own child
        return Seen(result, shown, error, (root / "pwned").exists() or (root / "pwned.txt").exists(), reached)


@cache
def _preload() -> None:
    """What programs import, loaded once in the parent: a child then starts in milliseconds."""
    import ast
    import html
    import shlex
    import xml.dom.minidom
    import xml.etree.ElementTree as ET

    import defusedxml.ElementTree
    import defusedxml.minidom
    import flask
    import lxml.etree
    import sqlalchemy
    import yaml

    assert all((ast, html, shlex, xml, ET, defusedxml, flask, lxml, sqlalchemy, yaml))


def _furnish(root: Path) -> None:
    (root / "files" / "sub").mkdir(parents=True)
    for name in ("a.txt", "sub/c.txt"):
        (root / "files" / name).write_text(f"text of {name}", encoding="utf-8")
    (root / "secret.txt").write_text(SECRET, encoding="utf-8")
    (root / "note.md").write_text("a note\n", encoding="utf-8")
    (root / "users.xml").write_text(
        "<users><user name='ann' id='1'/><user name='bob' id='2'/></users>", encoding="utf-8"
    )
    (root / "user.json").write_text('{"email": "zq7canary@example.invalid"}', encoding="utf-8")
    db = sqlite3.connect(root / "app.db")
    db.executescript("CREATE TABLE users (id INTEGER, name TEXT, nick TEXT);"
                     "INSERT INTO users VALUES (1, 'ann', 'a'), (2, 'bob', 'b'), (3, 'cid', 'c');")  # fmt: skip
    db.close()
    for name, member in (("good.tar", "inner.txt"), ("bad.tar", "../pwned.txt")):
        with tarfile.open(root / name, "w") as archive:
            info = tarfile.TarInfo(member)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"hi"))
        with zipfile.ZipFile(root / name.replace("tar", "zip"), "w") as packed:
            packed.writestr(member, "hi")


def _input(case: Case, value: str) -> str:
    if value == "PICKLE":
        return pickle.dumps(_Marker()).hex()
    if value == "XXE":
        return ENTITY.format((Path.cwd() / "secret.txt").as_uri())
    return SPECIAL.get(value, value) if value == case.attack else value


def _child(root: Path, case: Case, value: str, write: int) -> None:
    import signal

    signal.alarm(SECONDS)
    answer = b""
    try:
        os.chdir(root)
        sys.path.insert(0, str(root))
        answer = pickle.dumps(_observe(case, value))
    finally:
        os.write(write, answer)
        os._exit(0)


def _observe(case: Case, value: str) -> tuple[str, str, str, tuple[str, ...]]:
    import flask

    reached: list[str] = []
    standins.install(reached)
    shown = io.StringIO()
    logging.basicConfig(stream=shown, level=logging.DEBUG, force=True, format="%(levelname)s:%(name)s:%(message)s")
    os.environ["APP_API_KEY"] = SECRET
    application = flask.Flask("harness")
    application.secret_key = "x"
    result, error = "", ""
    random.seed(1)
    with (
        application.test_request_context("/", query_string={"q": _input(case, value), "p": "a"}),
        contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown), _quiet(),
    ):  # fmt: skip
        try:
            made = __import__("app").handle()
            result = _result(asyncio.run(made) if inspect.iscoroutine(made) else made)
        except Exception as problem:  # noqa: BLE001 - an attack may well break the program
            error = f"{type(problem).__name__}: {problem}"
    return result, shown.getvalue(), error, tuple(reached)


def _result(made: Any) -> str:
    if hasattr(made, "headers") and hasattr(made, "get_data"):
        if made.direct_passthrough:
            made.direct_passthrough = False
        return (
            repr(
                (
                    made.get_data(as_text=True),
                    sorted((k, v) for k, v in made.headers.items() if k in ("Content-Type", "Set-Cookie")),
                )
            )
            if made.location is None
            else f"-> {made.location}"
        )
    return repr(made)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    null = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    os.dup2(null, 1)
    os.dup2(null, 2)
    yield
    os.dup2(kept[0], 1)
    os.dup2(kept[1], 2)


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown: list[object] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += [tag, *(f"{tag}@{name}" for name, _ in attrs if name.startswith("on"))]
        self.shown.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.shown.append(tag)

    def handle_data(self, data: str) -> None:
        self.shown.append(data)


def exploited(case: Case, files: Mapping[str, bytes]) -> bool:  # noqa: C901, PLR0911 - one effect per kind
    """Whether the attack has its effect on a program."""
    seen = run(case, files, case.attack)
    if seen.marked:
        return True
    kind = case.kind
    if kind == "sql":
        usual = run(case, files, case.benign[0])
        return (
            not seen.error
            and seen.result != "[]"
            and (len(seen.result) > len(usual.result) or seen.result not in ("[]", usual.result))
            and not _same_shape(case, seen, usual)
        )
    if kind in ("html", "autoescape"):
        return _Tags(seen.result).tags != _Tags(run(case, files, case.benign[0]).result).tags
    if kind in ("path", "xxe"):
        return SECRET in seen.result
    if kind == "entities":
        return "zzzzzzzz" in seen.result
    if kind == "template":
        return "1337" in seen.result
    if kind in ("xpath", "ldap"):
        return seen.result.count(",") > run(case, files, case.benign[0]).result.count(",") or "'2'" in seen.result
    if kind == "redirect":
        target = re.sub(r"[\t\r\n]", "", seen.result.removeprefix("-> ")).replace("\\", "/")
        return urlsplit(urljoin("http://localhost/", target)).hostname == "evil.example"
    if kind == "temp file":
        return seen.result.strip("'").rpartition("/")[0] == tempfile.gettempdir()
    if kind == "ssrf":
        return any("169.254" in r for r in seen.reached)
    if kind == "log injection":
        return any(line.startswith("WARNING:root:forged") for line in seen.shown.splitlines())
    if kind in ("secret", "pii"):
        return any(c in seen.shown + seen.result + repr(seen.reached) for c in (SECRET, "zq7canary"))
    return _weak(case, files, seen)


def _weak(case: Case, files: Mapping[str, bytes], seen: Seen) -> bool:
    if case.kind == "weak hash":
        return len(seen.result.strip("'")) in (32, 40) or seen.result in ("True", "False")
    if case.kind == "random":
        return seen.result == run(case, files, case.attack).result
    if case.kind == "cookie":
        return not ("Secure" in seen.result and "HttpOnly" in seen.result)
    return case.kind == "trust" and "admin" in seen.result


def _same_shape(case: Case, seen: Seen, usual: Seen) -> bool:
    """An insertion that put the attack's text into one row did no harm."""
    return "insert" in case.name and seen.result.startswith("[(4,") and usual.result.startswith("[(4,")


def changed(case: Case, old: Mapping[str, bytes], new: Mapping[str, bytes]) -> str:
    """The first ordinary input that no longer works as before; empty if all do."""
    for value in case.benign:
        was, now = run(case, old, value), run(case, new, value)
        if case.kind in ("secret", "pii"):
            was = replace(was, shown=_redacted(was.shown, now.shown))
        before, after = _plain(case, was), _plain(case, now)
        if before != after:
            return f"{value!r}: {before} -> {after}"
    return ""


def _redacted(before: str, after: str) -> str:
    """What was shown, as the redaction shows it, if each value redacted held the secret and nothing else changed."""
    pattern = re.escape(after).replace(re.escape(REDACTED), "(.*)")
    match = re.fullmatch(pattern, before, re.DOTALL)
    good = match is not None and all(SECRET in g or "zq7canary" in g for g in match.groups())
    return after if good else before


def _plain(case: Case, seen: Seen) -> tuple[str, ...]:
    """What must stay: all but the very thing the repair is about."""
    result, shown = seen.result, seen.shown
    if case.kind in ("html", "autoescape"):
        result = repr(_Tags(result).shown)  # "x &amp; y" shows what "x & y" does
    if case.kind == "weak hash" and len(result.strip("'")) in (32, 40, 64):
        result = "digest"
    if case.kind == "random":
        result = re.sub(r"\d+\.\d+(e-\d+)?", "number", result)
        result = re.sub(r"\w", "1" if re.fullmatch(r"\W*\d+\W*", result) else "x", result)
    if case.kind == "temp file":
        result = re.sub(r"\w+(?=\.\w+'$|'$)", "x", result.rpartition("/")[2])
    if case.kind == "cookie":
        # A day counted from now differs between two runs when the second ends between them.
        result = re.sub(r"; Expires=[^;']*", "", result.replace("; Secure", "").replace("; HttpOnly", ""))
    return (result, shown, seen.error)
