"""Subscripts, slices, membership, iteration and mutation of lists, tuples, strings and dictionaries.

Invariant: a container's length is known on every path; what is unknown is its items.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.comparing import code_points, is_text, text_of
from maestro_symbolic.engine.operating import MAX_ITEMS
from maestro_symbolic.engine.times import Times
from maestro_symbolic.engine.values import (
    Choice,
    ClassValue,
    DictCell,
    IteratorCell,
    LengthCell,
    ListCell,
    Member,
    ObjectCell,
    Range,
    Ref,
    SetCell,
    Sym,
    Unbound,
    View,
)

if TYPE_CHECKING:
    from maestro_symbolic.engine.values import Term, Value

MAX_LENGTH = 2**63 - 1  # what len() can return: Py_ssize_t on the machines we know


class Containing(Times):
    """Containers of one path."""

    def items_of(self, value: Value) -> tuple[Value, ...]:
        """What iterating gives, in order."""
        value = self.resolve(value)
        if isinstance(value, tuple):
            return value
        if is_text(value):
            return tuple(text_of((c,)) for c in code_points(value))
        if (items := self.as_tuple(value)) is not None:
            return items
        if isinstance(value, Ref):
            return self._cell_items(value)
        if isinstance(value, View):
            return self._viewed(value)
        if isinstance(value, Range):
            return self.numbers(value)
        if isinstance(value, ClassValue) and value.info.is_enum:
            return tuple(Member(value.info, name) for name in value.info.members)
        if arithmetic.kind_of(value) is not None or value is None:
            raise self.raised(TypeError, "object is not iterable")
        raise self.unsupported("iterating this value")

    def _cell_items(self, value: Ref) -> tuple[Value, ...]:
        cell = self.heap[value.id]
        if isinstance(cell, ListCell):
            return cell.items
        if isinstance(cell, DictCell):
            return tuple(key for key, _ in cell.entries)
        if isinstance(cell, SetCell):
            return self.in_some_order(cell)
        if isinstance(cell, IteratorCell):
            self.check_sources(cell)
            self.heap[value.id] = IteratorCell(())
            return cell.items
        raise self.unsupported("iterating this object")

    def new_iterator(self, items: tuple[Value, ...], *origins: Value) -> Ref:
        """An iterator over items taken early from containers."""
        places = [o.target if isinstance(o, View) else o for o in origins]
        sources = tuple((o.id, self.heap[o.id]) for o in places if isinstance(o, Ref))
        plain = tuple((place, cell) for place, cell in sources if not isinstance(cell, IteratorCell))
        inner = [one for _, cell in sources if isinstance(cell, IteratorCell) for one in cell.sources]
        return self.new(IteratorCell(items, (*plain, *inner)))

    def check_sources(self, cell: IteratorCell) -> None:
        """Refuse items that were taken from a container which has changed since."""
        if any(self.heap.get(place) is not before for place, before in cell.sources):
            raise self.unsupported("a container that changes while it is iterated")

    def in_some_order(self, cell: SetCell) -> tuple[Value, ...]:
        """A set's members in an unknown order; supplied by the layer of sets."""
        raise NotImplementedError

    def _viewed(self, view: View) -> tuple[Value, ...]:
        cell = self.heap[view.target.id]
        assert isinstance(cell, DictCell)  # noqa: S101 - only dictionaries have views
        if view.what == "items":
            return tuple(cell.entries)
        return tuple(pair[view.what == "values"] for pair in cell.entries)

    def numbers(self, value: Range) -> tuple[Value, ...]:
        """The numbers of a range, counted out by forking where its bounds are unknown."""
        known = self.known_range((value.start, value.stop, value.step))
        if known is not None:
            return known
        count = self.choose_integer(self._range_length(value), 0, self.limits.unroll)
        terms = [self.binary(ast.Mult, n, value.step) for n in range(count)]
        return tuple(self.binary(ast.Add, value.start, term) for term in terms)

    def _range_length(self, value: Range) -> Value:
        if isinstance(value.step, Sym) or value.step == 0:
            raise self.unsupported("a range with an unknown or zero step")
        low, high = (value.start, value.stop) if value.step > 0 else (value.stop, value.start)
        step, span = abs(int(value.step)), self.integer(high) - self.integer(low)
        return self.value_of("i", z3.If(span > 0, (span + step - 1) / step, 0))

    def _in_range(self, item: Value, value: Range) -> Term:
        if arithmetic.kind_of(item) not in ("i", "b"):
            return self.any_of([self.equal(item, known) for known in self.numbers(value)])
        if isinstance(value.step, Sym) or value.step == 0:
            raise self.unsupported("a range with an unknown or zero step")
        term, start, stop = (self.integer(self.resolve(v)) for v in (item, value.start, value.stop))
        inside = z3.And(term >= start, term < stop) if value.step > 0 else z3.And(term <= start, term > stop)
        return z3.And(inside, (term - start) % abs(int(value.step)) == 0)

    def length(self, value: Value) -> Value:
        """``len(value)``."""
        value = self.resolve(value)
        if isinstance(value, Ref):
            cell = self.heap[value.id]
            if isinstance(cell, LengthCell):
                return Sym("i", cell.length)
            if isinstance(cell, ObjectCell) and self.find_method(value, "__len__") is not None:
                return self.call_method(value, "__len__", ())
            if isinstance(cell, SetCell):
                return len(cell.items)
            if isinstance(cell, IteratorCell):
                raise self.raised(TypeError, "object of type 'iterator' has no len()")
        if is_text(value):
            return len(code_points(value))
        if isinstance(value, Range):
            count = self._range_length(value)
            self.forbid(self.integer(count) > MAX_LENGTH, OverflowError, "Python int too large to convert to C ssize_t")
            return count
        return len(self.items_of(value))

    def contains(self, item: Value, container: Value) -> Term:
        """``item in container``."""
        container = self.resolve(container)
        if is_text(container):
            return self._contains_text(item, container)
        if isinstance(container, Range):
            return self._in_range(self.resolve(item), container)
        if isinstance(container, Ref) and isinstance(cell := self.heap[container.id], SetCell | IteratorCell):
            if isinstance(cell, IteratorCell):
                raise self.unsupported("membership in an iterator")
            return self.any_of([self.identical_or_equal(item, known) for known in cell.items])
        if isinstance(container, Ref) and self.find_method(container, "__contains__") is not None:
            return self.truth(self.call_method(container, "__contains__", (item,)))
        return self.any_of([self.identical_or_equal(item, known) for known in self.items_of(container)])

    def _contains_text(self, item: Value, container: Value) -> Term:
        item = self.resolve(item)
        if not is_text(item):
            raise self.raised(TypeError, "'in <string>' requires string as left operand")
        if isinstance(item, Sym) or isinstance(container, Sym):
            code_points(item)
        needle, hay = code_points(item), code_points(container)
        starts = range(len(hay) - len(needle) + 1)
        return self.any_of(
            [self.all_of([self.equal(a, b) for a, b in zip(needle, hay[i:], strict=False)]) for i in starts]
        )

    # -- subscripts -------------------------------------------------------------------------------------------

    def subscript(self, container: Value, index: Value) -> Value:
        """``container[index]``."""
        container = self.resolve(container)
        cell = self.heap[container.id] if isinstance(container, Ref) else None
        if isinstance(cell, DictCell):
            return self._look_up(cell, index)
        if isinstance(cell, ObjectCell) and self.find_method(container, "__getitem__") is not None:
            return self.call_method(container, "__getitem__", (index,))
        if isinstance(container, ClassValue):
            return self._member_named(container, self.resolve(index))
        known = self.as_tuple(container) is not None or isinstance(container, Range)
        if not (is_text(container) or known or isinstance(cell, ListCell)):
            raise self.unsupported("a subscript of this value")
        return self._item(self.items_of(container), index)

    def _member_named(self, container: ClassValue, name: Value) -> Value:
        if not container.info.is_enum or not isinstance(name, str):
            raise self.unsupported("a subscript of a class")
        if name not in container.info.members:
            raise self.raised(KeyError, name)
        return Member(container.info, name)

    def _item(self, items: tuple[Value, ...], index: Value) -> Value:
        place = self._place(items, index)
        if isinstance(place, int):
            return items[place]
        result = items[-1]
        for n in range(len(items) - 2, -1, -1):
            result = self.join(place == n, items[n], result)
        return result

    def _place(self, items: tuple[Value, ...], index: Value) -> Term:
        """The position an index means, counted from the front; raises ``IndexError`` on the path where it is none."""
        index = self.resolve(index)
        if arithmetic.kind_of(index) not in ("i", "b"):
            raise self.raised(TypeError, "indices must be integers")
        size = len(items)
        if not isinstance(index, Sym):
            if not -size <= index < size:
                raise self.raised(IndexError, "index out of range")
            return int(index) % size
        term = self.integer(index)
        self.forbid(z3.Or(term < -size, term >= size), IndexError, "index out of range")
        return z3.If(term < 0, term + size, term)

    def _look_up(self, cell: DictCell, key: Value) -> Value:
        matches = [self.equal(key, known) for known, _ in cell.entries]
        found = self.any_of(matches)
        self.forbid(self.negation(found), KeyError, key)
        return self._first_match(matches, [v for _, v in cell.entries])

    def _first_match(self, matches: list[Term], values: list[Value]) -> Value:
        """The value whose match holds; the last one stands where no earlier does."""
        result = values[-1]
        for match, value in zip(reversed(matches[:-1]), reversed(values[:-1]), strict=True):
            result = (value if match else result) if isinstance(match, bool) else self.join(match, value, result)
        return result

    def get_or(self, cell: DictCell, key: Value, default: Value) -> Value:
        """``dict.get(key, default)``."""
        matches = [self.equal(key, known) for known, _ in cell.entries]
        return self._first_match([*matches, True], [*(v for _, v in cell.entries), default])

    def slice(self, container: Value, bounds: tuple[Value, Value, Value]) -> Value:
        """``container[low:high:step]`` with a known step."""
        container = self.resolve(container)
        items = self.items_of(container)
        start, stop, step = (self.resolve(b) for b in bounds)
        if isinstance(step, Sym):
            raise self.unsupported("a slice with an unknown step")
        if step == 0:
            raise self.raised(ValueError, "slice step cannot be zero")
        start, stop = self._slice_bound(start, len(items)), self._slice_bound(stop, len(items))
        chosen = items[start:stop:step]
        if isinstance(container, Range):
            raise self.unsupported("a slice of a range")
        if is_text(container):
            return text_of([c for piece in chosen for c in code_points(piece)])
        if self.as_tuple(container) is not None:
            return chosen
        if isinstance(container, Ref) and isinstance(self.heap[container.id], ListCell):
            return self.new(ListCell(chosen))
        raise self.unsupported("a slice of this value")

    def _slice_bound(self, bound: Value, size: int) -> int | None:
        if bound is None or not isinstance(bound, Sym):
            return None if bound is None else int(bound)
        term = self.integer(bound)
        options = [term <= -size, *[term == n for n in range(1 - size, size)], term >= size] if size else [True]
        return (self.choose(options) - size) if size else 0

    # -- mutation ---------------------------------------------------------------------------------------------

    def store(self, container: Value, index: Value, value: Value) -> None:
        """``container[index] = value``."""
        container = self.resolve(container)
        cell = self.heap[container.id] if isinstance(container, Ref) else None
        if isinstance(cell, DictCell):
            self._store_key(container, cell, index, value)
        elif isinstance(cell, ListCell):
            place = self._place(cell.items, index)
            known = isinstance(place, int)
            items = [
                (value if n == place else old) if known else self.join(place == n, value, old)
                for n, old in enumerate(cell.items)
            ]
            self.heap[container.id] = ListCell(tuple(items))
        elif isinstance(container, tuple) or is_text(container):
            raise self.raised(TypeError, "object does not support item assignment")
        else:
            raise self.unsupported("item assignment to this object")

    def require_hashable(self, value: Value) -> None:
        """Refuse what cannot be a key; supplied by the layer of sets."""
        raise NotImplementedError

    def _store_key(self, container: Ref, cell: DictCell, key: Value, value: Value) -> None:
        self.require_hashable(key)
        matches = [self.equal(key, known) for known, _ in cell.entries]
        if not self.decide(self.any_of(matches)):
            self.heap[container.id] = DictCell((*cell.entries, (key, value)))
            return
        entries = []
        for match, (known, old) in zip(matches, cell.entries, strict=True):
            new = (value if match else old) if isinstance(match, bool) else self.join(match, value, old)
            entries.append((known, new))
        self.heap[container.id] = DictCell(tuple(entries))

    def store_slice(self, container: Value, bounds: tuple[Value, Value, Value], new: tuple[Value, ...]) -> None:
        """``container[low:high:step] = new``; with nothing new, ``del``."""
        container = self.resolve(container)
        cell = self.heap[container.id] if isinstance(container, Ref) else None
        start, stop, step = (self.resolve(b) for b in bounds)
        if not isinstance(cell, ListCell):
            raise self.unsupported("a slice assigned to this value")
        if isinstance(step, Sym) or step not in (None, 1):
            raise self.unsupported("a slice with a step assigned to")
        items = list(cell.items)
        items[self._slice_bound(start, len(items)) : self._slice_bound(stop, len(items))] = new
        self.heap[container.id] = ListCell(tuple(items))

    def take(self, container: Value, index: Value) -> Value:
        """Remove the item at an index or key and return it: ``pop`` and ``del``."""
        container = self.resolve(container)
        cell = self.heap[container.id] if isinstance(container, Ref) else None
        if isinstance(cell, DictCell):
            matches = [self.equal(index, known) for known, _ in cell.entries]
            self.forbid(self.negation(self.any_of(matches)), KeyError, index)
            place = self.choose([m if not isinstance(m, bool) else z3.BoolVal(m, self.context) for m in matches])
            self.heap[container.id] = DictCell(cell.entries[:place] + cell.entries[place + 1 :])
            return cell.entries[place][1]
        if not isinstance(cell, ListCell):
            raise self.unsupported("removing an item of this object")
        position = self._place(cell.items, index)
        if not isinstance(position, int):
            position = self.choose([position == n for n in range(len(cell.items))])
        self.heap[container.id] = ListCell(cell.items[:position] + cell.items[position + 1 :])
        return cell.items[position]

    # -- ranges -----------------------------------------------------------------------------------------------

    def known_range(self, bounds: tuple[Value, Value, Value]) -> tuple[int, ...] | None:
        """The numbers of a range whose bounds are known; ``None`` otherwise."""
        if any(isinstance(b, Sym | Choice | Unbound) for b in bounds):
            return None
        if any(arithmetic.kind_of(b) not in ("i", "b") for b in bounds):
            raise self.raised(TypeError, "object cannot be interpreted as an integer")
        start, stop, step = (int(b) for b in bounds)
        if step == 0:
            raise self.raised(ValueError, "range() arg 3 must not be zero")
        numbers = range(start, stop, step)
        if len(numbers) > MAX_ITEMS:
            raise self.unsupported(f"a loop of more than {MAX_ITEMS} rounds")
        return tuple(numbers)
