"""Outside functions whose effect on values the models' vocabulary cannot say.

Invariant: each returns a value at least as dangerous as the real result for the kinds it does not provably exclude.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import CLEAN, LITERAL, NO_CONST, Val, cleared, constant, join, join_atoms
from maestro_taint.engine import (
    argv,
    checks,
    containers,
    library,
    messages,
    pathnames,
    personal,
    records,
    regexes,
    tasks,
    templates,
    texts,
)
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.frame import ITER
from maestro_taint.kinds import BIT, PATHS

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.models.model import SinkModel


# What is open already is no name of a file.
FILES = frozenset(
    (
        "werkzeug.datastructures.FileStorage", "starlette.datastructures.UploadFile", "io.BytesIO", "io.StringIO",
        "django.core.files.uploadedfile.UploadedFile",
    )
)  # fmt: skip


def argument(f: Frame, sink: SinkModel, given: Arguments, value: Val) -> dict[Any, Any]:
    """What of an argument a sink is exposed to."""
    exposed = _EXPOSED.get(sink.special)
    if exposed is not None:
        return exposed(f, sink, given, value)  # type: ignore[no-any-return]
    if sink.special in _XML and not _XML[sink.special](f, given):
        return {}
    if sink.bits & PATHS and not {t[1] for t in value.types if t[0] == "x"}.isdisjoint(FILES):
        return {}
    atoms = f.solver.attributes.printed(f, value)
    if sink.bits & BIT["html"] and any(f.get(o).kind == "gen" for o in value.objs):
        return join_atoms(atoms, f.deep(f.place(value, ITER)))  # a streamed body
    return atoms


def _words(f: Frame, sink: SinkModel, given: Arguments, value: Val) -> dict[Any, Any]:  # noqa: ARG001 - table entry
    first = sink.args[0]
    return argv.words(f, given, first if isinstance(first, int) else 0)


def _shell_or_argv(f: Frame, sink: SinkModel, given: Arguments, value: Val) -> dict[Any, Any]:  # noqa: ARG001 - table entry
    shell = given.kwargs.get("shell")
    direct = shell is None or (shell.const is not NO_CONST and not shell.const)
    return argv.exposed(f, value) if direct else f.solver.attributes.printed(f, value)


_EXPOSED: dict[str, Any] = {
    "argv": lambda f, sink, given, value: argv.exposed(f, value),  # noqa: ARG005 - table entry
    "words": _words,
    "shell_or_argv": _shell_or_argv,
    "deep": lambda f, sink, given, value: f.deep(value),  # noqa: ARG005 - table entry
    "stdin": lambda f, sink, given, value: f.deep(value) if argv.is_shell(f, given.get(0, "args")) else {},  # noqa: ARG005
    "location": lambda f, sink, given, value: f.place(value, "='Location'").atoms,  # noqa: ARG005 - table entry
    "message": lambda f, sink, given, value: messages.exposed(f, given),  # noqa: ARG005 - table entry
}
_XML: dict[str, Any] = {
    "xml_features": lambda f, given: library.resolves_entities(f, given.receiver, ".external", default=False),
    "xml_parser": lambda f, given: library.resolves_entities(f, given.get(1, "parser"), ".external", default=False),
}


def _lxml(f: Frame, given: Arguments) -> bool:
    """Whether lxml resolves entities here: by the call's own switch (``iterparse``), or its parser's."""
    own = given.kwargs.get("resolve_entities")
    if own is not None:
        return own.const is NO_CONST or bool(own.const)
    parser = given.get(1, "parser")
    return library.resolves_entities(f, parser, ".resolve_entities", default=parser is None)


_XML["lxml"] = _lxml


def knows(dotted: str) -> bool:
    """Whether a function's effect is told here, and not by its method's name."""
    return dotted in _TABLE


def call(f: Frame, dotted: str, given: Arguments) -> Val | None:
    """The result of a special function, or ``None``."""
    apply = _TABLE.get(dotted)
    return apply(f, given) if apply is not None else None


def _environ(f: Frame, given: Arguments) -> Val:
    name = given.get(0)
    found = personal.environment(
        f, name.const if name is not None and isinstance(name.const, str) else None, given.at, f.solver.models
    )
    default = given.get(1)
    return found if default is None else join(found, default)


def _to_list(f: Frame, given: Arguments) -> Val:
    v = given.get(0)
    if v is None:
        return f.new(given.at, Obj("list", {}))
    items = containers.exact_items(f, v)
    if items is not None:
        from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

        return f.new(given.at, sequence("list", items))
    return f.new(given.at, Obj("list", {}, f.place(v, ITER)))


def _to_set(f: Frame, given: Arguments) -> Val:
    """A set of constants is known in full, in whatever order."""
    v = given.get(0)
    items = None if v is None else containers.exact_items(f, v)
    if items is None or any(x.const is NO_CONST for x in items):
        return _reordered(f, given)
    return _to_list(f, given)


def _reordered(f: Frame, given: Arguments) -> Val:
    v = given.get(0)
    items = None if v is None else containers.exact_items(f, v)
    rest: Val | None = None
    for x in items or ():
        rest = x if rest is None else join(rest, x)
    if items is None and v is not None:
        rest = f.place(v, ITER)
    return f.new(given.at, Obj("list", {}, rest))


def _to_dict(f: Frame, given: Arguments) -> Val:
    made = f.new(given.at, Obj("dict", {}))
    first = given.get(0)
    if first is not None:
        known = containers.exact_keys(f, first)
        if known is not None:
            containers.method(f, made, "update", [first], {}, given.at)
        else:
            pair = f.place(first, ITER)
            inner = f.place(pair, "=1") if pair.objs else f.place(first, "=*")
            f.absorb(made, join(inner, Val(f.own(pair))), f.place(pair, "=0"))
    for key, value in given.kwargs.items():
        f.write(made, f"={key!r}", value)
    return made


def _first(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``copy.copy(x)``, ``asyncio.run(x)``: the argument itself."""
    v = given.get(0)
    return CLEAN if v is None else v


