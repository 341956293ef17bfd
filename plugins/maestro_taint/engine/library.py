"""Objects of the standard library that hold values: configuration, buffers, records, default dictionaries, parsers.

Invariant: what is put under a known name is found under that name only; what is put under an unknown one, under any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj, key_place
from maestro_taint.domain.values import CLEAN, NO_CONST, NONE, Val, constant, join, join_atoms
from maestro_taint.engine import containers
from maestro_taint.engine.frame import ITER

if TYPE_CHECKING:
    from maestro_taint.engine.arguments import Arguments
    from maestro_taint.engine.frame import Frame

CONFIG = "configparser.ConfigParser"
SLOT = 60  # objects made here stand beside those an expression at the same place makes


def _typed(dotted: str, kind: str = "dict") -> Any:
    """A constructor: an object of that name that holds what it is given."""

    def make(f: Frame, given: Arguments) -> Val:
        first = given.get(0)
        held = None if first is None or not f.deep(first) else Val(f.deep(first))
        made = f.new(given.at, Obj(kind, {}, held), SLOT)
        return Val(types=(("x", dotted),), objs=made.objs, lit=True)

    return make


# -- configparser ------------------------------------------------------------------------------------------------


def _config(f: Frame, given: Arguments) -> Val:
    made = f.new(given.at, Obj("dict", {}), SLOT)
    return Val(types=(("x", CONFIG),), objs=made.objs, lit=True)


def _section(f: Frame, given: Arguments, *, create: bool) -> Val | None:
    """The section named by the first argument, made if it is not there."""
    receiver, name = given.receiver, given.get(0, "section")
    if receiver is None or name is None or name.const is NO_CONST:
        return None
    place = key_place(name.const)
    if len(receiver.objs) == 1 and place in f.get(receiver.objs[0]).fields:
        return f.place(receiver, place)
    if not create:
        return None
    made = f.new(given.at, Obj("dict", {}), SLOT + 1)
    f.write(receiver, place, made)
    return made


def _config_add(f: Frame, given: Arguments) -> Val:
    _section(f, given, create=True)
    return NONE


def _config_set(f: Frame, given: Arguments) -> Val:
    option, value = given.get(1, "option"), given.get(2, "value")
    section = _section(f, given, create=True)
    if value is None or given.receiver is None:
        return NONE
    if section is not None and option is not None and isinstance(option.const, str):
        f.write(section, key_place(option.const.lower()), value)
    elif section is not None:
        f.absorb(section, value)
    else:
        f.absorb(given.receiver, value)
    return NONE


def _config_get(f: Frame, given: Arguments) -> Val:
    option = given.get(1, "option")
    section = _section(f, given, create=False)
    receiver = given.receiver
    if section is not None and option is not None and isinstance(option.const, str):
        held = f.get(section.objs[0]) if len(section.objs) == 1 else None
        name = option.const if held is not None and key_place(option.const) in held.fields else option.const.lower()
        found = f.place(section, key_place(name))
    else:
        found = CLEAN if receiver is None else Val(f.deep(receiver))
    fallback = given.kwargs.get("fallback")
    return found if fallback is None else join(found, fallback)


# -- records -----------------------------------------------------------------------------------------------------


def _namedtuple(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``collections.namedtuple(name, fields)``: a constructor that knows its field names."""
    fields = given.get(1, "field_names")
    names: tuple[str, ...] = ()
    if fields is not None and isinstance(fields.const, str):
        names = tuple(fields.const.replace(",", " ").split())
    elif fields is not None:
        items = containers.exact_items(given.f, fields) or []
        names = tuple(str(v.const) for v in items if v.const is not NO_CONST)
    return Val(types=(("x", "collections.namedtuple()"), ("tag", "fields", names)), lit=True)


def _record(f: Frame, given: Arguments, names: tuple[str, ...]) -> Val:
    """An instance of a named tuple: its values by name and by position."""
    values = {**dict(zip(names, given.args, strict=False)), **given.kwargs}
    fields: dict[str, Val] = {}
    for i, name in enumerate(names):
        value = values.get(name, CLEAN)
        fields[f"={i}"] = fields["." + name] = value
    made = f.new(given.at, Obj("record", fields, given.spread), SLOT)
    return Val(objs=made.objs, lit=all(v.lit for v in values.values()))


