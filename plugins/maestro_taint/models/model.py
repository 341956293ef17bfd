"""Compiled models, as the engine asks them.

Invariant: a dotted name has at most one call model; several entries about it are merged when models are compiled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property


@dataclass(frozen=True, slots=True)
class SourceModel:
    """What a read or a call yields."""

    id: str
    kind: str
    confidence: str = "high"


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of one argument by its constant or name.

    ``op``: ``true`` (holds unless the argument is absent or known false), ``in``/``not in`` (constant or dotted name
    among ``values``; for ``not in`` an absent argument holds), ``present``, ``absent``.
    """

    arg: int | str
    op: str
    values: tuple[str, ...] = ()
    alternative: int = -1


@dataclass(frozen=True, slots=True)
class SinkModel:
    """Arguments that must not be dangerous for ``bits``."""

    id: str
    args: tuple[int | str, ...]
    bits: int
    cwe: int = 0
    when: tuple[Condition, ...] = ()
    special: str = ""
    confidence: str = "high"


@dataclass(frozen=True, slots=True)
class PatternModel:
    """A call that is wrong whatever flows into it: weak hash, insecure cookie, entity-resolving parser.

    ``weighed``: where names say that a digest only tells versions apart it does not block.
    Not in a function whose name matches ``unless_in``, nor in one that names a constant of ``unless_beside``.
    """

    id: str
    rule: str
    cwe: int
    message: str
    when: tuple[Condition, ...] = ()
    unless_in: tuple[str, ...] = ()
    unless_beside: tuple[str, ...] = ()
    weighed: bool = False


@dataclass(frozen=True, slots=True)
class CallModel:
    """What one outside function does.

    ``flow``: ``all`` (arguments and receiver to the result), ``none``, or the arguments that do. ``guards``: named
    test the result is. ``into``: arguments change the receiver (or the argument ``into``).
    """

    sinks: tuple[SinkModel, ...] = ()
    source: SourceModel | None = None
    patterns: tuple[PatternModel, ...] = ()
    clears: int = 0
    restores: int = 0
    flow: tuple[int | str, ...] | str = "all"
    returns: str = ""
    into: int | None = None
    special: str = ""
    literal: bool = False
    clear_when: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreModel:
    """A sink reached by assignment: ``session[key] = value``."""

    id: str
    key: int = 0
    value: int = 0


@dataclass(frozen=True, slots=True)
class EntryModel:
    """A decorator, a base class (for its ``methods``) or a first parameter by which a framework calls a function.

    ``base`` says that only parameters without a default are filled from outside.
    """

    id: str
    params: str = "untrusted"
    returns: int = 0
    skip: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    base: bool = False
    confidence: str = "high"
    within: tuple[str, ...] = ()

    def frameworks(self, imports: set[str]) -> bool:
        """Whether a module with these imports may use the framework meant."""
        return not self.within or any(dotted.partition(".")[0] in self.within for dotted in imports)


@dataclass
class Models:
    """Everything, by dotted name."""

    calls: dict[str, CallModel] = field(default_factory=dict)
    methods: dict[str, CallModel] = field(default_factory=dict)
    reads: dict[str, SourceModel] = field(default_factory=dict)
    clean_reads: dict[str, int] = field(default_factory=dict)
    item_paths: set[str] = field(default_factory=set)
    stores: dict[str, StoreModel] = field(default_factory=dict)
    attributes: dict[str, StoreModel] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    entries: dict[str, EntryModel] = field(default_factory=dict)
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    fields: tuple[tuple[str, str], ...] = ()
    annotations: dict[str, str] = field(default_factory=dict)
    hints: dict[str, tuple[str, ...]] = field(default_factory=dict)
    names_are_sources: bool = True
    digest: str = ""
    canonicals: dict[str, str] = field(default_factory=dict, repr=False, compare=False)  # answers given

    @cached_property
    def methods_entered(self) -> frozenset[str]:
        """Names of methods some framework calls."""
        return frozenset(name for entry in self.entries.values() for name in entry.methods)

    def canonical(self, dotted: str) -> str:
        """The name a thing is modelled under: aliases hold for a prefix, longest first."""
        found = self.canonicals.get(dotted)
        if found is None:
            found = self.canonicals[dotted] = self._canonical(dotted)
        return found

    def _canonical(self, dotted: str) -> str:
        aliases = self.aliases
        if dotted in aliases:
            return aliases[dotted]
        head = dotted
        for _ in range(4):
            head, dot, _ = head.rpartition(".")
            if not dot:
                return dotted
            if head in aliases:
                return aliases[head] + dotted[len(head) :]
        return dotted

    @cached_property
    def _stars(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for dotted in (*self.calls, *self.reads, *self.aliases):
            home, _, name = dotted.rpartition(".")
            found.setdefault(home, set()).add(name)
        return found

    def names_of(self, module: str) -> set[str]:
        """Modelled names a star import of an outside module would bring."""
        return self._stars.get(module, set())

    def field_kind(self, name: str) -> str | None:
        """The source kind a user's model gives a declared field."""
        return next((kind for pattern, kind in self.fields if fnmatchcase(name, pattern)), None)
