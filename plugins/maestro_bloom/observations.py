"""What was seen while something ran: code, files, directories, paths asked about, variables, modules, opaque acts.

Invariant: a bag only grows. What is seen is kept as plain names; versions are looked up once, at the end.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_bloom.observed_names import EVERY_VALUE
from maestro_bloom.originals import SEPARATOR, absolute, is_absolute, real_path
from maestro_bloom.tree import DERIVED
from maestro_hooks.project.repository import path_text

if TYPE_CHECKING:
    from types import FrameType


# The interpreter's own; what the system makes up, the same for every run.
_INSTALLED = (sys.base_prefix + os.sep, "/dev/", "/proc/self/", "/usr/share/zoneinfo/")
_NOTHING: frozenset[str] = frozenset()


@dataclass(slots=True, eq=False)
class Bag:
    """Everything one test, one fixture of wider scope, or one module at import was seen to touch."""

    units: set[int] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    directories: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)
    variables: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    opaque: set[str] = field(default_factory=set)
    children: set[str] = field(default_factory=set)
    codes: set[tuple[str, str, int]] = field(default_factory=set)
    """Functions whose body was looked at without running it: file, qualified name, first line."""
    others: set[Bag] = field(default_factory=set)
    """Whose results this one went on with: a file they wrote, a generator they began."""

    def close(self) -> None:
        """Nothing more comes: give back the empty sets, of which a large suite would keep ten thousands alive."""
        for name in Bag.__slots__:
            if not getattr(self, name):
                setattr(self, name, _NOTHING)

    def unseen(self, act: str) -> None:
        """Something runs, or reads variables, where nobody can follow."""
        self.opaque.add(act)
        self.variables.add(EVERY_VALUE)

    def update(self, other: Bag) -> None:
        """Add everything of ``other``."""
        for name in Bag.__slots__:
            found = getattr(other, name)
            if found:
                getattr(self, name).update(found)

    def everything(self) -> list[Bag]:
        """This bag and all it went on with, directly or not."""
        found = {self}
        queue = [self]
        while queue:
            new = queue.pop().others - found
            found |= new
            queue += new
        return list(found)


class Territory:
    """Which files are the project's own: below the root, in no environment and in no cache."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._prefixes = tuple(sorted({root + os.sep, os.path.realpath(root) + os.sep}))
        self._foreign = tuple(
            prefix + os.sep
            for prefix in {sys.prefix, sys.exec_prefix, sys.base_prefix, os.path.realpath(sys.prefix)}
            if not (root + os.sep).startswith(prefix + os.sep)
        )
        self._known: dict[str, str | None] = {}
        self._looked_at: set[str] = set()
        self._spelled: dict[str, str] = {}
        """Directories outside the root, by name, that links lead from into it, with the path there."""

    def path(self, filename: str) -> str | None:
        """The path below the root in POSIX form, or ``None`` for a file that is not the project's."""
        try:
            return self._known[filename]
        except KeyError:
            found = self._find(filename)
            if is_absolute(filename):  # a relative name is another file elsewhere
                self._known[filename] = found
            return found

    def source(self, filename: str) -> str | None:
        """As ``path``, also for a file named through a link from elsewhere; that spelling is known from then on."""
        found = self.path(filename)
        if found is None and is_absolute(filename) and not filename.startswith(self._foreign):
            directory = filename.rpartition(SEPARATOR)[0]
            if directory not in self._looked_at:
                self._looked_at.add(directory)
                self._learn(directory)
                found = self.path(filename)
        return found

    def _learn(self, directory: str) -> None:
        inside = self._inside(directory)
        if inside is not None:
            above = directory
            while above and (further := self._inside(above)) is not None:
                directory, inside = above, further
                above = above.rpartition(SEPARATOR)[0]
            self._spelled[directory + SEPARATOR] = inside
            self._known = {name: path for name, path in self._known.items() if path is not None}

    def _inside(self, directory: str) -> str | None:
        """Where below the root a directory really is, ending in a separator; empty for the root itself."""
        real = real_path(directory) + SEPARATOR
        return next((real[len(prefix) :] for prefix in self._prefixes if real.startswith(prefix)), None)

    def _find(self, filename: str) -> str | None:
        if not filename or filename[0] == "<":
            return None
        full = absolute(filename)
        if full is None:
            return None
        for prefix, inside in (*((prefix, "") for prefix in self._prefixes), *self._spelled.items()):
            if full.startswith(prefix) and not full.startswith(self._foreign):
                relative = (inside + full[len(prefix) :]).replace(SEPARATOR, "/")
                if DERIVED.isdisjoint(relative.split("/")):
                    return path_text(os.fsencode(relative))
        return None

    def is_installed(self, filename: str) -> bool:
        """Whether a file belongs to the interpreter or to an installed distribution, or is no file at all."""
        full = os.path.abspath(filename)  # noqa: PTH100 - text in
        return full.startswith((*self._foreign, *self._prefixes, *_INSTALLED)) or "-packages" in full

    def nearest(self, frame: FrameType | None) -> str | None:
        """The Python file of the project that is nearest in the chain of callers."""
        while frame is not None:
            path = self.path(frame.f_code.co_filename)
            if path is not None:
                return path
            frame = frame.f_back
        return None
