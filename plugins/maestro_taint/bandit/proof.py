"""A proof from the text that every value in a call passes a sanitizer.

Theorem: an answer names sanitizers only if each part of the call's first argument is a constant, or the result of a
function whose model clears the kinds asked about; names are followed through single assignments in one function.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from maestro_taint.frontend.parse import Parsed, parse
from maestro_taint.kinds import BIT

if TYPE_CHECKING:
    from maestro_taint.models.model import Models

DEPTH = 4


def sanitized(data: bytes, first: int, last: int, models: Models, bits: int) -> str:
    """Words for the proof about the calls on the lines, or empty."""
    parsed = parse(data)
    if not isinstance(parsed, Parsed):
        return ""
    proof = _Proof(parsed.tree, models, bits)
    calls = [n for n in ast.walk(parsed.tree) if isinstance(n, ast.Call) and first <= n.lineno <= last]
    outer = [c for c in calls if not any(c is not o and c in ast.walk(o) for o in calls)]
    if len(outer) != 1 or not outer[0].args or any(isinstance(a, ast.Starred) for a in outer[0].args):
        return ""
    scope = proof.scope_of(outer[0])
    if not proof.safe(outer[0].args[0], scope, DEPTH) or not proof.used:
        return ""
    return f"every value in it passes {', '.join(sorted(proof.used))}"


class _Proof:
    """One file's imports and scopes."""

    def __init__(self, tree: ast.Module, models: Models, bits: int) -> None:
        self.tree = tree
        self.models = models
        self.bits = bits
        self.used: set[str] = set()
        self.names: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    self.names[alias.asname or alias.name.partition(".")[0]] = (
                        alias.name if alias.asname else alias.name.partition(".")[0]
                    )
            elif isinstance(node, ast.ImportFrom) and not node.level:
                self.names |= {a.asname or a.name: f"{node.module}.{a.name}" for a in node.names}

    def scope_of(self, node: ast.AST) -> ast.AST:
        """The innermost function around a node, or the module."""
        found: ast.AST = self.tree
        for function in ast.walk(self.tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and node in ast.walk(function):
                found = function  # walked outside in: the last is the innermost
        return found

    def safe(self, node: ast.expr, scope: ast.AST, depth: int) -> bool:  # noqa: PLR0911 - one return per form
        """Whether an expression is made of constants and sanitized values."""
        if isinstance(node, ast.Constant):
            # A value quoted for the shell is not safe inside the text's own quotes.
            return not (self.bits & BIT["command"] and isinstance(node.value, str) and set(node.value) & set("'\"`$"))
        if isinstance(node, ast.JoinedStr):
            return all(self.safe(v, scope, depth) for v in node.values)
        if isinstance(node, ast.FormattedValue):
            return self.safe(node.value, scope, depth)
        if isinstance(node, ast.BinOp):
            return self.safe(node.left, scope, depth) and self.safe(node.right, scope, depth)
        if isinstance(node, ast.List | ast.Tuple):
            return all(self.safe(e, scope, depth) for e in node.elts)
        if isinstance(node, ast.Call):
            return self._call(node, scope, depth)
        return isinstance(node, ast.Name) and depth > 0 and self._name(node, scope, depth)

    def _call(self, node: ast.Call, scope: ast.AST, depth: int) -> bool:
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format" and not node.keywords:
            return self.safe(node.func.value, scope, depth) and all(self.safe(a, scope, depth) for a in node.args)
        head, dot, rest = ast.unparse(node.func).partition(".")
        dotted = self.models.canonical(f"{self.names.get(head, f'builtins.{head}' if not dot else head)}{dot}{rest}")
        model = self.models.calls.get(dotted)
        if model is None or self.bits & ~model.clears or model.clear_when:
            return False
        self.used.add(dotted.removeprefix("builtins."))
        return True

    def _name(self, node: ast.Name, scope: ast.AST, depth: int) -> bool:
        name = node.id
        nodes = list(ast.walk(scope))
        stores = [n for n in nodes if isinstance(n, ast.Name) and n.id == name and not isinstance(n.ctx, ast.Load)]
        found = [n for n in nodes if isinstance(n, ast.Assign) and len(n.targets) == 1 and n.targets[0] in stores]
        given = any(isinstance(n, ast.arg) and n.arg == name for n in nodes)
        return len(stores) == len(found) == 1 and not given and self.safe(found[0].value, scope, depth - 1)
