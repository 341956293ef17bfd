"""The intermediate form: nested tuples ``(op, position, ...)``, small enough to keep for a whole repository.

Invariant: a position packs line and byte column (``line << 12 | column``) and, above them, a count that tells nodes
that begin at one place apart; no tuple refers to a syntax tree.
"""

from __future__ import annotations

import marshal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Node: TypeAlias = tuple[Any, ...]

# Expressions
(CONST, LOCAL, FREE, GLOBAL, ATTR, INDEX, SLICE, CALL, FMT, BIN, CMP, BOOL, NOT, UNARY, IFEXP, SEQ, DICT, COMP) = range(
    18
)
(LAMBDA, YIELD, YIELDFROM, WALRUS, STAR, UNKNOWN) = range(18, 24)
# Statements
(
    ASSIGN,
    AUG,
    EXPR,
    RETURN,
    IF,
    LOOP,
    FOR,
    TRY,
    WITH,
    RAISE,
    MATCH,
    DEF,
    CLASS,
    IMPORT,
    DEL,
    BREAK,
    CONTINUE,
    ASSERT,
) = range(24, 42)


NEST = 40  # bits above: how many nodes that begin at the same place lie within
PLACE = (1 << NEST) - 1


def pack(line: int, column: int) -> int:
    """One integer for a place in a file."""
    return line << 12 | (min(4095, column))


def around(inner: Node, position: int) -> int:
    """The position of a node whose first operand is ``inner``: ``a.b().c()`` are two calls that begin at one place."""
    return position | ((inner[1] >> NEST) + 1) << NEST if inner[1] & PLACE == position else position


def line_of(position: int) -> int:
    """The 1-based line of a packed position."""
    return (position & PLACE) >> 12


def constants(node: Any) -> Iterator[Any]:
    """The constants in some code."""
    if isinstance(node, tuple):
        if len(node) > 2 and node[0] == CONST:
            yield node[2]
        for part in node:
            yield from constants(part)


def imported(node: Any, name: str) -> tuple[str, str] | None:
    """The module and the symbol (or ``""``) that an import statement in some code binds to a name, if one does."""
    if not isinstance(node, tuple) or node[:1] == (CONST,):
        return None
    if node[:1] == (IMPORT,):
        return next(((dotted, symbol) for bound, dotted, symbol in node[2] if bound == name), None)
    return next((found for part in node if (found := imported(part, name)) is not None), None)


def is_abstract(fn: Function) -> bool:
    """Whether a method does no more than raise ``NotImplementedError``: some class we do not see does its work."""
    last = fn.body[-1] if fn.body else None
    raised = last[2] if fn.cls and last is not None and last[0] == RAISE else None
    if raised is not None and raised[0] == CALL:
        raised = raised[2]
    return raised is not None and raised[0] == GLOBAL and raised[2] == "NotImplementedError"


def column_of(position: int) -> int:
    """The 0-based byte column of a packed position."""
    return position & 4095


@dataclass(slots=True)
class Function:
    """One function, lambda, class body or module body, lowered.

    Attributes:
        params: positional and keyword names in order; ``vararg`` and ``kwarg`` come after them if present.
        local: names bound in this scope; ``free``: names read from an enclosing function, with its qualified name.
        names: names it reads that are no locals, or were imported, those of functions within it included; ``touched``:
            attributes and short texts likewise.
        last: the last line of its body.
        code: its body, or that as marshal wrote it: most functions that are kept are not run.
    """

    qn: str
    module: str
    name: str
    position: int
    params: tuple[str, ...] = ()
    keyword_only: int = 0
    vararg: str = ""
    kwarg: str = ""
    defaults: dict[str, Node] = field(default_factory=dict)
    annotations: dict[str, Node] = field(default_factory=dict)
    returns: Node | None = None
    decorators: tuple[Node, ...] = ()
    code: tuple[Node, ...] | bytes = ()
    cls: str = ""
    parent: str = ""
    is_generator: bool = False
    is_async: bool = False
    size: int = 0
    names: frozenset[str] = frozenset()
    touched: frozenset[str] = frozenset()
    last: int = 0

    @property
    def body(self) -> tuple[Node, ...]:
        """The statements."""
        code = self.code
        if isinstance(code, bytes):
            made: tuple[Node, ...] = marshal.loads(code)  # noqa: S302 - from our own sealed file  # nosec B302
            self.code = code = made
        return code

    @property
    def slots(self) -> tuple[str, ...]:
        """All names a call fills, in the order of root indices."""
        extra = tuple(name for name in (self.vararg, self.kwarg) if name)
        return (*self.params, *extra)


@dataclass(slots=True)
class ClassInfo:
    """One class: bases as expressions, methods by name, field declarations, class-level assignments.

    ``stored``: fields ``__init__`` fills, by the annotation there or that of the parameter stored under its own name.
    """

    qn: str
    module: str
    name: str
    position: int
    bases: tuple[Node, ...] = ()
    decorators: tuple[Node, ...] = ()
    methods: dict[str, str] = field(default_factory=dict)
    fields: dict[str, tuple[Node | None, Node | None, int]] = field(default_factory=dict)
    stored: dict[str, tuple[Node | None, Node | None, int]] = field(default_factory=dict)
    scope: str = ""


@dataclass(slots=True)
class Module:
    """One file, lowered.

    Attributes:
        bindings: module-level name to ("f", qn), ("c", qn), ("i", dotted, symbol) or ("v", first right-hand side).
        counts: how often a module-level name is assigned; ``changed``: names mutated or declared global somewhere.
        stars: modules imported with ``*``.
        aliases: (local name, module, symbol or "") of every import, at any depth.
        captures: function to the (enclosing function, name) pairs it or a function within it reads.
        columns: whether positions carry exact columns (not after the fallback parser).
    """

    name: str
    path: str
    is_package: bool = False
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, ClassInfo] = field(default_factory=dict)
    bindings: dict[str, Node] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    stars: tuple[str, ...] = ()
    aliases: list[tuple[str, str, str]] = field(default_factory=list)
    imports: set[str] = field(default_factory=set)
    captures: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    lines: int = 0
    columns: bool = True
