"""Methods of builtin containers and texts, on values whose content is known by place.

Invariant: a method not listed here is left to the models and, failing those, keeps all taint.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import ELEMENT, Obj, key_place
from maestro_taint.domain.values import CLEAN, NO_CONST, NONE, Val, constant, derived, join, join_atoms
from maestro_taint.engine import folding, guards, program, texts
from maestro_taint.engine.expressions import sequence
from maestro_taint.engine.frame import ITER

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

CHANGING = ("encode", "decode", "splitlines", "hex", "split", "translate", "lstrip")
SEQUENCES = ("list", "tuple", "set")


def exact_items(f: Frame, v: Val) -> list[Val] | None:
    """The elements of a value that is one sequence of known length."""
    if isinstance(v.const, tuple):
        return [constant(x) for x in v.const]
    if len(v.objs) != 1 or f.own(v):
        return None
    obj = f.get(v.objs[0])
    if obj.kind in SEQUENCES and obj.exact and obj.rest is None:
        return list(obj.fields.values())
    return None


def items_by_place(f: Frame, v: Val) -> list[Val] | None:
    """The elements of a value that is one of several sequences of the same known length, place by place."""
    if len(v.objs) < 2 or f.own(v):
        return exact_items(f, v)
    each = [exact_items(f, Val(objs=(oid,))) for oid in v.objs]
    lists = [items for items in each if items is not None]
    if len(lists) < len(each) or len({len(items) for items in lists}) != 1:
        return None
    return [program.merged(list(values)) for values in zip(*lists, strict=True)]


def exact_keys(f: Frame, v: Val) -> dict[str, Val] | None:
    """The items of a value that is one mapping with known text keys."""
    if len(v.objs) != 1 or f.own(v):
        return None
    obj = f.get(v.objs[0])
    if obj.kind != "dict" or not obj.exact or obj.rest is not None:
        return None
    return {p[2:-1]: x for p, x in obj.fields.items() if p[1] in "'\""}


def method(f: Frame, receiver: Val, name: str, args: list[Val], kwargs: dict[str, Val], at: int) -> Val | None:  # noqa: C901, PLR0911 - one branch per form
    """The result of a builtin method, or ``None`` if it is none."""
    if receiver.const is not NO_CONST:
        return _constant(f, receiver, name, args, kwargs)
    facts = guards.method(f, receiver, name, args)
    if facts is not None:
        return Val(pred=facts)
    if name == "join" and args and not receiver.objs and not any(t[0] in ("x", "m") for t in receiver.types):
        inner = args[0]
        if any(t[0] in ("i", "s") for t in inner.types):
            inner = f.place(inner, ITER)
        shown = f.deep(inner)
        return Val(join_atoms(receiver.atoms, shown), lit=receiver.lit and inner.lit)
    if name == "replace" and not any(t[0] in ("m", "i") for t in receiver.types):
        made = texts.replaced(receiver, args)
        if made is not None and not any(f.get(o).origin is None for o in receiver.objs):
            return made
    if name in CHANGING and receiver.atoms:
        made = texts.without(f, receiver, name, args)
        if made is not None and not any(f.get(o).origin is None for o in receiver.objs):
            return made
    if name == "get" and args and receiver.types and not receiver.objs:
        found = program.looked_up(receiver, args[0])
        return None if found is None else join(found, args[1] if len(args) > 1 else NONE)
    if not receiver.objs:
        return None
    apply = _METHODS.get(name)
    if apply is None or not any(f.get(o).kind in ("list", "tuple", "set", "dict", "sym", "gen") for o in receiver.objs):
        return None
    if any(t[0] in ("i", "s") for t in receiver.types) and not _container_like(f, receiver):
        return None
    return apply(f, receiver, args, kwargs, at)  # type: ignore[no-any-return]


def called(f: Frame, given: Arguments) -> Val | None:
    """The result of a call as a builtin method of its receiver; ``None`` if it has none or is none."""
    if given.receiver is None:
        return None
    return method(f, given.receiver, given.name, given.args, given.kwargs, given.at)


def _container_like(f: Frame, receiver: Val) -> bool:
    outside = {b for t in receiver.types if t[0] in ("i", "s") for b in f.solver.classes.order(t[1])[1]}
    return bool(
        outside
        & {
            "typing.TypedDict",
            "typing_extensions.TypedDict",
            "builtins.dict",
            "builtins.list",
            "collections.UserDict",
            "collections.OrderedDict",
        }
    )


def _constant(f: Frame, receiver: Val, name: str, args: list[Val], kwargs: dict[str, Val]) -> Val | None:
    if all(a.const is not NO_CONST for a in args) and not kwargs:
        folded = folding.method(receiver.const, name, [a.const for a in args])
        if folded is not NO_CONST:
            return constant(folded)
    made = texts.method(f, receiver, name, args, kwargs) if name != "replace" else None
    if made is not None:
        return made
    if name == "join" and args:
        if any(t[0] in ("i", "s") for t in args[0].types):
            return texts.glued(f, [receiver, f.place(args[0], ITER)])
        exact = exact_items(f, args[0])
        if exact is not None:
            parts: list[Val] = []
            for i, v in enumerate(exact):
                parts += [receiver, v] if i else [v]
            return texts.glued(f, parts)
        return Val(f.deep(args[0]), lit=args[0].lit)
    return None


def _append(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    for oid in r.objs:
        obj = f.get(oid)
        value = args[0] if args else CLEAN
        exact = len(r.objs) == 1 and obj.exact and obj.rest is None and obj.kind in SEQUENCES
        f.put(oid, obj.put(f"={len(obj.fields)}", value) if exact else obj.weak(value))
    return NONE


def _insert(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    value = args[-1] if args else CLEAN
    items = exact_items(f, r)
    index = args[0].const if args and isinstance(args[0].const, int) else None
    if items is not None and index is not None:
        items.insert(index, value)
        f.put(r.objs[0], sequence("list", items))
    else:
        for oid in r.objs:
            f.put(oid, f.get(oid).flat().weak(value))
    return NONE


def _extend(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001 - one signature for all table entries
    more = exact_items(f, args[0]) if args else None
    if more is not None:
        for v in more:
            _append(f, r, [v], {}, at)
    elif args:
        f.absorb(r, f.place(args[0], ITER))
    return NONE


def _pop(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:
    kinds = {f.get(o).kind for o in r.objs}
    if kinds <= {"dict", "sym"}:
        return _get(f, r, args, kwargs, at)
    items = exact_items(f, r)
    index = args[0].const if args else -1
    if items and isinstance(index, int) and not isinstance(index, bool) and -len(items) <= index < len(items):
        taken = items.pop(index)
        f.put(r.objs[0], sequence("list", items))
        return taken
    for oid in r.objs:
        f.put(oid, f.get(oid).flat())
    return f.place(r, ELEMENT)


def _popleft(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    return _pop(f, r, [constant(0)], kwargs, at)


def _get(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:
    from maestro_taint.engine.expressions import subscript  # noqa: PLC0415 - the two call each other

    if not args:
        return f.place(r, ELEMENT)
    found = subscript(f, r, args[0], at)
    default = args[1] if len(args) > 1 else kwargs.get("default", NONE)
    exact = len(r.objs) == 1 and args[0].const is not NO_CONST and key_place(args[0].const) in f.get(r.objs[0]).fields
    return (
        found
        if exact
        else join(found, default)
        if found.atoms or found.objs or found.types
        else default
        if _empty(f, r)
        else join(found, default)
    )


def _empty(f: Frame, r: Val) -> bool:
    return all(f.get(o).exact and f.get(o).rest is None for o in r.objs)


def _setdefault(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:
    default = args[1] if len(args) > 1 else NONE
    if args and args[0].const is not NO_CONST:
        place = key_place(args[0].const)
        for oid in r.objs:
            obj = f.get(oid)
            if place not in obj.fields:
                f.put(oid, obj.put(place, default) if obj.exact else obj.put_weak(place, default))
            elif len(r.objs) > 1:
                f.put(oid, obj.put_weak(place, default))
    else:
        f.absorb(r, default, args[0] if args else None)
    return _get(f, r, args[:1], kwargs, at)


def _update(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    for a in args:
        known = exact_keys(f, a)
        if known is not None:
            kwargs = {**known, **kwargs}
        else:
            f.absorb(r, join(f.place(a, ELEMENT), Val(f.own(a))), f.place(a, ITER))
    for key, value in kwargs.items():
        f.write(r, key_place(key), value)
    return NONE


def _values(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    items = [f.get(o) for o in r.objs]
    if (
        len(items) == 1
        and items[0].kind == "dict"
        and items[0].exact
        and items[0].rest is None
        and items[0].keys is None
    ):
        return f.new(at, sequence("list", list(items[0].fields.values())), slot=6)
    return f.new(at, Obj("list", {}, f.place(r, ELEMENT)), slot=6)


def _keys(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    return f.new(at, Obj("list", {}, f.place(r, ITER)), slot=6)


def _items(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    obj = f.get(r.objs[0])
    if len(r.objs) == 1 and obj.kind == "dict" and obj.exact and obj.rest is None and len(obj.fields) <= 16:
        pairs = [
            f.new(at, sequence("tuple", [constant(p[2:-1]) if p[1] in "'\"" else CLEAN, v]), slot=10 + i)
            for i, (p, v) in enumerate(obj.fields.items())
        ]
        return f.new(at, sequence("list", pairs), slot=7)
    pair = f.new(at, sequence("tuple", [f.place(r, ITER), f.place(r, ELEMENT)]), slot=8)
    return f.new(at, Obj("list", {}, pair), slot=7)


def _copy(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    made: Val | None = None
    for i, oid in enumerate(r.objs):
        one = f.new(at, f.get(oid).having(origin=f.get(oid).origin), slot=9 + i)
        made = one if made is None else join(made, one)
    own = f.own(r)
    return Val(own, objs=made.objs if made is not None else (), lit=r.lit)


def _clear(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    if len(r.objs) == 1:
        f.put(r.objs[0], f.get(r.objs[0]).having(fields={}, exact=True, keys=None, origin=None, rest=CLEAN))
    return NONE


def _reorder(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    items = exact_items(f, r)
    if items is None or any(v.atoms for v in items):
        for oid in r.objs:
            f.put(oid, f.get(oid).flat())
    return NONE


def _remove(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:
    items = exact_items(f, r)
    if (
        items is not None
        and args
        and args[0].const is not NO_CONST
        and all(v.const is not NO_CONST or v.atoms for v in items)
    ):
        kept = list(items)
        for i, v in enumerate(kept):
            if v.const is not NO_CONST and v.const == args[0].const:
                del kept[i]
                f.put(r.objs[0], sequence("list", kept))
                return NONE
    return _reorder(f, r, args, kwargs, at)


def _send(f: Frame, r: Val, args: list[Val], kwargs: dict[str, Val], at: int) -> Val:  # noqa: ARG001
    for v in args:
        f.absorb(r, derived(v))
    return f.place(r, ITER)


_METHODS: dict[str, Any] = {
    "append": _append, "add": _append, "appendleft": _insert, "insert": _insert, "extend": _extend, "pop": _pop,
    "popleft": _popleft, "get": _get, "setdefault": _setdefault, "update": _update, "values": _values, "keys": _keys,
    "items": _items, "copy": _copy, "clear": _clear, "sort": _reorder, "reverse": _reorder, "remove": _remove,
    "send": _send, "popitem": _pop, "__getitem__": _get,
}  # fmt: skip
