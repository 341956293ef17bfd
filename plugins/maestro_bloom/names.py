"""Level ``names``: a changed module level as the names it binds, and who mentions them.

Where only plain statements changed (an import, a function's signature, a value made of literals and names), the tests
to run are those that ran a function in which one of the names occurs, instead of all that import the module. Anything
else counts as at level ``safe``.

Invariant: a name is followed by its identifier, through every file that contains it; what is looked up under a name
computed at run time is not seen, which is why this level must be asked for.
"""

from __future__ import annotations

import builtins
import re
import sys
from typing import TYPE_CHECKING

from maestro_bloom import keys
from maestro_bloom.acting import changed_statements
from maestro_bloom.index import COMPILED, FOLDED, HIT

if TYPE_CHECKING:
    from collections.abc import Collection

    from maestro_bloom.index import FileRow
    from maestro_bloom.model_cache import Models
    from maestro_bloom.source_parts import SourceModel, Statement
    from maestro_bloom.tree import Tree

_WORD = re.compile(rb"\w+")
_BUILTINS = frozenset(vars(builtins))
_WIDE = "conftest.py"


class Names:
    """The changed names of an index's files. Use :meth:`add` for each file, then :meth:`follow` once."""

    def __init__(self, rows: Collection[FileRow], *, everywhere: Collection[str], tree: Tree, models: Models) -> None:
        self._rows = rows
        self._everywhere = everywhere
        self._tree = tree
        self._models = models
        self._known = frozenset(name for row in rows for name in row.imports)
        self._changed: dict[str, str] = {}
        self._gone: set[str] = set()
        self.keys: dict[bytes, str] = {}
        self.wide: dict[str, str] = {}
        """Files to treat as at level ``safe`` after all, with why."""

    def add(self, row: FileRow, model: SourceModel) -> bool:
        """Take the changed module level of a file; ``False`` if more than plain statements changed."""
        if row.early or row.path in self._everywhere or row.path.rpartition("/")[2] == _WIDE:
            return False
        found = changed_statements(row.statements, model.statements, set())
        bound = {name for s in model.statements for name in s.names}
        current = {s.digest for s in model.statements}
        if not found or not all(s.plain and (s.digest not in current or self._loads(s, bound)) for s in found):
            return False
        names = {name for s in found for name in s.names}
        self._changed.update((name, f"{row.path}: {name} changed") for name in sorted(names))
        self._gone |= {name for s in row.statements for name in s.names} - bound
        for block in row.blocks:  # whoever runs it may have got it under another name
            if block.qualname.partition(".")[0] in names:
                self._ask(row.path, block.qualname, block.n, block.digest, f"{row.path}: {block.qualname} changed")
        return True

    def _loads(self, statement: Statement, bound: Collection[str]) -> bool:
        """Whether a plain statement of the module as it is now cannot fail where the module is imported."""
        if statement.imports:
            return all(name in self._known or name in sys.stdlib_module_names for name in statement.imports)
        return all(name in bound or name in _BUILTINS for name in statement.mentions)

    def _ask(self, path: str, qualname: str, n: int, digest: bytes, why: str) -> None:
        self.keys.setdefault(keys.block(path, qualname, n, digest), why)

    def follow(self) -> None:
        """Find who mentions the changed names, and the names of those who do."""
        pending = dict(self._changed)
        while pending:
            more: dict[str, str] = {}
            for row in self._rows:
                if row.path not in self.wide:
                    more |= self._in_file(row, pending)
            pending = {name: why for name, why in more.items() if name not in self._changed}
            self._changed |= pending

    def in_text(self, data: bytes) -> str:
        """Why a text that some test read may depend on a changed name; ``""`` if it mentions none."""
        if not self._changed:
            return ""
        words = set(_WORD.findall(data)) if any(name.encode() in data for name in self._changed) else set()
        return next((f"{why}, which it mentions" for name, why in self._changed.items() if name.encode() in words), "")

    def _in_file(self, row: FileRow, names: dict[str, str]) -> dict[str, str]:
        """Ask for the blocks of a file that mention ``names``; names that its module level makes of them."""
        content = self._tree.content(row.path)
        model = None if content == keys.ABSENT else self._models.of(content, self._tree.root / row.path)
        if model is None:
            return {}
        from maestro_bloom.source_model import mentions_of  # noqa: PLC0415 - only where a module level changed

        found, told = mentions_of(self._tree.root / row.path, frozenset(names))
        if told:
            self.wide.setdefault(row.path, f"{names[min(told)]}, which a text in it mentions")
        for block in row.blocks:
            why = next((names[name] for name in sorted(found.get((block.qualname, block.n), ()))), "")
            if why and block.flags & (FOLDED | COMPILED):
                self.wide.setdefault(row.path, f"{why}, which {block.qualname} uses, whose effect outlives the call")
            elif why and block.flags & HIT:
                self._ask(row.path, block.qualname, block.n, block.digest, f"{why}, which {block.qualname} mentions")
        return self._at_top(row, model, names)

    def _at_top(self, row: FileRow, model: SourceModel, names: dict[str, str]) -> dict[str, str]:
        bound = {name for s in model.statements for name in s.names}
        more: dict[str, str] = {}
        for statement in model.statements:
            why = next((names[name] for name in statement.mentions if name in names), "")
            if not why:
                continue
            if (
                not statement.plain
                or not self._gone.isdisjoint(statement.mentions)
                or not self._loads(statement, bound)
            ):
                self.wide.setdefault(row.path, f"{why}, which its module level uses")
            more.update((name, f"{why}, of which {row.path} makes {name}") for name in statement.names)
        return more
