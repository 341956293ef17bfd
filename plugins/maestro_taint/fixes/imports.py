"""How a file spells a name of another module, and the import that makes the spelling right.

Invariant: a module is imported at most once, at the place its kind of import has in the file; a name that the file
binds to something else is never taken.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import libcst as cst

if TYPE_CHECKING:
    from maestro_taint.fixes.view import View


def _module_of(dotted: str) -> str:
    """What is imported for a dotted name: its module, ``os`` for ``os.path``."""
    head = dotted.rpartition(".")[0]
    return "os" if head == "os.path" else head


def spelled(view: View, dotted: str) -> tuple[str, str]:
    """How to write ``dotted`` in this file, and the import statement that is still missing (or empty)."""
    module = _module_of(dotted)
    rest = dotted[len(module) + 1 :]
    bound: dict[str, int] = {}
    for statement in _top(view.module):
        for name, meaning in _bindings(statement):
            bound[name] = bound.get(name, 0) + 1
            free = not _rebound(view, name)
            if free and meaning == dotted:
                return name, ""
            if free and meaning == module and (name != module.partition(".")[0] or "." not in module):
                return f"{name}.{rest}", ""
            if free and name == module and f"import {module}" in view.code(statement):
                return dotted, ""
    top = module.partition(".")[0]
    if not _rebound(view, top) and all(m in (top, module) or m.startswith(f"{top}.") for m in _meanings(view, top)):
        return dotted, f"import {module}"
    alias = "_" + module.replace(".", "_")
    return f"{alias}.{rest}", f"import {module} as {alias}"


def meaning(view: View, func: cst.BaseExpression) -> str:
    """The dotted name an expression stands for through the file's imports; as written if it is none of them."""
    head, dot, rest = view.code(func).partition(".")
    for statement in view.nodes(cst.Import), view.nodes(cst.ImportFrom):
        for one in statement:
            for name, dotted in _bindings(one):
                if name == head and not dotted.startswith("."):
                    return f"{dotted}{dot}{rest}"
    return f"{head}{dot}{rest}"


def _meanings(view: View, name: str) -> list[str]:
    return [meaning for s in _top(view.module) for n, meaning in _bindings(s) if n == name]


def _rebound(view: View, name: str) -> bool:
    """Whether anything but a top-level import binds the name anywhere in the file."""
    top = {id(n) for s in _top(view.module) for n in view.nodes(cst.Name, s)}
    for node in view.nodes(cst.Name):
        if node.value == name and id(node) not in top and view._binds(node):  # noqa: SLF001 - one module in two files
            return True
    if any(p.name.value == name for p in view.nodes(cst.Param)):
        return True
    functions = any(d.name.value == name for d in view.nodes(cst.FunctionDef))
    return functions or any(d.name.value == name for d in view.nodes(cst.ClassDef))


def _top(module: cst.Module) -> list[Any]:
    found = []
    for line in module.body:
        if isinstance(line, cst.SimpleStatementLine):
            found += [s for s in line.body if isinstance(s, cst.Import | cst.ImportFrom)]
    return found


def _dotted(node: Any) -> str:
    return f"{_dotted(node.value)}.{node.attr.value}" if isinstance(node, cst.Attribute) else str(node.value)


def _bindings(statement: Any) -> list[tuple[str, str]]:
    """(name, what it means) for one import; a relative import means nothing outside."""
    if isinstance(statement.names, cst.ImportStar):
        return []
    made = []
    for alias in statement.names:
        name = _dotted(alias.name)
        given = alias.asname.name.value if alias.asname is not None else None
        if isinstance(statement, cst.Import):
            made.append((given or name.partition(".")[0], name if given or "." not in name else name.partition(".")[0]))
        elif statement.module is not None and not statement.relative:
            made.append((given or name, f"{_dotted(statement.module)}.{name}"))
        else:
            made.append((given or name, f".{name}"))
    return made


def add_imports(module: cst.Module, statements: tuple[str, ...]) -> cst.Module:
    """The module with import statements put where such imports stand."""
    for text in dict.fromkeys(s for s in statements if s):
        module = _added(module, text)
    return module


