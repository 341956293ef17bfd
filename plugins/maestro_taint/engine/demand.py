"""Which functions are run: those that meet a source, and whoever may receive what they hand on. No others.

Theorem: a function that is not run meets no source: it reads none itself, and nobody it calls, no field or global it
reads and no class it uses hands one on. (Sources known by their name alone are followed where they are read.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import Source, Val
from maestro_taint.engine.frame import REQUEST_STATE
from maestro_taint.engine.personal import kind_of_name, marked
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.domain.objects import Obj
    from maestro_taint.engine.callers import Callers
    from maestro_taint.engine.solver import Solver
    from maestro_taint.engine.summary import Summary
    from maestro_taint.frontend.ir import ClassInfo, Function, Module
    from maestro_taint.models.tokens import Tokens


class Demand:
    """The work list; make one per solver and call :meth:`run`."""

    def __init__(self, solver: Solver, tokens: Tokens, solve: Callable[[Module, str, int | None], None]) -> None:
        self.solver = solver
        self.tokens = tokens
        self._solve = solve
        self.tried: set[str] = set()
        self.words: set[str] = set()  # names of functions, globals and classes that hand sources on
        self.dirty: set[str] = set()  # classes that do
        self.members: set[str] = set()  # their methods and fields that do
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
            for module in callers.mentioning(self.words):
                self._receivers(module, callers)

    def _exposed(self, paths: set[str]) -> bool:
        """Note by which names that is called or set whose data reaches a sink in these files; whether that is news."""
        before = len(self.words), len(self.members)
        for (qn, context), summary in list(self.solver.done.items()):
            roots = {atom[0] for atom, site in summary.sinks if site.file in paths} if not context else ()
            for root in roots:
                fn = self.solver.program.functions[qn]
                while fn.parent:
                    fn = self.solver.program.functions[fn.parent]
                if root[0] == "g":
                    self._note_global(root)
                elif fn.cls:
                    self._taint_class(fn.cls)
                    self.members.add(fn.name)
                elif fn.name[:1] != "<":
                    self.words.add(fn.name)
        return before != (len(self.words), len(self.members))

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
        return any(self._telling(word) for word in fn.touched)

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
                (name, annotation) for name, (annotation, _, _) in info.fields.items() if annotation is not None
            )
            if any(self._telling(name) or marked(self.solver, annotation) for name, annotation in declared):
                self._taint_class(qn)

    # -- who receives what is handed on --------------------------------------------------------------------------------

    def _spread(self) -> int:
        """Look at what was run since; how much is handed on by now."""
        for (qn, context), summary in list(self.solver.done.items()):
            if not context and qn not in self.seen and self._hands_on(summary):
                self.seen.add(qn)
                self._note(self.solver.program.functions[qn], summary)
        return len(self.words) + len(self.dirty) + len(self.members) + len(self.seen)

    def _note(self, fn: Function, summary: Summary) -> None:
        if fn.cls:
            self._taint_class(fn.cls)
            self.members.add(fn.name)
        elif fn.name[:1] != "<" and not fn.parent:
            self.words.add(fn.name)
        for key, held in summary.writes.items():
            root = key if isinstance(held, Val) else key[0]
            if root[0] == "g":
                self._note_global(root)
            if not isinstance(held, Val):
                self.members.update(place[1:] for place in held.fields if place[0] == ".")

    def _note_global(self, root: Any) -> None:
        self.words.add(root[2])
        if root[1] in REQUEST_STATE:
            self.members.add(root[2])  # it is only ever an attribute

    def _taint_class(self, cls: str) -> None:
        if cls in self.dirty:
            return
        classes = self.solver.classes
        for one in (cls, *classes.derived(cls)):
            self.dirty.add(one)
            self.words.add(one.rpartition(".")[2].partition("@")[0])

    def _hands_on(self, summary: Summary) -> bool:
        """Whether a source, or something by which one is had, leaves a function."""
        if summary.passes_on:
            return True
        vals = [summary.ret, summary.raises]
        objs: list[Obj] = list(summary.heap.values())
        for held in summary.writes.values():
            if isinstance(held, Val):
                vals.append(held)
            else:
                objs.append(held)
        for obj in objs:
            vals += obj.fields.values()
            vals += [v for v in (obj.rest, obj.keys) if v is not None]
        return any(self._bears(v) for v in vals)

    def _bears(self, v: Val) -> bool:
        for atom in v.atoms:
            if type(atom) is Source and atom.confidence != "low":
                return True
        return any(self._gives(t) for t in v.types) if v.types else False

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
        chosen = []
        words = self.words
        renamed = {alias for alias, _, symbol in module.aliases if symbol in words and alias != symbol}
        renamed |= self._bound(module)
        for qn, fn in module.functions.items():
            if qn in self.tried:
                continue
            mentions = not (words.isdisjoint(fn.names) and words.isdisjoint(fn.touched))
            family = fn.cls in self.dirty and not self.members.isdisjoint(fn.touched)
            if mentions or family or not renamed.isdisjoint(fn.names):
                chosen.append(qn)
        return chosen

    def _bound(self, module: Module) -> set[str]:
        """Module-level names bound to an expression that mentions something handed on, or a source."""
        whole = module.functions.get(f"{module.name}.<module>")
        if whole is None or (self.words.isdisjoint(whole.names) and not self.is_seed(module, whole)):
            return set()
        known = self.words | self.tokens.names | self._imported(module)
        found = {name for name, b in module.bindings.items() if b[0] == "v" and b[1] and known & _read(module, b[1])}
        self.words |= found
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
        elif len(one) > 2 and one[0] == ir.LAMBDA:
            found |= module.functions[one[2]].names
        else:
            stack += one
    return found
