"""Statements.

Invariant: a statement ends in one of four ways (on, return, break, continue) or with an exception of the program; an
``if`` whose sides can be joined is joined, also where one side leaves early and the other goes on.
"""

from __future__ import annotations

import ast
import dataclasses
from typing import TYPE_CHECKING

from maestro_symbolic.engine.looping import Looping
from maestro_symbolic.engine.values import (
    CannotMergeError,
    ClassValue,
    DictCell,
    ExceptionValue,
    ListCell,
    ObjectCell,
    RaisedError,
    Ref,
    SetCell,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_symbolic.engine.looping import Ending
    from maestro_symbolic.engine.values import Term, Value

IN_PLACE_METHODS = ("__iadd__", "__isub__", "__imul__", "__ior__", "__iand__")
ABRUPT = (ast.Return, ast.Break, ast.Continue, ast.Raise)


class Executing(Looping):
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

    def _do_nonlocal(self, _node: ast.Nonlocal) -> None:
        return None

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
        if isinstance(old, Ref) and isinstance(cell := self.heap[old.id], SetCell | DictCell):
            made = self.binary(type(node.op), old, value)
            if isinstance(cell, SetCell) and cell.frozen:
                return made
            self.heap[old.id] = self.heap[made.id]
            return old
        if isinstance(old, Ref) and any(self.find_method(old, n) is not None for n in IN_PLACE_METHODS):
            raise self.unsupported("an in-place operator of a class", node)
        return self.binary(type(node.op), old, value)

    def assign(self, target: ast.expr, value: Value) -> None:
        """Bind a name, attribute, item or pattern of targets."""
        if isinstance(target, ast.Name):
            self._bind(target.id, value)
        elif isinstance(target, ast.Attribute):
            self._set_attribute(self.evaluate(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript) and not isinstance(target.slice, ast.Slice):
            container = self.evaluate(target.value)
            self.store(container, self.evaluate(target.slice), value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, self.items_of(value))
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
            container = self.evaluate(target.value)
            self.store_slice(container, self.slice_parts(target.slice), self.items_of(value))
        else:
            raise self.unsupported("this assignment target", target)

    def _bind(self, name: str, value: Value) -> None:
        """Bind a local name, or one that ``nonlocal`` gives to an enclosing function."""
        if name not in self.frame.free:
            self.frame.names[name] = value
            return
        if self.speculating:
            raise CannotMergeError  # joining looks at the current frame only
        frame = self.frame.outer
        while frame is not None and name not in frame.locals:
            frame = frame.outer
        if frame is None:
            raise self.unsupported(f"nonlocal {name}")
        frame.names[name] = value

    def _unpack(self, targets: Sequence[ast.expr], items: tuple[Value, ...]) -> None:
        star = next((n for n, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if len(items) < len(targets) - (star is not None) or (star is None and len(items) != len(targets)):
            raise self.raised(ValueError, "wrong number of values to unpack")
        if star is not None:
            after = len(targets) - star - 1
            middle = self.new(ListCell(items[star : len(items) - after]))
            items = (*items[:star], middle, *items[len(items) - after :])
        for one, item in zip(targets, items, strict=True):
            self.assign(one.value if isinstance(one, ast.Starred) else one, item)

    def _set_attribute(self, owner: Value, name: str, value: Value) -> None:
        owner = self.resolve(owner)
        cell = self.heap[owner.id] if isinstance(owner, Ref) else None
        if not isinstance(cell, ObjectCell):
            raise self.unsupported("attribute assignment to this value")
        if cell.info.frozen:
            raise self.raised(dataclasses.FrozenInstanceError, f"cannot assign to field {name}")
        if self.find_method(owner, "__setattr__") is not None:
            raise self.unsupported("assignment through __setattr__")
        if self.find_method(owner, name) is not None:
            setter = next((one.setters[name] for one in self.ancestry(cell.info) if name in one.setters), None)
            if setter is None:
                raise self.raised(AttributeError, f"no setter of {name}")
            self.apply(self.function_value(setter, None), (owner, value), {})
            return
        slots = cell.info.option("slots", default=False) or "__slots__" in cell.info.members
        if slots and name not in cell.fields and cell.info.dataclass is not None:
            raise self.raised(AttributeError, name)
        self.set_field(owner, name, value)

    def _do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Slice):
                self.store_slice(self.evaluate(target.value), self.slice_parts(target.slice), ())
            elif isinstance(target, ast.Subscript):
                container = self.evaluate(target.value)
                self.take(container, self.evaluate(target.slice))
            elif isinstance(target, ast.Name) and target.id in self.frame.names:
                del self.frame.names[target.id]
            else:
                raise self.unsupported("this del", node)

    def _do_functiondef(self, node: ast.FunctionDef) -> None:
        if any(isinstance(inner, ast.Global) for inner in ast.walk(node)):
            raise self.unsupported("global in a nested function", node)
        self.frame.names[node.name] = self.function_value(node, self.frame)

    def _do_assert(self, node: ast.Assert) -> None:
        if not self.decide(self.truth(self.evaluate(node.test))):
            self.line = node.lineno
            raise self.raised(AssertionError)

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
            kind = self.exception_class(self.program.dotted(node))
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
