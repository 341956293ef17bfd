"""Personal data and secrets by declaration and by name.

Invariant: a declaration gives a high-confidence source; a bare name only a note. The last word of a name decides
(head noun), after neutral tails are dropped: ``email_template`` is no e-mail address, ``token_count`` no token.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, source_of
from maestro_taint.domain.values import CLEAN, NO_CONST, Val, join_atoms, source_value
from maestro_taint.frontend import ir
from maestro_taint.kinds import active

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver
    from maestro_taint.models.model import Models

ASKED = "request-name"
SHOWN = "declared-shown"
# These sources are findings in logs only: to pass them on to a service or a page is often what a program is for.
LOG_ONLY = frozenset({ASKED, SHOWN})
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
NEUTRAL = frozenset(
    [
        "number",
        "value",
        "text",
        "raw",
        "plain",
        "str",
        "string",
        "field",
        "data",
        "no",
        "num",
        "address",
        "clear",
        "new",
        "old",
        "current",
    ]
)
PII = {
    "email": "pii.email", "mail": "pii.email", "ssn": "pii.national_id", "passport": "pii.national_id",
    "birthdate": "pii.birth_date", "birthday": "pii.birth_date", "dob": "pii.birth_date", "phone": "pii.phone",
    "mobile": "pii.phone", "telephone": "pii.phone", "iban": "pii.bank", "diagnosis": "pii.health",
    "street": "pii.address", "postcode": "pii.address", "zipcode": "pii.address",
}  # fmt: skip
PAIRS = {
    ("birth", "date"): "pii.birth_date", ("date", "birth"): "pii.birth_date", ("national", "id"): "pii.national_id",
    ("credit", "card"): "pii.card", ("card", "number"): "pii.card", ("bank", "account"): "pii.bank",
    ("account", "number"): "pii.bank", ("home", "address"): "pii.address", ("postal", "address"): "pii.address",
    ("street", "address"): "pii.address", ("billing", "address"): "pii.address", ("tax", "id"): "pii.national_id",
    ("social", "security"): "pii.national_id", ("medical", "record"): "pii.health", ("full", "name"): "pii.name",
    ("first", "name"): "pii.name", ("last", "name"): "pii.name",
}  # fmt: skip
SECRET = frozenset(
    [
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "credential",
        "credentials",
        "pwd",
        "authorization",
    ]
)
SECRET_PAIRS = frozenset(
    (("api", "key"), ("secret", "key"), ("private", "key"), ("access", "key"), ("auth", "token"), ("signing", "key"))
)


@cache
def kind_of_name(name: str) -> str | None:
    """The source kind a name says, or ``None``.

    >>> kind_of_name("user_email"), kind_of_name("email_template"), kind_of_name("API_KEY"), kind_of_name("token_count")
    ('pii.email', None, 'secret', None)
    """
    words = [w for w in map(str.lower, _WORDS.findall(name)) if w != "of"]
    while len(words) > 1 and words[-1] in NEUTRAL and tuple(words[-2:]) not in PAIRS:
        words.pop()
    if not words or words[0] in ("is", "has", "no", "num", "max", "min", "public"):
        return None
    pair = tuple(words[-2:])
    if pair in PAIRS:
        return PAIRS[pair]
    if pair in SECRET_PAIRS or words[-1] in SECRET:
        return "secret"
    return PII.get(words[-1])


def declared(solver: Solver, cls: str, name: str) -> str | None:
    """The source kind of a declared field: its annotation says so, or its name does and its type can hold it."""
    key = (cls, name)
    if key not in solver.declared:
        solver.declared[key] = _declared(solver, cls, name)
    return solver.declared[key]


def _declared(solver: Solver, cls: str, name: str) -> str | None:
    found = solver.classes.field(cls, name)
    if found is None:
        return None
    _, (annotation, value, _) = found
    said = marked(solver, annotation)
    if said is not None:
        return said or None
    if annotation is None and (value is None or value[0] != ir.CALL):
        return None
    kind = solver.models.field_kind(name) or kind_of_name(name)
    if kind is None or (annotation is not None and _cannot_hold(annotation)):
        return None
    return kind if annotation is not None or _is_column(value) else None


def _is_column(value: ir.Node | None) -> bool:
    """``models.EmailField()``, ``db.Column(...)``, ``mapped_column(...)``."""
    if value is None or value[0] != ir.CALL:
        return False
    callee = value[2]
    name = str(callee[3] if callee[0] == ir.ATTR else callee[2])
    return name.endswith("Field") or name in ("Column", "mapped_column", "field")


def _cannot_hold(annotation: ir.Node) -> bool:
    """Types whose text form gives nothing away, and types that hold no text."""
    names = _names(annotation)
    return bool(names & {"bool", "SecretStr", "SecretBytes", "Callable", "Secret"}) or names in ({"int"}, {"float"})


def _names(node: ir.Node) -> set[str]:
    found: set[str] = set()
    stack: list[object] = [node]
    while stack:
        one = stack.pop()
        if isinstance(one, tuple):
            if len(one) > 2 and one[0] in (ir.GLOBAL, ir.LOCAL):
                found.add(str(one[2]))
            elif len(one) > 3 and one[0] == ir.ATTR:
                found.add(str(one[3]))
            stack += list(one)
    return found


def marked(solver: Solver, annotation: ir.Node | None) -> str | None:
    """What ``Annotated[str, PII]`` says; ``''`` for a type that masks itself."""
    if annotation is None or annotation[0] != ir.INDEX:
        return None
    names = _names(annotation)
    if "Annotated" not in names:
        return None
    for name in sorted(names):
        kind = solver.models.annotations.get(name)
        if kind is not None:
            return kind
    return None


def annotated(f: Frame, fn: ir.Function, name: str, value: Val) -> Val:
    """A parameter whose annotation says what it holds (``Annotated[str, PII]``): a source, whoever calls."""
    kind = marked(f.solver, fn.annotations.get(name))
    if not kind:
        return value
    source = source_of(kind, "annotation", f.file, fn.position, name)
    entered = source_value(source, steps.step(f.file, fn.position, f"{kind} by the annotation of {name}"))
    return Val(join_atoms(entered.atoms, value.atoms), types=value.types, objs=value.objs, sym=value.sym)


def shown(solver: Solver, cls: str, obj: Any) -> list[Val]:
    """What the text form of a declared class shows besides the values seen: its fields that hold personal data."""
    classes = solver.classes
    made: list[Val] = []
    for name in classes.declared_fields(cls) if classes.declares(cls) else ():
        kind = declared(solver, cls, name)
        held = obj.fields.get("." + name)
        found = classes.field(cls, name)
        if kind is None or found is None or classes.hidden(cls, name):
            continue
        if held is not None and (held.const is not NO_CONST or held.atoms):
            continue  # what it holds is known better
        info, (_, _, at) = found
        path = solver.program.modules[info.module].path
        source = source_of(kind, SHOWN, path, at, f"{info.name}.{name}")
        made.append(source_value(source, steps.step(path, at, f"{kind} field {source.text}")))
    return made


def by_name(f: Frame, val: Val, name: str, at: int, models: Models) -> Val:
    """A value read under a telling name, when nothing better is known: a low-confidence source, shown as a note."""
    if not models.names_are_sources:
        return val
    kind = kind_of_name(name)
    if kind is None or val.types or any(isinstance(a, Source) and a.kind == kind for a in val.atoms):
        return val
    if val.atoms and all(not live & active(kind) for live, _ in val.atoms.values()):
        return val
    source = source_of(kind, "name", f.file, at, name, "low")
    entered = source_value(source, steps.step(f.file, at, f"{kind} by its name: {name}"))
    return Val(join_atoms(entered.atoms, val.atoms), val.const, val.types, objs=val.objs, sym=None)


def asked(f: Frame, atoms: dict[Any, Any], key: str, at: int) -> dict[Any, Any]:
    """What a request holds under a telling key is that very thing: its atoms with a source of the key's kind."""
    kind = kind_of_name(key) if f.solver.models.names_are_sources else None
    if kind is None or not any(isinstance(a, Source) and a.kind == "untrusted" for a in atoms):
        return atoms
    source = source_of(kind, ASKED, f.file, at, key, "medium")
    return join_atoms(source_value(source, steps.step(f.file, at, f"{kind} in the request: {key}")).atoms, atoms)


def environment(f: Frame, name: str | None, at: int, models: Models) -> Val:
    """An environment variable: a secret if its name says so, else configuration."""
    if name is None:
        return CLEAN
    if any(fnmatchcase(name, p) for p in models.env):
        source = source_of("secret", "env", f.file, at, f"os.environ[{name!r}]")
        return source_value(source, steps.step(f.file, at, f"secret from the environment variable {name}"))
    return CLEAN
