"""Who imports whom and who derives from whom, by words alone: where to look, not what is so.

Invariant: every file that imports a module, or derives a class from one of that name, is among the answers.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from maestro_taint.frontend.tree import module_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maestro_taint.frontend.facts import Facts


class Index:
    """The facts of all files of a repository, turned round."""

    def __init__(self, facts: Mapping[str, Facts]) -> None:
        self.facts = facts
        self._importing: dict[str, list[str]] = defaultdict(list)
        self._deriving: dict[str, list[str]] = defaultdict(list)
        for path in sorted(facts):
            for word in facts[path].imports:
                self._importing[word].append(path)
            for word in facts[path].bases:
                self._deriving[word].append(path)

    def importers(self, paths: Iterable[str]) -> list[str]:
        """The files that import one of ``paths``, directly or not, nearest first; those themselves not included."""
        waiting = sorted(set(paths))
        found = set(waiting)
        made: list[str] = []
        while waiting:
            level: set[str] = set()
            for one in waiting:
                home, _, last = module_name(one)[0].rpartition(".")
                level.update(p for p in self._importing.get(last, ()) if p not in found and self._may_mean(p, home))
            waiting = sorted(level)
            found |= level
            made += waiting
        return made

    def _may_mean(self, path: str, home: str) -> bool:
        """Whether an import in ``path`` that names a module's last word can mean the one in ``home``."""
        if not home or home.rpartition(".")[2] in self.facts[path].imports:
            return True
        parts = module_name(path)[0].split(".")
        return any(home == ".".join(parts[:i]) for i in range(len(parts) + 1))

    def heirs(self, name: str) -> list[str]:
        """The files in which a class has a base of that name."""
        return self._deriving.get(name, [])
