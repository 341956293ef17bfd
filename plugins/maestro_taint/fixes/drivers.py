"""Where a query is run: the call, its text, the driver, and how it marks a value's place (PEP 249, paramstyle).

Invariant: a driver is named only where the sink, the file's imports or the engine's address say so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.view import Refusal, argument, has_star

if TYPE_CHECKING:
    from maestro_taint.fixes.site import Site

# By the first word of a driver's name, as in PEP 249's paramstyle.
STYLES = {
    "sqlite3": "?", "aiosqlite": "?", "duckdb": "?", "pyodbc": "?", "psycopg2": "%s", "psycopg": "%s", "pymysql": "%s",
    "MySQLdb": "%s", "mysql": "%s", "django": "%s", "cx_Oracle": ":", "oracledb": ":", "asyncpg": "$",
    "mariadb": "?", "pymssql": "%s", "snowflake": "%s", "pg8000": "%s",
}  # fmt: skip
DOUBLE_QUOTES = frozenset({"sqlite3", "aiosqlite", "pymysql", "MySQLdb", "mysql", "mariadb"})


UNKNOWN = Refusal("the query's call cannot be rewritten")


@dataclass(slots=True)
class Target:
    """Where the query is run: the call, its text, the driver and its placeholder.

    ``raw``: to be wrapped in ``text()``; ``keyword``: the parameter for the values, where the call is not the driver's.
    """

    call: cst.Call
    text: cst.BaseExpression
    driver: str
    style: str
    raw: bool = False
    keyword: str = ""


def target_of(site: Site) -> Target | Refusal:
    """The target of one finding."""
    call = site.node
    if not isinstance(call, cst.Call) or has_star(call):
        return UNKNOWN
    name = site.sink.rpartition(".")[2]
    if name in ("executescript", "executemany"):
        return Refusal(f"{name}() binds no values into its text")
    first = argument(call, 0, "sql", "query", "operation", "statement", "text")
    if first is None:
        return UNKNOWN
    inner = _text_call(site, first.value)
    if inner is not None or (site.sink.startswith("sqlalchemy.") and name in ("text", "literal_column")):
        if name == "literal_column":
            return Refusal("literal_column() holds an expression, not values")
        made = inner if inner is not None else call
        return Target(made, made.args[0].value, "sqlalchemy", ":v") if made.args else UNKNOWN
    driver = _driver(site)
    if driver is None:
        return Refusal("the driver, and with it the form of its placeholders, is not known here")
    if driver == "sqlalchemy":
        plain = isinstance(call.func, cst.Attribute) and len(call.args) == 1 and name in ("execute", "exec_driver_sql")
        if not plain:
            return Refusal(
                "the driver below SQLAlchemy is not known here: wrap the query in text() and bind its values"
            )
        return Target(call, first.value, "sqlalchemy", ":v", raw=True)
    return Target(call, first.value, driver, STYLES[driver])


def _text_call(site: Site, expr: cst.BaseExpression) -> cst.Call | None:
    """``text(...)`` of SQLAlchemy, directly or in a variable."""
    if isinstance(expr, cst.Name):
        one = site.view.assigned(expr)
        expr = one.value if one is not None and one.value is not None else expr
    if isinstance(expr, cst.Call) and site.view.code(expr.func).rpartition(".")[2] == "text" and len(expr.args) == 1:
        return expr if re.search(r"\bsqlalchemy\b", site.view.module.code) else None
    return None


def _driver(site: Site) -> str | None:
    """The driver by the sink's own name, else the only one the file imports."""
    top = site.sink.partition(".")[0]
    if top in STYLES:
        return top
    if top == "sqlalchemy":
        return "sqlalchemy"
    used = {
        d
        for d in (*STYLES, "sqlalchemy")
        if re.search(rf"^\s*(import|from)\s+{d}\b", site.view.module.code, re.MULTILINE)
    }
    if {"psycopg", "psycopg2"} >= used and used:
        return "psycopg2"
    return used.pop() if len(used) == 1 else None
