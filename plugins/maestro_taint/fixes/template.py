"""Text built from pieces: a concatenation, an f-string, ``%``, ``.format`` or ``join`` as texts and holes.

Invariant: ``parse`` answers only for forms whose text it knows exactly.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import libcst as cst

if TYPE_CHECKING:
    from collections.abc import Sequence

PERCENT = re.compile(r"%(?:\((?P<name>[^)]*)\))?(?P<spec>[#0\- +]*\d*(?:\.\d+)?)(?P<kind>[a-zA-Z%])")
FIELD = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}!:]*)(?P<rest>(?:![rsa])?(?::[^{}]*)?)\}")


@dataclass(slots=True)
class Text:
    """A constant piece: its source text between the quotes, how it is quoted, and characters escaped by doubling."""

    raw: str
    prefix: str
    quote: str
    doubled: str = ""

    @property
    def value(self) -> str:
        """The text itself."""
        made = str(ast.literal_eval(f"{self.prefix}{self.quote}{self.raw}{self.quote}"))
        for c in self.doubled:
            made = made.replace(c + c, c)
        return made

    def ends(self, mark: str) -> bool:
        """Whether the text ends with a character."""
        return self.value.endswith(mark)

    def cut_end(self) -> None:
        """Drop the last character."""
        self.raw = (
            self.raw[:-2] if re.search(r"(?<!\\)(\\\\)*\\.$", self.raw) and "r" not in self.prefix else self.raw[:-1]
        )

    def cut_start(self) -> None:
        """Drop the first character."""
        self.raw = self.raw[2:] if self.raw.startswith("\\") and "r" not in self.prefix else self.raw[1:]

    def escape(self, mark: str) -> None:
        """Double a character that the text's next reader doubles too (``%`` for drivers that format)."""
        self.raw = self.raw.replace(mark, mark + mark)


@dataclass(slots=True)
class Hole:
    """A value in the text. ``text`` puts a constant in its place; ``suffix`` is a conversion or a format."""

    expr: cst.BaseExpression
    suffix: str = ""
    text: str | None = None
    changed: bool = False
    within: str = ""

    def put(self, expr: cst.BaseExpression) -> None:
        """Another value in its place; before Python 3.12 an f-string's own quote must not stand in it."""
        self.expr = _requoted(expr, self.within) if self.within else expr
        self.changed = True


def _requoted(expr: cst.BaseExpression, outer: str) -> cst.BaseExpression:
    other = "'" if outer[0] == '"' else '"'

    class Requote(cst.CSTTransformer):
        """Turns the quotes of plain literals."""

        def leave_SimpleString(self, original_node: Any, updated_node: Any) -> Any:  # noqa: ARG002, N802 - libcst's naming
            if updated_node.quote != outer[0] or other in updated_node.raw_value:
                return updated_node
            return updated_node.with_changes(value=f"{updated_node.prefix}{other}{updated_node.raw_value}{other}")

    made: Any = expr.visit(Requote())
    return made  # type: ignore[no-any-return]


Piece: TypeAlias = Text | Hole


@dataclass(slots=True)
class Plus:
    """``left + right`` or two literals side by side."""

    node: cst.BinaryOperation | cst.ConcatenatedString
    left: Tree
    right: Tree


@dataclass(slots=True)
class Joined:
    """An f-string."""

    node: cst.FormattedString
    pieces: list[tuple[Any, Piece]]


@dataclass(slots=True)
class Filled:
    """A literal with fields filled by ``%`` or ``.format``; ``keys`` say which argument fills each hole.

    The literal may stand elsewhere: then the node has a name in its place.
    """

    node: Any
    pieces: list[Piece]
    keys: list[int | str]
    literal: cst.SimpleString

    @property
    def head(self) -> Any:
        """What stands where the literal is expected."""
        return self.node.left if isinstance(self.node, cst.BinaryOperation) else self.node.func.value


@dataclass(slots=True)
class Literal:
    """One plain literal."""

    node: cst.SimpleString
    piece: Text


