"""Calls that ask for a type or make text: ``isinstance``, ``str``, ``repr``, ``ord`` and ``chr``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.builtin_calls import KINDS, BuiltinCalls
from maestro_symbolic.engine.comparing import code_points, is_mixed, is_text, text_of
from maestro_symbolic.engine.values import (
    Builtin,
    ClassValue,
    DictCell,
    Exact,
    ExceptionValue,
    ListCell,
    Member,
    ObjectCell,
    Opaque,
    Ref,
    SetCell,
)

if TYPE_CHECKING:
    from maestro_symbolic.engine.values import ExceptionClass, Value


EXACT_TYPES = {
    "decimal": ("decimal.Decimal",),
    "fraction": ("fractions.Fraction",),
    "timedelta": ("datetime.timedelta",),
    "date": ("datetime.date",),
    "datetime": ("datetime.datetime", "datetime.date"),
}


class TypeCalls(BuiltinCalls):
    """Types and text on one path."""

    def _call_ord(self, value: Value) -> Value:
        points = code_points(self.resolve(value))
        if len(points) != 1:
            raise self.raised(TypeError, "ord() expected a character")
        return points[0]

    def _call_chr(self, value: Value) -> Value:
        value = self.resolve(value)
        term = self.integer(value)
        self.forbid(z3.Or(term < 0, term > 0x10FFFF), ValueError, "chr() arg not in range(0x110000)")
        return text_of((value,))

    def _call_str(self, value: Value = "") -> Value:
        value = self.resolve(value)
        if is_text(value):
            return value
        if isinstance(value, ExceptionValue):
            return self._words_of(value)
        return self.text_of_parts([(value, "s", "")])

    def text_of_parts(self, parts: list[tuple[Value, str, str]]) -> Value:
        """Text of parts, lazily if one of them is unknown; supplied by the layer of methods."""
        raise NotImplementedError

    def _words_of(self, error: ExceptionValue) -> Value:
        if error.attributes is not None and self.find_method(error.attributes, "__str__") is not None:
            return self.call_method(error.attributes, "__str__", ())
        if len(error.arguments) == 1 and not (isinstance(error.kind, type) and issubclass(error.kind, KeyError)):
            return self._call_str(error.arguments[0])
        return Opaque(((error, "", ""),)) if error.arguments else ""

    def _call_repr(self, value: Value) -> Value:
        value = self.resolve(value)
        return repr(value) if isinstance(value, bool | int | float | str | type(None)) else Opaque()

    def _call_isinstance(self, value: Value, kind: Value) -> Value:
        value = self.resolve(value)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        return any(self._is_instance(value, one) for one in kinds)

    def _is_instance(self, value: Value, kind: Value) -> bool:
        if isinstance(kind, Builtin):
            answer = self._is_of_builtin(value, kind.name)
            if answer is not None:
                return answer
        if isinstance(kind, ClassValue):
            cell = self.heap[value.id] if isinstance(value, Ref) else None
            if isinstance(cell, ObjectCell):
                return kind.info in list(self.ancestry(cell.info))
            if isinstance(value, Member):
                return value.info is kind.info
            if not isinstance(value, ExceptionValue):
                return False
        if isinstance(value, ExceptionValue) and (isinstance(kind, type | ClassValue)):
            return self.is_subclass(value.kind, kind if isinstance(kind, type) else kind.info)
        raise self.unsupported("isinstance with this type")

    def is_subclass(self, kind: ExceptionClass, other: ExceptionClass) -> bool:
        """``issubclass`` of exceptions; supplied by the layer of instances."""
        raise NotImplementedError

    def _is_of_builtin(self, value: Value, name: str) -> bool | None:
        """Whether a value is of a builtin type; ``None`` for a type that is not modelled."""
        own = arithmetic.kind_of(value)
        if isinstance(value, Exact):
            return name in EXACT_TYPES[value.kind]
        if name in {one for names in EXACT_TYPES.values() for one in names}:
            return False
        if name in KINDS:
            mixed = isinstance(value, Member) and is_mixed(value)
            return None if mixed else own == KINDS[name] or (name == "int" and own == "b")
        if name == "str":
            return None if isinstance(value, Member) and is_mixed(value) else is_text(value)
        if name == "tuple":
            return self.as_tuple(value) is not None
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        if isinstance(cell, SetCell) and name in ("set", "frozenset"):
            return cell.frozen == (name == "frozenset")
        shapes = {"list": ListCell, "dict": DictCell, "set": SetCell, "frozenset": SetCell}
        return isinstance(cell, shapes[name]) if name in shapes else None
