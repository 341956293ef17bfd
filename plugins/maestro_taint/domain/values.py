"""Abstract values and their join.

Invariant: values are never changed after construction; ``join`` is an upper bound: union of atoms, union of live
kinds per atom, equal constants only. A value is clean when it holds no atom, however it was made.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from maestro_taint.domain.atoms import Path, Root, Source, Unknown, unknown
from maestro_taint.kinds import ALL, CERTAIN, FORCED, active

Atom: TypeAlias = "Unknown | Source"
# See domain/steps.py.
Step: TypeAlias = "tuple[Any, ...] | None"
Oid: TypeAlias = "tuple[Any, ...]"  # an unknown, or ("n", position, slot) of an object made here
TypeRef: TypeAlias = tuple[Any, ...]

MAX_PATH = 3
MAX_OBJECTS = 4
MAX_TYPES = 8
MAX_ATOMS = 12
ANY = "*"


class _Missing:
    """The type of ``NO_CONST``."""

    def __repr__(self) -> str:
        return "NO_CONST"


NO_CONST: Any = _Missing()
WHOLE = (ALL, None)
NO_ATOMS: dict[Any, tuple[int, Step]] = {}


class Val:
    """An abstract value; plain slots because one is made per expression evaluated.

    Attributes:
        atoms: where its content may come from: atom to (live kinds, step that brought it here).
        const: the constant it is, or ``NO_CONST``.
        types: what it may be: ("f", function), ("c", class), ("m", module), ("x", dotted external), ("i", class),
            ("b", function, receiver).
        objs: the abstract objects it may refer to.
        sym: the atom this value is exactly (not merely derived from), or a tuple ("host", atom) for a part of it.
        pred: facts that hold if it is true, and if it is false: ((target, bits), ...) each.
        lit: whether it is made of literals and sanitized values only.
    """

    __slots__ = ("atoms", "const", "lit", "objs", "pred", "sym", "types")

    def __init__(
        self,
        atoms: dict[Any, tuple[int, Step]] = NO_ATOMS,
        const: Any = NO_CONST,
        types: tuple[TypeRef, ...] = (),
        *,
        objs: tuple[Oid, ...] = (),
        sym: Any = None,
        pred: Any = None,
        lit: bool = False,
    ) -> None:
        self.atoms = atoms
        self.const = const
        self.types = types
        self.objs = objs
        self.sym = sym
        self.pred = pred
        self.lit = lit


CLEAN = Val()
LITERAL = Val(lit=True)
NONE = Val(const=None, lit=True)
TRUE = Val(const=True, lit=True)
FALSE = Val(const=False, lit=True)


def constant(value: Any) -> Val:
    """The value of a literal."""
    return Val(const=value, lit=True)


def source_value(source: Source, step: Step) -> Val:
    """A value that is exactly what a source yields."""
    return Val({source: (active(source.kind) | CERTAIN, step)}, sym=source)


def root_value(root: Root, path: Path = (), types: tuple[TypeRef, ...] = ()) -> Val:
    """The unknown at ``root`` below ``path``; paths are cut at ``MAX_PATH``, and then stand for all below."""
    if len(path) > MAX_PATH:
        return Val({unknown(root, path[:MAX_PATH]): WHOLE}, types=types)
    return atom_value(unknown(root, path), types)


def atom_value(atom: Unknown, types: tuple[TypeRef, ...] = ()) -> Val:
    """The value that is exactly an unknown; the same one each time if nothing is known of its type."""
    if types:
        return Val({atom: WHOLE}, types=types, objs=(atom,), sym=atom)
    found: Val | None = atom.value
    if found is None:
        found = atom.value = Val({atom: WHOLE}, objs=(atom,), sym=atom)
    return found


def below(atom: Unknown, place: str) -> Val:
    """What stands at a place of an unknown."""
    found: Val | None = atom.below.get(place)
    if found is None:
        found = atom.below[place] = root_value(atom[0], (*atom[1], place))
    return found


def join_atoms(a: dict[Any, tuple[int, Step]], b: dict[Any, tuple[int, Step]]) -> dict[Any, tuple[int, Step]]:
    """Union of atoms and of their live kinds; the first step wins where both have one."""
    if not b or a is b:
        return a
    if not a:
        return b
    merged = a
    known = a.get
    for atom, new in b.items():
        old = known(atom)
        if old is new:
            continue
        if old is None:
            if len(merged) < MAX_ATOMS or (type(atom) is Source and _new_kind(merged, atom)):
                merged = dict(a) if merged is a else merged
                merged[atom] = new
        elif new[0] & ~old[0]:
            merged = dict(a) if merged is a else merged
            merged[atom] = (old[0] | new[0], old[1])
    return merged


def _new_kind(atoms: dict[Any, Any], atom: Source) -> bool:
    """Whether a source is of a kind none of ``atoms`` has, or surer than all of those: one of each kind is enough."""
    return not any(type(a) is Source and a.kind == atom.kind and a.confidence <= atom.confidence for a in atoms)


def join(a: Val, b: Val) -> Val:
    """The least value above both, as far as this domain can say; returns ``a`` itself when ``b`` adds nothing."""
    if a is b:
        return a
    atoms = join_atoms(a.atoms, b.atoms)
    same = a.const is b.const or (type(a.const) is type(b.const) and _equal(a.const, b.const))
    types = a.types if not b.types or a.types == b.types else union(a.types, b.types)[:MAX_TYPES]
    objs = a.objs if not b.objs or a.objs == b.objs else union(a.objs, b.objs)[:MAX_OBJECTS]
    sym = a.sym if a.sym is b.sym or a.sym == b.sym else None
    lit = a.lit and b.lit
    if same and atoms is a.atoms and types is a.types and objs is a.objs and lit == a.lit and sym is a.sym:
        return a
    pred = a.pred if a.pred is b.pred else None
    return Val(atoms, a.const if same else NO_CONST, types, objs=objs, sym=sym, pred=pred, lit=lit)


def _equal(a: Any, b: Any) -> bool:
    return a is not NO_CONST and b is not NO_CONST and bool(a == b)


def union(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    """Both, in order, without repetition; ``a`` itself when ``b`` adds nothing."""
    extra = [x for x in b if x not in a]
    return (*a, *extra) if extra else a


def derived(*values: Val) -> Val:
    """What an operation without further meaning makes of its operands: all their atoms, nothing else."""
    atoms: dict[Any, tuple[int, Step]] = NO_ATOMS
    lit = True
    for v in values:
        if v.atoms:
            atoms = join_atoms(atoms, v.atoms)
        lit = lit and v.lit
    if not atoms:
        return LITERAL if lit else CLEAN
    return Val(atoms, lit=lit)


def cleared(atoms: dict[Any, tuple[int, Step]], bits: int) -> dict[Any, tuple[int, Step]]:
    """The atoms without ``bits``, put back or not."""
    if not atoms:
        return atoms
    keep = ~(bits | bits << FORCED)
    return {atom: (live & keep, step) for atom, (live, step) in atoms.items()}


def restored(atoms: dict[Any, tuple[int, Step]], bits: int) -> dict[Any, tuple[int, Step]]:
    """The atoms with ``bits`` live again: an inverse operation undid the sanitizer."""
    out = {}
    for atom, (live, step) in atoms.items():
        again = active(atom.kind) & bits if isinstance(atom, Source) else bits | bits << FORCED
        out[atom] = (live | again, step)
    return out


def alive(atoms: dict[Any, tuple[int, Step]]) -> dict[Any, tuple[int, Step]]:
    """The atoms that are still dangerous for something."""
    for live, _ in atoms.values():
        if not live & ~CERTAIN:
            break
    else:
        return atoms
    return {a: x for a, x in atoms.items() if x[0] & ~CERTAIN}


def compose(outer: int, atom: Atom, inner: int) -> int:
    """Live kinds of an argument's atom (``outer``) after passing through a callee that keeps ``inner``."""
    forced = inner >> FORCED
    if not forced:
        return outer & (inner | inner << FORCED)
    again = active(atom.kind) & forced if isinstance(atom, Source) else forced | forced << FORCED
    return (outer & inner) | again
