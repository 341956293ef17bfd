"""Tests that a text is one plain string literal: quoted at both ends, with no such quote between.

Invariant: all three tests are made of one name with one quote; what passes them is data wherever it is evaluated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.frontend.ir import Node

BOTH, ENDS = frozenset(("startswith", "endswith", "inner")), ("startswith", "endswith")


def quoted_name(n: Node) -> Node | None:
    """The name that ``not x.startswith(q) or not x.endswith(q) or q in x[1:-1]`` is about, or its negation by ``and``.

    ``None`` for any other test.
    """
    found: dict[str, tuple[Any, Any]] = {}
    name: Node | None = None
    for part in n[3]:
        told = _edge(part, positive=n[2]) or _between(part, "not in" if n[2] else "in")
        if told is None:
            return None
        kind, name, quote = told
        found[kind] = (name[2:], quote)
    same = len(set(found.values())) == 1
    return name if found.keys() == BOTH and same else None


def _edge(part: Node, *, positive: bool) -> tuple[str, Node, str] | None:
    if not positive:
        if part[0] != ir.NOT:
            return None
        part = part[2]
    if part[0] != ir.CALL or part[2][0] != ir.ATTR or part[2][3] not in ENDS or len(part[3]) != 1:
        return None
    quote = part[3][0]
    return (part[2][3], part[2][2], quote[2]) if _is_quote(quote) and part[2][2][0] == ir.LOCAL else None


def _between(part: Node, op: str) -> tuple[str, Node, str] | None:
    if part[0] != ir.CMP or part[2] != (op,) or not _is_quote(part[3][0]) or part[3][1][0] != ir.SLICE:
        return None
    _, _, inner, bounds = part[3][1]
    limits = [b[2] if b is not None and b[0] == ir.CONST else None for b in bounds]
    return ("inner", inner, part[3][0][2]) if limits == [1, -1, None] and inner[0] == ir.LOCAL else None


def _is_quote(n: Node) -> bool:
    return n[0] == ir.CONST and n[2] in ("'", '"')
