"""From a finished run to the summary callers see.

Invariant: what the summary holds refers only to roots and to objects in its own heap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.atoms import Source, Unknown, unknown
from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import CLEAN, NO_CONST, Val, join, root_value
from maestro_taint.engine import guards
from maestro_taint.engine.frame import CELL, join_states
from maestro_taint.engine.summary import Summary

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame

MAX_HEAP = 16
MAX_WRITES = 16


def summarize(f: Frame) -> Summary:
    """The summary of a run that has come to its end."""
    exits = list(f.returns)
    if f.state is not None:
        exits.append((Val(const=None, lit=True), f.state))
    final: Any = None
    for _, state in exits:
        final = join_states(final, state)
    made = Summary(
        sinks=f.sinks,
        raises=f.raises,
        interest=frozenset(f.interest),
        callees=frozenset(f.callees),
        passes_on=f.passes_on,
        gives_up=f.gives_up,
        normal=bool(exits),
    )
    if final is None:
        final = {}
    f.state = final
    made.ret = _result(f, exits)
    made.writes = _writes(f, final)
    _heap(f, made)
    _facts(f, made, exits)
    return made


def _result(f: Frame, exits: list[tuple[Val, dict[Any, Any]]]) -> Val:
    if f.fn.is_generator:
        return f.new(0, Obj("gen", {}, f.yields if f.yields is not None else CLEAN))
    made: Val | None = None
    for value, _ in exits:
        made = value if made is None else join(made, value)
    return made if made is not None else CLEAN


def _writes(f: Frame, final: dict[Any, Any]) -> dict[Any, Any]:
    """Symbolic objects that were written to, and root variables that were assigned."""
    found: dict[Any, Any] = {}
    for key, held in final.items():
        if type(key) is str or key[0] == "n":
            continue
        if isinstance(held, Obj):
            if (held.fields or held.rest is not None) and (key[0][0] != "g" or _moves(final, key, held)):
                found[key] = held
        else:
            found[key] = held
    if len(found) > MAX_WRITES:
        # The shortest paths say most.
        order = sorted(found, key=lambda k: (len(k[1]) if isinstance(found[k], Obj) else 0, repr(k)))
        found = {k: found[k] for k in order[:MAX_WRITES]}
    if f.fn.name == "<module>":
        return {k: v for k, v in found.items() if not isinstance(v, Obj)} | _globals(f, final)
    return found


def _globals(f: Frame, final: dict[Any, Any]) -> dict[Any, Any]:
    """Module-level names that hold a source when the module was run: whoever reads one later gets it."""
    found: dict[Any, Any] = {}
    for name, held in final.items():
        if type(name) is not str or not isinstance(held, Val):
            continue
        root = ("g", f.module.name, name)
        obj = final.get(held.objs[0]) if len(held.objs) == 1 else None
        if any(type(atom) is Source for atom in held.atoms):
            found[root] = held
        elif isinstance(obj, Obj) and obj.kind != "func" and _holds_source(obj):
            found[unknown(root)] = obj
    return found


def _holds_source(obj: Obj) -> bool:
    inner = (v for v in (*obj.fields.values(), obj.rest) if v is not None)
    return any(type(atom) is Source for v in inner for atom in v.atoms)


def _moves(state: dict[Any, Any], key: Unknown, held: Obj) -> bool:
    """Whether a shared object now holds data that was not in it: a source, or what came from somewhere else.

    What a function merely builds there (a cache, settings read on first use) says nothing to its callers that other
    functions' reading of the global does not say.
    """
    stack: list[Obj] = [held]
    seen: set[Any] = {key}
    while stack:
        obj = stack.pop()
        for v in (*obj.fields.values(), obj.rest, obj.keys):
            if v is None:
                continue
            for atom in v.atoms:
                if type(atom) is Source or not _within(atom, key):
                    return True
            for oid in v.objs:
                if oid not in seen:
                    seen.add(oid)
                    inner = state.get(oid)
                    if inner is not None:
                        stack.append(inner)
    return False


def _within(atom: Unknown, key: Unknown) -> bool:
    """Whether an unknown is a part of a shared object, or the other way round."""
    length = min(len(atom[1]), len(key[1]))
    return bool(atom[0] == key[0] and atom[1][:length] == key[1][:length])


def _heap(f: Frame, made: Summary) -> None:
    """Objects reachable from the result, the writes and the exception, with captured names filled in."""
    stack: list[Val] = [made.ret, made.raises]
    for held in made.writes.values():
        stack += [held] if isinstance(held, Val) else [v for v in (*held.fields.values(), held.rest) if v is not None]
    while stack and len(made.heap) < MAX_HEAP:
        val = stack.pop()
        stack += [t[2] for t in val.types if t[0] == "b"]
        for oid in val.objs:
            if oid in made.heap or type(oid) is Unknown:
                continue
            obj = f.state.get(oid) or (f.thrown or {}).get(oid)
            if obj is None:
                continue
            if obj.kind == "func":
                obj = _closed(f, obj)
            made.heap[oid] = obj
            stack += [v for v in (*obj.fields.values(), obj.rest, obj.keys) if v is not None]


def _closed(f: Frame, obj: Obj) -> Obj:
    """A function value with what it captured from this run."""
    fields = dict(obj.fields)
    for owner, name in sorted(f.module.captures.get(obj.cls, ())):
        place = CELL + name
        if place in fields:
            continue
        if owner == f.fn.qn:
            fields[place] = f.state.get(name, CLEAN)
        else:
            root = ("c", owner, name)
            fields[place] = f.state.get(root) or root_value(root)
    return obj.having(fields=fields)


def _facts(f: Frame, made: Summary, exits: list[tuple[Val, dict[Any, Any]]]) -> None:  # noqa: ARG001 - one signature for all table entries
    """What holds whenever the function returns, or returns something true, or something false."""
    always: dict[Any, int] | None = None
    true: dict[Any, int] | None = None
    false: dict[Any, int] | None = None
    for value, state in exits:
        facts = {a: bits for a, bits in guards.facts_of(state).items() if type(a) is Unknown}
        always = facts if always is None else _common(always, facts)
        truth = bool(value.const) if value.const is not NO_CONST else None
        told = value.pred or ((), ())
        if truth is not False:
            here = _with(facts, told[0])
            true = here if true is None else _common(true, here)
        if truth is not True:
            here = _with(facts, told[1])
            false = here if false is None else _common(false, here)
    made.ensures = _roots(always)
    made.if_true = _roots(true)
    made.if_false = _roots(false)


def _with(facts: dict[Any, int], told: Any) -> dict[Any, int]:
    made = dict(facts)
    for target, bits, *kept in told:
        if kept:  # holds for a part of the value only: too fine to say to a caller
            continue
        atom = target.sym if isinstance(target, Val) else target
        if type(atom) is Unknown:
            made[atom] = made.get(atom, 0) | bits
    return made


def _common(a: dict[Any, int], b: dict[Any, int]) -> dict[Any, int]:
    return {k: bits & b[k] for k, bits in a.items() if k in b and bits & b[k]}


def _roots(facts: dict[Any, int] | None) -> dict[Any, int]:
    return {a: bits for a, bits in (facts or {}).items() if type(a) is Unknown and bits}
