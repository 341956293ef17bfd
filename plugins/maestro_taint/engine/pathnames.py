"""Functions on path names: what can still climb out of a directory, and what was resolved so that it can be compared.

Invariant: being joined clears nothing, since an absolute part replaces what stands before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import CLEAN, NO_CONST, Val, cleared, constant, join_atoms
from maestro_taint.kinds import BIT, PATHS

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame


def _resolved(f: Frame, given: Arguments) -> Val:
    """``os.path.realpath(x)``, ``os.path.abspath(x)``, ``Path.resolve()``: now comparable with its base."""
    source = given.get(0) if given.get(0) is not None else given.receiver
    if source is None:
        return CLEAN
    types = (("x", "pathlib.Path"), ("tag", "resolved"), ("tag", "same", source))
    return Val(f.deep(source), types=types, lit=source.lit)


def _parent(f: Frame, given: Arguments) -> Val:
    """``os.path.dirname(x)``, which equals ``x`` for the root alone."""
    v = given.get(0)
    return CLEAN if v is None else Val(f.deep(v), types=(("tag", "parent", v),), lit=v.lit)


def _split_path(f: Frame, given: Arguments) -> Val:
    """``os.path.split(x)``: its directory, and a name that climbs nowhere."""
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    v = given.get(0)
    if v is None:
        return CLEAN
    parts = [Val(f.deep(v), lit=v.lit), Val(cleared(f.deep(v), PATHS), lit=v.lit)]
    return f.new(given.at, sequence("tuple", parts))


def _basename(f: Frame, given: Arguments) -> Val:
    v = given.get(0)
    return CLEAN if v is None else Val(cleared(f.deep(v), PATHS), lit=v.lit)


def _below(f: Frame, given: Arguments) -> Val:
    """``safe_join(base, *parts)``: what the base holds stays dangerous, the parts cannot leave it."""
    atoms: dict[Any, Any] = {}
    for v in given.args[1:]:
        atoms = join_atoms(atoms, cleared(f.deep(v), PATHS))
    if given.args:
        atoms = join_atoms(atoms, f.deep(given.args[0]))
    return Val(atoms, types=(("tag", "resolved"),), lit=all(v.lit for v in given.args))


def _joined_path(f: Frame, given: Arguments) -> Val:
    atoms: dict[Any, Any] = {}
    for v in given.everything():
        atoms = join_atoms(atoms, f.deep(v))
    if given.args and all(v.const is not NO_CONST for v in given.args):
        return constant("/".join(str(v.const) for v in given.args))
    return Val(atoms, lit=all(v.lit for v in given.everything()))


def _normalised(f: Frame, given: Arguments) -> Val:
    """``os.path.normpath(x)``: from the root (``"/" + x``) nothing climbs further."""
    v = given.get(0, "path")
    if v is None:
        return CLEAN
    rooted = ("tag", "rooted") in v.types
    return Val(cleared(f.deep(v), BIT["path"]) if rooted else f.deep(v), lit=v.lit)


TABLE: dict[str, Any] = {
    "os.path.normpath": _normalised,
    "os.path.realpath": _resolved,
    "os.path.abspath": _resolved,
    "os.path.dirname": _parent,
    "pathlib.Path.resolve": _resolved,
    "os.path.basename": _basename,
    "os.path.split": _split_path,
    "werkzeug.utils.secure_filename": _basename,
    "os.path.join": _joined_path,
    **dict.fromkeys(
        ("werkzeug.utils.safe_join", "werkzeug.security.safe_join", "flask.safe_join", "django.utils._os.safe_join"),
        _below,
    ),
}
