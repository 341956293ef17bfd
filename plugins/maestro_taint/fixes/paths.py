"""Paths: resolved, and required to stay below the directory they are meant for.

Invariant: what is opened is the very path that was tested; where no directory can be told, nothing is changed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import libcst as cst

from maestro_taint.fixes import template
from maestro_taint.fixes.far import Reader
from maestro_taint.fixes.pieces import Hole, Text
from maestro_taint.fixes.site import Site, bare, paren
from maestro_taint.fixes.view import Edit, Refusal

DIRECTORIES = re.compile(r"(listdir|scandir|walk|makedirs|mkdir|iterdir|rglob|is_dir|isdir|copytree|\.move)$")
PATH_FUNCTIONS = re.compile(
    r"(open|io\.open|os\.(?!environ|fspath)[\w.]+|shutil\.\w+|(flask\.)?send_file|(pathlib\.)?Path)$"
)
NO_BASE = "no base directory can be derived"
MESSAGE = "path leaves its directory"


@dataclass(frozen=True, slots=True)
class Place:
    """The path's expression, the directory it is meant to stay below (as code), and whether it is a ``Path``."""

    expr: cst.BaseExpression
    base: str
    pathlib: bool


def path(site: Site) -> Edit | Refusal:
    """The repair of one path."""
    call = site.node
    if not isinstance(call, cst.Call):
        return Refusal("the path's call cannot be rewritten")
    candidates = _candidates(site, call)
    hot = site.hot_nodes(candidates)
    if not hot:
        return Refusal("the path is not seen here")
    made = Edit()
    for expr in hot:
        site.muted = [other for other in hot if other is not expr]
        place = _place(site, expr)
        one = place if isinstance(place, Refusal) else _guarded(site, expr, place)
        if isinstance(one, Refusal):
            return one
        made.swaps += one.swaps
        made.before += one.before
        made.after += one.after
        made.imports = one.imports
    return made


def _candidates(site: Site, call: cst.Call) -> list[cst.BaseExpression]:
    """What may be the path: the receiver of a ``Path`` method, or the first arguments."""
    if site.sink.startswith("pathlib.Path.") and isinstance(call.func, cst.Attribute):
        return [call.func.value]
    names = ("file", "name", "path", "src", "dst", "path_or_file", "filename")
    return [a.value for i, a in enumerate(call.args[:3]) if not a.star and (
        (a.keyword is None and i < 2) or (a.keyword is not None and a.keyword.value in names))]  # fmt: skip


def _place(site: Site, expr: cst.BaseExpression, depth: int = 4) -> Place | Refusal:
    """The directory a path expression is meant to stay below."""
    if isinstance(expr, cst.Name) and depth:
        one = site.view.assigned(expr)
        if one is None or one.value is None:
            return Refusal(NO_BASE)
        inner = _place(site, one.value, depth - 1)
        return inner if isinstance(inner, Refusal) else Place(expr, inner.base, inner.pathlib)
    if isinstance(expr, cst.BinaryOperation) and isinstance(expr.operator, cst.Divide):
        return _divided(site, expr)
    if isinstance(expr, cst.Call):
        return _called(site, expr, depth)
    return _text(site, expr)


def _called(site: Site, expr: cst.Call, depth: int) -> Place | Refusal:
    name = site.means(expr.func)
    if any(a.star for a in expr.args) or not expr.args:
        return Refusal(NO_BASE)
    if name.endswith("path.join") and len(expr.args) > 1:
        return _first_of(site, expr, [a.value for a in expr.args], pathlib=False)
    if name.rpartition(".")[2] in ("Path", "PurePath", "PosixPath"):
        if len(expr.args) > 1:
            return _first_of(site, expr, [a.value for a in expr.args], pathlib=True)
        inner = _place(site, expr.args[0].value, depth - 1)
        return inner if isinstance(inner, Refusal) else Place(expr, inner.base, pathlib=True)
    if name.endswith(".joinpath") and isinstance(expr.func, cst.Attribute):
        return _first_of(site, expr, [expr.func.value, *(a.value for a in expr.args)], pathlib=True)
    if name in ("str", "os.fspath", "os.path.normpath", "os.path.abspath") and len(expr.args) == 1:
        inner = _place(site, expr.args[0].value, depth - 1)
        return inner if isinstance(inner, Refusal) else Place(expr, inner.base, pathlib=False)
    made = Reader(site.view, site.project).function(expr) if depth else None
    if made is None or not made.closed:
        return _text(site, expr)
    inner = _place(site, made.expr, depth - 1)
    if isinstance(inner, Refusal) or set(re.findall(r"\w+", inner.base)) & set(made.given):
        return Refusal(NO_BASE)
    return Place(expr, inner.base, inner.pathlib)


