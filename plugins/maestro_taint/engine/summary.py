"""What a caller needs to know of a function.

Invariant: a summary speaks of the function's roots (parameters, globals, captured names) only by name, so it can be
applied in any caller; ``digest`` covers meaning, never positions or steps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.atoms import Source
from maestro_taint.domain.values import CLEAN, Val

if TYPE_CHECKING:
    from maestro_taint.domain.atoms import Root
    from maestro_taint.domain.objects import Obj
    from maestro_taint.domain.values import Oid, Step


@dataclass(frozen=True, slots=True, eq=False)
class SinkSite:
    """A place where data is used dangerously: the kind as a bit, the call's words, and the argument's.

    Made by :func:`site_of` alone: equal sites are one object, compared by identity.
    """

    file: str
    position: int
    bit: int
    callee: str
    model: str
    function: str
    confidence: str = "high"


site_of = cache(SinkSite)


@dataclass(slots=True)
class Summary:
    """The effect of one function, or of one function under known constants (a context).

    Attributes:
        ret: its result; ``heap`` holds the objects that ``ret`` and ``writes`` refer to.
        writes: symbolic object or root variable to what it holds at the end.
        sinks: (root atom, site) to (live kinds, step) for what reaches a sink inside.
        raises: what may be carried by an exception that leaves it.
        ensures: root atom to kinds cleared whenever it returns; ``if_true``, ``if_false`` by the result's truth.
        interest: indices of parameters, and captured names, whose constant or type would change the result.
        passes_on: whether a source is given to a function value or an object only the caller knows.
        gives_up: whether something inside could not be followed.
        normal: whether it can return at all.
    """

    ret: Val = CLEAN
    heap: dict[Oid, Obj] = field(default_factory=dict)
    writes: dict[Any, Any] = field(default_factory=dict)
    sinks: dict[Any, tuple[int, Step]] = field(default_factory=dict)
    raises: Val = CLEAN
    ensures: dict[Any, int] = field(default_factory=dict)
    if_true: dict[Any, int] = field(default_factory=dict)
    if_false: dict[Any, int] = field(default_factory=dict)
    interest: frozenset[Any] = frozenset()
    callees: frozenset[str] = frozenset()
    passes_on: bool = False
    gives_up: bool = False
    normal: bool = True

    def digest(self) -> Any:
        """A comparable form of the meaning."""
        return (
            _val(self.ret),
            {k: _obj(v) for k, v in self.heap.items()},
            {k: _val(v) if isinstance(v, Val) else _obj(v) for k, v in self.writes.items()},
            {k: live for k, (live, _) in self.sinks.items()},
            _val(self.raises),
            self.ensures,
            self.if_true,
            self.if_false,
            self.interest,
        )


def _val(v: Val) -> Any:
    atoms = {a: live for a, (live, _) in v.atoms.items()}
    types = tuple(t[:2] for t in v.types)
    return (atoms, repr(v.const), types, v.objs, repr(v.sym) if not isinstance(v.sym, Source) else v.sym)


def _obj(o: Obj) -> Any:
    fields = {k: _val(v) for k, v in o.fields.items()}
    return (o.kind, fields, None if o.rest is None else _val(o.rest), o.exact, o.cls, o.origin)


def empty() -> Summary:
    """The summary of a call still being solved: nothing known to happen yet."""
    return Summary(normal=True)


def argument_root(index: int) -> Root:
    """The root of the parameter at ``index``."""
    return ("p", index)
