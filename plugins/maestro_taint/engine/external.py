"""Calls that leave the project: what the models say, and what is assumed where they say nothing.

Invariant: without a model all taint of arguments and receiver reaches the result; nothing is a sink.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, Unknown, source_of
from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import (
    CLEAN,
    LITERAL,
    NO_CONST,
    Val,
    alive,
    cleared,
    constant,
    join_atoms,
    restored,
    source_value,
)
from maestro_taint.engine import containers, folding, personal, responses, special
from maestro_taint.engine.frame import ITER
from maestro_taint.engine.program import BUILTIN
from maestro_taint.engine.summary import site_of
from maestro_taint.frontend.ir import PLACE, constants
from maestro_taint.frontend.statements import MUTATORS
from maestro_taint.kinds import BIT, BY_BIT, CERTAIN, SURE, VARIANTS

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame
    from maestro_taint.models.model import CallModel, PatternModel, SinkModel

NEVER = frozenset(
    ("sys.exit", "os._exit", "os.abort", "builtins.exit", "builtins.quit", "flask.abort", "werkzeug.exceptions.abort")
)

WORDS = re.compile(r"[a-z]+\d?")
PROTECTED = frozenset(
    ("password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "pin", "auth", "authorization", "sign",
     "signature", "signer", "sessions", "session", "credential", "credentials", "salt", "nonce", "login", "csrf",
     "hmac", "user", "certificate", "apikey", "otp")
)  # fmt: skip
# A function called after a hash gives what its users ask for; they are the ones to judge.
IDENTIFYING = frozenset(
    ("cache", "cached", "caching", "version", "etag", "checksum", "fingerprint", "revision", "sprite", "icon", "static",
     "vary", "dedup", "filelike", "thumbnail", "shard", "bucket", "md5", "sha1")
)  # fmt: skip
MEASURING = frozenset(("count", "find", "rfind", "index", "rindex"))  # of a text: a number
CURSOR, SLOT = "dbapi.cursor", 83


def call(f: Frame, dotted: str, callee: Val, given: Arguments) -> Val:
    """Call the external thing named ``dotted``."""
    models = f.solver.models
    dotted = models.canonical(dotted)
    if dotted.startswith(BUILTIN):
        args = given.args
        if args and not given.kwargs and all(a.const is not NO_CONST for a in args):
            folded = folding.call(dotted[len(BUILTIN) :], [a.const for a in args])
            if folded is not NO_CONST:
                return constant(folded)
    if dotted in NEVER:
        f.solver.diverges(f)
    model = models.calls.get(dotted)
    made = special.call(f, dotted, given)
    if made is not None and model is None:
        return made
    if model is None:
        return unknown(f, callee, given, dotted=dotted)
    return modelled(f, model, dotted, given, made)


def modelled(f: Frame, model: CallModel, dotted: str, given: Arguments, made: Val | None) -> Val:
    """The effect a model describes."""
    for sink in model.sinks:
        meet(f, sink, dotted, given)
    _misused(f, model, dotted, given)
    if made is not None:
        return made
    if model.source is not None:
        source = source_of(model.source.kind, model.source.id, f.file, given.at, dotted, model.source.confidence)
        entered = source_value(source, steps.step(f.file, given.at, f"{source.kind} data from {dotted}()"))
        return Val(entered.atoms, types=_types(f, model, dotted), sym=source)
    atoms, lit = given.flow(model.flow)
    if model.clears and all(given.holds(c) for c in model.clear_when):
        atoms = cleared(atoms, model.clears)
        atoms = alive(atoms) if not model.restores else atoms
    if model.restores:
        atoms = restored(atoms, model.restores)
    if model.into is not None:
        target = given.get(model.into) if model.into >= 0 else given.receiver
        if target is not None:
            f.absorb(target, Val(atoms))
    return Val(atoms, types=_types(f, model, dotted), lit=lit or model.literal)


def _misused(f: Frame, model: CallModel, dotted: str, given: Arguments) -> None:
    """Note the patterns a call matches; where a parameter decides, callers are asked."""
    for pattern in model.patterns:
        for condition in pattern.when:
            wanted = given.selected(condition.arg)
            if wanted is not None and type(wanted.sym) is Unknown:
                f.note_interest(wanted)
                f.passes_on = True
        if all(given.holds(c) for c in pattern.when) and not prescribed(f, pattern):
            f.solver.pattern(f, pattern, given.at, dotted, grave=not (pattern.weighed and identifies(f, given)))


def identifies(f: Frame, given: Arguments) -> bool:
    """Whether a digest only tells versions of a thing apart, by the names around; nothing to protect is spoken of."""
    if any(isinstance(a, Source) for v in given.everything() for a in v.atoms):
        return False
    module, _, inner = f.fn.qn.rpartition(f"{f.module.name}.")[2].rpartition(".")
    names = (f.module.name.rpartition(".")[2], module, inner, *f.fn.slots)
    words = {word for name in names for word in WORDS.findall(name.lower())}
    return not words.isdisjoint(IDENTIFYING) and words.isdisjoint(PROTECTED)


def prescribed(f: Frame, pattern: PatternModel) -> bool:
    """Whether a name of the function or a constant it uses says that a protocol, not the author, chose the call."""
    named = (f.fn.name.lower(), *f.fn.slots)
    if any(fnmatchcase(one, name) for name in pattern.unless_in for one in named):
        return True
    if not pattern.unless_beside:
        return False
    known = [f.solver.program.global_value(f, name).const for name in sorted(f.fn.names)]
    held = (c for c in (*known, *constants(f.fn.body)) if isinstance(c, str | bytes))
    texts = {c.decode("latin-1") if isinstance(c, bytes) else c for c in held}
    return not texts.isdisjoint(pattern.unless_beside)


def _types(f: Frame, model: CallModel, dotted: str) -> tuple[Any, ...]:
    if model.returns == "text":
        return ()
    return (("x", f.solver.models.canonical(model.returns or dotted)),)


def meet(f: Frame, sink: SinkModel, dotted: str, given: Arguments) -> None:
    """Check a sink's arguments."""
    for condition in sink.when:
        decisive = given.selected(condition.arg)
        if decisive is not None:
            f.note_interest(decisive)
    if not all(given.holds(c) for c in sink.when):
        return
    if sink.bits & BIT["log"] and f.caught and _tells(dotted, given):
        shown = f.solver.attributes.printed(f, f.caught[-1])
        reach(f, shown, sink.bits & BIT["log"], dotted, sink.id, given.at, sink.confidence)
    for selector in sink.args:
        value = given.selected(selector)
        if value is None:
            continue
        atoms = special.argument(f, sink, given, value)
        f.solver.proved(f, sink, given.at, constant=not atoms and _is_constant(f, value))
        if not atoms and value.lit:
            continue
        bits = sink.bits
        if atoms and bits & BIT["html"] and bits != BIT["html"]:
            plain = responses.is_plain(f.fn) or responses.is_headed(f, given.kwargs.get("headers"))
            bits &= ~BIT["html"] if plain else -1
        reach(f, atoms, bits, dotted, sink.id, given.at, sink.confidence)


