"""The check of one function: every path, every goal, and what the solvers say.

Theorem: ``proven`` is answered only if no path was cut, no construct was outside the subset, no length cap was in the
way, every goal's negation was unsatisfiable, and some input satisfies the preconditions and returns.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import z3

from maestro_symbolic.contracts.clauses import conjuncts
from maestro_symbolic.engine import solvers
from maestro_symbolic.engine.paths import Path
from maestro_symbolic.engine.sampling import samples
from maestro_symbolic.engine.search import Ledger, Limits, fresh_context
from maestro_symbolic.engine.values import (
    CannotMergeError,
    CutError,
    ExhaustedError,
    InfeasibleError,
    NeedTextError,
    RaisedError,
    Record,
    UnsupportedError,
)
from maestro_symbolic.verdicts import Query

if TYPE_CHECKING:
    from maestro_symbolic.engine.paths import End, Goal
    from maestro_symbolic.targets import Target

MAX_CANDIDATES = 3
MAX_HARD = 6  # queries of one function that the other solvers are asked
MAX_UNDECIDED = 4
CAPS = (6, 8, 12, 16)
RECURSION = 20_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """An input on which a goal failed in the model: to be replayed."""

    arguments: dict[str, object]
    clause: str
    kind: str
    line: int
    branches: tuple[int, ...] = ()


@dataclass(slots=True)
class Examined:
    """What the search found, before anything is run."""

    candidates: list[Candidate] = field(default_factory=list)
    queries: list[Query] = field(default_factory=list)
    witness: dict[str, object] | None = None
    samples: list[dict[str, object]] = field(default_factory=list)
    cuts: list[tuple[str, int]] = field(default_factory=list)
    outside: list[tuple[str, int]] = field(default_factory=list)
    undecided: list[tuple[str, int]] = field(default_factory=list)
    approximate: list[tuple[str, int]] = field(default_factory=list)
    paths: int = 0
    returned: int = 0
    inputs_possible: bool = False
    unsure: bool = False
    float_cone: bool = False
    units: int = 0
    cpu_us: int = 0


def examine(target: Target, limits: Limits | None = None) -> Examined:
    """Explore every path of a function within the limits."""
    started = time.process_time_ns()
    limits = limits or Limits()
    previous = sys.getrecursionlimit()
    sys.setrecursionlimit(max(previous, RECURSION))
    try:
        try:
            found = _Examination(target, limits, atoms=True).run()
        except NeedTextError:
            found = _Examination(target, limits, atoms=False).run()
    except RecursionError:
        found = Examined(undecided=[("nested too deeply", target.node.lineno)])
    finally:
        sys.setrecursionlimit(previous)
    found.cpu_us = (time.process_time_ns() - started) // 1000
    return found


class _Examination:
    """The search over one function, with one z3 context of its own."""

    def __init__(self, target: Target, limits: Limits, *, atoms: bool) -> None:
        self.target = target
        self.limits = limits
        self.atoms = atoms
        self.context = fresh_context()
        self.used = Ledger()
        self.found = Examined()
        self.caps: dict[str, int] = {}
        self.measured: frozenset[str] = frozenset()
        self.hard = 0
        self.impossible = 0

    def run(self) -> Examined:
        for line, text in self.target.contract.unreadable:
            self.found.outside.append((f"contract {text}", line))
        if self.found.outside:
            return self.found
        try:
            self._measure_lengths()
            self._search()
        except ExhaustedError as error:
            self.found.unsure = True
            self.found.undecided.append((str(error), self.target.node.lineno))
        if not self.found.candidates and (self.found.outside or self.found.undecided or self.found.approximate):
            self.found.samples = samples(self.target, self.limits)
        self.found.units = self.used.units
        return self.found

    def _path(self, trail: tuple[int, ...], *, probing: bool = False) -> Path:
        path = Path(
            self.target.program, self.context, limits=self.limits, used=self.used, trail=trail, atoms=self.atoms
        )
        path.aim(self.target, caps=self.caps, probing=probing)
        path.measured = self.measured
        return path

    def _measure_lengths(self) -> None:
        """Ask whether the preconditions bound the lengths; a bound within reach raises the cap to it."""
        path = self._path((), probing=True)
        path.speculating = 1
        try:
            arguments = path.make_arguments()
        except (UnsupportedError, CannotMergeError, InfeasibleError):
            return  # nothing is measured, so every length is asked about where it is chosen
        self.measured = frozenset(path.sized)
        if not path.sized:
            return
        for clause in (one for whole in self.target.contract.preconditions for one in conjuncts(whole)):
            try:
                path.assume_true(path.clause_truth(clause, {**arguments, "*args": Record(dict(arguments))}))
            except (UnsupportedError, CannotMergeError, RaisedError, NeedTextError, CutError):
                continue  # fewer conditions: lengths look freer than they are, never more bounded
            except InfeasibleError:
                return
        for name, length in path.sized.items():
            cap = min(path.default_cap, 4) if self.atoms else 3
            if path.feasible(length > cap):
                cap = next((c for c in CAPS if not path.feasible(length > c)), 0)
                if cap:
                    self.caps[name] = cap
                else:
                    self.found.cuts.append((f"lengths up to {path.default_cap} of {name}", self.target.node.lineno))
            else:
                self.caps[name] = next((c for c in range(cap) if not path.feasible(length > c)), cap)

    def _search(self) -> None:
        work: list[tuple[int, ...]] = [()]
        while (
            work
            and len(self.found.candidates) < MAX_CANDIDATES
            and len(self.found.outside) < 8
            and len(self.found.undecided) < MAX_UNDECIDED
        ):
            if self.found.paths - self.impossible >= self.limits.paths or self.impossible > self.limits.impossible:
                raise ExhaustedError(f"more than {self.limits.paths} paths")
            path = self._path(work.pop())
            self.found.paths += 1
            try:
                end = path.follow()
                self._judge(path, end)
            except InfeasibleError:
                self.impossible += 1
            except CutError as cut:
                self.found.cuts.append((cut.bound, cut.line))
            except UnsupportedError as error:
                if path.possible():
                    self.found.outside.append((error.construct, error.line or self.target.node.lineno))
                else:
                    self.impossible += 1
            self.found.cuts += [(what, self.target.node.lineno) for what in path.narrowed]
            if path.approximated:
                self.found.approximate.append((path.approximated, path.line or self.target.node.lineno))
            self.found.float_cone = self.found.float_cone or path.has_floats
            work += reversed(path.pending)

    def _judge(self, path: Path, end: End) -> None:
        goals = [goal for goal in end.goals if goal.truth is not True]
        if not goals:
            self._reached(path, end, None)
            return
        failing = path.negation(path.all_of([goal.truth for goal in goals]))
        answer, model = self._ask(path, failing, goals[0])
        if answer == "unknown":
            names = "; ".join(sorted({goal.text for goal in goals}))
            self.found.undecided.append((f"solver limit: {names}", goals[0].line))
        if model is not None:
            self._candidate(path, end, goals, model)
        if answer != "sat":
            self._reached(path, end, None)

    def _reached(self, path: Path, end: End, model: z3.ModelRef | None) -> None:
        """Note that the path can be walked, and an input that walks it."""
        if end.raised is not None and self.found.inputs_possible:
            return
        if end.raised is None and self.found.witness is not None and self.found.returned:
            return
        if model is None:
            model = self._model_of(path)
        if model is None:
            return
        self.found.inputs_possible = True
        if end.raised is None:
            self.found.returned += 1
            self.found.witness = self._arguments(path, end, model)

    def _model_of(self, path: Path) -> z3.ModelRef | None:
        solver = z3.Solver(ctx=self.context)
        solver.set("rlimit", self.limits.quick)
        solver.add(*path.condition)
        text = solver.to_smt2()
        answer = solver.check()
        if answer != z3.unknown:
            return solver.model() if answer == z3.sat else None
        answer, _name, model = self._elsewhere(text)
        self.found.unsure = self.found.unsure or answer == "unknown"
        return model

    def _arguments(self, path: Path, end: End, model: z3.ModelRef) -> dict[str, object]:
        return {name: path.decoded(value, model, end.heap) for name, value in end.arguments.items()}

    def _candidate(self, path: Path, end: End, goals: list[Goal], model: z3.ModelRef) -> None:
        broken = goals[0]
        for goal in goals:
            if goal.truth is False or z3.is_false(model.eval(goal.truth, model_completion=True)):
                broken = goal
                break
        arguments = self._arguments(path, end, model)
        self.found.candidates.append(
            Candidate(arguments, broken.text, broken.kind, broken.line, tuple(path.branches[:40]))
        )

    def _ask(self, path: Path, failing: Any, goal: Goal) -> tuple[str, z3.ModelRef | None]:
        """Whether the path's condition and a failing goal can hold together; the query is kept as evidence."""
        solver = z3.Solver(ctx=self.context)
        solver.set("rlimit", self.limits.quick)
        solver.add(*path.condition)
        if not isinstance(failing, bool):
            solver.add(failing)
        text = solver.to_smt2()
        answer = str(solver.check())
        model = solver.model() if answer == "sat" else None
        by = "z3"
        if answer == "unknown":
            answer, by, model = self._elsewhere(text)
        self.found.queries.append(Query(line=goal.line, kind=goal.kind, smt2=text, answer=answer, solver=by))
        return answer, model

    def _elsewhere(self, text: str) -> tuple[str, str, z3.ModelRef | None]:
        """Ask the other solvers: floats first of the one that is best at them, then z3 in a fresh context."""
        self.hard += 1
        if self.hard > MAX_HARD:
            return "unknown", "", None
        for name in ("bitwuzla", "cvc5", "z3"):
            answer, values = solvers.ask(name, text, self.limits.final)
            if answer == "unsat":
                return answer, name, None
            if answer == "sat":
                model = self._pinned(text, values)
                if model is not None:
                    return answer, name, model
        return "unknown", "", None

    def _pinned(self, text: str, values: dict[str, str]) -> z3.ModelRef | None:
        """z3's model of a query whose unknowns another solver has fixed."""
        solver = z3.Solver(ctx=self.context)
        solver.set("rlimit", self.limits.quick)
        fixed = "".join(f"(assert (= {name} {value}))\n" for name, value in sorted(values.items()))
        try:
            solver.from_string(text.replace("(check-sat)", fixed))
        except z3.Z3Exception:
            return None
        return solver.model() if solver.check() == z3.sat else None
