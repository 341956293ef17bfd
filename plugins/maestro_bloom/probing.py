"""Put probes into a syntax tree: a store at the head of each function, a call in each lambda.

Invariant: probes take the place of a line that is there anyway and change no value, so line numbers, tracebacks and
line coverage stay as they are. Numbers follow the order of the source's model, so they are a function of the source.
"""

from __future__ import annotations

import ast
from typing import TypeAlias, TypeVar

from maestro_bloom import source_parts as writers
from maestro_bloom.source_model import first_line, model_of, split_docstring

N = TypeVar("N", ast.stmt, ast.expr)
Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

# Stand-ins in cached bytecode: replaced by the live array and by numbers of this process when code is loaded.
ARRAY = b"\x00maestro-bloom-probe\x00"
AGAIN = b"\x00maestro-bloom-again\x00"
BASE = 0x4D41_4553_0000_0000
_SUSPENDS = (ast.Yield, ast.YieldFrom, ast.Await)
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)


def insert(tree: ast.Module, source: bytes) -> None:
    """Put a probe into every function and lambda of ``tree``, which is ``source`` parsed, perhaps rewritten since."""
    model = model_of(source)
    known = {(b.qualname, b.line): (i, b.writer) for i, b in enumerate(model.blocks)}
    _Inserter(known, model.memo_lambdas).walk(tree, len(model.blocks))


class _Inserter:
    def __init__(self, known: dict[tuple[str, int], tuple[int, int]], memo_lambdas: tuple[int, ...]) -> None:
        self._known = known
        self._memo_lambdas = memo_lambdas
        self._scope: list[str] = []

    def walk(self, node: ast.AST, unit: int) -> None:
        """Probe everything below ``node``; ``unit`` is what lambdas here count as."""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                self._function(child, unit)
            elif isinstance(child, ast.ClassDef):
                self._scope.append(child.name)
                self.walk(child, unit)
                self._scope.pop()
            else:
                self.walk(child, unit)
                if isinstance(child, ast.Lambda):
                    child.body = self._lambda(child, unit)

    def _lambda(self, node: ast.Lambda, unit: int) -> ast.expr:
        if node.lineno in self._memo_lambdas:
            made = _call("around", unit)
            made.args += [_call("enter", unit), node.body]
            return _at(made, node.body)
        return _at(ast.BoolOp(ast.Or(), [_call("hit", unit), node.body]), node.body)

    def _function(self, node: Function, around: int) -> None:
        unit, kind = self._known.get((".".join([*self._scope, node.name]), first_line(node)), (around, writers.PLAIN))
        for part in (node.args, *node.decorator_list):
            self.walk(part, around)
        self._scope += [node.name, "<locals>"]
        body = ast.Module(node.body, [])
        self.walk(body, unit)
        del self._scope[-2:]
        _probe(node, unit, kind)


def _probe(node: Function, unit: int, kind: int) -> None:
    _, rest = split_docstring(node)
    docstring = node.body[: len(node.body) - len(rest)]
    place = (rest or docstring)[0]
    if kind in (writers.SEGMENT, writers.OWN) and rest:
        guarded = ast.Try(body=rest, handlers=[], orelse=[], finalbody=[_at(ast.Expr(_call("leave", unit)), place)])
        enter = _call("enter", unit)
        if kind == writers.OWN:
            enter = _call("own", unit)
            enter.args.append(ast.Name([*node.args.posonlyargs, *node.args.args][0].arg, ast.Load()))
        body: list[ast.stmt] = [_at(ast.Expr(enter), place), _at(guarded, place)]
    else:
        first = ast.Expr(_call("whole", unit)) if kind == writers.WHOLE_TEST else _store(unit)
        _resumptions(rest, unit)
        body = [_at(first, place), *rest]
    node.body = [*docstring, *body]


def _resumptions(body: list[ast.stmt], unit: int) -> None:
    """A probe behind every simple statement that suspends: it may be resumed in another test."""
    for at in range(len(body) - 1, -1, -1):
        statement = body[at]
        if isinstance(statement, _SCOPES):
            continue
        inner = [v for _, v in ast.iter_fields(statement) if isinstance(v, list) and v and isinstance(v[0], ast.stmt)]
        inner += [h.body for h in getattr(statement, "handlers", []) or getattr(statement, "cases", [])]
        if inner:
            for block in inner:
                _resumptions(block, unit)
        elif not isinstance(statement, ast.Return) and any(isinstance(n, _SUSPENDS) for n in ast.walk(statement)):
            body.insert(at + 1, _at(_store(unit, AGAIN), statement))


def _at(made: N, place: ast.stmt | ast.expr) -> N:
    """Give every new node the place of an old one; ``ast.fix_missing_locations`` would spoil rewritten asserts."""
    for node in ast.walk(made):
        if isinstance(node, ast.expr | ast.stmt) and not hasattr(node, "lineno"):
            node.lineno = node.end_lineno = place.lineno
            node.col_offset = node.end_col_offset = place.col_offset
    return made


def _store(unit: int, array: bytes = ARRAY) -> ast.stmt:
    target = ast.Subscript(ast.Constant(array), ast.Constant(BASE + unit), ast.Store())
    return ast.Assign([target], ast.Constant(1))


def _call(method: str, unit: int) -> ast.Call:
    return ast.Call(ast.Attribute(ast.Constant(ARRAY), method, ast.Load()), [ast.Constant(BASE + unit)], [])
