"""``match`` statements.

Invariant: a pattern's condition is asked of the subject alone; names are bound before the guard is evaluated and stay
bound where it fails, as in CPython.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_symbolic.engine.executing import Executing
from maestro_symbolic.engine.values import Builtin, ClassValue, DictCell, ListCell, ObjectCell, Range, Ref

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_symbolic.engine.looping import Ending
    from maestro_symbolic.engine.values import Term, Value

SELF_MATCHING = frozenset({"bool", "float", "int", "str", "list", "dict", "set", "frozenset", "tuple"})


class Matching(Executing):
    """Structural pattern matching on one path."""

    def _do_match(self, node: ast.Match) -> Ending:
        return self._cases(self.evaluate(node.subject), node.cases)

    def _cases(self, subject: Value, cases: Sequence[ast.match_case]) -> Ending:
        if not cases:
            return None
        case, rest = cases[0], cases[1:]
        bound: dict[str, Value] = {}
        condition = self.fits(case.pattern, subject, bound)

        def taken() -> Ending:
            for name, value in bound.items():
                self.assign(ast.copy_location(ast.Name(name, ast.Store()), case.pattern), value)
            if case.guard is None:
                return body()
            return self.either(self.truth(self.evaluate(case.guard)), body, onward, self._join_endings)

        def body() -> Ending:
            self.branches.append(case.body[0].lineno)
            return self.block(case.body)

        def onward() -> Ending:
            return self._cases(subject, rest)

        return self.either(condition, taken, onward, self._join_endings)

    def fits(self, pattern: ast.pattern, value: Value, bound: dict[str, Value]) -> Term:
        """Whether a value fits a pattern; what it would bind is added to ``bound``."""
        self.line = pattern.lineno
        if isinstance(pattern, ast.MatchValue):
            return self.equal(value, self.evaluate(pattern.value))
        if isinstance(pattern, ast.MatchSingleton):
            return self.identical(value, pattern.value)
        if isinstance(pattern, ast.MatchOr):
            if any(isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name for inner in ast.walk(pattern)):
                raise self.unsupported("names in alternatives of a pattern", pattern)
            return self.any_of([self.fits(one, value, bound) for one in pattern.patterns])
        if isinstance(pattern, ast.MatchAs):
            answer = True if pattern.pattern is None else self.fits(pattern.pattern, value, bound)
            if pattern.name is not None:
                bound[pattern.name] = value
            return answer
        value = self.resolve(value)
        if isinstance(pattern, ast.MatchSequence):
            return self._fits_sequence(pattern, value, bound)
        if isinstance(pattern, ast.MatchMapping):
            return self._fits_mapping(pattern, value, bound)
        if isinstance(pattern, ast.MatchClass):
            return self._fits_class(pattern, value, bound)
        raise self.unsupported(type(pattern).__name__, pattern)

    def _fits_sequence(self, pattern: ast.MatchSequence, value: Value, bound: dict[str, Value]) -> Term:
        if isinstance(value, Range):
            raise self.unsupported("a range matched as a sequence", pattern)
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        if self.as_tuple(value) is None and not isinstance(cell, ListCell):
            return False
        items, parts = self.items_of(value), pattern.patterns
        star = next((n for n, part in enumerate(parts) if isinstance(part, ast.MatchStar)), None)
        if len(items) < len(parts) - (star is not None) or (star is None and len(items) != len(parts)):
            return False
        if star is None:
            return self._all_fit(parts, items, bound)
        after = len(parts) - star - 1
        middle = items[star : len(items) - after]
        name = getattr(parts[star], "name", None)
        if name is not None:
            bound[name] = self.new(ListCell(middle))
        rest = items[len(items) - after :]
        return self._all_fit([*parts[:star], *parts[star + 1 :]], (*items[:star], *rest), bound)

    def _all_fit(self, parts: Sequence[ast.pattern], items: Sequence[Value], bound: dict[str, Value]) -> Term:
        answers = []
        for part, item in zip(parts, items, strict=True):
            answers.append(self.fits(part, item, bound))
            if answers[-1] is False:
                return False
        return self.all_of(answers)

    def _fits_mapping(self, pattern: ast.MatchMapping, value: Value, bound: dict[str, Value]) -> Term:
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        if not isinstance(cell, DictCell):
            return False
        if pattern.rest is not None:
            raise self.unsupported("** in a pattern", pattern)
        for key, part in zip(pattern.keys, pattern.patterns, strict=True):
            known = self.evaluate(key)
            if not self.decide(self.contains(known, value)):
                return False
            if not self.decide(self.fits(part, self.subscript(value, known), bound)):
                return False
        return True

    def _fits_class(self, pattern: ast.MatchClass, value: Value, bound: dict[str, Value]) -> Term:
        kind = self.resolve(self.evaluate(pattern.cls))
        if not self.call_builtin("isinstance", (value, kind), {}):
            return False
        if isinstance(kind, Builtin) and kind.name in SELF_MATCHING and not pattern.kwd_attrs:
            return self._all_fit(pattern.patterns, [value] * len(pattern.patterns), bound)
        cell = self.heap[value.id] if isinstance(value, Ref) else None
        if not isinstance(kind, ClassValue) or not isinstance(cell, ObjectCell):
            raise self.unsupported("a pattern of this class", pattern)
        names = [f.target.id for f in self.dataclass_fields(kind.info) if isinstance(f.target, ast.Name)]
        if len(pattern.patterns) > len(names):
            raise self.raised(TypeError, "too many positional patterns")
        wanted = [*names[: len(pattern.patterns)], *pattern.kwd_attrs]
        if any(name not in cell.fields for name in wanted):
            raise self.unsupported("a pattern of a property", pattern)
        return self._all_fit(
            [*pattern.patterns, *pattern.kwd_patterns], [self.attribute(value, n) for n in wanted], bound
        )
