"""All modules of a project by name: what a name in one of them refers to.

Invariant: an answer depends on the modules' text alone, not on the order of questions, so it may be asked lazily.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import key_place
from maestro_taint.domain.values import CLEAN, NO_CONST, Val, join, root_value
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.index import Index
    from maestro_taint.frontend.ir import ClassInfo, Function, Module, Node
    from maestro_taint.frontend.tree import Tree

BUILTIN = "builtins."
MAX_HOPS = 12
MAPPINGS = frozenset(("dict", "Dict", "Mapping", "defaultdict", "OrderedDict"))
CONTAINERS = MAPPINGS | {
    "list", "List", "set", "Set", "frozenset", "tuple", "Tuple", "Sequence", "Iterable", "Iterator", "Collection",
    "deque", "Generator", "AsyncIterator", "AsyncIterable", "AsyncGenerator",
}  # fmt: skip


class Modules(dict[str, Any]):
    """Modules by name; one that is asked for is read."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program

    def __missing__(self, name: str) -> Module | None:
        made = self._program.open(name)
        self[name] = made
        return made

    def get(self, name: str, default: Any = None) -> Any:
        """The module, or ``default``."""
        found = self[name]
        return default if found is None else found

    def loaded(self) -> list[Module]:
        """The modules read so far, by path: results do not depend on the order they were asked for."""
        return sorted((m for m in self.values() if m is not None), key=lambda m: m.path)


class Program:
    """The module index and name resolution."""

    def __init__(self, tree: Tree, index: Index | None = None) -> None:
        self.tree = tree
        self.index = index
        self.modules = Modules(self)
        self.functions: dict[str, Function] = {}
        self.classes: dict[str, ClassInfo] = {}
        self.packages: set[str] = set()
        for name in tree.names:
            parts = name.split(".")
            self.packages.update(".".join(parts[:i]) for i in range(1, len(parts)))
        self.solver: Solver
        self.statics: dict[tuple[str, str], Val] = {}
        self.members: dict[tuple[str, str], Val] = {}
        self.running: set[tuple[str, str]] = set()
        self.suffixes = self._suffixes()

    def open(self, name: str) -> Module | None:
        """A module of the project, read now if it was not; ``None`` if there is none or it cannot be analysed."""
        path = self.tree.names.get(name)
        module = self.tree.load(path) if path is not None else None
        if module is not None:
            self.functions.update(module.functions)
            self.classes.update(module.classes)
        return module

    def heirs(self, name: str) -> None:
        """Read the files that may derive a class from one of that name."""
        for path in self.index.heirs(name) if self.index is not None else ():
            self.modules.get(self.tree.modules[path])

    def _suffixes(self) -> dict[str, str]:
        """Module names by what they are imported as when a source directory is on the path (``src/pkg/mod.py``)."""
        found: dict[str, str] = {}
        for name in sorted(self.tree.names, key=lambda n: (n.count("."), n)):
            parts = name.split(".")
            for i in range(1, len(parts)):
                found.setdefault(".".join(parts[i:]), name)
        return found

    def module(self, dotted: str, asking: str = "") -> str | None:
        """The project module or package a dotted name means for the module ``asking``."""
        names = self.tree.names
        if dotted in names or dotted in self.packages:
            return dotted
        near = asking.rpartition(".")[0]
        while near:
            if f"{near}.{dotted}" in names:
                return f"{near}.{dotted}"
            near = near.rpartition(".")[0]
        return self.suffixes.get(dotted)

    def imported(self, dotted: str, symbol: str, asking: str) -> Val:
        """What ``import dotted`` or ``from dotted import symbol`` binds."""
        home = self.module(dotted, asking)
        if home is None:
            return Val(types=(("x", f"{dotted}.{symbol}" if symbol else dotted),), lit=True)
        if not symbol:
            return Val(types=(("m", home),), lit=True)
        return self.member(home, symbol)

    def member(self, home: str, symbol: str, hops: int = 0) -> Val:
        """The attribute ``symbol`` of a project module, through re-exports and star imports."""
        found = self.members.get((home, symbol))
        if found is None:
            found = self._member(home, symbol, hops)
            if not hops and not self.running:  # while a variable is evaluated, what depends on it is not known yet
                self.members[home, symbol] = found
        return found

    def _member(self, home: str, symbol: str, hops: int) -> Val:  # noqa: PLR0911 - one return per form
        module = self.modules.get(home)
        if hops > MAX_HOPS:
            return CLEAN
        if module is not None and symbol in module.bindings:
            binding = module.bindings[symbol]
            if binding[0] == "i" and module.counts.get(symbol, 1) == 1:
                inner = self.module(binding[1], home)
                if inner is not None and binding[2]:
                    return self.member(inner, binding[2], hops + 1)
                return self.imported(binding[1], binding[2], home)
            return self.variable(home, symbol)
        if f"{home}.{symbol}" in self.tree.names or f"{home}.{symbol}" in self.packages:
            return Val(types=(("m", f"{home}.{symbol}"),), lit=True)
        for star in module.stars if module is not None else ():
            inner = self.module(star, home)
            if inner is not None:
                found = self.member(inner, symbol, hops + 1)
                if found is not CLEAN:
                    return found
            elif symbol in self.solver.models.names_of(star):
                return Val(types=(("x", f"{star}.{symbol}"),), lit=True)
        return CLEAN

    def global_value(self, f: Frame, name: str) -> Val:
        """A module-level name read inside a function of ``f.module``, or a builtin."""
        home = f.module.name
        root = ("g", home, name)
        found = f.state.get(root)
        if found is not None:
            return found  # type: ignore[no-any-return]
        if f.fn.name == "<module>" and name in f.state:
            return f.state[name]  # type: ignore[no-any-return]
        if name in f.module.bindings:
            return self.member(home, name)
        for _star in f.module.stars:
            found = self.member(home, name)
            if found is not CLEAN:
                return found
        if name in f.module.changed:
            return root_value(root)
        return Val(types=(("x", BUILTIN + name),), lit=True)

    def variable(self, home: str, name: str) -> Val:
        """A module-level variable as functions see it: its type, its constant if it never changes, else unknown."""
        module = self.modules[home]
        binding = module.bindings[name]
        static = self.static(home, name)
        single = module.counts.get(name, 1) == 1 and name not in module.changed
        if single and (static.const is not NO_CONST or binding[0] in ("f", "c", "i")):
            return static
        root = ("g", home, name)
        # What a mapping held at first says nothing once something was put in.
        unknown = root_value(root, types=tuple(t for t in static.types if single or t[0] != "tag"))
        if single and static.lit and not static.atoms and not static.objs:
            return Val(types=static.types, lit=True)
        return unknown

    def static(self, home: str, name: str, f: Frame | None = None) -> Val:
        """What the first binding of a module-level name evaluates to, in a run of its own."""
        key = (home, name)
        known = self.statics.get(key)
        if known is not None:
            return known
        module = self.modules.get(home)
        if module is None or name not in module.bindings:
            return Val(types=(("x", BUILTIN + name),), lit=True) if f is not None else CLEAN
        if key in self.running:
            return CLEAN
        self.running.add(key)
        found = self._evaluate(module, module.bindings[name])
        self.running.discard(key)
        self.statics[key] = found
        return found

    def _evaluate(self, module: Module, binding: Node) -> Val:
        if binding[0] == "f":
            return self.solver.decorators.decorated(module, binding[1])
        if binding[0] == "c":
            return Val(types=(("c", binding[1]),), lit=True)
        if binding[0] == "i":
            return self.imported(binding[1], binding[2], module.name)
        if binding[1] is None:
            return CLEAN
        found, frame = self.solver.isolated(module, binding[1])
        return _kept(frame, found) if found.objs else found


