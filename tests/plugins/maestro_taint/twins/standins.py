"""What a twin does, seen: an audit hook, recorders in place of directories and the network."""

from __future__ import annotations

import getpass
import os
import socket
import sqlite3
import sys
import types
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_PLACES = {"open", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.listdir", "os.scandir", "shutil.copyfile"}


@dataclass
class Seen:
    """Queries, hosts asked for, texts sent, and places touched outside ``files``."""

    root: Path
    queries: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    sent: list[object] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    listening: bool = True

    def forget(self) -> None:
        """Begin anew: the next attack."""
        for kept in (self.queries, self.hosts, self.sent, self.outside):
            kept.clear()

    def marked(self) -> bool:
        """Whether code or a command of the attack ran."""
        return (self.root / "pwned").exists()

    def written(self) -> str:
        """What new files hold, names included."""
        known = {"app.db", "secret.txt", "good.zip", "users.xml"}
        files = [p for p in sorted(self.root.rglob("*")) if p.is_file() and p.name not in known and p.suffix != ".py"]
        return "\n".join(
            f"{p.name}: {p.read_bytes().decode('utf-8', 'replace')}" for p in files if ".pyc" not in p.name
        )

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit hook."""
        if event == "socket.getaddrinfo":
            self.hosts.append(str(arguments[0]))
        elif event == "sqlite3.connect" or event in _PLACES:
            self._place(arguments)

    def _place(self, arguments: tuple[Any, ...]) -> None:
        for place in arguments[:2]:
            text = os.fsdecode(place) if isinstance(place, (str, bytes)) else ""
            full = os.path.realpath(text)  # without audit events of its own
            if os.path.basename(full).startswith("secret.") and not full.startswith(f"{self.root}/files/"):  # noqa: PTH119
                self.outside.append(text)


def stand_in(seen: Seen, secret: str) -> None:
    """Record instead of reaching out."""
    sys.addaudithook(seen.hook)
    _databases(seen)
    _network(seen)
    _directories(seen)
    getpass.getpass = lambda *_, **__: secret


def _databases(seen: Seen) -> None:
    real: Any = sqlite3.connect

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = real(*args, **options)
        connection.set_trace_callback(seen.queries.append)
        return connection

    for module in (sqlite3, sqlite3.dbapi2):
        vars(module).update(connect=connect)


def _network(seen: Seen) -> None:
    def refuse(host: str, *_: Any, **__: Any) -> Any:
        seen.hosts.append(str(host))
        raise OSError("no network here")

    vars(socket).update(getaddrinfo=refuse)
    import urllib.request

    import requests

    def send(self: object, prepared: Any, **_: Any) -> Any:
        seen.hosts.append(prepared.url.split("/")[2])
        seen.sent.append((prepared.url, prepared.body))
        made = requests.Response()
        made.status_code = 200
        return made

    requests.Session.send = send  # type: ignore[method-assign, assignment]

    def opened(self: object, request: Any, *_: Any, **__: Any) -> Any:
        url = request if isinstance(request, str) else request.full_url
        seen.hosts.append(url.split("/")[2])
        seen.sent.append(url)
        raise OSError("no network here")

    urllib.request.OpenerDirector.open = opened  # type: ignore[method-assign, assignment]


def _directories(seen: Seen) -> None:
    import re

    def search(*args: Any, **options: Any) -> list[Any]:
        seen.queries.extend(str(a) for a in (*args, *options.values()))
        return []

    names = ("search", "search_s", "search_st", "search_ext", "search_ext_s")
    connection = types.SimpleNamespace(entries=[], response=[], **dict.fromkeys(names, search))
    # RFC 4515, section 3, and RFC 4514, section 2.4: as python-ldap and ldap3 do.
    escape = lambda s: re.sub(r"[\\*()\0]", lambda m: f"\\{ord(m[0]):02x}", s)  # noqa: E731
    modules: dict[str, dict[str, Any]] = {
        "ldap": {"SCOPE_SUBTREE": 2, "SCOPE_BASE": 0, "initialize": lambda *_: connection},
        "ldap.filter": {
            "escape_filter_chars": escape,
            "filter_format": lambda text, values: text % tuple(map(escape, values)),
        },
        "ldap.dn": {"escape_dn_chars": lambda s: re.sub(r'([,\\+"<>;=#])', r"\\\1", s)},
        "ldap3": {"Server": lambda *_, **__: None, "Connection": lambda *_, **__: connection, "SUBTREE": "SUBTREE"},
        "ldap3.utils": {},
        "ldap3.utils.conv": {"escape_filter_chars": escape},
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        module.__path__ = []
        vars(module).update(members)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
