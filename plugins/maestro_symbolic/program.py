"""A module as data: its functions, classes, constants and imports, read from the syntax tree and never imported.

Invariant: a name is a constant only if the module binds it once, at its top level, and no function rebinds it.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_symbolic.linking import MAX_MODULES, Qualifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from maestro_symbolic.linking import Finder

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, eq=False)
class ClassInfo:
    """A class of the module: bases as written, methods, annotated fields in order, and what its decorators say."""

    name: str
    node: ast.ClassDef
    bases: tuple[str, ...]
    methods: Mapping[str, ast.FunctionDef]
    setters: Mapping[str, ast.FunctionDef]
    fields: tuple[ast.AnnAssign, ...]
    members: Mapping[str, ast.expr]
    dataclass: Mapping[str, ast.expr] | None

    @property
    def is_enum(self) -> bool:
        """Whether a base is one of the standard enumerations."""
        return any(base.rpartition(".")[2] in ("Enum", "IntEnum", "StrEnum") for base in self.bases)

    @property
    def is_named_tuple(self) -> bool:
        """Whether it is written as ``class X(NamedTuple)``."""
        return any(base.rpartition(".")[2] == "NamedTuple" for base in self.bases)

    @property
    def is_typed_dict(self) -> bool:
        """Whether it is written as ``class X(TypedDict)``: a dictionary with these keys."""
        return any(base.rpartition(".")[2] == "TypedDict" for base in self.bases)

    def option(self, name: str, *, default: bool) -> bool:
        """A boolean option of ``@dataclass(...)``."""
        value = (self.dataclass or {}).get(name)
        return bool(value.value) if isinstance(value, ast.Constant) else default

    @property
    def frozen(self) -> bool:
        """Whether instances refuse assignment."""
        return self.option("frozen", default=False) or self.is_named_tuple


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """One parsed module, with those of the project it imports under their full names.

    ``imports`` maps a local name to the dotted name it stands for; ``homes`` a linked definition to its module and the
    names of that; ``definitions`` is everything defined, by name.
    """

    path: str
    tree: ast.Module
    functions: Mapping[str, Function]
    classes: Mapping[str, ClassInfo]
    constants: Mapping[str, ast.expr]
    imports: Mapping[str, str]
    source: str = field(repr=False, default="")
    mutated: frozenset[str] = frozenset()
    linked: tuple[tuple[str, str], ...] = ()  # (path, dotted name) of the modules of the project read with it
    homes: Mapping[ast.AST, tuple[str, frozenset[str]]] = field(repr=False, default_factory=dict)
    definitions: Mapping[str, ast.AST] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        classes = {name: info.node for name, info in self.classes.items()}
        object.__setattr__(self, "definitions", {**self.functions, **classes, **self.constants})

    def known(self, name: str) -> str:
        """The full name of a definition that a name of the module stands for, imported or its own; else the name."""
        seen: set[str] = set()
        while name in self.imports and name not in seen and name not in self.definitions:
            seen.add(name)
            name = self.imports[name]
        return name

    def dotted(self, node: ast.expr) -> str:
        """``a.b.c`` for a name or attribute chain with imports resolved; empty for anything else."""
        if isinstance(node, ast.Name):
            return self.known(node.id)
        if isinstance(node, ast.Attribute):
            head = self.dotted(node.value)
            return self.known(f"{head}.{node.attr}") if head else ""
        return ""

    def callables(self, *, linked: bool = False) -> Iterator[tuple[str, Function, ClassInfo | None]]:
        """(qualified name, node, class) of every function and method of the file in its order, or of what is linked."""
        found: list[tuple[str, Function, ClassInfo | None]] = [(n, f, None) for n, f in self.functions.items()]
        for info in self.classes.values():
            found += [(f"{info.name}.{name}", node, info) for name, node in info.methods.items()]
        chosen = [one for one in found if ("." in (one[2].name if one[2] else one[0])) == linked]
        yield from sorted(chosen, key=lambda item: item[1].lineno)


def read_program(path: str, source: str, finder: Finder | None = None) -> Program:
    """Parse one module, and with a finder the modules of the project it imports.

    Raises:
        SyntaxError: or ``ValueError``, ``RecursionError``, ``MemoryError``: what ``ast.parse`` raises.
    """
    program = _read_one(path, source)
    return program if finder is None else _linked(program, finder)


def _read_one(path: str, source: str, module: str = "") -> Program:
    tree = ast.parse(source, filename=path)
    functions: dict[str, Function] = {}
    classes: dict[str, ast.ClassDef] = {}
    bindings: dict[str, list[ast.expr]] = {}
    imports: dict[str, str] = {}
    for node in _top_level(tree.body):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            classes[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for local, dotted in _imported(node):
                # Bound twice, as in try/except ImportError: which of the two it is depends on the machine.
                imports[local] = dotted if imports.get(local, dotted) == dotted else AMBIGUOUS
        else:
            _bind(node, bindings)
    rebound = _rebound(tree) | {name for name, values in bindings.items() if len(values) > 1}
    constants = {n: v[0] for n, v in bindings.items() if n not in rebound and n not in functions}
    mutated = frozenset(name.removeprefix("!") for name in rebound if name.startswith("!"))
    names = frozenset({*functions, *classes, *bindings, *imports})
    if module:
        qualifier = Qualifier(module, names)
        full = f"{module}.{{}}".format
        functions = {full(n): qualifier.visit(f) for n, f in functions.items()}
        classes = {full(n): qualifier.visit(c) for n, c in classes.items()}
        constants = {full(n): qualifier.visit(v) for n, v in constants.items()}
        imports = {full(n): d for n, d in imports.items()}
        mutated = frozenset(map(full, mutated))
    infos = {name: _class_info(node, imports, name) for name, node in classes.items()}
    defined: list[ast.AST] = [
        *functions.values(),
        *classes.values(),
        *(m for i in infos.values() for m in i.methods.values()),
    ]
    homes = dict.fromkeys(defined, (module, names)) if module else {}
    return Program(path, tree, functions, infos, constants, imports, source, mutated, homes=homes)


def _linked(program: Program, finder: Finder) -> Program:
    """The program with what it imports from the project, and what that imports in turn."""
    programs = {"": (program, finder.package)}
    pending = [("", program)]
    while pending and len(programs) <= MAX_MODULES:
        name, one = pending.pop()
        package = programs[name][1]
        for local, dotted in one.imports.items():
            whole = finder.absolute(dotted, package)
            one.imports[local] = whole  # type: ignore[index]  # a mapping to readers, made here
            for candidate in (whole, whole.rpartition(".")[0]):
                found = None if candidate in programs else finder.module(candidate)
                if found is not None:
                    try:
                        other = _read_one(*found, candidate)
                    except (SyntaxError, ValueError):
                        continue  # what cannot be read stays an unknown name
                    inside = candidate if found[0].endswith("/__init__.py") else candidate.rpartition(".")[0]
                    programs[candidate] = (other, tuple(inside.split(".")) if inside else ())
                    pending.append((candidate, other))
    rest = [one for name, (one, _) in programs.items() if name]
    return Program(
        program.path,
        program.tree,
        {**program.functions, **{n: f for one in rest for n, f in one.functions.items()}},
        {**program.classes, **{n: c for one in rest for n, c in one.classes.items()}},
        {**program.constants, **{n: v for one in rest for n, v in one.constants.items()}},
        {**program.imports, **{n: d for one in rest for n, d in one.imports.items()}},
        program.source,
        program.mutated.union(*(one.mutated for one in rest)),
        tuple(sorted((one.path, name) for name, (one, _) in programs.items() if name)),
        {node: home for one in rest for node, home in one.homes.items()},
    )


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run on import; of ``if TYPE_CHECKING`` and ``try`` both branches may bind a name."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _top_level([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            inner = [s for handler in node.handlers for s in handler.body]
            yield from _top_level([*node.body, *inner, *node.orelse, *node.finalbody])
        else:
            yield node


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (alias.asname, alias.name) if alias.asname else (alias.name.partition(".")[0],) * 2
        return
    prefix = "." * node.level + (node.module or "")
    for alias in node.names:
        yield alias.asname or alias.name, f"{prefix}.{alias.name}"


def _bind(node: ast.stmt, bindings: dict[str, list[ast.expr]]) -> None:
    """Record what a top-level statement binds; what is no plain assignment binds a value nobody can read."""
    if isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
        for target in node.targets:
            assert isinstance(target, ast.Name)  # noqa: S101 - narrowed by the line above
            bindings.setdefault(target.id, []).append(node.value)
    elif isinstance(node, ast.Assign) and (pairs := _unpacked(node)):
        for name, value in pairs:
            bindings.setdefault(name, []).append(value)
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        if node.value is not None:
            bindings.setdefault(node.target.id, []).append(node.value)
    else:
        for inner in ast.walk(node):
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store | ast.Del):
                bindings.setdefault(inner.id, []).extend([inner, inner])


def _unpacked(node: ast.Assign) -> list[tuple[str, ast.expr]]:
    """``A, B = 1, 2`` as two bindings; empty for any other shape."""
    target = node.targets[0]
    if len(node.targets) > 1 or not isinstance(target, ast.Tuple) or not isinstance(node.value, ast.Tuple):
        return []
    pairs = list(zip(target.elts, node.value.elts, strict=False))
    whole = len(target.elts) == len(node.value.elts)
    plain = all(isinstance(t, ast.Name) and not isinstance(v, ast.Starred) for t, v in pairs)
    return [(t.id, v) for t, v in pairs if isinstance(t, ast.Name)] if whole and plain else []


def _rebound(tree: ast.Module) -> set[str]:
    """Names that some function declares global, and names whose object the module itself changes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            names.update(node.names)
        owner: ast.expr | None = None
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            owner = node.func.value
        if isinstance(owner, ast.Name):
            names.add(f"!{owner.id}")
    return names


