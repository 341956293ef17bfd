"""One analysis of one set of files: parse, lower, solve, enter through the framework's doors, collect.

Theorem: every file given is in ``analysed`` or in ``unanalysed``, never in neither.
"""

from __future__ import annotations

import gc
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_taint.engine.demand import Demand, in_order
from maestro_taint.engine.program import Program
from maestro_taint.engine.roots import enter_all
from maestro_taint.engine.solver import Solver
from maestro_taint.frontend import ir
from maestro_taint.frontend.lower import Lowering
from maestro_taint.frontend.parse import Parsed, parse
from maestro_taint.models.tokens import tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_taint.models.model import Models

STACK = 50_000


@dataclass(frozen=True, slots=True)
class Gap:
    """A file, or a part of one, that was not analysed."""

    path: str
    line: int
    reason: str


@dataclass(slots=True)
class Analysis:
    """What one run found. ``flows``: (site, step, source) by place; ``patterns`` likewise."""

    solver: Solver
    gaps: list[Gap] = field(default_factory=list)
    analysed: list[str] = field(default_factory=list)
    lines: int = 0


def module_name(path: str) -> tuple[str, bool]:
    """The dotted name of a file and whether it is a package."""
    parts = path.removesuffix(".pyi").removesuffix(".py").split("/")
    if parts[0] == "src" and len(parts) > 1:
        parts = parts[1:]
    if parts[-1] == "__init__" and len(parts) > 1:
        return ".".join(parts[:-1]), True
    return ".".join(parts), False


def lower(path: str, data: bytes) -> ir.Module | Gap:
    """One file in intermediate form, or why not."""
    parsed = parse(data)
    if not isinstance(parsed, Parsed):
        return Gap(path, parsed.line, parsed.reason)
    name, package = module_name(path)
    module = ir.Module(name, path, is_package=package, columns=parsed.exact)
    module.lines = data.count(b"\n") + 1
    try:
        return Lowering(module).run(parsed.tree)
    except RecursionError:
        return Gap(path, 0, "too deeply nested to analyse")


def analyse(files: Iterable[tuple[str, bytes]], models: Models, also: dict[str, set[int]] | None = None) -> Analysis:
    """Analyse files as one program; functions at the lines ``also`` are run even if they meet no source."""
    modules: list[ir.Module] = []
    gaps: list[Gap] = []
    limit = sys.getrecursionlimit()
    collecting = gc.isenabled()
    # Lowered code is long-lived and holds no cycles worth looking for while it is being made.
    gc.disable()
    try:
        for path, data in files:
            made = lower(path, data)
            if isinstance(made, Gap):
                gaps.append(made)
            else:
                modules.append(made)
        sys.setrecursionlimit(max(limit, STACK))
        return solved(modules, models, gaps, also or {})
    finally:
        sys.setrecursionlimit(limit)
        if collecting:
            gc.enable()


def solved(modules: list[ir.Module], models: Models, gaps: list[Gap], also: dict[str, set[int]]) -> Analysis:
    """Solve lowered modules; a function that cannot be solved is a gap of its own."""
    solver = Solver(Program(modules), models)
    result = Analysis(solver, gaps)
    ordered = in_order(solver.program.modules.values())
    result.analysed = [module.path for module in ordered]
    result.lines = sum(module.lines for module in ordered)
    Demand(solver, tokens_of(models), lambda module, qn: _solve(solver, module, qn, gaps)).run(ordered, also)
    enter_all(solver)
    for qn in dict.fromkeys(solver.deferred):
        fn = solver.program.functions[qn]
        gaps.append(
            Gap(solver.program.modules[fn.module].path, ir.line_of(fn.position), f"{qn}: calls nested too deeply")
        )
    return result


def _solve(solver: Solver, module: ir.Module, qn: str, gaps: list[Gap]) -> None:
    try:
        solver.summary(qn)
    except RecursionError:
        _give_up(solver, module, qn, gaps, "too deeply nested to analyse")
    except Exception as error:  # noqa: BLE001 - one function the engine fails on must not hide the findings of all others
        _give_up(solver, module, qn, gaps, f"the engine failed on it: {type(error).__name__}: {error}")


def _give_up(solver: Solver, module: ir.Module, qn: str, gaps: list[Gap], reason: str) -> None:
    solver.abandon()
    gaps.append(Gap(module.path, ir.line_of(module.functions[qn].position), f"{qn}: {reason}"))
