"""What a function hands on that may be, or give, a source: itself by its result, and the places it writes.

Theorem: data leaves a function by its result, by an exception, by a place it writes, or by a function it calls;
each of these is a :class:`Carried` of its summary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from maestro_taint.domain.atoms import Source
from maestro_taint.domain.values import Val

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_taint.domain.objects import Obj
    from maestro_taint.engine.summary import Summary


class Carried(NamedTuple):
    """One way out of a function.

    Attributes:
        root: the root written to, or ``None`` for the result; ``field``: the attribute written, or ``""``.
        source: whether a source goes out there.
        types: what is of these types may give one.
    """

    root: Any
    field: str
    source: bool
    types: frozenset[Any]


def carried(summary: Summary) -> list[Carried]:
    """The ways out of a function by which something worth noting leaves."""
    result = _way(summary, None, "", [summary.ret, summary.raises])
    made = [result._replace(source=result.source or summary.passes_on)]
    for key, held in summary.writes.items():
        if isinstance(held, Val):
            made.append(_way(summary, key, "", [held]))
            continue
        other = [v for p, v in held.fields.items() if p[0] != "."]
        other += [v for v in (held.rest, held.keys) if v is not None]
        # What stands below a field is the field's.
        path = key[1]
        below = path[0][1:] if path and path[0][0] == "." else ""
        made.append(_way(summary, key[0], below, other))
        made += [_way(summary, key[0], below or p[1:], [v]) for p, v in held.fields.items() if p[0] == "."]
    return [way for way in made if way.source or way.types]


def _way(summary: Summary, root: Any, field: str, vals: list[Val]) -> Carried:
    source = False
    types: set[Any] = set()
    for v in _reachable(summary.heap, vals):
        source = source or any(type(atom) is Source and atom.confidence != "low" for atom in v.atoms)
        if v.types:
            types.update(t[:2] for t in v.types)
    return Carried(root, field, source, frozenset(types))


def _reachable(heap: dict[Any, Obj], vals: list[Val]) -> Iterator[Val]:
    """Some values and all that the function's own objects among them hold."""
    stack, seen = list(vals), set()
    while stack:
        v = stack.pop()
        yield v
        for oid in v.objs:
            obj = heap.get(oid)
            if obj is not None and oid not in seen:
                seen.add(oid)
                stack += obj.fields.values()
                stack += [x for x in (obj.rest, obj.keys) if x is not None]