def _divided(site: Site, expr: cst.BinaryOperation) -> Place | Refusal:
    parts: list[cst.BaseExpression] = []
    node: cst.BaseExpression = expr
    while isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Divide):
        parts.insert(0, node.right)
        node = node.left
    return _first_of(site, expr, [node, *parts], pathlib=True)


def _first_of(
    site: Site, expr: cst.BaseExpression, parts: list[cst.BaseExpression], *, pathlib: bool
) -> Place | Refusal:
    """The parts before the first tainted one are the directory, as long as they only read."""
    # Only the others become constants: the first may be a Path, and must stay one.
    if not _steady(parts[0]) or site.ask(parts[1:]):
        return Refusal(NO_BASE)
    kept = parts[:1]
    for i in range(1, len(parts)):
        if not _steady(parts[i]) or site.ask([p for k, p in enumerate(parts) if k > i]):
            break
        kept.append(parts[i])
    codes = [site.view.code(p) for p in kept]
    if len(codes) == 1:
        return Place(expr, codes[0], pathlib)
    joined = " / ".join(codes) if pathlib else f"{site.use('os.path.join')}({', '.join(codes)})"
    return Place(expr, f"({joined})" if pathlib else joined, pathlib)


def _steady(expr: cst.BaseExpression) -> bool:
    """Whether an expression may be written twice: it only reads."""
    if isinstance(expr, cst.Call):
        return all(_steady(a.value) for a in expr.args)
    return isinstance(
        expr, cst.Name | cst.Attribute | cst.SimpleString | cst.Subscript | cst.FormattedString | cst.BinaryOperation
    )


def _text(site: Site, expr: cst.BaseExpression) -> Place | Refusal:
    """A text: what stands before its first tainted value, up to the last slash."""
    if isinstance(expr, cst.BinaryOperation) and isinstance(expr.operator, cst.Add):
        literal = Reader(site.view, site.project).literal(expr.left)
        if literal is not None and str(literal[0].evaluated_value).endswith("/"):
            return Place(expr, site.view.code(expr.left), pathlib=False)
    tree = template.parse(expr)
    if tree is None:
        return Refusal(NO_BASE)
    built = site.built(expr)
    if isinstance(built, Refusal) or len(built.feeds) != 1 or not built.hot:
        return Refusal(NO_BASE)
    head: list[Any] = []
    for piece in built.pieces:
        if isinstance(piece, Hole) and built.is_hot(piece):
            break
        head.append(piece)
    if not head:
        return Refusal(NO_BASE)
    base = _base_of(site, head)
    return Refusal(NO_BASE) if base is None else Place(expr, base, pathlib=False)


def _base_of(site: Site, head: list[Any]) -> str | None:
    texts = [p for p in head if isinstance(p, Text)]
    if len(texts) == len(head):
        text = "".join(p.value for p in texts)
        folder, slash, _ = text.rpartition("/")
        return repr(folder or "/") if slash else '"."'
    first = head[0]
    if isinstance(first, Hole) and not first.suffix and _steady(first.expr) and len(head) == 2:
        second = head[1]
        if isinstance(second, Text) and second.value.startswith("/"):
            rest = second.value.rpartition("/")[0]
            code = site.view.code(first.expr)
            return f"{code} + {rest!r}" if rest else code
        if isinstance(second, Hole) and site.view.code(second.expr) in ("os.sep", "os.path.sep"):
            return site.view.code(first.expr)
    return None


