"""Statements.

Invariant: a statement ends in one of four ways (on, return, break, continue) or with an exception of the program; an
``if`` whose sides can be joined is joined, also where one side leaves early and the other goes on.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import TYPE_CHECKING, TypeAlias

from maestro_symbolic.engine.calling import Calling
from maestro_symbolic.engine.values import (
    CannotMergeError,
    ClassValue,
    CutError,
    ExceptionValue,
    ListCell,
    ObjectCell,
    RaisedError,
    Ref,
    Sym,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from maestro_symbolic.engine.values import Term, Value

# How a block ended: None to go on, else the kind and the returned value.
Ending: TypeAlias = "tuple[str, Value] | None"
ABRUPT = (ast.Return, ast.Break, ast.Continue, ast.Raise)


class Executing(Calling):
    """Statement execution on one path."""

    def run_body(self, body: Sequence[ast.stmt]) -> Value:
        """Run a function's body; ``None`` where it falls off the end."""
        ending = self.block(body)
        return ending[1] if ending is not None else None

    def block(self, body: Sequence[ast.stmt]) -> Ending:
        """Run statements in order until one ends the block."""
        for index, node in enumerate(body):
            self.step()
            self.line = node.lineno
            if isinstance(node, ast.If):
                rest = body[index + 1 :]
                shorten = rest and leaves(node.body) != leaves(node.orelse)
                ending = self._branch(node, rest if shorten else ())
                if ending is not None or shorten:
                    return ending
                continue
            handler = getattr(self, f"_do_{type(node).__name__.lower()}", None)
            if handler is None:
                raise self.unsupported(type(node).__name__, node)
            leaving: Ending = handler(node)
            if leaving is not None:
                return leaving
        return None

    def _branch(self, node: ast.If, rest: Sequence[ast.stmt]) -> Ending:
        """An ``if``; where exactly one side leaves, the statements after it belong to the other side."""
        condition = self.truth(self.evaluate(node.test))
        then = [*node.body, *(() if leaves(node.body) else rest)]
        other = [*node.orelse, *(() if leaves(node.orelse) else rest)]

        def side(body: Sequence[ast.stmt]) -> Ending:
            if body:
                self.branches.append(body[0].lineno)
            return self.block(body)

        if any(body and isinstance(body[-1], ast.Raise) for body in (node.body, node.orelse)):
            return side(then) if self.decide(condition) else side(other)
        return self.either(condition, lambda: side(then), lambda: side(other), self._join_endings)

    def _join_endings(self, condition: Term, a: Ending, b: Ending) -> Ending:
        if (a and a[0]) != (b and b[0]):
            raise CannotMergeError
        return None if a is None or b is None else (a[0], self.join(condition, a[1], b[1]))

    # -- simple statements ------------------------------------------------------------------------------------

    def _do_pass(self, _node: ast.Pass) -> None:
        return None

    def _do_expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.evaluate(node.value)

    def _do_return(self, node: ast.Return) -> Ending:
        return "return", None if node.value is None else self.evaluate(node.value)

    def _do_break(self, _node: ast.Break) -> Ending:
        return "break", None

    def _do_continue(self, _node: ast.Continue) -> Ending:
        return "continue", None

    def _do_assign(self, node: ast.Assign) -> None:
        value = self.evaluate(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _do_annassign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))

    def _do_augassign(self, node: ast.AugAssign) -> None:
        """The target's object and index are evaluated once; a list is changed in place."""
        target = node.target
        if isinstance(target, ast.Name):
            old = self.evaluate(ast.copy_location(ast.Name(target.id, ast.Load()), target))
            self.assign(target, self._in_place(node, old))
        elif isinstance(target, ast.Attribute):
            owner = self.evaluate(target.value)
            self._set_attribute(owner, target.attr, self._in_place(node, self.attribute(owner, target.attr)))
        else:
            assert isinstance(target, ast.Subscript)  # noqa: S101 - the grammar knows nothing else
            if isinstance(target.slice, ast.Slice):
                raise self.unsupported("augmented assignment to a slice", node)
            container, index = self.evaluate(target.value), self.evaluate(target.slice)
            self.store(container, index, self._in_place(node, self.subscript(container, index)))

    def _in_place(self, node: ast.AugAssign, old: Value) -> Value:
        value = self.evaluate(node.value)
        old = self.resolve(old)
        if isinstance(old, Ref) and isinstance(self.heap[old.id], ListCell):
            if not isinstance(node.op, ast.Add):
                raise self.unsupported("this augmented assignment to a list", node)
            self.heap[old.id] = ListCell((*self.items_of(old), *self.items_of(value)))
            return old
        return self.binary(type(node.op), old, value)

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a name, attribute, item or pattern of targets."""
        if isinstance(target, ast.Name):
            self.frame.names[target.id] = value
        elif isinstance(target, ast.Attribute):
            self._set_attribute(self.evaluate(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            container = self.evaluate(target.value)
            self.store(container, self.evaluate(target.slice), value)
        elif isinstance(target, ast.Tuple | ast.List):
            items = self.items_of(value)
            if any(isinstance(t, ast.Starred) for t in target.elts):
                raise self.unsupported("a starred target", target)
            if len(items) != len(target.elts):
                raise self.raised(ValueError, "wrong number of values to unpack")
            for one, item in zip(target.elts, items, strict=True):
                self.assign(one, item)
        else:
            raise self.unsupported("this assignment target", target)

    def _set_attribute(self, owner: Value, name: str, value: Value) -> None:
        owner = self.resolve(owner)
        cell = self.heap[owner.id] if isinstance(owner, Ref) else None
        if not isinstance(cell, ObjectCell):
            raise self.unsupported("attribute assignment to this value")
        if cell.info.frozen:
            raise self.raised(dataclasses.FrozenInstanceError, f"cannot assign to field {name}")
        if self.find_method(owner, name) is not None or self.find_method(owner, "__setattr__") is not None:
            raise self.unsupported("assignment through a property or __setattr__")
        slots = cell.info.option("slots", default=False) or "__slots__" in cell.info.members
        if slots and name not in cell.fields and cell.info.dataclass is not None:
            raise self.raised(AttributeError, name)
        self.set_field(owner, name, value)

    def _do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
                container = self.evaluate(target.value)
                self.take(container, self.evaluate(target.slice))
            elif isinstance(target, ast.Name) and target.id in self.frame.names:
                del self.frame.names[target.id]
            else:
                raise self.unsupported("this del", node)

    def _do_functiondef(self, node: ast.FunctionDef) -> None:
        if any(isinstance(inner, ast.Nonlocal | ast.Global | ast.Yield | ast.YieldFrom) for inner in ast.walk(node)):
            raise self.unsupported("nonlocal, global or yield in a nested function", node)
        self.frame.names[node.name] = self.function_value(node, self.frame)

    def _do_assert(self, node: ast.Assert) -> None:
        if not self.decide(self.truth(self.evaluate(node.test))):
            self.line = node.lineno
            raise self.raised(AssertionError)

    # -- loops ------------------------------------------------------------------------------------------------

    def _do_while(self, node: ast.While) -> Ending:
        rounds = 0
        while True:
            self.step()
            self.line = node.lineno
            condition = self.truth(self.evaluate(node.test))
            if not isinstance(condition, bool):
                rounds += 1
                if rounds > self.limits.unroll and self.feasible(condition):
                    raise CutError(f"{self.limits.unroll} rounds of a loop", node.lineno)
            if not self.decide(condition):
                return self.block(node.orelse)
            rounds += isinstance(condition, bool)
            if rounds > self.limits.unroll * 32:
                raise CutError(f"{self.limits.unroll * 32} rounds of a loop", node.lineno)
            ending = self.block(node.body)
            if ending is not None and ending[0] != "continue":
                return None if ending[0] == "break" else ending

    def _do_for(self, node: ast.For) -> Ending:
        for item in self._rounds(node):
            self.step()
            self.assign(node.target, item)
            ending = self.block(node.body)
            if ending is not None and ending[0] != "continue":
                return None if ending[0] == "break" else ending
        return self.block(node.orelse)

    def _rounds(self, node: ast.For) -> Iterator[Value]:
        """The items of a loop, one at a time; a list is read again each round, as it may change meanwhile."""
        bounds = self._range_bounds(node.iter)
        if bounds is not None:
            yield from self._numbered(bounds, node)
            return
        iterable = self.resolve(self.iterable(node.iter))
        cell = self.heap[iterable.id] if isinstance(iterable, Ref) else None
        if not isinstance(cell, ListCell):
            size = self.length(iterable) if isinstance(iterable, Ref) else None
            for item in self.items_of(iterable):
                yield item
                if size is not None and self.length(iterable) != size:
                    raise self.raised(RuntimeError, "dictionary changed size during iteration")
            return
        index = 0
        while index < len(items := self.items_of(iterable)):
            yield items[index]
            index += 1

    def _range_bounds(self, node: ast.expr) -> tuple[Value, Value, Value] | None:
        """The bounds of ``range(...)`` if that is what is iterated."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"):
            return None
        if node.keywords or not 1 <= len(node.args) <= 3 or self.is_shadowed("range"):
            return None
        values = [self.resolve(v) for v in self._elements(node.args)]
        start, stop, step = (0, values[0], 1) if len(values) == 1 else (*values, 1)[:3]
        return start, stop, step

    def _numbered(self, bounds: tuple[Value, Value, Value], node: ast.For) -> Iterator[Value]:
        known = self.known_range(bounds)
        if known is not None:
            yield from known
            return
        current, stop, step = bounds
        if isinstance(step, Sym) or step == 0:
            raise self.unsupported("a range with an unknown or zero step", node)
        rounds = 0
        while True:
            more = self.ordered("<" if step > 0 else ">", current, stop)
            if not isinstance(more, bool):
                rounds += 1
                if rounds > self.limits.unroll and self.feasible(more):
                    raise CutError(f"{self.limits.unroll} rounds of a loop", node.lineno)
            if not self.decide(more):
                return
            yield current
            current = self.binary(ast.Add, current, step)

    def iterable(self, node: ast.expr) -> Value:
        """What a comprehension iterates: a range of unknown length is counted out by forking."""
        bounds = self._range_bounds(node)
        if bounds is None:
            return self.evaluate(node)
        loop = ast.copy_location(ast.For(ast.Name("_", ast.Store()), node, [], []), node)
        return tuple(self._numbered(bounds, loop))

    # -- exceptions -------------------------------------------------------------------------------------------

    def _do_raise(self, node: ast.Raise) -> Ending:
        if node.exc is None:
            current = self.frame.names.get("*handled")
            if not isinstance(current, ExceptionValue):
                raise self.unsupported("raise without an exception", node)
            raise RaisedError(current, node.lineno)
        value = self.evaluate(node.exc)
        self.line = node.lineno
        if isinstance(value, type) and issubclass(value, BaseException):
            raise self.raised(value)
        if isinstance(value, ClassValue):
            value = self.instantiate(value.info, (), {})
        if not isinstance(value, ExceptionValue):
            raise self.unsupported("raising this value", node)
        raise RaisedError(value, node.lineno)

    def _do_try(self, node: ast.Try) -> Ending:
        """``return`` in ``finally`` overrides whatever was under way, an exception included."""
        try:
            ending = self._guarded(node)
        except RaisedError:
            final = self.block(node.finalbody)
            if final is not None:
                return final
            raise
        final = self.block(node.finalbody)
        return final if final is not None else ending

    def _guarded(self, node: ast.Try) -> Ending:
        depth, frame = self.depth, self.frame
        try:
            ending = self.block(node.body)
        except RaisedError as error:
            self.depth, self.frame = depth, frame
            handler = next((h for h in node.handlers if self._catches(h, error.value)), None)
            if handler is None:
                raise
            return self._handle(handler, error)
        return ending if ending is not None else self.block(node.orelse)

    def _handle(self, handler: ast.ExceptHandler, error: RaisedError) -> Ending:
        names = self.frame.names
        before = names.get("*handled")
        names["*handled"] = error.value
        if handler.name:
            names[handler.name] = error.value
        try:
            return self.block(handler.body)
        finally:
            names["*handled"] = before
            if handler.name:
                names.pop(handler.name, None)

    def _catches(self, handler: ast.ExceptHandler, raised: ExceptionValue) -> bool:
        if handler.type is None:
            return True
        kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        for node in kinds:
            kind = self.exception_class(node.id) if isinstance(node, ast.Name) else None
            if kind is None:
                raise self.unsupported("this except clause", handler)
            if self.is_subclass(raised.kind, kind):
                return True
        return False


def leaves(body: Sequence[ast.stmt]) -> bool:
    """Whether a block certainly does not go on to the next statement."""
    if not body:
        return False
    last = body[-1]
    if isinstance(last, ABRUPT):
        return True
    return isinstance(last, ast.If) and leaves(last.body) and leaves(last.orelse)
