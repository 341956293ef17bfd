"""Classes of the module: their bases, what they inherit, and instances made of them.

Invariant: a base, decorator or way of making an instance that is not understood is unsupported, never passed over.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import TYPE_CHECKING

from maestro_symbolic.engine.method_calls import MethodCalls
from maestro_symbolic.engine.modules import EXCEPTIONS
from maestro_symbolic.engine.values import (
    Bound,
    Closure,
    DictCell,
    ExceptionValue,
    Member,
    ObjectCell,
    Ref,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from maestro_symbolic.engine.values import ExceptionClass, Super, Value
    from maestro_symbolic.program import ClassInfo

HARMLESS_BASES = frozenset({"object", "abc.ABC", "typing.Protocol", "typing.Generic", "typing.NamedTuple"})
HARMLESS_BASES |= {"icontract.DBC"}
CONTRACT_LIBRARIES = ("icontract.", "deal.")
HARMLESS_DECORATORS = frozenset({"dataclasses.dataclass", "dataclass", "typing.final"})


class Instances(MethodCalls):
    """Classes and their instances on one path."""

    def apply(self, closure: Closure, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Run a function of the module; supplied by the calling layer."""
        raise NotImplementedError

    def ancestry(self, info: ClassInfo) -> Iterator[ClassInfo]:
        """The class and its bases in the module, nearest first; an unknown base is unsupported."""
        yield info
        for base in info.bases:
            if base in self.program.classes:
                yield from self.ancestry(self.program.classes[base])
            elif base not in HARMLESS_BASES and base not in EXCEPTIONS and not info.is_enum:
                raise self.unsupported(f"base class {base}", info.node)

    def find_method(self, target: Value, name: str) -> Bound | None:
        """A method that the target's class defines in the module."""
        cell = self.heap[target.id] if isinstance(target, Ref) else None
        info = cell.info if isinstance(cell, ObjectCell) else target.info if isinstance(target, Member) else None
        if info is None:
            return None
        for one in self.ancestry(info):
            if name in one.methods:
                node = one.methods[name]
                closure = dataclasses.replace(self.function_value(node, None), owner=one)
                return Bound(target, closure)
        return None

    def property_or_method(self, method: Bound) -> Value:
        """A bound method, or what a property gives."""
        closure = method.method
        assert isinstance(closure, Closure)  # noqa: S101 - only modelled methods are strings
        kinds = {self.program.dotted(d) for d in getattr(closure.node, "decorator_list", ())}
        if "property" in kinds:
            return self.apply(closure, (method.target,), {})
        if "staticmethod" in kinds:
            return closure
        return method

    def call_method(self, target: Value, name: str, arguments: Sequence[Value]) -> Value:
        """Call a method the target's class defines."""
        method = self.find_method(target, name)
        if method is None or not isinstance(method.method, Closure):
            raise self.raised(AttributeError, name)
        return self.apply(method.method, (target, *arguments), {})

    def exception_class(self, name: str) -> ExceptionClass | None:
        """A builtin exception type or a class of the module that derives from one."""
        name = self.program.known(name)
        if name in self.program.classes:
            info = self.program.classes[name]
            return info if self.exception_base(info) is not None else None
        return EXCEPTIONS.get(name) or EXCEPTIONS.get(self.program.imports.get(name, ""))

    def exception_base(self, info: ClassInfo) -> type[BaseException] | None:
        """The builtin exception a class of the module derives from."""
        for base in info.bases:
            if base in EXCEPTIONS:
                return EXCEPTIONS[base]
            if base in self.program.classes:
                return self.exception_base(self.program.classes[base])
        return None

    def is_subclass(self, kind: ExceptionClass, other: ExceptionClass) -> bool:
        """``issubclass`` over builtin types and classes of the module."""
        if isinstance(kind, type):
            return isinstance(other, type) and issubclass(kind, other)
        if kind is other:
            return True
        for base in kind.bases:
            found = self.program.classes.get(base) or EXCEPTIONS.get(base)
            if found is not None and self.is_subclass(found, other):
                return True
        return False

    def make_instance_of_exception(self, name: str) -> Value:
        """A builtin exception class as a value."""
        return EXCEPTIONS.get(self.program.imports.get(name, name))

    def set_field(self, target: Value, name: Value, value: Value) -> None:
        """Set an attribute, whatever the class says about assignment."""
        cell = self.heap[target.id] if isinstance(target, Ref) else None
        if not isinstance(cell, ObjectCell) or not isinstance(name, str):
            raise self.unsupported("an attribute of this value")
        self.heap[target.id] = ObjectCell(cell.info, {**cell.fields, name: value}, joined=cell.joined)

    def dataclass_fields(self, info: ClassInfo) -> list[ast.AnnAssign]:
        """The fields of a dataclass and its bases, base first."""
        fields: dict[str, ast.AnnAssign] = {}
        for one in reversed(list(self.ancestry(info))):
            for node in one.fields if one.dataclass is not None or one.is_named_tuple else ():
                kind = ast.unparse(node.annotation)
                if "ClassVar" in kind:
                    continue
                if "InitVar" in kind:
                    raise self.unsupported("InitVar", node)
                assert isinstance(node.target, ast.Name)  # noqa: S101 - the reader keeps only these
                fields[node.target.id] = node
        return list(fields.values())

    def instantiate(self, info: ClassInfo, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """``Class(...)``."""
        if info.is_enum:
            return self._member_of(info, values)
        if info.is_typed_dict and not values:
            return self.new(DictCell(tuple(named.items())))
        if self.exception_base(info) is not None:
            return self._exception(info, values, named)
        own = self.find_in_ancestry(info, "__init__")
        if self.find_in_ancestry(info, "__new__") or info.node.keywords:
            raise self.unsupported(f"how {info.name} is made", info.node)
        for decorator in info.node.decorator_list:
            name = self.program.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name not in HARMLESS_DECORATORS and not name.startswith(CONTRACT_LIBRARIES):
                raise self.unsupported(f"decorator {name} of a class", decorator)
        target = self.new(ObjectCell(info, {}))
        if own is not None:
            owner = next(one for one in self.ancestry(info) if "__init__" in one.methods)
            closure = dataclasses.replace(self.function_value(own, None), owner=owner)
            self.apply(closure, (target, *values), named)
        elif self.has_fields(info):
            self._fill(target, info, values, named)
        elif values or named:
            raise self.raised(TypeError, f"{info.name}() takes no arguments")
        return target

    def _exception(self, info: ClassInfo, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """An exception of the module; its attributes lie on the heap, its ``args`` among them."""
        if self.find_in_ancestry(info, "__new__") or any(one.dataclass is not None for one in self.ancestry(info)):
            raise self.unsupported("how this exception is made", info.node)
        target = self.new(ObjectCell(info, {"args": values}))
        owner = next((one for one in self.ancestry(info) if "__init__" in one.methods), None)
        if owner is not None:
            closure = dataclasses.replace(self.function_value(owner.methods["__init__"], None), owner=owner)
            self.apply(closure, (target, *values), named)
        elif named:
            raise self.raised(TypeError, f"{info.name}() takes no keyword arguments")
        cell = self.heap[target.id]
        assert isinstance(cell, ObjectCell)  # noqa: S101 - just made
        return ExceptionValue(info, cell.fields["args"], target)

    def super_attribute(self, value: Super, name: str) -> Value:
        """``super().name``, along a single line of bases."""
        line = list(self.ancestry(value.after))
        if any(len([b for b in one.bases if b not in HARMLESS_BASES]) > 1 for one in line):
            raise self.unsupported("super() with several bases")
        for one in line[1:]:
            if name in one.methods:
                bound = Bound(
                    value.target, dataclasses.replace(self.function_value(one.methods[name], None), owner=one)
                )
                return self.property_or_method(bound)
        return Bound(value, name)

    def _beyond_bases(self, bound: Bound, values: tuple[Value, ...]) -> Value:
        """``super().__init__(...)`` of ``object`` or of a builtin exception."""
        value = bound.target
        cell = self.heap[value.target.id] if isinstance(value.target, Ref) else None
        if bound.method != "__init__" or not isinstance(cell, ObjectCell):
            raise self.unsupported(f"super().{bound.method}")
        if self.exception_base(value.after) is not None:
            self.set_field(value.target, "args", values)
        elif values or any(one.dataclass is not None for one in self.ancestry(value.after)):
            raise self.unsupported("super().__init__ with these arguments")
        return None

    def has_fields(self, info: ClassInfo) -> bool:
        """Whether instances are made from annotated fields: dataclasses and named tuples."""
        return any(one.dataclass is not None or one.is_named_tuple for one in self.ancestry(info))

    def find_in_ancestry(self, info: ClassInfo, name: str) -> ast.FunctionDef | None:
        """A method by name in the class or its bases."""
        return next((one.methods[name] for one in self.ancestry(info) if name in one.methods), None)

    def _fill(self, target: Ref, info: ClassInfo, values: tuple[Value, ...], named: Mapping[str, Value]) -> None:
        nodes = self.dataclass_fields(info)
        keyword_only = info.option("kw_only", default=False)
        names = [n.target.id for n in nodes if isinstance(n.target, ast.Name)]
        given = {} if keyword_only else dict(zip(names, values, strict=False))
        if len(values) > (0 if keyword_only else len(names)) or set(named) & set(given) or set(named) - set(names):
            raise self.raised(TypeError, f"arguments of {info.name}")
        given |= named
        fields = {
            name: given[name] if name in given else self._field_default(n) for name, n in zip(names, nodes, strict=True)
        }
        self.heap[target.id] = ObjectCell(info, fields)
        if self.find_in_ancestry(info, "__post_init__") is not None:
            self.call_method(target, "__post_init__", ())

    def _field_default(self, node: ast.AnnAssign) -> Value:
        default = node.value
        if default is None:
            raise self.raised(TypeError, "missing argument")
        if isinstance(default, ast.Call) and self.program.dotted(default.func) in ("dataclasses.field", "field"):
            options = {k.arg: k.value for k in default.keywords}
            if "default_factory" in options:
                return self.call_value(self.evaluate(options["default_factory"]), ())
            if "default" not in options or "init" in options or "kw_only" in options:
                raise self.unsupported("these options of a field", node)
            return self.evaluate(options["default"])
        return self.evaluate(default)

    def _member_of(self, info: ClassInfo, values: tuple[Value, ...]) -> Value:
        if len(values) != 1:
            raise self.unsupported("making an enumeration")
        if isinstance(values[0], Member):
            return values[0]
        for name in info.members:
            member = Member(info, name)
            if self.decide(self.equal(values[0], self.member_value(member))):
                return member
        raise self.raised(ValueError, "not a valid member")