def _tells(dotted: str, given: Arguments) -> bool:
    """Whether a call writes out the exception being handled."""
    told = given.kwargs.get("exc_info")
    if told is not None:
        return told.const is NO_CONST or bool(told.const)
    return dotted.rpartition(".")[2] in ("exception", "print_exc", "print_exception")


def _is_constant(f: Frame, value: Val) -> bool:
    """Whether a value is known in full: a constant, or a sequence of constants."""
    if value.const is not NO_CONST:
        return True
    items = containers.exact_items(f, value) if value.objs else None
    return items is not None and all(v.const is not NO_CONST for v in items)


def reach(
    f: Frame, atoms: dict[Any, Any], bits: int, dotted: str, model: str, at: int, confidence: str = "high"
) -> None:
    """Data with ``atoms`` meets every kind in ``bits``."""
    left = bits
    while left:
        bit = left & -left
        left &= ~bit
        if any(live & bit for live, _ in atoms.values()):
            name = VARIANTS.get(BY_BIT[bit].name, BY_BIT[bit].name)
            site = site_of(f.file, at & PLACE, bit, dotted, model, f.fn.qn, confidence)
            f.reach(atoms, bit, site, f"reaches {dotted}() [{name}]")


def unknown(f: Frame, callee: Val, given: Arguments, *, dotted: str = "") -> Val:
    """A callee nobody knows: by its method's name if that says enough, else everything flows on."""
    receiver, name = given.receiver, given.name
    model = f.solver.models.methods.get(name) if receiver is not None else None
    if model is not None and _fits(f, name, receiver, dotted):
        return modelled(f, model, dotted or f"?.{name}", given, special.call(f, f"?.{name}", given))
    if receiver is not None:
        told = _by_method(f, receiver, name, given.at)
        if told is not None:
            return told
    atoms, lit = given.flow("all")
    own = f.own(callee)
    if own and receiver is None:
        atoms = join_atoms(atoms, own)
    if receiver is None or not (receiver.const is not NO_CONST or name in folding.METHODS):
        atoms = _doubted(f, atoms, receiver, SURE if receiver is not None or callee.sym is None else CERTAIN)
    if receiver is not None and name in ("get", "getlist") and "type" in given.kwargs:  # werkzeug's MultiDict
        return f.solver.calls.dispatch(f, given.kwargs["type"], type(given)(f, [Val(atoms, lit=lit)], given.at))
    if receiver is not None and given.args:
        key = given.args[0].const if name in ("get", "pop", "getlist") else None
        atoms = personal.asked(f, atoms, key, given.at) if isinstance(key, str) else atoms
        _kept(f, receiver, name, given)
    target = callee if receiver is None else receiver
    if target.sym is not None and not isinstance(target.sym, Source):
        f.passes_on = f.passes_on or any(type(a) is Source for a in atoms)
    f.gives_up = f.gives_up or bool(atoms)
    types = (("x", dotted),) if dotted and len(dotted) < 100 and not dotted.startswith(BUILTIN) else ()
    if not atoms:
        return Val(types=types) if types else LITERAL if lit and dotted.startswith(BUILTIN) else CLEAN
    objs = receiver.objs if receiver is not None and name in ("__enter__", "__iter__") else ()
    return Val(atoms, types=types, objs=objs)


