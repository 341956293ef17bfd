"""A solver's model turned back into typed Python values, as the evidence and the replay write them."""

from __future__ import annotations

import struct
from decimal import Context, Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import doubles
from maestro_symbolic.engine.managing import Managing
from maestro_symbolic.engine.values import (
    Builtin,
    Choice,
    ClassValue,
    DictCell,
    Exact,
    ExceptionValue,
    ListCell,
    Manager,
    Member,
    ObjectCell,
    Ref,
    SetCell,
    Sym,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.engine.values import Cell, Term, Value

WIDE = Context(prec=2000)


class Decoding(Managing):
    """Values under a model."""

    def decoded(self, value: Value, model: z3.ModelRef, heap: Mapping[int, Cell]) -> object:  # noqa: C901 - one branch per kind
        """A value under a model, in the typed JSON of the evidence."""
        if isinstance(value, Choice):
            for guard, option in value.options:
                if z3.is_true(model.eval(guard, model_completion=True)):
                    return self.decoded(option, model, heap)
            return self.decoded(value.options[-1][1], model, heap)
        if isinstance(value, Sym):
            return self._decoded_term(value, model)
        if isinstance(value, Text):
            points = [
                c if isinstance(c, int) else model.eval(c.term, model_completion=True).as_long() for c in value.chars
            ]
            return {"str": "".join(map(chr, points)).encode("utf-16-le", "surrogatepass").hex()}
        if isinstance(value, tuple):
            return {"tuple": [self.decoded(v, model, heap) for v in value]}
        if isinstance(value, Ref):
            return self._decoded_cell(heap[value.id], model, heap)
        if isinstance(value, Member):
            return {"member": f"{importable(value.info.name)}.{value.name}"}
        if isinstance(value, ExceptionValue):
            return {"raised": value.kind.__name__ if isinstance(value.kind, type) else value.kind.name}
        if isinstance(value, ClassValue):
            return {"class": importable(value.info.name)}
        if isinstance(value, Exact):
            return exact_encoded(value, model)
        if isinstance(value, Manager | Builtin):
            return {"lock": ""} if isinstance(value, Manager) else {"logger": ""}
        return encoded(value)

    def _decoded_term(self, value: Sym, model: z3.ModelRef) -> object:
        term = model.eval(value.term, model_completion=True)
        if value.kind == "b":
            return encoded(bool(z3.is_true(term)))
        if value.kind == "f":
            return encoded(double_of(term))
        number = term.as_long()
        if value.kind == "i":
            return encoded(number)
        known = {place: text for text, place in self.atoms.items()}
        text = known.get(number, f"s{number}" if number >= 0 else f"s_{-number}")
        while number not in known and text in self.atoms:
            text += "_"
        return encoded(text)

    def _decoded_cell(self, cell: Cell, model: z3.ModelRef, heap: Mapping[int, Cell]) -> object:
        if isinstance(cell, ListCell):
            return {"list": [self.decoded(v, model, heap) for v in cell.items]}
        if isinstance(cell, SetCell):
            return {"set": sorted((self.decoded(v, model, heap) for v in cell.items), key=str)}
        if isinstance(cell, DictCell):
            return {"dict": [[self.decoded(k, model, heap), self.decoded(v, model, heap)] for k, v in cell.entries]}
        if isinstance(cell, ObjectCell):
            fields = {name: self.decoded(v, model, heap) for name, v in cell.fields.items()}
            return {"obj": importable(cell.info.name), "fields": fields}
        return {"unknown": "length"}


def importable(name: str) -> str:
    """A class as the replay finds it: by its name in the module, or as ``package.module:Class``."""
    place, _, last = name.rpartition(".")
    return f"{place}:{last}" if place else last


def encoded(value: object) -> object:
    """A plain value as typed JSON: ints in hexadecimal, floats as exact hexadecimal, text as UTF-16."""
    if value is None:
        return {"none": ""}
    if isinstance(value, bool):
        return {"bool": "true" if value else "false"}
    if isinstance(value, int):
        return {"int": hex(value)}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, str):
        return {"str": value.encode("utf-16-le", "surrogatepass").hex()}
    return {"unknown": type(value).__name__}


def exact_encoded(value: Exact, model: z3.ModelRef) -> object:
    """An exact number or time under a model."""
    term = model.eval(value.term, model_completion=True)
    if value.kind == "fraction":
        if not z3.is_rational_value(term):
            term = term.approx(20)
        number = Fraction(term.numerator_as_long(), term.denominator_as_long())
        return {"fraction": str(number)}
    if value.kind == "decimal":
        return {"decimal": str(Decimal(term.as_long()).scaleb(-value.scale, WIDE).normalize(WIDE))}
    return {value.kind: str(term.as_long())}


def double_of(term: Term) -> float:
    """The exact double a model gives, by its 64 bits; every NaN is the same to Python code."""
    if z3.is_true(z3.simplify(doubles.is_nan(term))):
        return float("nan")
    bits = z3.simplify(doubles.to_bits(term)).as_long()
    return float(struct.unpack("<d", bits.to_bytes(8, "little"))[0])
