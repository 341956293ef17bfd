"""Functions of ``math`` that the executor models: exactly, or for the search alone where only CPython knows the digits.

Invariant: a result that is not certainly the one CPython computes is marked approximate, and then nothing is proven.
"""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic, doubles
from maestro_symbolic.engine.evaluating import Evaluating
from maestro_symbolic.engine.values import CannotMergeError, Exact, Sym

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_symbolic.engine.values import Term, Value

ROUNDING: dict[str, Callable[[float], int]] = {"trunc": int, "round": round, "floor": math.floor, "ceil": math.ceil}
FOLDED = frozenset(
    {"exp", "log", "log2", "log10", "log1p", "expm1", "sin", "cos", "tan", "atan2", "hypot", "pow", "comb"}
)
FOLDED |= {"perm", "factorial", "fmod", "cbrt", "degrees", "radians", "dist", "fsum", "ldexp", "modf", "frexp"}
MAX_FACTORIAL = 20


class MathCalls(Evaluating):
    """Calls of ``math`` on one path."""

    def size(self, value: Value) -> Value:
        """``abs`` of an int."""
        term = self.integer(value)
        return self.value_of("i", z3.If(term < 0, -term, term))

    def call_known(self, name: str, values: tuple[Value, ...]) -> Value | None:
        """A function of ``math`` on known numbers, run as it is; ``None`` where it cannot be."""
        plain = [self.resolve(v) for v in values]
        if name not in FOLDED or not all(isinstance(v, int | float) for v in plain):
            return None
        if name in ("factorial", "comb", "perm") and any(abs(v) > 1000 for v in plain):
            return None
        try:
            result = getattr(math, name)(*plain)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self.raised(type(error), str(error)) from error
        return result if isinstance(result, int | float) else None

    def fresh_integer(self, what: str) -> Term:
        """An unknown of our own, defined by what is assumed about it; only on a path of its own."""
        if self.speculating:
            raise CannotMergeError
        self.fresh_after += 1
        return z3.Int(f"!{what}{self.fresh_after}", self.context)

    def whole(self, value: Value) -> Value:
        """An int argument, or the program's ``TypeError``."""
        value = self.resolve(value)
        if arithmetic.kind_of(value) not in ("i", "b"):
            raise self.raised(TypeError, "object cannot be interpreted as an integer")
        return value

    def _call_math_gcd(self, *values: Value) -> Value:
        result: Value = 0
        for value in values:
            result = self._gcd(result, self.whole(value))
        return result

    def _gcd(self, a: Value, b: Value) -> Value:
        """The one number that divides both and is a sum of multiples of both (Bezout)."""
        if not isinstance(a, Sym) and not isinstance(b, Sym):
            return math.gcd(a, b)
        x, y = self.integer(a), self.integer(b)
        if a == 0 or b == 0:
            return self.size(b if a == 0 else a)
        g, p, q, u, v = (self.fresh_integer(n) for n in ("g", "p", "q", "u", "v"))
        self.assume(z3.And(g >= 0, x == g * p, y == g * q, g == u * x + v * y))
        self.assume(z3.And(z3.Implies(x != 0, g <= z3.If(x < 0, -x, x)), z3.Implies(y != 0, g <= z3.If(y < 0, -y, y))))
        self.assume(z3.Implies(z3.Or(x != 0, y != 0), g >= 1))
        return self.value_of("i", g)

    def _call_math_lcm(self, *values: Value) -> Value:
        result: Value = 1
        for value in values:
            step = self.whole(value)
            shared = self._gcd(result, step)
            if self.decide(self.truth(shared)):
                result = self.size(self.binary(ast.Mult, self.binary(ast.FloorDiv, result, shared), step))
            else:
                result = 0
        return result

    def _call_math_isqrt(self, value: Value) -> Value:
        value = self.whole(value)
        if not isinstance(value, Sym):
            if value < 0:
                raise self.raised(ValueError, "isqrt() argument must be nonnegative")
            return math.isqrt(value)
        term = self.integer(value)
        self.forbid(term < 0, ValueError, "isqrt() argument must be nonnegative")
        root = self.fresh_integer("root")
        self.assume(z3.And(root >= 0, root * root <= term, term < (root + 1) * (root + 1), root <= term))
        return self.value_of("i", root)

    def _call_math_factorial(self, value: Value) -> Value:
        value = self.whole(value)
        self.forbid(self.integer(value) < 0, ValueError, "factorial() not defined for negative values")
        return math.factorial(self.choose_integer(value, 0, MAX_FACTORIAL))

    def _call_math_prod(self, items: Value, start: Value = 1) -> Value:
        total = start
        for value in self.items_of(items):
            total = self.binary(ast.Mult, total, value)
        return total

    def _call_math_copysign(self, value: Value, sign: Value) -> Value:
        size = doubles.absolute(self.to_double(self.resolve(value)))
        other = self.to_double(self.resolve(sign))
        nan = doubles.is_nan(other)
        if self.decide(nan):
            raise self.unsupported("the sign of a NaN")
        return self.value_of("f", z3.If(doubles.is_negative(other), doubles.negate(size), size))

    def _call_math_isclose(self, a: Value, b: Value, rel_tol: Value = 1e-09, abs_tol: Value = 0.0) -> Value:
        """As CPython's ``math_isclose_impl``: equal, or finite and within either tolerance."""
        rounding = arithmetic.nearest(self.context)
        x, y, rel, least = (self.to_double(self.resolve(v)) for v in (a, b, rel_tol, abs_tol))
        zero = arithmetic.constant(0.0, self.context)
        self.forbid(
            z3.Or(doubles.less(rel, zero), doubles.less(least, zero)), ValueError, "tolerances must be non-negative"
        )
        gap = doubles.absolute(doubles.subtract(rounding, y, x))
        near = [
            doubles.less_or_equal(gap, doubles.absolute(doubles.multiply(rounding, rel, y))),
            doubles.less_or_equal(gap, doubles.absolute(doubles.multiply(rounding, rel, x))),
            doubles.less_or_equal(gap, least),
        ]
        infinite = z3.Or(doubles.is_infinite(x), doubles.is_infinite(y))
        return self.value_of("b", z3.Or(doubles.equal(x, y), z3.And(z3.Not(infinite), z3.Or(*near))))

    def _rounded(self, value: Value, mode: str) -> Value:
        kind = arithmetic.kind_of(value)
        if isinstance(value, Exact):
            return self.exact_integer(value, mode)
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

    def _call_math_floor(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "floor")

    def _call_math_ceil(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "ceil")

    def _call_math_trunc(self, value: Value) -> Value:
        return self._rounded(self.resolve(value), "trunc")

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
