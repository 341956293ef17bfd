"""The nodes of a parsed file laid out flat: parents, order, and all of a kind below a node, without walking again.

Invariant: a node's descendants stand in one run right after it, in the order of the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Iterator

N = TypeVar("N", bound=cst.CSTNode)


class Outline:
    """One walk over a module; libcst builds a node's children anew each time it is asked for them."""

    def __init__(self, module: cst.Module) -> None:
        self.order: list[cst.CSTNode] = []
        self.parents: dict[cst.CSTNode, cst.CSTNode] = {}
        self.place: dict[cst.CSTNode, int] = {}
        self.end: dict[cst.CSTNode, int] = {}
        self.named: dict[str, list[cst.Name]] = {}
        self._kinds: dict[Any, list[int]] = {}
        self._walk(module)

    def _walk(self, module: cst.Module) -> None:
        stack: list[tuple[cst.CSTNode, bool]] = [(module, False)]
        while stack:
            node, left = stack.pop()
            if left:
                self.end[node] = len(self.order)
                continue
            self.place[node] = len(self.order)
            self.order.append(node)
            if isinstance(node, cst.Name):
                self.named.setdefault(node.value, []).append(node)
            stack.append((node, True))
            # Blanks and comments are no part of what a repair looks at.
            children = [c for c in node.children if not isinstance(c, _BLANK)]
            for child in reversed(children):
                self.parents[child] = node
                stack.append((child, False))

    def nodes(self, kind: type[N], within: cst.CSTNode) -> Iterator[N]:
        """All nodes of a kind at and below a node of this module."""
        if kind not in self._kinds:
            self._kinds[kind] = [i for i, node in enumerate(self.order) if isinstance(node, kind)]
        from bisect import bisect_left  # noqa: PLC0415 - kept near its only use

        places = self._kinds[kind]
        first, last = self.place[within], self.end[within]
        for at in places[bisect_left(places, first) : bisect_left(places, last)]:
            found: Any = self.order[at]
            yield found

    def holds(self, outer: cst.CSTNode, node: cst.CSTNode) -> bool:
        """Whether a node stands at or below another."""
        return self.place[outer] <= self.place.get(node, -1) < self.end[outer]


_BLANK = (
    cst.SimpleWhitespace, cst.ParenthesizedWhitespace, cst.EmptyLine, cst.Newline, cst.TrailingWhitespace, cst.Comment,
)  # fmt: skip
