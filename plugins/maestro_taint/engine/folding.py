"""Constant folding, bounded: nothing here can take long or grow large.

Invariant: a folded result equals what Python computes; whatever might raise or grow gives ``NO_CONST``.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import NO_CONST

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.domain.values import Val
    from maestro_taint.engine.frame import Frame

LIMIT = 4096
_PLAIN = (str, bytes, int, float, bool, tuple, frozenset, type(None))
_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "|": operator.or_, "&": operator.and_, "^": operator.xor,
}  # fmt: skip
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "is": operator.is_, "is not": operator.is_not, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip
METHODS = frozenset(
    [
        "upper",
        "lower",
        "strip",
        "lstrip",
        "rstrip",
        "title",
        "capitalize",
        "swapcase",
        "casefold",
        "replace",
        "split",
        "rsplit",
        "join",
        "startswith",
        "endswith",
        "isdigit",
        "isalnum",
        "isalpha",
        "isidentifier",
        "count",
        "find",
        "index",
        "encode",
        "decode",
        "format",
        "zfill",
        "removeprefix",
        "removesuffix",
        "partition",
        "rpartition",
        "splitlines",
        "hex",
    ]
)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len, "str": str, "int": int, "bool": bool, "ord": ord, "chr": chr, "abs": abs, "min": min, "max": max,
    "float": float, "sorted": lambda x: tuple(sorted(x)), "isinstance": lambda *_: NO_CONST,
}  # fmt: skip
_FAILURES = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, UnicodeError)


def _kept(value: Any) -> Any:
    if isinstance(value, list):
        value = tuple(value)
    if not isinstance(value, _PLAIN) or (isinstance(value, str | bytes | tuple | frozenset) and len(value) > LIMIT):
        return NO_CONST
    return NO_CONST if isinstance(value, int) and abs(value) > 1 << 256 else value


def binary(op: str, a: Any, b: Any) -> Any:
    """``a op b`` of constants."""
    apply = _BINARY.get(op)
    if apply is None or not isinstance(a, _PLAIN) or not isinstance(b, _PLAIN):
        return NO_CONST
    if op == "*" and any(isinstance(x, int) and abs(x) > LIMIT for x in (a, b)):
        return NO_CONST
    if op == "%" and isinstance(a, str | bytes) and len(a) > 200:
        return NO_CONST
    try:
        return _kept(apply(a, b))
    except _FAILURES:
        return NO_CONST


def compare(op: str, a: Any, b: Any) -> Any:
    """``a op b`` of constants."""
    if op in ("is", "is not") and not (a is None or b is None or isinstance(a, bool)):
        return NO_CONST
    try:
        return bool(_COMPARE[op](a, b))
    except _FAILURES:
        return NO_CONST


def item(obj: Any, key: Any) -> Any:
    """``obj[key]`` of constants."""
    if not isinstance(obj, str | bytes | tuple):
        return NO_CONST
    try:
        return _kept(obj[key])
    except _FAILURES:
        return NO_CONST


def part(values: list[Val], cut: slice) -> list[Val]:
    """A slice of known values; all of them when the bounds make no sense."""
    try:
        return values[cut]
    except _FAILURES:
        return values


def method(obj: Any, name: str, args: list[Any]) -> Any:
    """A string method of constants."""
    if name not in METHODS or not isinstance(obj, str | bytes) or not all(isinstance(a, _PLAIN) for a in args):
        return NO_CONST
    if name == "format" and any(isinstance(a, int) for a in args) and len(obj) > 200:
        return NO_CONST
    if name == "zfill" and isinstance(args[0] if args else 0, int) and (args and args[0] > LIMIT):
        return NO_CONST
    try:
        return _kept(getattr(obj, name)(*args))
    except _FAILURES:
        return NO_CONST


def call(name: str, args: list[Any]) -> Any:
    """A builtin function of constants."""
    apply = FUNCTIONS.get(name)
    if apply is None or not all(isinstance(a, _PLAIN) for a in args):
        return NO_CONST
    try:
        return _kept(apply(*args))
    except _FAILURES:
        return NO_CONST


def truth(f: Frame, v: Val) -> bool | None:
    """Whether a value is true, false, or either."""
    if v.const is not NO_CONST:
        return bool(v.const)
    if v.types and not v.atoms and all(t[0] in ("f", "c", "m", "b") for t in v.types):
        return True
    if len(v.objs) == 1 and not v.atoms:
        obj = f.get(v.objs[0])
        if obj.exact and obj.rest is None and obj.kind in ("list", "tuple", "dict", "set") and obj.keys is None:
            return bool(obj.fields)
    return None
