"""Expressions.

Invariant: operands are evaluated in Python's order, each once; ``and``, ``or`` and conditional expressions evaluate
the side not taken under the condition that would take it, or not at all.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.attributes import Attributes
from maestro_symbolic.engine.modules import BUILTIN_NAMES, EXCEPTIONS, MODULE_CONSTANTS
from maestro_symbolic.engine.values import (
    Builtin,
    ClassValue,
    Closure,
    DictCell,
    Frame,
    IteratorCell,
    ListCell,
    RaisedError,
    Unbound,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from maestro_symbolic.engine.values import Term, Value

ORDER = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
MISSING = object()


class Evaluating(Attributes):
    """Expression evaluation on one path."""

    def call(self, node: ast.Call) -> Value:
        """A call expression; supplied by the calling layer."""
        raise NotImplementedError

    def function_value(self, node: ast.FunctionDef | ast.Lambda, frame: Frame | None) -> Closure:
        """A function object with its defaults; supplied by the calling layer."""
        raise NotImplementedError

    def make_instance_of_exception(self, name: str) -> Value:
        """An exception class by name, or ``None``; supplied by the calling layer."""
        raise NotImplementedError

    def evaluate(self, node: ast.expr) -> Value:
        """The value of an expression."""
        handler = getattr(self, f"_on_{type(node).__name__.lower()}", None)
        if handler is None:
            raise self.unsupported(type(node).__name__, node)
        previous, self.line = self.line, getattr(node, "lineno", self.line)
        value = handler(node)
        self.line = previous
        return value

    # -- leaves -----------------------------------------------------------------------------------------------

    def _on_constant(self, node: ast.Constant) -> Value:
        if isinstance(node.value, bool | int | float | str | type(None)):
            return node.value
        raise self.unsupported(f"a {type(node.value).__name__} literal", node)

    def _on_name(self, node: ast.Name) -> Value:
        return self.name(node.id)

    def name(self, name: str) -> Value:
        """Local, enclosing, module, builtin: in this order."""
        frame: Frame | None = self.frame
        while frame is not None:
            value = frame.names.get(name, MISSING)
            if value is not MISSING:
                if isinstance(value, Unbound):
                    break
                return value
            if name in frame.locals:
                raise self.raised(UnboundLocalError, f"{name} is read before it is bound")
            frame = frame.outer
        else:
            return self.global_name(name)
        raise self.raised(UnboundLocalError, f"{name} is read before it is bound")

    def global_name(self, name: str) -> Value:
        """A name of the module or a builtin."""
        program = self.program
        name = program.known(name) if program.known(name) in self.program.definitions else name
        if name in program.functions:
            node = program.functions[name]
            if isinstance(node, ast.AsyncFunctionDef):
                raise self.unsupported("an async function")
            return self.function_value(node, None)
        if name in program.classes:
            return ClassValue(program.classes[name])
        if name in program.constants:
            return self._constant(name)
        if name == "__name__":
            return "module"
        if name in program.imports and program.imports[name] not in EXCEPTIONS:
            dotted = program.imports[name]
            return MODULE_CONSTANTS.get(dotted, Builtin(dotted))
        exception = self.make_instance_of_exception(name)
        if exception is not None:
            return exception
        if name not in BUILTIN_NAMES:
            raise self.unsupported(f"name {name}")
        return Builtin(name)

    def _constant(self, name: str) -> Value:
        """A module constant, made once on a path; what it leads to must be as it was at the end of the path."""
        if name in self.program.mutated:
            raise self.unsupported(f"the module changes {name}")
        if name in self.globals and not self.speculating:
            return self.globals[name]
        frame, self.frame = self.frame, Frame({})
        line, first = self.line, self.next_id
        try:
            value = self.evaluate(self.program.constants[name])
        except RaisedError as error:
            raise self.unsupported(f"the value of {name}") from error
        finally:
            self.frame, self.line = frame, line
        self.shared |= {place: cell for place, cell in self.heap.items() if place > first}
        if not self.speculating:
            self.globals[name] = value
        return value

    # -- operators --------------------------------------------------------------------------------------------

    def _on_binop(self, node: ast.BinOp) -> Value:
        left = self.evaluate(node.left)
        return self.binary(type(node.op), left, self.evaluate(node.right))

    def _on_unaryop(self, node: ast.UnaryOp) -> Value:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            return self.value_of("b", self.negation(self.truth(value)))
        if isinstance(node.op, ast.USub):
            return self.negate(value)
        if isinstance(node.op, ast.UAdd):
            return self.negate(self.negate(value)) if arithmetic.kind_of(value) != "f" else value
        return self.binary(ast.Sub, self.negate(value), 1)

    def _on_boolop(self, node: ast.BoolOp) -> Value:
        return self._chain(node.values, is_and=isinstance(node.op, ast.And))

    def _chain(self, values: Sequence[ast.expr], *, is_and: bool) -> Value:
        first = self.evaluate(values[0])
        if len(values) == 1:
            return first
        condition = self.truth(first)

        def rest() -> Value:
            return self._chain(values[1:], is_and=is_and)

        def kept() -> Value:
            return first

        return self.either(condition, rest if is_and else kept, kept if is_and else rest, self.join)

    def _on_ifexp(self, node: ast.IfExp) -> Value:
        condition = self.truth(self.evaluate(node.test))
        return self.either(condition, lambda: self.evaluate(node.body), lambda: self.evaluate(node.orelse), self.join)

    def _on_compare(self, node: ast.Compare) -> Value:
        return self.value_of(
            "b", self._links(self.evaluate(node.left), list(zip(node.ops, node.comparators, strict=True)))
        )

    def _links(self, left: Value, links: list[tuple[ast.cmpop, ast.expr]]) -> Term:
        """A chained comparison: each middle operand evaluated once, and only if the links before it held."""
        operator, node = links[0]
        right = self.evaluate(node)
        answer = self._compare(operator, left, right)
        if len(links) == 1 or answer is False:
            return answer

        def join(condition: Term, a: Term, b: Term) -> Term:
            return self.any_of([self.all_of([condition, a]), self.all_of([self.negation(condition), b])])

        return self.either(answer, lambda: self._links(right, links[1:]), lambda: False, join)

    def _compare(self, operator: ast.cmpop, a: Value, b: Value) -> Term:
        if isinstance(operator, ast.Eq | ast.NotEq):
            answer = self.equal(a, b)
            return answer if isinstance(operator, ast.Eq) else self.negation(answer)
        if isinstance(operator, ast.Is | ast.IsNot):
            answer = self.identical(a, b)
            return answer if isinstance(operator, ast.Is) else self.negation(answer)
        if isinstance(operator, ast.In | ast.NotIn):
            answer = self.contains(a, b)
            return answer if isinstance(operator, ast.In) else self.negation(answer)
        return self.ordered(ORDER[type(operator)], a, b)

    # -- attributes and subscripts ----------------------------------------------------------------------------

    def _on_attribute(self, node: ast.Attribute) -> Value:
        dotted = self.program.dotted(node)
        if self._is_module_path(node) and dotted in self.program.definitions:
            return self.global_name(dotted)
        if dotted in MODULE_CONSTANTS and self._is_module_path(node):
            return MODULE_CONSTANTS[dotted]
        if self._is_module_path(node):
            return EXCEPTIONS.get(dotted) or Builtin(dotted)
        return self.attribute(self.evaluate(node.value), node.attr)

    def _is_module_path(self, node: ast.expr) -> bool:
        while isinstance(node, ast.Attribute):
            node = node.value
        return isinstance(node, ast.Name) and node.id in self.program.imports and node.id not in self.frame.names

    def _on_subscript(self, node: ast.Subscript) -> Value:
        container = self.evaluate(node.value)
        if isinstance(node.slice, ast.Slice):
            return self.slice(container, self.slice_parts(node.slice))
        return self.subscript(container, self.evaluate(node.slice))

    def slice_parts(self, node: ast.Slice) -> tuple[Value, Value, Value]:
        """The bounds and the step of a slice."""
        parts = (node.lower, node.upper, node.step)
        low, high, step = (None if part is None else self.evaluate(part) for part in parts)
        return low, high, step

    # -- displays and comprehensions --------------------------------------------------------------------------

    def _elements(self, nodes: Sequence[ast.expr]) -> tuple[Value, ...]:
        values: list[Value] = []
        for node in nodes:
            if isinstance(node, ast.Starred):
                values += self.items_of(self.evaluate(node.value))
            else:
                values.append(self.evaluate(node))
        return tuple(values)

    def _on_tuple(self, node: ast.Tuple) -> Value:
        return self._elements(node.elts)

    def _on_list(self, node: ast.List) -> Value:
        return self.new(ListCell(self._elements(node.elts)))

    def _on_set(self, node: ast.Set) -> Value:
        return self.make_set(self._elements(node.elts))

    def _on_dict(self, node: ast.Dict) -> Value:
        result = self.new(DictCell(()))
        for key, value in zip(node.keys, node.values, strict=True):
            if key is None:
                cell = self.heap[self.resolve(self.evaluate(value)).id]
                entries = cell.entries if isinstance(cell, DictCell) else ()
            else:
                entries = ((self.evaluate(key), self.evaluate(value)),)
            for known, content in entries:
                self.store(result, known, content)
        return result

    def _on_listcomp(self, node: ast.ListComp) -> Value:
        return self.new(ListCell(tuple(self._comprehended(node.generators, lambda: self.evaluate(node.elt)))))

    def _on_generatorexp(self, node: ast.GeneratorExp) -> Value:
        """Made at once; where an item raises, only a consumer that takes every item would have met it."""
        try:
            return self.new(IteratorCell(tuple(self._comprehended(node.generators, lambda: self.evaluate(node.elt)))))
        except RaisedError as error:
            raise self.unsupported("an error inside a generator that is not consumed at once", node) from error

    def _on_setcomp(self, node: ast.SetComp) -> Value:
        return self.make_set(self._comprehended(node.generators, lambda: self.evaluate(node.elt), order=False))

    def _on_dictcomp(self, node: ast.DictComp) -> Value:
        result = self.new(DictCell(()))
        pairs = self._comprehended(node.generators, lambda: (self.evaluate(node.key), self.evaluate(node.value)))
        for key, value in pairs:
            self.store(result, key, value)
        return result

    def _comprehended(
        self, generators: list[ast.comprehension], element: Callable[[], Value], *, order: bool = True
    ) -> list[Value]:
        """The items of a comprehension, in a scope of its own; filters on unknowns fork."""
        found: list[Value] = []
        if any(isinstance(inner, ast.NamedExpr) for g in generators for inner in ast.walk(g)):
            raise self.unsupported("an assignment expression in a comprehension")
        outer = self.frame
        source = self.iterable(generators[0].iter)
        first = self.items_of(source) if order else self.members(source)
        self.frame = Frame({}, outer=outer, function=outer.function)
        try:
            self._generate(generators, first, element, found)
        finally:
            self.frame = outer
        return found

    def _generate(
        self,
        generators: list[ast.comprehension],
        items: tuple[Value, ...],
        element: Callable[[], Value],
        found: list[Value],
    ) -> None:
        generator = generators[0]
        for item in items:
            self.step()
            self.assign(generator.target, item)
            if not all(self.decide(self.truth(self.evaluate(test))) for test in generator.ifs):
                continue
            if generators[1:]:
                inner = self.items_of(self.iterable(generators[1].iter))
                self._generate(generators[1:], inner, element, found)
            else:
                found.append(element())

    def iterable(self, node: ast.expr) -> Value:
        """The value to iterate; an unknown range becomes known by forking. Supplied by the calling layer."""
        raise NotImplementedError

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a target; supplied by the statement layer."""
        raise NotImplementedError

    def _on_namedexpr(self, node: ast.NamedExpr) -> Value:
        value = self.evaluate(node.value)
        self.assign(node.target, value)
        return value

    def _on_lambda(self, node: ast.Lambda) -> Value:
        return self.function_value(node, self.frame)

    def _on_call(self, node: ast.Call) -> Value:
        return self.call(node)
