"""``Decimal``, ``Fraction``, ``date``, ``datetime`` and ``timedelta``: exact values over one solver term.

Invariant: a Decimal is an int over a known power of ten and has at most 28 digits, so every sum and product is the one
the default context gives; what would be rounded is searched only (approximate) or is unsupported.
"""

from __future__ import annotations

import ast
import decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.operating import Operating
from maestro_symbolic.engine.values import Builtin, Exact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_symbolic.engine.values import Term, Value

PRECISION = 28
QUOTIENT_PLACES = 12
INPUT_PLACES = 4
CONTEXTS = ("getcontext", "setcontext", "localcontext", "DefaultContext")
TEXT_OF_ROUNDING = {f"decimal.{name}": name for name in vars(decimal) if name.startswith("ROUND_")}


def decimal_places(number: Fraction) -> int | None:
    """How many places a number has in decimal notation; ``None`` if it never ends."""
    rest, places = number.denominator, 0
    while rest % 10 == 0:
        rest, places = rest // 10, places + 1
    twos = fives = 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return places + max(twos, fives) if rest == 1 else None


class Exacts(Operating):
    """Exact numbers on one path."""

    def exact(self, kind: str, term: Term, scale: int = 0) -> Exact:
        """A value of a kind; a Decimal that could need rounding is outside the subset."""
        term = z3.simplify(term) if not isinstance(term, int) else z3.IntVal(term, self.context)
        value = Exact(kind, term, scale)
        if kind == "decimal" and any(word in self.program.source for word in CONTEXTS):
            raise self.unsupported("a decimal context of the module's own")
        if kind == "decimal" and not z3.is_int_value(term):
            limit = 10**PRECISION
            if self.feasible(z3.Or(term >= limit, term <= -limit)):
                raise self.unsupported(f"a Decimal of more than {PRECISION} digits")
        return value

    # -- making -----------------------------------------------------------------------------------------------

    def _call_decimal_Decimal(self, value: Value = 0) -> Value:  # noqa: N802 - the name of what is called
        value = self.resolve(value)
        if isinstance(value, Exact) and value.kind == "decimal":
            return value
        if isinstance(value, str | float) and not isinstance(value, bool):
            try:
                made = decimal.Decimal(value)
            except decimal.InvalidOperation as error:
                raise self.raised(decimal.InvalidOperation, str(error)) from error
            return self.known_decimal(made)
        if arithmetic.kind_of(value) in ("i", "b"):
            return Exact("decimal", z3.simplify(self.integer(value)), 0)  # made exactly, whatever its length
        raise self.unsupported("a Decimal of this value")

    def known_decimal(self, made: decimal.Decimal) -> Exact:
        """A known Decimal; its sign, digits and exponent as they are."""
        if not made.is_finite() or (made.is_zero() and made.is_signed()):
            raise self.unsupported("a Decimal that is not a plain number")
        scale = max(0, -int(made.as_tuple().exponent))
        return Exact("decimal", z3.IntVal(int(made.scaleb(scale, _WIDE)), self.context), scale)

    def _call_fractions_Fraction(self, numerator: Value = 0, denominator: Value = None) -> Value:  # noqa: N802
        over, under = self.resolve(numerator), self.resolve(denominator)
        if isinstance(over, str) and under is None:
            try:
                return self._rational(Fraction(over))
            except (ValueError, ZeroDivisionError) as error:
                raise self.raised(type(error), str(error)) from error
        x, y = self._real(over), self._real(1 if under is None else under)
        self.forbid(y == 0, ZeroDivisionError, "Fraction(n, 0)")
        return Exact("fraction", z3.simplify(x / y))

    def _rational(self, number: Fraction) -> Exact:
        return Exact("fraction", z3.Q(number.numerator, number.denominator, self.context))

    def _real(self, value: Value) -> Term:
        """An int, bool, Fraction or Decimal as a real term."""
        if isinstance(value, Exact) and value.kind == "fraction":
            return value.term
        if isinstance(value, Exact) and value.kind == "decimal":
            return z3.ToReal(value.term) / 10**value.scale
        if arithmetic.kind_of(value) not in ("i", "b"):
            raise self.unsupported("a number of this kind among exact ones")
        return z3.ToReal(self.integer(value))

    # -- comparing --------------------------------------------------------------------------------------------

    def exact_terms(self, a: Value, b: Value) -> tuple[Term, Term] | None:
        """Two values as terms that compare like them; ``None`` if they never compare."""
        kinds = {v.kind for v in (a, b) if isinstance(v, Exact)}
        others = [v for v in (a, b) if not isinstance(v, Exact)]
        if any(arithmetic.kind_of(v) == "f" for v in others):
            raise self.unsupported("a float beside an exact number")
        if kinds == {"decimal"} and all(arithmetic.kind_of(v) is not None for v in others):
            x, y, _ = self._aligned(a, b)
            return x, y
        if kinds == {"fraction"} and all(arithmetic.kind_of(v) is not None for v in others):
            return self._real(a), self._real(b)
        if len(kinds) == 1 and not others:
            return a.term, b.term
        return None

    def _aligned(self, a: Value, b: Value) -> tuple[Term, Term, int]:
        """Two Decimals or ints over one power of ten."""
        pairs = [(v.term, v.scale) if isinstance(v, Exact) else (self.integer(v), 0) for v in (a, b)]
        scale = max(pairs[0][1], pairs[1][1])
        x, y = (term * 10 ** (scale - own) for term, own in pairs)
        return x, y, scale

    def compare_exact(self, operator: str, a: Value, b: Value) -> Term:
        """``a operator b`` where one is exact."""
        terms = self.exact_terms(a, b)
        if terms is None:
            if operator == "==":
                return False
            raise self.raised(TypeError, f"'{operator}' not supported between these values")
        answer = z3.simplify(arithmetic.compare_integers(operator, *terms))
        return bool(z3.is_true(answer)) if z3.is_true(answer) or z3.is_false(answer) else answer

    # -- operators --------------------------------------------------------------------------------------------

    def exact_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value | None:
        """An operator of exact numbers; ``None`` if neither is one."""
        kinds = {v.kind for v in (a, b) if isinstance(v, Exact)}
        if not kinds:
            return None
        if any(arithmetic.kind_of(v) == "f" for v in (a, b)):
            if "decimal" in kinds:
                raise self.raised(TypeError, "unsupported operand type(s)")
            raise self.unsupported("a float beside an exact number")
        plain = all(isinstance(v, Exact) or arithmetic.kind_of(v) is not None for v in (a, b))
        if kinds == {"decimal"} and plain:
            return self._decimal_operator(kind, a, b)
        if kinds == {"fraction"} and plain:
            return self._fraction_operator(kind, a, b)
        return self.time_operator(kind, a, b)

    def time_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        """An operator of dates and durations; supplied by the layer of times."""
        raise NotImplementedError

    def _decimal_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        x, y, scale = self._aligned(a, b)
        if kind is ast.Add:
            return self.exact("decimal", x + y, scale)
        if kind is ast.Sub:
            return self.exact("decimal", x - y, scale)
        if kind is ast.Mult:
            places = sum(v.scale for v in (a, b) if isinstance(v, Exact))
            terms = [v.term if isinstance(v, Exact) else self.integer(v) for v in (a, b)]
            return self.exact("decimal", terms[0] * terms[1], places)
        if kind is ast.Div:
            return self._decimal_quotient(a, b)
        if kind in (ast.FloorDiv, ast.Mod):
            self._forbid_zero(x, y, modulo=kind is ast.Mod)
            size = z3.If(x < 0, -x, x) / z3.If(y < 0, -y, y)
            whole = z3.If((x < 0) == (y < 0), size, -size)  # Decimal's // truncates
            return self.exact("decimal", whole) if kind is ast.FloorDiv else self.exact("decimal", x - whole * y, scale)
        raise self.unsupported(f"{kind.__name__} of Decimals")

    def _forbid_zero(self, x: Term, y: Term, *, modulo: bool) -> None:
        """Division by zero, and the undefined ``0 / 0`` and ``x % 0``, as the default context traps them."""
        self.forbid(y == 0 if modulo else z3.And(x == 0, y == 0), decimal.InvalidOperation, "undefined")
        self.forbid(y == 0, decimal.DivisionByZero, "division by zero")

    def _decimal_quotient(self, a: Value, b: Value) -> Value:
        x, y, _ = self._aligned(a, b)
        self._forbid_zero(x, y, modulo=False)
        under = z3.simplify(self._real(b))
        if z3.is_rational_value(under):
            inverse = 1 / Fraction(under.numerator_as_long(), under.denominator_as_long())
            places = decimal_places(inverse)
            if places is not None:
                own = a if isinstance(a, Exact) else Exact("decimal", self.integer(a), 0)
                return self.exact("decimal", own.term * int(inverse * 10**places), own.scale + places)
        self.approximate("a Decimal quotient")
        size, positive = z3.If(x < 0, -x, x) * 10**QUOTIENT_PLACES, z3.If(y < 0, -y, y)
        whole = (2 * size + positive) / (2 * positive)
        return Exact("decimal", z3.simplify(z3.If((x < 0) == (y < 0), whole, -whole)), QUOTIENT_PLACES)

    def _fraction_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        x, y = self._real(a), self._real(b)
        if kind in (ast.Add, ast.Sub, ast.Mult):
            term = {ast.Add: x + y, ast.Sub: x - y, ast.Mult: x * y}[kind]
            return Exact("fraction", z3.simplify(term))
        if kind in (ast.Div, ast.FloorDiv, ast.Mod):
            self.forbid(y == 0, ZeroDivisionError, "Fraction(n, 0)")
            if kind is ast.Div:
                return Exact("fraction", z3.simplify(x / y))
            whole = z3.ToInt(x / y)
            return self.value_of("i", whole) if kind is ast.FloorDiv else Exact("fraction", x - z3.ToReal(whole) * y)
        if kind is ast.Pow and isinstance(b, int) and 0 <= b <= 8:
            return Exact("fraction", z3.simplify(z3.Product([x] * b)) if b else z3.Q(1, 1, self.context))
        raise self.unsupported(f"{kind.__name__} of Fractions")

    def negate(self, value: Value) -> Value:
        """``-value``."""
        value = self.resolve(value)
        if isinstance(value, Exact):
            if value.kind in ("date", "datetime"):
                raise self.raised(TypeError, "bad operand type for unary -")
            return self.exact(value.kind, -value.term, value.scale)
        return super().negate(value)

    # -- rounding ---------------------------------------------------------------------------------------------

    def exact_integer(self, value: Exact, mode: str) -> Value:
        """``int``, ``round``, ``math.floor`` or ``math.ceil`` of a Decimal or Fraction."""
        if value.kind not in ("decimal", "fraction"):
            raise self.raised(TypeError, "not a number")
        real = self._real(value)
        floor = z3.ToInt(real)
        if mode == "floor":
            return self.value_of("i", floor)
        up = z3.If(z3.ToReal(floor) == real, floor, floor + 1)
        if mode == "ceil":
            return self.value_of("i", up)
        if mode == "trunc":
            return self.value_of("i", z3.If(real < 0, up, floor))
        rest = 2 * (real - z3.ToReal(floor))
        nearer = z3.If(rest < 1, floor, z3.If(rest > 1, up, z3.If(floor % 2 == 0, floor, up)))
        return self.value_of("i", nearer)

    def exact_method(self, value: Exact, name: str, values: Sequence[Value], named: dict[str, Value]) -> Value:
        """A method of a Decimal or Fraction."""
        if value.kind == "decimal" and name == "quantize":
            given = dict(zip(("exp", "rounding"), values, strict=False)) | named
            return self._quantized(value, given)
        if name in ("is_nan", "is_infinite", "is_finite") and value.kind == "decimal":
            return name == "is_finite"
        raise self.unsupported(f"{value.kind} method {name}")

    def _quantized(self, value: Exact, given: dict[str, Value]) -> Value:
        step, mode = self.resolve(given.get("exp")), self.resolve(given.get("rounding"))
        name = TEXT_OF_ROUNDING.get(mode.name, "") if isinstance(mode, Builtin) else mode or "ROUND_HALF_EVEN"
        if not isinstance(step, Exact) or name not in TEXT_OF_ROUNDING.values() or set(given) - {"exp", "rounding"}:
            raise self.unsupported("quantize with these arguments")
        if not z3.is_int_value(step.term) or (step.scale == 0 and step.term.as_long() % 10 == 0):
            raise self.unsupported("quantize to these places")
        if step.scale >= value.scale:
            return self.exact("decimal", value.term * 10 ** (step.scale - value.scale), step.scale)
        return self.exact("decimal", rounded(value.term, 10 ** (value.scale - step.scale), name), step.scale)


def rounded(term: Term, step: int, mode: str) -> Term:
    """``term / step`` to an int, by one of decimal's rounding modes."""
    size, negative = z3.If(term < 0, -term, term), term < 0
    down, rest = size / step, size % step
    away = {
        "ROUND_DOWN": z3.BoolVal(False, term.ctx),  # noqa: FBT003 - z3's signature
        "ROUND_UP": rest > 0,
        "ROUND_CEILING": z3.And(rest > 0, z3.Not(negative)),
        "ROUND_FLOOR": z3.And(rest > 0, negative),
        "ROUND_HALF_UP": 2 * rest >= step,
        "ROUND_HALF_DOWN": 2 * rest > step,
        "ROUND_HALF_EVEN": z3.Or(2 * rest > step, z3.And(2 * rest == step, down % 2 == 1)),
        "ROUND_05UP": z3.And(rest > 0, down % 5 == 0),
    }[mode]
    whole = z3.If(away, down + 1, down)
    return z3.If(negative, -whole, whole)


_WIDE = decimal.Context(prec=2000)
