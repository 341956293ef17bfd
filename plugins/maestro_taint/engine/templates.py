"""Template engines: which values a rendered text shows unescaped.

Invariant: a value counts as escaped only where the environment escapes and the text, if known, does not say ``safe``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from maestro_taint.domain.values import CLEAN, NO_CONST, TRUE, Val, cleared, join_atoms
from maestro_taint.kinds import BIT

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

ENVIRONMENT, TEMPLATE = "jinja2.Environment", "jinja2.Template"
_SAFE = re.compile(r"\{\{-?\s*([A-Za-z_]\w*)[^}]*?\|\s*safe\b")
_UNESCAPED = re.compile(r"\{%-?\s*autoescape\s+(?:false|off)\s*-?%\}(.*?)\{%-?\s*endautoescape", re.DOTALL)
_NAMES = re.compile(r"[A-Za-z_]\w*")


def _environment(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``Environment(autoescape=...)``: escapes only if told to."""
    switch = given.kwargs.get("autoescape")
    return Val(types=(("x", ENVIRONMENT), ("tag", "escapes", _on(switch))), lit=True)


def _on(switch: Val | None) -> bool:
    return switch is not None and (switch.const is NO_CONST or bool(switch.const))


def _template(text: Val | None, *, escapes: bool) -> Val:
    return Val(types=(("x", TEMPLATE), ("tag", "template", text, escapes)), lit=True)


def _from_string(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    return _template(given.get(0, "source"), escapes=_escapes(given.receiver))


def _named(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    return _template(None, escapes=_escapes(given.receiver))


def _escapes(environment: Val | None) -> bool:
    """Whether an environment may be taken to escape: not known to be made without."""
    told = [t[2] for t in environment.types if t[:2] == ("tag", "escapes")] if environment is not None else []
    return all(told)


def _standing(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``jinja2.Template(text)``: does not escape unless told to."""
    return _template(given.get(0, "source"), escapes=_on(given.kwargs.get("autoescape")))


def _escaping(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``django.template.Template(text)``: escapes."""
    return _template(given.get(0, "template_string"), escapes=True)


def _rendered(f: Frame, given: Arguments) -> Val:
    """``template.render(**values)``, ``template.render(mapping)``."""
    tag = next((t for t in given.receiver.types if t[:2] == ("tag", "template")), None) if given.receiver else None
    return _shown(f, given, 0, tag[2] if tag else None, escapes=tag is None or tag[3])


def _flask(f: Frame, given: Arguments) -> Val:
    """``render_template_string(text, **values)``: escapes."""
    return _shown(f, given, 1, given.get(0, "source"), escapes=True)


def _shown(f: Frame, given: Arguments, first: int, text: Val | None, *, escapes: bool) -> Val:
    raw = _unescaped(text.const) if text is not None and isinstance(text.const, str) else frozenset()
    values = dict(given.kwargs)
    for v in given.args[first:]:
        for oid in v.objs:
            obj = f.get(oid)
            values.update({place[2:-1]: x for place, x in obj.fields.items() if place[1:2] in ("'", '"')})
            values |= {} if obj.rest is None else {"": obj.rest}
    atoms: dict[Any, Any] = {}
    for name, v in values.items():
        inner = f.solver.attributes.printed(f, v)
        markup = ("x", "markupsafe.Markup") in v.types
        atoms = join_atoms(atoms, inner if markup or not escapes or name in raw else cleared(inner, BIT["html"]))
    return Val(atoms)


def _unescaped(text: str) -> frozenset[str]:
    """The names a template shows as they are."""
    found = set(_SAFE.findall(text))
    for part in _UNESCAPED.findall(text):
        found.update(_NAMES.findall(part))
    return frozenset(found)


def _context(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``django.template.Context(mapping)``: the mapping."""
    return given.get(0) or CLEAN


TABLE: dict[str, Any] = {
    **dict.fromkeys(
        (ENVIRONMENT, "jinja2.environment.Environment", "jinja2.sandbox.SandboxedEnvironment"), _environment
    ),
    f"{ENVIRONMENT}.from_string": _from_string,
    **{f"{ENVIRONMENT}.{name}": _named for name in ("get_template", "select_template", "get_or_select_template")},
    TEMPLATE: _standing,
    **{f"{TEMPLATE}.{name}": _rendered for name in ("render", "render_async", "generate", "stream")},
    "flask.render_template_string": _flask,
    "django.template.Template": _escaping,
    "django.template.Engine.from_string": _escaping,
    "django.template.Context": _context,
    "jinja2.select_autoescape": lambda f, given: TRUE,  # noqa: ARG005 - one signature for all table entries
}
