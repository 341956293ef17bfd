"""Modules stood in for where the real ones need a server: drivers over sqlite with their own placeholders, the web.

Invariant: a stand-in does with a text what the real one's server would do, and records what would leave the machine.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import types
from collections.abc import Callable, Generator, Sequence
from typing import Any, Self
from urllib.parse import urlsplit

Fill = Callable[[str], str]


def install(reached: list[str]) -> None:
    """Put the stand-ins where programs import them; requests are noted in ``reached``."""
    for name in ("psycopg2", "psycopg", "pymysql", "MySQLdb", "mysql.connector"):
        _module(name, connect=lambda *_, **__: Connection(percent))
    _module("pymysql.cursors", DictCursor=None)
    _module("aiosqlite", connect=lambda path: Later(lambda: Waiting(Connection(str, path))))
    _module("asyncpg", connect=_asyncpg)
    _django()
    _web(reached)
    _ldap()


def _module(name: str, **names: Any) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__dict__.update(names)
    made.__path__ = []
    sys.modules[name] = made
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules.get(parent) or _module(parent), last, made)
    return made


def percent(query: str) -> str:
    """``%s`` placeholders as sqlite's; a question mark in the text stays one."""
    return query.replace("?", "\0").replace("%s", "?").replace("%%", "%").replace("\0", "'?'")


def numbered(query: str) -> str:
    """``$1`` placeholders as sqlite's."""
    return re.sub(r"\$(\d+)", r"?\1", query)


class Cursor:
    """A cursor that fills placeholders only when it is given values, as drivers do."""

    def __init__(self, fill: Fill, path: str = "app.db") -> None:
        self.fill = fill
        self.inner = sqlite3.connect(path).cursor()

    def execute(self, query: str, parameters: Sequence[Any] | None = None) -> Cursor:
        """Run a query."""
        self.inner.execute(self.fill(query) if parameters is not None else query, parameters or ())
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.inner.close()


class Connection:
    """A connection of which one can ask a cursor, or run a query directly."""

    def __init__(self, fill: Fill, path: str = "app.db") -> None:
        self.fill, self.path = fill, path

    def cursor(self, *_: object, **__: object) -> Cursor:
        """A new cursor."""
        return Cursor(self.fill, self.path)

    def execute(self, query: str, parameters: Sequence[Any] | None = None) -> Cursor:
        """Run a query."""
        return self.cursor().execute(query, parameters)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Later:
    """What can be awaited, or entered by ``async with``."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()
        return self.make()

    async def __aenter__(self) -> Any:
        return self.make()

    async def __aexit__(self, *_: object) -> None:
        return None


class Waiting:
    """A connection or a cursor whose methods answer later."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        def ask(*args: Any, **options: Any) -> Later:
            def answer() -> Any:
                made = getattr(self.inner, name)(*args, **options)
                return Waiting(made) if isinstance(made, Cursor) else made

            return Later(answer)

        return ask


async def _asyncpg(*_: object, **__: object) -> Any:
    async def fetch(query: str, *values: Any) -> list[Any]:
        return Connection(numbered).execute(query, values or None).fetchall()  # type: ignore[no-any-return]

    return types.SimpleNamespace(fetch=fetch)


def _django() -> None:
    connection = Connection(percent)
    _module("django.db", connection=connection, connections={"default": connection})

    class Manager:
        def raw(self, query: str, params: Sequence[Any] | None = None) -> list[Any]:
            rows = connection.execute(query, params).fetchall()
            return [types.SimpleNamespace(id=row[0]) for row in rows]

    model = type("Model", (), {"objects": Manager()})
    sys.modules["django.db"].models = _module(  # type: ignore[attr-defined]
        "django.db.models", Model=model, CharField=lambda **_: None
    )


def _web(reached: list[str]) -> None:
    def ask(url: str, **options: Any) -> Any:
        reached.append(f"{urlsplit(url).hostname} {options.get('data', '')}")
        return types.SimpleNamespace(text="body")

    _module("requests", get=ask, post=ask)


def _ldap() -> None:
    def search(_base: str, _scope: int, filterstr: str = "") -> list[Any]:
        return re.findall(r"\((\w+)=([^()]*)\)", filterstr)

    _module("ldap", SCOPE_SUBTREE=2, initialize=lambda _: types.SimpleNamespace(search_s=search))
    # RFC 4515, section 3: as python-ldap does.
    escape = re.compile(r"[\\*()\0]")
    _module("ldap.filter", escape_filter_chars=lambda s: escape.sub(lambda m: f"\\{ord(m[0]):02x}", s))
