"""Runs the executor with its inputs pinned to known values, and CPython beside it: the two must agree."""

from __future__ import annotations

import copy
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import z3

from maestro_symbolic.engine.arithmetic import constant
from maestro_symbolic.engine.paths import Path
from maestro_symbolic.engine.search import Ledger, Limits, fresh_context
from maestro_symbolic.engine.values import (
    Choice,
    CutError,
    DictCell,
    Exact,
    InfeasibleError,
    ListCell,
    NeedTextError,
    ObjectCell,
    Ref,
    Sym,
    Text,
    UnsupportedError,
)
from maestro_symbolic.replay_codec import encode
from maestro_symbolic.targets import targets_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_symbolic.targets import Target

MODEL = z3.ModelRef


class DisagreementError(AssertionError):
    """The executor and CPython differ."""


def pin(path: Path, value: Any, known: object) -> None:  # noqa: C901, PLR0912 - one branch per kind of value
    """Assume that an unknown argument is a known value."""
    context = path.context
    if isinstance(value, Choice):
        for guard, option in value.options:
            if option is None and known is None:
                path.assume(guard)
                return
            kinds = {"i": int, "b": bool, "f": float}
            if isinstance(option, Sym) and known is not None and type(known) is kinds.get(option.kind):
                path.assume(guard)
                pin(path, option, known)
                return
        raise InfeasibleError
    if isinstance(value, Exact):
        path.assume(value.term == _exact_term(value, known))
    elif isinstance(value, Sym):
        if value.kind == "f":
            assert isinstance(known, float)
            path.assume(value.term == constant(known, context))
        elif value.kind == "a":
            path.assume(value.term == path.atom(str(known)))
        else:
            path.assume(value.term == known)
    elif isinstance(value, Text | str):
        assert isinstance(known, str)
        chars = value.chars if isinstance(value, Text) else tuple(map(ord, value))
        if len(chars) != len(known):
            raise InfeasibleError
        for char, one in zip(chars, known, strict=True):
            if isinstance(char, Sym):
                path.assume(char.term == ord(one))
    elif isinstance(value, tuple):
        assert isinstance(known, tuple)
        for part, one in zip(value, known, strict=True):
            pin(path, part, one)
    elif isinstance(value, Ref):
        _pin_cell(path, path.heap[value.id], known)


def _exact_term(value: Exact, known: Any) -> Any:
    """The integer or rational that stands for a known exact number or time."""
    if value.kind == "fraction":
        return z3.Q(known.numerator, known.denominator, value.term.ctx)
    if value.kind == "decimal":
        return int(known.scaleb(value.scale))
    return int(next(iter(encode(known).values())))


def _pin_cell(path: Path, cell: object, known: Any) -> None:
    if isinstance(cell, ListCell):
        if len(cell.items) != len(known):
            raise InfeasibleError
        for part, one in zip(cell.items, known, strict=True):
            pin(path, part, one)
    elif isinstance(cell, DictCell):
        if len(cell.entries) != len(known):
            raise InfeasibleError
        for (key, part), (name, one) in zip(cell.entries, known.items(), strict=True):
            pin(path, key, name)
            pin(path, part, one)
    elif isinstance(cell, ObjectCell):
        for name, part in cell.fields.items():
            pin(path, part, getattr(known, name))


class Pinned(Path):
    """A path whose unknown arguments are assumed to be the given values."""

    known: Mapping[str, object] = {}
    free: bool = True

    def assume_preconditions(self, names: Mapping[str, Any]) -> None:
        for name in self.known:
            pin(self, names[name], self.known[name])


def symbolic_result(target: Target, known: Mapping[str, object]) -> dict[str, object] | None:
    """What the executor says a call gives: ``result`` and ``after`` or ``raised``; ``None`` outside the subset."""
    for atoms in (True, False):
        try:
            return _search(target, known, atoms=atoms)
        except NeedTextError:
            continue
        except (UnsupportedError, CutError):
            return None
    return None


def _search(target: Target, known: Mapping[str, object], *, atoms: bool) -> dict[str, object] | None:
    context, used = fresh_context(), Ledger()
    work: list[tuple[int, ...]] = [()]
    caps = dict.fromkeys(_names(target), 8)
    while work:
        path = Pinned(target.program, context, limits=Limits(), used=used, trail=work.pop(), atoms=atoms)
        path.aim(target, caps=caps, probing=False)
        path.known = known
        try:
            end = path.follow()
            solver = z3.Solver(ctx=context)
            solver.add(*path.condition)
            if solver.check() == z3.sat:
                model = solver.model()
                if end.raised is not None:
                    kind = end.raised.kind
                    name = kind.__name__ if isinstance(kind, type) else kind.name
                    return {"raised": name, "line": end.line}
                after = {name: path.decoded(v, model, path.heap) for name, v in end.arguments.items()}
                return {"result": path.decoded(end.result, model, path.heap), "after": after}
        except InfeasibleError:
            pass
        work += reversed(path.pending)
    return {"raised": "no path"}


def _names(target: Target) -> list[str]:
    return [a.arg for a in (*target.node.args.args, *target.node.args.kwonlyargs)]


def loaded(source: str) -> dict[str, Any]:
    """The names of a source, executed as a module that dataclasses can find."""
    module = ModuleType("pinned_source")
    sys.modules["pinned_source"] = module
    exec(compile(source, "m.py", "exec"), vars(module))  # noqa: S102 - the test's own material  # nosec B102
    return vars(module)


def compare(source: str, function: str, known: Mapping[str, object], scope: Mapping[str, Any] | None = None) -> bool:
    """Run both; whether the input is inside the subset.

    Raises:
        DisagreementError: they differ in result, its type, exception, or the arguments afterwards.
    """
    target = next(t for t in targets_of("m.py", source, everything=True) if t.name == function)
    said = symbolic_result(target, known)
    if said is None:
        return False
    scope = loaded(source) if scope is None else scope
    arguments = copy.deepcopy(dict(known))
    try:
        result = scope[function](**arguments)
        truth: dict[str, object] = {"result": encode(result), "after": {k: encode(v) for k, v in arguments.items()}}
    except Exception as error:  # noqa: BLE001 - whatever CPython raises is the answer
        lines = []
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == "m.py":
                lines.append(trace.tb_lineno)
            trace = trace.tb_next
        truth = {"raised": type(error).__name__, "line": lines[-1]}
    if function == "reraise":  # the traceback of a bare raise ends where the exception was first raised
        said.pop("line", None), truth.pop("line", None)
    if said != truth:
        raise DisagreementError(f"{source[:60]}\n{function}({dict(known)!r})\nexecutor: {said}\nCPython:  {truth}")
    return True
