"""A query that a function is given as its parameter: the callers bind, the function passes the values on.

Invariant: a function gets one more parameter with a default, so that callers that pass none work as before.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import libcst as cst

from maestro_taint.fixes.calling import at_callers, callers, merged
from maestro_taint.fixes.view import TIGHT, Edit, Refusal, added, argument

if TYPE_CHECKING:
    from maestro_taint.fixes.building import Built
    from maestro_taint.fixes.drivers import Target
    from maestro_taint.fixes.site import Site

NO_VALUES = {"?": "()", "%s": "None", ":v": "None"}
UNFIT = Refusal("the function that runs the query cannot be given its values")


def query(site: Site, target: Target) -> Edit | Refusal | None:
    """The repair at the callers; ``None`` where the text is no parameter."""
    from maestro_taint.fixes.sql import bound  # noqa: PLC0415 - the two need one another

    found = callers(site, target.text)
    if found is None or isinstance(found, Refusal):
        return found
    function, places = found
    name = _taken(site, function, target)
    own = Edit() if name else _widened(site, function, target)
    if isinstance(own, Refusal):
        return own

    def bind(place: Site, built: Built) -> Edit | Refusal:
        arg = next(p.arg for p in places if p.call is place.node)
        return bound(place, replace(target, call=place.node, text=arg.value, keyword=name or "parameters"), built)

    made = at_callers(site, target.text, bind)
    return (
        made
        if made is None or isinstance(made, Refusal)
        else merged(site, own, [(site.project.path, made), *made.elsewhere])
    )


def _taken(site: Site, function: cst.FunctionDef, target: Target) -> str:
    """The function's own parameter that already carries values to the driver, if it has one."""
    given = argument(target.call, 1, "params", "parameters", "vars", "args")
    if given is None or not isinstance(given.value, cst.Name) or len(target.call.args) != 2:
        return ""
    stores = site.view.stores(function, given.value.value)
    return given.value.value if len(stores) == 1 and isinstance(stores[0], cst.Param) else ""


def _widened(site: Site, function: cst.FunctionDef, target: Target) -> Edit | Refusal:
    """The function with a parameter for the values, passed on to the driver."""
    params = function.params
    names = {n.value for n in site.view.nodes(cst.Name, function)}
    run = _execution(site, target)
    if run is None or len(run.args) != 1 or target.style not in NO_VALUES or "parameters" in names or params.star_kwarg:
        return UNFIT
    if isinstance(params.star_arg, cst.Param):
        return UNFIT
    default = cst.parse_expression(NO_VALUES[target.style])
    new = cst.Param(cst.Name("parameters"), default=default, equal=TIGHT, star="")
    held: Any = list(params.params)
    if held:
        held[-1] = held[-1].with_changes(comma=cst.Comma(whitespace_after=cst.SimpleWhitespace(" ")))
    if any(p.annotation is not None for p in params.params):
        new = new.with_changes(equal=cst.AssignEqual(), annotation=_annotation(target))
    return site.edit(
        (run, added(run, cst.Arg(cst.Name("parameters")))),
        (params, params.with_changes(params=[*held, new])),
    )


def _execution(site: Site, target: Target) -> cst.Call | None:
    """The call that runs the query: the target itself, or the one its ``text()`` is given to."""
    if target.style != ":v":
        return target.call
    call = site.view.parents.get(site.view.parents[target.call])
    executes = isinstance(call, cst.Call) and site.view.code(call.func).endswith(".execute")
    return call if executes and not target.raw and isinstance(call, cst.Call) else None


def _annotation(target: Target) -> cst.Annotation:
    kinds = {"?": "tuple[object, ...]", "%s": "tuple[object, ...] | None", ":v": "dict[str, object] | None"}
    text = kinds[target.style]
    return cst.Annotation(cst.parse_expression(text))
