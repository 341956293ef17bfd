"""Who imports whom, by names and paths alone, walked backwards.

Invariant: over-approximation. A file answers to every name some search path could give it; an import of ``a.b.c``
reaches ``a`` and ``a.b`` too; a file that imports computed names may import anything.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from maestro_bloom.index import FileRow


def module_names(path: str, files: Collection[str]) -> tuple[str, ...]:
    """The dotted names of a source: from its package's root, and from every directory above that.

    ``files`` are all sources: a directory without ``__init__.py`` may be a namespace package or a search path.
    """
    parts = path.removesuffix(".py").split("/")
    directory = parts[:-1]
    if parts[-1] == "__init__":
        parts = directory
    if not parts:
        return ()
    inside = len(directory)
    while inside and "/".join([*directory[:inside], "__init__.py"]) in files:
        inside -= 1
    # The package's root is directory[:inside]; a search path may be there or at any directory above.
    return tuple(".".join(parts[start:]) for start in range(min(inside, len(parts) - 1), -1, -1))


def absolute(name: str, path: str) -> str:
    """A relative import's full name, counted from the project's root; an absolute one unchanged."""
    if not name.startswith("."):
        return name
    rest = name.lstrip(".")
    package = path.split("/")[:-1]
    up = len(name) - len(rest) - 1
    base = package[: len(package) - up] if up else package
    return ".".join([*base, *([rest] if rest else [])])


class ModuleGraph:
    """The import graph of recorded files."""

    def __init__(self, rows: Iterable[FileRow]) -> None:
        self._rows = {row.path: row for row in rows}
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        for row in self._rows.values():
            for name in (*module_names(row.path, self._rows), *row.names):
                self._by_name[name].add(row.path)
        self._importers: defaultdict[str, set[str]] = defaultdict(set)
        for row in self._rows.values():
            for target in self._targets(row):
                self._importers[target].add(row.path)
        self._wildcards = {row.path for row in self._rows.values() if row.wildcard}

    def _targets(self, row: FileRow) -> set[str]:
        found = {edge for edge in row.edges if edge in self._rows}
        for wanted in wanted_names(row):
            name = wanted
            while name:
                found |= self._by_name.get(name, set())
                name = name.rpartition(".")[0]
        directory = row.path
        while directory:
            directory = directory.rpartition("/")[0]
            package = f"{directory}/__init__.py" if directory else "__init__.py"
            if package not in self._rows:
                break
            found.add(package)
        return found

    def reaching(self, changed: dict[str, str]) -> dict[str, str]:
        """The changed files and all that import them, directly or not, each with the reason of the first cause."""
        found = dict(changed)
        if changed:
            for path in self._wildcards:
                found.setdefault(path, "it imports modules by computed names")
        queue = list(found)
        while queue:
            path = queue.pop()
            for importer in self._importers.get(path, ()):
                if importer not in found:
                    found[importer] = f"it imports {path}" if path in changed else found[path]
                    queue.append(importer)
        return found


def wanted_names(row: FileRow) -> list[str]:
    """Every absolute module name a file may ask for."""
    names = [absolute(name, row.path) for name in row.imports]
    return [*names, *row.strings, *(absolute(edge, row.path) for edge in row.edges if not edge.endswith(".py"))]
