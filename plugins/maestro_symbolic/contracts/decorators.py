"""The decorators of icontract and deal.

Invariant: a decorator of either library is read, known to bound nothing we check, or reported as unreadable.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_symbolic.contracts.clauses import Clause

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_symbolic.contracts.clauses import ClauseKind, Draft
    from maestro_symbolic.program import Program

SILENT = frozenset({"deal.has", "deal.example", "deal.cases", "deal.autodoc", "deal.inherit"})


def read(program: Program, node: ast.expr, names: Sequence[str], draft: Draft) -> None:
    """Add what one decorator of a function says; those of other libraries say nothing."""
    dotted = program.dotted(node.func if isinstance(node, ast.Call) else node)
    if dotted.startswith("icontract."):
        draft.styles.add("icontract")
        _icontract(program, node, names, draft, dotted.removeprefix("icontract."))
    elif dotted.startswith("deal."):
        draft.styles.add("deal")
        _deal(program, node, names, draft, dotted)


def read_invariant(program: Program, node: ast.expr, draft: Draft) -> None:
    """Add what one decorator of a class says."""
    dotted = program.dotted(node.func if isinstance(node, ast.Call) else node)
    if dotted not in ("icontract.invariant", "deal.inv"):
        if dotted.startswith(("icontract.", "deal.")):
            draft.unreadable.append((node.lineno, ast.unparse(node)))
        return
    draft.styles.add(dotted.partition(".")[0])
    if not _disabled(node):
        _condition(program, node, {}, draft, kind="inv", only="self")


def _icontract(program: Program, node: ast.expr, names: Sequence[str], draft: Draft, name: str) -> None:
    if _disabled(node):
        return
    arguments = {n: f"arg:{n}" for n in names}
    if name == "require":
        _condition(program, node, arguments, draft, kind="pre")
    elif name == "ensure":
        _condition(program, node, {"result": "result", "OLD": "captured", **arguments}, draft, kind="post")
    elif name == "snapshot":
        _condition(program, node, arguments, draft, kind="snapshot")
    else:
        draft.unreadable.append((node.lineno, ast.unparse(node)))


def _deal(program: Program, node: ast.expr, names: Sequence[str], draft: Draft, dotted: str) -> None:
    arguments = {n: f"arg:{n}" for n in names}
    call_arguments = node.args if isinstance(node, ast.Call) else []
    if dotted == "deal.chain":
        for inner in call_arguments:
            _deal(program, inner, names, draft, program.dotted(inner.func if isinstance(inner, ast.Call) else inner))
    elif dotted == "deal.pre":
        _condition(program, node, arguments, draft, kind="pre", words_fail=True)
    elif dotted == "deal.ensure":
        _condition(program, node, {"result": "result", **arguments}, draft, kind="post", words_fail=True)
    elif dotted == "deal.post":
        _condition(program, node, {}, draft, kind="post", words_fail=True, only="result")
    elif dotted in ("deal.raises", "deal.reason"):
        kinds = call_arguments if dotted == "deal.raises" else call_arguments[:1]
        draft.raises.update(program.dotted(kind) for kind in kinds)
    elif dotted in ("deal.safe", "deal.pure") or dotted in SILENT:
        return
    else:
        draft.unreadable.append((node.lineno, ast.unparse(node)))


def _disabled(node: ast.expr) -> bool:
    """``enabled=False``: the library itself would not check it."""
    keywords = node.keywords if isinstance(node, ast.Call) else []
    return any(k.arg == "enabled" and isinstance(k.value, ast.Constant) and not k.value.value for k in keywords)


def _condition(
    program: Program,
    node: ast.expr,
    roles: dict[str, str],
    draft: Draft,
    *,
    kind: ClauseKind,
    words_fail: bool = False,
    only: str = "",
) -> None:
    """Read the condition of a decorator: a lambda, or a function of the module called with the same arguments.

    ``only`` is what the single parameter stands for, whatever its name.
    """
    keywords = {k.arg: k.value for k in node.keywords} if isinstance(node, ast.Call) else {}
    values = node.args if isinstance(node, ast.Call) else []
    condition = values[0] if values else keywords.get("condition", keywords.get("validator", keywords.get("capture")))
    read = _expression(program, condition, roles, only)
    if read is None:
        draft.unreadable.append((node.lineno, ast.unparse(node)))
        return
    expression, used = read
    name = ""
    if kind == "snapshot":
        given = values[1] if len(values) > 1 else keywords.get("name")
        name = str(given.value) if isinstance(given, ast.Constant) else next(iter(used), "")
    draft.clauses.append(
        Clause(
            kind=kind,
            text=ast.unparse(expression),
            line=expression.lineno,
            expression=expression,
            roles=used,
            name=name,
            words_fail=words_fail,
        )
    )


def _expression(
    program: Program, condition: ast.expr | None, roles: dict[str, str], only: str
) -> tuple[ast.expr, dict[str, str]] | None:
    if isinstance(condition, ast.Lambda):
        arguments = condition.args
        names = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
        if arguments.vararg or arguments.kwarg or arguments.defaults:
            return None
        used = _roles(names, roles, only)
        return None if used is None else (condition.body, used)
    if isinstance(condition, ast.Name) and condition.id in program.functions:
        inner = program.functions[condition.id].args
        names = [a.arg for a in (*inner.posonlyargs, *inner.args)]
        used = _roles(names, roles, only)
        if used is None or inner.kwonlyargs:
            return None
        call = ast.Call(condition, [ast.Name(n, ast.Load()) for n in names], [])
        for one in ast.walk(call):
            ast.copy_location(one, condition)
        return call, used
    return None


def _roles(names: list[str], roles: dict[str, str], only: str) -> dict[str, str] | None:
    if only:
        return {names[0]: only} if len(names) == 1 else None
    if names == ["_"] and "_" not in roles:
        return {"_": "args"}
    return {n: roles[n] for n in names} if all(n in roles for n in names) else None