@dataclass(slots=True)
class Listed:
    """``"sep".join([...])``: its elements, the separator between them; of a comprehension, its one element."""

    node: cst.Call
    elements: list[Tree]
    between: Text
    repeated: bool = False


# What a name stands for, if that is one literal that may be changed.
Lookup: TypeAlias = Callable[[cst.Name], cst.SimpleString | None]
Tree: TypeAlias = Plus | Joined | Filled | Literal | Listed | Hole


def parse(node: cst.BaseExpression, lookup: Lookup = lambda _: None) -> Tree | None:
    """The pieces of an expression that builds a text; ``None`` if it builds none in a form known exactly."""
    tree = _tree(node, lookup)
    return None if isinstance(tree, Hole) else tree


def pieces(tree: Tree) -> list[Piece]:
    """All pieces in the order of the text; a mutable view."""
    if isinstance(tree, Plus):
        return [*pieces(tree.left), *pieces(tree.right)]
    if isinstance(tree, Joined):
        return [p for _, p in tree.pieces]
    if isinstance(tree, Filled):
        return list(tree.pieces)
    if isinstance(tree, Listed):
        made: list[Piece] = []
        for i, element in enumerate(tree.elements):
            made += [tree.between] if i and tree.between.raw else []
            made += pieces(element)
        return made
    return [tree.piece] if isinstance(tree, Literal) else [tree]


def _tree(node: cst.BaseExpression, lookup: Lookup) -> Tree | None:
    if isinstance(node, cst.SimpleString):
        if "b" in node.prefix.lower():
            return None
        return Literal(node, Text(node.raw_value, node.prefix.lower(), node.quote))
    if isinstance(node, cst.FormattedString):
        return _joined(node)
    if isinstance(node, cst.ConcatenatedString) or (
        isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add)
    ):
        left, right = _tree(node.left, lookup), _tree(node.right, lookup)
        if left is None or right is None or (isinstance(left, Hole) and isinstance(right, Hole)):
            return Hole(node) if isinstance(left, Hole) and isinstance(right, Hole) else None
        return Plus(node, left, right)
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Modulo):
        literal = _literal_of(node.left, lookup)
        return _percent(node, literal) if literal is not None else Hole(node)
    if isinstance(node, cst.Call) and isinstance(node.func, cst.Attribute):
        literal = _literal_of(node.func.value, lookup)
        if literal is not None and node.func.attr.value == "format":
            return _format(node, literal)
        if isinstance(node.func.value, cst.SimpleString) and node.func.attr.value == "join":
            return _listed(node, node.func.value, lookup)
    return Hole(node)


def _literal_of(node: cst.BaseExpression, lookup: Lookup) -> cst.SimpleString | None:
    """The literal with the fields: the expression itself, or what a name stands for."""
    if isinstance(node, cst.Name):
        return lookup(node)
    return node if isinstance(node, cst.SimpleString) else None


def _listed(node: cst.Call, separator: cst.SimpleString, lookup: Lookup) -> Listed | Hole | None:
    held = node.args[0].value if len(node.args) == 1 else None
    between = Text(separator.raw_value, separator.prefix.lower(), separator.quote)
    if isinstance(held, cst.GeneratorExp | cst.ListComp):
        element = _tree(held.elt, lookup)
        return Hole(node) if element is None or isinstance(element, Hole) else Listed(node, [element], between, True)  # noqa: FBT003 - a field
    if not isinstance(held, cst.List | cst.Tuple) or any(not isinstance(e, cst.Element) for e in held.elements):
        return Hole(node)
    elements = [_tree(e.value, lookup) for e in held.elements]
    known = [e for e in elements if e is not None]
    if len(known) != len(elements) or all(isinstance(e, Hole) for e in known):
        return Hole(node)
    return Listed(node, known, between)


def remote(tree: Tree) -> list[Filled]:
    """The filled literals that stand elsewhere."""
    if isinstance(tree, Plus):
        return [*remote(tree.left), *remote(tree.right)]
    if isinstance(tree, Listed):
        return [f for e in tree.elements for f in remote(e)]
    return [tree] if isinstance(tree, Filled) and tree.head is not tree.literal else []


