"""What of a call's arguments is worth running the callee again for: constants, code, and the shape of packed arguments.

Invariant: a context keeps where data comes from; it adds only what a value is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import NO_CONST, Val, root_value

if TYPE_CHECKING:
    from maestro_taint.domain.atoms import Root
    from maestro_taint.engine.frame import Frame

MAX_SHAPE = 8
SLOT = 50


class Known(NamedTuple):
    """An argument and the facet of it that selects the context."""

    value: Val
    facet: Any


def facet(v: Val) -> Any:
    """Of an argument its constant, or what code or class it is; ``None`` if neither is known."""
    if v.const is not NO_CONST:
        plain = isinstance(v.const, str | int | bool | bytes | type(None))
        return ("k", type(v.const).__name__, repr(v.const)) if plain else None
    if v.types and all(t[0] in ("f", "c", "i", "b", "x") for t in v.types):
        return ("t", tuple(t[:2] for t in v.types))
    return None


def shape(f: Frame, v: Val) -> Any:
    """Of ``*args`` or ``**kwargs`` of known length: places, and what is known of each."""
    if len(v.objs) != 1:
        return None
    obj = f.get(v.objs[0])
    if not obj.exact or obj.rest is not None or obj.keys is not None or len(obj.fields) > MAX_SHAPE:
        return None
    return ("s", obj.kind, tuple((place, facet(inner), inner.const) for place, inner in obj.fields.items()))


def specialised(f: Frame, unknown: Val, given: Known, root: Root) -> Val:
    """A parameter or captured name of which the facet is known; its data stays the caller's."""
    value = given.value
    if given.facet[0] == "s":
        fields = {
            place: Val(const=const, lit=True) if const is not NO_CONST else root_value(root, (place,))
            for place, _, const in given.facet[2]
        }
        return f.new(root[1], Obj(given.facet[1], fields), SLOT)
    if value.const is not NO_CONST:
        return Val(const=value.const, lit=True)
    types = tuple(("b", t[1], root_value(root, (".__self__",), t[2].types)) if t[0] == "b" else t for t in value.types)
    return Val(unknown.atoms, types=types, objs=unknown.objs, sym=unknown.sym)
