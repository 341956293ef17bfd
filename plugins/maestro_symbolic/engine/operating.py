"""Operators: arithmetic, concatenation, repetition, shifts and powers.

Invariant: where CPython raises, the path on which it does is split off with that exception.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic, doubles
from maestro_symbolic.engine.comparing import Comparing, code_points, is_mixed, is_plain, is_text, text_of
from maestro_symbolic.engine.values import Builtin, DictCell, ListCell, Member, Ref, Sym, UnsupportedError

if TYPE_CHECKING:
    from maestro_symbolic.engine.values import Value

KNOWN = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}
SPECIAL: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.BitAnd: "and",
    ast.BitOr: "or",
    ast.BitXor: "xor",
}
MAX_BITS = 1 << 16
MAX_ITEMS = 10_000
MAX_EXPONENT = 64


class Operating(Comparing):
    """Operators over the values of one path."""

    def binary(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        """``a <operator> b``."""
        a, b = self._operand(a), self._operand(b)
        left, right = arithmetic.kind_of(a), arithmetic.kind_of(b)
        if left is not None and right is not None:
            if not isinstance(a, Sym) and not isinstance(b, Sym):
                return self._known(kind, a, b)
            if "f" in (left, right):
                return self._double(kind, a, b)
            return self._integral(kind, a, b)
        special = self._special(kind, a, b)
        if special is not None:
            return special
        if kind is ast.Add:
            return self._concatenate(a, b)
        if kind is ast.Mult and "i" in (left, right):
            return self._repeat(a, b) if right == "i" else self._repeat(b, a)
        raise self._mismatch(a, b)

    def set_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value | None:
        """``a | b`` of two sets; supplied by the layer of sets."""
        raise NotImplementedError

    def exact_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value | None:
        """An operator of exact numbers and times; supplied by their layer."""
        raise NotImplementedError

    def _special(self, kind: type[ast.operator], a: Value, b: Value) -> Value | None:
        """Sets, dictionaries joined by ``|``, and operators that a class defines; ``None`` for anything else."""
        made = self.exact_operator(kind, a, b)
        if made is None:
            made = self.set_operator(kind, a, b)
        if made is not None:
            return made
        x = self.heap[a.id] if isinstance(a, Ref) else None
        y = self.heap[b.id] if isinstance(b, Ref) else None
        if kind is ast.BitOr and isinstance(x, DictCell) and isinstance(y, DictCell):
            joined = self.new(DictCell(x.entries))
            for key, value in y.entries:
                self.store(joined, key, value)
            return joined
        name = SPECIAL.get(kind, "")
        if name and self.find_method(a, f"__{name}__") is not None:
            if self.find_method(b, f"__r{name}__") is not None:
                raise self.unsupported("an operator that both operands define")
            return self._implemented(self.call_method(a, f"__{name}__", (b,)))
        if name and self.find_method(b, f"__r{name}__") is not None:
            return self._implemented(self.call_method(b, f"__r{name}__", (a,)))
        return None

    def _implemented(self, value: Value) -> Value:
        if isinstance(value, Builtin) and value.name == "NotImplemented":
            raise self.raised(TypeError, "unsupported operand type(s)")
        return value

    def store(self, container: Value, index: Value, value: Value) -> None:
        """``container[index] = value``; supplied by the layer of containers."""
        raise NotImplementedError

    def _operand(self, value: Value) -> Value:
        """Choices between numbers of different kinds fork; a choice is no operand."""
        value = self.resolve(value)
        return self.plain(value) if isinstance(value, Member) and is_mixed(value) else value

    def _mismatch(self, *values: Value) -> Exception:
        """A plain type mismatch raises in CPython; an object may define the operator, which is outside the subset."""
        if any(isinstance(v, Ref) or not is_plain(v) for v in values):
            return self.unsupported("an operator on these objects")
        return self.raised(TypeError, "unsupported operand type(s)")

    def _known(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        self._refuse_enormous(kind, a, b)
        if kind not in KNOWN:
            raise self.unsupported(f"operator {kind.__name__}")
        try:
            result = KNOWN[kind](a, b)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self.raised(type(error), str(error)) from error
        if isinstance(result, complex):
            raise self.unsupported("a complex number")
        return result

    def _refuse_enormous(self, kind: type[ast.operator], a: Value, b: Value) -> None:
        if isinstance(a, float) or isinstance(b, float):
            return
        x, y = int(a), int(b)
        bits = 0
        if kind is ast.Pow and y > 0 and abs(x) > 1:
            bits = x.bit_length() * y
        elif kind is ast.LShift and y > 0:
            bits = x.bit_length() + y if x else 0
        elif kind is ast.Mult:
            bits = x.bit_length() + y.bit_length()
        if bits > MAX_BITS:
            raise self.unsupported(f"an int of more than {MAX_BITS} bits")

    # -- ints -------------------------------------------------------------------------------------------------

    def _integral(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        if kind in (ast.BitAnd, ast.BitOr, ast.BitXor):
            return self._bitwise(kind, a, b)
        x, y = self.integer(a), self.integer(b)
        if kind is ast.Add:
            return self.value_of("i", x + y)
        if kind is ast.Sub:
            return self.value_of("i", x - y)
        if kind is ast.Mult:
            return self.value_of("i", x * y)
        if kind in (ast.FloorDiv, ast.Mod):
            self.forbid(y == 0, ZeroDivisionError, "integer division or modulo by zero")
            return self.value_of("i", (arithmetic.floor_divide if kind is ast.FloorDiv else arithmetic.modulo)(x, y))
        if kind is ast.Div:
            return self._ratio(x, y)
        if kind in (ast.LShift, ast.RShift):
            return self._shift(kind, a, b)
        if kind is ast.Pow:
            return self.power(a, b)
        raise self.unsupported(f"operator {kind.__name__}")

    def _ratio(self, x: z3.ArithRef, y: z3.ArithRef) -> Value:
        self.has_floats = True
        self.forbid(y == 0, ZeroDivisionError, "division by zero")
        size, limit = z3.If(x < 0, -x, x), z3.IntVal(arithmetic.FLOAT_LIMIT, self.context)
        self.forbid(size >= limit * z3.If(y < 0, -y, y), OverflowError, "integer division result too large for a float")
        return self.value_of("f", arithmetic.true_ratio(x, y, self.context))

    def _bitwise(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        if arithmetic.kind_of(a) == "b" and arithmetic.kind_of(b) == "b":
            x, y = arithmetic.boolean(a, self.context), arithmetic.boolean(b, self.context)
            joined = z3.And(x, y) if kind is ast.BitAnd else z3.Or(x, y) if kind is ast.BitOr else z3.Xor(x, y)
            return self.value_of("b", joined)
        if isinstance(a, Sym) and isinstance(b, Sym):
            return self._bit_by_bit(kind, a, b)
        x, y = self.integer(a), self.integer(b)
        common = self._common_bits(a, b) if not isinstance(b, Sym) else self._common_bits(b, a)
        term = {ast.BitAnd: common, ast.BitOr: x + y - common, ast.BitXor: x + y - 2 * common}[kind]
        return self.value_of("i", term)

    def _common_bits(self, a: Value, b: Value) -> z3.ArithRef:
        """``a & b`` over two's complement without end, for a known ``b``."""
        x, mask = self.integer(a), int(b)
        return x - self._masked(x, ~mask) if mask < 0 else self._masked(x, mask)

    def _bits_of(self, value: Sym) -> list[z3.BoolRef]:
        """The bits of an int that is not negative and bounded; those of an earlier result are remembered."""
        term = self.integer(value)
        if term.get_id() in self.bits:
            return self.bits[term.get_id()][1]
        top = next((n for n in (1, 8, 16, 32) if not self.feasible(z3.Or(term < 0, term >= 2**n))), None)
        if top is None:
            raise self.unsupported("a bit operation on ints without bound")
        return [arithmetic.bit(term, n) == 1 for n in range(top)]

    def _bit_by_bit(self, kind: type[ast.operator], a: Sym, b: Sym) -> Value:
        x, y = self._bits_of(a), self._bits_of(b)
        no = z3.BoolVal(False, self.context)  # noqa: FBT003 - z3's signature
        size = max(len(x), len(y))
        pairs = zip(x + [no] * (size - len(x)), y + [no] * (size - len(y)), strict=True)
        made = {ast.BitAnd: z3.And, ast.BitOr: z3.Or, ast.BitXor: z3.Xor}[kind]
        bits = [z3.simplify(made(p, q)) for p, q in pairs]
        result = self.value_of("i", z3.Sum([z3.If(bit, 2**n, 0) for n, bit in enumerate(bits)]))
        if isinstance(result, Sym):
            self.bits[result.term.get_id()] = (result.term, bits)  # the term is kept, so that its id stays its own
        return result

    def _masked(self, x: z3.ArithRef, mask: int) -> z3.ArithRef:
        if mask & (mask + 1) == 0:
            return x % (mask + 1)
        bits = [n for n in range(mask.bit_length()) if mask >> n & 1]
        if len(bits) > MAX_EXPONENT:
            raise self.unsupported("a bit operation with this mask")
        return z3.Sum([arithmetic.bit(x, n) * 2**n for n in bits])

    def _shift(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        self.forbid(self.integer(b) < 0, ValueError, "negative shift count")
        factor = self.power(2, b)
        if kind is ast.LShift:
            return self.binary(ast.Mult, a, factor)
        return self.value_of("i", arithmetic.floor_divide(self.integer(a), self.integer(factor)))

    def power(self, a: Value, b: Value) -> Value:
        """Int ``**`` int with an exponent of few possible values; a negative one gives a float."""
        if isinstance(b, int):
            if b < 0 or b > MAX_EXPONENT:
                raise self.unsupported("a power with this exponent")
            result = z3.IntVal(1, self.context)
            for _ in range(b):
                result = result * self.integer(a)
            return self.value_of("i", result)
        exponent = self.integer(b)
        if self.decide(exponent < 0):
            raise self.unsupported("a power with a negative exponent")
        top = next((n for n in (8, 16, 32, MAX_EXPONENT) if not self.feasible(exponent > n)), None)
        if top is None or (isinstance(a, Sym) and top > 16):
            raise self.unsupported("a power with an exponent without bound")
        result = z3.IntVal(1, self.context)
        power = self.integer(a)
        for n in range(1, top + 1):
            result = z3.If(exponent == n, power, result)
            power = z3.simplify(power * self.integer(a))
        return self.value_of("i", result)

    def bit_length(self, value: Value) -> Value:
        """``int.bit_length`` of an int below 2**64 in magnitude."""
        if arithmetic.kind_of(value) not in ("i", "b"):
            raise self.unsupported("bit_length of this value")
        if not isinstance(value, Sym):
            return int(value).bit_length()
        term = self.integer(value)
        size = z3.If(term < 0, -term, term)
        if self.feasible(size >= 2**MAX_EXPONENT):
            raise self.unsupported(f"bit_length of an int that may have more than {MAX_EXPONENT} bits")
        result = z3.IntVal(MAX_EXPONENT, self.context)
        for bits in range(MAX_EXPONENT - 1, -1, -1):
            result = z3.If(size < 2**bits, bits, result)
        return self.value_of("i", result)

    # -- floats -----------------------------------------------------------------------------------------------

    def to_double(self, value: Value) -> z3.FPRef:
        """A number as a double; an int too large raises ``OverflowError``."""
        self.has_floats = True
        if arithmetic.kind_of(value) == "i":
            if not isinstance(value, Sym):
                if abs(value) >= arithmetic.FLOAT_LIMIT:
                    raise self.raised(OverflowError, "int too large to convert to float")
            else:
                limit = z3.IntVal(arithmetic.FLOAT_LIMIT, self.context)
                failure = z3.Or(value.term >= limit, value.term <= -limit)
                self.forbid(failure, OverflowError, "int too large to convert to float")
        return arithmetic.double(value, self.context)

    def _double(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        x, y = self.to_double(a), self.to_double(b)
        rounding = arithmetic.nearest(self.context)
        plain = {ast.Add: doubles.add, ast.Sub: doubles.subtract, ast.Mult: doubles.multiply}.get(kind)
        if plain is not None:
            return self.value_of("f", plain(rounding, x, y))
        if kind in (ast.Div, ast.Mod):
            self.forbid(doubles.is_zero(y), ZeroDivisionError, "float division by zero")
            ratio = doubles.divide(rounding, x, y) if kind is ast.Div else arithmetic.float_modulo(x, y)
            return self.value_of("f", ratio)
        if kind is ast.FloorDiv:
            self.forbid(doubles.is_zero(y), ZeroDivisionError, "float floor division by zero")
            return self.value_of("f", arithmetic.float_floor_divide(x, y))
        if kind is ast.Pow:
            return self._double_power(x, b)
        raise self.unsupported(f"{kind.__name__} on unknown floats")

    def _double_power(self, x: z3.FPRef, exponent: Value) -> Value:
        """``x ** n``: C's ``pow``, whose last digit only the C library knows, by products or a root to search with."""
        rounding = arithmetic.nearest(self.context)
        if isinstance(exponent, Sym) or abs(exponent) > 8 or (exponent != int(exponent) and exponent != 0.5):
            raise self.unsupported("this power of an unknown float")
        if exponent in (0, 1):
            return self.value_of("f", x) if exponent else 1.0
        self.approximate("a power of a float")
        if exponent == 0.5:
            if self.decide(doubles.is_negative(x)):
                raise self.unsupported("a root of a negative float")
            return self.value_of("f", doubles.square_root(rounding, x))
        if exponent < 0:
            self.forbid(doubles.is_zero(x), ZeroDivisionError, "0.0 cannot be raised to a negative power")
        result = x
        for _ in range(abs(int(exponent)) - 1):
            result = doubles.multiply(rounding, result, x)
        overflow = z3.And(doubles.is_infinite(result), z3.Not(doubles.is_infinite(x)))
        self.forbid(overflow, OverflowError, "Numerical result out of range")
        if exponent < 0:
            result = doubles.divide(rounding, arithmetic.constant(1.0, self.context), result)
        return self.value_of("f", result)

    def negate(self, value: Value) -> Value:
        """``-value``."""
        value = self.resolve(value)
        kind = arithmetic.kind_of(value)
        if kind is None:
            raise self._mismatch(value)
        if not isinstance(value, Sym):
            return -value
        if kind == "f":
            return self.value_of("f", doubles.negate(value.term))
        return self.value_of("i", -self.integer(value))

    # -- sequences --------------------------------------------------------------------------------------------

    def _concatenate(self, a: Value, b: Value) -> Value:
        if is_text(a) and is_text(b):
            return text_of((*code_points(a), *code_points(b)))
        if (left := self.as_tuple(a)) is not None and (right := self.as_tuple(b)) is not None:
            return left + right
        if isinstance(a, Ref) and isinstance(b, Ref):
            x, y = self.heap[a.id], self.heap[b.id]
            if isinstance(x, ListCell) and isinstance(y, ListCell):
                return self.new(ListCell(x.items + y.items))
        raise self._mismatch(a, b)

    def _repeat(self, sequence: Value, count: Value) -> Value:
        times = self.choose_integer(count, 0, 8) if isinstance(count, Sym) else max(0, int(count))
        if times > MAX_ITEMS:
            raise UnsupportedError(f"more than {MAX_ITEMS} items", self.line)
        if is_text(sequence):
            return text_of(code_points(sequence) * times)
        if isinstance(sequence, tuple):
            return sequence * times
        cell = self.heap[sequence.id] if isinstance(sequence, Ref) else None
        if isinstance(cell, ListCell):
            return self.new(ListCell(cell.items * times))
        raise self._mismatch(sequence, count)

    def choose_integer(self, value: Value, low: int, high: int) -> int:
        """A known int for ``value`` clamped below at ``low``, by forking; more than ``high`` is outside the subset."""
        value = self.resolve(value)
        if not isinstance(value, Sym):
            return max(low, int(value))
        term = self.integer(value)
        options = [term <= low, *[term == n for n in range(low + 1, high + 1)], term > high]
        index = self.choose(options)
        if index == len(options) - 1:
            raise self.unsupported("a length or count without bound")
        return low + index