def repeats(tree: Tree) -> bool:
    """Whether a part of the text is written as often as a comprehension runs."""
    if isinstance(tree, Plus):
        return repeats(tree.left) or repeats(tree.right)
    return isinstance(tree, Listed) and (tree.repeated or any(repeats(e) for e in tree.elements))


def _joined(node: cst.FormattedString) -> Joined | None:
    prefix = node.start.lower().rstrip("'\"").replace("f", "")
    quote = node.end
    made: list[tuple[Any, Piece]] = []
    for part in node.parts:
        if isinstance(part, cst.FormattedStringText):
            made.append((part, Text(part.value, prefix, quote, "{}")))
            continue
        if not isinstance(part, cst.FormattedStringExpression) or part.equal is not None:
            return None
        suffix = f"!{part.conversion}" if part.conversion else ""
        if part.format_spec is not None:
            if any(not isinstance(p, cst.FormattedStringText) for p in part.format_spec):
                return None
            suffix += ":" + "".join(getattr(p, "value", "") for p in part.format_spec)
        made.append((part, Hole(part.expression, suffix, within=quote)))
    return Joined(node, made)


def _percent(node: cst.BinaryOperation, left: cst.SimpleString) -> Filled | None:
    if "b" in left.prefix.lower():
        return None
    values: dict[int | str, cst.BaseExpression]
    right = node.right
    if isinstance(right, cst.Tuple):
        if any(not isinstance(e, cst.Element) for e in right.elements):
            return None
        values = {i: e.value for i, e in enumerate(right.elements)}
    elif isinstance(right, cst.Dict):
        values = {}
        for e in right.elements:
            if not isinstance(e, cst.DictElement) or not isinstance(e.key, cst.SimpleString):
                return None
            values[str(e.key.evaluated_value)] = e.value
    else:
        values = {0: right}
    return _filled(node, left, PERCENT, values, "%")


def _format(node: cst.Call, literal: cst.SimpleString) -> Filled | None:
    if any(a.star for a in node.args) or "b" in literal.prefix.lower():
        return None
    values: dict[int | str, cst.BaseExpression] = {}
    for i, a in enumerate(node.args):
        values[a.keyword.value if a.keyword else i] = a.value
    return _filled(node, literal, FIELD, values, "{}")


def _filled(
    node: Any,
    literal: cst.SimpleString,
    form: re.Pattern[str],
    values: dict[int | str, cst.BaseExpression],
    doubled: str,
) -> Filled | None:
    raw, prefix, quote = literal.raw_value, literal.prefix.lower(), literal.quote
    made: list[Piece] = []
    keys: list[int | str] = []
    last = count = 0
    for match in form.finditer(raw):
        if match["name"] is None and match[0] in ("{{", "}}", "%%"):
            continue
        if match.start() > last:
            made.append(Text(raw[last : match.start()], prefix, quote, doubled))
        last = match.end()
        name = match["name"]
        key: int | str = count if not name else int(name) if name.isdigit() else name
        count += not name
        if key not in values:
            return None
        suffix = match["rest"] if doubled == "{}" else "" if match["kind"] == "s" and not match["spec"] else match[0]
        made.append(Hole(values[key], suffix))
        keys.append(key)
    if last < len(raw):
        made.append(Text(raw[last:], prefix, quote, doubled))
    rest = "".join(p.raw for p in made if isinstance(p, Text)).replace("%%", "").replace("{{", "").replace("}}", "")
    if set(rest) & set(doubled) or set(keys) != set(values):
        return None  # a field in a form not understood, or an argument that is not used
    return Filled(node, made, keys, literal)


def constant_of(parts: Sequence[Piece]) -> str:
    """The constant text of pieces, holes left out."""
    return "".join(p.value for p in parts if isinstance(p, Text))


def quoted(text: str, quote: str = '"') -> cst.SimpleString:
    """A new literal."""
    plain = quote not in text and "\\" not in text and text.isprintable()
    return cst.SimpleString(f"{quote}{text}{quote}" if plain else repr(text))
