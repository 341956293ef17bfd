"""Which sink kinds a value cannot be dangerous for, given the characters it may hold.

Invariant: a kind is excluded only if no character it needs is allowed. A pattern is read with the standard
library's own parser; what is not understood allows everything.
"""

from __future__ import annotations

import re
import string
import warnings
from functools import cache
from importlib import import_module
from typing import Any

from maestro_taint.kinds import BIT, INJECTION

DIGITS = frozenset(string.digits)
ALNUM = frozenset(string.ascii_letters + string.digits)
WORD = ALNUM | {"_"}
ANYTHING = frozenset(map(chr, range(128)))

# A kind is dangerous only with at least one of these characters.
NEEDS: dict[str, str] = {
    "sql": "'\\",
    "sql_double": '"\\',
    "sql_bare": "'\"`;-/*()= #\\\n,.",
    "command": ";|&$`\n<>(){}'\"\\*?!# \t",
    "code": string.ascii_letters + "_([{'\".",
    "path": ".",
    "path_absolute": "/\\",
    "html": "<>\"'&:",
    "template": "{%#$",
    "xpath": "'",
    "xpath_double": '"',
    "xpath_bare": "'\"[]/()=|@*: ",
    "ldap": "*()\\&|=!\0",
    "xxe": "<&",
    "entities": "<&",
    "deserialize": string.printable,
    "redirect": "/\\:",
    "ssrf": "/\\:.@",
    "header": "\r\n",
    "trust": "".join(c for c in string.printable if c not in string.ascii_letters + string.digits + "_-."),
    "log_injection": "\r\n\x0b\x0c\x1c\x1d\x1e",
}
_HOST = re.compile(r"\Ahttps?://[^/?#]+/")


def has_host(text: str) -> bool:
    """Whether a URL prefix fixes the host: scheme, host and the slash after it."""
    return bool(_HOST.match(text))


@cache
def kinds_excluded(allowed: frozenset[str]) -> int:
    """The injection kinds impossible for text over these characters."""
    bits = 0
    for name, needed in NEEDS.items():
        if not allowed & frozenset(needed):
            bits |= BIT[name]
    return bits & INJECTION


@cache
def kinds_of_pattern(pattern: str | bytes, how: str) -> int:
    """Kinds excluded for a whole text matched by ``pattern`` with ``fullmatch``, ``match`` or ``search``.

    ``$`` lets one newline through at the end; ``match`` without an end anchor says nothing about the rest.
    """
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    try:
        codes: Any = import_module("re._constants")  # private, may move
        reader: Any = import_module("re._parser")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = list(reader.parse(text))
    except (re.error, RecursionError, OverflowError, ImportError):
        return 0
    extra: set[str] = set()
    if how != "fullmatch":
        if not tree or not _is_at(tree[-1], codes, ("AT_END", "AT_END_STRING")):
            return 0
        if _is_at(tree[-1], codes, ("AT_END",)):
            extra.add("\n")
        if how == "search" and not _is_at(tree[0], codes, ("AT_BEGINNING", "AT_BEGINNING_STRING")):
            return 0
    allowed = _allowed(tree, codes)
    return kinds_excluded(frozenset(allowed | extra)) if allowed is not None else 0


@cache
def kinds_of_group(pattern: str | bytes, group: int | str, without: str = "") -> int:
    """Kinds excluded for what one group of a pattern matched; none if it admits a character of ``without``."""
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    try:
        number = re.compile(text).groupindex.get(group, 0) if isinstance(group, str) else group
        codes: Any = import_module("re._constants")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = list(import_module("re._parser").parse(text))
    except (re.error, RecursionError, OverflowError, ImportError):
        return 0
    inner = tree if number == 0 else _group(tree, number, codes)
    allowed = None if inner is None else _allowed(inner, codes)
    return 0 if allowed is None or not allowed.isdisjoint(without) else kinds_excluded(allowed)


def _group(items: Any, number: int, codes: Any) -> Any:
    """The items of a numbered group, wherever it stands."""
    for op, value in items:
        if op is codes.SUBPATTERN and value[0] == number:
            return value[3]
        inner = (
            [value[2]] if op in (codes.MAX_REPEAT, codes.MIN_REPEAT) else [value[3]] if op is codes.SUBPATTERN else []
        )
        inner += value[1] if op is codes.BRANCH else []
        for one in inner:
            found = _group(one, number, codes)
            if found is not None:
                return found
    return None


def _is_at(item: Any, codes: Any, names: tuple[str, ...]) -> bool:
    return item[0] is codes.AT and item[1] in tuple(getattr(codes, n) for n in names)


def _allowed(items: Any, codes: Any) -> frozenset[str] | None:
    """All characters a sequence of pattern items can match; ``None`` when not understood."""
    found: frozenset[str] = frozenset()
    for op, value in items:
        one = _item(op, value, codes)
        if one is None:
            return None
        found |= one
    return found


def _item(op: Any, value: Any, codes: Any) -> frozenset[str] | None:  # noqa: PLR0911 - one return per item
    if op is codes.LITERAL:
        return frozenset((chr(value),)) if value < 128 else frozenset()
    if op is codes.AT:
        return frozenset()
    if op is codes.IN:
        return _class(value, codes)
    if op in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        return _allowed(value[2], codes)
    if op is codes.SUBPATTERN:
        return _allowed(value[3], codes)
    if op is codes.BRANCH:
        parts = [_allowed(p, codes) for p in value[1]]
        return None if any(p is None for p in parts) else frozenset().union(*(p for p in parts if p is not None))
    return None


def _class(members: Any, codes: Any) -> frozenset[str] | None:
    found: set[str] = set()
    for op, value in members:
        if op is codes.LITERAL:
            found |= {chr(value)} if value < 128 else set()
        elif op is codes.RANGE:
            found |= {chr(c) for c in range(value[0], min(value[1], 127) + 1)}
        elif op is codes.CATEGORY and value is codes.CATEGORY_DIGIT:
            found |= DIGITS
        elif op is codes.CATEGORY and value is codes.CATEGORY_WORD:
            found |= WORD
        elif op is codes.CATEGORY and value is codes.CATEGORY_SPACE:
            found |= set(string.whitespace)
        else:
            return None
    return frozenset(found)
