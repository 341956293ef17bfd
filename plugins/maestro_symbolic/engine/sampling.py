"""Inputs that keep the preconditions, for functions nothing else is known about: to be run, never to prove anything.

Guarantee: the same function gives the same inputs. They lean towards the constants of its source and their neighbours,
because that is where limits are.
"""

from __future__ import annotations

import ast
import random
from typing import TYPE_CHECKING, Any

import z3

from maestro_symbolic.contracts.clauses import conjuncts
from maestro_symbolic.engine import arithmetic
from maestro_symbolic.engine.paths import Path
from maestro_symbolic.engine.search import Ledger, fresh_context
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

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_symbolic.engine.search import Limits
    from maestro_symbolic.engine.values import Cell, Value
    from maestro_symbolic.targets import Target

SAMPLES = 40
SHAPES = 60
INTS = (0, 1, -1, 2, 3, 5, 7, 10, 64, 99, 100, 101, 255, 256, 1000, 10**6, 2**53 + 1)
FLOATS = (0.0, -0.0, 1.0, -1.0, 0.1, 0.5, 2.5, 1e-20, 1e16, 1e308, float("inf"), float("nan"))
LETTERS = "a0 Z-/.\n\u00df"
DROPPED = (UnsupportedError, CannotMergeError, NeedTextError, CutError)


class Shape(Path):
    """One shape of inputs: what the preconditions that can be asked admit."""

    def inputs(self) -> dict[str, Value]:
        """Arguments, the preconditions assumed as far as they are understood; the replay asks all of them."""
        arguments = self.make_arguments()
        if self.beyond:
            raise InfeasibleError
        for clause in (one for whole in self.target.contract.preconditions for one in conjuncts(whole)):
            try:
                self.assume_true(self.clause_truth(clause, {**arguments, "*args": Record(dict(arguments))}))
            except RaisedError as error:
                raise InfeasibleError from error
            except DROPPED:
                continue
        return arguments


def samples(target: Target, limits: Limits) -> list[dict[str, object]]:
    """Up to ``SAMPLES`` different inputs as typed JSON; none where the parameters are outside the subset."""
    chance = random.Random(0)  # noqa: S311 - repeatable on purpose
    shapes = list(_shapes(target, limits))
    chance.shuffle(shapes)
    pool = _constants(target)
    found: dict[str, dict[str, object]] = {}
    for n in range(SAMPLES if shapes else 0):
        path, arguments, heap = shapes[n % len(shapes)]
        one = _sample(path, arguments, heap, pool, chance)
        if one is not None:
            found[repr(one)] = one
    return list(found.values())


def _shapes(target: Target, limits: Limits) -> Iterator[tuple[Shape, dict[str, Value], dict[int, Cell]]]:
    context, used = fresh_context(), Ledger()
    work: list[tuple[int, ...]] = [()]
    for _ in range(SHAPES):
        if not work:
            return
        path = Shape(target.program, context, limits=limits, used=used, trail=work.pop(0), atoms=False)
        path.aim(target, caps={}, probing=False)
        path.default_cap = 3
        try:
            arguments = path.inputs()
            yield path, arguments, dict(path.heap)
        except InfeasibleError:
            pass
        except (*DROPPED, RaisedError, ExhaustedError):
            return
        work += path.pending


def _constants(target: Target) -> dict[str, list[Any]]:
    """Values worth trying: those of the source, their neighbours, and the usual ones."""
    known = [n.value for n in ast.walk(target.program.tree) if isinstance(n, ast.Constant)]
    ints = {near for v in known if isinstance(v, int) and abs(v) < 10**12 for near in (v - 1, v, v + 1)}
    floats = {v for v in known if isinstance(v, float)}
    letters = {c for v in known if isinstance(v, str) and len(v) <= 8 for c in v}
    return {
        "Int": [*INTS, *sorted(ints) * 2],
        "FloatingPoint": [*FLOATS, *sorted(floats)],
        "Bool": [True, False],
        "letter": sorted({*LETTERS, *letters}),
    }


def _sample(
    path: Shape,
    arguments: dict[str, Value],
    heap: dict[int, Cell],
    pool: dict[str, list[Any]],
    chance: random.Random,
) -> dict[str, object] | None:
    solver = z3.Solver(ctx=path.context)
    solver.set("rlimit", path.limits.feasibility)
    solver.add(*path.condition)
    unknowns = sorted(_unknowns(path), key=str)
    chance.shuffle(unknowns)
    for unknown in unknowns[:12]:
        solver.push()
        solver.add(_wish(unknown, pool, chance))
        if solver.check() != z3.sat:
            solver.pop()
    if solver.check() != z3.sat:
        return None
    model = solver.model()
    return {name: path.decoded(value, model, heap) for name, value in arguments.items()}


def _wish(unknown: Any, pool: dict[str, list[Any]], chance: random.Random) -> Any:
    """An equation that would be nice to have of one unknown."""
    sort, name = unknown.sort().name(), str(unknown)
    if sort == "FloatingPoint":
        return unknown == arithmetic.constant(chance.choice(pool[sort]), unknown.ctx)
    if sort == "Int" and name.endswith("]") and chance.random() < 0.5:
        return unknown == ord(chance.choice(pool["letter"]))
    if sort in ("Int", "Bool"):
        return unknown == chance.choice(pool[sort])
    return unknown == chance.choice(INTS)


def _unknowns(path: Shape) -> set[Any]:
    """The inputs that a path has made."""
    return {term for term in path.made if not str(term).startswith(("#", "?"))}
