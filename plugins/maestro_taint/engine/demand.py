"""Which functions are run: those that meet a source, and whoever may receive what they hand on. No others.

Theorem: a function that is not run meets no source: it reads none itself, and nobody it calls, no field or global it
reads and no class it uses hands one on. (Sources known by their name alone are followed where they are read.)
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from maestro_taint.engine.attributes import SHARED
from maestro_taint.engine.handing import carried
from maestro_taint.engine.personal import kind_of_name, marked
from maestro_taint.engine.records import columns
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.engine.callers import Callers
    from maestro_taint.engine.handing import Carried
    from maestro_taint.engine.solver import Solver
    from maestro_taint.frontend.ir import ClassInfo, Function, Module
    from maestro_taint.models.tokens import Tokens


class Demand:
    """The work list; make one per solver and call :meth:`run`."""

    def __init__(self, solver: Solver, tokens: Tokens, solve: Callable[[Module, str, int | None], None]) -> None:
        self.solver = solver
        self.tokens = tokens
        self._solve = solve
        self.tried: set[str] = set()
        self.words: dict[str, set[str]] = {}  # names of functions, globals and classes that hand sources on: where
        self.dirty: set[str] = set()  # classes that do
        self.members: dict[str, set[str]] = defaultdict(set)  # their methods and fields that do; under "" anybody's
        self.inner: set[str] = set()  # names of nested classes and of class attributes that do
        self.ways: dict[str, list[Carried]] = {}  # ways out of functions by which nothing was handed on so far
        self.homes: dict[str, frozenset[str]] = {}
        self.locals: dict[str, frozenset[str]] = {}
        self.reexported: dict[tuple[str, str], bool] = {}
        self.seen: set[str] = set()
        self.named: dict[str, bool] = {}

    def solve(self, module: Module, qn: str, most: int | None = None) -> None:
        """Run a function once, whatever comes of it; no further than to ``most`` steps in all."""
        if qn not in self.tried:
            self.tried.add(qn)
            self._solve(module, qn, most)

    def run(self, modules: list[Module], *, sinks: bool) -> None:
        """Run what meets a source (or, with ``sinks``, a sink); then, until nothing is added, who is handed it."""
        for module in modules:
            self._declared(module)
        for module in modules:
            for qn, fn in module.functions.items():
                if self.is_seed(module, fn) or (sinks and self._has_sink(fn)):
                    self.solve(module, qn)
        size = -1
        while size != (size := self._spread()):
            for module in modules:
                self._receivers(module)

    def run_for(self, modules: list[Module], callers: Callers) -> None:
        """Run all of some modules, and whoever else may bring data to a sink in them."""
        paths = {module.path for module in modules}
        for module in modules:
            for qn, fn in module.functions.items():
                if self._has_sink(fn) or self.is_seed(module, fn):
                    self.solve(module, qn)
        callers.begin()
        while self._exposed(paths):
            for module in modules:
                self._receivers(module)
            for module in callers.mentioning(self.words.keys() | self.inner):
                self._receivers(module, callers)

    def _exposed(self, paths: set[str]) -> bool:
        """Note by which names that is called or set whose data reaches a sink in these files; whether that is news."""
        before = self._reach()
        for (qn, context), summary in list(self.solver.done.items()):
            roots = {atom[0] for atom, site in summary.sinks if site.file in paths} if not context else ()
            for root in roots:
                fn = self.solver.program.functions[qn]
                while fn.parent:
                    fn = self.solver.program.functions[fn.parent]
                if root[0] == "g":
                    self._mention(root)
                elif fn.cls:
                    self._taint_class(fn.cls)
                    self.members[fn.cls].add(fn.name)
                elif fn.name[:1] != "<":
                    self._word(fn.name, fn.module)
        return before != self._reach()

    def _reach(self) -> int:
        return sum(map(len, (self.inner, *self.words.values(), *self.members.values())))

    def _word(self, name: str, home: str) -> None:
        """Note the name of something of a module."""
        self.words.setdefault(name, set()).add(home)

    # -- where sources enter -----------------------------------------------------------------------------------------

    def is_seed(self, module: Module, fn: Function) -> bool:
        """Whether a function itself may meet a source, or a call that is wrong by itself."""
        tokens = self.tokens
        if not (tokens.names.isdisjoint(fn.names) and tokens.touched.isdisjoint(fn.touched)):
            return True
        if not self._imported(module).isdisjoint(fn.names) or self._tells(fn):
            return True
        if fn.decorators and any(_last(d) in tokens.doors for d in fn.decorators):
            return True
        models = self.solver.models
        if not models.parameters.keys().isdisjoint(fn.slots) and self._typed(module, fn):
            return True
        return bool(fn.cls) and self._of_framework(self.solver.program.classes[fn.cls])

    def _has_sink(self, fn: Function) -> bool:
        sinks = self.tokens.sinks
        return not (sinks.isdisjoint(fn.touched) and sinks.isdisjoint(fn.names))

    def _imported(self, module: Module) -> frozenset[str]:
        """Local names of imports that bring sources."""
        found = self.locals.get(module.name)
        if found is None:
            models = self.solver.models
            made = {a for a, *whole in module.aliases if self._brings(module, *whole)}
            for star in module.stars:
                made |= models.names_of(star)
            found = self.locals[module.name] = frozenset(made)
        return found

    def _brings(self, module: Module, dotted: str, symbol: str) -> bool:
        """Whether an import binds a source, perhaps by way of other modules of the project."""
        if self.tokens.imported(self.solver.models, dotted, symbol):
            return True
        program = self.solver.program
        home = program.module(dotted, module.name) if symbol else None
        other = program.modules.get(home) if home is not None else None
        return other is not None and self._reexports(other, symbol)

    def _reexports(self, module: Module, name: str) -> bool:
        """Whether a module imports a source under that name; other imports of it are not looked at, nor read."""
        found = self.reexported.get((module.name, name))
        if found is None:
            self.reexported[module.name, name] = False  # a cycle of imports ends here
            found = any(name in self.solver.models.names_of(star) for star in module.stars) or any(
                alias == name and self._brings(module, *whole) for alias, *whole in module.aliases
            )
            self.reexported[module.name, name] = found
        return found

    def _tells(self, fn: Function) -> bool:
        """Whether an attribute or key has a name that says what it holds."""
        return any(self._telling(word) for word in fn.touched) or ("execute" in fn.touched and self._selects(fn))

    def _selects(self, fn: Function) -> bool:
        """Whether a query it holds selects a column whose name says what it holds."""
        texts = (c for c in ir.constants(fn.body) if isinstance(c, str))
        return any(self._telling(column) for text in texts for column in columns(text))

    def _telling(self, word: str) -> bool:
        told = self.named.get(word)
        if told is None:
            told = kind_of_name(word) is not None or self.solver.models.field_kind(word) is not None
            self.named[word] = told
        return told

    def _typed(self, module: Module, fn: Function) -> bool:
        """Whether a parameter is what its name says, by the framework the module imports."""
        return any(name in self.solver.models.parameters and self.solver.by_name(module, name, fn) for name in fn.slots)

    def _of_framework(self, info: ClassInfo) -> bool:
        return any(_last(base) in self.tokens.classes for base in info.bases)

    def _declared(self, module: Module) -> None:
        """Classes that declare personal data hand it on wherever an instance is shown."""
        for qn, info in module.classes.items():
            declared = (
                (name, annotation)
                for name, (annotation, _, _) in (*info.fields.items(), *info.stored.items())
                if annotation is not None
            )
            values = (value for _, value, _ in info.fields.values() if value is not None)
            if any(self._telling(name) or marked(self.solver, annotation) for name, annotation in declared) or any(
                self._meets(module, value) for value in values
            ):
                self._taint_class(qn)

    def _meets(self, module: Module, value: Any) -> bool:
        """Whether what a class body assigns may read a source."""
        met = self.tokens.names | self.tokens.touched | self._imported(module)
        stack = [value]
        while stack:
            n = stack.pop()
            if type(n) is tuple:
                if len(n) > 2 and n[0] in (ir.GLOBAL, ir.LOCAL, ir.ATTR) and n[-1] in met:
                    return True
                stack += n
        return False

    # -- who receives what is handed on --------------------------------------------------------------------------------

    def _spread(self) -> int:
        """Look at what was run since, and again at what was not handed on before; how much is handed on by now."""
        for (qn, context), summary in list(self.solver.done.items()):
            if not context:
                ways = self.ways.get(qn)
                if ways is None:
                    ways = self.ways[qn] = carried(summary)
                if ways:
                    self.ways[qn] = [way for way in ways if not self._note(qn, way)]
        return self._reach() + len(self.dirty) + len(self.seen)

    def _note(self, qn: str, way: Carried) -> bool:
        """Whether a way out hands a source on; then its function and the place it leads to are noted."""
        if not way.source and not any(map(self._gives, way.types)):
            return False
        fn = self.solver.program.functions[qn]
        self.seen.add(qn)
        if fn.cls:
            self._taint_class(fn.cls)
            self.members[fn.cls].add(fn.name)
        elif fn.name[:1] != "<" and not fn.parent:
            self._word(fn.name, fn.module)
        root, field = way.root, way.field
        if root is not None and root[0] == "g":
            self._mention(root)
        if field:
            self.members[fn.cls if root == ("p", 0) else ""].add(field)
        return True

    def _mention(self, root: tuple[Any, ...]) -> None:
        """Note the name of a global or of a class attribute."""
        if root[1] in SHARED or root[1] in self.solver.program.classes:
            self.inner.add(root[2])
        else:
            self._word(root[2], root[1])

    def _taint_class(self, cls: str) -> None:
        if cls in self.dirty:
            return
        classes = self.solver.classes
        for one in (cls, *classes.derived(cls)):
            self.dirty.add(one)
            outer, _, name = one.rpartition(".")
            name = name.partition("@")[0]
            if outer in self.solver.program.classes:
                self.inner.add(name)
            else:
                self._word(name, self.solver.program.classes[one].module)

    def _gives(self, t: tuple[Any, ...]) -> bool:
        if t[0] in ("i", "s", "c"):
            return t[1] in self.dirty
        if t[0] in ("f", "w", "b"):
            return t[1] in self.seen
        return t[0] == "x" and t[1] in self.tokens.paths

    def _receivers(self, module: Module, callers: Callers | None = None) -> None:
        """Run the functions of a module that mention what is handed on; of ``callers``, those with a source first."""
        chosen = self._mentioning(module)
        if callers is None:
            for qn in chosen:
                self.solve(module, qn)
            return
        for qn in sorted(chosen, key=lambda qn: not self.is_seed(module, module.functions[qn])):
            if not callers.spent:
                self.solve(module, qn, callers.most)
            if callers.spent:
                callers.leave(module.path)

    def _mentioning(self, module: Module) -> list[str]:
        """The functions of a module that mention what is handed on and were not run yet."""
        words = self.words.keys() | self.inner
        renamed = {alias for alias, _, symbol in module.aliases if symbol in words and alias != symbol}
        renamed |= self._bound(module)
        named = (words - self._namesakes(module)) | renamed
        chosen = []
        for qn, fn in module.functions.items():
            if qn not in self.tried and (
                not named.isdisjoint(fn.names)
                or not self.inner.isdisjoint(fn.touched)
                or (not self.words.keys().isdisjoint(fn.touched) and not self._homes(module).isdisjoint(fn.names))
                or self._familiar(fn)
            ):
                chosen.append(qn)
        return chosen

    def _namesakes(self, module: Module) -> set[str]:
        """Words that are names of something else in a module that defines them itself."""
        defined = {
            name
            for name in self.words.keys() & module.bindings.keys()
            if module.bindings[name][0] != "i" and module.counts.get(name) == 1
        }
        return {name for name in defined if module.name not in self.words[name]}

    def _familiar(self, fn: Function) -> bool:
        """Whether a method touches what others of its class or a base of it, or anybody's object, hand on."""
        if fn.cls not in self.dirty:
            return False
        members = self.members
        line = self.solver.classes.order(fn.cls)[0]
        return any(one in members and not members[one].isdisjoint(fn.touched) for one in (*line, ""))

    def _homes(self, module: Module) -> frozenset[str]:
        """Names by which a module may reach into another of the project: ``a`` in ``a.function()``."""
        found = self.homes.get(module.name)
        if found is None:
            program = self.solver.program
            made = set()
            for alias, dotted, symbol in module.aliases:
                home = program.module(dotted, module.name)
                inner = f"{home}.{symbol}"
                if home is not None and (
                    not symbol
                    or inner in program.tree.names
                    or inner in program.packages
                    or program.tree.names.get(home, "").endswith("__init__.py")
                ):
                    made.add(alias)
            found = self.homes[module.name] = frozenset(made)
        return found

    def _bound(self, module: Module) -> set[str]:
        """Module-level names bound to an expression that mentions something handed on, or a source."""
        whole = module.functions.get(f"{module.name}.<module>")
        if whole is None or (self.words.keys().isdisjoint(whole.names) and not self.is_seed(module, whole)):
            return set()
        known = self.words.keys() | self.tokens.names | self.tokens.touched | self._imported(module)
        found = {name for name, b in module.bindings.items() if b[0] == "v" and b[1] and known & _read(module, b[1])}
        for name in found:
            self._word(name, module.name)
        return found


def _last(node: Any) -> str:
    """The last word of a dotted expression or of what it calls."""
    inner = node[2] if node[0] == ir.CALL else node
    return str(inner[3] if inner[0] == ir.ATTR else inner[2] if len(inner) > 2 else "")


def _read(module: Module, node: Any) -> set[str]:
    """The names an expression reads, those of lambdas in it included."""
    found: set[str] = set()
    stack: list[Any] = [node]
    while stack:
        one = stack.pop()
        if not isinstance(one, tuple):
            continue
        if len(one) > 2 and one[0] in (ir.GLOBAL, ir.LOCAL):
            found.add(one[2])
        elif len(one) > 3 and one[0] == ir.ATTR:
            found.add(one[3])
            stack.append(one[2])
        elif len(one) > 2 and one[0] == ir.LAMBDA:
            found |= module.functions[one[2]].names
        else:
            stack += one
    return found