def _copied(f: Frame, given: Arguments) -> Val:
    v = given.get(0)
    if v is None or not v.objs:
        return v if v is not None else CLEAN
    made: Val | None = None
    for i, oid in enumerate(v.objs):
        one = f.new(given.at, f.get(oid), slot=20 + i)
        made = one if made is None else join(made, one)
    return Val(f.own(v), types=v.types, objs=made.objs if made is not None else (), lit=v.lit)


def _next(f: Frame, given: Arguments) -> Val:
    v = given.get(0)
    found = CLEAN if v is None else f.place(v, ITER)
    default = given.get(1)
    return found if default is None else join(found, default)


def _enumerate(f: Frame, given: Arguments) -> Val:
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    v = given.get(0)
    pair = f.new(given.at, sequence("tuple", [LITERAL, CLEAN if v is None else f.place(v, ITER)]), slot=1)
    return f.new(given.at, Obj("list", {}, pair))


def _zip(f: Frame, given: Arguments) -> Val:
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    pair = f.new(given.at, sequence("tuple", [f.place(a, ITER) for a in given.args]), slot=1)
    return f.new(given.at, Obj("list", {}, pair))


def _applied(f: Frame, fn: Val, values: list[Val], at: int) -> Val:
    return f.solver.calls.dispatch(f, fn, Arguments(f, values, at))


def _map(f: Frame, given: Arguments) -> Val:
    fn = given.get(0)
    if fn is None:
        return CLEAN
    made = _applied(f, fn, [f.place(a, ITER) for a in given.args[1:]], given.at)
    return f.new(given.at, Obj("list", {}, made), slot=1)


def _filter(f: Frame, given: Arguments) -> Val:
    fn, items = given.get(0), given.get(1)
    if fn is None or items is None:
        return CLEAN
    element = f.place(items, ITER)
    told = _applied(f, fn, [element], given.at)
    if told.pred is not None:
        for target, bits, *_ in told.pred[0]:
            if target is element or (element.sym is not None and target == element.sym):
                element = Val(cleared(element.atoms, bits), objs=element.objs, lit=element.lit)
    return f.new(given.at, Obj("list", {}, element), slot=1)


def _reduce(f: Frame, given: Arguments) -> Val:
    fn, items, start = given.get(0), given.get(1), given.get(2)
    if fn is None or items is None:
        return CLEAN
    exact = containers.exact_items(f, items)
    if exact is not None and 1 < len(exact) + (start is not None) <= 6:
        total, *rest = exact if start is None else [start, *exact]
        for one in rest:
            total = _applied(f, fn, [total, one], given.at)
        return total
    element = f.place(items, ITER)
    total = element if start is None else join(element, start)
    return join(total, _applied(f, fn, [total, element], given.at))


def _partial(f: Frame, given: Arguments) -> Val:
    """``functools.partial(fn, ...)``: a function value that holds arguments."""
    fields = {f"={i}": v for i, v in enumerate(given.args)} | {f".{k}": v for k, v in given.kwargs.items()}
    made = f.new(given.at, Obj("partial", fields))
    return Val(types=(("x", "functools.partial()"),), objs=made.objs, lit=True)


