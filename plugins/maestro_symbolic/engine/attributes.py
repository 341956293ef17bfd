"""Attributes of objects, classes, enumeration members and exceptions.

Invariant: what a class of the module does not define is an ``AttributeError`` only where nothing
unknown could define it.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_symbolic.engine.sets import Sets
from maestro_symbolic.engine.values import (
    Bound,
    Builtin,
    ClassValue,
    Closure,
    Exact,
    ExceptionValue,
    Member,
    ObjectCell,
    Record,
    Ref,
    Super,
    Unbound,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_symbolic.engine.values import Frame, Value
    from maestro_symbolic.program import ClassInfo


class Attributes(Sets):
    """Attribute access on one path."""

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression; supplied by the layer of expressions."""
        raise NotImplementedError

    def function_value(self, node: ast.FunctionDef | ast.Lambda, frame: Frame | None) -> Closure:
        """A function object with its defaults; supplied by the calling layer."""
        raise NotImplementedError

    def attribute(self, target: Value, name: str) -> Value:
        """``target.name``."""
        target = self.resolve(target)
        if isinstance(target, Record):
            if name not in target.fields:
                raise self.unsupported(f"no captured value {name}")
            return target.fields[name]
        if isinstance(target, Ref) and isinstance(self.heap[target.id], ObjectCell):
            return self._object_attribute(target, name)
        if isinstance(target, Member):
            return self._member_attribute(target, name)
        if isinstance(target, ClassValue):
            return self._class_attribute(target, name)
        if isinstance(target, Exact) and (part := self.exact_attribute(target, name)) is not None:
            return part
        if isinstance(target, Builtin) and (known := self.time_constant(f"{target.name}.{name}")) is not None:
            return known
        if isinstance(target, Super):
            return self.super_attribute(target, name)
        if isinstance(target, ExceptionValue):
            return self._exception_attribute(target, name)
        return Bound(target, name)

    def super_attribute(self, value: Super, name: str) -> Value:
        """``super().name``; supplied by the calling layer."""
        raise NotImplementedError

    def _exception_attribute(self, target: ExceptionValue, name: str) -> Value:
        if target.attributes is not None:
            return self._object_attribute(target.attributes, name)
        if name == "args":
            return target.arguments
        raise self.unsupported(f"attribute {name} of an exception")

    def _object_attribute(self, target: Ref, name: str) -> Value:
        cell = self.heap[target.id]
        assert isinstance(cell, ObjectCell)  # noqa: S101 - the caller has looked
        if name in cell.fields:
            return self.resolve(value) if isinstance(value := cell.fields[name], Unbound) else value
        method = self.find_method(target, name)
        if method is not None:
            return self.property_or_method(method)
        for one in self.ancestry(cell.info):
            if name in one.members:
                return self._class_value(one, name)
            for field in one.fields:
                if isinstance(field.target, ast.Name) and field.target.id == name and field.value is not None:
                    return self.evaluate(field.value)
        if name.startswith("__"):
            raise self.unsupported(f"attribute {name}")
        raise self.raised(AttributeError, name)

    def ancestry(self, info: ClassInfo) -> Iterator[ClassInfo]:
        """A class and its bases; supplied by the calling layer."""
        raise NotImplementedError

    def property_or_method(self, method: Bound) -> Value:
        """A bound method, or the value of a property; supplied by the calling layer."""
        raise NotImplementedError

    def _member_attribute(self, target: Member, name: str) -> Value:
        if name == "name":
            return target.name
        if name == "value":
            return self.member_value(target)
        method = self.find_method(target, name)
        if method is None:
            raise self.unsupported(f"attribute {name} of an enumeration member")
        return self.property_or_method(method)

    def member_value(self, target: Member) -> Value:
        """The value of an enumeration member; ``auto()`` counts from 1."""
        node = target.info.members[target.name]
        if isinstance(node, ast.Call) and self.program.dotted(node.func) in ("enum.auto", "auto"):
            if list(target.info.members.values()) and all(
                isinstance(v, ast.Call) for v in target.info.members.values()
            ):
                place = list(target.info.members).index(target.name) + 1
                text = any(b.endswith("StrEnum") for b in target.info.bases)
                return target.name.lower() if text else place
            raise self.unsupported("auto() beside other values")
        return self.evaluate(node)

    def _class_attribute(self, target: ClassValue, name: str) -> Value:
        if target.info.is_enum and name in target.info.members:
            return Member(target.info, name)
        if name in target.info.methods:
            node = target.info.methods[name]
            kinds = {self.program.dotted(d) for d in node.decorator_list}
            closure = self.function_value(node, None)
            if "classmethod" in kinds:
                return Bound(target, closure)
            return closure
        if name in target.info.members:
            return self._class_value(target.info, name)
        raise self.unsupported(f"class attribute {name}")

    def _class_value(self, info: ClassInfo, name: str) -> Value:
        if {info.name, "cls"} & self.program.mutated:
            raise self.unsupported(f"class attribute {name}: the module changes attributes of classes")
        value = self.evaluate(info.members[name])
        if isinstance(value, Ref):
            raise self.unsupported(f"mutable class attribute {name}")
        return value
