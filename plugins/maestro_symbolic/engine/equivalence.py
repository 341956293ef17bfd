"""Two versions of a function on the same unknown arguments: equal on every pair of paths, or a model that differs."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import z3

from maestro_symbolic.engine.calling import PreconditionError
from maestro_symbolic.engine.paths import End, Path, spread
from maestro_symbolic.engine.search import Ledger, Limits, fresh_context
from maestro_symbolic.engine.values import (
    Choice,
    Closure,
    CutError,
    DictCell,
    ExhaustedError,
    InfeasibleError,
    ListCell,
    Member,
    NeedTextError,
    ObjectCell,
    RaisedError,
    Record,
    Ref,
    UnsupportedError,
)

if TYPE_CHECKING:
    from maestro_symbolic.engine.values import Term, Value
    from maestro_symbolic.program import ClassInfo
    from maestro_symbolic.targets import Target


@dataclass(slots=True)
class Explored:
    """What comparing two versions found."""

    candidates: list[dict[str, object]] = field(default_factory=list)
    open: str = ""
    cut: str = ""


class Pair(Path):
    """A path through the old version and then through the new one, on copies of the same arguments."""

    newer: Target

    def both(self) -> tuple[End, Term]:
        """The arguments at the start, and whether the two versions end alike."""
        arguments = self.make_arguments()
        self.assume_preconditions({**arguments, "*args": Record(dict(arguments))})
        start = End(arguments, dict(self.heap))
        memo: dict[int, Ref] = {}
        copies = {name: self.copied(value, memo) for name, value in arguments.items()}
        for place in memo.values():
            self.heap[place.id] = self._modern(self.heap[place.id])
        copies = {name: self._modern_value(value) for name, value in copies.items()}
        first = self._ended(self.target, arguments)
        former, self.program = self.program, self.newer.program
        self.globals.clear()
        self.contract_of = self.newer.contract_of
        second = self._ended(self.newer, copies)
        self.program = former
        self.check_shared()
        if isinstance(first, str) or isinstance(second, str):
            return start, first == second if isinstance(first, str) and isinstance(second, str) else False
        pairs = [(first[0], second[0]), *((arguments[n], copies[n]) for n in arguments)]
        return start, self.all_of([self.alike(a, b) for a, b in pairs])

    def _modern(self, cell: Any) -> Any:
        """A cell as the newer version's classes see it."""
        if isinstance(cell, ListCell):
            return ListCell(tuple(self._modern_value(v) for v in cell.items))
        if isinstance(cell, DictCell):
            return DictCell(tuple((self._modern_value(k), self._modern_value(v)) for k, v in cell.entries))
        if isinstance(cell, ObjectCell):
            fields = {name: self._modern_value(v) for name, v in cell.fields.items()}
            return ObjectCell(self._modern_class(cell.info), fields, joined=cell.joined)
        return cell

    def _modern_value(self, value: Value) -> Value:
        if isinstance(value, tuple):
            return tuple(self._modern_value(v) for v in value)
        if isinstance(value, Choice):
            return Choice(tuple((guard, self._modern_value(v)) for guard, v in value.options))
        if isinstance(value, Member):
            return Member(self._modern_class(value.info), value.name)
        return value

    def _modern_class(self, info: ClassInfo) -> ClassInfo:
        newer = self.newer.program.classes.get(info.name)
        if newer is None or [ast.dump(f) for f in newer.fields] != [ast.dump(f) for f in info.fields]:
            raise self.unsupported(f"class {info.name} changed its fields")
        if {n: ast.dump(m) for n, m in newer.members.items()} != {n: ast.dump(m) for n, m in info.members.items()}:
            raise self.unsupported(f"class {info.name} changed its members")
        return newer

    def _ended(self, target: Target, arguments: dict[str, Value]) -> tuple[Value] | str:
        try:
            return (self.apply(Closure(target.node, None, {}, target.info), *spread(target.node, arguments)),)
        except RaisedError as error:
            kind = error.value.kind
            if kind is PreconditionError:
                raise self.unsupported("a call that breaks its precondition") from error
            return str(kind.__name__ if isinstance(kind, type) else kind.name)

    def alike(self, a: Value, b: Value) -> Term:
        """Equal in value and type, looking through objects of equally named classes."""
        a, b = self.resolve(a), self.resolve(b)
        if isinstance(a, tuple) and isinstance(b, tuple):
            return len(a) == len(b) and self.all_of([self.alike(x, y) for x, y in zip(a, b, strict=True)])
        if isinstance(a, Ref) and isinstance(b, Ref):
            return self._alike_cells(self.heap[a.id], self.heap[b.id])
        return self._alike_scalars(a, b)

    def _alike_scalars(self, a: Value, b: Value) -> Term:
        from maestro_symbolic.engine import arithmetic, doubles  # noqa: PLC0415 - a leaf of the comparison only

        kinds = arithmetic.kind_of(a), arithmetic.kind_of(b)
        if kinds[0] != kinds[1]:
            return False
        if kinds[0] == "f":
            # Bit for bit, except that one NaN is as good as another: -0.0 is not 0.0 to a caller.
            x, y = arithmetic.double(a, self.context), arithmetic.double(b, self.context)
            signs = doubles.is_negative(x) == doubles.is_negative(y)
            return z3.Or(z3.And(doubles.is_nan(x), doubles.is_nan(y)), z3.And(doubles.equal(x, y), signs))
        if kinds[0] is None and type(a) is not type(b) and hasattr(a, "info") != hasattr(b, "info"):
            return False
        if hasattr(a, "info") and hasattr(b, "info"):
            return a.info.name == b.info.name and getattr(a, "name", "") == getattr(b, "name", "")
        return self.equal(a, b)

    def _alike_cells(self, x: Any, y: Any) -> Term:
        if isinstance(x, ListCell) and isinstance(y, ListCell):
            return self.alike(x.items, y.items)
        if isinstance(x, DictCell) and isinstance(y, DictCell):
            return self.alike(tuple(x.entries), tuple(y.entries))
        if isinstance(x, ObjectCell) and isinstance(y, ObjectCell) and x.info.name == y.info.name:
            if x.fields.keys() != y.fields.keys():
                return False
            return self.all_of([self.alike(v, y.fields[n]) for n, v in x.fields.items()])
        return False


