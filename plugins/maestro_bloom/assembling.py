"""From what one process saw to an index of its own tests: names become versioned keys, keys become filters.

Invariant: a test's filter holds every key of its bag and of the bags of the wider fixtures it used, and each of these
keys has a row.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

import msgspec

from maestro_bloom import bloom_filter, keys, observed_children
from maestro_bloom.changes import key_of, version
from maestro_bloom.index import (
    COMPILED,
    FLAKY,
    FOLDED,
    HIT,
    OPAQUE,
    UNSTABLE,
    VARIES,
    BlockRow,
    FileRow,
    Filters,
    Index,
    InputKind,
    InputRow,
    TestRow,
)
from maestro_bloom.observations import Bag
from maestro_bloom.observed_names import EVERY_VALUE, is_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from maestro_bloom.model_cache import Models
    from maestro_bloom.recorder import Recorder
    from maestro_bloom.source_parts import SourceModel, Statement
    from maestro_bloom.tree import Tree


# A conftest acts on its directory, a package on its modules.
_OWN_RULES = ("conftest.py", "__init__.py")


@dataclass(slots=True, eq=False)
class Recorded:
    """One executed test: what it touched itself, through wider fixtures, and how it ended."""

    nodeid: str
    path: str
    bag: Bag
    shared: list[Bag] = field(default_factory=list)
    varies: bool = False
    """Whether it chooses at random what it runs, as a property test does."""
    outcome: str = ""
    flaky: bool = False
    duration_us: int = 0


class _Masks(dict[bytes, int]):
    """Per key, what it sets in a filter of ``bits`` bits."""

    def __init__(self, hashed: Callable[[bytes], tuple[int, ...]]) -> None:
        self.bits = 0
        self._hashed = hashed

    def __missing__(self, key: bytes) -> int:
        mask = self[key] = bloom_filter.mask(self._hashed(key), self.bits)
        return mask


class Assembly:
    """Makes the index of one process."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        tree: Tree,
        models: Models,
        variables: Mapping[str, str],
        unstable: set[str],
        collected: set[str],
    ) -> None:
        self._recorder = recorder
        self._tree = tree
        self._models = models
        self._variables = variables
        self._unstable = unstable
        self._collected = collected
        self._inputs: set[InputRow] = set()
        self._children: dict[str, Bag] = {}
        self._named: dict[str, dict[tuple[str, int], int]] = {}
        self._hashed: dict[bytes, tuple[int, ...]] = {}
        self._rows: dict[tuple[InputKind, str], tuple[InputRow, bytes]] = {}
        self._units = recorder.tracer.units if recorder.tracer is not None else []
        self._block_keys: dict[int, tuple[bytes, ...]] = {}

    def index(self, blank: Index, tests: list[Recorded], *, sizes: Mapping[str, int]) -> tuple[Index, Filters]:
        """Fill ``blank`` (which knows environment, salt, run and times). ``sizes``: bits a test's filter has so far."""
        self._salt = blank.salt
        rows = []
        hit: set[int] = set()
        held: dict[str, tuple[list[bytes], int]] = {}
        for test in tests:
            bag = self._bag(test)
            hit |= bag.units
            found = self._keys(bag)
            if test.varies:
                found.update(keys.any_block(self._units[unit][0]) for unit in bag.units)
            bits = sizes.get(test.nodeid, 0)
            if not bits or bloom_filter.overfilled(bits, len(found)):
                bits = bloom_filter.size_for(len(found))
            held[test.nodeid] = (list(found), bits)
            rows.append(self._row(test, bag, bits=bits, count=len(found), blank=blank))
        made = msgspec.structs.replace(
            blank,
            files=self._files(hit),
            inputs=tuple(sorted(self._inputs)),
            session=tuple(sorted(self._input_rows(self._recorder.session))),
            everywhere=tuple(sorted(self._everywhere())),
            extensions=self._extensions(),
            foreign=self._foreign(),
            tests=tuple(rows),
        )
        return made, self._filters(held)

    def _bag(self, test: Recorded) -> Bag:
        """All that a test touched itself, through wider fixtures and in children."""
        own = test.bag
        if not (test.shared or own.others or own.codes or own.children):
            return own
        bag = Bag()
        for part in {b for each in (own, *test.shared) for b in each.everything()}:
            bag.update(part)
        bag.units |= {self._unit(*code) for code in bag.codes}
        for place in list(bag.children):
            bag.update(self._child(place))
        return bag

    def _filters(self, held: Mapping[str, tuple[list[bytes], int]]) -> Filters:
        """The filters of tests that hold these keys; size by size, so that a key is spread once for all of a size."""
        filters: Filters = {}
        masks = _Masks(self._hash)
        for nodeid in sorted(held, key=lambda nodeid: held[nodeid][1]):
            found, bits = held[nodeid]
            if bits != masks.bits:
                masks.bits = bits
                masks.clear()
            filters[nodeid] = (reduce(or_, map(masks.__getitem__, found), 0), bits)
        return filters

    def _child(self, place: str) -> Bag:
        """What a child process touched, as if the test had; one that left no result is opaque."""
        if place not in self._children:
            self._children[place] = self._bag_of(observed_children.read(place))
        return self._children[place]

    def _bag_of(self, result: observed_children.Result | None) -> Bag:
        if result is None:
            return Bag(opaque={"a child process left no record"}, variables={EVERY_VALUE})
        path = self._recorder.territory.path

        def inside(names: list[str]) -> set[str]:
            return {found for name in names if (found := path(name)) is not None}

        bag = Bag(files=inside(result.files), paths=inside(result.paths), modules=inside(result.modules))
        bag.directories = {found.rpartition("/")[0] for found in inside([f"{name}/x" for name in result.directories])}
        bag.variables = {name for name in result.variables if not is_aside(name)}
        bag.missing, bag.opaque = set(result.missing), set(result.opaque)
        bag.variables |= {EVERY_VALUE} if bag.opaque else set()
        for name, qualname, line in result.code:
            found = path(name)
            if found is not None:
                bag.units.add(self._unit(found, qualname, line))
        for module in bag.modules:
            self._recorder.executed.setdefault(module, module)
        return bag

    def _unit(self, path: str, qualname: str, line: int) -> int:
        """The unit of a function seen in a child."""
        if path not in self._named:
            model = self._model(path)
            blocks = model.blocks if model else ()
            self._named[path] = {(block.qualname, block.line): i for i, block in enumerate(blocks)}
        number = self._named[path].get((qualname, line), -1)
        self._units.append((path, number))
        return len(self._units) - 1

    def _row(self, test: Recorded, bag: Bag, *, bits: int, count: int, blank: Index) -> TestRow:
        flags = (OPAQUE if bag.opaque else 0) | (FLAKY if test.flaky else 0)
        flags |= (UNSTABLE if self._unstable & bag.files else 0) | (VARIES if test.varies else 0)
        return TestRow(
            nodeid=test.nodeid,
            path=test.path,
            bits=bits,
            keys=count,
            outcome=test.outcome,
            flags=flags,
            run=blank.run,
            duration_us=test.duration_us,
            made=blank.made,
        )

    def _keys(self, bag: Bag) -> set[bytes]:
        found = set[bytes]().union(*map(self._unit_keys, bag.units))
        found.update(keys.source(path) for path in map(self._source_of, bag.modules) if path)
        for row, key in self._input_pairs(bag):
            self._inputs.add(row)
            found.add(key)
        return found

    def _source_of(self, module: str) -> str | None:
        """The file of a module a test executed (a path) or asked for (a dotted name)."""
        if module.endswith(".py"):
            return module
        filename = getattr(sys.modules.get(module), "__file__", None)
        return self._recorder.territory.path(filename) if isinstance(filename, str) else None

    def _unit_keys(self, unit: int) -> tuple[bytes, ...]:
        if unit not in self._block_keys:
            path, number = self._units[unit]
            self._block_keys[unit] = self._make_unit_keys(path, number)
        return self._block_keys[unit]

    def _make_unit_keys(self, path: str, number: int) -> tuple[bytes, ...]:
        if not path.endswith(".py"):
            # Code compiled from something else (a template): its source is a data file to whoever runs it.
            row, key = self._pair("file", path)
            self._inputs.add(row)
            return (key,)
        model = self._model(path)
        if number < 0 or model is None:
            return (keys.source(path),)
        block = model.blocks[number]
        walked = (keys.every_class(),) if block.walks else ()
        return keys.source(path), keys.block(path, block.qualname, block.n, block.digest), *walked

    def _input_rows(self, bag: Bag) -> set[InputRow]:
        return {row for row, _ in self._input_pairs(bag)}

    def _input_pairs(self, bag: Bag) -> Iterator[tuple[InputRow, bytes]]:
        """What was read, with its version, and the key of whoever read it."""
        kinds: tuple[tuple[InputKind, set[str]], ...] = (
            ("file", bag.files),
            ("dir", bag.directories),
            ("path", bag.paths),
            ("env", bag.variables),
            ("missing", bag.missing),
        )
        for kind, names in kinds:
            for name in names:
                pair = self._rows.get((kind, name))
                yield pair if pair is not None else self._pair(kind, name)

    def _pair(self, kind: InputKind, name: str) -> tuple[InputRow, bytes]:
        found = ""
        if kind != "missing":
            found = version(kind, name, tree=self._tree, variables=self._variables, salt=self._salt)
        row = InputRow(kind, name, found)
        pair = self._rows[kind, name] = (row, key_of(row))
        return pair

    def _hash(self, key: bytes) -> tuple[int, ...]:
        if key not in self._hashed:
            self._hashed[key] = bloom_filter.hashes(key, self._salt)
        return self._hashed[key]

    def _model(self, path: str) -> SourceModel | None:
        return self._models.of(self._tree.content(path), self._tree.root / path)

    def _files(self, hit: set[int]) -> tuple[FileRow, ...]:
        recorder = self._recorder
        for kept in recorder.at_import.values():
            recorder.folded |= {self._unit(*code) for code in kept.codes}
        flags: dict[tuple[str, int], int] = {}
        for unit in hit:
            flags[self._units[unit]] = flags.get(self._units[unit], 0) | HIT
        for unit in recorder.folded:
            flags[self._units[unit]] = flags.get(self._units[unit], 0) | HIT | FOLDED
        names: dict[str, set[str]] = {}
        for name, module in list(sys.modules.items()):
            filename = getattr(module, "__file__", None)
            path = recorder.territory.path(filename) if isinstance(filename, str) else None
            if path is not None and name != "__main__":
                names.setdefault(path, set()).add(name)
        paths = {*self._tree.python(), *(p for p in (*recorder.executed, *names) if p.endswith(".py"))}
        return tuple(self._file(path, flags, names.get(path, set())) for path in sorted(paths))

    def _file(self, path: str, flags: dict[tuple[str, int], int], names: set[str]) -> FileRow:
        recorder = self._recorder
        model = self._model(path)
        inputs = self._input_rows(recorder.at_import[path]) if path in recorder.at_import else set()
        if path in recorder.at_import and recorder.at_import[path].opaque:
            inputs.add(InputRow("opaque", ",".join(sorted(recorder.at_import[path].opaque)), ""))
        if path in recorder.outside:
            inputs.add(InputRow("outside", "", ""))
        blocks = (
            ()
            if model is None
            else tuple(
                BlockRow(b.qualname, b.n, b.digest, flags.get((path, i), 0) | (COMPILED if b.compiled else 0))
                for i, b in enumerate(model.blocks)
            )
        )
        return FileRow(
            path=path,
            blob=self._tree.content(path),
            skeleton=model.skeleton if model else b"",
            blocks=blocks,
            imports=model.imports if model else (),
            strings=model.strings if model else (),
            names=tuple(sorted(names)),
            edges=tuple(sorted(recorder.edges.get(path, ()))),
            inputs=tuple(sorted(inputs)),
            wildcard=model is None or model.wildcard or _walks_early(model, path, flags),
            early=path in recorder.early,
            statements=self._statements(model, recorder.acts.get(path, set())) if model else (),
            rearranges=model is not None and model.rearranges,
        )

    def _statements(self, model: SourceModel, acts: set[tuple[int, str]]) -> tuple[Statement, ...]:
        """The statements of a module, with what they were seen to write into while they ran."""
        found = []
        for statement in model.statements:
            seen = {path for line, path in acts if statement.line <= line <= statement.end}
            targets = tuple(sorted({*statement.targets, *seen}))
            found.append(msgspec.structs.replace(statement, targets=targets, mentions=(), line=0, end=0))
        return tuple(found)

    def _everywhere(self) -> set[str]:
        """Modules that pytest or a plugin loaded on its own account: no import leads to them from a test."""
        return {
            path
            for path, importer in self._recorder.executed.items()
            if importer is None and path not in self._collected and path.rpartition("/")[2] not in _OWN_RULES
        }

    def _extensions(self) -> dict[str, str]:
        """Compiled modules of the project, loaded or ready to be, by content: their insides are never seen."""
        found = {path: self._tree.content(path) for path in self._tree.compiled}
        for module in list(sys.modules.values()):
            filename = getattr(module, "__file__", None)
            if isinstance(filename, str) and filename.endswith((".so", ".pyd")):
                path = self._recorder.territory.path(filename)
                if path is not None:
                    found[path] = self._tree.content(path)
        return found

    def _foreign(self) -> tuple[str, ...]:
        """Top-level modules from elsewhere that were loaded: a new source of that name would take their place."""
        found = set()
        for name, module in list(sys.modules.items()):
            filename = getattr(module, "__file__", None)
            if isinstance(filename, str) and self._recorder.territory.path(filename) is None:
                found.add(name.partition(".")[0])
        return tuple(sorted(found))


def _walks_early(model: SourceModel, path: str, flags: dict[tuple[str, int], int]) -> bool:
    """Whether what a look at all classes or modules found is kept for whoever comes later."""
    return any(block.walks and flags.get((path, i), 0) & FOLDED for i, block in enumerate(model.blocks))
