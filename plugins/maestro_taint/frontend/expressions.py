# ruff: noqa: SLF001 - the table at the end names the class's own methods
"""Expressions to intermediate form.

Invariant: every expression node of the grammar has an entry, or becomes ``UNKNOWN`` with its operands kept.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.frontend.ir import Function, Module, Node
    from maestro_taint.frontend.lower import Scope

_BIN = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitOr: "|", ast.BitAnd: "&", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@",
}  # fmt: skip
_CMP = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


LONGEST_WORD = 40  # texts up to this length may be a key or an attribute's name


class Expressions:
    """The expression half of the lowering."""

    module: Module
    scope: Scope
    serial: int
    names: set[str]
    touched: set[str]
    lookup: Callable[[str, int], Node]
    signature: Callable[[Function, ast.arguments], None]
    within: Callable[[Function, ast.arguments, list[ast.stmt]], None]
    unique: Callable[[str], str]

    def expr(self, node: ast.expr) -> Node:
        """Lower one expression."""
        made: Node = _EXPRESSIONS[type(node)](self, node, node.lineno << 12 | min(node.col_offset, 4095))
        return made

    def _constant(self, node: ast.Constant, at: int) -> Node:
        if type(node.value) is str and len(node.value) < LONGEST_WORD and node.value.isidentifier():
            self.touched.add(node.value)
        return (ir.CONST, at, node.value)

    def _name(self, node: ast.Name, at: int) -> Node:
        return self.lookup(node.id, at)

    def _attribute(self, node: ast.Attribute, at: int) -> Node:
        self.touched.add(node.attr)
        inner = self.expr(node.value)
        return (ir.ATTR, ir.around(inner, at), inner, node.attr)

    def _subscript(self, node: ast.Subscript, at: int) -> Node:
        if isinstance(node.slice, ast.Slice):
            parts = tuple(self.expr(p) if p else None for p in (node.slice.lower, node.slice.upper, node.slice.step))
            inner = self.expr(node.value)
            return (ir.SLICE, ir.around(inner, at), inner, parts)
        inner = self.expr(node.value)
        return (ir.INDEX, ir.around(inner, at), inner, self.expr(node.slice))

    def _call(self, node: ast.Call, at: int) -> Node:
        args = tuple(self.expr(a) for a in node.args)
        kwargs = tuple((k.arg, self.expr(k.value)) for k in node.keywords)
        callee = self.expr(node.func)
        return (ir.CALL, ir.around(callee, at), callee, args, kwargs)

    def _starred(self, node: ast.Starred, at: int) -> Node:
        return (ir.STAR, at, self.expr(node.value))

    def _joined(self, node: ast.JoinedStr, at: int) -> Node:
        return (ir.FMT, at, tuple(self._part(v) for v in node.values))

    def _part(self, value: ast.expr) -> Node:
        if not isinstance(value, ast.FormattedValue):
            return self.expr(value)
        return (ir.FMT, ir.pack(value.lineno, value.col_offset), (self.expr(value.value),), value.conversion)

    def _formatted(self, node: ast.FormattedValue, at: int) -> Node:
        return (ir.FMT, at, (self.expr(node.value),))

    def _binary(self, node: ast.BinOp, at: int) -> Node:
        # Long chains of one operator lean left and are as deep as they are long: walk them down.
        chain: list[ast.BinOp] = []
        left: ast.expr = node
        while isinstance(left, ast.BinOp):
            chain.append(left)
            left = left.left
        made = self.expr(left)
        for one in reversed(chain):
            at = ir.around(made, ir.pack(one.lineno, one.col_offset))
            made = (ir.BIN, at, _BIN[type(one.op)], made, self.expr(one.right))
        return made

    def _compare(self, node: ast.Compare, at: int) -> Node:
        operands = (self.expr(node.left), *(self.expr(c) for c in node.comparators))
        return (ir.CMP, at, tuple(_CMP[type(o)] for o in node.ops), operands)

    def _boolean(self, node: ast.BoolOp, at: int) -> Node:
        return (ir.BOOL, at, isinstance(node.op, ast.And), tuple(self.expr(v) for v in node.values))

    def _unary(self, node: ast.UnaryOp, at: int) -> Node:
        if isinstance(node.op, ast.Not):
            return (ir.NOT, at, self.expr(node.operand))
        operand = self.expr(node.operand)
        if isinstance(node.op, ast.USub) and operand[0] == ir.CONST and isinstance(operand[2], int | float):
            return (ir.CONST, at, -operand[2])
        return (ir.UNARY, at, operand)

    def _ifexp(self, node: ast.IfExp, at: int) -> Node:
        return (ir.IFEXP, at, self.expr(node.test), self.expr(node.body), self.expr(node.orelse))

    def _sequence(self, node: ast.List | ast.Tuple | ast.Set, at: int) -> Node:
        elements = tuple(self.expr(e) for e in node.elts)
        # A tuple without parentheses begins where its first element does.
        at = ir.around(elements[0], at) if elements else at
        return (ir.SEQ, at, type(node).__name__.lower(), elements)

    def _dict(self, node: ast.Dict, at: int) -> Node:
        pairs = zip(node.keys, node.values, strict=True)
        return (ir.DICT, at, tuple((self.expr(k) if k is not None else None, self.expr(v)) for k, v in pairs))

    def _comprehension(self, node: Any, at: int) -> Node:
        kind = {ast.ListComp: "list", ast.SetComp: "set", ast.DictComp: "dict"}.get(type(node), "gen")
        from maestro_taint.frontend.lower import Scope as Made  # noqa: PLC0415 - the class that mixes this one in

        # The first iterable is evaluated outside; targets get names no other scope uses.
        first = self.expr(node.generators[0].iter)
        outer = self.scope
        self.scope = Made(outer.qn, "comp", outer.bound if outer.kind != "class" else None, outer, outer.cls)
        self.scope.rename = dict(outer.rename) if outer.kind == "comp" else {}
        loops = []
        for i, g in enumerate(node.generators):
            source = first if i == 0 else self.expr(g.iter)
            self._rename(g.target)
            loops.append((self.target(g.target), source, tuple(self.expr(c) for c in g.ifs)))
        if kind == "dict":
            made: Node = (ir.COMP, at, kind, tuple(loops), self.expr(node.key), self.expr(node.value))
        else:
            made = (ir.COMP, at, kind, tuple(loops), self.expr(node.elt), None)
        self.scope = outer
        return made

    def _rename(self, target: ast.expr) -> None:
        for n in ast.walk(target):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                self.serial += 1
                self.scope.rename[n.id] = f"{n.id}%{self.serial}"

    def _lambda(self, node: ast.Lambda, at: int) -> Node:
        outer = self.scope
        head = f"{self.module.name}." if outer.kind == "module" else f"{outer.qn}."
        made = ir.Function(self.unique(f"{head}<lambda>"), self.module.name, "<lambda>", at)
        names, touched = self.names, self.touched
        self.names, self.touched = set(), set()
        self.signature(made, node.args)
        body = ast.Return(value=node.body)
        ast.copy_location(body, node)
        self.within(made, node.args, [body])
        made.last = node.end_lineno or 0
        made.names, made.touched = frozenset(self.names), frozenset(self.touched)
        names |= self.names
        touched |= self.touched
        self.names, self.touched = names, touched
        return (ir.LAMBDA, at, made.qn)

    def _await(self, node: ast.Await, at: int) -> Node:  # noqa: ARG002 - one signature for all table entries
        return self.expr(node.value)

    def _yield(self, node: ast.Yield, at: int) -> Node:
        return (ir.YIELD, at, self.expr(node.value) if node.value else (ir.CONST, at, None))

    def _yield_from(self, node: ast.YieldFrom, at: int) -> Node:
        return (ir.YIELDFROM, at, self.expr(node.value))

    def _walrus(self, node: ast.NamedExpr, at: int) -> Node:
        return (ir.WALRUS, at, self.target(node.target), self.expr(node.value))

    def _slice(self, node: ast.Slice, at: int) -> Node:
        parts = [self.expr(p) for p in (node.lower, node.upper, node.step) if p]
        return (ir.SEQ, at, "tuple", tuple(parts))

    def target(self, node: ast.expr) -> Node:
        """A place that is assigned to."""
        at = ir.pack(node.lineno, node.col_offset)
        if isinstance(node, ast.Name):
            return self._target_name(node, at)
        if isinstance(node, ast.Attribute):
            self.touched.add(node.attr)
            return (ir.ATTR, at, self.expr(node.value), node.attr)
        if isinstance(node, ast.Subscript):
            self._changed(node.value)
            return self._subscript(node, at)
        if isinstance(node, ast.Starred):
            return (ir.STAR, at, self.target(node.value))
        if isinstance(node, ast.Tuple | ast.List):
            return (ir.SEQ, at, "tuple", tuple(self.target(e) for e in node.elts))
        return (ir.UNKNOWN, at)

    def _target_name(self, node: ast.Name, at: int) -> Node:
        scope: Any = self.scope
        if node.id in scope.rename:
            return (ir.LOCAL, at, scope.rename[node.id])
        while scope.kind == "comp":
            scope = scope.outer
        bound = scope.bound
        if node.id in bound.globals:
            self.module.changed.add(node.id)
            return (ir.GLOBAL, at, node.id)
        if node.id in bound.nonlocals:
            found = self.lookup(node.id, at)
            return found if found[0] == ir.FREE else (ir.LOCAL, at, node.id)
        return (ir.LOCAL, at, node.id)

    def _changed(self, node: ast.expr) -> None:
        """Remember that a container behind a global name is written to."""
        if isinstance(node, ast.Name):
            self.module.changed.add(node.id)


_EXPRESSIONS: dict[type, Any] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Subscript: Expressions._subscript,
    ast.Call: Expressions._call,
    ast.Starred: Expressions._starred,
    ast.JoinedStr: Expressions._joined,
    ast.FormattedValue: Expressions._formatted,
    ast.BinOp: Expressions._binary,
    ast.Compare: Expressions._compare,
    ast.BoolOp: Expressions._boolean,
    ast.UnaryOp: Expressions._unary,
    ast.IfExp: Expressions._ifexp,
    ast.List: Expressions._sequence,
    ast.Tuple: Expressions._sequence,
    ast.Set: Expressions._sequence,
    ast.Dict: Expressions._dict,
    ast.ListComp: Expressions._comprehension,
    ast.SetComp: Expressions._comprehension,
    ast.GeneratorExp: Expressions._comprehension,
    ast.DictComp: Expressions._comprehension,
    ast.Lambda: Expressions._lambda,
    ast.Await: Expressions._await,
    ast.Yield: Expressions._yield,
    ast.YieldFrom: Expressions._yield_from,
    ast.NamedExpr: Expressions._walrus,
    ast.Slice: Expressions._slice,
}
