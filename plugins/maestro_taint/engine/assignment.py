"""Storing a value at a target, and what a store means outside: session keys, response headers.

Invariant: a name is updated strongly; a place in an object is updated strongly only if the object is one and known.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.atoms import Source
from maestro_taint.domain.objects import key_place
from maestro_taint.domain.steps import step
from maestro_taint.domain.values import CLEAN, NO_CONST, Val
from maestro_taint.engine import containers, external, personal, protocols
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.attributes import SHARED
from maestro_taint.engine.external import reach
from maestro_taint.engine.frame import ITER
from maestro_taint.frontend import ir
from maestro_taint.kinds import BIT, RANDOM

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.frontend.ir import Node


UNGUESSABLE = ("token", "nonce", "otp", "csrf", "salt", "session_id", "sessionid", "remember", "captcha")
UNGUESSABLE_PAIRS = frozenset(
    (what, "code")
    for what in (
        "reset",
        "verification",
        "activation",
        "invite",
        "access",
        "security",
        "confirmation",
        "recovery",
        "login",
        "auth",
    )
)
LOCATION = ("location", "refresh")  # headers that send a browser elsewhere


def assign(f: Frame, target: Node, value: Val, at: int) -> None:
    """``target = value``."""
    op = target[0]
    if op == ir.LOCAL:
        if value.atoms:
            value = named(f, target[2], value, at)
        f.state[target[2]] = _stepped(f, value, target[2], at)
    elif op == ir.FREE:
        f.state[("c", target[2], target[3])] = _stepped(f, value, target[3], at)
    elif op == ir.GLOBAL:
        f.state[("g", f.module.name, target[2])] = _stepped(f, value, target[2], at)
    elif op == ir.ATTR:
        _attribute(f, target, value, at)
    elif op == ir.INDEX:
        _item(f, target, value, at)
    elif op == ir.SLICE:
        f.absorb(f.eval(target[2]), f.place(value, ITER))
    elif op == ir.SEQ:
        _unpack(f, target[3], value, at)
    elif op == ir.STAR:
        assign(f, target[2], value, at)


def _stepped(f: Frame, value: Val, name: str, at: int) -> Val:
    """The value with a step added for readers; a value that is exactly its origin stays that very value."""
    if not value.atoms or value.sym is not None:
        return value
    atoms: dict[Any, Any] = {}
    for atom, (live, old) in value.atoms.items():
        known = old is not None and old[1] == at and old[0] == f.file
        words = f"stored in {name.partition('%')[0]}"
        atoms[atom] = (live, old if known else step(f.file, at, words, old))
    return Val(atoms, value.const, value.types, objs=value.objs, pred=value.pred, lit=value.lit)


def named(f: Frame, name: str, value: Val, at: int) -> Val:
    """Weak randomness stored under a name that says it is a secret; told once, so the value then is without it."""
    # Names are weak evidence: what some caller passes in is not judged by what a parameter's copy is called.
    near = {a: x for a, x in value.atoms.items() if isinstance(a, Source) and x[0] & RANDOM}
    if near and is_secret_name(name):
        reach(f, near, RANDOM, name, "secret-name", at)
        return Val(
            {a: (x[0] & ~RANDOM, x[1]) if a in near else x for a, x in value.atoms.items()},
            value.const, value.types, objs=value.objs, pred=value.pred, lit=value.lit,
        )  # fmt: skip
    return value


def is_secret_name(name: str) -> bool:
    """Whether a name says its value must not be guessable."""
    last = name.rsplit(".", 1)[-1].lower()
    if personal.kind_of_name(name) == "secret" or any(word in last for word in UNGUESSABLE):
        return True
    words = tuple(re.split(r"[^a-z]+", last))
    return words[-1:] == ("sid",) or words[-2:] == ("session", "key") or words[-2:] in UNGUESSABLE_PAIRS


def _attribute(f: Frame, target: Node, value: Val, at: int) -> None:
    obj = f.eval(target[2])
    name = target[3]
    if value.atoms:
        named(f, name, value, at)
    for t in obj.types:
        if t[0] == "x":
            path = f.solver.models.canonical(f"{t[1]}.{name}")
            store = f.solver.models.attributes.get(path)
            if store is not None and value.atoms:
                reach(f, f.deep(value), store.value, path, store.id, at)
            if t[1] in SHARED:
                f.state[("g", t[1], name)] = _stepped(f, value, name, at)
        elif t[0] == "m" or t[0] == "c":
            f.state[("g", t[1], name)] = value
        elif t[0] in ("i", "s"):
            setter = f.solver.classes.method(t[1], name + "=")
            if setter is not None:
                f.solver.calls.invoke(f, setter, Arguments(f, [obj, value], at))
                return
    f.write(obj, "." + name, _stepped(f, value, name, at))


def _item(f: Frame, target: Node, value: Val, at: int) -> None:  # noqa: C901, PLR0912 - one branch per form
    obj, key = f.eval(target[2]), f.eval(target[3])
    for t in obj.types:
        store = f.solver.models.stores.get(t[1]) if t[0] == "x" else None
        call = f.solver.models.calls.get(f"{t[1]}.__setitem__") if t[0] == "x" else None
        if call is not None:
            external.modelled(f, call, f"{t[1]}.__setitem__", Arguments(f, [key, value], at), CLEAN)
        if store is not None:
            if store.key:
                reach(f, f.deep(key), store.key, f"{t[1]}[]", store.id, at)
            if store.value:
                reach(f, f.deep(value), store.value, f"{t[1]}[]", store.id, at)
            if store.value & BIT["header"] and isinstance(key.const, str) and key.const.lower() in LOCATION:
                reach(f, f.deep(value), BIT["redirect"], f"{t[1]}[{key.const!r}]", store.id, at)
        elif t[0] in ("i", "s"):
            method = f.solver.classes.method(t[1], "__setitem__")
            if method is not None:
                f.solver.calls.invoke(f, method, Arguments(f, [obj, key, value], at))
                return
    value = _stepped(f, value, "an item", at)
    if isinstance(key.const, str) and value.atoms:
        named(f, key.const, value, at)
    if key.const is not NO_CONST:
        for oid in obj.objs:
            held = f.get(oid)
            place = key_place(key.const)
            if (
                held.kind == "list"
                and isinstance(key.const, int)
                and key.const < 0
                and held.exact
                and held.rest is None
            ):
                place = f"={len(held.fields) + key.const}"
            f.put(
                oid,
                held.put(place, value) if len(obj.objs) == 1 and held.kind != "set" else held.put_weak(place, value),
            )
    else:
        f.absorb(obj, value, Val(f.deep(key)))
        for oid in obj.objs:
            # Any known place may have been the one written.
            held = f.get(oid)
            if held.kind in ("list", "dict") and held.fields and value.atoms:
                f.put(oid, held.having(fields={p: _either(v, value) for p, v in held.fields.items()}))


def _either(old: Val, new: Val) -> Val:
    from maestro_taint.domain.values import join  # noqa: PLC0415 - kept near its only use

    return join(old, new)


def _unpack(f: Frame, targets: tuple[Node, ...], value: Val, at: int) -> None:
    exact = containers.items_by_place(f, value)
    star = next((i for i, t in enumerate(targets) if t[0] == ir.STAR), None)
    if exact is not None and star is None and len(exact) == len(targets):
        for t, v in zip(targets, exact, strict=True):
            assign(f, t, v, at)
        return
    if exact is not None and star is not None and len(exact) >= len(targets) - 1:
        from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - rare

        after = len(targets) - star - 1
        for i in range(star):
            assign(f, targets[i], exact[i], at)
        middle = exact[star : len(exact) - after]
        assign(f, targets[star][2], f.new(targets[star][1], sequence("list", middle)), at)
        for i in range(after):
            assign(f, targets[star + 1 + i], exact[len(exact) - after + i], at)
        return
    for i, t in enumerate(targets):
        if t[0] == ir.STAR:
            from maestro_taint.engine.external import new_list  # noqa: PLC0415 - rare

            assign(f, t[2], new_list(f, t[1], f.place(value, ITER)), at)
        elif star is None and value.objs and not isinstance(value.sym, Source):
            assign(f, t, protocols.positional(f, value, i, at) or f.place(value, f"={i}"), at)
        else:
            assign(f, t, f.place(value, ITER) if value.objs else Val(value.atoms, lit=value.lit), at)
