"""Abstract values and their join.

Invariant: values are never changed after construction; ``join`` is an upper bound: union of atoms, union of live
kinds per atom, equal constants only. A value is clean when it holds no atom, however it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from maestro_taint.kinds import ALL, CERTAIN, FORCED, active

# A root is an unknown the caller will supply: ("p", index), ("g", module, name) or ("c", function, name).
Root: TypeAlias = tuple[Any, ...]
Path: TypeAlias = tuple[str, ...]
Atom: TypeAlias = "tuple[Root, Path] | Source"
# See domain/steps.py.
Step: TypeAlias = "tuple[Any, ...] | None"
Oid: TypeAlias = "int | tuple[Root, Path]"
TypeRef: TypeAlias = tuple[Any, ...]

MAX_PATH = 3
MAX_OBJECTS = 4
MAX_TYPES = 8
MAX_ATOMS = 12
ANY = "*"


@dataclass(frozen=True, slots=True)
class Source:
    """One place where dangerous or confidential data enters. ``position`` packs line and column."""

    kind: str
    model: str
    file: str
    position: int
    text: str
    confidence: str = "high"


class _Missing:
    """The type of ``NO_CONST``."""

    def __repr__(self) -> str:
        return "NO_CONST"


NO_CONST: Any = _Missing()
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
        return Val({(root, path[:MAX_PATH]): (ALL, None)}, types=types)
    atom = (root, path)
    return Val({atom: (ALL, None)}, types=types, objs=(atom,), sym=atom)


def join_atoms(a: dict[Any, tuple[int, Step]], b: dict[Any, tuple[int, Step]]) -> dict[Any, tuple[int, Step]]:
    """Union of atoms and of their live kinds; the first step wins where both have one."""
    if not b or a is b:
        return a
    if not a:
        return b
    merged = None
    for atom, (live, step) in b.items():
        old = a.get(atom)
        if old is None:
            merged = dict(a) if merged is None else merged
            if len(merged) < MAX_ATOMS or _new_kind(merged, atom):
                merged[atom] = (live, step)
        elif live & ~old[0]:
            merged = dict(a) if merged is None else merged
            merged[atom] = (old[0] | live, old[1])
    return a if merged is None else merged


def _new_kind(atoms: dict[Any, Any], atom: Any) -> bool:
    """Whether a source is of a kind none of ``atoms`` has, or surer than all of those: one of each kind is enough."""
    if type(atom) is not Source:
        return False
    return not any(type(a) is Source and a.kind == atom.kind and a.confidence <= atom.confidence for a in atoms)


def join(a: Val, b: Val) -> Val:
    """The least value above both, as far as this domain can say; returns ``a`` itself when ``b`` adds nothing."""
    if a is b:
        return a
    atoms = join_atoms(a.atoms, b.atoms)
    same = a.const is b.const or (type(a.const) is type(b.const) and _equal(a.const, b.const))
    types = a.types if a.types == b.types else union(a.types, b.types)
    types = types if len(types) <= MAX_TYPES else types[:MAX_TYPES]
    objs = a.objs if a.objs == b.objs else union(a.objs, b.objs)[:MAX_OBJECTS]
    sym = a.sym if a.sym == b.sym else None
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
