"""Values of the executor: plain Python objects where known, solver terms where not, references for identity.

Invariant: a ``Ref`` is an object's identity; two names of one list hold equal references, whatever was copied.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    import ast
    from collections.abc import Mapping

    from maestro_symbolic.program import ClassInfo

Term: TypeAlias = Any  # z3 ships no types
Kind = Literal["b", "i", "f", "a"]
Value: TypeAlias = Any  # None, bool, int, float, str, tuple of values, or one of the classes below


@dataclass(frozen=True, slots=True, eq=False)
class Sym:
    """An unknown: ``b`` bool, ``i`` int, ``f`` IEEE double, ``a`` a string known only by identity (an integer id)."""

    kind: Kind
    term: Term


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A string of known length whose code points are ints or unknown ints."""

    chars: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Ref:
    """A place in the heap."""

    id: int


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """One of several values, by guards that exclude each other and of which one always holds."""

    options: tuple[tuple[Term, Value], ...]


@dataclass(frozen=True, slots=True)
class Unbound:
    """What a name holds that was bound on the other side of a branch only."""


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """A member of an enumeration of the module."""

    info: ClassInfo
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class ClassValue:
    """A class of the module as a value."""

    info: ClassInfo


@dataclass(frozen=True, slots=True, eq=False)
class Builtin:
    """A builtin or a function of a modelled standard module, by dotted name."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Exact:
    """A ``decimal`` (an int over ``10**scale``), a ``fraction`` (a real), or a date or duration (an int)."""

    kind: str
    term: Term
    scale: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Range:
    """A ``range`` whose bounds may be unknown."""

    start: Value
    stop: Value
    step: Value


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """``keys()``, ``values()`` or ``items()`` of a dictionary, live."""

    target: Ref
    what: str


@dataclass(frozen=True, slots=True, eq=False)
class Manager:
    """A context manager of the standard library: ``lock``, ``suppress`` of kinds, or ``nullcontext`` of a value."""

    kind: str
    kinds: tuple[ExceptionClass, ...] = ()
    value: Value = None


@dataclass(frozen=True, slots=True, eq=False)
class Super:
    """``super()`` inside a method: the receiver, and the class whose bases are searched."""

    target: Value
    after: ClassInfo


@dataclass(frozen=True, slots=True, eq=False)
class Opaque:
    """A string formatted from unknowns and not yet spelled out, as most words of an error never are."""

    parts: tuple[tuple[Value, str, str], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """Read-only attributes by name: ``__old__``, ``OLD`` and deal's single-argument form."""

    fields: Mapping[str, Value]


@dataclass(slots=True, eq=False)
class Frame:
    """Local names of one call; ``outer`` is the enclosing function's frame, ``owner`` the class of a method."""

    names: dict[str, Value]
    locals: frozenset[str] = frozenset()
    outer: Frame | None = None
    function: str = ""
    owner: ClassInfo | None = None
    receiver: Value = None
    free: frozenset[str] = frozenset()
    yielded: list[Value] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Closure:
    """A function with the frame it was made in, and its defaults, evaluated once."""

    node: ast.FunctionDef | ast.Lambda
    frame: Frame | None
    defaults: Mapping[str, Value] = field(default_factory=dict)
    owner: ClassInfo | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A method with its object: a closure of a class, or the name of a modelled method."""

    target: Value
    method: Closure | str


@dataclass(frozen=True, slots=True, eq=False)
class ListCell:
    """A list's items."""

    items: tuple[Value, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SetCell:
    """A set's members, pairwise different on the path, in no order."""

    items: tuple[Value, ...]
    frozen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class IteratorCell:
    """What an iterator has left to give, taken early; ``sources`` must still be as they were when it is given."""

    items: tuple[Value, ...]
    sources: tuple[tuple[int, Cell], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class DictCell:
    """A dictionary in insertion order; keys are pairwise different on the path."""

    entries: tuple[tuple[Value, Value], ...]


@dataclass(frozen=True, slots=True, eq=False)
class ObjectCell:
    """An instance: its class and attributes. ``joined`` objects have no identity of their own."""

    info: ClassInfo
    fields: Mapping[str, Value]
    joined: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class LengthCell:
    """A list of which only the length is known; used to ask whether longer inputs are possible."""

    length: Term


Cell: TypeAlias = ListCell | SetCell | IteratorCell | DictCell | ObjectCell | LengthCell

ExceptionClass: TypeAlias = Any  # a builtin exception type, or ClassInfo


@dataclass(frozen=True, slots=True, eq=False)
class ExceptionValue:
    """An exception instance of the program under analysis."""

    kind: ExceptionClass
    arguments: tuple[Value, ...] = ()
    attributes: Ref | None = None


class RaisedError(Exception):
    """The program under analysis raised."""

    def __init__(self, value: ExceptionValue, line: int) -> None:
        super().__init__()
        self.value = value
        self.line = line


class UnsupportedError(Exception):
    """A construct outside the subset."""

    def __init__(self, construct: str, line: int = 0) -> None:
        super().__init__(construct)
        self.construct = construct
        self.line = line


class CutError(Exception):
    """A bound ended the path: which, where."""

    def __init__(self, bound: str, line: int) -> None:
        super().__init__(bound)
        self.bound = bound
        self.line = line


class ExhaustedError(Exception):
    """The whole search ran out of paths, steps or solver units."""


class InfeasibleError(Exception):
    """The path turned out to be impossible."""


class CannotMergeError(Exception):
    """Both sides of a branch cannot be joined; fork instead."""


class NeedTextError(Exception):
    """A string operation needs code points: run again with strings spelled out."""


UNBOUND = Unbound()
