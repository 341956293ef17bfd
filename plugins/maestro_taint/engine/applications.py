"""Which modules belong to one application: those that imports connect, in either direction.

Invariant: the answer does not depend on the order of modules; one that imports nothing of the project stands alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_taint.engine.program import Program


class Applications:
    """The loaded modules of a program, grouped."""

    def __init__(self, program: Program) -> None:
        self._above: dict[str, str] = {}
        loaded = {m.name: m for m in program.modules.loaded()}
        for name, module in loaded.items():
            for _, dotted, symbol in module.aliases:
                for whole in (f"{dotted}.{symbol}" if symbol else dotted, dotted):
                    home = program.module(whole, name)
                    if home in loaded:
                        self._join(name, home)

    def of(self, module: str) -> str:
        """A name for the application a module belongs to."""
        while (above := self._above.get(module, module)) != module:
            module = above
        return module

    def _join(self, a: str, b: str) -> None:
        first, second = sorted((self.of(a), self.of(b)))
        if first != second:
            self._above[second] = first
