"""The builtins and functions of ``math`` that the executor models exactly; everything else is unsupported by name."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic, doubles
from maestro_symbolic.engine.comparing import is_text
from maestro_symbolic.engine.math_calls import MathCalls
from maestro_symbolic.engine.values import (
    DictCell,
    Exact,
    Frame,
    IteratorCell,
    ListCell,
    Member,
    Range,
    Ref,
    Sym,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.engine.values import Term, Value

NAMED = frozenset({"sum", "min", "max", "enumerate", "zip", "sorted", "dict", "math.isclose", "math.prod", "round"})
NAMED |= {"datetime.timedelta", "datetime.date", "datetime.datetime", "fractions.Fraction"}
# What only speaks to people: its arguments are evaluated, and it gives None.
SILENT = frozenset({"print", "warnings.warn"})
SILENT |= {f"logging.{level}" for level in ("debug", "info", "warning", "error", "exception", "critical")}
KINDS = {"int": "i", "bool": "b", "float": "f"}


class BuiltinCalls(MathCalls):
    """Calls of builtins on one path."""

    def call_builtin(self, name: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Call a builtin by its dotted name."""
        if name in SILENT:
            return None
        module, _, function = name.rpartition(".")
        known = self.call_known(function, values) if module == "math" and not named else None
        if known is not None:
            return known
        handler = getattr(self, f"_call_{name.replace('.', '_')}", None)
        if handler is None:
            raise self.unsupported(f"a call of {name}")
        if named and name not in NAMED and name != "dataclasses.replace":
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
        if isinstance(value, Exact) and value.kind in ("decimal", "fraction", "timedelta"):
            return self.exact(value.kind, z3.If(value.term < 0, -value.term, value.term), value.scale)
        if kind is None:
            raise self.raised(TypeError, "bad operand type for abs()")
        if not isinstance(value, Sym):
            return abs(value)
        if kind == "f":
            return self.value_of("f", doubles.absolute(value.term))
        term = self.integer(value)
        return self.value_of("i", z3.If(term < 0, -term, term))

    def _call_int(self, value: Value = 0, base: Value = 10) -> Value:
        value = self.resolve(value)
        if isinstance(base, Sym) or not 2 <= base <= 36 or (base != 10 and not is_text(value)):
            raise self.unsupported("int() with this base")
        if isinstance(value, Member):
            value = self.member_value(value)
        if is_text(value):
            return self.integer_of_text(value, base)
        return self._rounded(value, "trunc")

    def integer_of_text(self, target: Value, base: int) -> Value:
        """``int(text)``; supplied by the layer of texts."""
        raise NotImplementedError

    def _call_round(self, number: Value, ndigits: Value = None) -> Value:
        value, digits = self.resolve(number), self.resolve(ndigits)
        kind = arithmetic.kind_of(value)
        if digits is None or kind is None:
            return self._rounded(value, "round")
        if isinstance(digits, Sym) or arithmetic.kind_of(digits) not in ("i", "b"):
            raise self.unsupported("rounding to an unknown number of digits")
        if not isinstance(value, Sym):
            return round(value, digits)
        if kind == "f":
            return self._rounded_decimal(value, int(digits))
        if digits >= 0:
            return self.value_of("i", self.integer(value))
        step, term = 10 ** -int(digits), self.integer(value)
        low, rest = term / step, term % step
        up = z3.Or(2 * rest > step, z3.And(2 * rest == step, low % 2 == 1))
        return self.value_of("i", z3.If(up, low + 1, low) * step)

    def _rounded_decimal(self, value: Sym, digits: int) -> Value:
        """CPython rounds the shortest decimal text; scaling is near it, and good enough to search with."""
        self.approximate("round() of a float to decimal digits")
        rounding, scale = arithmetic.nearest(self.context), arithmetic.constant(10.0**digits, self.context)
        grown = doubles.to_integral(rounding, doubles.multiply(rounding, value.term, scale))
        special = z3.Or(doubles.is_nan(value.term), doubles.is_infinite(value.term))
        return self.value_of("f", z3.If(special, value.term, doubles.divide(rounding, grown, scale)))

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

    # -- folds ------------------------------------------------------------------------------------------------

    def _call_min(self, *values: Value, **named: Value) -> Value:
        return self._extreme("<", values, named)

    def _call_max(self, *values: Value, **named: Value) -> Value:
        return self._extreme(">", values, named)

    def _extreme(self, operator: str, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """The first item no later one beats: ties and NaN keep the earlier, as CPython's loop does."""
        one = values[0]
        items = values if len(values) > 1 else self.items_of(one) if "key" in named else self.members(one)
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
        values = self.members(items)
        if not self.sum_is_free_of_order(values) and values:
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
        items = self.members(self.iterable(generator.iter))
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
        return self._fold(self.members(items), is_and=True)

    def _call_any(self, items: Value) -> Value:
        return self._fold(self.members(items), is_and=False)

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

    def _call_set(self, items: Value = ()) -> Value:
        return self.make_set(self.members(items))

    def _call_frozenset(self, items: Value = ()) -> Value:
        return self.make_set(self.members(items), frozen=True)

    def _call_iter(self, items: Value) -> Value:
        source = self.resolve(items)
        if isinstance(source, Ref) and isinstance(self.heap[source.id], IteratorCell):
            return source
        return self.new_iterator(self.items_of(source), source)

    def _call_next(self, source: Value, *default: Value) -> Value:
        source = self.resolve(source)
        cell = self.heap[source.id] if isinstance(source, Ref) else None
        if not isinstance(cell, IteratorCell):
            raise self.raised(TypeError, "object is not an iterator")
        if not cell.items:
            if default:
                return default[0]
            raise self.raised(StopIteration)
        self.check_sources(cell)
        self.heap[source.id] = IteratorCell(cell.items[1:], cell.sources)
        return cell.items[0]

    def _call_map(self, function: Value, *columns: Value) -> Value:
        sources = [self.resolve(c) for c in columns]
        rows = list(zip(*(self.items_of(c) for c in sources), strict=False))
        return self.new_iterator(tuple(self.call_value(function, row) for row in rows), *sources)

    def _call_filter(self, function: Value, items: Value) -> Value:
        test, source = self.resolve(function), self.resolve(items)

        def keeps(item: Value) -> bool:
            return self.decide(self.truth(item if test is None else self.call_value(test, (item,))))

        return self.new_iterator(tuple(v for v in self.items_of(source) if keeps(v)), source)

    def _call_dict(self, items: Value = (), **named: Value) -> Value:
        result = self._dict_of(items)
        for key, value in named.items():
            self.store(result, key, value)
        return result

    def _dict_of(self, items: Value) -> Value:
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
        source = self.resolve(items)
        return self.new_iterator(self.items_of(source)[::-1], source)

    def _call_enumerate(self, items: Value, start: Value = 0) -> Value:
        source = self.resolve(items)
        pairs = [(self.binary(ast.Add, start, n), item) for n, item in enumerate(self.items_of(source))]
        return self.new_iterator(tuple(pairs), source)

    def _call_zip(self, *items: Value, strict: Value = False) -> Value:
        sources = [self.resolve(i) for i in items]
        columns = [self.items_of(i) for i in sources]
        if strict is True and len({len(c) for c in columns}) > 1:
            raise self.raised(ValueError, "zip() arguments differ in length")
        return self.new_iterator(tuple(zip(*columns, strict=False)), *sources)

    def _call_range(self, *bounds: Value) -> Value:
        start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
        known = tuple(self.resolve(b) for b in (start, stop, step))
        if any(arithmetic.kind_of(b) not in ("i", "b") for b in known):
            raise self.raised(TypeError, "object cannot be interpreted as an integer")
        if known[2] == 0 and not isinstance(known[2], Sym):
            raise self.raised(ValueError, "range() arg 3 must not be zero")
        return Range(*known)

    def _call_sorted(self, items: Value, key: Value = None, reverse: Value = False) -> Value:  # noqa: FBT002
        values = list(self.items_of(items) if key is not None else self.members(items))
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
