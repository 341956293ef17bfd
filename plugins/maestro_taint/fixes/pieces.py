"""What a text is made of: constant pieces as they are written, and holes for values.

Invariant: a constant piece always spells a valid part of its literal; cutting removes characters of the text, however
they are written.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Sequence

# One character of a literal as it is written: an escape sequence of Python's (Language Reference, 2.4.1), or itself.
WRITTEN = re.compile(r"\\(?:[0-7]{1,3}|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|N\{[^}]*\}|\n|.)|.", re.DOTALL)


@dataclass(slots=True)
class Text:
    """A constant piece: its source text between the quotes, how it is quoted, and characters escaped by doubling."""

    raw: str
    prefix: str
    quote: str
    doubled: str = ""
    old: str = ""

    def __post_init__(self) -> None:
        self.old = self.raw

    @property
    def changed(self) -> bool:
        """Whether the piece no longer reads as it was written."""
        return self.raw != self.old

    @property
    def value(self) -> str:
        """The text itself."""
        made = str(ast.literal_eval(f"{self.prefix}{self.quote}{self.raw}{self.quote}"))
        for c in self.doubled:
            made = made.replace(c + c, c)
        return made

    def ends(self, mark: str) -> bool:
        """Whether the text ends with a character."""
        return self.value.endswith(mark)

    def _written(self) -> list[str]:
        """The text's characters, each as it is written."""
        found = WRITTEN.findall(self.raw) if "r" not in self.prefix else list(self.raw)
        made: list[str] = []
        for one in found:
            if one in self.doubled and made and made[-1] == one:
                made[-1] += one
            else:
                made.append(one)
        return made

    def cut_end(self) -> None:
        """Drop the last character."""
        self.raw = "".join(self._written()[:-1])

    def cut_start(self) -> None:
        """Drop the first character."""
        self.raw = "".join(self._written()[1:])

    def escape(self, mark: str) -> None:
        """Double a character that the text's next reader doubles too (``%`` for drivers that format)."""
        self.raw = self.raw.replace(mark, mark + mark)


@dataclass(slots=True)
class Hole:
    """A value in the text. ``text`` puts a constant in its place; ``suffix`` is a conversion or a format.

    ``origin`` is the expression in the file that gives it, where ``expr`` was made up.
    """

    expr: cst.BaseExpression
    suffix: str = ""
    text: str | None = None
    changed: bool = False
    within: str = ""
    origin: cst.BaseExpression | None = None

    @property
    def node(self) -> cst.BaseExpression:
        """The expression that stands in the file."""
        return self.expr if self.origin is None else self.origin

    def put(self, expr: cst.BaseExpression) -> None:
        """Another value in its place; before Python 3.12 an f-string's own quote must not stand in it."""
        self.expr = requoted(expr, self.within) if self.within else expr
        self.changed = True


def requoted(expr: cst.BaseExpression, outer: str) -> cst.BaseExpression:
    """An expression for the inside of a text quoted so: before Python 3.12 that quote must not stand in it."""
    other = "'" if outer[0] == '"' else '"'

    class Requote(cst.CSTTransformer):
        """Turns the quotes of plain literals."""

        def leave_SimpleString(self, original_node: Any, updated_node: Any) -> Any:  # noqa: ARG002, N802 - libcst's naming
            if updated_node.quote != outer[0] or other in updated_node.raw_value:
                return updated_node
            return updated_node.with_changes(value=f"{updated_node.prefix}{other}{updated_node.raw_value}{other}")

    made: Any = expr.visit(Requote())
    return made  # type: ignore[no-any-return]


Piece: TypeAlias = Text | Hole


def constant_of(parts: Sequence[Piece]) -> str:
    """The constant text of pieces, holes left out."""
    return "".join(p.value for p in parts if isinstance(p, Text))


def quoted(text: str, quote: str = '"') -> cst.SimpleString:
    """A new literal."""
    plain = quote not in text and "\\" not in text and text.isprintable()
    return cst.SimpleString(f"{quote}{text}{quote}" if plain else repr(text))
