"""Sets and frozensets: pairwise different members, whose order nobody knows.

Invariant: the members of a set cell differ on the path. Where CPython's order could show, every order is followed;
what no order can change (``len``, ``sum`` of ints, ``sorted``, other sets) takes the members as they lie.
"""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.containing import Containing
from maestro_symbolic.engine.values import DictCell, ExceptionValue, ListCell, ObjectCell, Ref, SetCell, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_symbolic.engine.values import Term, Value

MAX_ORDERED = 3
OPERATORS = {
    ast.BitOr: "union",
    ast.BitAnd: "intersection",
    ast.Sub: "difference",
    ast.BitXor: "symmetric_difference",
}
IN_PLACE = {
    "update": "union",
    "intersection_update": "intersection",
    "difference_update": "difference",
    "symmetric_difference_update": "symmetric_difference",
}


class Sets(Containing):
    """Sets of one path."""

    def make_set(self, items: Iterable[Value], *, frozen: bool = False) -> Ref:
        """A set of the items; equal ones are one member, the first."""
        members: list[Value] = []
        for item in items:
            self.require_hashable(item)
            if not self.decide(self.any_of([self.identical_or_equal(item, known) for known in members])):
                members.append(item)
        return self.new(SetCell(tuple(members), frozen))

    def require_hashable(self, value: Value) -> None:
        """Raise the program's ``TypeError`` for what cannot be a key or member."""
        value = self.resolve(value)
        if isinstance(value, tuple):
            for one in value:
                self.require_hashable(one)
        if isinstance(value, ExceptionValue):
            raise self.unsupported("an exception as a key")
        if not isinstance(value, Ref):
            return
        cell = self.heap[value.id]
        mutable = isinstance(cell, ListCell | DictCell) or (isinstance(cell, SetCell) and not cell.frozen)
        if isinstance(cell, ObjectCell) and not cell.info.is_named_tuple:
            if self.find_method(value, "__hash__") is not None or self.find_method(value, "__eq__") is not None:
                raise self.unsupported("an object with its own __eq__ or __hash__ as a key")
            mutable = cell.info.dataclass is not None and cell.info.option("eq", default=True) and not cell.info.frozen
            if cell.info.option("unsafe_hash", default=False):
                mutable = False
        if mutable:
            raise self.raised(TypeError, "unhashable type")

    def in_some_order(self, cell: SetCell) -> tuple[Value, ...]:
        """The members in an order nobody knows: each is followed."""
        if len(cell.items) < 2:
            return cell.items
        if len(cell.items) > MAX_ORDERED:
            raise self.unsupported(f"the order of a set of more than {MAX_ORDERED} members")
        orders = list(itertools.permutations(cell.items))
        self.fresh_after += 1
        selector = z3.Int(f"?order{self.fresh_after}", self.context)
        return orders[self.choose([selector == n for n in range(len(orders))])]

    def members(self, value: Value) -> tuple[Value, ...]:
        """What iterating gives where its order cannot show."""
        value = self.resolve(value)
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        return cell.items if isinstance(cell, SetCell) else self.items_of(value)

    def set_of(self, value: Value) -> SetCell | None:
        """The set that a value is, dictionary views included; ``None`` for anything else."""
        if isinstance(value, View) and value.what != "values":
            return SetCell(self.items_of(value), frozen=False)
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        return cell if isinstance(cell, SetCell) else None

    def _has(self, items: Iterable[Value], one: Value) -> Term:
        return self.any_of([self.identical_or_equal(known, one) for known in items])

    def subset(self, a: SetCell, b: SetCell) -> Term:
        """``a <= b``."""
        return self.all_of([self._has(b.items, one) for one in a.items])

    def ordered_sets(self, operator: str, a: SetCell, b: SetCell) -> Term:
        """``a <= b`` and its siblings; members differ, so sizes decide strictness."""
        if operator in (">", ">="):
            a, b = b, a
        if len(a.items) > len(b.items) or (operator in ("<", ">") and len(a.items) == len(b.items)):
            return False
        return self.subset(a, b)

    def combined(self, kind: str, a: tuple[Value, ...], b: tuple[Value, ...]) -> tuple[Value, ...]:
        """The members of a union, intersection, difference or symmetric difference, by forking."""
        if kind == "intersection":
            return tuple(one for one in a if self.decide(self._has(b, one)))
        left = a if kind == "union" else tuple(one for one in a if not self.decide(self._has(b, one)))
        if kind == "difference":
            return left
        return (*left, *(one for one in b if not self.decide(self._has(a, one))))

    def set_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value | None:
        """``a | b`` and its siblings; ``None`` if these are not two sets."""
        x, y = self.set_of(a), self.set_of(b)
        if x is None or y is None or kind not in OPERATORS:
            return None
        return self.new(SetCell(self.combined(OPERATORS[kind], x.items, y.items), x.frozen))

    def set_method(self, target: Ref, name: str, values: tuple[Value, ...]) -> Value:
        """A method of a set or frozenset."""
        cell = self.heap[target.id]
        assert isinstance(cell, SetCell)  # noqa: S101 - the dispatch has looked
        if name in OPERATORS.values():
            return self.new(SetCell(self._folded(name, cell.items, values), cell.frozen))
        if name in ("issubset", "issuperset", "isdisjoint") and len(values) == 1:
            other = SetCell(self.make_cell(values[0]))
            if name == "isdisjoint":
                return self.value_of("b", self.negation(self.any_of([self._has(other.items, x) for x in cell.items])))
            pair = (cell, other) if name == "issubset" else (other, cell)
            return self.value_of("b", self.subset(*pair))
        if name == "copy" and not values:
            return self.new(SetCell(cell.items, cell.frozen))
        if cell.frozen:
            raise self.raised(AttributeError, name)
        return self._changed(target, cell, name, values)

    def make_cell(self, value: Value) -> tuple[Value, ...]:
        """The distinct members of any iterable."""
        made = self.heap[self.make_set(self.members(value)).id]
        assert isinstance(made, SetCell)  # noqa: S101 - just made
        return made.items

    def _folded(self, kind: str, items: tuple[Value, ...], others: tuple[Value, ...]) -> tuple[Value, ...]:
        for other in others:
            items = self.combined(kind, items, self.make_cell(other))
        return items

    def _changed(self, target: Ref, cell: SetCell, name: str, values: tuple[Value, ...]) -> Value:
        items = cell.items
        if name in IN_PLACE:
            items = self._folded(IN_PLACE[name], items, values)
        elif name == "clear" and not values:
            items = ()
        elif name == "add" and len(values) == 1:
            self.require_hashable(values[0])
            if not self.decide(self._has(items, values[0])):
                items = (*items, values[0])
        elif name in ("remove", "discard") and len(values) == 1:
            kept = tuple(one for one in items if not self.decide(self.identical_or_equal(one, values[0])))
            if name == "remove" and len(kept) == len(items):
                raise self.raised(KeyError, values[0])
            items = kept
        elif name == "pop" and not values:
            if not items:
                raise self.raised(KeyError, "pop from an empty set")
            first, *rest = self.in_some_order(cell)
            self.heap[target.id] = SetCell(tuple(rest))
            return first
        else:
            raise self.unsupported(f"set.{name} with these arguments")
        self.heap[target.id] = SetCell(items)
        return None

    def sum_is_free_of_order(self, items: tuple[Value, ...]) -> bool:
        """Whether adding in another order gives the same: no floats."""
        return all(arithmetic.kind_of(self.resolve(item)) in ("i", "b") for item in items)
