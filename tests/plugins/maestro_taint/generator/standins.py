"""Stand-ins with the names of web frameworks and clients: they hold a request and record what is done with it.

Invariant: nothing here judges; ``World`` holds facts (answers, headers, cookies, queries, addresses).
"""

from __future__ import annotations

import asyncio
import inspect
import sys
import types
from dataclasses import dataclass, field
from typing import Any


@dataclass
class World:
    """What a handler did."""

    payload: str
    handlers: list[Any] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)
    locations: list[str] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)
    cookies: list[tuple[str, bool, bool]] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    session: dict[Any, Any] = field(default_factory=dict)


class Multi(dict):  # type: ignore[type-arg]
    """A mapping with ``getlist``."""

    def getlist(self, key: str) -> list[Any]:
        return [self[key]] if key in self else []


class Later:
    """A value that may be awaited or called, then awaited."""

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, *_: Any, **__: Any) -> Any:
        async def get() -> Any:
            return self.value

        return get()


class Page:
    """A response; recorded when it leaves the handler."""

    def __init__(self, world: World, body: Any, kind: str = "text/html") -> None:
        self.world = world
        self.body = body
        self.kind = kind
        self.headers: dict[str, str] = {}

    def set_cookie(
        self, key: str, value: str = "", *_: Any, secure: bool = False, httponly: bool = False, **__: Any
    ) -> None:
        self.world.cookies.append((value, secure, httponly))
        self.world.headers += [key, value]


class Redirect(Exception):  # noqa: N818 - a response that may be raised
    """A redirect, returned or raised."""


def install(world: World) -> None:
    """Put the stand-ins where imports find them."""
    for name, members in (
        *_flask(world), *_django(world), *_fastapi(world), *_aiohttp(world), *_clients(world),
    ):  # fmt: skip
        module = types.ModuleType(name)
        module.__dict__.update(members)
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)


def visit(world: World, view: Any) -> None:
    """Call a handler as its framework would, and record its answer."""
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(view).parameters.items():
        if name == "request":
            arguments[name] = _request(world, sys.modules["main"])
        elif isinstance(parameter.annotation, type) and hasattr(parameter.annotation, "__item__"):
            arguments[name] = types.SimpleNamespace(q=world.payload, n=0)
        else:
            arguments[name] = world.payload
    try:
        answer = view(**arguments)
        if inspect.isawaitable(answer):
            answer = asyncio.run(_wait(answer))
    except Redirect as place:
        answer = place
    if isinstance(answer, tuple):
        answer = answer[0]
    if isinstance(answer, Page):
        world.headers += list(answer.headers.values())
        if answer.kind == "text/html":
            world.pages.append(str(answer.body))
    elif isinstance(answer, str) and "flask" in sys.modules["main"].__dict__.get("app", "").__class__.__module__:
        world.pages.append(answer)


async def _wait(answer: Any) -> Any:
    return await answer


def _request(world: World, main: Any) -> Any:
    """The request object a framework passes in."""
    data = Multi(q=world.payload)
    body = world.payload
    if hasattr(main, "web"):
        return types.SimpleNamespace(
            query=data, match_info=data, headers=data, cookies=data, post=Later(data),
            text=Later(body), json=Later(data),
            rel_url=types.SimpleNamespace(query=data),
        )  # fmt: skip
    if hasattr(main, "HttpResponse"):
        return types.SimpleNamespace(
            GET=data, POST=data, COOKIES=data, headers=data, META={"HTTP_Q": body}, body=body.encode(), session={},
        )  # fmt: skip
    return types.SimpleNamespace(
        query_params=data, headers=data, cookies=data, path_params=data, json=Later(data), body=Later(body.encode()),
        form=Later(data),
    )  # fmt: skip


def _app(world: World, module: str) -> type:
    class App:
        def __init__(self, *_: Any) -> None:
            pass

        def route(self, *_: Any, **__: Any) -> Any:
            def keep(view: Any) -> Any:
                world.handlers.append(view)
                return view

            return keep

        get = post = put = delete = route

    App.__module__ = module
    return App


def _flask(world: World) -> list[tuple[str, dict[str, Any]]]:
    data = Multi(q=world.payload)
    request = types.SimpleNamespace(
        args=data, form=data, values=data, cookies=data, headers=data, json=data, get_json=lambda **_: data,
        get_data=lambda **_: world.payload, data=world.payload.encode(), environ={"QUERY_STRING": world.payload},
        query_string=world.payload.encode(), files={"q": types.SimpleNamespace(filename=world.payload)},
    )  # fmt: skip

    def stop(*_: Any) -> None:
        raise RuntimeError("aborted")

    return [("flask", {
        "Flask": _app(world, "flask"), "request": request, "session": world.session, "abort": stop,
        "make_response": lambda body="", *_: Page(world, body),
        "Response": lambda body="", mimetype="text/html", **_: Page(world, body, mimetype),
        "redirect": lambda place, *_: world.locations.append(place),
        "render_template_string": lambda text, **_: world.templates.append(text),
    })]  # fmt: skip


def _django(world: World) -> list[tuple[str, dict[str, Any]]]:
    go = world.locations.append
    return [
        ("django", {}),
        ("django.http", {"HttpResponse": lambda content="", **_: Page(world, content), "HttpResponseRedirect": go}),
        ("django.shortcuts", {"redirect": go}),
        ("django.views", {"View": object}),
    ]


def _fastapi(world: World) -> list[tuple[str, dict[str, Any]]]:
    class BaseModel:
        __item__ = True

    return [
        ("pydantic", {"BaseModel": BaseModel}),
        ("fastapi", {"FastAPI": _app(world, "fastapi"), "Query": lambda *_: "", "Request": object}),
        ("fastapi.responses", {
            "HTMLResponse": lambda content="", **_: Page(world, content), "RedirectResponse": world.locations.append,
        }),
    ]  # fmt: skip


def _aiohttp(world: World) -> list[tuple[str, dict[str, Any]]]:
    def found(place: str) -> Redirect:
        world.locations.append(place)
        return Redirect(place)

    return [("aiohttp", {}), ("aiohttp.web", {
        "RouteTableDef": _app(world, "aiohttp.web"), "HTTPFound": found, "Request": object, "Response":
        lambda text="", content_type="text/plain", **_: Page(world, text, content_type),
    })]  # fmt: skip


def _clients(world: World) -> list[tuple[str, dict[str, Any]]]:
    def ask(query: str, *_: Any, **__: Any) -> list[Any]:
        world.queries.append(query)
        return []

    tree = types.SimpleNamespace(xpath=ask)
    ldap = types.SimpleNamespace(search_s=lambda base, scope, text="", *_: ask(text))
    ldap3 = types.SimpleNamespace(search=lambda base, text, *_, **__: ask(text))

    def escaped(text: str) -> str:
        return "".join(f"\\{ord(c):02x}" if c in "\\*()\0" else c for c in text)

    fetch = {name: lambda url, **_: world.addresses.append(url) for name in ("get", "post", "put", "head")}
    return [
        ("requests", fetch),
        ("elementpath", {"select": lambda _, query, **__: ask(query)}),
        ("lxml", {}),
        ("lxml.etree", {"parse": lambda *_: tree}),
        ("ldap", {"initialize": lambda *_: ldap, "SCOPE_SUBTREE": 2}),
        ("ldap.filter", {"escape_filter_chars": escaped}),
        ("ldap3", {"Server": lambda *_: None, "Connection": lambda *_: ldap3}),
        ("ldap3.utils", {}),
        ("ldap3.utils.conv", {"escape_filter_chars": escaped}),
    ]