def explore(former: Target, target: Target) -> Explored:
    """Every path through both versions within the limits."""
    for atoms in (True, False):
        try:
            return _explore(former, target, atoms=atoms)
        except NeedTextError:
            continue
    return Explored(open="strings outside the subset")


def _explore(former: Target, target: Target, *, atoms: bool) -> Explored:
    limits, used, context = Limits(), Ledger(), fresh_context()
    found = Explored()
    work: list[tuple[int, ...]] = [()]
    paths = 0
    while work and len(found.candidates) < 3:
        paths += 1
        if paths > limits.paths:
            found.open = found.open or f"more than {limits.paths} paths"
            break
        path = Pair(former.program, context, limits=limits, used=used, trail=work.pop(), atoms=atoms)
        path.aim(former, caps={}, probing=False)
        path.newer = target
        try:
            start, alike = path.both()
            _ask(path, start, alike, found)
        except InfeasibleError:
            pass
        except CutError as error:
            found.cut = found.cut or f"{error.bound} (line {error.line})"
        except UnsupportedError as error:
            found.open = found.open or f"{error.construct} (line {error.line})"
        except ExhaustedError as error:
            found.open = found.open or str(error)
            break
        if any(name.startswith("#") for name in map(str, _unknowns(path))):
            found.cut = found.cut or f"lengths up to {path.default_cap}"
        work += reversed(path.pending)
    return found


def _unknowns(path: Path) -> set[Any]:
    """The unknowns of a path's condition."""
    seen: set[Any] = set()
    pending = list(path.condition)
    names: set[Any] = set()
    while pending:
        term = pending.pop()
        if term.get_id() in seen:
            continue
        seen.add(term.get_id())
        if z3.is_const(term) and term.decl().kind() == z3.Z3_OP_UNINTERPRETED:
            names.add(term)
        pending += term.children()
    return names


def _ask(path: Pair, start: End, alike: Term, found: Explored) -> None:
    if alike is True:
        return
    solver = z3.Solver(ctx=path.context)
    solver.set("rlimit", path.limits.final)
    solver.add(*path.condition)
    if not isinstance(alike, bool):
        solver.add(z3.Not(alike))
    answer = solver.check()
    if answer == z3.sat:
        model = solver.model()
        found.candidates.append({n: path.decoded(v, model, start.heap) for n, v in start.arguments.items()})
    elif answer == z3.unknown:
        found.open = found.open or "solver limit"
