"""Calls of functions, methods and classes of the module, inlined to a depth.

Invariant: a callee's precondition is an obligation at the call; its postcondition is never assumed.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_symbolic.engine.instances import CONTRACT_LIBRARIES, Instances
from maestro_symbolic.engine.values import (
    Bound,
    Builtin,
    CannotMergeError,
    ClassValue,
    Closure,
    CutError,
    DictCell,
    ExceptionValue,
    Frame,
    LengthCell,
    Manager,
    ObjectCell,
    RaisedError,
    Ref,
    Super,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maestro_symbolic.contracts.clauses import Contract
    from maestro_symbolic.engine.values import Value
    from maestro_symbolic.program import ClassInfo

TRANSPARENT = frozenset({"staticmethod", "classmethod", "property", "typing.override", "abc.abstractmethod"})
CACHES = frozenset({"functools.cache", "functools.lru_cache"})
TRANSPARENT |= {"functools.cache", "functools.lru_cache", "typing.final", "typing_extensions.override"}
EXHAUSTIVE = frozenset({"sum", "list", "tuple", "set", "frozenset", "sorted", "min", "max", "dict"})


class PreconditionError(BaseException):
    """A call inside the function breaks the callee's precondition; nothing in the program can catch it."""


class Calling(Instances):
    """Calls on one path."""

    contract_of: Callable[[ast.AST, ClassInfo | None], Contract | None] = staticmethod(lambda _node, _info: None)
    in_clause: int = 0

    def run_body(self, body: Sequence[ast.stmt]) -> Value:
        """Run a function's body and give what it returns; supplied by the statement layer."""
        raise NotImplementedError

    # -- calling ----------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Value:
        """A call expression: function first, then arguments from left to right."""
        folded = node.args[0] if len(node.args) == 1 and not node.keywords else None
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if isinstance(folded, ast.GeneratorExp) and name in ("all", "any") and not self.is_shadowed(name):
            return self.fold_truth(folded, is_and=name == "all")
        if isinstance(folded, ast.GeneratorExp) and name in EXHAUSTIVE and not self.is_shadowed(name):
            order = name not in ("set", "frozenset", "sorted")
            items = self._comprehended(folded.generators, lambda: self.evaluate(folded.elt), order=order)
            self.line = node.lineno
            return self.call_builtin(name, (tuple(items),), {})
        if name == "next" and node.args and isinstance(node.args[0], ast.GeneratorExp) and not self.is_shadowed(name):
            return self._first(node.args[0], node.args[1:])
        if name == "super" and not node.args:
            return self._super(node)
        function = self.resolve(self.evaluate(node.func))
        values = self._elements(node.args)
        named = self._keywords(node)
        self.line = node.lineno
        return self.invoke(function, values, named)

    def _keywords(self, node: ast.Call) -> dict[str, Value]:
        named: dict[str, Value] = {}
        for keyword in node.keywords:
            if keyword.arg is not None:
                named[keyword.arg] = self.evaluate(keyword.value)
                continue
            source = self.resolve(self.evaluate(keyword.value))
            cell = self.heap[source.id] if isinstance(source, Ref) else None
            if not isinstance(cell, DictCell) or not all(isinstance(key, str) for key, _ in cell.entries):
                raise self.unsupported("** of unknown names in a call", node)
            named |= dict(cell.entries)
        return named

    def _super(self, node: ast.Call) -> Value:
        frame: Frame | None = self.frame
        while frame is not None and frame.owner is None:
            frame = frame.outer
        if frame is None or frame.owner is None or not isinstance(frame.receiver, Ref):
            raise self.unsupported("super() here", node)
        return Super(frame.receiver, frame.owner)

    def _first(self, node: ast.GeneratorExp, default: Sequence[ast.expr]) -> Value:
        """``next(generator)``: items up to the first that passes its filters, and no further."""
        if len(node.generators) > 1:
            raise self.unsupported("next() of nested generators", node)
        otherwise = self._elements(default)
        generator, outer = node.generators[0], self.frame
        items = self.items_of(self.iterable(generator.iter))
        self.frame = Frame({}, outer=outer, function=outer.function)
        try:
            for item in items:
                self.step()
                self.assign(generator.target, item)
                if all(self.decide(self.truth(self.evaluate(test))) for test in generator.ifs):
                    return self.evaluate(node.elt)
        finally:
            self.frame = outer
        if otherwise:
            return otherwise[0]
        raise self.raised(StopIteration)

    def is_shadowed(self, name: str) -> bool:
        """Whether a builtin's name means something else here."""
        return name in self.frame.names or isinstance(self.global_name(name), Closure | ClassValue)

    def call_value(self, function: Value, values: tuple[Value, ...]) -> Value:
        """Call a function value with positional arguments."""
        return self.invoke(self.resolve(function), values, {})

    def invoke(self, function: Value, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Call anything callable."""
        if isinstance(function, Closure):
            return self.apply(function, values, named)
        if isinstance(function, Bound):
            return self._invoke_bound(function, values, named)
        if isinstance(function, ClassValue):
            return self.instantiate(function.info, values, named)
        if isinstance(function, type):
            return ExceptionValue(function, values)
        if isinstance(function, Builtin):
            return self.call_builtin(function.name, values, named)
        raise self.unsupported("a call of this value")

    def _invoke_bound(self, bound: Bound, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        if isinstance(bound.method, Closure):
            return self.apply(bound.method, (bound.target, *values), named)
        if isinstance(bound.target, Builtin):
            if bound.target.name == "logging.getLogger()":
                return None
            if (bound.target.name, bound.method) == ("object", "__setattr__") and len(values) == 3:
                self.set_field(values[0], self.resolve(values[1]), values[2])
                return None
            raise self.unsupported(f"a call of {bound.target.name}.{bound.method}")
        if isinstance(bound.target, Super):
            return self._beyond_bases(bound, values)
        if isinstance(bound.target, Manager) and bound.target.kind == "lock":
            if bound.method not in ("acquire", "release"):
                raise self.unsupported(f"{bound.method} of a lock")
            return True if bound.method == "acquire" else None
        if bound.method == "bit_length" and not values:
            return self.bit_length(bound.target)
        return self.call_modelled(bound.target, bound.method, values, named)

    def function_value(self, node: ast.FunctionDef | ast.Lambda, frame: Frame | None) -> Closure:
        """A function with its defaults; those of a module's function are evaluated where the module is."""
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        pairs = list(zip(reversed(positional), reversed(arguments.defaults), strict=False))
        pairs += [(a, d) for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None]
        outer = self.frame
        self.frame = frame or Frame({})
        try:
            defaults = {a.arg: self._default(a.arg, d, node) for a, d in pairs}
        finally:
            self.frame = outer
        return Closure(node, frame, defaults)

    def _default(self, name: str, default: ast.expr, node: ast.AST) -> Value:
        """A default is made once, so one that could be changed would carry state from call to call."""
        if isinstance(default, ast.List | ast.Dict | ast.ListComp | ast.DictComp):
            raise self.unsupported(f"mutable default of {name}", node)
        value = self.evaluate(default)
        if isinstance(value, Ref):
            cell = self.heap[value.id]
            if not (isinstance(cell, ObjectCell) and cell.info.frozen):
                raise self.unsupported(f"mutable default of {name}", node)
        return value

    def apply(self, closure: Closure, values: tuple[Value, ...], named: Mapping[str, Value]) -> Value:
        """Run a function of the module in a frame of its own."""
        if self._check_decorators(closure) & CACHES:
            for value in (*values, *named.values()):
                self.require_hashable(value)
        names = self.bind(closure, values, named)
        if self.depth >= self.limits.depth:
            raise CutError(f"calls {self.limits.depth} deep", self.line)
        outer, line = self.frame, self.line
        body = closure.node.body if isinstance(closure.node, ast.FunctionDef) else []
        name = getattr(closure.node, "name", "<lambda>")
        free = nonlocal_names(closure.node)
        parameters = [*closure.node.args.posonlyargs, *closure.node.args.args]
        first = names[parameters[0].arg] if parameters else None
        local = local_names(closure.node) - free
        self.frame = Frame(names, local, closure.frame, name, closure.owner, first, free)
        self.depth += 1
        try:
            if isinstance(closure.node, ast.Lambda):
                return self.evaluate(closure.node.body)
            self._require(closure)
            return self._generated(body) if yields(closure.node) else self.run_body(body)
        finally:
            self.frame, self.line = outer, line
            self.depth -= 1

    def _generated(self, body: Sequence[ast.stmt]) -> Value:
        """A generator run at once: what it yields, as long as running it early changes nothing anybody could see."""
        before, self.frame.yielded = dict(self.heap), []
        names = dict(self.frame.names)
        try:
            self.run_body(body)
        except RaisedError as error:
            raise self.unsupported("an error inside a generator") from error
        if any(self.heap.get(place) is not cell for place, cell in before.items()):
            raise self.unsupported("a generator that changes something")
        origins = [Ref(place) for place in before if place in self._reached(names)]
        return self.new_iterator(tuple(self.frame.yielded), *origins)

    def _reached(self, names: Mapping[str, Value]) -> set[int]:
        """The places on the heap that values lead to."""
        found: set[int] = set()
        pending = list(names.values())
        while pending:
            value = pending.pop()
            if isinstance(value, tuple):
                pending += value
            elif isinstance(value, Ref) and value.id not in found:
                found.add(value.id)
                cell = self.heap[value.id]
                if isinstance(cell, ObjectCell):
                    pending += cell.fields.values()
                elif isinstance(cell, DictCell):
                    pending += [one for pair in cell.entries for one in pair]
                elif not isinstance(cell, LengthCell):
                    pending += cell.items
        return found

    def _on_yield(self, node: ast.Yield) -> Value:
        if self.frame.yielded is None or self.speculating:
            raise CannotMergeError if self.speculating else self.unsupported("yield here", node)
        self.frame.yielded.append(None if node.value is None else self.evaluate(node.value))
        return None

    def _on_yieldfrom(self, node: ast.YieldFrom) -> Value:
        if self.frame.yielded is None or self.speculating:
            raise CannotMergeError if self.speculating else self.unsupported("yield from here", node)
        self.frame.yielded += self.items_of(self.evaluate(node.value))
        return None

    def _require(self, closure: Closure) -> None:
        contract = None if self.in_clause else self.contract_of(closure.node, closure.owner)
        if contract is None or self.depth <= 1:
            return
        for clause in contract.preconditions:
            if not self.decide(self.clause_truth(clause, dict(self.frame.names))):
                raise self.raised(PreconditionError, clause.text)

    def clause_truth(self, clause: object, names: Mapping[str, Value]) -> Value:
        """The truth of a contract's clause; supplied by the checking layer."""
        raise NotImplementedError

    def _check_decorators(self, closure: Closure) -> set[str]:
        """The names of a function's decorators, all of them understood."""
        names = set()
        for decorator in getattr(closure.node, "decorator_list", ()):
            name = self.program.dotted(decorator.func if isinstance(decorator, ast.Call) else decorator)
            setter = name == f"{getattr(closure.node, 'name', '')}.setter"
            if name not in TRANSPARENT and not setter and not name.startswith(CONTRACT_LIBRARIES):
                raise self.unsupported(f"decorator {name or 'expression'}", decorator)
            names.add(name)
        return names

    def bind(self, closure: Closure, values: tuple[Value, ...], named: Mapping[str, Value]) -> dict[str, Value]:
        """Parameters to arguments. Raises the program's ``TypeError`` where CPython does."""
        arguments = closure.node.args
        positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        names: dict[str, Value] = dict(zip(positional, values, strict=False))
        if arguments.kwarg is not None:
            raise self.unsupported("** parameters")
        if arguments.vararg is not None:
            names[arguments.vararg.arg] = tuple(values[len(positional) :])
        elif len(values) > len(positional):
            raise self.raised(TypeError, "too many positional arguments")
        known = {a.arg for a in (*arguments.args, *arguments.kwonlyargs)}
        for name, value in named.items():
            if name not in known or name in names:
                raise self.raised(TypeError, f"unexpected argument {name}")
            names[name] = value
        for name in (*positional, *(a.arg for a in arguments.kwonlyargs)):
            if name not in names:
                if name not in closure.defaults:
                    raise self.raised(TypeError, f"missing argument {name}")
                names[name] = closure.defaults[name]
        return names

    # -- instances --------------------------------------------------------------------------------------------


def yields(node: ast.FunctionDef | ast.Lambda) -> bool:
    """Whether a function is a generator."""
    pending: list[ast.AST] = list(node.body) if isinstance(node, ast.FunctionDef) else []
    while pending:
        one = pending.pop()
        if isinstance(one, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(one, ast.FunctionDef | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(one)
    return False


def nonlocal_names(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """Names a function declares ``nonlocal``."""
    body = node.body if isinstance(node, ast.FunctionDef) else []
    return frozenset(name for one in body if isinstance(one, ast.Nonlocal) for name in one.names)


def local_names(node: ast.FunctionDef | ast.Lambda) -> frozenset[str]:
    """Names a function binds, nested functions left out."""
    rest = [a for a in (node.args.vararg, node.args.kwarg) if a is not None]
    names = {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *rest)}
    pending: list[ast.AST] = list(node.body) if isinstance(node, ast.FunctionDef) else [node.body]
    while pending:
        one = pending.pop()
        if isinstance(one, ast.FunctionDef | ast.ClassDef):
            names.add(one.name)
            continue
        if isinstance(one, ast.Lambda | ast.ListComp | ast.GeneratorExp | ast.DictComp | ast.SetComp):
            continue
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store | ast.Del):
            names.add(one.id)
        if isinstance(one, ast.ExceptHandler) and one.name:
            names.add(one.name)
        if isinstance(one, ast.MatchAs | ast.MatchStar) and one.name:
            names.add(one.name)
        pending += ast.iter_child_nodes(one)
    return frozenset(names)
