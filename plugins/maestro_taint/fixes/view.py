"""One file opened for a repair: its nodes by place, what stands around them, and what its names mean.

Invariant: bytes in, bytes out; encoding, line ends, comments and everything not edited are kept by libcst.
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from maestro_taint.fixes.outline import Outline
from maestro_taint.frontend.parse import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

N = TypeVar("N", bound=cst.CSTNode)
Scope = cst.FunctionDef | cst.Lambda | cst.ClassDef | cst.Module


_NAMED = cst.FunctionDef | cst.ClassDef | cst.MatchAs | cst.MatchStar
# What stands in these is evaluated later, more than once, or not always.
_LATER = (
    cst.BooleanOperation, cst.IfExp, cst.Lambda, cst.While, cst.Decorator, cst.BaseComp, cst.CompFor, cst.CompIf,
    cst.Param, cst.ClassDef, cst.Assert, cst.SimpleStatementSuite,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no safe edit is known."""

    reason: str


@dataclass(slots=True)
class Edit:
    """Nodes to swap, statements to put before and after others, imports to add, names that may go; edits of others."""

    swaps: list[tuple[cst.CSTNode, cst.CSTNode]] = field(default_factory=list)
    before: list[tuple[cst.CSTNode, tuple[str, ...]]] = field(default_factory=list)
    imports: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    note: str = ""
    after: list[tuple[cst.CSTNode, tuple[str, ...]]] = field(default_factory=list)
    elsewhere: list[tuple[str, Edit]] = field(default_factory=list)


