"""Texts that stand elsewhere: constants of a module or a class, and functions that only put a text together.

Invariant: a function is read through only if its one expression says all it does, and no other definition of its name
can be meant.
"""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

import libcst as cst

from maestro_taint.fixes.forms import Lookup, Made
from maestro_taint.fixes.imports import meaning

if TYPE_CHECKING:
    from maestro_taint.fixes.project import Project
    from maestro_taint.fixes.view import View

PLAIN_DECORATORS = frozenset({"staticmethod", "classmethod"})


class Reader:
    """Looks up what the names of one file stand for."""

    def __init__(self, view: View, project: Project, depth: int = 3) -> None:
        self.view = view
        self.project = project
        self.depth = depth

    def lookup(self) -> Lookup:
        """Both questions."""
        return Lookup(self.literal, self.function, self.template)

    def template(self, node: cst.BaseExpression) -> cst.BaseExpression | None:
        """The text that a ``string.Template``, or a variable that holds one, was made of."""
        if isinstance(node, cst.Name):
            stores = self.view.stores(self.view.scope(node), node.value) or self.view.stores(
                self.view.module, node.value
            )
            value = getattr(stores[0], "value", None) if len(stores) == 1 else None
            node = value if isinstance(value, cst.Call) else node
        if not isinstance(node, cst.Call) or meaning(self.view, node.func) != "string.Template" or len(node.args) != 1:
            return None
        return node.args[0].value

    # -- constants -------------------------------------------------------------------------------------------------

    def literal(self, node: cst.BaseExpression) -> tuple[cst.SimpleString, bool] | None:
        """The literal a name or an attribute stands for, and whether others read it too."""
        if isinstance(node, cst.Attribute):
            return self._attribute(node)
        if isinstance(node, cst.Subscript):
            return self._entry(node)
        if not isinstance(node, cst.Name):
            return None
        scope = self.view.scope(node)
        stores = self.view.stores(scope, node.value) or self.view.stores(self.view.module, node.value)
        value = _literal(stores)
        if value is not None:
            alone = len(self.view.loads(self.view.module, node.value)) == 1
            top = not isinstance(scope, cst.FunctionDef) or not self.view.stores(scope, node.value)
            return value, not alone or (top and bool(self.project.mentioning(node.value)))
        return self._imported(meaning(self.view, node)) if len(stores) == 1 else None

    def _entry(self, node: cst.Subscript) -> tuple[cst.SimpleString, bool] | None:
        """``QUERIES["by_name"]``: an entry of a constant dictionary, never changed there."""
        index = node.slice[0].slice if len(node.slice) == 1 else None
        key = index.value if isinstance(index, cst.Index) else None
        if not isinstance(node.value, cst.Name) or not isinstance(key, cst.SimpleString):
            return None
        stores = self.view.stores(self.view.module, node.value.value)
        held = getattr(stores[0], "value", None) if len(stores) == 1 else None
        inner = self.view.stores(self.view.scope(node), node.value.value)
        if not isinstance(held, cst.Dict) or inner not in ([], stores) or self._changes(node.value.value):
            return None
        found = [e.value for e in held.elements if isinstance(e, cst.DictElement) and e.key.deep_equals(key)]
        whole = all(isinstance(e, cst.DictElement) and isinstance(e.key, cst.SimpleString) for e in held.elements)
        one = found[0] if len(found) == 1 and whole else None
        return (one, True) if isinstance(one, cst.SimpleString) else None

    def _changes(self, name: str) -> bool:
        """Whether a module's dictionary is used in any other way than being read by key."""
        for load in self.view.loads(self.view.module, name):
            parent = self.view.parents.get(load)
            read = isinstance(parent, cst.Subscript) and not isinstance(
                self.view.parents.get(parent), cst.AssignTarget | cst.AugAssign | cst.Del
            )
            if not read:
                return True
        return bool(self.project.mentioning(name))

    def _imported(self, dotted: str) -> tuple[cst.SimpleString, bool] | None:
        """A constant of another module: never changed there."""
        head, _, name = dotted.rpartition(".")
        there = self.project.module(head) if head else None
        value = _literal(there.stores(there.module, name)) if there is not None else None
        return None if value is None else (value, True)

    def _attribute(self, node: cst.Attribute) -> tuple[cst.SimpleString, bool] | None:
        """``self.QUERY``: a literal of the class, set nowhere else."""
        owner = self._class_of(node)
        if owner is None:
            return self._imported(meaning(self.view, node))
        name = node.attr.value
        value = _literal([s for s in _statements(owner) if _target(s) == name])
        sets = [a for a in self.view.nodes(cst.AssignTarget) if _attribute_name(a.target) == name]
        if value is None or sets or self._named_classes(name) > 1:
            return None
        uses = [a for a in self.view.nodes(cst.Attribute) if a.attr.value == name]
        return value, len(uses) > 1 or bool(self.project.mentioning(name)) or bool(
            self.view.loads(self.view.module, name)
        )

    def _class_of(self, node: cst.Attribute) -> cst.ClassDef | None:
        value = node.value
        if isinstance(value, cst.Name) and value.value in ("self", "cls"):
            return next((n for n in self.view.up(node) if isinstance(n, cst.ClassDef)), None)
        if isinstance(value, cst.Name):
            one = self.view.assigned(value)
            value = one.value if one is not None and isinstance(one.value, cst.Call) else value
        made = value.func if isinstance(value, cst.Call) else value  # an object made here, or the class itself
        if not isinstance(made, cst.Name):
            return None
        found = [c for c in self.view.nodes(cst.ClassDef) if c.name.value == made.value]
        return found[0] if len(found) == 1 else None

    def _named_classes(self, name: str) -> int:
        """How many classes of the file give a name of theirs to something."""
        count = 0
        for owner in self.view.nodes(cst.ClassDef):
            own = [s for s in _statements(owner) if _target(s) == name]
            methods = [d for d in owner.body.body if isinstance(d, cst.FunctionDef) and d.name.value == name]
            count += bool(own or methods)
        return count

    # -- functions -------------------------------------------------------------------------------------------------

    def function(self, call: cst.Call) -> Made | None:
        """What a called function of the project returns, if that is one expression over its parameters."""
        found = self.defined(call) if self.depth else None
        if found is None:
            return None
        view, function, method = found
        expr = returned(view, function)
        given = arguments(function, call, method=method)
        if expr is None or given is None:
            return None
        inner = Reader(view, self.project, self.depth - 1)
        return Made(expr, given, inner.lookup(), self._closed(view, call, expr, set(given), method=method))

    def defined(self, call: cst.Call) -> tuple[View, cst.FunctionDef, bool] | None:
        """The one definition a call can mean: its file, itself, whether it is a method called on ``self``."""
        if isinstance(call.func, cst.Attribute) and isinstance(call.func.value, cst.Name | cst.Call):
            owner = self._class_of(call.func)
            name = call.func.attr.value
            if owner is not None:
                found = [d for d in owner.body.body if isinstance(d, cst.FunctionDef) and d.name.value == name]
                plain = len(found) == 1 and self._named_classes(name) == 1
                return (self.view, found[0], not _is_static(found[0])) if plain else None
            if isinstance(call.func.value, cst.Call):
                return None
        elif not isinstance(call.func, cst.Name):
            return None
        own = self._local(call) or _top_function(self.view, self.view.code(call.func))
        if own is not None:
            return self.view, own, False
        head, _, name = meaning(self.view, call.func).rpartition(".")
        there = self.project.module(head) if head else None
        far = _top_function(there, name) if there is not None else None
        return None if there is None or far is None else (there, far, False)

    def _local(self, call: cst.Call) -> cst.FunctionDef | None:
        """A function defined once in the function that calls it."""
        scope = self.view.scope(call)
        found = self.view.stores(scope, self.view.code(call.func)) if isinstance(scope, cst.FunctionDef) else []
        one = found[0] if len(found) == 1 else None
        plain = isinstance(one, cst.FunctionDef) and not one.decorators and one.asynchronous is None
        return one if plain and isinstance(one, cst.FunctionDef) else None

    def _same_self(self, call: cst.Call) -> bool:
        return isinstance(call.func, cst.Attribute) and self.view.code(call.func.value) == "self"

    def _closed(self, view: View, call: cst.Call, expr: cst.BaseExpression, given: set[str], *, method: bool) -> bool:
        """Whether every name in an expression means the same where the call stands."""
        known = given | ({"self"} & view.names([expr]) if method and self._same_self(call) else set())
        for name in view.names([expr]) - known:
            if hasattr(builtins, name):
                continue
            here = view is self.view and view.stores(view.scope(call), name)
            if view is not self.view or not (here or view.stores(view.module, name)):
                return False
        return True


