"""Truth, equality, order and membership of values.

Invariant: answers are Python booleans where known and terms where not; comparing never changes the heap, except by
running a class's own ``__eq__``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic, doubles
from maestro_symbolic.engine.core import Core, same
from maestro_symbolic.engine.values import (
    Bound,
    Builtin,
    Choice,
    ClassValue,
    DictCell,
    Exact,
    LengthCell,
    ListCell,
    Member,
    NeedTextError,
    ObjectCell,
    Opaque,
    Range,
    Ref,
    SetCell,
    Sym,
    Text,
    Unbound,
    View,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from maestro_symbolic.engine.values import Term, Value

MIXED = frozenset({"IntEnum", "StrEnum", "int", "str"})
PLAIN = (bool, int, float, tuple, Sym, Ref, ClassValue, Builtin)


class Comparing(Core):
    """Comparison over the values of one path."""

    def call_method(self, target: Value, name: str, arguments: Sequence[Value]) -> Value:
        """Call a method of an object; supplied by the calling layer."""
        raise NotImplementedError

    def find_method(self, target: Value, name: str) -> Bound | None:
        """A method a class of the module defines; supplied by the calling layer."""
        raise NotImplementedError

    def set_of(self, value: Value) -> SetCell | None:
        """The set that a value is; supplied by the layer of sets."""
        raise NotImplementedError

    def subset(self, a: SetCell, b: SetCell) -> Term:
        """``a <= b``; supplied by the layer of sets."""
        raise NotImplementedError

    def ordered_sets(self, operator: str, a: SetCell, b: SetCell) -> Term:
        """Inclusion; supplied by the layer of sets."""
        raise NotImplementedError

    def length(self, value: Value) -> Value:
        """``len(value)``; supplied by the layer of containers."""
        raise NotImplementedError

    def as_tuple(self, value: Value) -> tuple[Value, ...] | None:
        """A tuple's items, those of a named tuple included; ``None`` for anything else."""
        if isinstance(value, tuple):
            return value
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        named = isinstance(cell, ObjectCell) and cell.info.is_named_tuple
        return tuple(cell.fields.values()) if named and isinstance(cell, ObjectCell) else None

    # -- logic ------------------------------------------------------------------------------------------------

    def all_of(self, answers: Iterable[Term]) -> Term:
        """Conjunction, known parts folded."""
        open_terms = []
        for answer in answers:
            if isinstance(answer, bool):
                if not answer:
                    return False
            else:
                open_terms.append(answer)
        return z3.And(*open_terms) if len(open_terms) > 1 else open_terms[0] if open_terms else True

    def any_of(self, answers: Iterable[Term]) -> Term:
        """Disjunction, known parts folded."""
        return self.negation(self.all_of([self.negation(a) for a in answers]))

    def negation(self, answer: Term) -> Term:
        """Not."""
        return (not answer) if isinstance(answer, bool) else z3.Not(answer)

    def truth(self, value: Value) -> Term:
        """``bool(value)`` as Python decides it."""
        if isinstance(value, Choice):
            if any(isinstance(option, Unbound) for _, option in value.options):
                return self.truth(self.resolve(value))
            return self.any_of([self.all_of([g, self.truth(v)]) for g, v in value.options])
        if isinstance(value, Sym):
            if value.kind == "a":
                return value.term != self.atom("")
            zero = {"b": z3.Not, "i": lambda t: t == 0, "f": doubles.is_zero}[value.kind](value.term)
            return z3.Not(zero)
        if isinstance(value, Ref):
            return self._truth_of_object(value)
        if isinstance(value, Text):
            return bool(value.chars)
        if isinstance(value, bool | int | float | str | tuple | type(None)):
            return bool(value)
        if isinstance(value, Unbound | Opaque):
            return self.truth(self.resolve(value))
        return self._truth_of_other(value)

    def _truth_of_other(self, value: Value) -> Term:
        if isinstance(value, Exact):
            return value.term != 0 if value.kind in ("decimal", "fraction", "timedelta") else True
        if isinstance(value, View | Range):
            size = self.length(value)
            return self.integer(size) > 0 if isinstance(size, Sym) else size > 0
        return True

    def _truth_of_object(self, value: Ref) -> Term:
        cell = self.heap[value.id]
        if isinstance(cell, ListCell):
            return bool(cell.items)
        if isinstance(cell, SetCell):
            return bool(cell.items)
        if isinstance(cell, DictCell):
            return bool(cell.entries)
        if (items := self.as_tuple(value)) is not None:
            return bool(items)
        if isinstance(cell, LengthCell):
            return cell.length > 0
        for name in ("__bool__", "__len__"):
            if self.find_method(value, name) is not None:
                return self.truth(self.call_method(value, name, ()))
        return True

    # -- equality ---------------------------------------------------------------------------------------------

    def equal(self, a: Value, b: Value) -> Term:
        """``a == b``."""
        if isinstance(a, Choice) or isinstance(b, Choice):
            return self._equal_choices(a, b)
        kind, other = arithmetic.kind_of(a), arithmetic.kind_of(b)
        if kind is not None and other is not None:
            return self.compare_numbers("==", a, b)
        if isinstance(a, Exact) or isinstance(b, Exact):
            return self.compare_exact("==", a, b)
        if isinstance(a, Opaque) or isinstance(b, Opaque):
            return self.equal(self.resolve(a), self.resolve(b))
        answer = self._equal_plain(a, b)
        return self._equal_others(a, b) if answer is None else answer

    def _equal_plain(self, a: Value, b: Value) -> Term | None:
        """Two texts, tuples or sets; ``None`` for anything else."""
        if is_text(a) and is_text(b):
            return self._equal_texts(a, b)
        if (x := self.as_tuple(a)) is not None and (y := self.as_tuple(b)) is not None:
            return self._equal_items(x, y)
        if (left := self.set_of(a)) is not None and (right := self.set_of(b)) is not None:
            return len(left.items) == len(right.items) and self.subset(left, right)
        return None

    def _equal_others(self, a: Value, b: Value) -> Term:
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._equal_objects(a, b)
        if isinstance(a, Ref) and self.find_method(a, "__eq__") is not None:
            return self.truth(self.call_method(a, "__eq__", (b,)))
        if isinstance(a, Member) or isinstance(b, Member):
            return self._equal_members(a, b)
        if isinstance(b, Ref) and self.find_method(b, "__eq__") is not None:
            return self.truth(self.call_method(b, "__eq__", (a,)))
        if not (is_plain(a) and is_plain(b)):
            raise self.unsupported("equality of these values")
        return same(a, b)

    def _equal_choices(self, a: Value, b: Value) -> Term:
        left = a.options if isinstance(a, Choice) else ((True, a),)
        right = b.options if isinstance(b, Choice) else ((True, b),)
        if any(isinstance(v, Unbound) for _, v in (*left, *right)):
            return self.equal(self.resolve(a), self.resolve(b))
        return self.any_of([self.all_of([g, h, self.equal(x, y)]) for g, x in left for h, y in right])

    def _equal_members(self, a: Value, b: Value) -> Term:
        if isinstance(a, Member) and isinstance(b, Member) and a.info is b.info:
            return same(a, b)
        if any(isinstance(v, Member) and is_mixed(v) for v in (a, b)):
            return self.equal(self.plain(a), self.plain(b))
        return same(a, b)

    def member_value(self, target: Member) -> Value:
        """The value of an enumeration member; supplied by the layer of attributes."""
        raise NotImplementedError

    def plain(self, value: Value) -> Value:
        """The int or text that a member of a mixed enumeration is; a member of a plain one is itself, by name."""
        if isinstance(value, Member) and is_mixed(value):
            return self.member_value(value)
        return None if isinstance(value, Member) else value

    def _equal_texts(self, a: Value, b: Value) -> Term:
        if isinstance(a, Sym) or isinstance(b, Sym):
            if isinstance(a, Text) or isinstance(b, Text):
                raise NeedTextError
            return self.atom_term(a) == self.atom_term(b)
        if isinstance(a, str) and isinstance(b, str):
            return a == b
        return self._equal_items(code_points(a), code_points(b))

    def _equal_items(self, a: Sequence[Value], b: Sequence[Value]) -> Term:
        if len(a) != len(b):
            return False
        return self.all_of([self.identical_or_equal(x, y) for x, y in zip(a, b, strict=True)])

    def identical_or_equal(self, a: Value, b: Value) -> Term:
        """What containers ask: the same object, or equal. A NaN is in a list that holds that very NaN."""
        answer = self.equal(a, b)
        if isinstance(a, Sym | float) and arithmetic.kind_of(a) == "f" and arithmetic.kind_of(b) == "f":
            nan = doubles.is_nan(arithmetic.double(a, self.context))
            if same(a, b) and self.feasible(nan):
                raise self.unsupported("a NaN compared inside a container, where identity decides")
        return answer

    def _equal_objects(self, a: Ref, b: Ref) -> Term:
        x, y = self.heap[a.id], self.heap[b.id]
        if isinstance(x, ObjectCell) and self.find_method(a, "__eq__") is not None:
            return self.truth(self.call_method(a, "__eq__", (b,)))
        if a == b and isinstance(x, ObjectCell) and x.info.dataclass is None:
            return True
        if isinstance(x, ListCell) and isinstance(y, ListCell):
            return self._equal_items(x.items, y.items)
        if isinstance(x, DictCell) and isinstance(y, DictCell):
            return self._equal_dicts(x, y)
        if isinstance(x, ObjectCell) and isinstance(y, ObjectCell):
            if x.info is y.info and x.info.dataclass is not None and x.info.option("eq", default=True):
                names = list(x.fields)
                return self._equal_items([x.fields[n] for n in names], [y.fields.get(n) for n in names])
            if x.joined or y.joined:
                raise self.unsupported("identity of a joined object")
            return a == b
        if isinstance(x, LengthCell) or isinstance(y, LengthCell):
            raise self.unsupported("items of a list of unknown length")
        return False

    def _equal_dicts(self, x: DictCell, y: DictCell) -> Term:
        if len(x.entries) != len(y.entries):
            return False
        found = []
        for key, value in x.entries:
            pairs = [self.all_of([self.equal(key, k), self.identical_or_equal(value, v)]) for k, v in y.entries]
            found.append(self.any_of(pairs))
        return self.all_of(found)

    def identical(self, a: Value, b: Value) -> Term:
        """``a is b`` for ``None``, truth values, members and objects; unknown for other values."""
        if isinstance(a, Choice) or isinstance(b, Choice):
            left = a.options if isinstance(a, Choice) else ((True, a),)
            right = b.options if isinstance(b, Choice) else ((True, b),)
            if any(isinstance(v, Unbound) for _, v in (*left, *right)):
                return self.identical(self.resolve(a), self.resolve(b))
            return self.any_of([self.all_of([g, h, self.identical(x, y)]) for g, x in left for h, y in right])
        if a is None or b is None:
            return a is b
        if isinstance(a, Ref) and isinstance(b, Ref):
            cells = self.heap[a.id], self.heap[b.id]
            if a != b and any(isinstance(c, ObjectCell) and c.joined for c in cells):
                raise self.unsupported("identity of a joined object")
            return a == b
        if arithmetic.kind_of(a) == "b" and arithmetic.kind_of(b) == "b":
            return self.compare_numbers("==", a, b)
        if {arithmetic.kind_of(a), arithmetic.kind_of(b)} & {"b"} or isinstance(a, Member) or isinstance(b, Member):
            return same(a, b)
        raise self.unsupported("'is' between numbers, strings or tuples")

    # -- order ------------------------------------------------------------------------------------------------

    def compare_numbers(self, operator: str, a: Value, b: Value) -> Term:
        """Comparison of two numbers of any kinds, exact across int and float."""
        left, right = arithmetic.kind_of(a), arithmetic.kind_of(b)
        if not isinstance(a, Sym) and not isinstance(b, Sym):
            return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b, "==": a == b}[operator]
        if left == "b" and right == "b" and operator == "==":
            return arithmetic.boolean(a, self.context) == arithmetic.boolean(b, self.context)
        if left != "f" and right != "f":
            return arithmetic.compare_integers(operator, self.integer(a), self.integer(b))
        self.has_floats = True
        if all(k in ("f", "b") or arithmetic.exactly_double(v) for k, v in ((left, a), (right, b))):
            x, y = arithmetic.double(a, self.context), arithmetic.double(b, self.context)
            return arithmetic.compare_doubles(operator, x, y)
        if left == "f":
            mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "=="}[operator]
            return arithmetic.compare_mixed(mirrored, self.integer(b), arithmetic.double(a, self.context))
        return arithmetic.compare_mixed(operator, self.integer(a), arithmetic.double(b, self.context))

    def compare_exact(self, operator: str, a: Value, b: Value) -> Term:
        """Comparison where one side is an exact number or time; supplied by their layer."""
        raise NotImplementedError

    def ordered(self, operator: str, a: Value, b: Value) -> Term:
        """``a < b`` and its siblings."""
        a, b = (self.plain(v) if isinstance(v, Member) and is_mixed(v) else v for v in map(self.resolve, (a, b)))
        if isinstance(a, Exact) or isinstance(b, Exact):
            return self.compare_exact(operator, a, b)
        if arithmetic.kind_of(a) is not None and arithmetic.kind_of(b) is not None:
            return self.compare_numbers(operator, a, b)
        if is_text(a) and is_text(b):
            if isinstance(a, Sym) or isinstance(b, Sym):
                raise NeedTextError
            return self._lexicographic(operator, code_points(a), code_points(b))
        if (x := self.as_tuple(a)) is not None and (y := self.as_tuple(b)) is not None:
            return self._lexicographic(operator, x, y)
        if (left := self.set_of(a)) is not None and (right := self.set_of(b)) is not None:
            return self.ordered_sets(operator, left, right)
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._ordered_objects(operator, a, b)
        if any(isinstance(v, Ref) or not is_plain(v) for v in (a, b)):
            raise self.unsupported("order of these values")
        raise self.raised(TypeError, f"'{operator}' not supported between these values")

    def _ordered_objects(self, operator: str, a: Ref, b: Ref) -> Term:
        x, y = self.heap[a.id], self.heap[b.id]
        if isinstance(x, ListCell) and isinstance(y, ListCell):
            return self._lexicographic(operator, x.items, y.items)
        method = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}[operator]
        if self.find_method(a, method) is not None:
            return self.truth(self.call_method(a, method, (b,)))
        if isinstance(x, ObjectCell) and isinstance(y, ObjectCell) and is_ordered(x, y):
            return self._lexicographic(operator, tuple(x.fields.values()), tuple(y.fields.values()))
        if isinstance(x, DictCell) or isinstance(y, DictCell) or isinstance(x, ListCell) or isinstance(y, ListCell):
            raise self.raised(TypeError, f"'{operator}' not supported between these values")
        raise self.unsupported("order of these objects")

    def _lexicographic(self, operator: str, a: Sequence[Value], b: Sequence[Value]) -> Term:
        """The first place that differs decides; without one, the lengths do."""
        if not a or not b:
            sizes = len(a), len(b)
            return bool(
                {"<": sizes[0] < sizes[1], "<=": sizes[0] <= sizes[1], ">": sizes[0] > sizes[1]}.get(
                    operator, sizes[0] >= sizes[1]
                )
            )
        equal = self.identical_or_equal(a[0], b[0])
        if equal is False:
            return self.ordered(operator, a[0], b[0])
        rest = self._lexicographic(operator, a[1:], b[1:])
        if equal is True:
            return rest
        first = self.ordered(operator, a[0], b[0])
        return self.any_of([self.all_of([equal, rest]), self.all_of([self.negation(equal), first])])


def is_ordered(x: ObjectCell, y: ObjectCell) -> bool:
    """Whether two instances are of one dataclass that defines an order."""
    return x.info is y.info and x.info.option("order", default=False)


def is_plain(value: Value) -> bool:
    """A number, string, tuple, ``None`` or object reference: what cannot define operators by itself."""
    return value is None or is_text(value) or isinstance(value, PLAIN)


def is_mixed(member: Member) -> bool:
    """Whether an enumeration's members are ints or strings too."""
    return bool({base.rpartition(".")[2] for base in member.info.bases} & MIXED)


def is_text(value: Value) -> bool:
    """A string in any form."""
    return isinstance(value, str | Text) or (isinstance(value, Sym) and value.kind == "a")


def code_points(value: Value) -> tuple[Value, ...]:
    """The code points of a string, known or not. Raises ``NeedTextError`` for one known by identity only."""
    if isinstance(value, str):
        return tuple(ord(c) for c in value)
    if isinstance(value, Text):
        return value.chars
    raise NeedTextError


def text_of(chars: Sequence[Value]) -> Value:
    """A string of code points: plain where all are known."""
    if all(isinstance(c, int) for c in chars):
        return "".join(map(chr, chars))
    return Text(tuple(chars))
