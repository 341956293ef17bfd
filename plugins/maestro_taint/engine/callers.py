"""Which other files may call those asked about: the nearest first, and up to a bound that is told.

Invariant: a file that may call them is either searched to the end or among :meth:`Callers.left`. The bound counts
statements run, so it is the same on every machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_taint.frontend.facts import mentions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_taint.engine.program import Program
    from maestro_taint.frontend.ir import Module


class Callers:
    """Files by nearness, read once they mention what is looked for; ``bound`` is in steps (``None``: no bound)."""

    def __init__(self, program: Program, paths: list[str], bound: int | None) -> None:
        self.program = program
        self.bound = bound
        self.most: int | None = None
        self._waiting = dict.fromkeys(paths)
        self._read: list[Module] = []
        self._sought: set[str] = set()  # words the files that wait are known not to mention
        self._left: set[str] = set()

    def begin(self) -> None:
        """From now on steps count: at least the bound, and what the files asked about took if that is more."""
        steps = self.program.solver.steps
        self.most = None if self.bound is None else steps + max(self.bound, steps)

    @property
    def spent(self) -> bool:
        """Whether the bound is reached."""
        return self.most is not None and self.program.solver.steps >= self.most

    def leave(self, path: str) -> None:
        """Note that a file was not searched to the end."""
        self._left.add(path)

    def left(self) -> set[str]:
        """The files the bound kept from being searched."""
        return self._left | set(self._waiting) if self.spent else self._left

    def mentioning(self, words: set[str]) -> Iterator[Module]:
        """The modules that mention one of some words: those read before, then further ones, until the bound."""
        yield from list(self._read)
        fresh = sorted(word.encode() for word in words - self._sought)
        self._sought |= words
        for path in list(self._waiting):
            if self.spent:
                self._sought.clear()  # the rest was not searched for these
                return
            if fresh and mentions(self.program.tree.paths[path]() or b"", fresh):
                del self._waiting[path]
                module = self.program.modules[self.program.tree.modules[path]]
                if module is not None:
                    self._read.append(module)
                    yield module
