"""z3's floating-point functions, each in the context of its arguments.

Invariant: no term of another context is made. z3's own functions fall back to the global context where none is given,
and a term of one context inside another crashes the process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import z3

if TYPE_CHECKING:
    from collections.abc import Callable


def _here(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapped(*arguments: Any) -> Any:
        context = next(a.ctx for a in arguments if isinstance(a, z3.AstRef))
        return function(*arguments, ctx=context)

    return wrapped


absolute = _here(z3.fpAbs)
add = _here(z3.fpAdd)
subtract = _here(z3.fpSub)
multiply = _here(z3.fpMul)
divide = _here(z3.fpDiv)
remainder = _here(z3.fpRem)
square_root = _here(z3.fpSqrt)
negate = _here(z3.fpNeg)
to_integral = _here(z3.fpRoundToIntegral)
from_bits = _here(z3.fpBVToFP)
from_real = _here(z3.fpRealToFP)
to_real = _here(z3.fpToReal)
to_bits = _here(z3.fpToIEEEBV)
less = _here(z3.fpLT)
less_or_equal = _here(z3.fpLEQ)
greater = _here(z3.fpGT)
greater_or_equal = _here(z3.fpGEQ)
equal = _here(z3.fpEQ)
is_nan = _here(z3.fpIsNaN)
is_infinite = _here(z3.fpIsInf)
is_zero = _here(z3.fpIsZero)
is_negative = _here(z3.fpIsNegative)
is_positive = _here(z3.fpIsPositive)
