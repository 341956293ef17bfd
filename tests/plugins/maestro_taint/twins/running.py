"""Runs a twin in a child process and says whether an attack has its effect: that is its label.

Invariant: vulnerable means that something happened (a directory made, the attack's text in a query, a host asked for, a
canary in a log), never that a tool said so. Flask, Jinja2, lxml, SQLAlchemy, PyYAML, requests, sqlite3 and the shell
are the real ones; ``ldap`` and ``ldap3``, which need a server, are stood in for by recorders.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import sqlite3
import sys
import tempfile
import warnings
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.plugins.maestro_taint.twins.attacks import ATTACKS, CANARY, SECRET, effect, signs
from tests.plugins.maestro_taint.twins.standins import Seen, stand_in

if TYPE_CHECKING:
    from tests.plugins.maestro_taint.twins.cases import Twin

SECONDS = 20


def label(twin: Twin) -> str:
    """``vulnerable``, ``safe``, or ``broken: why`` if the program does not even run with ordinary input."""
    _preload()
    with tempfile.TemporaryDirectory(prefix="twin-") as scratch:
        root = Path(scratch) / "work"
        _furnish(root, twin)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _child(root, twin, write)
        os.close(write)
        with os.fdopen(read, "rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
    return answer.decode() or "broken: killed"


@cache
def _preload() -> None:
    """What programs import, loaded once in the parent: a child then starts in milliseconds."""
    import xml.dom.minidom
    import xml.sax

    import cryptography.fernet
    import defusedxml.ElementTree
    import flask.views
    import lxml.etree
    import requests
    import sqlalchemy.orm
    import yaml

    assert all((xml, cryptography, defusedxml, flask, lxml, requests, sqlalchemy, yaml))


def _furnish(root: Path, twin: Twin) -> None:
    (root / "files" / "sub").mkdir(parents=True)
    for name in ("a.txt", "sub/c.txt"):
        (root / "files" / name).write_text(f"text of {name}", encoding="utf-8")
    (root / "secret.txt").write_text(SECRET, encoding="utf-8")
    (root / "secret.d").mkdir()
    (root / "pwnmod.py").write_text("import os\nos.mkdir('pwned')\n", encoding="utf-8")
    (root / "users.xml").write_text(
        "<users><user name='ann' id='1'/><user name='bob' id='zqother'/></users>", encoding="utf-8"
    )
    with contextlib.closing(sqlite3.connect(root / "app.db")) as db:
        db.executescript("CREATE TABLE users (id INTEGER, name TEXT, nick TEXT);"
                         "INSERT INTO users VALUES (1, 'ann', 'a'), (2, 'bob', 'b');")  # fmt: skip
    with zipfile.ZipFile(root / "good.zip", "w") as archive:
        archive.writestr("inner.txt", "hi")
    for path, text in twin.files.items():
        place = root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")


def _child(root: Path, twin: Twin, write: int) -> None:
    import signal

    signal.alarm(SECONDS)
    answer = "broken: ended early"
    try:
        os.chdir(root)
        sys.path.insert(0, str(root))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        answer = _judge(root, twin)
    except BaseException as problem:  # noqa: BLE001 - whatever ends a program must be told
        answer = f"broken: {type(problem).__name__}: {problem}"
    finally:
        os.write(write, answer.encode())
        os._exit(0)


def _judge(root: Path, twin: Twin) -> str:
    os.environ |= {"APP_API_KEY": SECRET, "APP_SECRET_KEY": SECRET, "DB_PASSWORD": SECRET,
                   "AWS_SECRET_ACCESS_KEY": SECRET}  # fmt: skip
    shown = io.StringIO()
    logging.basicConfig(stream=shown, level=logging.DEBUG, force=True, format="%(levelname)s:%(name)s:%(message)s")
    warnings.simplefilter("always")
    vars(warnings).update(showwarning=lambda message, *_, **__: sys.stderr.write(str(message)))
    seen = Seen(root)
    stand_in(seen, SECRET)
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        module = __import__("app")
        if twin.kind == "pii" and not hasattr(module, "app"):
            with contextlib.suppress(OSError):  # no network here
                module.main(CANARY)
            return _told(effect("pii", twin, seen, shown.getvalue(), ""))
        return _told(_attacked(module.app, twin, seen, shown))


def _told(happened: bool) -> str:
    return "vulnerable" if happened else "safe"


def _attacked(application: Any, twin: Twin, seen: Seen, shown: io.StringIO) -> bool:
    application.config["PROPAGATE_EXCEPTIONS"] = False
    application.secret_key = application.secret_key or "k"
    for attack in ATTACKS.get(twin.kind, ((SECRET if "secret" in twin.rules[0] else CANARY).encode(),)):
        for send in _channels(attack, application):
            shown.seek(0)
            shown.truncate()
            seen.forget()
            with contextlib.suppress(Exception):  # an attack may well break the program
                answer, session = send()
                if effect(twin.kind, twin, seen, shown.getvalue(), signs(answer, session)):
                    return True
            if seen.marked():
                return True
    return False


def _channels(attack: bytes, application: Any) -> list[Any]:
    """One request per way of sending a value; the parameter is called ``p``."""
    text = attack.decode("latin-1")
    options: list[dict[str, Any]] = [
        {"query_string": {"p": text, "email": text}},
        {"data": {"p": text, "email": text}},
        {"headers": {"X-P": text, "Authorization": text}},
        {"json": {"p": text}},
        {"data": attack, "content_type": "application/octet-stream"},
        {"data": {"p": (io.BytesIO(attack), text.partition("\n")[0])}, "content_type": "multipart/form-data"},
        {"query_string": {text: "1"}},
        {"data": {text: "1"}},
        {"path": "/t/" + text.lstrip("/")},
        {"cookie": text},
    ]
    if "\n" in text:
        options = [o for o in options if "headers" not in o]

    def sender(given: dict[str, Any]) -> Any:
        def send() -> tuple[Any, dict[str, Any]]:
            client = application.test_client()
            told = dict(given)
            if "cookie" in told:
                client.set_cookie("p", told.pop("cookie"))
            path = told.pop("path", "/t")
            method = "POST" if any(k in told for k in ("data", "json")) else "GET"
            answer = client.open(path, method=method, **told)
            with client.session_transaction() as session:
                return answer, dict(session)

        return send

    return [sender(o) for o in options]
