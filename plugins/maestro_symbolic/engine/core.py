"""The state of one path: frames, heap, joins; and how two sides of a branch become one.

Invariant: after ``either`` joined two sides, every name and every heap cell holds the value it would hold on the
side that ``condition`` selects; a difference that cannot be expressed raises, and the search forks instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import z3

from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.search import Search
from maestro_symbolic.engine.values import (
    UNBOUND,
    CannotMergeError,
    Choice,
    CutError,
    DictCell,
    Exact,
    ExceptionValue,
    Frame,
    InfeasibleError,
    ListCell,
    ObjectCell,
    Opaque,
    RaisedError,
    Ref,
    SetCell,
    Sym,
    Text,
    Unbound,
    UnsupportedError,
)

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable, Sequence

    from maestro_symbolic.engine.search import Ledger, Limits
    from maestro_symbolic.engine.values import Cell, ExceptionClass, Term, Value
    from maestro_symbolic.program import Program

R = TypeVar("R")
MERGED, FORKED = 1, 0


class Core(Search):
    """A path with its program, frames and heap."""

    def __init__(
        self, program: Program, context: z3.Context, *, limits: Limits, used: Ledger, trail: Sequence[int], atoms: bool
    ) -> None:
        super().__init__(context, limits, used, trail)
        self.program = program
        self.use_atoms = atoms
        self.heap: dict[int, Cell] = {}
        self.frame = Frame({})
        self.atoms: dict[str, int] = {}
        self.next_id = 0
        self.line = 0
        self.depth = 0
        self.branches: list[int] = []
        self.fresh_after = 0
        self.has_floats = False
        self.globals: dict[str, Value] = {}
        self.shared: dict[int, Cell] = {}
        self.made: list[Term] = []
        self.bits: dict[int, tuple[Term, list[Term]]] = {}

    # -- values -----------------------------------------------------------------------------------------------

    def new(self, cell: Cell) -> Ref:
        """A fresh heap object."""
        self.next_id += 1
        self.heap[self.next_id] = cell
        return Ref(self.next_id)

    def atom(self, text: str) -> int:
        """The integer that stands for a known string among unknown ones."""
        return self.atoms.setdefault(text, -1 - len(self.atoms))

    def integer(self, value: Value) -> Term:
        """An int or bool as a term of this path's context."""
        return arithmetic.integer(value, self.context)

    def value_of(self, kind: str, term: Term) -> Value:
        """A term as a value, plain Python where it is a constant."""
        if isinstance(term, bool):
            return term
        term = z3.simplify(term)
        if kind == "b" and (z3.is_true(term) or z3.is_false(term)):
            return bool(z3.is_true(term))
        if kind == "i" and z3.is_int_value(term):
            return term.as_long()
        return Sym(kind, term)  # type: ignore[arg-type]

    def resolve(self, value: Value) -> Value:
        """One plain value out of a choice, by forking where more than one is possible."""
        while isinstance(value, Choice):
            index = self.choose([guard for guard, _ in value.options])
            value = value.options[index][1]
        if isinstance(value, Unbound):
            raise self.raised(UnboundLocalError, "a name is read before it is bound")
        return self.spelled(value) if isinstance(value, Opaque) else value

    def spelled(self, value: Opaque) -> Value:
        """The text that was formatted from unknowns; supplied by the layer of texts."""
        raise NotImplementedError

    # -- exceptions -------------------------------------------------------------------------------------------

    def raised(self, kind: ExceptionClass, *arguments: Value) -> RaisedError:
        """An exception of the program at the current line."""
        return RaisedError(ExceptionValue(kind, arguments), self.line)

    def forbid(self, failure: Term, kind: ExceptionClass, *arguments: Value) -> None:
        """Raise in the program where ``failure`` holds; go on where it does not."""
        if self.decide(failure):
            raise self.raised(kind, *arguments)

    def unsupported(self, construct: str, node: ast.AST | None = None) -> UnsupportedError:
        """Outside the subset, at the node or the current line."""
        return UnsupportedError(construct, getattr(node, "lineno", self.line))

    # -- joining ----------------------------------------------------------------------------------------------

    def either(
        self, condition: Term, then: Callable[[], R], other: Callable[[], R], join: Callable[[Term, R, R], R]
    ) -> R:
        """Both sides of a condition that is open on this path: joined if they can be, else one, leaving the other."""
        if isinstance(condition, bool):
            return then() if condition else other()
        condition = z3.simplify(condition)
        if z3.is_true(condition) or z3.is_false(condition):
            return then() if z3.is_true(condition) else other()
        told = self.recall()
        if told is None:
            sides = self.feasible(condition), self.feasible(z3.Not(condition))
            if sides == (False, False):
                raise InfeasibleError
            if sides[0] != sides[1]:
                told = 2 if sides[0] else 3
                self.record(told)
        if told in (2, 3):
            self.assume(condition if told == 2 else z3.Not(condition))
            return then() if told == 2 else other()
        if told in (None, MERGED):
            mark = self.position
            if told is None:
                self.record(MERGED)
            try:
                return self._joined(condition, then, other, join)
            except CannotMergeError:
                self.position = mark
                self.record(FORKED)
        return then() if self.choose((condition, z3.Not(condition))) == 0 else other()

    def _joined(
        self, condition: Term, then: Callable[[], R], other: Callable[[], R], join: Callable[[Term, R, R], R]
    ) -> R:
        start = self._save()
        branches = len(self.branches)
        self.speculating += 1
        try:
            with self.assuming(condition):
                first = then()
            left = self._save()
            self._restore(start)
            with self.assuming(z3.Not(condition)):
                second = other()
            right = self._save()
            self._join_states(condition, left, right)
            return join(condition, first, second)
        except (CannotMergeError, CutError, RaisedError, InfeasibleError) as error:
            self._restore(start)
            del self.branches[branches:]
            raise CannotMergeError from error
        finally:
            self.speculating -= 1

    def _save(self) -> tuple[Frame, dict[str, Value], dict[int, Cell]]:
        return self.frame, dict(self.frame.names), dict(self.heap)

    def _restore(self, saved: tuple[Frame, dict[str, Value], dict[int, Cell]]) -> None:
        # The dictionary object stays: closures hold it.
        self.frame = saved[0]
        self.frame.names.clear()
        self.frame.names.update(saved[1])
        self.heap = dict(saved[2])

    def _join_states(
        self,
        condition: Term,
        left: tuple[Frame, dict[str, Value], dict[int, Cell]],
        right: tuple[Frame, dict[str, Value], dict[int, Cell]],
    ) -> None:
        heap = {**right[2], **left[2]}
        for place, cell in left[2].items():
            if place in right[2] and right[2][place] is not cell:
                heap[place] = self._join_cells(condition, cell, right[2][place])
        self.heap = heap
        names = {}
        for name in sorted(left[1].keys() | right[1].keys()):
            names[name] = self.join(condition, left[1].get(name, UNBOUND), right[1].get(name, UNBOUND))
        self.frame.names.clear()
        self.frame.names.update(names)

    def _join_cells(self, condition: Term, a: Cell, b: Cell) -> Cell:
        if isinstance(a, ListCell) and isinstance(b, ListCell) and len(a.items) == len(b.items):
            return ListCell(tuple(self.join(condition, x, y) for x, y in zip(a.items, b.items, strict=True)))
        if isinstance(a, ObjectCell) and isinstance(b, ObjectCell) and a.info is b.info:
            names = sorted(a.fields.keys() | b.fields.keys())
            joined = {n: self.join(condition, a.fields.get(n, UNBOUND), b.fields.get(n, UNBOUND)) for n in names}
            return ObjectCell(a.info, joined, joined=a.joined or b.joined)
        if isinstance(a, SetCell) and isinstance(b, SetCell) and same(a.items, b.items):
            return SetCell(a.items, a.frozen)
        if isinstance(a, DictCell) and isinstance(b, DictCell) and len(a.entries) == len(b.entries):
            pairs = list(zip(a.entries, b.entries, strict=True))
            if all(same(x[0], y[0]) for x, y in pairs):
                return DictCell(tuple((x[0], self.join(condition, x[1], y[1])) for x, y in pairs))
        raise CannotMergeError

    def join(self, condition: Term, a: Value, b: Value) -> Value:
        """The value that is ``a`` where ``condition`` holds and ``b`` where it does not."""
        if same(a, b):
            return a
        kind, other = arithmetic.kind_of(a), arithmetic.kind_of(b)
        if kind is not None and kind == other:
            return self._join_numbers(condition, kind, a, b)
        if isinstance(a, Exact) and isinstance(b, Exact) and (a.kind, a.scale) == (b.kind, b.scale):
            return Exact(a.kind, z3.simplify(z3.If(condition, a.term, b.term)), a.scale)
        if isinstance(a, tuple) and isinstance(b, tuple) and len(a) == len(b):
            return tuple(self.join(condition, x, y) for x, y in zip(a, b, strict=True))
        atoms = [isinstance(v, str) or (isinstance(v, Sym) and v.kind == "a") for v in (a, b)]
        if all(atoms) and not (isinstance(a, str) and isinstance(b, str)):
            return Sym("a", z3.If(condition, self.atom_term(a), self.atom_term(b)))
        if isinstance(a, Text) and isinstance(b, Text) and len(a.chars) == len(b.chars):
            return Text(tuple(self.join(condition, x, y) for x, y in zip(a.chars, b.chars, strict=True)))
        if isinstance(a, Ref) and isinstance(b, Ref):
            joined = self._join_objects(condition, a, b)
            if joined is not None:
                return joined
        return self._choice(condition, a, b)

    def _join_objects(self, condition: Term, a: Ref, b: Ref) -> Ref | None:
        """Two frozen objects of one class as one; nothing but ``is`` could tell, and ``is`` refuses joined objects."""
        x, y = self.heap[a.id], self.heap[b.id]
        if not (isinstance(x, ObjectCell) and isinstance(y, ObjectCell) and x.info is y.info and x.info.frozen):
            return None
        if x.fields.keys() != y.fields.keys():
            return None
        fields = {name: self.join(condition, value, y.fields[name]) for name, value in x.fields.items()}
        return self.new(ObjectCell(x.info, fields, joined=True))

    def atom_term(self, value: Value) -> Term:
        """A string by identity, as an integer term."""
        return value.term if isinstance(value, Sym) else z3.IntVal(self.atom(value), self.context)

    def _join_numbers(self, condition: Term, kind: str, a: Value, b: Value) -> Value:
        if kind == "f":
            x, y = arithmetic.double(a, self.context), arithmetic.double(b, self.context)
        elif kind == "i":
            x, y = self.integer(a), self.integer(b)
        else:
            x, y = arithmetic.boolean(a, self.context), arithmetic.boolean(b, self.context)
        return self.value_of(kind, z3.If(condition, x, y))

    def _choice(self, condition: Term, a: Value, b: Value) -> Choice:
        options: list[tuple[Term, Value]] = []
        for guard, value in (*self._options(condition, a), *self._options(z3.Not(condition), b)):
            for index, (held, known) in enumerate(options):
                if same(known, value):
                    options[index] = (z3.Or(held, guard), known)
                    break
                kind = arithmetic.kind_of(value)
                if kind is not None and arithmetic.kind_of(known) == kind:
                    options[index] = (z3.Or(held, guard), self._join_numbers(guard, kind, value, known))
                    break
            else:
                options.append((guard, value))
        return Choice(tuple(options))

    def _options(self, guard: Term, value: Value) -> list[tuple[Term, Value]]:
        if isinstance(value, Choice):
            return [(z3.And(guard, inner), option) for inner, option in value.options]
        return [(guard, value)]


def same(a: Value, b: Value) -> bool:
    """Whether two values are certainly one: equal constants of one type, one object, or one term."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return bool(a.hex() == b.hex())
    if isinstance(a, bool | int | str | Ref | Unbound | type(None)):
        return bool(a == b)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, Exact):
        return a.kind == b.kind and a.scale == b.scale and bool(a.term.eq(b.term))
    if isinstance(a, Sym):
        return a.kind == b.kind and bool(a.term.eq(b.term))
    if isinstance(a, Choice):
        return False
    return _same_definition(a, b)


def _same_definition(a: Value, b: Value) -> bool:
    """Enumeration members and classes are made anew on each mention; their definition decides."""
    info, name = getattr(a, "info", None), getattr(a, "name", None)
    return bool(info is not None and info is getattr(b, "info", None) and name == getattr(b, "name", None))
