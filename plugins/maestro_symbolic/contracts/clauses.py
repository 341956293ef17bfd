"""The one internal form of a contract.

Invariant: a clause that cannot be read is kept as ``unreadable``; it is never dropped, because a lost precondition
refutes falsely and a lost postcondition proves falsely.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

ClauseKind = Literal["pre", "post", "inv", "snapshot"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """One condition.

    Attributes:
        kind: what it is.
        text: as written.
        line: where.
        expression: what must be true.
        roles: free names to what they stand for: ``arg:x``, ``result``, ``old``, ``captured``, ``args`` or ``self``.
        name: what a snapshot captures under.
        words_fail: whether a text instead of a truth value means failure (deal).
    """

    kind: ClauseKind
    text: str
    line: int
    expression: ast.expr = field(repr=False, compare=False)
    roles: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    words_fail: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """What one function promises. ``raises`` names the exceptions allowed to leave it."""

    clauses: tuple[Clause, ...] = ()
    raises: frozenset[str] = frozenset()
    styles: frozenset[str] = frozenset()
    unreadable: tuple[tuple[int, str], ...] = ()

    def of(self, kind: ClauseKind) -> tuple[Clause, ...]:
        """The clauses of one kind, in order."""
        return tuple(c for c in self.clauses if c.kind == kind)

    @property
    def preconditions(self) -> tuple[Clause, ...]:
        """What callers owe."""
        return self.of("pre")

    @property
    def postconditions(self) -> tuple[Clause, ...]:
        """What the function owes."""
        return self.of("post")


def conjuncts(clause: Clause) -> list[Clause]:
    """A condition as the conditions that ``and`` joins in it."""
    if isinstance(clause.expression, ast.BoolOp) and isinstance(clause.expression.op, ast.And):
        return [one for part in clause.expression.values for one in conjuncts(replace(clause, expression=part))]
    return [clause]


@dataclass(slots=True)
class Draft:
    """A contract being read."""

    clauses: list[Clause] = field(default_factory=list)
    raises: set[str] = field(default_factory=set)
    styles: set[str] = field(default_factory=set)
    unreadable: list[tuple[int, str]] = field(default_factory=list)

    def done(self) -> Contract:
        """The contract read so far."""
        return Contract(
            clauses=tuple(self.clauses),
            raises=frozenset(self.raises),
            styles=frozenset(self.styles),
            unreadable=tuple(self.unreadable),
        )


def parse_expression(text: str, line: int) -> ast.expr:
    """An expression given as text, its nodes moved to the line it stands on. Raises ``SyntaxError``."""
    node = ast.parse(text.strip(), mode="eval").body
    for inner in ast.walk(node):
        if isinstance(inner, ast.expr):
            inner.lineno = inner.end_lineno = line
    return node
