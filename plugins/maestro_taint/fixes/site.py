"""The place of one finding as a repair sees it: the sink, the text that reaches it, and which values in it are tainted.

Invariant: which values are tainted is asked of the analysis, by putting constants in the others' place, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.building import Builder, Built
from maestro_taint.fixes.imports import meaning, spelled
from maestro_taint.fixes.pieces import Hole, quoted
from maestro_taint.fixes.project import Project
from maestro_taint.fixes.view import Edit, Refusal, View

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.settings import TaintSettings

DEPTH = 4
# Whether the finding is still there with constants in the place of nodes.
Probe = Callable[[list[cst.CSTNode]], bool]
TEXT_CALLS = frozenset({"str", "input", "repr", "format", "chr", "hex", "ascii"})
TEXT_MAPPINGS = (
    ".args", ".form", ".GET", ".POST", ".cookies", ".COOKIES", ".headers", ".values", ".query", "environ", "sys.argv",
)  # fmt: skip
TEXT_METHODS = frozenset(
    {"strip", "lstrip", "rstrip", "lower", "upper", "title", "replace", "join", "format", "decode", "capitalize",
     "casefold", "removeprefix", "removesuffix", "hexdigest", "isoformat", "read_text", "get_full_path"}
)  # fmt: skip


@dataclass(slots=True)
class Site:
    """One finding in an opened file."""

    view: View
    finding: Finding
    node: Any
    sink: str
    settings: TaintSettings
    probe: Probe
    canonical: Callable[[str], str] = str
    project: Project = field(default_factory=lambda: Project({}, ""))
    needed: list[str] = field(default_factory=list)
    hoisted: list[tuple[cst.CSTNode, tuple[str, ...]]] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    muted: list[cst.CSTNode] = field(default_factory=list)

    def use(self, dotted: str) -> str:
        """How to write a name here; the import it needs is remembered."""
        text, statement = spelled(self.view, dotted)
        self.needed.append(statement)
        return text

    def edit(self, *swaps: tuple[cst.CSTNode, cst.CSTNode], **more: Any) -> Edit:
        """An edit with the imports asked for so far."""
        before = [*self.hoisted, *more.pop("before", [])]
        return Edit(list(swaps), before, tuple(self.needed), **more)

    def means(self, func: cst.BaseExpression) -> str:
        """The dotted name a called expression stands for, through the file's imports."""
        return meaning(self.view, func)

    def put(self, hole: Hole, expr: cst.BaseExpression, name: str = "safe_value") -> bool:
        """Another value in a hole; one an f-string could not hold before Python 3.12 goes into a variable before."""
        if hole.within and "\\" in self.view.code(expr):
            statement = self.view.statement(hole.expr)
            if statement is None:
                return False
            free = self.free(name)
            self.hoisted.append((statement, (f"{free} = {self.view.code(bare(expr))}\n",)))
            expr = cst.Name(free)
        hole.put(expr)
        return True

    def free(self, name: str) -> str:
        """A variable's name that the file does not use."""
        taken = {n.value for n in self.view.nodes(cst.Name)} | self.named
        made = next(n for n in (name, *(f"{name}_{i}" for i in range(2, 99))) if n not in taken)
        self.named.add(made)
        return made

    def sources_of(self, expr: cst.CSTNode, depth: int = DEPTH) -> list[cst.CSTNode]:
        """An expression and what the names in it stand for in this file, functions included."""
        found: list[cst.CSTNode] = [expr]
        for name in self.view.nodes(cst.Name, expr) if depth else ():
            own = self.view.stores(self.view.scope(name), name.value)
            for store in own or self.view.stores(self.view.module, name.value):
                value = store if isinstance(store, cst.FunctionDef) else getattr(store, "value", None)
                value = store.iter if isinstance(store, cst.For | cst.CompFor) else value
                if isinstance(value, cst.CSTNode) and not any(n is value for n in (expr, *self.view.up(expr))):
                    found += [value] if isinstance(store, cst.FunctionDef) else self.sources_of(value, depth - 1)
        return found

    def built(self, expr: cst.BaseExpression, *, nested: bool = True) -> Built | Refusal:
        """The text an expression stands for, holes marked hot by the analysis."""
        made = Builder(self.view, self.project, nested=nested).build(expr)
        if isinstance(made, Refusal):
            return made
        self.mark(made)
        return made

    def mark(self, made: Built) -> None:
        """Mark the holes that bring the finding when all others are constants."""
        holes = [p for p in made.pieces if isinstance(p, Hole)]
        hot = self.hot_nodes([h.node for h in holes])
        made.hot = {id(h) for h in holes if any(h.node is n for n in hot)}

    # -- which values are tainted ----------------------------------------------------------------------------------

    def hot_nodes(self, nodes: Iterable[cst.BaseExpression]) -> list[cst.BaseExpression]:
        """Of several expressions those that bring the finding by themselves."""
        open_ = [n for n in nodes if not isinstance(n, cst.SimpleString | cst.Integer | cst.Float)]
        if len(open_) < 2:
            return open_
        return [n for n in open_ if self.ask([m for m in open_ if m is not n])]

    def ask(self, nodes: Sequence[cst.CSTNode]) -> bool:
        """Whether the finding is still there with constants for these nodes (and for those muted throughout)."""
        return self.probe([*nodes, *self.muted])

    def is_text(self, expr: cst.BaseExpression, depth: int = DEPTH) -> bool:
        """Whether an expression is certainly a ``str``."""
        if isinstance(expr, cst.SimpleString | cst.FormattedString | cst.ConcatenatedString):
            return True
        if isinstance(expr, cst.Subscript):
            return self.view.code(expr.value).endswith(TEXT_MAPPINGS)
        if isinstance(expr, cst.BinaryOperation):
            return isinstance(expr.operator, cst.Add | cst.Modulo) and self.is_text(expr.left, depth)
        if isinstance(expr, cst.BooleanOperation):
            return self.is_text(expr.left, depth) and self.is_text(expr.right, depth)
        if isinstance(expr, cst.Call):
            return self._text_call(expr)
        if isinstance(expr, cst.Name) and depth:
            stores = self.view.stores(self.view.scope(expr), expr.value)
            return bool(stores) and all(self._text_store(s, depth) for s in stores)
        return False

    def _text_call(self, expr: cst.Call) -> bool:
        if isinstance(expr.func, cst.Name):
            return expr.func.value in TEXT_CALLS
        if not isinstance(expr.func, cst.Attribute):
            return False
        name, owner = expr.func.attr.value, expr.func.value
        if name in ("get", "pop") and len(expr.args) == 2:
            return self.view.code(owner).endswith(TEXT_MAPPINGS) and self.is_text(expr.args[1].value)
        return name in TEXT_METHODS or name in ("get_argument", "get_query_argument", "get_body_argument")

    def _text_store(self, store: cst.CSTNode, depth: int) -> bool:
        if isinstance(store, cst.Param):
            kind = store.annotation
            return kind is not None and self.view.code(kind.annotation) == "str"
        if isinstance(store, cst.Assign | cst.AnnAssign | cst.AugAssign) and store.value is not None:
            return self.is_text(store.value, depth - 1)
        return False

    def wrap(self, hole: Hole, function: str) -> None:
        """Pass a hole's value through a function that takes text; its format is applied before."""
        inner: cst.BaseExpression = hole.expr
        conversion, _, spec = hole.suffix.removeprefix("!").partition(":") if hole.suffix[:1] in "!:" else ("", "", "")
        if hole.suffix[:1] == ":":
            conversion, spec = "", hole.suffix[1:]
        if hole.suffix.startswith("%"):
            return
        if conversion:
            inner = _call({"r": "repr", "a": "ascii", "s": "str"}[conversion], inner)
        if spec:
            inner = cst.Call(cst.Name("format"), [cst.Arg(inner), cst.Arg(quoted(spec, "'"))])
        if not conversion and not spec and not self.is_text(inner):
            inner = _call("str", inner)
        hole.put(_call(function, inner))
        hole.suffix = ""


def _call(function: str, argument: cst.BaseExpression) -> cst.Call:
    return cst.Call(cst.parse_expression(function), [cst.Arg(bare(argument))])


def bare(expr: Any) -> Any:
    """The expression without its own parentheses, for a place that brings some."""
    return expr.with_changes(lpar=(), rpar=()) if getattr(expr, "lpar", None) and not isinstance(
        expr, cst.Tuple | cst.GeneratorExp) else expr  # fmt: skip


def paren(expr: Any) -> Any:
    """The expression in parentheses where an operator or a dot beside it would take it apart."""
    plain = cst.Name | cst.Attribute | cst.Call | cst.Subscript | cst.SimpleString | cst.FormattedString
    if isinstance(expr, plain) or getattr(expr, "lpar", None):
        return expr
    return expr.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
