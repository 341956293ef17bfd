"""Source written for a newer Python, rewritten so that this interpreter's parser reads it: lines kept, columns not.

Invariant: every statement stays on its line. f-strings and t-strings become concatenations of their parts, so what
flows through them is seen; type parameters go; ``type X = ...`` becomes an assignment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import libcst


MAX_DEPTH = 150
MAX_LINE = 10_000


def rewrite(data: bytes) -> str | None:
    """The source in older syntax, or ``None`` if libcst cannot read it either.

    libcst's parser is native and recursive: what is nested too deeply would end the process, so it is not tried.
    """
    if _too_deep(data):
        return None
    import libcst as cst  # noqa: PLC0415 - 0.2 s, needed for few files

    try:
        module = cst.parse_module(data)
        done = module.visit(_transformer(cst))
        return done.code  # noqa: TRY300 - the failure is the exception
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError, UnicodeDecodeError, ValueError):
        return None


def _too_deep(data: bytes) -> bool:
    depth = deepest = 0
    for byte in data:
        if byte in b"([{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b")]}":
            depth = max(depth - 1, 0)
    return deepest > MAX_DEPTH or max(map(len, data.split(b"\n"))) > MAX_LINE


def _transformer(cst: Any) -> libcst.CSTTransformer:
    """A transformer; made here because its base class comes from a lazy import."""

    class Older(cst.CSTTransformer):  # type: ignore[misc]
        """Replaces constructs by older ones of the same data flow."""

        def leave_FormattedString(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            return _call(cst, _values(cst, updated_node.parts), updated_node)

        def leave_TemplatedString(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            return _call(cst, _values(cst, updated_node.parts), updated_node)

        def leave_ConcatenatedString(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            if isinstance(updated_node.left, cst.SimpleString) and isinstance(updated_node.right, cst.SimpleString):
                return updated_node
            return _call(cst, [updated_node.left, updated_node.right], updated_node)

        def leave_FunctionDef(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            return updated_node.with_changes(type_parameters=None)

        def leave_ClassDef(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            return updated_node.with_changes(type_parameters=None)

        def leave_TypeAlias(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            return cst.Assign([cst.AssignTarget(updated_node.name)], updated_node.value)

        def leave_ExceptHandler(self, original_node: Any, updated_node: Any) -> Any:  # noqa: N802, ARG002
            caught = updated_node.type
            if isinstance(caught, cst.Tuple) and not caught.lpar:
                return updated_node.with_changes(
                    type=caught.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
                )
            return updated_node

    return Older()


def _values(cst: Any, parts: Any) -> list[Any]:
    return [p.expression for p in parts if isinstance(p, cst.FormattedStringExpression) or hasattr(p, "expression")]


def _call(cst: Any, values: list[Any], node: Any) -> Any:
    """``"".join((part, ...))``: what is formatted stays an operand; newlines inside keep their number of lines."""
    lines = cst.Module([]).code_for_node(node).count("\n")
    inside = sum(cst.Module([]).code_for_node(v).count("\n") for v in values)
    whitespace: Any = cst.SimpleWhitespace("")
    if lines > inside:
        blank = [cst.EmptyLine(indent=False) for _ in range(lines - inside - 1)]
        whitespace = cst.ParenthesizedWhitespace(cst.TrailingWhitespace(), blank)
    elements = [cst.Element(v.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])) for v in values]
    sequence = cst.List(elements, lbracket=cst.LeftSquareBracket(whitespace_after=whitespace))
    return cst.Call(cst.Attribute(cst.SimpleString('""'), cst.Name("join")), [cst.Arg(sequence)])
