"""What the executor knows of standard modules: constants, and names whose calls mean something to it."""

from __future__ import annotations

import builtins
import dataclasses
import decimal
import math
import sys

MODULE_CONSTANTS: dict[str, float | int] = {
    "math.inf": math.inf,
    "math.nan": math.nan,
    "math.pi": math.pi,
    "math.e": math.e,
    "math.tau": math.tau,
    "sys.maxsize": sys.maxsize,
    "sys.float_info.max": sys.float_info.max,
    "sys.float_info.min": sys.float_info.min,
    "sys.float_info.epsilon": sys.float_info.epsilon,
}

EXCEPTIONS: dict[str, type[BaseException]] = {
    name: value
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}

EXCEPTIONS |= {
    f"{module.__name__}.{name}": value
    for module in (decimal, dataclasses)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, BaseException)
}

# "implies" is what deal and CrossHair give to contracts.
BUILTIN_NAMES = frozenset({*vars(builtins), "implies"})
