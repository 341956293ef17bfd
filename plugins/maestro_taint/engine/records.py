"""What a database gives back: rows by the columns a query names, objects by the class that is asked for.

Invariant: a row holds a source only in columns whose names say so; an object is an instance of the class, no more.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import source_of
from maestro_taint.domain.objects import Obj, key_place
from maestro_taint.domain.values import CLEAN, NO_CONST, Val, source_value
from maestro_taint.engine import containers, personal
from maestro_taint.engine.frame import ITER

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

COLUMN = "column"
SLOT = 80
QUERY = "django.db.models.Manager"  # stands for every query of objects: managers, query sets, ORM queries
MANAGERS = ("objects", "query", "_default_manager", "_base_manager")
_SELECT = re.compile(
    r"^\s*(?:WITH\b.*?\)\s*)?SELECT\s+(?:DISTINCT\s+)?(?P<columns>.*?)\s+FROM\b", re.IGNORECASE | re.DOTALL
)
_LAST = re.compile(r"(\w+)\W*$")

# -- rows -------------------------------------------------------------------------------------------------------


def columns(text: str) -> list[str]:
    """The names of the columns a query selects, ``*`` among them.

    >>> columns("SELECT u.id, upper(email) AS mail, phone FROM users")
    ['id', 'mail', 'phone']
    """
    found = _SELECT.match(text)
    if found is None:
        return []
    parts = re.split(r",(?![^()]*\))", found["columns"])
    names = [_LAST.search(part) for part in parts]
    return [n[1] if n is not None else part.strip()[-1:] for n, part in zip(names, parts, strict=True)]


def _executed(dotted: str) -> Any:
    def apply(f: Frame, given: Arguments) -> Val | None:
        query = given.get(0, "sql")
        names = columns(query.const) if query is not None and isinstance(query.const, str) else []
        row = _row(f, names, given.at)
        if row is None:
            return None
        rows = f.new(given.at, Obj("list", {}, row), SLOT)
        for oid in () if given.receiver is None else given.receiver.objs:
            held = f.get(oid)
            f.put(oid, Obj("list", {}, row) if held.origin is None else held.weak(row))
        return Val(types=(("x", dotted),), objs=rows.objs)

    return apply


def _row(f: Frame, names: list[str], at: int) -> Val | None:
    """A row whose telling columns are sources; ``None`` if there are none, and none that are not named."""
    if "*" in names:
        return Val(types=(("tag", "row"),), objs=f.new(at, Obj("record", {}, exact=False), SLOT + 1).objs)
    fields: dict[str, Val] = {}
    for i, name in enumerate(names):
        kind = f.solver.models.field_kind(name) or personal.kind_of_name(name)
        if kind is not None:
            made = column(f, kind, name, at)
            fields |= {key_place(i): made, key_place(name): made, "." + name: made}
    if not fields:
        return None
    for i in range(len(names)):
        fields.setdefault(key_place(i), CLEAN)
    return Val(objs=f.new(at, Obj("record", dict(sorted(fields.items()))), SLOT + 1).objs)


def column(f: Frame, kind: str, name: str, at: int) -> Val:
    """What a column of that name holds."""
    source = source_of(kind, COLUMN, f.file, at, f"column {name}")
    return source_value(source, steps.step(f.file, at, f"{kind} in the column {name}"))


def by_name(f: Frame, row: Val, name: str, at: int) -> Val | None:
    """A column of a row of which the query names none (``SELECT *``)."""
    if ("tag", "row") not in row.types:
        return None
    kind = f.solver.models.field_kind(name) or personal.kind_of_name(name)
    return None if kind is None else column(f, kind, name, at)


def _cursor(dotted: str) -> Any:
    def apply(f: Frame, given: Arguments) -> Val:
        return Val(types=(("x", dotted),), objs=f.new(given.at, Obj("list", {}), SLOT + 2).objs, lit=True)

    return apply


def _one(f: Frame, given: Arguments) -> Val:
    return CLEAN if given.receiver is None else f.place(given.receiver, ITER)


def _all(f: Frame, given: Arguments) -> Val:
    rows = CLEAN if given.receiver is None else f.place(given.receiver, ITER)
    return f.new(given.at, Obj("list", {}, rows), SLOT + 3)


# -- objects ----------------------------------------------------------------------------------------------------


def manager(cls: str) -> Val:
    """What gives instances of a class: ``User.objects``, ``session.query(User)``, ``select(User)``."""
    return Val(types=(("x", QUERY), ("of", (("s", cls),))), lit=True)


def _asked(f: Frame, given: Arguments) -> Val | None:  # noqa: ARG001 - one signature for all table entries
    """``session.query(User)``, ``select(User)``; of columns (``select(User.email)``) the rows."""
    for v in given.args:
        for t in v.types:
            if t[0] == "c":
                return manager(t[1])
            if t[0] == "of":
                return Val(types=(("x", QUERY), t), lit=True)
    return None


def _found(f: Frame, given: Arguments) -> Val | None:
    """``session.get(User, key)``."""
    cls = next((t[1] for v in given.args[:1] for t in v.types if t[0] == "c"), None)
    return None if cls is None else _instance(f, (("s", cls),), given.at)


def _instance(f: Frame, types: tuple[Any, ...], at: int) -> Val:
    return Val(types=types, objs=f.new(at, Obj("dict", {}, exact=False), SLOT + 4).objs)


def _narrowed(f: Frame, given: Arguments) -> Val | None:  # noqa: ARG001 - one signature for all table entries
    """``.filter(...)``, ``.order_by(...)``, ``.all()``: the same objects."""
    of = _elements(given)
    return None if of is None else Val(types=(("x", QUERY), ("of", of)), lit=True)


def _first(f: Frame, given: Arguments) -> Val | None:
    """``.get(...)``, ``.first()``, ``.one()``: one of them."""
    of = _elements(given)
    return None if of is None else _instance(f, of, given.at)


def _elements(given: Arguments) -> tuple[Any, ...] | None:
    return next((t[1] for t in given.receiver.types if t[0] == "of"), None) if given.receiver is not None else None


def _values(f: Frame, given: Arguments) -> Val | None:
    """``.values_list("email", flat=True)``, ``.values("email")``: the columns named."""
    names = [str(v.const) for v in given.args if isinstance(v.const, str)]
    flat = given.kwargs.get("flat")
    if flat is not None and flat.const is not NO_CONST and flat.const and len(names) == 1:
        kind = f.solver.models.field_kind(names[0]) or personal.kind_of_name(names[0])
        return f.new(given.at, Obj("list", {}, CLEAN if kind is None else column(f, kind, names[0], given.at)), SLOT)
    row = _row(f, names or ["*"], given.at)
    return f.new(given.at, Obj("list", {}, CLEAN if row is None else row), SLOT)


# -- models as mappings, secrets in vaults ----------------------------------------------------------------------


def _dumped(f: Frame, given: Arguments) -> Val:
    """``model.model_dump(exclude={...})``: the fields by name, but for those left out."""
    made = f.solver.attributes.load(f, given.receiver or CLEAN, "__dict__", given.at)
    without, only = given.kwargs.get("exclude"), given.kwargs.get("include")
    if len(made.objs) != 1:
        return made
    held = f.get(made.objs[0])
    dropped = _named(f, without) or frozenset()
    kept = _named(f, only)
    fields = {p: v for p, v in held.fields.items() if p not in dropped and (kept is None or p in kept)}
    return f.new(given.at, held.having(fields=fields), SLOT)


def _named(f: Frame, v: Val | None) -> frozenset[str] | None:
    items = None if v is None else containers.exact_items(f, v)
    return None if items is None else frozenset(key_place(x.const) for x in items if x.const is not NO_CONST)


def _written(f: Frame, given: Arguments) -> Val:
    """``model.model_dump_json()``."""
    return Val(f.deep(_dumped(f, given)))


def _vault(f: Frame, given: Arguments) -> Val:
    """``client.get_secret_value(...)``: the secret is one of the answer's fields."""
    source = source_of("secret", "vault", f.file, given.at, "get_secret_value()")
    made = source_value(source, steps.step(f.file, given.at, "secret from the secrets manager"))
    fields = {key_place(name): made for name in ("SecretString", "SecretBinary")}
    return Val(objs=f.new(given.at, Obj("dict", fields), SLOT).objs)


