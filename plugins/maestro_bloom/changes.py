"""What differs between the tree an index speaks about and the tree at hand, as questions to the filters.

Invariant: every difference that could change an outcome becomes a key, an affected file, or a reason to run all.
Rows are compared by content, so no history is needed: any index of the same environment can be asked.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec import field

from maestro_bloom import keys
from maestro_bloom.acting import Acting
from maestro_bloom.index import COMPILED, FOLDED, HIT, VARIES
from maestro_bloom.module_graph import ModuleGraph, module_names, wanted_names
from maestro_bloom.observed_names import EVERY_VALUE, EVERY_VARIABLE, every_value, every_variable
from maestro_hooks.values import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_bloom.index import FileRow, Index, InputRow
    from maestro_bloom.model_cache import Models
    from maestro_bloom.names import Names
    from maestro_bloom.tree import Tree

# Hooks that pytest calls in every conftest, whatever directory it stands in.
_SESSION_WIDE = frozenset(
    """
    pytest_addhooks pytest_addoption pytest_cmdline_main pytest_collection pytest_collection_finish
    pytest_collection_modifyitems pytest_configure pytest_deselected pytest_fixture_setup pytest_itemcollected
    pytest_plugin_registered pytest_plugins pytest_runtestloop pytest_sessionstart pytest_unconfigure
    """.split()  # noqa: SIM905 - names in a row read better than one to a line
)


class Changes(State):
    """The differences: keys with what they mean, affected sources with why, directories with a new conftest."""

    keys: dict[bytes, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    directories: dict[str, str] = field(default_factory=dict)
    reachable: dict[str, str] = field(default_factory=dict)
    """Sources from which imports lead to anything that changed, bodies too: what runs at random may come to run it."""
    everything: str = ""
    rearranged: bool = False
    """Whether a hook of the project may look at more than one test at a time."""
    added: set[str] = field(default_factory=set)
    """Names, without directories, of new sources."""
    any: bool = False


class Comparison:
    """One index against one tree."""

    def __init__(
        self, index: Index, *, tree: Tree, models: Models, variables: Mapping[str, str], level: str = "safe"
    ) -> None:
        self._index = index
        self._tree = tree
        self._models = models
        self._variables = variables
        self._changes = Changes(any=tree.digest != index.tree)
        self._skeletons: dict[str, str] = {}
        self._bodies: dict[str, str] = {}
        self._acting = Acting(index.files)
        named = level == "names"
        self._names: Names | None = None
        if named:
            from maestro_bloom.names import Names  # noqa: PLC0415 - at this level only

            self._names = Names(index.files, everywhere=index.everywhere, tree=tree, models=models)

    def run(self) -> Changes:
        """All differences."""
        changes = self._changes
        for row in self._index.files:
            self._file(row)
            changes.rearranged |= row.rearranges
        added = self._added()
        for read in self._index.inputs:
            self._input(read, added)
        for read in self._index.session:
            if self._moved(read):
                changes.everything = f"{read.kind} {read.name} changed, which was read outside any test"
        for path in sorted({*self._index.extensions, *self._tree.compiled}):
            if self._tree.content(path) != self._index.extensions.get(path, keys.ABSENT):
                changes.everything = f"extension module {path} changed"
        for path, why in self._acting.reached().items():
            if path:
                self._skeletons.setdefault(path, why)
            else:
                changes.everything = changes.everything or why
        self._by_name()
        self._spread()
        changes.keys.update((keys.source(path), f"{path}: {why}") for path, why in changes.files.items())
        self._wide()
        return changes

    def _by_name(self) -> None:
        """At level ``names``: whoever mentions what changed at a module's top level."""
        if self._names is None or not self._changes.any:
            return
        self._names.follow()
        for path, why in self._names.wide.items():
            self._skeletons.setdefault(path, why)
        self._changes.keys.update(self._names.keys)
        for read in self._index.inputs:
            place = self._tree.root / read.name
            why = self._names.in_text(place.read_bytes()) if read.kind == "file" and place.is_file() else ""
            if why:
                self._changes.keys.setdefault(key_of(read), f"file {read.name}: {why}")
        if self._names.keys:
            self._changes.keys[keys.every_class()] = "it looks at all classes or modules, and some changed"

    def _spread(self) -> None:
        """From changed sources to all that import them."""
        changes = self._changes
        if self._skeletons:
            changes.keys[keys.every_class()] = "it looks at all classes or modules, and some changed"
            changes.files = ModuleGraph(self._index.files).reaching(self._skeletons)
        if self._bodies and any(row.flags & VARIES for row in self._index.tests):
            changes.reachable = ModuleGraph(self._index.files).reaching(self._bodies)

    def _file(self, row: FileRow) -> None:
        for read in row.inputs:
            if self._moved(read):
                self._skeletons.setdefault(row.path, f"{read.kind} {read.name} changed, which it read at import")
        content = self._tree.content(row.path)
        if content == row.blob:
            return
        model = None if content == keys.ABSENT else self._models.of(content, self._tree.root / row.path)
        self._changes.any = True
        self._changes.rearranged |= model is not None and model.rearranges
        if model is None:
            self._skeletons[row.path] = "it is gone"
        elif model.skeleton != row.skeleton and not (self._names is not None and self._names.add(row, model)):
            self._skeletons[row.path] = "its module level changed"
        now = {(b.qualname, b.n): b.digest for b in model.blocks} if model else {}
        run = {b.qualname for b in row.blocks if b.flags & FOLDED and now.get((b.qualname, b.n)) != b.digest}
        self._acting.compare(row.path, row.statements, model, folded=run)
        for block in row.blocks:
            if now.get((block.qualname, block.n)) == block.digest:
                continue
            if block.flags & (FOLDED | COMPILED) or not block.flags & HIT or row.early:
                self._skeletons.setdefault(row.path, f"{block.qualname} changed, {_why_wide(block.flags)}")
            key = keys.block(row.path, block.qualname, block.n, block.digest)
            self._changes.keys[key] = f"{row.path}: {block.qualname} changed"
            self._changes.keys[keys.any_block(row.path)] = f"{row.path}: {block.qualname} changed"
            self._bodies.setdefault(row.path, f"{block.qualname} changed")

    def _added(self) -> set[str]:
        """Module names that new sources brought; whoever asks for one is affected."""
        known = {row.path for row in self._index.files}
        sources = self._tree.python()
        new = sorted(sources.keys() - known)
        names: set[str] = set()
        for path in new:
            names.update(module_names(path, sources))
            model = self._models.of(sources[path], self._tree.root / path)
            self._acting.compare(path, (), model)
            self._changes.added.add(path.rpartition("/")[2])
            self._changes.rearranged |= model is None or model.rearranges
            if path.rpartition("/")[2] == "conftest.py":
                self._changes.directories[path.rpartition("/")[0]] = f"{path} is new"
                if self._is_session_wide(path):
                    self._changes.everything = f"{path} is new, and has a hook over all tests"
        self._shadows(new, sources)
        if names:
            self._changes.any = True
            for row in self._index.files:
                found = next((n for n in wanted_names(row) if _provided(n, names)), None)
                if found is not None or row.wildcard:
                    self._skeletons.setdefault(row.path, f"it may import {found or 'any'}, which is new")
        return names

    def _shadows(self, new: list[str], sources: Mapping[str, str]) -> None:
        """New sources that act without being asked for by name: under another module's, or as a package's mark."""
        foreign = {*self._index.foreign, *sys.stdlib_module_names}
        for path in new:
            package = path.removesuffix("/__init__.py")
            directory, _, name = package.rpartition("/")
            outermost = f"{directory}/__init__.py".lstrip("/") not in sources
            if outermost and name.removesuffix(".py") in foreign:
                self._changes.everything = f"{path} is new, and may take the place of a module of that name"
            if package != path:
                for row in self._index.files:
                    if row.path.startswith(f"{package}/"):
                        self._skeletons.setdefault(row.path, f"{path} is new")

    def _input(self, row: InputRow, added: set[str]) -> None:
        if row.kind == "missing":
            if _provided(row.name, added):
                self._changes.keys[keys.missing(row.name)] = f"module {row.name} is new"
            return
        if self._moved(row):
            self._changes.keys[key_of(row)] = f"{row.kind} {row.name} changed"

    def _moved(self, row: InputRow) -> bool:
        if row.kind in ("missing", "opaque", "outside"):
            return row.kind == "opaque" and self._changes.any
        return version(row.kind, row.name, tree=self._tree, variables=self._variables, salt=self._index.salt) != (
            row.version
        )

    def _wide(self) -> None:
        """Affected sources that act beyond their importers."""
        changes = self._changes
        early = {row.path for row in self._index.files if row.early}
        for path, why in changes.files.items():
            if path in early or path in self._index.everywhere:
                changes.everything = changes.everything or f"{path}, which every test may use: {why}"
            if path.rpartition("/")[2] == "conftest.py":
                changes.directories.setdefault(path.rpartition("/")[0], f"{path}: {why}")
                if self._is_session_wide(path):
                    changes.everything = changes.everything or f"{path}, which has a hook over all tests: {why}"

    def _is_session_wide(self, path: str) -> bool:
        """Whether a conftest has, or had, a hook that sees more than its own directory."""
        before = {name for row in self._index.files if row.path == path for s in row.statements for name in s.names}
        content = self._tree.content(path)
        model = None if content == keys.ABSENT else self._models.of(content, self._tree.root / path)
        after = {name for s in model.statements for name in s.names} if model else set()
        return not _SESSION_WIDE.isdisjoint(before | after)


def version(kind: str, name: str, *, tree: Tree, variables: Mapping[str, str], salt: bytes) -> str:
    """The version of an input now."""
    if kind == "file":
        return tree.file(name)
    if kind == "dir":
        return tree.listing(name)
    if kind == "path":
        return tree.kind(name)
    if name == EVERY_VALUE:
        return keys.value_digest(every_value(variables), salt)
    value = every_variable(variables) if name == EVERY_VARIABLE else variables.get(name)
    return keys.value_digest(value, salt)


def key_of(row: InputRow) -> bytes:
    """The key a test that read this input holds."""
    make = {"file": keys.file, "dir": keys.directory, "path": keys.path, "env": keys.variable}
    return keys.missing(row.name) if row.kind == "missing" else make[row.kind](row.name, row.version)


def _provided(wanted: str, names: set[str]) -> bool:
    while wanted:
        if wanted in names:
            return True
        wanted = wanted.rpartition(".")[0]
    return False


def _why_wide(flags: int) -> str:
    if flags & COMPILED:
        return "which runs as machine code"
    return "whose effect outlives the call or the import" if flags & FOLDED else "which no test was seen to run"
