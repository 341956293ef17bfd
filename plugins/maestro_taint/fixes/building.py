"""The text at a place of a program: the expressions that are its parts, followed through one function's variables.

Invariant: the pieces are in the order of the text; ``linear`` is claimed only where every part is written exactly once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes import template
from maestro_taint.fixes.far import Reader
from maestro_taint.fixes.forms import Filled, Tree, loops, pieces, remote
from maestro_taint.fixes.pieces import Hole, Piece, Text
from maestro_taint.fixes.rendering import filled_literal, render
from maestro_taint.fixes.view import Refusal, View

if TYPE_CHECKING:
    from maestro_taint.fixes.project import Project

DEPTH = 4
SAME_TEXT = frozenset({"encode", "strip", "lstrip", "rstrip", "format_map"})
INVALID = Refusal("the text is built in a form that cannot be rewritten")


@dataclass(slots=True)
class Feed:
    """An expression that is a part of the text at the sink; ``name`` is the variable it is assigned to, if any.

    ``adds``: the statement adds it to what the variable held before.
    """

    node: cst.BaseExpression
    tree: Tree | None
    name: str = ""
    statement: cst.CSTNode | None = None
    adds: bool = False


@dataclass(slots=True)
class Built:
    """The text at the sink: its feeds, and all pieces in order.

    ``straight``: no part is added conditionally; ``loops`` are those of pieces that a comprehension repeats, by piece.
    """

    feeds: list[Feed] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    straight: bool = True
    loops: dict[int, cst.CompFor] = field(default_factory=dict)
    hot: set[int] = field(default_factory=set)
    view: View | None = None

    @property
    def linear(self) -> bool:
        """Whether every part is written exactly once."""
        return self.straight and not self.loops

    def is_hot(self, piece: Piece) -> bool:
        """Whether a hole brings tainted data."""
        return id(piece) in self.hot

    def swaps(self) -> list[tuple[cst.CSTNode, cst.CSTNode]]:
        """Every feed as it now reads."""
        made: list[tuple[cst.CSTNode, cst.CSTNode]] = []
        for f in self.feeds:
            if f.tree is not None:
                made.append((f.node, render(f.tree)))
                made += [(far.literal, filled_literal(far)[0]) for far in remote(f.tree)]
        return self._merged(made)

    def _merged(self, made: list[tuple[cst.CSTNode, cst.CSTNode]]) -> list[tuple[cst.CSTNode, cst.CSTNode]]:
        """A part within another part is changed there."""
        outline = self.view.outline if self.view is not None else None
        kept = dict(enumerate(made))
        for i, (node, new) in enumerate(made) if outline is not None else ():
            around = [
                k for k, (other, _) in kept.items() if k != i and outline is not None and outline.holds(other, node)
            ]
            if around:
                outer, text = kept[around[-1]]
                kept[around[-1]] = (outer, text.deep_replace(node, new))
                del kept[i]
        return list(kept.values())


class Builder:
    """Collects the parts of one text."""

    def __init__(self, view: View, project: Project, *, nested: bool = True) -> None:
        """With ``nested`` texts held in variables within the text are opened too."""
        self.view = view
        self.lookup = Reader(view, project).lookup()
        self.made = Built(view=view)
        self.nested = nested

    def build(self, expr: cst.BaseExpression) -> Built | Refusal:
        """The text an expression stands for."""
        problem = self._collect(expr, "", DEPTH)
        return self.made if problem is None else problem

    def _collect(
        self, expr: cst.BaseExpression, name: str, depth: int, statement: cst.CSTNode | None = None
    ) -> Refusal | None:
        made = self.made
        expr = self._inner(expr)
        listed = self._list(expr, depth)
        if listed:
            return None
        tree = template.parse(expr, self.lookup)
        if tree is None:
            if isinstance(expr, cst.Name) and depth:
                return self._named(expr, depth, Feed(expr, None, name, statement))
            hole = Hole(expr)
            made.feeds.append(Feed(expr, hole, name, statement))
            made.pieces.append(hole)
            return None
        made.feeds.append(Feed(expr, tree, name, statement))
        made.loops |= {id(piece): loop for piece, loop in loops(tree)}
        self._originate(tree)
        for piece in pieces(tree):
            if isinstance(piece, Hole) and not piece.suffix and depth:
                before = len(made.pieces)
                problem = self._nested(piece, depth)
                if problem is not None:
                    return problem
                if len(made.pieces) > before:
                    continue
            made.pieces.append(piece)
        return None

    def _originate(self, tree: Tree) -> None:
        """For values of a mapping, the expression in the mapping's display that gives them."""
        if not isinstance(tree, Filled) or not isinstance(tree.mapping, cst.Name):
            return
        one = self.view.assigned(tree.mapping)
        held = one.value if one is not None else None
        if not isinstance(held, cst.Dict):
            return
        values = {
            str(e.key.evaluated_value): e.value
            for e in held.elements
            if isinstance(e, cst.DictElement) and isinstance(e.key, cst.SimpleString)
        }
        for key, hole in zip(tree.keys, (p for p in tree.pieces if isinstance(p, Hole)), strict=True):
            hole.origin = values.get(str(key))

    def _inner(self, expr: cst.BaseExpression) -> cst.BaseExpression:
        """Through calls that leave the text what it is."""
        while isinstance(expr, cst.Call) and isinstance(expr.func, cst.Attribute) and expr.func.attr.value in SAME_TEXT:
            if template.parse(expr.func.value) is None and not isinstance(expr.func.value, cst.Name | cst.Call):
                return expr
            if expr.func.attr.value != "encode" and template.parse(expr.func.value) is None:
                return expr
            expr = expr.func.value
        return expr

    def _nested(self, hole: Hole, depth: int) -> Refusal | None:
        """A hole that is itself a text built in this function is opened; any other stays a hole."""
        if not isinstance(hole.expr, cst.Name):
            if self._list(hole.expr, depth):
                return None
            inner = template.parse(hole.expr, self.lookup) if hole.origin is None else None
            return self._collect(hole.expr, "", depth - 1) if _has_text(inner) else None
        if not self.nested:
            return None
        stores = self.reaching(hole.expr)
        values = [getattr(s, "value", None) for s in stores or ()]
        texts = any(v is not None and (_has_text(template.parse(v, self.lookup)) or self._joins(v)) for v in values)
        if not stores or not texts or not all(plain_store(s) for s in stores):
            return None
        return self._named(hole.expr, depth, Feed(hole.expr, None))

    def _named(self, name: cst.Name, depth: int, whole: Feed) -> Refusal | None:
        """What a variable holds; ``whole`` is what is fed if that is no text put together here."""
        stores = self.reaching(name)
        plain = [s for s in stores or () if plain_store(s)]
        values = [v for v in (getattr(s, "value", None) for s in plain) if v is not None]
        texts = any(_has_text(template.parse(self._inner(v), self.lookup)) or self._joins(v) for v in values)
        if not stores or not texts or len(plain) != len(stores):
            whole.tree = Hole(name)
            self.made.feeds.append(whole)
            self.made.pieces.append(whole.tree)
            return None
        if len({id(self.view.parents.get(self.view.parents[s])) for s in plain}) > 1:
            self.made.straight = False
        for store in sorted(plain, key=self.view.order):
            value = getattr(store, "value", None)
            if value is None:
                return INVALID
            before = len(self.made.feeds)
            line = self.view.parents[store]
            problem = self._collect(value, name.value, depth - 1, line)
            if problem is not None:
                return problem
            adds = isinstance(store, cst.AugAssign) or name.value in self.view.names([value])
            for feed in self.made.feeds[before:]:
                feed.adds = feed.adds or (adds and feed.statement is line)
        return None

    # -- texts held in a list --------------------------------------------------------------------------------------

    def _joins(self, expr: cst.CSTNode) -> bool:
        return any(self._listed(c) is not None for c in self.view.nodes(cst.Call, expr))

    def _listed(self, expr: cst.CSTNode) -> tuple[cst.Name, cst.SimpleString] | None:
        """The variable and the separator of ``", ".join(parts)``."""
        if not isinstance(expr, cst.Call) or not isinstance(expr.func, cst.Attribute) or len(expr.args) != 1:
            return None
        held, between = expr.args[0].value, expr.func.value
        plain = expr.func.attr.value == "join" and isinstance(between, cst.SimpleString)
        return (
            (held, between) if plain and isinstance(held, cst.Name) and isinstance(between, cst.SimpleString) else None
        )

    def _list(self, expr: cst.BaseExpression, depth: int) -> bool:
        """The elements of a list variable that is joined: each a part of the text. Whether it was one."""
        found = self._listed(expr)
        if found is not None and depth and self._comprehension(found[0], depth):
            return True
        parts = self.view.elements(found[0]) if found is not None and depth else None
        if found is None or not parts:
            return False
        name, between = found[0].value, found[1]
        start = parts.pop(0)
        self.made.feeds.append(Feed(start[0], None, name, start[1]))
        block = self.view.parents.get(start[1])
        for i, (element, statement) in enumerate(parts):
            if self.view.parents.get(statement) is not block:
                self.made.straight = False
            if i:
                self.made.pieces.append(Text(between.raw_value, between.prefix.lower(), between.quote))
            before = len(self.made.feeds)
            self._collect(element, name, depth - 1, statement)
            for feed in self.made.feeds[before:]:
                feed.adds = True  # one of several: none is the whole text
        return True

    def _comprehension(self, name: cst.Name, depth: int) -> bool:
        """A list made by a comprehension and only joined: its element, written as often as it runs."""
        one = self.view.assigned(name)
        held = one.value if one is not None else None
        if not isinstance(held, cst.ListComp | cst.GeneratorExp):
            return False
        loads = self.view.loads(self.view.scope(name), name.value)
        if not all(self.view.only_asked(n) for n in loads) or not _has_text(template.parse(held.elt, self.lookup)):
            return False
        before, start = len(self.made.feeds), len(self.made.pieces)
        self._collect(held.elt, "", depth - 1)
        self.made.loops |= {id(piece): held.for_in for piece in self.made.pieces[start:]}
        for feed in self.made.feeds[before:]:
            feed.adds = True
        return True

    def reaching(self, name: cst.Name) -> list[cst.CSTNode] | None:
        """The stores a reading of a name may see; ``None`` if one after it may be seen too, in a loop.

        The last assignment in a block around the reading hides those before it.
        """
        inside = set(map(id, self.view.up(name)))
        stores = [s for s in self.view.stores(self.view.scope(name), name.value) if id(s) not in inside]
        stores.sort(key=self.view.order)
        later = [s for s in stores if self.view.order(s) > self.view.order(name)]
        loops = {id(n) for n in self.view.up(name) if isinstance(n, cst.For | cst.While)}
        if any(id(n) in loops for s in later for n in self.view.up(s)):
            return None
        stores = [s for s in stores if s not in later]
        for i in range(len(stores) - 1, -1, -1):
            store = stores[i]
            line = self.view.parents.get(store)
            if (
                isinstance(store, cst.Assign | cst.AnnAssign)
                and line is not None
                and id(self.view.parents.get(line)) in inside
            ):
                return stores[i:]
        return stores


def plain_store(store: cst.CSTNode) -> bool:
    """Whether a store gives one variable a value, or adds one to it."""
    if isinstance(store, cst.AnnAssign):
        return store.value is not None
    if isinstance(store, cst.AugAssign):
        return isinstance(store.operator, cst.AddAssign)
    return isinstance(store, cst.Assign) and len(store.targets) == 1 and isinstance(store.targets[0].target, cst.Name)


def _has_text(tree: Tree | None) -> bool:
    return tree is not None and any(isinstance(p, Text) and p.raw for p in pieces(tree))