class View:
    """A parsed file with positions and parents."""

    def __init__(self, data: bytes) -> None:
        wrapper = MetadataWrapper(cst.parse_module(data), unsafe_skip_copy=True)
        self.data = data
        self.module = wrapper.module
        self.positions: Any = wrapper.resolve(PositionProvider)
        self.outline = Outline(self.module)
        self.parents = self.outline.parents
        self.lines = decode(data).split("\n")

    def code(self, node: cst.CSTNode) -> str:
        """The source text of a node."""
        return self.module.code_for_node(node)

    def nodes(self, kind: type[N], within: cst.CSTNode | None = None) -> Iterator[N]:
        """All nodes of a kind in source order, nested functions included."""
        start = within or self.module
        if start in self.outline.place:
            yield from self.outline.nodes(kind, start)
            return
        stack: list[cst.CSTNode] = [start]  # an expression made up, or written anew
        while stack:
            node = stack.pop()
            if isinstance(node, kind):
                yield node
            stack.extend(reversed(node.children))

    def at(self, line: int, column: int, kind: type[N]) -> list[N]:
        """Nodes of a kind that begin at a line and a 1-based UTF-8 column; innermost last."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        points = len(text.encode()[: column - 1].decode("utf-8", "ignore"))
        found = [(self.positions[n], n) for n in self.nodes(kind)]
        here = [(p, n) for p, n in found if (p.start.line, p.start.column) == (line, points)]
        here.sort(key=lambda pair: (-pair[0].end.line, -pair[0].end.column))
        return [n for _, n in here]

    def up(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        """The node's ancestors, nearest first."""
        while node in self.parents:
            node = self.parents[node]
            yield node

    def scope(self, node: cst.CSTNode) -> Scope:
        """The function, class or module whose names an expression sees first."""
        return next((n for n in self.up(node) if isinstance(n, cst.FunctionDef | cst.Lambda | cst.Module)), self.module)

    def statement(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """The statement of a block that evaluates an expression once and unconditionally; ``None`` if there is none."""
        inner = node
        first: cst.CSTNode | None = None  # a comprehension whose first iterable holds the node
        for n in self.up(node):
            if isinstance(n, cst.CompFor) and n.iter is inner:
                first = self.parents.get(n)
            elif n is not first and isinstance(n, _LATER):
                return None
            if isinstance(n, cst.With) and n.items[0] is not inner and not isinstance(inner, cst.BaseSuite):
                return None
            if isinstance(n, cst.SimpleStatementLine | cst.BaseCompoundStatement):
                block = self.parents.get(n)
                single = not isinstance(n, cst.SimpleStatementLine) or len(n.body) == 1
                return n if single and isinstance(block, cst.IndentedBlock | cst.Module) else None
            inner = n
        return None

    def stores(self, scope: Scope, name: str) -> list[cst.CSTNode]:
        """Every node of a scope that binds a name: assignments, loops, parameters, imports; nested scopes left out."""
        found: list[cst.CSTNode] = []
        shared: list[cst.CSTNode] = []
        if isinstance(scope, cst.FunctionDef | cst.Lambda):
            found += [p for p in self.nodes(cst.Param, scope.params) if p.name.value == name]
        body = scope if isinstance(scope, cst.Module) else scope.body
        for node in self.outline.named.get(name, ()):
            owner = self.parents.get(node)
            if isinstance(owner, cst.NameItem):
                shared.append(owner)  # a name that other scopes may set has stores that are not seen here
            defines = isinstance(owner, _NAMED) and owner.name is not None and self._inner_name(owner) is node
            one = owner if defines and owner is not None else node
            if not self.outline.holds(body, one) or not self._owns(scope, one):
                continue
            if defines:
                found.append(one)
            elif self._binds(node):
                found.append(self._binder(node))
        return [*found, *shared]

    def _inner_name(self, owner: cst.CSTNode) -> cst.CSTNode | None:
        name = getattr(owner, "name", None)
        return getattr(name, "name", name)

    def _owns(self, scope: Scope, node: cst.CSTNode) -> bool:
        """Whether no other scope stands between a node and a scope."""
        for n in self.up(node):
            if n is scope:
                return True
            if isinstance(n, cst.FunctionDef | cst.Lambda | cst.ClassDef):
                return False
        return True

    def _binds(self, node: cst.Name) -> bool:
        inner: cst.CSTNode = node
        for n in self.up(node):
            if isinstance(n, cst.AssignTarget | cst.CompFor | cst.For | cst.AsName):
                return getattr(n, "target", getattr(n, "name", inner)) is inner
            if isinstance(n, cst.AnnAssign | cst.AugAssign | cst.NamedExpr):
                return n.target is inner
            if isinstance(n, cst.ImportAlias):
                return n.asname is None
            if not isinstance(n, cst.Tuple | cst.List | cst.Element | cst.StarredElement):
                return False
            inner = n
        return False

    def _binder(self, node: cst.Name) -> cst.CSTNode:
        kinds = cst.Assign | cst.AnnAssign | cst.AugAssign | cst.For | cst.NamedExpr | cst.With | cst.Import
        return next((n for n in self.up(node) if isinstance(n, kinds | cst.ImportFrom | cst.BaseComp)), node)

    def loads(self, scope: Scope, name: str) -> list[cst.Name]:
        """Where a scope, nested ones included, reads a name."""
        return [
            n for n in self.outline.named.get(name, ())
            if self.outline.holds(scope, n) and not self._binds(n) and not self._is_label(n)
        ]  # fmt: skip

    def _is_label(self, node: cst.Name) -> bool:
        parent = self.parents.get(node)
        return (isinstance(parent, cst.Attribute) and parent.attr is node) or (
            isinstance(parent, cst.Arg) and parent.keyword is node
        )

    def assigned(self, node: cst.Name) -> cst.Assign | cst.AnnAssign | None:
        """The one assignment that gives a name its value, if there is just one and it stands in the same scope."""
        scope = self.scope(node)
        found = self.stores(scope, node.value)
        if not found and not isinstance(scope, cst.Module):
            return None
        one = found[0] if len(found) == 1 else None
        if isinstance(one, cst.Assign) and len(one.targets) == 1 and isinstance(one.targets[0].target, cst.Name):
            return one
        return one if isinstance(one, cst.AnnAssign) and one.value is not None else None

    def elements(self, name: cst.Name) -> list[tuple[cst.BaseExpression, cst.CSTNode]]:
        """The expressions a list variable is filled with, each with its statement.

        The first is the list's own display. Empty where the list is made or used in any other way.
        """
        scope = self.scope(name)
        stores = self.stores(scope, name.value)
        first = stores[0] if stores else None
        if not isinstance(first, cst.Assign | cst.AnnAssign) or not isinstance(first.value, cst.List):
            return []
        if any(not isinstance(e, cst.Element) for e in first.value.elements):
            return []
        found = [(e.value, self.parents[first]) for e in first.value.elements]
        for load in self.loads(scope, name.value):
            added = self._appended(load)
            if added is None and not self.only_asked(load):
                return []
            found += added or []
        if len(stores) > 1 or any(self.scope(e) is not scope for e, *_ in found):
            return []
        return [(first.value, self.parents[first]), *found]

    def _appended(self, load: cst.Name) -> list[tuple[cst.BaseExpression, cst.CSTNode]] | None:
        method = self.parents.get(load)
        call = self.parents.get(method) if isinstance(method, cst.Attribute) and method.value is load else None
        if not isinstance(call, cst.Call) or not isinstance(method, cst.Attribute) or len(call.args) != 1:
            return None
        line = self.parents.get(self.parents[call]) if isinstance(self.parents.get(call), cst.Expr) else None
        if line is None or not isinstance(self.parents.get(line), cst.IndentedBlock | cst.Module):
            return None
        given = call.args[0].value
        if method.attr.value == "append":
            return [(given, line)]
        if method.attr.value != "extend" or not isinstance(given, cst.List | cst.Tuple):
            return None
        return [(e.value, line) for e in given.elements] if given.elements else None

    def only_asked(self, load: cst.Name) -> bool:
        """Whether a variable is only joined, measured, or tested."""
        parent = self.parents.get(load)
        if isinstance(parent, cst.If | cst.IfExp) and parent.test is load:
            return True
        call = self.parents.get(parent) if isinstance(parent, cst.Arg) else None
        if not isinstance(call, cst.Call):
            return False
        joins = isinstance(call.func, cst.Attribute) and call.func.attr.value == "join"
        return joins or (isinstance(call.func, cst.Name) and call.func.value == "len")

    def order(self, node: cst.CSTNode) -> tuple[int, int]:
        """Line and column, to compare places."""
        start = self.positions[node].start
        return (start.line, start.column)

    def names(self, nodes: Iterable[cst.CSTNode]) -> set[str]:
        """Plain names mentioned in expressions."""
        return {n.value for node in nodes for n in self.nodes(cst.Name, node) if not self._is_label(n)}

    def blanked(self, nodes: Iterable[cst.CSTNode]) -> bytes:
        """The file with constants in the place of expressions."""
        spans = sorted(
            (
                (p.start.line, p.start.column, -p.end.line, -p.end.column, n)
                for n in nodes
                if (p := self.positions.get(n))
            ),
            key=lambda span: span[:4],
        )
        lines = list(self.lines)
        done = (0, 0)
        made: list[tuple[int, int, int, int, str]] = []
        for line, column, end_line, end_column, node in spans:
            if (line, column) >= done:  # one within another is gone with it
                done = (-end_line, -end_column)
                inner = isinstance(self.parents.get(node), cst.FormattedStringExpression)
                made.append((line, column, -end_line, -end_column, "0" if inner else '"0"'))
        for line, column, end_line, end_column, text in reversed(made):
            tail = lines[end_line - 1][end_column:]
            lines[line - 1 : end_line] = [lines[line - 1][:column] + text + tail]
        bytes_ = "\n".join(lines).encode(self.module.encoding)
        bom = codecs.BOM_UTF8
        return bom + bytes_ if self.data.startswith(bom) and not bytes_.startswith(bom) else bytes_

    def write(self, edit: Edit) -> bytes:
        """The file with an edit made."""
        from maestro_taint.fixes.imports import add_imports, drop_unused  # noqa: PLC0415 - imports needs View's types

        swaps = {id(old): new for old, new in edit.swaps}
        before: dict[int, tuple[str, ...]] = {}
        for node, texts in edit.before:
            before[id(node)] = (*before.get(id(node), ()), *texts)
        after = {id(node): texts for node, texts in edit.after}
        config = self.module.config_for_parsing

        class Swap(cst.CSTTransformer):
            """All changes in one pass: a pass makes new nodes of all it walks."""

            def on_visit(self, node: cst.CSTNode) -> bool:
                return id(node) not in swaps

            def on_leave(self, original_node: Any, updated_node: Any) -> Any:
                made = swaps.get(id(original_node), updated_node)
                texts, later = before.get(id(original_node)), after.get(id(original_node), ())
                if texts is None and not later:
                    return made
                new: list[Any] = [cst.parse_statement(t, config=config) for t in texts or ()]
                if new:
                    apart = [cst.EmptyLine(indent=False)] * 2 if isinstance(new[-1], cst.FunctionDef) else ()
                    new[0] = new[0].with_changes(leading_lines=made.leading_lines)
                    made = made.with_changes(leading_lines=apart)
                return cst.FlattenSentinel([*new, made, *(cst.parse_statement(t, config=config) for t in later)])

        changed: Any = self.module.visit(Swap())
        changed = add_imports(changed, edit.imports)
        return drop_unused(changed, edit.unused).bytes


def call(function: str, *arguments: cst.BaseExpression) -> cst.Call:
    """``function(argument, ...)``."""
    return cst.Call(cst.parse_expression(function), [cst.Arg(a) for a in arguments])


TIGHT = cst.AssignEqual(whitespace_before=cst.SimpleWhitespace(""), whitespace_after=cst.SimpleWhitespace(""))


def added(node: cst.Call, *new: cst.Arg) -> cst.Call:
    """The call with arguments added at its end, laid out as the others are."""
    args = list(node.args)
    if not args:
        return node.with_changes(args=list(new))
    last = args[-1]
    broken = "\n" in cst.Module([]).code_for_node(last).removeprefix(cst.Module([]).code_for_node(last.value)) or (
        isinstance(node.whitespace_before_args, cst.ParenthesizedWhitespace)
    )
    separator: Any = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    if broken:
        separator = cst.Comma(whitespace_after=node.whitespace_before_args)
    elif len(args) > 1 and isinstance(args[-2].comma, cst.Comma):
        separator = args[-2].comma
    args[-1] = last.with_changes(comma=separator, whitespace_after_arg=cst.SimpleWhitespace(""))
    made = [a.with_changes(comma=separator) for a in new[:-1]]
    made.append(new[-1].with_changes(comma=last.comma, whitespace_after_arg=last.whitespace_after_arg))
    return node.with_changes(args=[*args, *made])


def with_argument(node: cst.Call, name: str, value: cst.BaseExpression) -> cst.Call:
    """The call with one keyword argument set: replaced where it stands, else added at the end, layout kept."""
    args = list(node.args)
    for i, a in enumerate(args):
        if a.keyword is not None and a.keyword.value == name:
            args[i] = a.with_changes(value=value)
            return node.with_changes(args=args)
    return added(node, cst.Arg(value, keyword=cst.Name(name), equal=TIGHT))


def argument(node: cst.Call, position: int, *names: str) -> cst.Arg | None:
    """The argument at a position, or under one of its names; ``None`` where a star hides it."""
    for i, a in enumerate(node.args):
        if a.star:
            return None
        if (a.keyword is None and i == position) or (a.keyword is not None and a.keyword.value in names):
            return a
    return None


def has_star(node: cst.Call) -> bool:
    """Whether ``*x`` or ``**x`` brings arguments that cannot be seen."""
    return any(a.star for a in node.args)
