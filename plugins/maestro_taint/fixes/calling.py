"""The callers of a function, where all of them can be seen.

Invariant: an answer names every call of the function in the tree; where its name is used otherwise, there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import libcst as cst

from maestro_taint.fixes.far import arguments
from maestro_taint.fixes.imports import meaning
from maestro_taint.fixes.view import Edit, Refusal, View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from maestro_taint.fixes.building import Built
    from maestro_taint.fixes.site import Site

UNSEEN = Refusal("the value comes through a function whose callers are not all seen")
N = TypeVar("N")


@dataclass(frozen=True, slots=True)
class Place:
    """One call: the site it stands at, its file, and the argument in question."""

    site: Site
    path: str
    call: cst.Call
    arg: cst.Arg


def callers(site: Site, expr: cst.BaseExpression) -> tuple[cst.FunctionDef, list[Place]] | Refusal | None:
    """The function that is given a value as its parameter, and who gives it; ``None`` if it is no parameter."""
    scope = site.view.scope(expr)
    if not isinstance(expr, cst.Name) or not isinstance(scope, cst.FunctionDef):
        return None
    stores = site.view.stores(scope, expr.value)
    if len(stores) != 1 or not isinstance(stores[0], cst.Param):
        return None
    owner = site.view.parents.get(site.view.parents[scope])
    method = isinstance(owner, cst.ClassDef)
    name = scope.name.value
    if scope.decorators or not (method or isinstance(site.view.parents[scope], cst.Module)):
        return UNSEEN
    places: list[Place] = []
    for path in (site.project.path, *site.project.mentioning(name)):
        view = site.project.open(path)
        stem = "" if path == site.project.path else site.project.stem()
        calls = None if view is None else _found(view, name, scope, stem, method=method)
        if view is None or calls is None:
            return UNSEEN
        for call in calls:
            given = arguments(scope, call, method=method, whole=False)
            if given is None or expr.value not in given:
                return UNSEEN
            places.append(Place(_at(site, path, view, call), path, call, given[expr.value]))
    return (scope, places) if places else UNSEEN


def _at(site: Site, path: str, view: View, call: cst.Call) -> Site:
    """The site of a call, with edits of its own."""
    project = replace(site.project, path=path)
    return replace(site, view=view, node=call, project=project, needed=[], hoisted=[], named=set(), muted=[])


def _found(view: View, name: str, function: cst.FunctionDef, stem: str, *, method: bool) -> list[cst.Call] | None:
    return _method_calls(view, name, function) if method else _calls(view, name, function, stem)


def _calls(view: View, name: str, function: cst.FunctionDef, stem: str) -> list[cst.Call] | None:
    """The calls of a function of the module ``stem`` (empty: of this one); ``None`` where it is used in another way."""
    if any(isinstance(i.names, cst.ImportStar) for i in view.nodes(cst.ImportFrom)) and stem:
        return None
    if not stem and any(d.name.value == name and d is not function for d in view.nodes(cst.FunctionDef)):
        return None
    found: list[cst.Call] = []
    for node in _mentions(view, name, function):
        parent = view.parents.get(node)
        func = parent if isinstance(parent, cst.Attribute) and parent.attr is node else node
        if stem and not f".{meaning(view, func)}".endswith(f".{stem}.{name}"):
            continue  # something else of this name
        if not stem and func is not node:
            continue
        call = view.parents.get(func)
        if not isinstance(call, cst.Call) or call.func is not func:
            return None
        found.append(call)
    return found


def _method_calls(view: View, name: str, function: cst.FunctionDef) -> list[cst.Call] | None:
    """The calls of a method, whatever the receiver; ``None`` where another thing has its name, or it is not called."""
    if any(d.name.value == name and d is not function for d in view.nodes(cst.FunctionDef)):
        return None
    found: list[cst.Call] = []
    for node in _mentions(view, name, function):
        func = view.parents.get(node)
        call = view.parents.get(func) if isinstance(func, cst.Attribute) and func.attr is node else None
        if not isinstance(call, cst.Call) or call.func is not func:
            return None
        found.append(call)
    return found


def _mentions(view: View, name: str, function: cst.FunctionDef) -> Iterator[cst.Name]:
    """Where a name is used: not where it is defined or imported, nor where it labels an argument."""
    for node in view.outline.named.get(name, ()):
        if view.parents.get(node) is not function and not _labels(view, node):
            yield node


def _labels(view: View, node: cst.Name) -> bool:
    """Whether a name only stands in an import, or labels an argument."""
    parent = view.parents.get(node)
    imported = any(isinstance(n, cst.Import | cst.ImportFrom) for n in view.up(node))
    return imported or (isinstance(parent, cst.Arg) and parent.keyword is node)


def at_callers(
    site: Site, expr: cst.BaseExpression, mend: Callable[[Site, Built], Edit | Refusal]
) -> Edit | Refusal | None:
    """An edit of the texts that callers give a function; ``None`` where the expression is no parameter of it."""
    found = callers(site, expr)
    if found is None or isinstance(found, Refusal):
        return found
    _, places = found
    edits: list[tuple[str, Edit]] = []
    hot = site.hot_nodes([p.arg.value for p in places])
    for place in places:
        if not any(place.arg.value is n for n in hot):
            continue
        place.site.muted = [n for n in hot if n is not place.arg.value]
        built = place.site.built(place.arg.value)
        made = built if isinstance(built, Refusal) else mend(place.site, built)
        if isinstance(made, Refusal):
            return made
        edits.append((place.path, made))
    return merged(site, Edit(), edits) if edits else UNSEEN


def merged(site: Site, own: Edit, edits: Iterable[tuple[str, Edit]]) -> Edit:
    """One edit of several: those of the sink's file in one, those of others beside it."""
    by_path: dict[str, Edit] = {site.project.path: own}
    for path, edit in edits:
        held = by_path.setdefault(path, Edit())
        if edit is not held:
            held.swaps += edit.swaps
            held.before += edit.before
            held.after += edit.after
            held.imports = (*held.imports, *edit.imports)
            held.unused = (*held.unused, *edit.unused)
    own.elsewhere = [(path, edit) for path, edit in by_path.items() if path != site.project.path]
    return own
