"""Where a value may come from, as interned objects: an unknown the caller supplies, or a source.

Invariant: equal atoms are one object, so they are compared and hashed by identity, in C and in no time; nested tuples
and records would be hashed part by part each time, and a run looks atoms up tens of millions of times.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeAlias

# A root is an unknown the caller will supply: ("p", index), ("g", module, name) or ("c", function, name).
Root: TypeAlias = tuple[Any, ...]
Path: TypeAlias = tuple[str, ...]


class Unknown(tuple[Any, ...]):  # noqa: SLOT001 - a tuple cannot have slots that are not empty
    """What stands at a root below a path: a pair ``(root, path)``. Made by :func:`unknown` alone.

    Attributes:
        value: the value that is exactly this, once somebody asked; ``blank``: the object of which nothing is known.
        below: the values one place further down; ``above``: the unknown one place further up.
    """

    value: Any
    blank: Any
    below: dict[str, Any]
    above: Unknown | None

    # All six, or CPython would compare by way of Python.
    __hash__ = object.__hash__
    __eq__ = object.__eq__
    __ne__ = object.__ne__
    __lt__, __le__, __gt__, __ge__ = (vars(object)[name] for name in ("__lt__", "__le__", "__gt__", "__ge__"))


_KNOWN: dict[tuple[Root, Path], Unknown] = {}


def unknown(root: Root, path: Path = ()) -> Unknown:
    """The one atom of a root and path."""
    found = _KNOWN.get((root, path))
    if found is None:
        found = _KNOWN[root, path] = Unknown((root, path))
        found.value = found.blank = None
        found.below = {}
        found.above = unknown(root, path[:-1]) if path else None
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One place where dangerous or confidential data enters; made by :func:`source_of` alone.

    ``position`` packs line and column.
    """

    kind: str
    model: str
    file: str
    position: int
    text: str
    confidence: str = "high"


def source_of(kind: str, model: str, file: str, position: int, text: str, confidence: str = "high") -> Source:
    """The one atom of a source."""
    return _source(kind, model, file, position, text, confidence)


_source = cache(Source)
