"""Bytes to a syntax tree, or the reason why not.

Theorem: every file yields a tree or an ``Unparsed`` with a reason; no input raises anything else.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass

MAX_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Parsed:
    """A syntax tree; ``exact`` is false when newer syntax was rewritten first, and columns are not meaningful."""

    tree: ast.Module
    exact: bool = True


@dataclass(frozen=True, slots=True)
class Unparsed:
    """Why a file could not be analysed, and the line if there is one."""

    reason: str
    line: int = 0


def parse(data: bytes) -> Parsed | Unparsed:
    """Parse Python source by this interpreter's grammar, else by libcst's with newer constructs rewritten."""
    if len(data) > MAX_BYTES:
        return Unparsed(f"larger than {MAX_BYTES} bytes")
    if b"\0" in data:
        return Unparsed("contains a null byte")
    try:
        text = decode(data)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        return Unparsed(f"cannot be decoded: {error}")
    first = _ast(text)
    if isinstance(first, Parsed) or first.reason.startswith("too deep"):
        return first
    from maestro_taint.frontend.fallback import rewrite  # noqa: PLC0415 - libcst is needed for few files

    older = rewrite(data)
    if older is None:
        return first
    second = _ast(older)
    return Parsed(second.tree, exact=False) if isinstance(second, Parsed) else first


def decode(data: bytes) -> str:
    r"""Source text by PEP 263, newlines made ``\\n``. Raises SyntaxError, UnicodeDecodeError or LookupError."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    return io.TextIOWrapper(io.BytesIO(data), encoding, newline=None).read()


def _ast(text: str) -> Parsed | Unparsed:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Parsed(ast.parse(text))
    except SyntaxError as error:
        return Unparsed(f"syntax error: {error.msg}", error.lineno or 0)
    except (RecursionError, MemoryError):
        return Unparsed("too deeply nested to parse")
    except ValueError as error:
        return Unparsed(f"cannot be parsed: {error}")