def _constant_items(f: Frame, v: Val) -> Any:
    """A container of constants as one constant: a tuple of its elements (of its keys, for a mapping)."""
    if len(v.objs) != 1 or v.atoms:
        return NO_CONST
    obj = f.get(v.objs[0])
    if obj.kind not in ("list", "tuple", "set") or not obj.exact or obj.rest is not None:
        return NO_CONST
    if any(x.const is NO_CONST for x in obj.fields.values()):
        return NO_CONST
    return tuple(x.const for x in obj.fields.values())


def _kept(f: Frame, v: Val) -> Val:
    """A module-level container as functions see it: what of it is constant, or known by key."""
    text, table = _constant_items(f, v), _table(f, v)
    if table is not None:
        return Val(types=(("tag", "items", table),), lit=True)
    return Val(v.atoms, text, v.types, objs=(), lit=v.lit and text is not NO_CONST)


def _table(f: Frame, v: Val) -> dict[str, Val] | None:
    """A module-level mapping with known keys to constants, functions and classes, by place."""
    if len(v.objs) != 1 or v.atoms:
        return None
    obj = f.get(v.objs[0])
    if obj.kind != "dict" or not obj.exact or obj.rest is not None or obj.keys is not None:
        return None
    known = all(not x.atoms and not x.objs and (x.const is not NO_CONST or x.types) for x in obj.fields.values())
    return obj.fields if known else None


def looked_up(v: Val, key: Val) -> Val | None:
    """An item of what :func:`_table` made: the one at a constant key, else any; ``None`` for another value."""
    table = next((t[2] for t in v.types if t[:2] == ("tag", "items")), None)
    if table is None:
        return None
    if key.const is not NO_CONST:
        return table.get(key_place(key.const), CLEAN)  # type: ignore[no-any-return]
    return merged(list(table.values()))


def resolve_type(f: Frame, node: Node | None) -> tuple[Any, ...]:
    """The types an annotation stands for: classes of the project as open instances, external ones by name."""
    if node is None or node[0] in (ir.CONST, ir.UNKNOWN):
        return ()
    if node[0] == ir.INDEX:
        return _subscripted(f, node)
    if node[0] == ir.BIN and node[2] == "|":
        return (*resolve_type(f, node[3]), *resolve_type(f, node[4]))
    if node[0] not in (ir.LOCAL, ir.FREE, ir.GLOBAL, ir.ATTR):
        return ()
    found = []
    for t in f.eval(node).types:
        if t[0] == "c":
            found.append(("s", t[1]))
        elif t[0] == "x" and not t[1].startswith(BUILTIN):
            found.append(("x", f.solver.models.canonical(t[1])))
    return tuple(found)


def _subscripted(f: Frame, node: Node) -> tuple[Any, ...]:
    """``Optional[X]`` and ``Annotated[X, ...]`` mean ``X``; of a container, what its elements are."""
    head = f.eval(node[2]).types
    names = {t[1].rpartition(".")[2] for t in head if t[0] == "x"}
    inner = node[3]
    if names & {"Optional", "Union", "Annotated", "ClassVar", "Final", "Mapped", "Type"}:
        parts = inner[3] if inner[0] == ir.SEQ else (inner,)
        if "Annotated" in names:
            parts = parts[:1]
        return tuple(t for p in parts for t in resolve_type(f, p))
    if names & CONTAINERS:
        parts = inner[3] if inner[0] == ir.SEQ else (inner,)
        element = resolve_type(f, parts[-1] if names & MAPPINGS else parts[0]) if parts else ()
        return (("of", element),) if element else ()
    return ()


def merged(values: list[Val]) -> Val:
    """The join of some values."""
    made = values[0] if values else CLEAN
    for v in values[1:]:
        made = join(made, v)
    return made
