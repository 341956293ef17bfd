"""Programs with arguments: which of them a shell or another interpreter reads as code.

Invariant: an argument counts as code unless the program is known and takes its arguments as data.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import ELEMENT
from maestro_taint.domain.values import NO_ATOMS, NO_CONST, Val, constant, join_atoms
from maestro_taint.engine import containers

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

SHELLS = re.compile(
    r"(^|/)(sh|bash|dash|zsh|ksh|cmd|cmd\.exe|powershell|powershell\.exe|pwsh|python3?|perl|ruby|node|env)$"
)
# These join all that follows into one text to run; the others take what follows as positional parameters.
JOINING = re.compile(r"(^|/)(cmd|cmd\.exe|powershell|powershell\.exe|pwsh|env)$")
RUNS = re.compile(r"-[a-z]*c|/c|-e|-Command")


def exposed(f: Frame, value: Val) -> dict[Any, Any]:
    """What of an argument list decides what is run: the program's name, and what an interpreter is told to run."""
    items = containers.exact_items(f, value)
    if items is not None:
        return _words(items)
    if not value.objs:
        return value.atoms
    atoms = f.own(value)
    for oid in value.objs:
        obj = f.get(oid)
        known = [v for place, v in obj.fields.items() if place[1:].isdigit()]
        if obj.kind in ("list", "tuple") and known:
            rest = [] if obj.rest is None else [obj.rest]
            atoms = join_atoms(atoms, _words([*known, *rest]))
    return atoms


def words(f: Frame, given: Arguments, first: int) -> dict[Any, Any]:
    """``execl(path, *words)``, ``create_subprocess_exec(program, *words)``: the same, as arguments of the call."""
    items = list(given.args[first:])
    if given.spread is not None:
        items.append(given.spread)
    if items and items[0].objs:
        return exposed(f, items[0])
    atoms = _words(items)
    for v in items[1:]:
        if v.objs:  # ``execv(path, [...])``
            element = f.place(v, ELEMENT)
            listed = containers.exact_items(f, v) or [items[0], element]
            atoms = join_atoms(atoms, _words([items[0], *listed]))
    return atoms


def split(f: Frame, given: Arguments) -> Val | None:
    """``shlex.split(text)`` of a text that is known: its words."""
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    text = given.get(0)
    if text is None or not isinstance(text.const, str) or len(given.args) > 1 or given.kwargs:
        return None
    try:
        found = shlex.split(text.const)
    except ValueError:  # an open quote: the call raises
        return None
    return f.new(given.at, sequence("list", [constant(word) for word in found]))


def is_shell(f: Frame, program: Val | None) -> bool:
    """Whether a program reads its input as commands: a shell with nothing else to run."""
    if program is None:
        return False
    items = containers.exact_items(f, program) or [program]
    plain = all(isinstance(v.const, str) and v.const[:1] == "-" for v in items[1:])
    return plain and isinstance(items[0].const, str) and bool(SHELLS.search(items[0].const))


def _words(items: list[Val]) -> dict[Any, Any]:
    if not items:
        return NO_ATOMS
    atoms = items[0].atoms
    if not _interprets(items[0]):
        return atoms
    follows = False
    for v in items[1:]:
        if follows:
            atoms = join_atoms(atoms, v.atoms)
            if (
                not (isinstance(items[0].const, str) and JOINING.search(items[0].const))
                and items[0].const is not NO_CONST
            ):
                break
        elif (isinstance(v.const, str) and RUNS.fullmatch(v.const)) or (v.const is NO_CONST and v.lit and not v.atoms):
            follows = True
    return atoms


def _interprets(program: Val) -> bool:
    """Whether a program may run its argument after ``-c``; one that is not the same literal on all ways here may."""
    if isinstance(program.const, str):
        return bool(SHELLS.search(program.const))
    return program.lit or ("x", "sys.executable") in program.types
