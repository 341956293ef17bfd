"""The files of a tree opened for one repair.

Invariant: a file is parsed once; a question about a name is asked of every file that mentions it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.view import View

if TYPE_CHECKING:
    from collections.abc import Mapping


class Views:
    """Files opened before, by path, as long as their bytes are the same."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[bytes, View | None]] = {}

    def open(self, path: str, data: bytes) -> View | None:
        """The file, ``None`` if it cannot be rewritten."""
        known = self.held.get(path)
        if known is not None and known[0] == data:
            return known[1]
        try:
            view: View | None = View(data)
        except (cst.ParserSyntaxError, RecursionError, UnicodeDecodeError):
            view = None
        self.held[path] = (data, view)
        return view


@dataclass(slots=True)
class Project:
    """``files`` by path; ``path`` is the one the sink stands in."""

    files: Mapping[str, bytes]
    path: str
    views: Views = field(default_factory=Views)
    opened: dict[str, View | None] = field(default_factory=dict)

    def open(self, path: str) -> View | None:
        """The file, ``None`` if it is not there or cannot be rewritten."""
        if path not in self.opened:
            data = self.files.get(path)
            self.opened[path] = None if data is None else self.views.open(path, data)
        return self.opened[path]

    def module(self, dotted: str) -> View | None:
        """The module of a dotted name; ``None`` if there is none, or more than one may be meant."""
        path = self.place(dotted)
        return None if path is None else self.open(path)

    def place(self, dotted: str) -> str | None:
        """The one path that a dotted name may stand for, other than the sink's own."""
        tail = dotted.replace(".", "/")
        ends = (f"{tail}.py", f"{tail}/__init__.py")
        inner = tuple(f"/{end}" for end in ends)
        found = [p for p in self.files if p != self.path and (p in ends or p.endswith(inner))]
        return found[0] if len(found) == 1 else None

    def stem(self) -> str:
        """The last name of the sink's own module."""
        return self.path.removesuffix("/__init__.py").rpartition("/")[2].removesuffix(".py")

    def mentioning(self, name: str) -> list[str]:
        """The other files that hold a word."""
        word = re.compile(rb"\b" + re.escape(name.encode()) + rb"\b")
        return [path for path, data in self.files.items() if path != self.path and word.search(data)]

    def line(self, path: str, number: int) -> str:
        """One line of a file's text, empty if there is none."""
        lines = self.files.get(path, b"").split(b"\n")
        return lines[number - 1].decode("utf-8", "replace") if 0 < number <= len(lines) else ""

    def holder(self, node: cst.CSTNode) -> str | None:
        """The path of the opened file a node stands in."""
        return next((p for p, view in self.opened.items() if view is not None and node in view.positions), None)