def _statements(owner: cst.ClassDef) -> list[cst.CSTNode]:
    """The simple statements of a class's own block."""
    return [s for line in owner.body.body if isinstance(line, cst.SimpleStatementLine) for s in line.body]


def _top_function(view: View, name: str) -> cst.FunctionDef | None:
    found = [n for n in view.stores(view.module, name) if not isinstance(n, cst.ImportFrom | cst.Import)]
    one = found[0] if len(found) == 1 else None
    plain = isinstance(one, cst.FunctionDef) and not one.decorators and one.asynchronous is None
    return one if plain and isinstance(one, cst.FunctionDef) else None


def _is_static(function: cst.FunctionDef) -> bool:
    return any(isinstance(d.decorator, cst.Name) and d.decorator.value == "staticmethod" for d in function.decorators)


def returned(view: View, function: cst.FunctionDef) -> cst.BaseExpression | None:
    """The one expression a function gives back, if it does nothing else than name it first."""
    decorators = {view.code(d.decorator) for d in function.decorators}
    if decorators - PLAIN_DECORATORS or function.asynchronous is not None:
        return None
    body = list(function.body.body)
    if body and _is_docstring(body[0]):
        body = body[1:]
    lines = [s for line in body for s in (line.body if isinstance(line, cst.SimpleStatementLine) else (None,))]
    last = lines[-1] if lines else None
    if not isinstance(last, cst.Return) or last.value is None or len(lines) > 2:
        return None
    if len(lines) == 1:
        return last.value
    first = lines[0]
    named = isinstance(first, cst.Assign) and isinstance(last.value, cst.Name) and _target(first) == last.value.value
    return first.value if named and isinstance(first, cst.Assign) else None