def _namespace(f: Frame, given: Arguments) -> Val:
    """``types.SimpleNamespace(name=value)``: its values by name."""
    fields = {"." + k: v for k, v in given.kwargs.items()}
    made = f.new(given.at, Obj("record", fields, given.spread), SLOT)
    return Val(objs=made.objs, lit=given.spread is None and all(v.lit for v in fields.values()))


def constructed(f: Frame, callee: Val, given: Arguments) -> Val | None:
    """A call of what :func:`_namedtuple` made; ``None`` for anything else."""
    names = next((t[2] for t in callee.types if t[:2] == ("tag", "fields")), None)
    return None if names is None else _record(f, given, names)


def _replaced(f: Frame, given: Arguments) -> Val:
    """``dataclasses.replace(obj, field=value)``."""
    obj = given.get(0)
    if obj is None or not obj.objs:
        return Val(given.flow("args")[0])
    made: Val | None = None
    for i, oid in enumerate(obj.objs):
        held = f.get(oid)
        one = f.new(given.at, held.having(fields={**held.fields, **{"." + k: v for k, v in given.kwargs.items()}}),
                    SLOT + i)  # fmt: skip
        made = one if made is None else join(made, one)
    return Val(f.own(obj), types=obj.types, objs=made.objs if made is not None else (), lit=obj.lit)


def _fields(f: Frame, given: Arguments) -> Val:
    """``vars(obj)``, ``dataclasses.asdict(obj)``: the fields as a mapping."""
    obj = given.get(0)
    if obj is None or not obj.objs:
        return CLEAN if obj is None else Val(obj.atoms)
    return f.solver.attributes.load(f, obj, "__dict__", given.at)


# -- default dictionaries ------------------------------------------------------------------------------------------


def _defaultdict(f: Frame, given: Arguments) -> Val:
    factory = given.get(0)
    name = next((t[1] for t in factory.types if t[0] == "x"), "") if factory is not None else ""
    kind = {"builtins.list": "list", "builtins.dict": "dict", "builtins.set": "set", "collections.deque": "list"}
    return f.new(given.at, Obj("dict", {}, cls=f"default:{kind.get(name, '')}"), SLOT)


def filled(f: Frame, obj: Val, place: str, at: int) -> None:
    """Reading a key that is not there makes it, in a default dictionary."""
    for oid in obj.objs:
        held = f.get(oid)
        if held.kind == "dict" and held.cls.startswith("default:") and place not in held.fields:
            kind = held.cls.partition(":")[2]
            if kind and (held.rest is None or not held.rest.objs):
                made = f.new(at, Obj(kind, {}), SLOT + 3)
                f.put(oid, held.put(place, made) if place != "=*" else held.weak(made))


# -- text buffers and XML readers ------------------------------------------------------------------------------------


def _written(f: Frame, given: Arguments) -> Val:
    if given.receiver is not None:
        f.absorb(given.receiver, Val(given.flow("args")[0]))
    return constant(None)


def _read_back(f: Frame, given: Arguments) -> Val:
    return CLEAN if given.receiver is None else Val(f.deep(given.receiver))


def _iterated(f: Frame, given: Arguments) -> Val:
    """``itertools.chain(a, b)`` and its like: the elements of all arguments."""
    found: Val | None = None
    for v in given.args:
        one = f.place(v, ITER)
        found = one if found is None else join(found, one)
    return f.new(given.at, Obj("list", {}, found), SLOT)


def _set_feature(f: Frame, given: Arguments) -> Val:
    """``setFeature(feature_external_ges, True)``: the reader now resolves external entities."""
    name, value = given.get(0), given.get(1)
    words = "" if name is None else " ".join(str(t[1]) for t in name.types) + str(name.const)
    if given.receiver is not None and value is not None and ("external" in words or name is None):
        f.write(given.receiver, ".external", value)
    return NONE


def _xml_parser(f: Frame, given: Arguments) -> Val:
    made = f.new(given.at, Obj("dict", {"." + k: v for k, v in given.kwargs.items()}, exact=False), SLOT)
    return Val(types=(("x", "lxml.etree.XMLParser"),), objs=made.objs, lit=True)


