"""Log calls: a message that the callee formats with the arguments after it.

Invariant: what is not a known format string with as many arguments as it names exposes all it is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import Val, join_atoms
from maestro_taint.engine import texts

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

SLOT = 60


def exposed(f: Frame, given: Arguments) -> dict[Any, Any]:
    """``log("%s and %r", a, b)``: each value as its conversion writes it (``logging.Formatter``, lazily)."""
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    first = next((i for i, v in enumerate(given.args) if isinstance(v.const, str)), len(given.args))
    before, after = given.args[: first + 1], given.args[first + 1 :]
    values = [*before, *given.kwargs.values()]
    if given.spread is not None:
        values += [*after, given.spread]
    elif after:
        text = given.args[first].const
        shown = [Val(f.solver.attributes.printed(f, v), lit=v.lit) for v in after]
        packed = after[0] if "%(" in text else f.new(given.at, sequence("tuple", shown), slot=SLOT)
        values[first] = texts.percent(f, text, packed)
    atoms: dict[Any, Any] = {}
    for v in values:
        atoms = join_atoms(atoms, f.solver.attributes.printed(f, v))
    return atoms
