"""The search over paths: decisions replayed from a trail, feasibility asked of one solver, both in solver units.

Theorem: the trails taken partition the inputs that satisfy the assumptions, up to paths that a bound cut and that
are counted as such. ``unknown`` feasibility counts as feasible, so no path is lost to a limit.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine.values import CannotMergeError, ExhaustedError, InfeasibleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from maestro_symbolic.engine.values import Term


# z3 terms die by the garbage collector in any order; a context that dies before its terms crashes the process. So
# contexts are kept here, and given up only after a collection has freed what could hold their terms.
_KEPT: list[z3.Context] = []
KEEP = 24


def fresh_context() -> z3.Context:
    """A z3 context of one's own, so that nothing asked before matters."""
    if len(_KEPT) >= KEEP:
        gc.collect()
        del _KEPT[: KEEP // 2]
    _KEPT.append(z3.Context())
    return _KEPT[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resource limits in units that do not depend on the machine."""

    paths: int = 400
    impossible: int = 2000
    steps: int = 60_000
    unroll: int = 32
    depth: int = 20
    length: int = 4
    feasibility: int = 300_000
    quick: int = 2_000_000
    final: int = 8_000_000
    total: int = 60_000_000


@dataclass(slots=True)
class Ledger:
    """What one function's search has used so far."""

    steps: int = 0
    checks: int = 0
    units: int = 0
    cut: bool = False


class Search:
    """One path: the trail, the path condition, and the solver that knows it."""

    def __init__(self, context: z3.Context, limits: Limits, used: Ledger, trail: Sequence[int]) -> None:
        self.context = context
        self.limits = limits
        self.used = used
        self.trail = list(trail)
        self.replay = len(self.trail)
        self.position = 0
        self.pending: list[tuple[int, ...]] = []
        self.condition: list[Term] = []
        self.speculating = 0
        self.approximated = ""
        self.narrowed: list[str] = []
        self._solver = z3.Solver(ctx=context)
        self._solver.set("rlimit", limits.feasibility)
        self._model: z3.ModelRef | None = None

    def step(self) -> None:
        """Count one statement. Raises ``ExhaustedError`` at the limit."""
        self.used.steps += 1
        if self.used.steps > self.limits.steps:
            raise ExhaustedError(f"more than {self.limits.steps} steps")

    def assume(self, term: Term) -> None:
        """Add to the path condition. Raises ``InfeasibleError`` for a plain contradiction."""
        term = z3.simplify(term) if not isinstance(term, bool) else z3.BoolVal(term, self.context)
        if z3.is_true(term):
            return
        self._add(term)
        if z3.is_false(term):
            raise InfeasibleError

    def _add(self, term: Term) -> None:
        self.condition.append(term)
        self._solver.add(term)
        if self._model is not None and not z3.is_true(self._model.eval(term, model_completion=True)):
            self._model = None

    def feasible(self, term: Term) -> bool:
        """Whether the path may go on with ``term``; a limit counts as yes."""
        if isinstance(term, bool):
            return term
        term = z3.simplify(term)
        if z3.is_true(term) or z3.is_false(term):
            return bool(z3.is_true(term))
        if self._model is not None and z3.is_true(self._model.eval(term, model_completion=True)):
            return True
        self.used.checks += 1
        self._solver.push()
        self._solver.add(term)
        answer = self._solver.check()
        if answer == z3.sat:
            self._model = self._solver.model()
        self._count()
        self._solver.pop()
        return bool(answer != z3.unsat)

    def possible(self) -> bool:
        """Whether anything satisfies the path condition; a limit counts as yes."""
        if self._model is not None:
            return True
        answer = self._solver.check()
        self._count()
        return bool(answer != z3.unsat)

    def _count(self) -> None:
        """Add what the check used; the statistic is cumulative in a context."""
        statistics = self._solver.statistics()
        if "rlimit count" in statistics.keys():  # noqa: SIM118 - z3.Statistics has no __contains__
            self.used.units = max(self.used.units, int(statistics.get_key_value("rlimit count")))
        if self.used.units > self.limits.total:
            raise ExhaustedError(f"more than {self.limits.total} solver units")

    def approximate(self, what: str) -> None:
        """Note that a value on this path is near CPython's, not certainly it: enough to search, never to prove."""
        self.approximated = self.approximated or what

    def narrow(self, what: str) -> None:
        """Note that the unknown inputs are not all of their type: a bound of the verdict."""
        if what not in self.narrowed:
            self.narrowed.append(what)

    def recall(self) -> int | None:
        """The next entry of the trail being replayed, if any."""
        if self.position < self.replay:
            self.position += 1
            return self.trail[self.position - 1]
        return None

    def record(self, entry: int) -> None:
        """Append to the trail."""
        del self.trail[self.position :]
        self.trail.append(entry)
        self.position += 1

    def choose(self, options: Sequence[Term]) -> int:
        """The index of one option that can hold, now assumed; the others are left for later paths.

        Raises:
            CannotMergeError: several can hold while both sides of a branch are being joined.
            InfeasibleError: none can.
        """
        index = self.recall()
        if index is None:
            live = [i for i, option in enumerate(options) if self.feasible(option)]
            if not live:
                raise InfeasibleError
            if len(live) > 1 and self.speculating:
                raise CannotMergeError
            index = live[0]
            self.pending += [(*self.trail[: self.position], other) for other in live[1:]]
            self.record(index)
        self.assume(options[index])
        return index

    def decide(self, term: Term) -> bool:
        """Whether ``term`` holds on this path."""
        if isinstance(term, bool):
            return term
        term = z3.simplify(term)
        if z3.is_true(term) or z3.is_false(term):
            return bool(z3.is_true(term))
        return self.choose((term, z3.Not(term))) == 0

    @contextmanager
    def assuming(self, term: Term) -> Iterator[None]:
        """The path condition with ``term`` for a while; what was assumed inside is given up at the end."""
        depth = len(self.condition)
        model = self._model
        self._solver.push()
        self._add(term)
        try:
            yield
        finally:
            self._solver.pop()
            del self.condition[depth:]
            self._model = model if self._model is None else self._model