AMBIGUOUS = "?"
MUTATORS = frozenset(
    {
        "append",
        "extend",
        "insert",
        "pop",
        "remove",
        "clear",
        "sort",
        "reverse",
        "update",
        "setdefault",
        "popitem",
        "add",
    }
)


def _class_info(node: ast.ClassDef, imports: Mapping[str, str], name: str) -> ClassInfo:
    bare = Program("", ast.Module([], []), {}, {}, {}, imports)
    defined = [s for s in node.body if isinstance(s, ast.FunctionDef)]
    setters = {s.name: s for s in defined if any(ast.unparse(d) == f"{s.name}.setter" for d in s.decorator_list)}
    methods = {s.name: s for s in defined if setters.get(s.name) is not s}
    fields = tuple(s for s in node.body if isinstance(s, ast.AnnAssign) and isinstance(s.target, ast.Name))
    members = {
        s.targets[0].id: s.value
        for s in node.body
        if isinstance(s, ast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], ast.Name)
    }
    options: dict[str, ast.expr] | None = None
    for decorator in node.decorator_list:
        call = decorator if isinstance(decorator, ast.Call) else None
        if bare.dotted(call.func if call else decorator) in ("dataclasses.dataclass", "dataclass"):
            options = {k.arg: k.value for k in call.keywords if k.arg} if call else {}
    return ClassInfo(name, node, tuple(bare.dotted(b) for b in node.bases), methods, setters, fields, members, options)
