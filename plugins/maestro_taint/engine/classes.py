"""Classes: linearised bases, members, what a ``repr`` prints, and which fields hold personal data.

Invariant: a member is looked up as Python does, along the linearisation; a base outside the project is known by name.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Any, TypeAlias

from maestro_taint.engine.program import resolve_type
from maestro_taint.frontend import ir

if TYPE_CHECKING:
    from maestro_taint.domain.values import Val
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.program import Program
    from maestro_taint.frontend.ir import ClassInfo, Function, Node


PRINTING_DECORATORS = frozenset(
    ("dataclasses.dataclass", "attr.s", "attrs.define", "attr.define", "attrs.frozen", "attr.attrs", "dataclass")
)
PRINTING_BASES = frozenset(
    (
        "pydantic.BaseModel",
        "typing.NamedTuple",
        "sqlmodel.SQLModel",
        "msgspec.Struct",
        "collections.UserDict",
        "builtins.dict",
        "typing.TypedDict",
        "typing_extensions.TypedDict",
    )
)
TYPED_DICTS = frozenset(("typing.TypedDict", "typing_extensions.TypedDict"))
MAX_SUBCLASSES = 12
# Classes that check what their fields are given.
CHECKING_BASES = frozenset(
    (
        "pydantic.BaseModel",
        "sqlmodel.SQLModel",
        "pydantic_settings.BaseSettings",
        "ninja.Schema",
        "rest_framework.serializers",
    )
)
WRAPPING = ("Optional", "Union", "Annotated", "list", "List", "set", "Set", "tuple", "Tuple")
TEXTLESS = frozenset(
    ("int", "float", "bool", "complex", "uuid.UUID", "datetime.datetime", "datetime.date", "datetime.time",
     "datetime.timedelta", "decimal.Decimal", "ipaddress.IPv4Address", "ipaddress.IPv6Address", "pydantic.PositiveInt",
     "pydantic.NonNegativeInt", "pydantic.conint", "pydantic.UUID4")
)  # fmt: skip

# (class, (annotation, value, place))
Declaration: TypeAlias = "tuple[ClassInfo, tuple[Node | None, Node | None, int]]"


class Classes:
    """Class facts, computed when asked for."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.orders: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self.made: dict[tuple[str, str], tuple[Any, ...]] = {}
        self.looked: set[str] = set()  # classes whose heirs were read
        self.ordering = 0  # how many orders are being found just now
        self.found: dict[tuple[str, str, str], str | None] = {}  # answers of method()
        self.declarations: dict[tuple[str, str], Declaration | None] = {}  # answers of field()
        self.children: dict[str, list[str]] = {}
        self.placed: set[str] = set()  # classes entered among the children of their bases

    def order(self, qn: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """(the class and its project bases in lookup order, names of external bases)."""
        known = self.orders.get(qn)
        if known is not None:
            return known
        self.orders[qn] = ((qn,), ())  # a cycle of bases ends here
        info = self.program.classes.get(qn)
        if info is None:
            return self.orders[qn]
        self.ordering += 1
        try:
            self.orders[qn] = self._order(qn, info)
        finally:
            self.ordering -= 1
        return self.orders[qn]

    def _order(self, qn: str, info: ClassInfo) -> tuple[tuple[str, ...], tuple[str, ...]]:
        bases, external = self._bases(info)
        lines = [list(self.order(b)[0]) for b in bases]
        made = (qn, *_merge([*lines, list(bases)]))
        outside = [*external, *(x for b in bases for x in self.order(b)[1])]
        return made, tuple(dict.fromkeys(outside))

    def _bases(self, info: ClassInfo) -> tuple[list[str], list[str]]:
        frame = self.program.solver.scratch(self.program.modules[info.module])
        bases: list[str] = []
        external: list[str] = []
        for node in info.bases:
            base = node[2] if node[0] == ir.INDEX else node
            local = self._local(info, base)
            if local:
                bases.append(local)
                continue
            for t in frame.eval(base).types:
                if t[0] == "c" and t[1] != info.qn:
                    bases.append(t[1])
                elif t[0] == "x":
                    external.append(t[1])
        return bases, external

    def _local(self, info: ClassInfo, base: Node) -> str:
        """The class a base names when both stand in one function, or the base in an enclosing one."""
        owner = info.scope if base[0] == ir.LOCAL else base[2] if base[0] == ir.FREE else ""
        qn = f"{owner}.{base[-1]}"
        return qn if owner and qn in self.program.classes and qn != info.qn else ""

    def method(self, cls: str, name: str, after: str = "") -> str | None:
        """The function a class finds under a name, optionally after a class in the order (``super()``)."""
        key = (cls, name, after)
        if key not in self.found:
            found = self._method(cls, name, after)
            if self.ordering:  # what an order depends on is asked while it is not known in full
                return found
            self.found[key] = found
        return self.found[key]

    def _method(self, cls: str, name: str, after: str) -> str | None:
        line = self.order(cls)[0]
        if after in line:
            line = line[line.index(after) + 1 :]
        for qn in line:
            info = self.program.classes.get(qn)
            if info is not None and name in info.methods:
                return info.methods[name]
        return None

    def field(self, cls: str, name: str) -> Declaration | None:
        """The declaration of a class-level name, or of a field that ``__init__`` fills."""
        key = (cls, name)
        if key not in self.declarations:
            found = self._field(cls, name)
            if self.ordering:
                return found
            self.declarations[key] = found
        return self.declarations[key]

    def _field(self, cls: str, name: str) -> Declaration | None:
        for qn in self.order(cls)[0]:
            info = self.program.classes.get(qn)
            if info is not None and name in info.fields:
                return info, info.fields[name]
        for qn in self.order(cls)[0]:
            info = self.program.classes.get(qn)
            if info is not None and name in info.stored:
                return info, info.stored[name]
        return None

    def positions(self, cls: str) -> list[str]:
        """The fields of a named tuple, in order; none for another class."""
        return self.declared_fields(cls) if "typing.NamedTuple" in self.order(cls)[1] else []

    def is_mapping(self, cls: str) -> bool:
        """Whether a class declares the keys of a dictionary."""
        return not TYPED_DICTS.isdisjoint(self.order(cls)[1])

    def stored(self, cls: str, name: str) -> tuple[Any, ...]:
        """The types of what ``__init__`` stores in a field, where an expression or an annotation says it outright."""
        key = (cls, name)
        known = self.made.get(key)
        if known is None:
            self.made[key] = ()  # a cycle of classes ends here
            init = self.method(cls, "__init__")
            known = self.made[key] = self._stored(self.program.functions[init], name) if init is not None else ()
        return known

    def _stored(self, init: Function, name: str) -> tuple[Any, ...]:
        own = init.params[0] if init.params else ""
        for n in init.body:
            if n[0] == ir.ASSIGN and any(t[0] == ir.ATTR and t[3] == name and t[2][2:] == (own,) for t in n[2]):
                return self._types(init, n[3])
        return ()

    def _types(self, init: Function, value: Node) -> tuple[Any, ...]:
        solver = self.program.solver
        frame = solver.scratch(self.program.modules[init.module])
        if value[0] == ir.LOCAL and value[2] in init.annotations:
            return resolve_type(frame, init.annotations[value[2]])
        if value[0] != ir.CALL or value[2][0] not in (ir.GLOBAL, ir.ATTR):
            return ()
        found: list[tuple[Any, ...]] = []
        for t in frame.eval(value[2]).types:
            if t[0] == "c":
                found.append(("i", t[1]))
            elif t[0] == "x" and not t[1].startswith("builtins."):
                dotted = solver.models.canonical(t[1])
                model = solver.models.calls.get(dotted)
                if model is not None and model.returns != "text":
                    found.append(("x", solver.models.canonical(model.returns or dotted)))
        return tuple(found)

    def overrides(self, cls: str, name: str) -> tuple[str, ...]:
        """Methods of that name in classes derived from ``cls``."""
        found = []
        for child in self.derived(cls)[:MAX_SUBCLASSES]:
            info = self.program.classes[child]
            if name in info.methods:
                found.append(info.methods[name])
        return tuple(found)

    def derived(self, cls: str) -> list[str]:
        """All classes that have ``cls`` among their bases; files that may hold one are read first."""
        if self.program.index is not None and cls not in self.looked:
            self.looked.add(cls)
            self.program.heirs(cls.rpartition(".")[2])
            for child in tuple(self._children().get(cls, ())):
                self.derived(child)
        return self._children().get(cls, [])

    def _children(self) -> dict[str, list[str]]:
        """Heirs by class, in order of their names; what was read since the last time is entered now."""
        classes = self.program.classes
        while len(self.placed) < len(classes):  # looking a base up may read another file
            for qn in sorted(classes.keys() - self.placed):
                self.placed.add(qn)
                for base in self.order(qn)[0][1:]:
                    insort(self.children.setdefault(base, []), qn)
        return self.children

    def decorators(self, info: ClassInfo) -> tuple[str, ...]:
        """Dotted names of a class's decorators."""
        frame = self.program.solver.scratch(self.program.modules[info.module])
        found: list[str] = []
        for d in info.decorators:
            node = d[2] if d[0] == ir.CALL else d
            names = [t[1].removeprefix("builtins.") for t in frame.eval(node).types if t[0] == "x"]
            # Imported inside the function that defines the class: the words are all there is.
            found += names or [_words(node)]
        return tuple(found)

    def declares(self, cls: str) -> bool:
        """Whether annotated fields become constructor parameters and are printed by ``repr``."""
        for qn in self.order(cls)[0]:
            info = self.program.classes.get(qn)
            if info is not None and PRINTING_DECORATORS & set(self.decorators(info)):
                return True
        return bool(PRINTING_BASES & set(self.order(cls)[1]))

    def declared_fields(self, cls: str) -> list[str]:
        """Annotated field names in constructor order."""
        names: dict[str, None] = {}
        for qn in reversed(self.order(cls)[0]):
            info = self.program.classes.get(qn)
            for name, (annotation, _, _) in (info.fields if info is not None else {}).items():
                if annotation is not None:
                    names[name] = None
        return list(names)

    def attributes(self, cls: str) -> list[str]:
        """Names of fields that are annotated, in the class body or where ``__init__`` fills them."""
        stored = (self.program.classes[qn].stored for qn in self.order(cls)[0] if qn in self.program.classes)
        return [*self.declared_fields(cls), *(name for fields in stored for name in fields)]

    def checked(self, cls: str, name: str) -> bool:
        """Whether a field's type admits no text and the class sees to it: ``limit: int`` of a pydantic model."""
        if not CHECKING_BASES & set(self.order(cls)[1]):
            return False
        found = self.field(cls, name)
        return found is not None and found[1][0] is not None and self.textless(found[0].module, found[1][0])

    def textless(self, module: str, annotation: Node) -> bool:
        """Whether an annotation names only types without free text: numbers, dates, UUIDs, enumerations, literals."""
        if annotation[0] == ir.CONST:
            return annotation[2] is None
        frame = self.program.solver.scratch(self.program.modules[module])
        if annotation[0] == ir.INDEX:
            head = str(annotation[2][-1])
            inner = annotation[3][3] if annotation[3][0] == ir.SEQ else (annotation[3],)
            if head == "Literal":
                return True
            if head == "Annotated":
                inner = inner[:1]
            return head in WRAPPING and bool(inner) and all(self.textless(module, n) for n in inner)
        if annotation[0] == ir.BIN:
            return self.textless(module, annotation[3]) and self.textless(module, annotation[4])
        types = frame.eval(annotation).types if annotation[0] in (ir.GLOBAL, ir.LOCAL, ir.ATTR) else ()
        return bool(types) and all(self._textless(t) for t in types)

    def _textless(self, t: tuple[Any, ...]) -> bool:
        if t[0] == "x":
            return t[1].removeprefix("builtins.") in TEXTLESS
        return t[0] == "c" and any(b.startswith("enum.") for b in self.order(t[1])[1])

    def hidden(self, cls: str, name: str) -> bool:
        """Whether a field says ``repr=False``."""
        found = self.field(cls, name)
        value = found[1][1] if found is not None else None
        if value is None or value[0] != ir.CALL:
            return False
        return any(k == "repr" and v[0] == ir.CONST and v[2] is False for k, v in value[4])

    def printed(self, f: Frame, cls: str, obj: Any) -> dict[str, Val]:  # noqa: ARG002 - one signature for all table entries
        """The fields of an instance that its text form shows."""
        if not self.declares(cls):
            return {}
        return {p: v for p, v in obj.fields.items() if p[0] == "." and not self.hidden(cls, p[1:])}


def _words(node: Node) -> str:
    if node[0] == ir.ATTR:
        return f"{_words(node[2])}.{node[3]}"
    return str(node[2]) if len(node) > 2 else ""


def _merge(lines: list[list[str]]) -> list[str]:
    """C3 linearisation; where none exists, first come first served."""
    made: list[str] = []
    lines = [line for line in lines if line]
    while lines:
        head = next((line[0] for line in lines if not any(line[0] in other[1:] for other in lines)), lines[0][0])
        made.append(head)
        lines = [[x for x in line if x != head] for line in lines]
        lines = [line for line in lines if line]
    return made
