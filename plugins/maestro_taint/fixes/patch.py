"""Applying one edit to one file's bytes: nodes found by position, imports added, everything else untouched.

Invariant: bytes in, bytes out; encoding, line ends and comments are kept by libcst.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider

from maestro_taint.fixes.edits import Edit, Refusal, Site, edit
from maestro_taint.fixes.parts import parts

if TYPE_CHECKING:
    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.settings import TaintSettings

RETURNS = ("response",)


class _Finder(cst.CSTVisitor):
    """Finds the sink call at a line and column, the function around it, and assignments in that function."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self, line: int, column: int) -> None:
        super().__init__()
        self.line = line
        self.column = column
        self.call: cst.Call | None = None
        self.returned: cst.Return | None = None
        self.functions: list[cst.FunctionDef] = []
        self.around: cst.FunctionDef | None = None

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:  # noqa: N802 - libcst's naming
        self.functions.append(node)

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:  # noqa: ARG002, N802 - libcst's signature
        self.functions.pop()

    def visit_Call(self, node: cst.Call) -> None:  # noqa: N802 - libcst's naming
        start: Any = self.get_metadata(PositionProvider, node).start
        if self.call is None and (start.line, start.column) == (self.line, self.column):
            # Of calls that begin at one place (f(x).g(y)) the sink is the outermost that has its name.
            self.call = node
            self.around = self.functions[-1] if self.functions else None

    def visit_Return(self, node: cst.Return) -> None:  # noqa: N802 - libcst's naming
        start: Any = self.get_metadata(PositionProvider, node).start
        if (start.line, start.column) == (self.line, self.column):
            self.returned = node
            self.around = self.functions[-1] if self.functions else None


def patched(data: bytes, finding: Finding, settings: TaintSettings) -> bytes | Refusal:
    """The file with one finding repaired."""
    wrapper = MetadataWrapper(cst.parse_module(data), unsafe_skip_copy=True)
    finder = _Finder(finding.at.line, _code_points(data, finding.at.line, finding.at.column - 1))
    wrapper.visit(finder)
    sink = str(finding.properties.get("sink", ""))
    call = _named(finder.call, sink)
    if call is None and finder.returned is not None and finder.returned.value is not None:
        return _returned(wrapper.module, finder.returned, finding, settings)
    if call is None:
        return Refusal("the sink's place is not a call")
    first = call.args[0].value if call.args else cst.SimpleString('""')
    feed = _assigned(finder.around, first)
    made = edit(finding.rule, Site(call, feed.value if feed is not None else first, feed is not None, sink), settings)
    if isinstance(made, Refusal):
        return made
    return _written(wrapper.module, call, feed, made)


def _returned(module: cst.Module, node: cst.Return, finding: Finding, settings: TaintSettings) -> bytes | Refusal:
    """A value a handler returns: the expression is the sink."""
    value = node.value
    if value is None:
        return Refusal("nothing is returned")
    if finding.rule != "taint-html":
        return Refusal("no edit is known for a returned value")
    stand_in = cst.Call(cst.Name("response"), [cst.Arg(value)])
    made = edit(finding.rule, Site(stand_in, value, elsewhere=False, sink="response"), settings)
    if isinstance(made, Refusal) or not isinstance(made.call, cst.Call):
        return made if isinstance(made, Refusal) else Refusal("the returned text cannot be rewritten")
    changed: Any = module.deep_replace(node, node.with_changes(value=made.call.args[0].value))
    return _imported(changed, made.imports)


def _named(call: cst.Call | None, sink: str) -> cst.Call | None:
    """The call among those beginning at one place whose last name is the sink's."""
    name = sink.rpartition(".")[2]
    node: Any = call
    while isinstance(node, cst.Call):
        func = node.func
        last = func.attr.value if isinstance(func, cst.Attribute) else func.value if isinstance(func, cst.Name) else ""
        if last == name or not isinstance(func, cst.Attribute):
            return node
        node = func.value
    return call


def _assigned(around: cst.FunctionDef | None, first: cst.BaseExpression) -> cst.Assign | None:
    """The one assignment in the function that gives a name its text."""
    if around is None or not isinstance(first, cst.Name):
        return None
    found: list[cst.Assign] = []
    stores = 0
    name = first.value

    class Assignments(cst.CSTVisitor):
        """Counts stores to the name."""

        def visit_Assign(self, node: cst.Assign) -> None:  # noqa: N802 - libcst's naming
            for target in node.targets:
                if isinstance(target.target, cst.Name) and target.target.value == name:
                    found.append(node)  # noqa: PERF401 - reads as a visit

        def visit_AugAssign(self, node: cst.AugAssign) -> None:  # noqa: N802 - libcst's naming
            nonlocal stores
            stores += isinstance(node.target, cst.Name) and node.target.value == name

    around.visit(Assignments())
    # Only a text built there may be changed there: the value itself may have other uses.
    return found[0] if len(found) == 1 and not stores and parts(found[0].value) is not None else None


def _written(module: cst.Module, call: cst.Call, feed: cst.Assign | None, made: Edit) -> bytes:
    swaps: dict[int, cst.CSTNode] = {id(call): made.call}
    if feed is not None and made.feed is not None:
        swaps[id(feed)] = feed.with_changes(value=made.feed)

    class Swap(cst.CSTTransformer):
        """Both replacements in one pass: a pass makes new nodes of all it walks."""

        def on_leave(self, original_node: Any, updated_node: Any) -> Any:
            return swaps.get(id(original_node), updated_node)

    changed: Any = module.visit(Swap())
    return _imported(changed, made.imports)


def _imported(module: cst.Module, names: tuple[str, ...]) -> bytes:
    from libcst.codemod import CodemodContext  # noqa: PLC0415 - half of libcst's start-up
    from libcst.codemod.visitors import AddImportsVisitor  # noqa: PLC0415 - half of libcst's start-up

    context = CodemodContext()
    for name in names:
        AddImportsVisitor.add_needed_import(context, name)
    return AddImportsVisitor(context).transform_module(module).bytes if names else module.bytes


def _code_points(data: bytes, line: int, column: int) -> int:
    """A UTF-8 byte column as code points of that line."""
    from maestro_taint.frontend.parse import decode  # noqa: PLC0415 - kept near its only use

    lines = decode(data).split("\n")
    text = lines[line - 1] if 0 < line <= len(lines) else ""
    return len(text.encode()[:column].decode("utf-8", "ignore"))