def _by_method(f: Frame, receiver: Val, name: str, at: int) -> Val | None:
    """What some methods give whoever has them: a number, a cursor."""
    if name in MEASURING and not any(t[0] in ("i", "s", "c", "m") for t in receiver.types):
        return CLEAN
    if name == "cursor":
        return Val(f.own(receiver), types=(("x", CURSOR),), objs=f.new(at, Obj("list", {}), SLOT).objs)
    return None


def _doubted(f: Frame, atoms: dict[Any, Any], receiver: Val | None, bits: int) -> dict[Any, Any]:
    """What an unknown callee was given may be in its result, or not; what it is a part of, is."""
    own = f.own(receiver) if receiver is not None else {}
    sure = {a: x for a, x in atoms.items() if a in own}
    return {**cleared({a: x for a, x in atoms.items() if a not in own}, bits), **sure}


def _kept(f: Frame, receiver: Val, name: str, given: Arguments) -> None:
    """A method that is not known may keep what it is given."""
    inner = given.flow("args")[0] if receiver.objs and _keeps(f, receiver, name) else {}
    if inner:
        f.absorb(receiver, Val(inner))


def _keeps(f: Frame, receiver: Val, name: str) -> bool:
    """Whether an unknown method may store its arguments in its receiver: in what is made here, or by its name."""
    return name in MUTATORS or any(f.get(o).origin is None for o in receiver.objs)


def _fits(f: Frame, name: str, receiver: Val | None, dotted: str) -> bool:
    """Whether a receiver of unknown type may be what a method model speaks of, by the words of its name."""
    hints = f.solver.models.hints.get(name, ())
    if not hints:
        return True
    if receiver is None or any(t[0] in ("i", "s", "c", "m") for t in receiver.types):
        return False
    words = [dotted.lower(), f.solver.naming.get(id(receiver), "")]
    for atom in receiver.atoms:
        if isinstance(atom, tuple):
            root, path = atom
            words.append(
                str(
                    path[-1]
                    if path
                    else f.fn.slots[root[1]]
                    if root[0] == "p" and root[1] < len(f.fn.slots)
                    else root[-1]
                ).lower()
            )
    return any(hint in word for hint in hints for word in words)


def iterate(f: Frame, v: Val) -> Val:
    """What iterating a value yields, one element standing for all."""
    return f.place(v, ITER)


def new_list(f: Frame, at: int, rest: Val) -> Val:
    """A list of unknown length."""
    return f.new(at, Obj("list", {}, rest))