def _is_docstring(line: cst.CSTNode) -> bool:
    if not isinstance(line, cst.SimpleStatementLine) or not isinstance(line.body[0], cst.Expr):
        return False
    return isinstance(line.body[0].value, cst.SimpleString)


def arguments(
    function: cst.FunctionDef, call: cst.Call, *, method: bool, whole: bool = True
) -> dict[str, cst.Arg] | None:
    """The call's arguments by parameter; ``None`` where a star hides them, or with ``whole`` one is left out."""
    params = function.params
    if params.star_kwarg is not None or isinstance(params.star_arg, cst.Param) or any(a.star for a in call.args):
        return None
    names = [p.name.value for p in (*params.posonly_params, *params.params)][method:]
    found: dict[str, cst.Arg] = {}
    for i, arg in enumerate(call.args):
        if arg.keyword is None and i >= len(names):
            return None
        found[arg.keyword.value if arg.keyword is not None else names[i]] = arg
    kwonly = [p.name.value for p in params.kwonly_params]
    complete = not whole or {*names, *kwonly} <= set(found)
    return found if set(found) <= {*names, *kwonly} and complete else None


def _literal(stores: list[cst.CSTNode]) -> cst.SimpleString | None:
    one = stores[0] if len(stores) == 1 else None
    if isinstance(one, cst.Assign) and len(one.targets) > 1:
        return None
    value = one.value if isinstance(one, cst.Assign | cst.AnnAssign) else None
    return value if isinstance(value, cst.SimpleString) else None


def _target(statement: cst.CSTNode) -> str:
    if isinstance(statement, cst.AnnAssign):
        return getattr(statement.target, "value", "") if isinstance(statement.target, cst.Name) else ""
    if isinstance(statement, cst.Assign) and len(statement.targets) == 1:
        target = statement.targets[0].target
        return target.value if isinstance(target, cst.Name) else ""
    return ""


def _attribute_name(target: cst.BaseExpression) -> str:
    return target.attr.value if isinstance(target, cst.Attribute) else ""
