"""Calls of functions, methods and classes of the module, inlined to a depth.

Invariant: a callee's precondition is an obligation at the call; its postcondition is never assumed.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import TYPE_CHECKING

from maestro_symbolic.engine.method_calls import MethodCalls
from maestro_symbolic.engine.modules import EXCEPTIONS
from maestro_symbolic.engine.values import (
    Bound,
    Builtin,
    ClassValue,
    Closure,
    CutError,
    ExceptionValue,
    Frame,
    Member,
    ObjectCell,
    Ref,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from maestro_symbolic.contracts.clauses import Contract
    from maestro_symbolic.engine.values import ExceptionClass, Value
    from maestro_symbolic.program import ClassInfo

TRANSPARENT = frozenset({"staticmethod", "classmethod", "property", "typing.override", "abc.abstractmethod"})
HARMLESS_BASES = frozenset({"object", "abc.ABC", "typing.Protocol", "typing.Generic", "icontract.DBC"})
CONTRACT_LIBRARIES = ("icontract.", "deal.")


class PreconditionError(BaseException):
    """A call inside the function breaks the callee's precondition; nothing in the program can catch it."""


class Calling(MethodCalls):
    """Calls on one path."""

    contract_of: Callable[[ast.AST, ClassInfo | None], Contract | None] = staticmethod(lambda _node, _info: None)
    in_clause: int = 0

    def run_body(self, body: Sequence[ast.stmt]) -> Value:
        """Run a function's body and give what it returns; supplied by the statement layer."""
        raise NotImplementedError

    # -- finding ----------------------------------------------------------------------------------------------

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
        if name in self.program.classes:
            info = self.program.classes[name]
            return info if self.exception_base(info) is not None else None
        return EXCEPTIONS.get(name)

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
        return EXCEPTIONS.get(name)

    # -- calling ----------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Value:
        """A call expression: function first, then arguments from left to right."""
        folded = node.args[0] if len(node.args) == 1 and not node.keywords else None
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if isinstance(folded, ast.GeneratorExp) and name in ("all", "any") and not self.is_shadowed(name):
            return self.fold_truth(folded, is_and=name == "all")
        function = self.resolve(self.evaluate(node.func))
        values = self._elements(node.args)
        named: dict[str, Value] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.unsupported("** in a call", node)
            named[keyword.arg] = self.evaluate(keyword.value)
        self.line = node.lineno
        return self.invoke(function, values, named)

    def is_shadowed(self, name: str) -> bool:
        """Whether a builtin's name means something else here."""
        return name in self.frame.names or isinstance(self.global_name(name), Closure | ClassValue)

    def call_value(self, function: Value, values: tuple[Value, ...]) -> Value:
        """Call a function value with positional arguments."""
        return self.invoke(self.resolve(function), values, {})

    def invoke(self, function: Value, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Call anything callable."""
        if isinstance(function, Closure):
            return self.apply(function, values, named)
        if isinstance(function, Bound):
            return self._invoke_bound(function, values, named)
        if isinstance(function, ClassValue):
            return self.instantiate(function.info, values, named)
        if isinstance(function, type):
            return ExceptionValue(function, values)
        if isinstance(function, Builtin):
            return self.call_builtin(function.name, values, named)
        raise self.unsupported("a call of this value")

    def _invoke_bound(self, bound: Bound, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        if isinstance(bound.method, Closure):
            return self.apply(bound.method, (bound.target, *values), named)
        if isinstance(bound.target, Builtin):
            if (bound.target.name, bound.method) == ("object", "__setattr__") and len(values) == 3:
                self.set_field(values[0], self.resolve(values[1]), values[2])
                return None
            raise self.unsupported(f"a call of {bound.target.name}.{bound.method}")
        if bound.method == "bit_length" and not values:
            return self.bit_length(bound.target)
        return self.call_modelled(bound.target, bound.method, values, named)

    def set_field(self, target: Value, name: Value, value: Value) -> None:
        """Set an attribute, whatever the class says about assignment."""
        cell = self.heap[target.id] if isinstance(target, Ref) else None
        if not isinstance(cell, ObjectCell) or not isinstance(name, str):
            raise self.unsupported("an attribute of this value")
        self.heap[target.id] = ObjectCell(cell.info, {**cell.fields, name: value}, joined=cell.joined)

    def function_value(self, node: ast.FunctionDef | ast.Lambda, frame: Frame | None) -> Closure:
        """A function with its defaults; those of a module's function are evaluated where the module is."""
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
        outer = self.frame
        self.frame = frame or Frame({})
        try:
            defaults = {a.arg: self._default(a.arg, d, node) for a, d in pairs}
        finally:
            self.frame = outer
        return Closure(node, frame, defaults)

    def _default(self, name: str, default: ast.expr, node: ast.AST) -> Value:
        """A default is made once, so one that could be changed would carry state from call to call."""
        if isinstance(default, ast.List | ast.Dict | ast.ListComp | ast.DictComp):
            raise self.unsupported(f"mutable default of {name}", node)
        value = self.evaluate(default)
        if isinstance(value, Ref):
            cell = self.heap[value.id]
            if not (isinstance(cell, ObjectCell) and cell.info.frozen):
                raise self.unsupported(f"mutable default of {name}", node)
        return value

    def apply(self, closure: Closure, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Run a function of the module in a frame of its own."""
        self._check_decorators(closure)
        names = self.bind(closure, values, named)
        if self.depth >= self.limits.depth:
            raise CutError(f"calls {self.limits.depth} deep", self.line)
        outer, line = self.frame, self.line
        body = closure.node.body if isinstance(closure.node, ast.FunctionDef) else []
        name = getattr(closure.node, "name", "<lambda>")
        self.frame = Frame(names, local_names(closure.node), closure.frame, name)
        self.depth += 1
        try:
            if isinstance(closure.node, ast.Lambda):
                return self.evaluate(closure.node.body)
            self._require(closure)
            return self.run_body(body)
        finally:
            self.frame, self.line = outer, line
            self.depth -= 1

    def _require(self, closure: Closure) -> None:
        contract = None if self.in_clause else self.contract_of(closure.node, closure.owner)
        if contract is None or self.depth <= 1:
            return
        for clause in contract.preconditions:
            if not self.decide(self.clause_truth(clause, dict(self.frame.names))):
                raise self.raised(PreconditionError, clause.text)

    def clause_truth(self, clause: object, names: Mapping[str, Value]) -> Value:
        """The truth of a contract's clause; supplied by the checking layer."""
        raise NotImplementedError

    def _check_decorators(self, closure: Closure) -> None:
        for decorator in getattr(closure.node, "decorator_list", ()):
            name = self.program.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name not in TRANSPARENT and not name.startswith(CONTRACT_LIBRARIES):
                raise self.unsupported(f"decorator {name or 'expression'}", decorator)

    def bind(self, closure: Closure, values: tuple[Value, ...], named: Mapping[str, Value]) -> dict[str, Value]:
        """Parameters to arguments. Raises the program's ``TypeError`` where CPython does."""
        arguments = closure.node.args
        positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        names: dict[str, Value] = dict(zip(positional, values, strict=False))
        if arguments.kwarg is not None:
            raise self.unsupported("** parameters")
        if arguments.vararg is not None:
            names[arguments.vararg.arg] = tuple(values[len(positional) :])
        elif len(values) > len(positional):
            raise self.raised(TypeError, "too many positional arguments")
        known = {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}
        for name, value in named.items():
            if name not in known or name in names:
                raise self.raised(TypeError, f"unexpected argument {name}")
            names[name] = value
        for name in (*positional, *(a.arg for a in arguments.kwonlyargs)):
            if name not in names:
                if name not in closure.defaults:
                    raise self.raised(TypeError, f"missing argument {name}")
                names[name] = closure.defaults[name]
        return names

    # -- instances --------------------------------------------------------------------------------------------

    def dataclass_fields(self, info: ClassInfo) -> list[ast.AnnAssign]:
        """The fields of a dataclass and its bases, base first."""
        fields: dict[str, ast.AnnAssign] = {}
        for one in reversed(list(self.ancestry(info))):
            for node in one.fields if one.dataclass is not None else ():
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
        if self.exception_base(info) is not None:
            if any(name in one.methods for one in self.ancestry(info) for name in ("__init__", "__new__")):
                raise self.unsupported("an exception class with its own __init__", info.node)
            return ExceptionValue(info, values)
        own = self.find_in_ancestry(info, "__init__")
        if self.find_in_ancestry(info, "__new__") or info.node.keywords:
            raise self.unsupported(f"how {info.name} is made", info.node)
        for decorator in info.node.decorator_list:
            name = self.program.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            if name not in ("dataclasses.dataclass", "dataclass") and not name.startswith(CONTRACT_LIBRARIES):
                raise self.unsupported(f"decorator {name} of a class", decorator)
        target = self.new(ObjectCell(info, {}))
        if own is not None:
            self.apply(self.function_value(own, None), (target, *values), named)
        elif any(one.dataclass is not None for one in self.ancestry(info)):
            self._fill(target, info, values, named)
        elif values or named:
            raise self.raised(TypeError, f"{info.name}() takes no arguments")
        return target

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


def local_names(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """Names a function binds, nested functions left out."""
    names = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
    pending: list[ast.AST] = list(node.body) if isinstance(node, ast.FunctionDef) else [node.body]
    while pending:
        one = pending.pop()
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            names.add(one.name)
            continue
        if isinstance(one, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp):
            continue
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store | ast.Del):
            names.add(one.id)
        if isinstance(one, ast.ExceptHandler) and one.name:
            names.add(one.name)
        pending += ast.iter_child_nodes(one)
    return frozenset(names)
