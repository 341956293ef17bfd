"""Python's numbers as solver terms: pure functions from terms to terms, each with the condition under which it raises.

Invariant: ints are unbounded, floats are IEEE 754 doubles rounded half to even, and an int meets a float as CPython
has it: compared exactly, converted with one rounding.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import doubles
from maestro_symbolic.engine.values import Sym

if TYPE_CHECKING:
    from maestro_symbolic.engine.values import Kind, Term, Value

# The least magnitude that rounds half to even beyond the largest double.
FLOAT_LIMIT = 2**1024 - 2**970


def kind_of(value: Value) -> Kind | None:
    """The kind of a number or truth value, ``None`` for anything else."""
    if isinstance(value, Sym):
        return value.kind if value.kind != "a" else None
    if isinstance(value, bool):
        return "b"
    return "i" if isinstance(value, int) else "f" if isinstance(value, float) else None


def boolean(value: Value, context: z3.Context) -> Term:
    """A truth value as a term."""
    return value.term if isinstance(value, Sym) else z3.BoolVal(bool(value), context)


def integer(value: Value, context: z3.Context) -> Term:
    """An int or bool as an integer term."""
    if isinstance(value, Sym):
        if value.kind == "b":
            return z3.If(value.term, z3.IntVal(1, context), z3.IntVal(0, context))
        return value.term
    return z3.IntVal(int(value), context)


def double(value: Value, context: z3.Context) -> Term:
    """A number as a double, rounded once; an int must be below ``FLOAT_LIMIT`` in magnitude."""
    sort = z3.Float64(context)
    if isinstance(value, Sym):
        if value.kind == "f":
            return value.term
        if value.kind == "b":
            return z3.If(value.term, z3.FPVal(1.0, sort, ctx=context), z3.FPVal(0.0, sort, ctx=context))
        return doubles.from_real(nearest(context), z3.ToReal(value.term), sort)
    return constant(float(value), context)


def constant(value: float, context: z3.Context) -> Term:
    """A double as a term, NaN, infinities and the sign of zero kept."""
    sort = z3.Float64(context)
    if math.isnan(value):
        return z3.fpNaN(sort)
    if math.isinf(value):
        return z3.fpPlusInfinity(sort) if value > 0 else z3.fpMinusInfinity(sort)
    if value == 0:
        return z3.fpMinusZero(sort) if math.copysign(1, value) < 0 else z3.fpPlusZero(sort)
    bits = int.from_bytes(struct.pack(">d", value), "big")
    return z3.simplify(doubles.from_bits(z3.BitVecVal(bits, 64, context), sort))


def nearest(context: z3.Context) -> Term:
    """Round half to even."""
    return z3.RoundNearestTiesToEven(context)


def floor_divide(x: Term, y: Term) -> Term:
    """Int ``//``: SMT-LIB's div is Euclidean, Python's goes down."""
    if z3.is_int_value(y):
        return x / y if y.as_long() > 0 else (-x) / (-y)
    return z3.If(y > 0, x / y, (-x) / (-y))


def bit(x: Term, place: int) -> Term:
    """One bit of an int in two's complement without end, as 0 or 1."""
    return (x / 2**place) % 2


def modulo(x: Term, y: Term) -> Term:
    """Int ``%``: the sign of the divisor."""
    if z3.is_int_value(y):
        return x % y if y.as_long() > 0 else -((-x) % (-y))
    return z3.If(y > 0, x % y, -((-x) % (-y)))


def true_ratio(x: Term, y: Term, context: z3.Context) -> Term:
    """Int ``/`` int: the exact ratio, rounded once; the divisor is not zero and the result does not overflow.

    ``0 / -5`` is -0.0, as CPython signs a zero by its operands.
    """
    sort = z3.Float64(context)
    ratio = doubles.from_real(nearest(context), z3.ToReal(x) / z3.ToReal(y), sort)
    return z3.If(z3.And(x == 0, y < 0), z3.fpMinusZero(sort), ratio)


def float_remainder(x: Term, y: Term) -> Term:
    """C ``fmod`` of finite numbers, ``y`` not zero.

    ``fp.rem`` is the IEEE remainder r with |r| <= |y|/2; where it is negative, r + |y| is exact and equals fmod.
    """
    step = doubles.absolute(y)
    rest = doubles.remainder(doubles.absolute(x), step)
    rest = z3.If(
        z3.And(doubles.is_negative(rest), z3.Not(doubles.is_zero(rest))),
        doubles.add(nearest(x.ctx), rest, step),
        doubles.absolute(rest),
    )
    return z3.If(doubles.is_negative(x), doubles.negate(rest), rest)