def _run_partial(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    return CLEAN


def _getattr(f: Frame, given: Arguments) -> Val:
    obj, name = given.get(0), given.get(1)
    if obj is None or name is None:
        return CLEAN
    if isinstance(name.const, str):
        found = f.solver.attributes.load(f, obj, name.const, given.at)
        default = given.get(2)
        return found if default is None else join(found, default)
    return Val(f.deep(obj))


def _setattr(f: Frame, given: Arguments) -> Val:
    obj, name, value = given.get(0), given.get(1), given.get(2)
    if obj is not None and value is not None:
        if name is not None and isinstance(name.const, str):
            f.write(obj, "." + name.const, value)
        else:
            f.absorb(obj, value)
    return constant(None)


def _parsed_url(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    v = given.get(0)
    if v is None:
        return CLEAN
    # A fact about the host is a fact about the whole URL: by its origin, or this very value if it has none.
    origin = v.sym if v.sym is not None else v
    return Val(v.atoms, types=(("tag", "url"), ("tag", "origin", origin)), lit=v.lit)


def _bool(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - table entry
    v = given.get(0)
    return Val(pred=v.pred) if v is not None else constant(False)  # noqa: FBT003 - a constant


def _quantified(f: Frame, given: Arguments) -> Val:
    """``all(c in SAFE for c in text)``: facts about each element are facts about the whole."""
    v = given.get(0)
    return CLEAN if v is None else Val(pred=f.place(v, ITER).pred)


def _dropped(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - table entry
    return CLEAN


def _text(f: Frame, given: Arguments) -> Val:
    """``str(x)``: what it prints."""
    v = given.get(0)
    if v is None:
        return constant("")
    if v.const is not NO_CONST and isinstance(v.const, str | int | bool):
        return constant(str(v.const))
    return Val(f.solver.attributes.printed(f, v), sym=v.sym if not v.objs or _unknown(f, v) else None, lit=v.lit)


def _unknown(f: Frame, v: Val) -> bool:
    return all(f.get(o).origin is not None for o in v.objs)


def _isinstance(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - table entry
    """Of a constant and a builtin type: known."""
    v, wanted = given.get(0), given.get(1)
    if v is None or wanted is None or v.const is NO_CONST:
        return CLEAN
    names = {t[1].removeprefix("builtins.") for t in wanted.types if t[0] == "x"}
    if len(names) != 1 or not names <= set(_BUILTIN_TYPES):
        return CLEAN
    return constant(isinstance(v.const, _BUILTIN_TYPES[names.pop()]))


_BUILTIN_TYPES: dict[str, type] = {"str": str, "int": int, "bytes": bytes, "float": float, "bool": bool}
_TABLE: dict[str, Any] = {
    **library.TABLE,
    **checks.TABLE,
    **templates.TABLE,
    **pathnames.TABLE,
    **records.TABLE,
    **tasks.TABLE,
    **regexes.TABLE,
    "string.Template": texts.template,
    "string.Template.substitute": texts.substituted,
    "string.Template.safe_substitute": texts.substituted,
    "os.getenv": _environ,
    "os.environ.get": _environ,
    "os.environ.__getitem__": _environ,
    "shlex.split": argv.split,
    "builtins.list": _to_list,
    "builtins.tuple": _to_list,
    "builtins.set": _to_set,
    "builtins.frozenset": _to_set,
    "builtins.sorted": _reordered,
    "builtins.reversed": _reordered,
    "builtins.iter": _to_list,
    "collections.deque": _to_list,
    "collections.OrderedDict": _to_dict,
    "builtins.dict": _to_dict,
    "builtins.next": _next,
    "builtins.anext": _next,
    "builtins.enumerate": _enumerate,
    "builtins.zip": _zip,
    "builtins.map": _map,
    "builtins.filter": _filter,
    "functools.reduce": _reduce,
    "functools.partial": _partial,
    "builtins.getattr": _getattr,
    "builtins.setattr": _setattr,
    "builtins.bool": _bool,
    "builtins.all": _quantified,
    "copy.copy": _copied,
    "copy.deepcopy": _copied,
    "asyncio.run": _first,
    "asyncio.create_task": _first,
    "asyncio.ensure_future": _first,
    "asyncio.wait_for": _first,
    "contextlib.closing": _first,
    "typing.cast": lambda f, given: given.get(1) or CLEAN,  # noqa: ARG005 - table entry
    "os.path.normcase": _first,
    "urllib.parse.urlparse": _parsed_url,
    "urllib.parse.urlsplit": _parsed_url,
    "builtins.len": _dropped,
    "builtins.isinstance": _isinstance,
    "builtins.str": _text,
    "builtins.format": _text,
    "builtins.hasattr": _dropped,
    "builtins.callable": _dropped,
    "builtins.id": _dropped,
    "builtins.any": _dropped,
    "builtins.type": _dropped,
    "builtins.range": lambda f, given: f.new(given.at, Obj("list", {}, CLEAN)),
}
