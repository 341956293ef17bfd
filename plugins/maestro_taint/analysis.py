"""One analysis of one set of files: parse, lower, solve, enter through the framework's doors, collect.

Theorem: every file asked about is in ``analysed`` or in ``gaps``, never in neither.
"""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from maestro_taint.engine.callers import Callers
from maestro_taint.engine.demand import Demand
from maestro_taint.engine.program import Program
from maestro_taint.engine.roots import enter_all
from maestro_taint.engine.solver import FUNCTION_STEPS, Exhausted, Solver
from maestro_taint.frontend import ir
from maestro_taint.frontend.tree import Gap, Tree
from maestro_taint.models.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from maestro_taint.frontend.index import Index
    from maestro_taint.models.model import Models

STACK = 50_000
RUN_STEPS = 200_000_000
MANY = 500_000  # objects


@dataclass(slots=True)
class Analysis:
    """What one run found.

    Attributes:
        solver: holds flows and patterns.
        unsearched: files that may call those asked about, not followed to the end because the bound was reached.
        damaged: how many cache entries were thrown away.
    """

    solver: Solver
    gaps: list[Gap] = field(default_factory=list)
    analysed: list[str] = field(default_factory=list)
    lines: int = 0
    damaged: int = 0
    unsearched: list[str] = field(default_factory=list)


def analyse(files: Iterable[tuple[str, bytes]], models: Models, *, sinks: bool = False) -> Analysis:
    """Analyse files as one program; with ``sinks``, functions that hold one are run even if they meet no source."""
    held = dict(files)
    tree = Tree({path: _giving(data) for path, data in held.items()})
    return analyse_tree(tree, sorted(held), models, sinks=sinks)


def analyse_tree(
    tree: Tree,
    asked: list[str],
    models: Models,
    *,
    index: Index | None = None,
    sinks: bool = False,
    bound: int | None = None,
) -> Analysis:
    """Analyse the files ``asked`` about; with an ``index``, what may call them, or be called, is read as needed.

    Other files' functions that may call these get ``bound`` steps, or as many as the files asked about took if that is
    more (``None``: no bound); what is left then is named in the result.
    """
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(max(limit, STACK))
        with uncollected():
            return _solved(tree, asked, models, index, bound, sinks=sinks)
    finally:
        sys.setrecursionlimit(limit)


@contextmanager
def uncollected() -> Iterator[None]:
    """No look for cycles meanwhile: lowered code is large, long-lived and holds none worth finding.

    What a large analysis made is set aside (frozen), or the first collection afterwards would look through all of it
    for half a second; the next analysis of a process that lives on gives it back to the collector.
    """
    if not gc.isenabled():
        yield
        return
    if gc.get_freeze_count():
        gc.unfreeze()
        gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > MANY:
            gc.freeze()
        gc.enable()


def _solved(
    tree: Tree, asked: list[str], models: Models, index: Index | None, bound: int | None, *, sinks: bool
) -> Analysis:
    program = Program(tree, index)
    solver = Solver(program, models)
    gaps = tree.gaps
    result = Analysis(solver, gaps)
    first = [module for module in (_opened(program, path) for path in asked) if module is not None]
    result.analysed = [module.path for module in first]
    result.lines = sum(module.lines for module in first)
    demand = Demand(solver, tokens_of(models), partial(_solve, solver, gaps))
    if index is None:
        demand.run(first, sinks=sinks)
    else:
        callers = Callers(program, index.importers(asked), bound)
        demand.run_for(first, callers)
        result.unsearched = sorted(callers.left())
    solver.limit = RUN_STEPS
    enter_all(solver, demand.solve, partial(_noting, solver, gaps), None if index is None else frozenset(asked))
    for qn in dict.fromkeys(solver.deferred):
        fn = program.functions[qn]
        path = program.modules.get(fn.module).path
        gaps.append(Gap(path, ir.line_of(fn.position), f"{qn}: calls nested too deeply"))
    return result


def _opened(program: Program, path: str) -> ir.Module | None:
    found: ir.Module | None = program.modules[program.tree.modules[path]]
    return found


def _giving(data: bytes) -> Callable[[], bytes | None]:
    return lambda: data


def _solve(solver: Solver, gaps: list[Gap], module: ir.Module, qn: str, most: int | None = None) -> None:
    solver.limit = min(solver.steps + FUNCTION_STEPS, RUN_STEPS, *(() if most is None else (most,)))
    with _noting(solver, gaps, module, qn):
        solver.summary(qn)


@contextmanager
def _noting(solver: Solver, gaps: list[Gap], module: ir.Module, qn: str) -> Iterator[None]:
    """A function that cannot be analysed becomes a gap."""
    try:
        yield
    except Exhausted:
        _give_up(solver, module, qn, gaps, f"more than {FUNCTION_STEPS} steps, or {RUN_STEPS} in all")
    except RecursionError:
        _give_up(solver, module, qn, gaps, "too deeply nested to analyse")
    except Exception as error:  # noqa: BLE001 - one function the engine fails on must not hide the findings of all others
        _give_up(solver, module, qn, gaps, f"the engine failed on it: {type(error).__name__}: {error}")


def _give_up(solver: Solver, module: ir.Module, qn: str, gaps: list[Gap], reason: str) -> None:
    solver.abandon()
    gaps.append(Gap(module.path, ir.line_of(module.functions[qn].position), f"{qn}: {reason}"))
