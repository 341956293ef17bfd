"""Abstract objects: containers by key and index, instances by attribute, function values with what they captured.

Invariant: an object is never changed; an update makes a new one. ``fields`` are exact places; ``rest`` is the join
of everything stored at a place that is not known; ``exact`` says that a place not listed does not exist.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import ANY, CLEAN, Val, below, join

if TYPE_CHECKING:
    from maestro_taint.domain.atoms import Unknown

MAX_FIELDS = 48
KEPT = object()  # stands for a part that stays as it is


class Obj:
    """One abstract object.

    Attributes:
        kind: list, tuple, set, dict, inst, func, gen, or sym for an unknown supplied by the caller.
        fields: place to value; places are ``.name`` for attributes and ``=<repr>`` for keys.
        rest: the join of values at unknown places, or ``None``.
        exact: whether places not in ``fields`` do not exist (``rest`` aside).
        cls: the class of an instance, the function of a function value.
        origin: the unknown a symbolic object stands for.
        keys: the join of keys that are not constant, or ``None``.
    """

    __slots__ = ("cls", "exact", "fields", "keys", "kind", "origin", "rest")

    def __init__(
        self,
        kind: str,
        fields: dict[str, Val],
        rest: Val | None = None,
        *,
        exact: bool = True,
        cls: str = "",
        origin: Unknown | None = None,
        keys: Val | None = None,
    ) -> None:
        self.kind = kind
        self.fields = fields
        self.rest = rest
        self.exact = exact
        self.cls = cls
        self.origin = origin
        self.keys = keys

    def having(
        self,
        *,
        fields: dict[str, Val] | None = None,
        rest: Any = KEPT,
        keys: Any = KEPT,
        origin: Any = KEPT,
        exact: bool | None = None,
    ) -> Obj:
        """A copy with some parts replaced."""
        return Obj(
            self.kind,
            self.fields if fields is None else fields,
            self.rest if rest is KEPT else rest,
            exact=self.exact if exact is None else exact,
            cls=self.cls,
            origin=self.origin if origin is KEPT else origin,
            keys=self.keys if keys is KEPT else keys,
        )

    def put(self, place: str, value: Val) -> Obj:
        """Strong update of one place."""
        if place not in self.fields and len(self.fields) >= MAX_FIELDS:
            return self.weak(value)
        return self.having(fields={**self.fields, place: value})

    def put_weak(self, place: str, value: Val) -> Obj:
        """The place holds its old value or the new one."""
        old = self.fields.get(place)
        if old is None:
            return self.weak(value) if self.exact else self.put(place, value)
        new = join(old, value)
        return self if new is old else self.having(fields={**self.fields, place: new})

    def weak(self, value: Val, keys: Val | None = None) -> Obj:
        """Some unknown place may now hold ``value``."""
        rest = value if self.rest is None else join(self.rest, value)
        keys = (keys if self.keys is None else join(self.keys, keys)) if keys is not None else self.keys
        if rest is self.rest and keys is self.keys:
            return self
        return self.having(rest=rest, keys=keys)

    def flat(self) -> Obj:
        """The same content with positions forgotten (after an insertion at an unknown index, a sort, a loop)."""
        rest = self.rest
        for value in self.fields.values():
            rest = value if rest is None else join(rest, value)
        return self.having(fields={}, rest=rest)


def blank(atom: Unknown) -> Obj:
    """The object an unknown is before anything was stored in it."""
    found: Obj | None = atom.blank
    if found is None:
        found = atom.blank = Obj("sym", {}, exact=False, origin=atom)
    return found


def join_objects(a: Obj, b: Obj) -> Obj:
    """An object that may be either; returns ``a`` itself when ``b`` adds nothing."""
    if a is b:
        return a
    rest = b.rest if a.rest is None else a.rest if b.rest is None else join(a.rest, b.rest)
    keys = b.keys if a.keys is None else a.keys if b.keys is None else join(a.keys, b.keys)
    fields = a.fields
    if fields is not b.fields:
        fields = _join_fields(a, b)
    exact = a.exact and b.exact
    kind = a.kind if a.kind == b.kind else "sym" if "sym" in (a.kind, b.kind) else "dict"
    if fields is a.fields and rest is a.rest and keys is a.keys and exact == a.exact and kind == a.kind:
        return a
    return Obj(kind, fields, rest, exact=exact, cls=a.cls or b.cls, origin=a.origin or b.origin, keys=keys)


def _join_fields(a: Obj, b: Obj) -> dict[str, Val]:
    out = None
    for place, value in b.fields.items():
        old = a.fields.get(place)
        new = join(old, value) if old is not None else value if a.exact else join(missing(a, place), value)
        if new is not old:
            out = dict(a.fields) if out is None else out
            out[place] = new
    if not b.exact:
        for place, value in a.fields.items():
            if place not in b.fields:
                new = join(value, missing(b, place))
                if new is not value:
                    out = dict(a.fields) if out is None else out
                    out[place] = new
    return a.fields if out is None else out


def missing(obj: Obj, place: str) -> Val:
    """What an object holds at a place that is not among its fields."""
    if obj.origin is not None:
        found = below(obj.origin, place)
        return found if obj.rest is None else join(found, obj.rest)
    if place[0] == "." and obj.kind in ("list", "tuple", "set"):
        return CLEAN  # what a sequence holds is none of its attributes
    return CLEAN if obj.rest is None else obj.rest


def key_place(constant: Any) -> str:
    """The place of a constant key or index."""
    return f"={constant!r}"


ELEMENT = f"={ANY}"
