"""What a test says about the data tested: a whitelist of shapes, per sink kind, on the surviving edge only.

Invariant: a guard clears injection kinds, never confidentiality; a test not listed here clears nothing. A predicate
is a pair (facts if true, facts if false); a fact is (value or atom, kinds it can no longer be dangerous for).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.atoms import Source, Unknown
from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import NO_CONST, Val, cleared
from maestro_taint.engine import charsets
from maestro_taint.kinds import BIT, DOUBLE, HOSTS, INJECTION, PATHS, SINGLE

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame

NOTHING: tuple[Any, ...] = ()
EVERY_PATH = object()  # stands for all resolved paths, in a fact about a base that is the file system's root
ALNUM = charsets.kinds_excluded(charsets.ALNUM)
QUOTES = {"'": SINGLE, '"': DOUBLE}  # what text without such a quote cannot end
METHODS = {
    "isdigit": charsets.kinds_excluded(charsets.DIGITS),
    "isdecimal": charsets.kinds_excluded(charsets.DIGITS),
    "isnumeric": charsets.kinds_excluded(charsets.DIGITS),
    "isalnum": ALNUM,
    "isalpha": ALNUM,
    "isidentifier": charsets.kinds_excluded(charsets.WORD),
}


def about(v: Val, bits: int) -> Any:
    """The fact that ``v`` has lost ``bits``; nothing when it had none."""
    if not v.atoms or not bits:
        return NOTHING
    if type(v.sym) is tuple and v.sym and v.sym[0] == "host":
        return tuple((whole, bits & HOSTS) for whole in v.sym[1:]) if bits & HOSTS else NOTHING
    return ((v, bits),)


def _below(f: Frame, v: Val, base: Val) -> Any:
    """The fact that ``v`` lies below ``base``: what ``base`` itself may hold stays dangerous."""
    kept = f.deep(base)
    if any(isinstance(atom, Source) for atom in kept):
        return NOTHING
    # What lies below once resolved, lies below: the path that was resolved names the same file.
    same = (v, *(t[2] for t in v.types if t[:2] == ("tag", "same")))
    facts = tuple(fact for one in same for fact in about(one, PATHS))
    return tuple((target, bits, frozenset(kept)) for target, bits in facts) if kept else facts


def comparison(f: Frame, op: str, a: Val, b: Val) -> Any:  # noqa: C901, PLR0911 - one return per form
    """Facts from ``a op b``."""
    if op in ("==", "!="):
        place = _same_place(f, a, b)
        if place:
            return _signed(place, positive=op == "==")
        if a.const is not NO_CONST or (a.lit and not a.atoms):
            a, b = b, a
        if not (b.const is not NO_CONST or (b.lit and not b.atoms)):
            return None
        made = about(a, INJECTION)
        return _signed(made, positive=op == "==")
    if op in ("in", "not in"):
        for t in b.types:
            if t[:2] == ("tag", "parents"):  # ``base in path.parents``
                return _signed(_below(f, t[2], a), positive=op == "in") if "resolved" in _tags(t[2]) else None
        if _fixed_collection(f, b):
            return _signed(about(a, INJECTION), positive=op == "in")
        if isinstance(a.const, str):
            return _signed(about(b, _absent(a.const)), positive=op == "not in")
        if isinstance(b.const, str):  # part of a known text: no other characters
            return _signed(about(a, charsets.kinds_excluded(frozenset(b.const))), positive=op == "in")
    return None


def _same_place(f: Frame, a: Val, b: Val) -> Any:
    """Facts from the equality of paths: one lies where its base does, or ``dirname(x) == x``: all lie below ``x``."""
    for x, base in ((a, b), (b, a)):
        common = next((t[2] for t in x.types if t[:2] == ("tag", "common")), None)
        if common is not None:
            return tuple(
                fact for v in common if "resolved" in _tags(v) and v is not base for fact in _below(f, v, base)
            )
        if any(t[:2] == ("tag", "parent") and t[2] is base for t in x.types):
            kept = frozenset(f.deep(base))
            if any(isinstance(atom, Source) for atom in kept):
                return NOTHING
            return ((EVERY_PATH, PATHS, kept),) if kept else ((EVERY_PATH, PATHS),)
        # One direction only: two unknown paths that are equal clear nothing.
        if "resolved" in _tags(x) and f.deep(base) and f.deep(base).keys() < f.deep(x).keys():
            return _below(f, x, base)
    return NOTHING


def _signed(facts: Any, *, positive: bool) -> Any:
    if not facts:
        return None
    return (facts, NOTHING) if positive else (NOTHING, facts)


def _fixed_collection(f: Frame, b: Val) -> bool:
    """Whether membership means equality with one of a known few values (not a substring of a text)."""
    if isinstance(b.const, tuple | frozenset) or any(t[:2] == ("tag", "items") for t in b.types):
        return True
    if not b.objs or f.own(b):
        return False
    for oid in b.objs:
        obj = f.get(oid)
        if obj.kind not in ("list", "tuple", "set", "dict") or obj.origin is not None:
            return False
        if obj.kind == "dict":
            if obj.keys is not None:
                return False
            continue
        inner = [v for v in (*obj.fields.values(), obj.rest) if v is not None]
        if not all(v.const is not NO_CONST or (v.lit and not v.atoms) for v in inner):
            return False
    return True


def _absent(text: str) -> int:
    """Kinds excluded when ``text`` does not occur in the value."""
    if text in ("..", "../"):
        return BIT["path"]
    if text == "/":
        return BIT["path"] | BIT["path_absolute"]
    if text in QUOTES:
        return QUOTES[text]
    return BIT["log_injection"] | BIT["header"] if text in ("\n", "\r\n") else 0


def authentic(mac: Val) -> Any:
    """Facts from a MAC that was found right: what it was computed of is what its owner wrote."""
    message = next((t[2] for t in mac.types if t[:2] == ("tag", "mac")), None)
    return None if message is None else _signed(about(message, INJECTION), positive=True)


def truthiness(v: Val) -> Any:
    """Facts from a value used as a test: a falsy text is empty, and harmless."""
    made = about(v, INJECTION)
    return (NOTHING, made) if made and v.sym is not None else None


def method(f: Frame, receiver: Val, name: str, args: list[Val]) -> Any:
    """Facts from a test method of texts or paths."""
    if name in METHODS:
        return _signed(about(receiver, METHODS[name]), positive=True)
    if name == "is_relative_to" and args and "resolved" in _tags(receiver):
        return _signed(_below(f, receiver, args[0]), positive=True)
    if name == "startswith" and args:
        return _prefix(f, receiver, args[0])
    return None


def _prefix(f: Frame, receiver: Val, prefix: Val) -> Any:
    """``startswith``: of a resolved path with a separator at the end, or of a URL with a whole host."""
    text = prefix.const if prefix.const is not NO_CONST else None
    if isinstance(text, str) and charsets.has_host(text):
        return _signed(about(receiver, HOSTS), positive=True)
    if text == "/":
        return _signed(about(receiver, BIT["path_absolute"]), positive=False)
    if "resolved" not in _tags(receiver):
        return None
    closed = (isinstance(text, str) and text.endswith("/")) or "closed" in _tags(prefix)
    return _signed(_below(f, receiver, prefix), positive=True) if closed else None


def _tags(v: Val) -> tuple[Any, ...]:
    return tuple(t[1] for t in v.types if t[0] == "tag")


def matched(v: Val, pattern: Val, how: str) -> Any:
    """Facts from ``re.fullmatch(pattern, v)`` or an anchored ``match``/``search``."""
    if not isinstance(pattern.const, str | bytes):
        return None
    bits = charsets.kinds_of_pattern(pattern.const, how)
    return _signed(about(v, bits), positive=True)


def conjunction(preds: list[Any]) -> Any:
    """Facts of ``a and b``: all true facts if true; if false, only facts every operand would give."""
    known = [p for p in preds if p is not None]
    if not known:
        return None
    true = tuple(x for p in known for x in p[0])
    false = _common([p[1] if p is not None else NOTHING for p in preds])
    return (true, false) if true or false else None


def disjunction(preds: list[Any]) -> Any:
    """Facts of ``a or b``."""
    swapped = conjunction([None if p is None else (p[1], p[0]) for p in preds])
    return None if swapped is None else (swapped[1], swapped[0])


def _common(sides: list[Any]) -> Any:
    first, *others = sorted(sides, key=lambda side: any(fact[0] is EVERY_PATH for fact in side))
    made = []
    for target, bits, *kept in first:
        left = bits
        for other in others:
            left &= next((b for t, b, *k in other if k == kept and _covers(t, target)), 0)
        if left:
            made.append((target, left, *kept))
    return tuple(made)


def _covers(t: Any, target: Any) -> bool:
    """Whether a fact about ``t`` is one about ``target``."""
    if t is EVERY_PATH:
        return isinstance(target, Val) and "resolved" in _tags(target)
    return t is target or (not isinstance(t, Val) and bool(t == target))


def apply(f: Frame, pred: Any, *, truth: bool) -> None:
    """Refine the state by the facts of a test that came out ``truth``."""
    if pred is None:
        return
    for target, bits, *kept in pred[0] if truth else pred[1]:
        if target is EVERY_PATH:
            continue  # says something only beside other tests
        if kept:
            refine_value(f, target, bits, kept[0])
        elif isinstance(target, Val):
            refine_value(f, target, bits)
            if isinstance(target.sym, Source) or type(target.sym) is Unknown:
                refine_atom(f, target.sym, bits)
        else:
            refine_atom(f, target, bits)


def refine_value(f: Frame, target: Val, bits: int, kept: frozenset[Any] = frozenset()) -> None:
    """Every place that holds exactly this value holds it without ``bits``, but for the atoms ``kept``."""
    less = Val(
        cleared(target.atoms, bits) | {a: x for a, x in target.atoms.items() if a in kept},
        target.const,
        target.types,
        objs=target.objs,
        sym=target.sym,
        lit=target.lit,
    )
    f.refined[id(less)] = (less, target)
    first = original(f, target)
    changed: dict[Any, Any] = {}
    for key, held in f.state.items():
        if held is target or (type(held) is Val and held.atoms and original(f, held) is first):
            changed[key] = less if held is target else _narrowed(f, held, bits)
        elif type(held) is Obj:
            fields = {p: less for p, v in held.fields.items() if v is target}
            if fields:
                changed[key] = held.having(fields={**held.fields, **fields})
    f.state.update(changed)


def _narrowed(f: Frame, held: Val, bits: int) -> Val:
    less = Val(cleared(held.atoms, bits), held.const, held.types, objs=held.objs, sym=held.sym, lit=held.lit)
    f.refined[id(less)] = (less, held)
    return less


def original(f: Frame, v: Val) -> Val:
    """The value before any test was made on it."""
    while id(v) in f.refined:
        v = f.refined[id(v)][1]
    return v


def unrefined(before: dict[Any, Any], after: dict[Any, Any]) -> None:
    """Take back in ``after`` what tests alone changed: their facts are applied when the whole outcome is known."""
    for key, old in before.items():
        new = after.get(key)
        if type(key) is str and new is not old and type(new) is Val and type(old) is Val:
            same = new.const is old.const and new.objs == old.objs and new.atoms.keys() == old.atoms.keys()
            if same and new.types == old.types:
                after[key] = old


def refine_atom(f: Frame, atom: Any, bits: int) -> None:
    """Everything derived from what ``atom`` names loses ``bits``; remembered, for predicates and validators."""
    facts = f.state.get("#facts")
    known = facts.const if facts is not None else {}
    f.state["#facts"] = Val(const={**known, atom: known.get(atom, 0) | bits})
    changed: dict[Any, Any] = {}
    for key, held in f.state.items():
        if type(held) is Val:
            if atom in held.atoms:
                changed[key] = _without(held, atom, bits)
        elif type(held) is Obj:
            fields = {p: _without(v, atom, bits) for p, v in held.fields.items() if atom in v.atoms}
            rest = held.rest
            if rest is not None and atom in rest.atoms:
                rest = _without(rest, atom, bits)
            if fields or rest is not held.rest:
                changed[key] = held.having(fields={**held.fields, **fields}, rest=rest)
    f.state.update(changed)


def _without(v: Val, atom: Any, bits: int) -> Val:
    live, step = v.atoms[atom]
    atoms = {**v.atoms, atom: (live & ~(bits | bits << 32), step)}
    return Val(atoms, v.const, v.types, objs=v.objs, sym=v.sym, pred=v.pred, lit=v.lit)


def facts_of(state: dict[Any, Any]) -> dict[Any, int]:
    """What has been established on every path to a state, by atom."""
    found = state.get("#facts")
    return found.const if found is not None else {}
