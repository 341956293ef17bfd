"""The shape of a model file. Unknown keys and wrong types are errors with their place.

Invariant: what decodes here is well-formed; whether its names exist is checked apart (``names.py``).
"""

from __future__ import annotations

from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all entries: strict about keys."""


class ConditionEntry(Entry, frozen=True):
    """``{arg: shell, is: "true"}``, ``{arg: Loader, in: [yaml.SafeLoader]}``; ``at`` is the position if unnamed."""

    arg: int | str
    is_: str = msgspec.field(default="", name="is")
    in_: tuple[str, ...] = msgspec.field(default=(), name="in")
    not_in: tuple[str, ...] = ()
    at: int = -1


class SourceEntry(Entry, frozen=True):
    """Where data enters: an attribute ``read``, a ``call``, an environment pattern, a declared field, a parameter."""

    id: str
    kind: str
    read: tuple[str, ...] | str = ()
    call: tuple[str, ...] | str = ()
    method: tuple[str, ...] | str = ()
    env: tuple[str, ...] = ()
    field: dict[str, Any] = {}
    annotation: tuple[str, ...] = ()
    confidence: str = "high"
    unchecked: bool = False


class SinkEntry(Entry, frozen=True):
    """Arguments that must not be dangerous: positions, names, ``self``, ``*`` or ``1+``."""

    id: str
    kind: tuple[str, ...] | str
    args: tuple[int | str, ...] = (0,)
    call: tuple[str, ...] | str = ()
    method: tuple[str, ...] | str = ()
    receiver: tuple[str, ...] = ()
    store: str = ""
    key: str = ""
    cwe: int = 0
    when: tuple[ConditionEntry, ...] = ()
    clear_when: tuple[ConditionEntry, ...] | ConditionEntry = ()
    special: str = ""
    flow: tuple[int | str, ...] | str = ""
    returns: str = ""
    confidence: str = "high"
    unchecked: bool = False


class SanitizerEntry(Entry, frozen=True):
    """A call whose result is harmless for the kinds it ``clears``."""

    clears: tuple[str, ...]
    call: tuple[str, ...] | str = ()
    read: tuple[str, ...] | str = ()
    when: tuple[ConditionEntry, ...] = ()
    flow: tuple[int | str, ...] | str = ""
    unchecked: bool = False


class PropagatorEntry(Entry, frozen=True):
    """What a call's result holds: ``all``, ``none``, some arguments; what it ``returns``; what it undoes."""

    call: tuple[str, ...] | str
    flow: tuple[int | str, ...] | str = "all"
    returns: str = ""
    restores: tuple[str, ...] = ()
    into: int | None = None
    literal: bool = False
    unchecked: bool = False


class EntrypointEntry(Entry, frozen=True):
    """How a framework calls a function; ``returns`` are the kinds its result reaches.

    By a ``decorator``, as one of the ``methods`` of classes with a ``base``, or (module-level functions of modules that
    import one of ``within``) by the name of its ``first`` parameter.
    """

    id: str
    decorator: tuple[str, ...] | str = ()
    base: tuple[str, ...] | str = ()
    methods: tuple[str, ...] = ()
    first: str = ""
    within: tuple[str, ...] = ()
    confidence: str = "high"
    params: str = "untrusted"
    returns: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    unchecked: bool = False


class PatternEntry(Entry, frozen=True):
    """A call that is wrong by itself, under conditions on its arguments.

    ``unless_in``: not in functions with such a name (globs, lower case); ``unless_beside``: not where one of these
    constants is used, by which a protocol is known; ``weighed``: a warning only, where names say that the digest
    tells versions of a thing apart and protects nothing.
    """

    id: str
    call: tuple[str, ...] | str
    rule: str
    cwe: int
    message: str
    when: tuple[ConditionEntry, ...] = ()
    unless_in: tuple[str, ...] = ()
    unless_beside: tuple[str, ...] = ()
    weighed: bool = False
    returns: str = ""
    unchecked: bool = False


class Document(Entry, frozen=True):
    """One model file."""

    version: int
    sources: tuple[SourceEntry | str, ...] = ()
    sinks: tuple[SinkEntry | str, ...] = ()
    sanitizers: tuple[SanitizerEntry | str, ...] = ()
    propagators: tuple[PropagatorEntry, ...] = ()
    entrypoints: tuple[EntrypointEntry, ...] = ()
    patterns: tuple[PatternEntry, ...] = ()
    aliases: dict[str, tuple[str, ...] | str] = {}
    parameters: dict[str, tuple[str, ...] | str] = {}
    items: tuple[str, ...] = ()
