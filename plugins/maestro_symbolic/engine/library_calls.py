"""Calls of the standard library that are modelled: locks, suppression, loggers, functools, itertools and typing.

Invariant: what only speaks to people (a logger, a warning) gives None and changes nothing.
"""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING

from maestro_symbolic.engine.type_calls import TypeCalls
from maestro_symbolic.engine.values import Builtin, ClassValue, IteratorCell, Manager, ObjectCell, Ref, Sym

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.engine.values import Value
    from maestro_symbolic.program import ClassInfo


class LibraryCalls(TypeCalls):
    """Calls of the standard library on one path."""

    def _call_threading_Lock(self) -> Value:  # noqa: N802 - the name of what is called
        return Manager("lock")

    def _call_threading_RLock(self) -> Value:  # noqa: N802 - the name of what is called
        return Manager("lock")

    def _call_contextlib_suppress(self, *kinds: Value) -> Value:
        return Manager("suppress", tuple(k.info if isinstance(k, ClassValue) else k for k in kinds))

    def _call_contextlib_nullcontext(self, value: Value = None) -> Value:
        return Manager("nullcontext", value=value)

    def _call_logging_getLogger(self, _name: Value = None) -> Value:  # noqa: N802 - the name of what is called
        return Builtin("logging.getLogger()")

    def _call_dataclasses_replace(self, value: Value, **changes: Value) -> Value:
        value = self.resolve(value)
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        if not isinstance(cell, ObjectCell) or cell.info.dataclass is None:
            raise self.raised(TypeError, "replace() should be called on dataclass instances")
        names = [f.target.id for f in self.dataclass_fields(cell.info) if isinstance(f.target, ast.Name)]
        return self.instantiate(cell.info, (), {**{n: cell.fields[n] for n in names}, **changes})

    def _call_copy_copy(self, value: Value) -> Value:
        value = self.resolve(value)
        if not isinstance(value, Ref):
            return value
        if any(self.find_method(value, name) is not None for name in ("__copy__", "__deepcopy__", "__reduce__")):
            raise self.unsupported("a class with its own way of being copied")
        return self.new(self.heap[value.id])

    def _call_copy_deepcopy(self, value: Value) -> Value:
        return self.copied(self.resolve(value), {})

    def copied(self, value: Value, memo: dict[int, Ref]) -> Value:
        """A deep copy; supplied by the layer of paths."""
        raise NotImplementedError

    def dataclass_fields(self, info: ClassInfo) -> list[ast.AnnAssign]:
        """The fields of a dataclass; supplied by the layer of instances."""
        raise NotImplementedError

    def instantiate(self, info: ClassInfo, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """``Class(...)``; supplied by the layer of instances."""
        raise NotImplementedError

    def _call_functools_reduce(self, function: Value, items: Value, *initial: Value) -> Value:
        values = (*initial, *self.items_of(items))
        if not values:
            raise self.raised(TypeError, "reduce() of empty iterable with no initial value")
        total = values[0]
        for value in values[1:]:
            total = self.call_value(function, (total, value))
        return total

    def _call_itertools_chain(self, *sources: Value) -> Value:
        return self.new(IteratorCell(tuple(item for source in sources for item in self.items_of(source))))

    def _call_itertools_pairwise(self, items: Value) -> Value:
        return self.new(IteratorCell(tuple(itertools.pairwise(self.items_of(items)))))

    def _call_itertools_accumulate(self, items: Value, function: Value = None) -> Value:
        found: list[Value] = []
        for item in self.items_of(items):
            step = [item]
            if found:
                pair = (found[-1], item)
                step = [self.binary(ast.Add, *pair) if function is None else self.call_value(function, pair)]
            found += step
        return self.new(IteratorCell(tuple(found)))

    def _call_itertools_combinations(self, items: Value, size: Value) -> Value:
        if isinstance(size, Sym):
            raise self.unsupported("combinations of an unknown size")
        return self.new(IteratorCell(tuple(itertools.combinations(self.items_of(items), size))))

    def _call_itertools_product(self, *sources: Value) -> Value:
        return self.new(IteratorCell(tuple(itertools.product(*map(self.items_of, sources)))))

    def _call_typing_cast(self, _kind: Value, value: Value) -> Value:
        return value

    def _call_deal_implies(self, test: Value, then: Value) -> Value:
        return self.value_of("b", self.any_of([self.negation(self.truth(test)), self.truth(then)]))

    _call_implies = _call_deal_implies