def _added(module: cst.Module, text: str) -> cst.Module:
    body: list[Any] = list(module.body)
    new: Any = cst.parse_statement(text, config=module.config_for_parsing)
    start = _after_docstring(body)
    leading = _leading(body)
    name = text.split()[1]
    own = _group(name)
    after = start - 1
    for i in leading:
        key, plain = _first_name(body[i]), isinstance(body[i].body[0], cst.Import)
        if key == "__future__" or _group(key) < own or (_group(key) == own and plain and key < name):
            after = i
    if after < start and leading and leading[0] >= start:
        return _first_of_all(module, body, new, leading[0], own)
    previous = body[after] if after >= 0 else None
    if previous is not None and (not _is_import(previous) or _group(_first_name(previous)) != own):
        new = new.with_changes(leading_lines=[_BLANK])
    at = after + 1
    if at < len(body) and not _is_import(body[at]) and not getattr(body[at], "leading_lines", ()):
        body[at] = body[at].with_changes(leading_lines=[_BLANK])
    body.insert(at, new)
    return module.with_changes(body=body)


_BLANK = cst.EmptyLine(indent=False)


def _leading(body: list[Any]) -> list[int]:
    """The places of the first run of imports."""
    found: list[int] = []
    for i, line in enumerate(body):
        if _is_import(line):
            if found and i != found[-1] + 1:
                break
            found.append(i)
    return found


def _first_of_all(module: cst.Module, body: list[Any], new: Any, at: int, group: int) -> cst.Module:
    """The new import before all others: blank lines above the old first one stay above it, its comments with it."""
    old = body[at]
    kept = [x for x in old.leading_lines if x.comment is not None]
    new = new.with_changes(leading_lines=[x for x in old.leading_lines if x.comment is None])
    apart = _group(_first_name(old)) != group
    body[at] = old.with_changes(leading_lines=[_BLANK, *kept] if apart else kept)
    body.insert(at, new)
    return module.with_changes(body=body)


def _after_docstring(body: list[Any]) -> int:
    first = body[0] if body else None
    if isinstance(first, cst.SimpleStatementLine) and isinstance(first.body[0], cst.Expr):
        return 1 if isinstance(first.body[0].value, cst.SimpleString | cst.ConcatenatedString) else 0
    return 0


def _is_import(line: Any) -> bool:
    return isinstance(line, cst.SimpleStatementLine) and isinstance(line.body[0], cst.Import | cst.ImportFrom)


def _first_name(line: Any) -> str:
    one = line.body[0]
    if isinstance(one, cst.Import):
        return _dotted(one.names[0].name)
    return ("." if one.relative else "") + (_dotted(one.module) if one.module is not None else "")


def _group(name: str) -> int:
    """``__future__``, the standard library, other packages, relative imports."""
    top = name.partition(".")[0]
    if top == "__future__":
        return 0
    if name.startswith("."):
        return 3
    return 1 if top in sys.stdlib_module_names else 2


def drop_unused(module: cst.Module, names: tuple[str, ...]) -> cst.Module:
    """The module without those of ``names`` that it imported and no longer mentions."""
    text = module.code
    gone = {n for n in names if len(re.findall(rf"\b{re.escape(n)}\b", text)) == 1}
    if not gone:
        return module

    class Drop(cst.CSTTransformer):
        """Takes aliases out of ``from x import a, b``; a whole import goes when none is left."""

        def leave_ImportFrom(self, original_node: Any, updated_node: Any) -> Any:  # noqa: ARG002, N802 - libcst's naming
            if isinstance(updated_node.names, cst.ImportStar):
                return updated_node
            kept = [a for a in updated_node.names if not (a.asname is None and a.name.value in gone)]
            if len(kept) == len(updated_node.names):
                return updated_node
            if not kept:
                return cst.RemoveFromParent()
            if not isinstance(updated_node.names[-1].comma, cst.Comma):
                kept[-1] = kept[-1].with_changes(comma=cst.MaybeSentinel.DEFAULT)
            return updated_node.with_changes(names=kept)

    made: Any = module.visit(Drop())
    return made  # type: ignore[no-any-return]
