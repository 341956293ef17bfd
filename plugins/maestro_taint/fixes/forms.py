"""The forms in which a text is put together, as trees over its pieces.

Invariant: ``pieces`` gives every piece of a tree once, in the order of the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import libcst as cst

from maestro_taint.fixes.pieces import Hole, Piece, Text

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Plus:
    """``left + right`` or two literals side by side."""

    node: cst.BinaryOperation | cst.ConcatenatedString
    left: Tree
    right: Tree


@dataclass(slots=True)
class Joined:
    """An f-string."""

    node: cst.FormattedString
    pieces: list[tuple[Any, Piece]]


@dataclass(slots=True)
class Filled:
    """A literal with fields filled by ``%`` or ``.format``; ``keys`` say which argument fills each hole.

    The literal may stand elsewhere (a name, or a call that only strips it, in its place): ``shared`` says that others
    read it too. The values may come in one ``mapping``.
    """

    node: Any
    pieces: list[Piece]
    keys: list[int | str]
    literal: cst.SimpleString
    shared: bool = False
    mapping: cst.BaseExpression | None = None

    @property
    def head(self) -> Any:
        """What stands where the literal is expected."""
        return self.node.left if isinstance(self.node, cst.BinaryOperation) else self.node.func.value


@dataclass(slots=True)
class Literal:
    """One plain literal."""

    node: cst.SimpleString
    piece: Text


@dataclass(slots=True)
class Listed:
    """``"sep".join([...])``: its elements, the separator between them; of a comprehension, its one element."""

    node: cst.Call
    elements: list[Tree]
    between: Text
    repeated: bool = False


@dataclass(slots=True)
class Far:
    """A text made elsewhere: by a function of one expression, or a constant. ``inner`` is what it says there.

    Arguments of the call are trees of their own (``given``, by the argument); they may be changed where they stand.
    ``closed``: what is said there means the same here, so that it may be written out here instead.
    """

    node: Any
    inner: Tree
    given: list[tuple[cst.Arg, Tree]]
    closed: bool


@dataclass(frozen=True, slots=True)
class Lookup:
    """What stands elsewhere.

    ``literal`` answers the literal a name stands for, and whether others read it too; ``function`` the expression a
    call's function returns, the arguments by parameter, how to look up things there, and whether it is closed;
    ``template`` the text of a ``string.Template``.
    """

    literal: Callable[[cst.BaseExpression], tuple[cst.SimpleString, bool] | None] = lambda _: None
    function: Callable[[cst.Call], Made | None] = lambda _: None
    template: Callable[[cst.BaseExpression], cst.BaseExpression | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Made:
    """What a called function returns."""

    expr: cst.BaseExpression
    given: dict[str, cst.Arg]
    lookup: Lookup
    closed: bool


NOWHERE = Lookup()
Tree: TypeAlias = Plus | Joined | Filled | Literal | Listed | Far | Hole


def pieces(tree: Tree) -> list[Piece]:
    """All pieces in the order of the text; a mutable view."""
    if isinstance(tree, Plus):
        return [*pieces(tree.left), *pieces(tree.right)]
    if isinstance(tree, Joined):
        return [p for _, p in tree.pieces]
    if isinstance(tree, Filled):
        return list(tree.pieces)
    if isinstance(tree, Far):
        return pieces(tree.inner)
    if isinstance(tree, Listed):
        made: list[Piece] = []
        for i, element in enumerate(tree.elements):
            made += [tree.between] if i and tree.between.raw else []
            made += pieces(element)
        return made
    return [tree.piece] if isinstance(tree, Literal) else [tree]


def remote(tree: Tree) -> list[Filled]:
    """The filled literals that stand elsewhere."""
    if isinstance(tree, Plus):
        return [*remote(tree.left), *remote(tree.right)]
    if isinstance(tree, Listed):
        return [f for e in tree.elements for f in remote(e)]
    if isinstance(tree, Far):
        return [f for _, own in tree.given for f in remote(own)]
    named = isinstance(tree, Filled) and isinstance(tree.head, cst.Name | cst.Attribute) and not tree.shared
    return [tree] if named and isinstance(tree, Filled) else []


def loops(tree: Tree) -> list[tuple[Piece, cst.CompFor]]:
    """Pieces that a comprehension writes as often as it runs, with its loop."""
    if isinstance(tree, Plus):
        return [*loops(tree.left), *loops(tree.right)]
    if isinstance(tree, Far):
        return loops(tree.inner)
    if not isinstance(tree, Listed):
        return []
    if tree.repeated:
        held: Any = tree.node.args[0].value
        return [(p, held.for_in) for p in pieces(tree.elements[0])]
    return [one for element in tree.elements for one in loops(element)]