def _guarded(site: Site, expr: cst.BaseExpression, place: Place) -> Edit | Refusal:
    """The path resolved and tested: where it is assigned, if it is only used as a path, else before its use."""
    if site.sink.startswith("glob."):
        return Refusal("a pattern is no path to resolve")
    assigned = _assigned(site, expr)
    statement = assigned[1] if assigned is not None else site.view.statement(expr)
    if statement is None:
        return _inline(site, expr, place)
    value: cst.BaseExpression = assigned[0] if assigned is not None else expr
    name = site.view.code(expr) if assigned is not None else site.free("safe_path")
    made = _resolved(site, site.view.code(value), name, place)
    if isinstance(made, Refusal):
        return made
    resolved, guard = made
    if assigned is not None:
        return site.edit((value, cst.parse_expression(resolved)), after=[(statement, (guard,))])
    return site.edit((expr, paren(cst.Name(name))), before=[(statement, (f"{name} = {resolved}\n", guard))])


BELOW = """def {name}(base, path):
    \"\"\"The real path, which must lie below the base directory.\"\"\"
    real = {realpath}(path)
    if not real.startswith({realpath}(base) + {sep}):
        raise ValueError("{message}")
    return real
"""


def _inline(site: Site, expr: cst.BaseExpression, place: Place) -> Edit | Refusal:
    """Inside an expression that is evaluated later, or not always: the test in a function of its own."""
    top = next((n for n in site.view.up(expr) if isinstance(site.view.parents.get(n), cst.Module)), None)
    if place.pathlib or place.base in ("'/'", '"/"') or not isinstance(top, cst.FunctionDef | cst.ClassDef):
        return Refusal("the path is used inside an expression that cannot be split")
    names = {"realpath": site.use("os.path.realpath"), "sep": site.use("os.sep"), "name": site.free("below")}
    call = cst.parse_expression(f"{names['name']}({place.base}, {site.view.code(bare(expr))})")
    return site.edit((expr, call), before=[(top, (BELOW.format(**names, message=MESSAGE),))])


def _assigned(site: Site, expr: cst.BaseExpression) -> tuple[cst.BaseExpression, cst.CSTNode] | None:
    """The value and statement that give a variable its path, if the variable is passed to path functions only."""
    if not isinstance(expr, cst.Name):
        return None
    one = site.view.assigned(expr)
    scope = site.view.scope(expr)
    if one is None or one.value is None or site.view.scope(one) is not scope:
        return None
    if any(not _as_path(site, n) for n in site.view.loads(scope, expr.value)):
        return None
    statement = site.view.statement(one.value)
    return None if statement is None else (one.value, statement)


def _as_path(site: Site, load: cst.Name) -> bool:
    """Whether a variable is read as the argument of a function that takes a path, or for a method of ``Path``."""
    parent = site.view.parents.get(load)
    if isinstance(parent, cst.Attribute):
        return site.sink.startswith("pathlib.Path.") and isinstance(site.view.parents.get(parent), cst.Call)
    call = site.view.parents.get(parent) if isinstance(parent, cst.Arg) else None
    return isinstance(call, cst.Call) and bool(PATH_FUNCTIONS.match(site.means(call.func)))


def _resolved(site: Site, code: str, name: str, place: Place) -> tuple[str, str] | Refusal:
    """The resolved path's expression, and the statement that tests it."""
    if place.pathlib or DIRECTORIES.search(site.sink):
        function = site.use("pathlib.Path")
        inner = f"({code})" if place.pathlib else f"{function}({code})"
        inner = code if place.pathlib and re.fullmatch(r"[\w.]+(\([^()]*\))?", code) else inner
        base = place.base if re.match(r"(pathlib\.)?Path\(", place.base) else f"{function}({place.base})"
        test = f"not {name}.is_relative_to({base}.resolve())"
        resolved = f"{inner}.resolve()"
    else:
        if place.base in ("'/'", '"/"'):
            return Refusal(NO_BASE)
        real, sep = site.use("os.path.realpath"), site.use("os.sep")
        test = f"not {name}.startswith({real}({place.base}) + {sep})"
        resolved = f"{real}({code})"
    return resolved, f'if {test}:\n    raise ValueError("{MESSAGE}")\n'
