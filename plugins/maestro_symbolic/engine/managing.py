"""``with`` statements over classes of the module, locks, ``suppress`` and ``nullcontext``.

Invariant: ``__exit__`` runs on every way out, and a true answer swallows the exception. One thread: a lock is free.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_symbolic.engine.matching import Matching
from maestro_symbolic.engine.values import Builtin, ClassValue, Manager, RaisedError

if TYPE_CHECKING:
    import ast
    from collections.abc import Sequence

    from maestro_symbolic.engine.looping import Ending
    from maestro_symbolic.engine.values import ExceptionClass, ExceptionValue, Value


class Managing(Matching):
    """Context managers on one path."""

    def _do_with(self, node: ast.With) -> Ending:
        return self._within(node.items, node.body)

    def _within(self, items: Sequence[ast.withitem], body: Sequence[ast.stmt]) -> Ending:
        if not items:
            return self.block(body)
        manager = self.resolve(self.evaluate(items[0].context_expr))
        entered = self._entered(manager)
        if items[0].optional_vars is not None:
            self.assign(items[0].optional_vars, entered)
        depth, frame = self.depth, self.frame
        try:
            ending = self._within(items[1:], body)
        except RaisedError as error:
            self.depth, self.frame = depth, frame
            if not self._swallowed(manager, error.value):
                raise
            return None
        self._left(manager, None)
        return ending

    def _entered(self, manager: Value) -> Value:
        if isinstance(manager, Manager):
            return manager.value if manager.kind == "nullcontext" else manager.kind == "lock"
        if self.find_method(manager, "__enter__") is None or self.find_method(manager, "__exit__") is None:
            raise self.unsupported("a context manager of this kind")
        return self.call_method(manager, "__enter__", ())

    def _left(self, manager: Value, error: ExceptionValue | None) -> Value:
        if isinstance(manager, Manager):
            return False
        details = (None, None, None) if error is None else (_class_of(error.kind), error, Builtin("traceback"))
        return self.call_method(manager, "__exit__", details)

    def _swallowed(self, manager: Value, error: ExceptionValue) -> bool:
        if isinstance(manager, Manager):
            return any(self.is_subclass(error.kind, kind) for kind in manager.kinds)
        return self.decide(self.truth(self._left(manager, error)))


def _class_of(kind: ExceptionClass) -> Value:
    return kind if isinstance(kind, type) else ClassValue(kind)
