"""One path of one function: unknown arguments, preconditions, the body, and what must hold at its end.

Invariant: arguments named in a postcondition are the ones passed, their objects as they are at the end; ``__old__``
is a deep copy made on entry.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_symbolic.contracts.clauses import conjuncts
from maestro_symbolic.engine.calling import PreconditionError, yields
from maestro_symbolic.engine.inputs import Inputs
from maestro_symbolic.engine.values import (
    CannotMergeError,
    Choice,
    ClassValue,
    Closure,
    CutError,
    DictCell,
    Frame,
    InfeasibleError,
    ListCell,
    NeedTextError,
    ObjectCell,
    RaisedError,
    Record,
    Ref,
    UnsupportedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from maestro_symbolic.contracts.clauses import Clause, Contract
    from maestro_symbolic.engine.values import Cell, ExceptionValue, Term, Value
    from maestro_symbolic.program import ClassInfo
    from maestro_symbolic.targets import Target


@dataclass(slots=True, eq=False)
class Goal:
    """Something that must hold at the end of the path."""

    kind: str
    text: str
    line: int
    truth: Term


@dataclass(slots=True, eq=False)
class End:
    """Where a path ended: with a result or an exception, and the goals there."""

    arguments: dict[str, Value]
    heap: dict[int, Cell]
    result: Value = None
    raised: ExceptionValue | None = None
    line: int = 0
    goals: list[Goal] = field(default_factory=list)


def spread(node: ast.FunctionDef, arguments: Mapping[str, Value]) -> tuple[tuple[Value, ...], dict[str, Value]]:
    """Arguments by name as positional and named ones; those of a ``*`` parameter come after all the others."""
    rest = node.args.vararg
    if rest is None:
        return (), dict(arguments)
    positional = [a.arg for a in (*node.args.posonlyargs, *node.args.args)]
    values = tuple(arguments[name] for name in positional)
    return (*values, *arguments[rest.arg]), {a.arg: arguments[a.arg] for a in node.args.kwonlyargs}


class Path(Inputs):
    """Follows one path to its end."""

    target: Target

    def aim(self, target: Target, *, caps: Mapping[str, int], probing: bool) -> None:
        """Say which function, with which length caps."""
        self.target = target
        self.caps = caps
        self.probing = probing
        self.sized = {}
        self.contract_of = target.contract_of

    def class_contract(self, info: ClassInfo) -> Contract:
        """The invariants of a class."""
        contract = self.target.invariants_of(info)
        if contract.unreadable:
            line, text = contract.unreadable[0]
            raise UnsupportedError(f"contract {text}", line)
        return contract

    # -- clauses ----------------------------------------------------------------------------------------------

    def clause_truth(self, clause: Clause, names: Mapping[str, Value]) -> Value:  # type: ignore[override]
        """The truth of a clause, its names bound by the roles they play."""
        value = self.clause_value(clause, names)
        if clause.words_fail and isinstance(value, str):
            return False
        return self.truth(value)

    def clause_value(self, clause: Clause, names: Mapping[str, Value]) -> Value:
        """The value of a clause's expression."""
        bound = {}
        for name, role in clause.roles.items():
            key = role.removeprefix("arg:") if role.startswith("arg:") else f"*{role}"
            if key not in names:
                raise UnsupportedError(f"contract names {name}", clause.line)
            bound[name] = names[key]
        outer, line = self.frame, self.line
        self.frame = Frame(bound, frozenset(bound), None, "<contract>")
        self.in_clause += 1
        try:
            return self.evaluate(clause.expression)
        except UnsupportedError as error:
            raise UnsupportedError(f"contract {clause.text}: {error.construct}", clause.line) from error
        finally:
            self.frame, self.line = outer, line
            self.in_clause -= 1

    # -- the path ---------------------------------------------------------------------------------------------

    def make_arguments(self) -> dict[str, Value]:
        """Unknown arguments that satisfy the invariants of their classes."""
        node, info = self.target.node, self.target.info
        kinds = {self.program.dotted(d) for d in node.decorator_list}
        parameters = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if node.args.kwarg:
            raise self.unsupported("** parameters", node)
        arguments: dict[str, Value] = {}
        for index, parameter in enumerate(parameters):
            if index == 0 and info is not None and "staticmethod" not in kinds:
                arguments[parameter.arg] = self._receiver(info, is_class="classmethod" in kinds)
            else:
                arguments[parameter.arg] = self.unknown(parameter.annotation, parameter.arg)
        rest = node.args.vararg
        if rest is not None and rest.annotation is not None:
            several = ast.Subscript(ast.Name("tuple"), ast.Tuple([rest.annotation, ast.Constant(...)]))
            arguments[rest.arg] = self.unknown(ast.copy_location(several, rest), rest.arg)
        elif rest is not None:
            raise self.unsupported(f"parameter {rest.arg} without a type", rest)
        return arguments

    def _receiver(self, info: ClassInfo, *, is_class: bool) -> Value:
        if is_class:
            return ClassValue(info)
        if self.target.node.name == "__init__":
            return self.new(ObjectCell(info, {}))
        return self._instance(info, "self")

    def assume_preconditions(self, names: Mapping[str, Value]) -> None:
        """Keep to inputs that callers may pass; an input on which a precondition raises is none."""
        for clause in self.target.contract.preconditions:
            try:
                self.assume_true(self.clause_truth(clause, names))
            except RaisedError as error:
                raise InfeasibleError from error

    def _ask_beyond(self, names: Mapping[str, Value]) -> None:
        """End the path: cut if the preconditions that can be asked admit such a length, else impossible."""
        self.speculating += 1
        for clause in (one for whole in self.target.contract.preconditions for one in conjuncts(whole)):
            try:
                self.assume_true(self.clause_truth(clause, names))
            except (UnsupportedError, CannotMergeError, NeedTextError, CutError):
                continue  # fewer conditions: the length looks freer than it is, never more bounded
            except RaisedError as error:
                raise InfeasibleError from error
        self.speculating -= 1
        raise CutError(self.beyond, self.target.node.lineno)

    def follow(self) -> End:
        """Run the function on unknown arguments to the end of one path."""
        if yields(self.target.node):
            raise self.unsupported("Yield: the contract of a generator", self.target.node)
        arguments = self.make_arguments()
        names = {**arguments, "*args": Record(dict(arguments))}
        if self.beyond:
            self._ask_beyond(names)
        self.assume_preconditions(names)
        memo: dict[int, Ref] = {}
        old = {name: self.copied(value, memo) for name, value in arguments.items()}
        names["*old"] = Record(old)
        captured = {c.name: self.clause_value(c, names) for c in self.target.contract.of("snapshot")}
        names["*captured"] = Record(captured)
        end = End(arguments, dict(self.heap))
        closure = Closure(self.target.node, None, {}, self.target.info)
        try:
            end.result = self.apply(closure, *spread(self.target.node, arguments))
        except RaisedError as error:
            end.raised, end.line = error.value, error.line
            self.check_shared()
            self._judge_exception(end)
            return end
        self.check_shared()
        names["*result"] = end.result
        names["*args"] = Record({**arguments, "result": end.result})
        self._judge_result(end, names)
        return end

    def check_shared(self) -> None:
        """A constant of the module that the function changes carries state from call to call."""
        for place, cell in self.shared.items():
            if self.heap.get(place, cell) is not cell:
                raise self.unsupported("the function changes a module constant", self.target.node)

    def _judge_exception(self, end: End) -> None:
        assert end.raised is not None  # noqa: S101 - called where something was raised
        kind = end.raised.kind
        if kind is PreconditionError:
            words = str(end.raised.arguments[0]) if end.raised.arguments else ""
            end.goals.append(Goal("callee", f"precondition of a call: {words}", end.line, truth=False))
            return
        for name in sorted(self.target.contract.raises):
            allowed = self.exception_class(name)
            if allowed is not None and self.is_subclass(kind, allowed):
                return
        label = kind.__name__ if isinstance(kind, type) else kind.name
        if kind is AssertionError:
            end.goals.append(Goal("assert", "assert", end.line, truth=False))
        else:
            end.goals.append(Goal("raise", f"raises {label}", end.line, truth=False))

    def _judge_result(self, end: End, names: Mapping[str, Value]) -> None:
        for clause in self.target.contract.postconditions:
            end.goals.append(Goal("post", clause.text, clause.line, self._judged(clause, names)))
        seen: set[int] = set()
        values = [end.result, *end.arguments.values()]
        for place in self._instances(values, seen):
            cell = self.heap[place]
            assert isinstance(cell, ObjectCell)  # noqa: S101 - the walk yields objects only
            for clause in self.class_contract(cell.info).of("inv"):
                truth = self._judged(clause, {"*self": Ref(place)})
                end.goals.append(Goal("inv", f"{cell.info.name}: {clause.text}", clause.line, truth))

    def _judged(self, clause: Clause, names: Mapping[str, Value]) -> Term:
        """A clause that raises does not hold."""
        try:
            return self.clause_truth(clause, names)
        except RaisedError:
            return False

    def _instances(self, values: list[Value], seen: set[int]) -> Iterator[int]:
        """The objects of the module's classes that values lead to, each once."""
        for value in values:
            if isinstance(value, tuple):
                yield from self._instances(list(value), seen)
            elif isinstance(value, Choice):
                if any(isinstance(v, Ref | tuple) for _, v in value.options):
                    yield from self._instances([self.resolve(value)], seen)
            elif isinstance(value, Ref) and value.id not in seen:
                seen.add(value.id)
                cell = self.heap[value.id]
                if isinstance(cell, ObjectCell):
                    yield value.id
                    yield from self._instances(list(cell.fields.values()), seen)
                elif isinstance(cell, ListCell):
                    yield from self._instances(list(cell.items), seen)
                elif isinstance(cell, DictCell):
                    yield from self._instances([v for entry in cell.entries for v in entry], seen)

    def copied(self, value: Value, memo: dict[int, Ref]) -> Value:
        """A deep copy; two names of one object lead to one copy."""
        if isinstance(value, tuple):
            return tuple(self.copied(v, memo) for v in value)
        if isinstance(value, Choice):
            return Choice(tuple((guard, self.copied(v, memo)) for guard, v in value.options))
        if not isinstance(value, Ref):
            return value
        if value.id not in memo:
            memo[value.id] = self.new(ListCell(()))
            cell = self.heap[value.id]
            if isinstance(cell, ListCell):
                new: Cell = ListCell(tuple(self.copied(v, memo) for v in cell.items))
            elif isinstance(cell, DictCell):
                new = DictCell(tuple((self.copied(k, memo), self.copied(v, memo)) for k, v in cell.entries))
            elif isinstance(cell, ObjectCell):
                fields = {n: self.copied(v, memo) for n, v in cell.fields.items()}
                new = ObjectCell(cell.info, fields, joined=cell.joined)
            else:
                new = cell
            self.heap[memo[value.id].id] = new
        return memo[value.id]
