"""Reading attributes and items: objects by place, classes by linearisation, the outside world by dotted name.

Invariant: an attribute of an external value keeps the value's taint, and adds a source where a model names one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, source_of
from maestro_taint.domain.values import (
    CLEAN,
    NO_ATOMS,
    NO_CONST,
    Val,
    cleared,
    join,
    join_atoms,
    root_value,
    source_value,
)
from maestro_taint.engine import personal, records
from maestro_taint.engine.arguments import Arguments
from maestro_taint.kinds import INJECTION, active

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.solver import Solver

URL_PARTS = frozenset(("hostname", "netloc", "scheme", "port"))
EXTERNAL_LENGTH = 120
EXTERNAL_DEPTH = 8  # no model speaks of anything deeper
SHARED = ("flask.g",)  # what all functions that serve one request share


class Attributes:
    """Attribute and item access; one per solver."""

    def __init__(self, solver: Solver) -> None:
        self.solver = solver

    def load(self, f: Frame, val: Val, name: str, at: int) -> Val:
        """``val.name``."""
        if not val.types and not val.objs:
            return self._plain(f, val, name, at)
        found: Val | None = None
        for t in val.types:
            one = self._typed(f, val, t, name, at)
            if one is not None:
                found = one if found is None else join(found, one)
        if val.objs and (found is None or not _is_code(found)):
            inner = self._object(f, val, name, at)
            found = inner if found is None else join(inner, found)
        elif found is None:
            found = self._plain(f, val, name, at)
        elif any(t[0] != "x" for t in val.types) and f.own(val) and not _is_code(found) and found.sym is None:
            found = Val(join_atoms(found.atoms, f.own(val)), found.const, found.types, objs=found.objs)
        return found if found is not None else CLEAN

    def _plain(self, f: Frame, val: Val, name: str, at: int) -> Val:
        sym = None
        if name in URL_PARTS and val.sym is not None:
            sym = ("host", val.sym, val) if not (type(val.sym) is tuple and val.sym[0] == "host") else val.sym
        if name in ("hostname", "netloc", "scheme") and any(t == ("tag", "url") for t in val.types):
            origin = next(t[2] for t in val.types if t[:2] == ("tag", "origin"))
            sym = ("host", origin, val) if sym is None else sym
        made = Val(val.atoms, lit=val.lit, sym=sym)
        return personal.by_name(f, made, name, at, self.solver.models) if name[0] != "_" else made

    def _object(self, f: Frame, val: Val, name: str, at: int) -> Val:
        if name == "__dict__":
            return self._as_dict(f, val, at)
        symbolic = False
        for oid in val.objs:
            symbolic = symbolic or f.get(oid).origin is not None
        found = f.place(val, "." + name)
        classes = [t[1] for t in val.types if t[0] in ("i", "s")]
        if classes and not found.atoms and found.const is NO_CONST and not found.objs:
            found = self.class_level(val, name) or found
        elif found.atoms and any(self.solver.classes.checked(cls, name) for cls in classes):
            found = Val(cleared(found.atoms, INJECTION), types=found.types)
        elif symbolic and classes and not found.types:
            held = self.class_level(val, name)
            made = self._made(classes, name) or (held.types if held is not None else ())
            found = Val(found.atoms, found.const, made, objs=found.objs, sym=found.sym) if made else found
        return self._declared(f, classes, name, (f.file, at), found, symbolic=symbolic)

    def _made(self, classes: list[str], name: str) -> tuple[Any, ...]:
        """What a field is, by what ``__init__`` stores there: ``self.db = sqlite3.connect(path)``."""
        for cls in classes:
            found = self.solver.classes.stored(cls, name)
            if found:
                return found
        return ()

    def class_level(self, val: Val, name: str) -> Val | None:
        """What the classes of a value assign to a name in their bodies; ``None`` if nothing."""
        for t in val.types:
            declared = self.solver.classes.field(t[1], name) if t[0] in ("i", "s") else None
            if declared is not None and declared[1][1] is not None:
                info, (_, value, _) = declared
                made, _ = self.solver.isolated(self.solver.program.modules[info.module], value)  # type: ignore[arg-type]
                return Val(made.atoms, made.const, made.types, lit=made.lit)
        return None

    def through(self, f: Frame, val: Val, place: str, found: Val) -> Val:
        """What a callee that did not know the class of a value found in its field: what the class says as well."""
        classes = [t[1] for t in val.types if t[0] in ("i", "s")]
        name = place[1:] if place[0] == "." else self._key(classes, place)
        if not classes or not name:
            return found
        if not any("." + name in f.get(o).fields for o in val.objs):
            held = self.class_level(val, name)
            found = found if held is None else join(found, held)
        for cls in classes:
            declared = self.solver.classes.field(cls, name) if personal.declared(self.solver, cls, name) else None
            if declared is not None:
                home = self.solver.program.modules[declared[0].module].path
                return self._declared(f, [cls], name, (home, declared[1][2]), found, symbolic=True)
        return found

    def _key(self, classes: list[str], place: str) -> str:
        """The field that stands at a key or position, in a class that declares such; ``""`` if none does."""
        for cls in classes:
            if self.solver.classes.is_mapping(cls) and place[1:2] in ("'", '"'):
                return place[2:-1]
            names = self.solver.classes.positions(cls)
            if names and place[1:].lstrip("-").isdigit() and -len(names) <= int(place[1:]) < len(names):
                return names[int(place[1:])]
        return ""

    def _declared(
        self, f: Frame, classes: list[str], name: str, where: tuple[str, int], found: Val, *, symbolic: bool
    ) -> Val:
        """Add a source where the field is declared to hold personal data, unless what it holds is known harmless."""
        for cls in classes:
            source = personal.declared(self.solver, cls, name)
            if source is None:
                continue
            if found.const is not NO_CONST or any(
                isinstance(a, Source) and a.kind.startswith(("pii", "secret")) and a.confidence != "low"
                for a in found.atoms
            ):
                return found
            if found.atoms and all(not live & active("pii") for live, _ in found.atoms.values()):
                return found
            made = source_of(source, "declared", *where, f"{cls.rpartition('.')[2]}.{name}")
            entered = source_value(made, steps.step(*where, f"{source} field {made.text}"))
            return (
                join(entered, found)
                if not symbolic
                else Val(join_atoms(entered.atoms, found.atoms), NO_CONST, found.types, objs=found.objs, sym=None)
            )
        if symbolic and not classes and name[0] != "_":
            return personal.by_name(f, found, name, where[1], self.solver.models)
        return found

    def _as_dict(self, f: Frame, val: Val, at: int) -> Val:
        from maestro_taint.domain.objects import Obj, key_place  # noqa: PLC0415 - rare

        obj = f.get(val.objs[0])
        fields = {key_place(p[1:]): v for p, v in obj.fields.items() if p[0] == "."}
        for t in val.types:
            for name in self.solver.classes.attributes(t[1]) if t[0] in ("i", "s") else ():
                fields[key_place(name)] = self.load(f, val, name, at)
        return f.new(at, Obj("dict", fields, obj.rest, exact=obj.exact), slot=1)

    def _typed(self, f: Frame, val: Val, t: tuple[Any, ...], name: str, at: int) -> Val | None:
        kind = t[0]
        if kind == "x":
            return self.external(f, val, t[1], name, at)
        if kind == "m":
            return self._of_module(f, t[1], name)
        if kind in ("i", "s"):
            return self._member(f, val, t, name, at)
        if kind == "c":
            return self._of_class(f, t[1], name, val)
        if kind == "b" and name == "__self__":
            return t[2]  # type: ignore[no-any-return]
        return None

    def _of_module(self, f: Frame, home: str, name: str) -> Val:
        found = f.state.get(("g", home, name))
        return found if found is not None else self.solver.program.member(home, name)

    def _of_class(self, f: Frame, cls: str, name: str, val: Val) -> Val | None:  # noqa: PLR0911 - one per form
        root = ("g", cls, name)
        if root in f.state:
            return f.state[root]  # type: ignore[no-any-return]
        method = self.solver.classes.method(cls, name)
        if method is not None:
            if "classmethod" in self.solver.decorators.names(method):
                return Val(types=(("b", method, val),), lit=True)
            return Val(types=(("f", method),), lit=True)
        declared = self.solver.classes.field(cls, name)
        if declared is not None and declared[1][1] is not None:
            made, _ = self.solver.isolated(self.solver.program.modules[declared[0].module], declared[1][1])
            if made.const is not NO_CONST and name not in self.solver.program.modules[declared[0].module].changed:
                return made
            return root_value(root, types=made.types)
        line, outside = self.solver.classes.order(cls)
        nested = next((f"{one}.{name}" for one in line if f"{one}.{name}" in self.solver.program.classes), None)
        if nested is not None:
            return Val(types=(("c", nested),), lit=True)
        if outside and name in records.MANAGERS and outside[0].endswith("Model"):
            return records.manager(cls)
        return Val(types=(("x", f"{outside[0]}.{name}"),)) if outside else None

    def _member(self, f: Frame, val: Val, t: tuple[Any, ...], name: str, at: int) -> Val | None:
        """A method or property of a project class; an open instance may be of a derived class."""
        classes = self.solver.classes
        cls = t[1]
        method = classes.method(cls, name)
        names = [method] if method is not None else []
        if t[0] == "s":
            names += [m for m in classes.overrides(cls, name) if m not in names]
            f.note_interest(val)
        made: Val | None = None
        for qn in names:
            marks = self.solver.decorators.names(qn)
            if "property" in marks:
                one = self.solver.calls.invoke(f, qn, Arguments(f, [val], at))
            elif "staticmethod" in marks:
                one = Val(types=(("f", qn),), lit=True)
            else:
                receiver = Val(types=(("c", cls),), lit=True) if "classmethod" in marks else val
                one = Val(types=(("b", qn, receiver),), lit=True)
            made = one if made is None else join(made, one)
        if made is None and "." + name not in self._known_fields(f, val):
            hook = classes.method(cls, "__getattr__") if classes.field(cls, name) is None else None
            if hook is not None and t[0] == "i" and name[:2] != "__":
                return self.solver.calls.invoke(f, hook, Arguments(f, [val, Val(const=name, lit=True)], at))
            outside = classes.order(cls)[1]
            if outside and classes.field(cls, name) is None:
                return self.external(f, Val(f.own(val)), self.solver.models.canonical(outside[0]), name, at)
        return made

    @staticmethod
    def _known_fields(f: Frame, val: Val) -> set[str]:
        return {p for o in val.objs for p in f.get(o).fields}

    def external(self, f: Frame, val: Val, dotted: str, name: str, at: int) -> Val:
        """``name`` of something outside the project that is called ``dotted``."""
        models = self.solver.models
        path = models.canonical(f"{dotted}.{name}"[:EXTERNAL_LENGTH])
        model = models.reads.get(path)
        types = (("x", path),) if path.count(".") <= EXTERNAL_DEPTH else ()
        if model is not None:
            source = source_of(model.kind, model.id, f.file, at, path, model.confidence)
            made = source_value(source, steps.step(f.file, at, f"{model.kind} data from {path}"))
            return Val(made.atoms, types=types, sym=source)
        if dotted in SHARED:
            root = ("g", dotted, name)
            held = f.state.get(root)
            return root_value(root) if held is None else held
        own = f.own(val)
        if name == "parents" and own:
            return Val(own, types=(*types, ("tag", "parents", val)))
        bits = models.clean_reads.get(path)
        if bits is not None:
            return Val(cleared(own, bits), types=types, lit=val.lit)
        if own:
            plain = self._plain(f, val, name, at) if name in URL_PARTS or val.sym is not None else Val(own)
            return Val(own, types=types, sym=plain.sym if name in URL_PARTS else None)
        return Val(types=types, lit=val.lit)

    def item(self, f: Frame, obj: Val, key: Val, at: int) -> Val | None:  # noqa: C901, PLR0911 - one return per form
        """A modelled item read: ``os.environ["TOKEN"]``, a personal-data key of an unknown mapping."""
        models = self.solver.models
        for t in obj.types:
            if t[0] in ("i", "s") and isinstance(key.const, str) and self.solver.classes.is_mapping(t[1]):
                symbolic = any(f.get(o).origin is not None for o in obj.objs)
                found = f.place(obj, f"={key.const!r}")
                return self._declared(f, [t[1]], key.const, (f.file, at), found, symbolic=symbolic)
            if t[0] != "x":
                continue
            name = key.const if isinstance(key.const, str) else None
            if t[1] == "os.environ":
                return personal.environment(f, name, at, models)
            if t[1] in models.item_paths:
                return self.external(f, obj, t[1], "[]", at)
            if t[1] == "wsgi.environ" and name is not None:
                return self.external(f, Val(f.own(obj)), t[1], f"[{name}]", at)
        if isinstance(key.const, str) and obj.types:
            cell = records.by_name(f, obj, key.const, at)
            if cell is not None:
                return cell
        if isinstance(key.const, str) and not any(f.get(o).origin is None for o in obj.objs):
            found = f.place(obj, f"={key.const!r}")
            atoms = personal.asked(f, found.atoms, key.const, at)
            if atoms is not found.atoms:
                return Val(atoms, types=found.types, objs=found.objs)
            return personal.by_name(f, found, key.const, at, models)
        return None

    def printed(self, f: Frame, val: Val) -> dict[Any, Any]:
        """The atoms a value shows when it is made into text."""
        if not val.objs:
            return val.atoms
        atoms = f.own(val)
        seen: set[Any] = set()
        stack = [(o, 4) for o in val.objs]
        while stack:
            oid, left = stack.pop()
            if oid in seen:
                continue
            seen.add(oid)
            obj = f.get(oid)
            if obj.origin is not None and oid in val.atoms:
                atoms = join_atoms(atoms, {oid: val.atoms[oid]})
            for inner in self._shown(f, val, obj):
                atoms = join_atoms(atoms, inner.atoms)
                if left:
                    stack += [(o, left - 1) for o in inner.objs]
        return atoms

    def _shown(self, f: Frame, val: Val, obj: Any) -> list[Val]:
        if obj.kind in ("func", "gen"):
            return []
        if obj.kind == "inst" or (obj.kind == "sym" and any(t[0] in ("i", "s") for t in val.types)):
            cls = obj.cls or next((t[1] for t in val.types if t[0] in ("i", "s")), "")
            for name in ("__str__", "__repr__", "__format__"):
                method = self.solver.classes.method(cls, name)
                if method is not None:
                    plain = Val(val.atoms, types=val.types, objs=val.objs)
                    return [self.solver.calls.invoke(f, method, Arguments(f, [plain], 0))]
            shown = [*self.solver.classes.printed(f, cls, obj).values(), *personal.shown(self.solver, cls, obj)]
            if any(
                b.endswith(("Exception", "Error")) or b == "builtins.Exception"
                for b in self.solver.classes.order(cls)[1]
            ):
                shown += [v for p, v in obj.fields.items() if p == ".args"]
            return shown
        return [v for v in (*obj.fields.values(), obj.rest, obj.keys) if v is not None]

    def path_join(self, f: Frame, base: Val, parts: list[Val]) -> Val | None:
        """``base / part``: an absolute part replaces the base, so being joined clears nothing."""
        if not any(t == ("x", "pathlib.Path") for v in (base, *parts) for t in v.types):
            return None
        atoms: dict[Any, Any] = NO_ATOMS
        for v in (base, *parts):
            atoms = join_atoms(atoms, f.deep(v))
        return Val(atoms, types=(("x", "pathlib.Path"),), lit=base.lit and all(p.lit for p in parts))


def _is_code(v: Val) -> bool:
    return bool(v.types) and all(t[0] in ("f", "b", "c") for t in v.types)