def float_floor_divide(x: Term, y: Term) -> Term:
    """Float ``//`` for a divisor that is not zero, step by step as CPython's ``_float_div_mod``."""
    rounding, context = nearest(x.ctx), x.ctx
    one, half = constant(1.0, context), constant(0.5, context)
    # fmod leaves a finite x as it is for an infinite y, which not every solver's fp.rem does.
    fmod = z3.If(doubles.is_infinite(y), x, float_remainder(x, y))
    ratio = doubles.divide(rounding, doubles.subtract(rounding, x, fmod), y)
    turned = z3.And(z3.Not(doubles.is_zero(fmod)), doubles.is_negative(fmod) != doubles.is_negative(y))
    ratio = z3.If(turned, doubles.subtract(rounding, ratio, one), ratio)
    floored = doubles.to_integral(z3.RoundTowardNegative(context), ratio)
    above = doubles.greater(doubles.subtract(rounding, ratio, floored), half)
    snapped = z3.If(above, doubles.add(rounding, floored, one), floored)
    signed = z3.If(doubles.is_negative(x) == doubles.is_negative(y), z3.fpPlusZero(x.sort()), z3.fpMinusZero(x.sort()))
    undefined = z3.Or(doubles.is_nan(x), doubles.is_nan(y), doubles.is_infinite(x))
    return z3.If(undefined, z3.fpNaN(x.sort()), z3.If(doubles.is_zero(ratio), signed, snapped))


def float_modulo(x: Term, y: Term) -> Term:
    """Float ``%``: C ``fmod`` moved to the sign of the divisor, as ``float_rem`` does."""
    rounding = nearest(x.ctx)
    fmod = float_remainder(x, y)
    zero = z3.If(doubles.is_negative(y), z3.fpMinusZero(x.sort()), z3.fpPlusZero(x.sort()))
    moved = z3.If(doubles.is_negative(fmod) == doubles.is_negative(y), fmod, doubles.add(rounding, fmod, y))
    undefined = z3.Or(doubles.is_nan(x), doubles.is_nan(y), doubles.is_infinite(x))
    # An infinite divisor leaves a finite x as it is; fp.rem agrees, but not every solver's does.
    infinite = z3.If(
        z3.Or(doubles.is_zero(x), doubles.is_negative(x) == doubles.is_negative(y)),
        z3.If(doubles.is_zero(x), zero, x),
        y,
    )
    finite = z3.If(doubles.is_zero(fmod), zero, moved)
    return z3.If(undefined, z3.fpNaN(x.sort()), z3.If(doubles.is_infinite(y), infinite, finite))


def compare_mixed(operator: str, whole: Term, real: Term) -> Term:
    """``int operator float``, exact: the float's value against the int, infinities and NaN by rule."""
    value = doubles.to_real(real)
    left = z3.ToReal(whole)
    positive = doubles.is_positive(real)
    exact = {
        "<": left < value,
        "<=": left <= value,
        ">": left > value,
        ">=": left >= value,
        "==": left == value,
    }[operator]
    infinite = {"<": positive, "<=": positive, ">": z3.Not(positive), ">=": z3.Not(positive)}.get(
        operator,
        z3.BoolVal(False, real.ctx),  # noqa: FBT003 - z3's signature
    )
    return z3.And(z3.Not(doubles.is_nan(real)), z3.If(doubles.is_infinite(real), infinite, exact))


def compare_doubles(operator: str, x: Term, y: Term) -> Term:
    """IEEE comparison: every one with NaN is false."""
    return {
        "<": doubles.less,
        "<=": doubles.less_or_equal,
        ">": doubles.greater,
        ">=": doubles.greater_or_equal,
        "==": doubles.equal,
    }[operator](x, y)


def compare_integers(operator: str, x: Term, y: Term) -> Term:
    """Comparison of integer terms."""
    return {"<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y, "==": x == y}[operator]


def exactly_double(value: Value) -> bool:
    """Whether a known int has exactly one double of its value, so that comparing doubles is exact."""
    return isinstance(value, int) and abs(value) <= 2**53


def to_integer(x: Term, mode: str) -> Term:
    """A finite double to int: ``trunc``, ``floor``, ``ceil`` or ``round`` (half to even)."""
    context = x.ctx
    rounding = {
        "trunc": z3.RoundTowardZero,
        "floor": z3.RoundTowardNegative,
        "ceil": z3.RoundTowardPositive,
        "round": z3.RoundNearestTiesToEven,
    }[mode](context)
    return z3.ToInt(doubles.to_real(doubles.to_integral(rounding, x)))