_DRIVERS = (
    "psycopg2",
    "psycopg",
    "pymysql",
    "MySQLdb",
    "mysql.connector",
    "cx_Oracle",
    "oracledb",
    "pyodbc",
    "mariadb",
)
_CURSORS = (
    "sqlite3.Cursor",
    "?",
    "dbapi.cursor",
    "django.db.connection.cursor",
    *(f"{d}.connect.cursor" for d in _DRIVERS),
)
_SAME = (
    "filter", "filter_by", "exclude", "all", "order_by", "distinct", "select_related", "prefetch_related", "limit",
    "offset", "where", "join", "options", "scalars", "iterator", "using", "unique", "reverse", "yield_per", "execute",
    "only", "defer", "annotate", "with_entities", "none",
)  # fmt: skip
_ONE = (
    "get", "first", "last", "one", "one_or_none", "scalar", "scalar_one", "scalar_one_or_none", "latest", "earliest",
    "create", "get_or_404", "first_or_404", "one_or_404", "aget", "afirst", "alast", "acreate",
)  # fmt: skip
TABLE: dict[str, Any] = {
    **{
        f"{c}.execute": _executed("sqlite3.Cursor")
        for c in (*_CURSORS, "sqlite3.Connection", "psycopg.connect")
        if c != "dbapi.cursor"  # by its method's name
    },
    **{f"{c}.cursor": _cursor("sqlite3.Cursor") for c in ("sqlite3.Connection",)},
    **{f"{d}.connect.cursor": _cursor(f"{d}.connect.cursor") for d in _DRIVERS},
    "django.db.connection.cursor": _cursor("django.db.connection.cursor"),
    **{f"{c}.fetchone": _one for c in _CURSORS[:1] + _CURSORS[2:]},
    **{f"{c}.{name}": _all for c in _CURSORS[:1] + _CURSORS[2:] for name in ("fetchall", "fetchmany")},
    **dict.fromkeys(("sqlalchemy.select", "sqlalchemy.orm.Session.query", "sqlalchemy.future.select"), _asked),
    **dict.fromkeys(("sqlalchemy.orm.Session.execute", "sqlalchemy.orm.Session.scalars", "sqlmodel.select"), _asked),
    **dict.fromkeys(("sqlalchemy.orm.Session.scalar",), _found),
    **dict.fromkeys(("sqlalchemy.orm.Session.get", "django.shortcuts.get_object_or_404"), _found),
    **{f"{QUERY}.{name}": _narrowed for name in _SAME},
    **{f"{QUERY}.{name}": _first for name in _ONE},
    **{f"{QUERY}.{name}": _values for name in ("values", "values_list")},
    **{f"django.contrib.auth.models.User.objects.{name}": _values for name in ("values", "values_list")},
    **dict.fromkeys(
        ("pydantic.BaseModel.model_dump", "pydantic.BaseModel.dict", "sqlmodel.SQLModel.model_dump"), _dumped
    ),
    **dict.fromkeys(("pydantic.BaseModel.model_dump_json", "pydantic.BaseModel.json"), _written),
    "boto3.client.get_secret_value": _vault,
}