def resolves_entities(f: Frame, parser: Val | None, switch: str, *, default: bool) -> bool:
    """Whether an XML reader may resolve external entities, by what its switch was set to."""
    if parser is None:
        return default
    if not parser.objs:
        return default
    held = [f.get(o).fields.get(switch) for o in parser.objs]
    return any(default if v is None else v.const is NO_CONST or bool(v.const) for v in held)


def _gathered(f: Frame, given: Arguments) -> Val:
    """``asyncio.gather(a, b)``: results in order."""
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    if given.spread is not None:
        return f.new(given.at, Obj("list", {}, given.spread), SLOT)
    return f.new(given.at, sequence("list", given.args), SLOT)


def atoms_of(values: list[Val]) -> dict[Any, Any]:
    """All atoms of some values."""
    atoms: dict[Any, Any] = {}
    for v in values:
        atoms = join_atoms(atoms, v.atoms)
    return atoms


def _initialised(f: Frame, given: Arguments) -> Val:
    """``super().__init__(*args)`` of a base outside: an exception keeps its arguments."""
    from maestro_taint.engine.expressions import sequence  # noqa: PLC0415 - expressions import calls

    own = f.state.get(f.fn.params[0]) if f.fn.params else None
    if own is not None and given.args and f.fn.name == "__init__":
        f.write(own, ".args", f.new(given.at, sequence("tuple", given.args), SLOT))
    return constant(None)


def _environ_item(f: Frame, given: Arguments) -> Val | None:
    """``environ.get("QUERY_STRING")`` of a WSGI application."""
    name, default = given.get(0), given.get(1)
    if given.receiver is None or name is None or not isinstance(name.const, str):
        return None
    found = f.solver.attributes.item(f, given.receiver, name, given.at) or CLEAN
    return found if default is None else join(found, default)


def _traceback(f: Frame, given: Arguments) -> Val:  # noqa: ARG001 - one signature for all table entries
    """``traceback.format_exc()``, ``sys.exc_info()``: what the exception being handled carries."""
    return Val(f.solver.attributes.printed(f, f.caught[-1])) if f.caught else CLEAN


TABLE: dict[str, Any] = {
    **dict.fromkeys((CONFIG, "configparser.RawConfigParser", "configparser.SafeConfigParser"), _config),
    f"{CONFIG}.add_section": _config_add,
    f"{CONFIG}.set": _config_set,
    **{f"{CONFIG}.{name}": _config_get for name in ("get", "getint", "getfloat", "getboolean")},
    "collections.namedtuple": _namedtuple,
    **dict.fromkeys(("types.SimpleNamespace", "argparse.Namespace"), _namespace),
    "collections.defaultdict": _defaultdict,
    "dataclasses.replace": _replaced,
    "copy.replace": _replaced,
    "dataclasses.asdict": _fields,
    "builtins.vars": _fields,
    "attr.asdict": _fields,
    "io.StringIO": _typed("io.StringIO"),
    "io.BytesIO": _typed("io.StringIO"),
    **{f"io.StringIO.{name}": _written for name in ("write", "writelines")},
    **{f"io.StringIO.{name}": _read_back for name in ("getvalue", "read", "readline", "readlines", "getbuffer")},
    **{f"queue.{name}": _typed("queue.Queue") for name in ("Queue", "LifoQueue", "SimpleQueue", "PriorityQueue")},
    "asyncio.Queue": _typed("queue.Queue"),
    **{f"queue.Queue.{name}": _written for name in ("put", "put_nowait")},
    **{f"queue.Queue.{name}": _read_back for name in ("get", "get_nowait")},
    **dict.fromkeys(("itertools.chain", "itertools.cycle", "itertools.islice"), _iterated),
    "asyncio.gather": _gathered,
    "wsgi.environ.get": _environ_item,
    "builtins.object.__init__": _initialised,
    **dict.fromkeys(("traceback.format_exc", "sys.exc_info", "sys.exception"), _traceback),
    "xml.sax.make_parser": _typed("xml.sax.xmlreader.XMLReader"),
    "xml.sax.xmlreader.XMLReader.setFeature": _set_feature,
    "lxml.etree.XMLParser": _xml_parser,
}  # fmt: skip
