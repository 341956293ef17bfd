"""Report bytes to checked data, strictly and within bounds.

Invariant: what is returned came from one unambiguous document: valid UTF-8, no duplicate member, no NaN,
no number outside the range of a double, no lone surrogate, at most ``MAX_BYTES`` and ``MAX_DEPTH``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar

import msgspec

from maestro_hooks.errors import EvidenceError

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 64
MAX_DIGITS = 40
MAX_EXPONENT = 324  # a double reaches from 5e-324 to 1.8e308

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """A report file: POSIX path below the repository root, and its bytes."""

    path: str
    data: bytes = field(repr=False)


class UnreadableError(EvidenceError):
    """A report that is damaged, hostile or not of its format; ``line`` is 0 where it is not known."""

    def __init__(self, what: str, *, line: int = 0) -> None:
        super().__init__(what)
        self.line = line


def json_document(data: bytes) -> object:
    """The JSON document in ``data`` (RFC 8259, with unique member names); fractions become ``Decimal``.

    Raises:
        UnreadableError: for anything the module invariant excludes.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"larger than {MAX_BYTES} bytes")
    try:
        document: object = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_decimal,
            parse_int=_integer,
            parse_constant=_constant,
        )
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8: byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise UnreadableError(f"not JSON: {error.msg}, column {error.colno}", line=error.lineno) from error
    except RecursionError as error:
        raise UnreadableError(f"nested deeper than {MAX_DEPTH} levels") from error
    _check_tree(document)
    return document


def convert(document: object, shape: type[T]) -> T:
    """``document`` as ``shape``. Raises ``UnreadableError`` naming the member that does not fit."""
    try:
        # Decimal is built in here, so that a number in quotes stays a text and is refused.
        return msgspec.convert(document, shape, builtin_types=(Decimal,))
    except msgspec.ValidationError as error:
        raise UnreadableError(str(error)) from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UnreadableError(f"member {twice[:80]!r} is given twice")
    return members


def _decimal(text: str) -> Decimal:
    # The length is checked first: Decimal keeps every digit, and its exponent can name an astronomically large integer.
    number = Decimal(text) if len(text) <= MAX_EXPONENT else None
    if number is None or (number and not -MAX_EXPONENT <= number.adjusted() <= 308):
        raise UnreadableError(f"number out of range: {text[:40]}")
    return number


def _integer(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise UnreadableError(f"number out of range: {text[:40]}")
    return int(text)


def _constant(text: str) -> object:
    raise UnreadableError(f"{text} is not a JSON number")


def _check_tree(document: object) -> None:
    level = [document]
    depth = 0
    while level:
        if depth > MAX_DEPTH:
            raise UnreadableError(f"nested deeper than {MAX_DEPTH} levels")
        depth += 1
        below: list[object] = []
        for node in level:
            if isinstance(node, str):
                _check_text(node)
            elif isinstance(node, dict):
                below.extend(node)
                below.extend(node.values())
            elif isinstance(node, list):
                below.extend(node)
        level = below


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= c <= "\udfff" for c in text):
        raise UnreadableError(f"lone surrogate in the text {text[:40]!r}")
