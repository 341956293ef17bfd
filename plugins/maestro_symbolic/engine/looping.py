"""Loops, and the rounds they make.

Invariant: a loop whose rounds are unknown is unrolled while another round is possible; at the bound the path is cut.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, TypeAlias

from maestro_symbolic.engine.calling import Calling
from maestro_symbolic.engine.values import CutError, DictCell, IteratorCell, ListCell, Ref, SetCell, Sym, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from maestro_symbolic.engine.values import Value

# How a block ended: None to go on, else the kind and the returned value.
Ending: TypeAlias = "tuple[str, Value] | None"


class Looping(Calling):
    """Loops on one path."""

    def block(self, body: Sequence[ast.stmt]) -> Ending:
        """Run statements in order; supplied by the layer of statements."""
        raise NotImplementedError

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
        if isinstance(cell, IteratorCell):
            while isinstance(cell, IteratorCell) and cell.items:
                self.check_sources(cell)
                self.heap[iterable.id] = IteratorCell(cell.items[1:], cell.sources)
                yield cell.items[0]
                cell = self.heap[iterable.id]
            return
        if not isinstance(cell, ListCell):
            source = iterable.target if isinstance(iterable, View) else iterable
            sized = isinstance(source, Ref) and isinstance(self.heap[source.id], DictCell | SetCell)
            size = self.length(source) if sized else None
            for item in self.items_of(iterable):
                if size is not None and self.length(source) != size:
                    raise self.raised(RuntimeError, "changed size during iteration")
                yield item
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
