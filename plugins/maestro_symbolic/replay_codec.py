"""Typed JSON to Python objects and back, in the child that replays; standard library only.

Invariant: ``decode`` makes what the evidence describes, and instances without running their ``__init__``.
"""

from __future__ import annotations

import copyreg
import datetime as dt
import decimal
import enum
import fractions
import importlib
import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

copyreg.pickle(type(threading.RLock()), lambda _lock: (threading.RLock, ()))  # deep copies of objects with locks
copyreg.pickle(type(threading.Lock()), lambda _lock: (threading.Lock, ()))

# The year 1 without a time zone, as the evidence counts.
START = dt.datetime(1, 1, 1)  # noqa: DTZ001
PLAIN: dict[str, Callable[[str], Any]] = {
    "none": lambda _text: None,
    "bool": lambda text: text == "true",
    "int": lambda text: int(text, 16),
    "float": float.fromhex,
    "str": lambda text: bytes.fromhex(text).decode("utf-16-le", "surrogatepass"),
    "decimal": decimal.Decimal,
    "fraction": fractions.Fraction,
    "date": lambda text: dt.date.fromordinal(int(text)),
    "datetime": lambda text: START + dt.timedelta(microseconds=int(text)),
    "timedelta": lambda text: dt.timedelta(microseconds=int(text)),
    "lock": lambda _text: threading.RLock(),
    "logger": lambda _text: logging.getLogger("replayed"),
}
MICROSECOND = dt.timedelta(microseconds=1)


def named(content: str, module: ModuleType) -> Any:
    """A class of the module, or ``package.module:Class`` of another."""
    place, _, name = content.rpartition(":")
    return getattr(importlib.import_module(place) if place else module, name)


def decode(value: Any, module: ModuleType) -> Any:
    """A typed JSON value as a Python object."""
    kind, content = next(iter(value.items()))
    if kind in PLAIN:
        return PLAIN[kind](content)
    if kind in ("list", "tuple", "set"):
        items = [decode(v, module) for v in content]
        return {"list": list, "tuple": tuple, "set": set}[kind](items)
    if kind == "dict":
        return {decode(k, module): decode(v, module) for k, v in content}
    if kind == "member":
        owner, _, name = content.rpartition(".")
        return named(owner, module)[name]
    cls = named(content, module)
    return cls if kind == "class" else made(cls, {n: decode(v, module) for n, v in value["fields"].items()})


def made(cls: Any, fields: dict[str, Any]) -> Any:
    """An instance with these attributes, its ``__init__`` not run; a named tuple is made as its fields say."""
    if issubclass(cls, tuple):
        return cls(**fields)
    instance = cls.__new__(cls)
    for name, field in fields.items():
        object.__setattr__(instance, name, field)
    return instance


def plain_decimal(value: decimal.Decimal) -> str:
    """A Decimal's value, its trailing zeros and the sign of a zero left out, as nothing compares by them."""
    return str(value.normalize(decimal.Context(prec=2000))) if value else "0"


def encode_plain(value: Any) -> Any:
    """A scalar as typed JSON; ``None`` for anything else."""
    if value is None or isinstance(value, bool):
        return {"none": ""} if value is None else {"bool": "true" if value else "false"}
    forms: dict[type, Callable[[], Any]] = {
        int: lambda: {"int": hex(value)},
        float: lambda: {"float": value.hex()},
        str: lambda: {"str": value.encode("utf-16-le", "surrogatepass").hex()},
        decimal.Decimal: lambda: {"decimal": plain_decimal(value)},
        fractions.Fraction: lambda: {"fraction": str(value)},
        dt.date: lambda: {"date": str(value.toordinal())},
        dt.datetime: lambda: {"datetime": str((value - START) // MICROSECOND)},
        dt.timedelta: lambda: {"timedelta": str(value // MICROSECOND)},
    }
    form = forms.get(type(value))
    return None if form is None else form()


def encode(value: Any) -> Any:
    """A Python object as typed JSON; ``opaque`` for what has no form there."""
    plain = encode_plain(value)
    if plain is not None:
        return plain
    if type(value) in (list, tuple):
        return {type(value).__name__: [encode(v) for v in value]}
    if type(value) is dict:
        return {"dict": [[encode(k), encode(v)] for k, v in value.items()]}
    if type(value) in (set, frozenset):
        return {"set": sorted((encode(v) for v in value), key=str)}
    if isinstance(value, enum.Enum):
        return {"member": f"{type(value).__name__}.{value.name}"}
    names = [*getattr(value, "_fields", ()), *getattr(value, "__dict__", {}), *getattr(type(value), "__slots__", ())]
    if names or hasattr(value, "__dataclass_fields__"):
        fields = {n: encode(getattr(value, n)) for n in names if hasattr(value, n)}
        return {"obj": type(value).__name__, "fields": fields}
    return {"opaque": type(value).__name__}
