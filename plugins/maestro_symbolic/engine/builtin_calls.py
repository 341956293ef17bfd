"""The builtins and functions of ``math`` that the executor models exactly; everything else is unsupported by name."""

from __future__ import annotations

import ast
import math
import sys
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic, doubles
from maestro_symbolic.engine.comparing import code_points, is_text, text_of
from maestro_symbolic.engine.evaluating import Evaluating
from maestro_symbolic.engine.values import (
    Builtin,
    ClassValue,
    DictCell,
    ExceptionValue,
    Frame,
    ListCell,
    Member,
    ObjectCell,
    Opaque,
    Ref,
    Sym,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_symbolic.engine.values import Term, Value

ROUNDING: dict[str, Callable[[float], int]] = {"trunc": int, "round": round, "floor": math.floor, "ceil": math.ceil}
KINDS = {"int": "i", "bool": "b", "float": "f"}


class BuiltinCalls(Evaluating):
    """Calls of builtins on one path."""

    def call_builtin(self, name: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Call a builtin by its dotted name."""
        handler = getattr(self, f"_call_{name.replace('.', '_')}", None)
        if handler is None:
            raise self.unsupported(f"a call of {name}")
        if named and name not in ("sum", "min", "max", "enumerate", "zip", "sorted"):
            raise self.unsupported(f"keyword arguments of {name}")
        try:
            return handler(*values, **named)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise self.unsupported(f"these arguments of {name}") from error

    # -- numbers ----------------------------------------------------------------------------------------------

    def _call_abs(self, value: Value) -> Value:
        value = self.resolve(value)
        kind = arithmetic.kind_of(value)
        if kind is None:
            raise self.raised(TypeError, "bad operand type for abs()")
        if not isinstance(value, Sym):
            return abs(value)
        if kind == "f":
            return self.value_of("f", doubles.absolute(value.term))
        term = self.integer(value)
        return self.value_of("i", z3.If(term < 0, -term, term))

    def _call_int(self, value: Value = 0) -> Value:
        value = self.resolve(value)
        if isinstance(value, Member):
            value = self.member_value(value)
        return self._rounded(value, "trunc")

    def _call_round(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "round")

    def _call_math_floor(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "floor")

    def _call_math_ceil(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "ceil")

    def _call_math_trunc(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "trunc")

    def _rounded(self, value: Value, mode: str) -> Value:
        kind = arithmetic.kind_of(value)
        if kind is None:
            raise self.unsupported("a conversion to int of this value")
        if kind != "f":
            return self.value_of("i", self.integer(value))
        if not isinstance(value, Sym):
            try:
                return ROUNDING[mode](value)
            except (ValueError, OverflowError) as error:
                raise self.raised(type(error), str(error)) from error
        self.forbid(doubles.is_nan(value.term), ValueError, "cannot convert float NaN to integer")
        self.forbid(doubles.is_infinite(value.term), OverflowError, "cannot convert float infinity to integer")
        return self.value_of("i", arithmetic.to_integer(value.term, mode))

    def _call_float(self, value: Value = 0.0) -> Value:
        value = self.resolve(value)
        if isinstance(value, str):
            try:
                return float(value)
            except ValueError as error:
                raise self.raised(ValueError, str(error)) from error
        if arithmetic.kind_of(value) is None:
            raise self.unsupported("a conversion to float of this value")
        if not isinstance(value, Sym):
            return self.binary(ast.Add, value, 0.0) if not isinstance(value, float) else value
        return self.value_of("f", self.to_double(value))

    def _call_bool(self, value: Value = False) -> Value:  # noqa: FBT002 - the builtin's own signature
        return self.value_of("b", self.truth(value))

    def _call_divmod(self, a: Value, b: Value) -> Value:
        return self.binary(ast.FloorDiv, a, b), self.binary(ast.Mod, a, b)

    def _call_pow(self, a: Value, b: Value) -> Value:
        return self.binary(ast.Pow, a, b)

    def _double_test(self, value: Value, test: str) -> Value:
        value = self.resolve(value)
        if arithmetic.kind_of(value) is None:
            raise self.raised(TypeError, "must be real number")
        if isinstance(value, float):
            return {"nan": math.isnan, "inf": math.isinf, "finite": math.isfinite}[test](value)
        term = self.to_double(value)
        nan, infinite = doubles.is_nan(term), doubles.is_infinite(term)
        answer = {"nan": nan, "inf": infinite, "finite": z3.Not(z3.Or(nan, infinite))}[test]
        return self.value_of("b", answer)

    def _call_math_isnan(self, value: Value) -> Value:
        return self._double_test(value, "nan")

    def _call_math_isinf(self, value: Value) -> Value:
        return self._double_test(value, "inf")

    def _call_math_isfinite(self, value: Value) -> Value:
        return self._double_test(value, "finite")

    def _call_math_fabs(self, value: Value) -> Value:
        return self.value_of("f", doubles.absolute(self.to_double(self.resolve(value))))

    def _call_math_sqrt(self, value: Value) -> Value:
        term = self.to_double(self.resolve(value))
        negative = z3.And(doubles.is_negative(term), z3.Not(doubles.is_zero(term)), z3.Not(doubles.is_nan(term)))
        self.forbid(negative, ValueError, "math domain error")
        return self.value_of("f", doubles.square_root(arithmetic.nearest(self.context), term))

    # -- folds ------------------------------------------------------------------------------------------------

    def _call_min(self, *values: Value, **named: Value) -> Value:
        return self._extreme("<", values, named)

    def _call_max(self, *values: Value, **named: Value) -> Value:
        return self._extreme(">", values, named)

    def _extreme(self, operator: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """The first item no later one beats: ties and NaN keep the earlier, as CPython's loop does."""
        items = self.items_of(values[0]) if len(values) == 1 else values
        if set(named) - {"key", "default"}:
            raise self.raised(TypeError, "unexpected keyword")
        if not items:
            if "default" in named:
                return named["default"]
            raise self.raised(ValueError, "iterable argument is empty")
        keys = [self.call_value(named["key"], (i,)) for i in items] if "key" in named else list(items)
        best, best_key = items[0], keys[0]
        for item, key in zip(items[1:], keys[1:], strict=True):
            beats = self.ordered(operator, key, best_key)
            if isinstance(beats, bool):
                best, best_key = (item, key) if beats else (best, best_key)
            else:
                best, best_key = self.join(beats, item, best), self.join(beats, key, best_key)
        return best

    def _call_sum(self, items: Value, start: Value = 0) -> Value:
        values = self.items_of(items)
        if any(arithmetic.kind_of(self.resolve(v)) == "f" for v in (start, *values)):
            return self._sum_of_floats(values, start)
        total = start
        for value in values:
            total = self.binary(ast.Add, total, value)
        return total

    def _sum_of_floats(self, values: tuple[Value, ...], start: Value) -> Value:
        """A plain fold on 3.11, a compensated one (Neumaier) from 3.12."""
        total = start
        index = 0
        while index < len(values) and arithmetic.kind_of(self.resolve(total)) != "f":
            total = self.binary(ast.Add, total, values[index])
            index += 1
        if sys.version_info < (3, 12):
            for value in values[index:]:
                total = self.binary(ast.Add, total, value)
            return total
        return self._compensated(total, values[index:])

    def _compensated(self, total: Value, values: tuple[Value, ...]) -> Value:
        rounding = arithmetic.nearest(self.context)
        high = self.to_double(total)
        low = arithmetic.constant(0.0, self.context)
        for value in map(self.resolve, values):
            if arithmetic.kind_of(value) != "f":
                raise self.unsupported("a sum of floats and ints")
            x = self.to_double(value)
            both = doubles.add(rounding, high, x)
            big, small = z3.If(doubles.greater_or_equal(doubles.absolute(high), doubles.absolute(x)), high, x), None
            small = z3.If(doubles.greater_or_equal(doubles.absolute(high), doubles.absolute(x)), x, high)
            low = doubles.add(rounding, low, doubles.add(rounding, doubles.subtract(rounding, big, both), small))
            high = both
        unused = z3.Or(doubles.is_zero(low), doubles.is_nan(low), doubles.is_infinite(low))
        return self.value_of("f", z3.If(unused, high, doubles.add(rounding, high, low)))

    def fold_truth(self, node: ast.GeneratorExp, *, is_and: bool) -> Value:  # noqa: C901 - small closures over one scope
        """``all`` or ``any`` over a generator expression, as lazy as CPython: later items if earlier ones allow."""
        generator = node.generators[0]
        if len(node.generators) > 1:
            return self._fold(self.items_of(self._on_generatorexp(node)), is_and=is_and)
        outer = self.frame
        items = self.items_of(self.iterable(generator.iter))
        self.frame = Frame({}, outer=outer, function=outer.function)

        def item_truth(item: Value) -> Term:
            self.step()
            self.assign(generator.target, item)
            return chain(generator.ifs)

        def chain(tests: list[ast.expr]) -> Term:
            if not tests:
                return self.truth(self.evaluate(node.elt))
            return self.either(self.truth(self.evaluate(tests[0])), lambda: chain(tests[1:]), lambda: is_and, pick)

        def pick(condition: Term, a: Term, b: Term) -> Term:
            return self.any_of([self.all_of([condition, a]), self.all_of([self.negation(condition), b])])

        def walk(rest: tuple[Value, ...]) -> Term:
            if not rest:
                return is_and
            first = item_truth(rest[0])
            if first is not is_and and isinstance(first, bool):
                return not is_and

            def onward() -> Term:
                return walk(rest[1:])

            def settled() -> Term:
                return not is_and

            return self.either(first, onward if is_and else settled, settled if is_and else onward, pick)

        try:
            return self.value_of("b", walk(items))
        finally:
            self.frame = outer

    def _call_all(self, items: Value) -> Value:
        return self._fold(self.items_of(items), is_and=True)

    def _call_any(self, items: Value) -> Value:
        return self._fold(self.items_of(items), is_and=False)

    def _fold(self, items: tuple[Value, ...], *, is_and: bool) -> Value:
        answers = [self.truth(item) for item in items]
        return self.value_of("b", self.all_of(answers) if is_and else self.any_of(answers))

    # -- containers -------------------------------------------------------------------------------------------

    def _call_len(self, value: Value) -> Value:
        return self.length(value)

    def _call_list(self, items: Value = ()) -> Value:
        return self.new(ListCell(self.items_of(items)))

    def _call_tuple(self, items: Value = ()) -> Value:
        return self.items_of(items)

    def _call_dict(self, items: Value = ()) -> Value:
        result = self.new(DictCell(()))
        source = self.resolve(items)
        cell = self.heap[source.id] if isinstance(source, Ref) else None
        if isinstance(cell, DictCell):
            return self.new(DictCell(cell.entries))
        for pair in self.items_of(source):
            key, value = self.items_of(pair)
            self.store(result, key, value)
        return result

    def _call_reversed(self, items: Value) -> Value:
        return self.items_of(items)[::-1]

    def _call_enumerate(self, items: Value, start: Value = 0) -> Value:
        return tuple((self.binary(ast.Add, start, n), item) for n, item in enumerate(self.items_of(items)))

    def _call_zip(self, *items: Value, strict: Value = False) -> Value:
        columns = [self.items_of(i) for i in items]
        if strict is True and len({len(c) for c in columns}) > 1:
            raise self.raised(ValueError, "zip() arguments differ in length")
        return tuple(zip(*columns, strict=False))

    def _call_range(self, *bounds: Value) -> Value:
        start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        numbers = self.known_range((self.resolve(start), self.resolve(stop), self.resolve(step)))
        if numbers is None:
            raise self.unsupported("a range of unknown length outside a loop")
        return numbers

    def _call_sorted(self, items: Value, key: Value = None, reverse: Value = False) -> Value:  # noqa: FBT002
        values = list(self.items_of(items))
        if not isinstance(reverse, bool):
            raise self.unsupported("sorting in an unknown direction")
        return self.new(ListCell(tuple(self.sort(values, key, reverse=reverse))))

    def sort(self, values: list[Value], key: Value, *, reverse: bool) -> list[Value]:
        """A stable sort by comparisons that fork; for a few items."""
        if len(values) > 5:
            raise self.unsupported("sorting more than five items")
        keyed = [(v if key is None else self.call_value(key, (v,)), v) for v in (values[::-1] if reverse else values)]
        done: list[tuple[Value, Value]] = []
        for entry in keyed:
            place = len(done)
            while place and self.decide(self.ordered("<", entry[0], done[place - 1][0])):
                place -= 1
            done.insert(place, entry)
        ordered = [value for _, value in done]
        return ordered[::-1] if reverse else ordered

    # -- types and text ---------------------------------------------------------------------------------------

    def call_value(self, function: Value, values: tuple[Value, ...]) -> Value:
        """Call a function value; supplied by the calling layer."""
        raise NotImplementedError

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
        if isinstance(value, bool | float | type(None)) or (isinstance(value, int) and abs(value) < 10**1000):
            return str(value)
        return Opaque()

    def _call_repr(self, value: Value) -> Value:
        value = self.resolve(value)
        return repr(value) if isinstance(value, bool | int | float | str | type(None)) else Opaque()

    def _call_isinstance(self, value: Value, kind: Value) -> Value:
        value = self.resolve(value)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        return any(self._is_instance(value, one) for one in kinds)

    def _is_instance(self, value: Value, kind: Value) -> bool:
        if isinstance(kind, Builtin):
            own = arithmetic.kind_of(value)
            if kind.name in KINDS:
                return own == KINDS[kind.name] or (kind.name == "int" and own == "b")
            if kind.name == "str":
                return is_text(value)
            cell = self.heap[value.id] if isinstance(value, Ref) else None
            shapes = {"list": ListCell, "dict": DictCell}
            if kind.name in shapes:
                return isinstance(cell, shapes[kind.name])
            if kind.name == "tuple":
                return isinstance(value, tuple)
        if isinstance(kind, ClassValue) and not kind.info.bases:
            cell = self.heap[value.id] if isinstance(value, Ref) else None
            if isinstance(cell, ObjectCell):
                if cell.info is kind.info or not cell.info.bases:
                    return cell.info is kind.info
            elif not isinstance(value, ExceptionValue):
                return False
        raise self.unsupported("isinstance with this type")

    def _call_typing_cast(self, _kind: Value, value: Value) -> Value:
        return value

    def _call_deal_implies(self, test: Value, then: Value) -> Value:
        return self.value_of("b", self.any_of([self.negation(self.truth(test)), self.truth(then)]))

    _call_implies = _call_deal_implies
