"""What changed modules do to other modules when they are imported: whom that reaches.

Invariant: whatever a changed statement changes in a module of the project is a change of that module's top level; in
anything else (the environment, the standard library) it is a change for every test.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec.structs import replace

from maestro_bloom.module_graph import absolute, module_names

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from maestro_bloom.index import FileRow
    from maestro_bloom.source_parts import SourceModel, Statement


class Acting:
    """Collects the changed statements of all files; ``rows`` are the files as recorded."""

    def __init__(self, rows: Iterable[FileRow]) -> None:
        self._rows = {row.path: row for row in rows}
        self._changed: dict[str, list[Statement]] = {}

    def compare(
        self, path: str, old: tuple[Statement, ...], model: SourceModel | None, *, folded: Collection[str] = ()
    ) -> None:
        """Compare a file with its model now; ``folded`` functions changed that ran when it was imported."""
        names = {part for qualname in folded for part in qualname.split(".")}
        found = changed_statements(old, model.statements if model else (), names)
        if found:
            self._changed[path] = found

    def reached(self) -> dict[str, str]:
        """Files whose top level something else changes, with why; the empty path stands for everything."""
        found: dict[str, str] = {}
        if not self._changed:
            return found
        acting, imported = self._acting(), self._imported()
        for path, statements in self._changed.items():
            for target in targets_of([_absolute(s, path) for s in statements], acting, imported):
                for reached in self._files(absolute(target, path)):
                    if reached != path:
                        found.setdefault(reached, f"{path} changed, which changes {target} when it is imported")
        return found

    def _acting(self) -> dict[str, frozenset[str]]:
        """Per name that top levels call: paths that such a statement was seen to write into."""
        found: defaultdict[str, set[str]] = defaultdict(set)
        for row in self._rows.values():
            for statement in row.statements:
                seen = {target for target in statement.targets if target.endswith(".py")}
                for name in statement.calls if seen else ():
                    found[name] |= seen
        return {name: frozenset(paths) for name, paths in found.items()}

    def _imported(self) -> dict[str, frozenset[str]]:
        """Per module that changes others: these others."""
        found = {}
        for path, row in self._rows.items():
            targets = frozenset(absolute(t, path) for s in row.statements for t in s.targets)
            if targets:
                found.update(dict.fromkeys((*module_names(path, self._rows), *row.names), targets))
        return found

    def _files(self, target: str) -> set[str]:
        """The files a target names; for one that is not the project's, the empty path."""
        if target.endswith(".py"):
            return {target}
        name = target
        while name:
            found = {row.path for row in self._rows.values() if name in self._names(row)}
            if found:
                return found
            name = name.rpartition(".")[0]
        return {""}

    def _names(self, row: FileRow) -> tuple[str, ...]:
        return (*module_names(row.path, self._rows), *row.names)


def _absolute(statement: Statement, path: str) -> Statement:
    return replace(statement, imports=tuple(absolute(name, path) for name in statement.imports))


def targets_of(
    changed: list[Statement], acting: Mapping[str, frozenset[str]], imported: Mapping[str, frozenset[str]]
) -> set[str]:
    """What changed statements do to others; ``acting``: paths that a call of a name was seen to write into.

    ``imported``: dotted names of modules that change others, with these others.
    """
    found = {target for statement in changed for target in statement.targets}
    for statement in changed:
        for name in statement.calls:
            found |= acting.get(name, frozenset())
        for name in statement.imports:
            for at in range(name.count(".") + 1):
                found |= imported.get(name.rsplit(".", at)[0], frozenset())
    return found


def changed_statements(old: tuple[Statement, ...], new: tuple[Statement, ...], names: set[str]) -> list[Statement]:
    """Statements that are gone or new, and those that need a changed name; ``names`` changed otherwise."""
    before, after = {s.digest for s in old}, {s.digest for s in new}
    found = [s for s in old if s.digest not in after] + [s for s in new if s.digest not in before]
    if [s.digest for s in old if s.targets and s.digest in after] != [
        s.digest for s in new if s.targets and s.digest in before
    ]:
        found += [s for s in new if s.targets]  # another order
    names = names | {name for s in found for name in s.names}
    rest = [s for s in new if s.digest in before]
    while True:
        more = [s for s in rest if not names.isdisjoint(s.mentions)]
        if not more:
            return found
        found += more
        rest = [s for s in rest if names.isdisjoint(s.mentions)]
        names |= {name for s in more for name in s.names}
