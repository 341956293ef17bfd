"""A callee's summary in its caller: roots replaced by what the caller knows, in the caller's state.

Theorem: if a summary over-approximates its function for unknown roots, its application over-approximates the call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, Unknown
from maestro_taint.domain.objects import Obj, join_objects
from maestro_taint.domain.values import CLEAN, NO_ATOMS, Val, alive, compose, join, join_atoms, root_value, union
from maestro_taint.engine import guards
from maestro_taint.engine.frame import CELL
from maestro_taint.kinds import ALL, CERTAIN

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame
    from maestro_taint.engine.summary import Summary


class Application:
    """One application of one summary; make it, then :meth:`run`."""

    def __init__(self, f: Frame, summary: Summary, args: list[Val], callee: Val | None, at: int, name: str) -> None:
        self.f = f
        self.summary = summary
        self.args = args
        self.callee = callee
        self.at = at
        self.name = name
        self.roots: dict[Any, Val] = {}
        self.grafts: dict[Any, Any] = {}
        self.known: dict[int, Val] = {}
        self.bases: dict[Unknown, Val] = {}
        self.deeps: dict[Unknown, tuple[dict[Any, Any], bool]] = {}
        self.passed: dict[Any, dict[Any, Any]] = {}
        self.mapped: dict[int, dict[Any, Any]] = {}

    def run(self) -> Val:
        """Meet the sinks, write what is written, return what is returned."""
        f, summary = self.f, self.summary
        self._sinks()
        for key, value in summary.writes.items():
            self._write(key, value)
        if summary.raises.atoms or summary.raises.objs:
            f.raises = join(f.raises, self.val(summary.raises))
        pred = self._pred()
        for atom, bits in summary.ensures.items():
            self._fact(atom, bits)
        made = self.val(summary.ret)
        if pred is not None:
            made = Val(made.atoms, made.const, made.types, objs=made.objs, sym=made.sym, pred=pred, lit=made.lit)
        return made

    def root(self, root: Any) -> Val:
        """What the caller knows under a root's name."""
        found = self.roots.get(root)
        if found is None:
            found = self.roots[root] = self._root(root)
        return found

    def _root(self, root: Any) -> Val:
        f = self.f
        if root[0] == "p":
            return self.args[root[1]] if root[1] < len(self.args) else CLEAN
        if root[0] == "c":
            if f.fn.qn == root[1]:
                return f.state.get(root[2], CLEAN)  # type: ignore[no-any-return]
            if self.callee is not None and self.callee.objs:
                return f.place(self.callee, CELL + root[2])
            return f.state.get(root) or root_value(root)
        if f.fn.name == "<module>" and f.module.name == root[1]:
            return f.state.get(root[2]) or root_value(root)
        return f.state.get(root) or root_value(root)

    def base(self, atom: Unknown) -> Val:
        """What the caller knows at a root and path."""
        found = self.bases.get(atom)
        if found is None:
            above = atom.above
            found = self.root(atom[0]) if above is None else self.f.below(self.base(above), atom[1][-1])
            self.bases[atom] = found
        return found

    def outer(self, atom: Unknown) -> tuple[dict[Any, Any], bool]:
        """All atoms the caller has at a root and path; whether a source is among them."""
        found = self.deeps.get(atom)
        if found is None:
            atoms = self.f.deep(self.base(atom))
            found = self.deeps[atom] = (atoms, Source in map(type, atoms))
        return found

    def atoms(self, atoms: dict[Any, Any]) -> dict[Any, Any]:
        """Atoms in the caller's terms."""
        found = self.mapped.get(id(atoms))
        if found is None:
            found = self.mapped[id(atoms)] = self._mapped(atoms)
        return found

    def _mapped(self, atoms: dict[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = NO_ATOMS
        for atom, held in atoms.items():
            if type(atom) is Source:
                made = join_atoms(made, {atom: held})
                continue
            outer, sourced = self.deeps.get(atom) or self.outer(atom)
            if outer:
                if sourced or held[0] != ALL:
                    outer = self._through(atom, outer, *held)
                made = join_atoms(made, outer)
        return made

    def _through(self, atom: Any, outer: dict[Any, Any], live: int, inner: Any) -> dict[Any, Any]:
        """What the caller has at an atom, after a callee that does something to it or is a step for readers."""
        key = (atom, live)
        found = self.passed.get(key)
        if found is None:
            found = self.passed[key] = {}
            for a, (lv, st) in outer.items():
                left = compose(lv, a, live)
                if left & ~CERTAIN:
                    # Steps are for readers, who begin at a source.
                    found[a] = (left, self._step(st, inner, "") if type(a) is Source else st)
        return found

    def _step(self, outer: Any, inner: Any, words: str) -> Any:
        return steps.joined(inner, steps.step(self.f.file, self.at, words or f"passes through {self.name}()", outer))

    def val(self, v: Val) -> Val:
        """A value in the caller's terms; exactly the argument where it is exactly a parameter."""
        if not v.atoms and not v.objs and not (v.types and any(t[0] == "b" for t in v.types)):
            return v
        found = self.known.get(id(v))
        if found is not None:
            return found
        made = self._val(v)
        self.known[id(v)] = made
        return made

    def _val(self, v: Val) -> Val:
        if type(v.sym) is Unknown and len(v.atoms) == 1:
            live = v.atoms.get(v.sym, (0, None))[0]
            if live == ALL:
                base = self.base(v.sym)
                return (
                    base
                    if not v.types or base.types
                    else Val(base.atoms, base.const, v.types, objs=base.objs, sym=base.sym, lit=base.lit)
                )
        atoms = self.atoms(v.atoms)
        objs: tuple[Any, ...] = ()
        types = v.types
        oid: Any
        for oid in v.objs:
            if type(oid) is Unknown:
                base = self.base(oid)
                objs = union(objs, base.objs)
                types = union(types, base.types)
            else:
                objs = union(objs, (self.graft(oid),))
        if types and any(t[0] == "b" for t in types):
            types = tuple(("b", t[1], self.val(t[2])) if t[0] == "b" else t for t in types)
        if atoms:
            atoms = alive(atoms)
        return Val(atoms, v.const, types, objs=objs, lit=v.lit and not atoms)

    def graft(self, oid: Any) -> Any:
        """An object the callee made, as an object of the caller."""
        known = self.grafts.get(oid)
        if known is not None:
            return known
        new = ("n", self.at, len(self.grafts) + 1)
        self.grafts[oid] = new
        obj = self.summary.heap.get(oid)
        if obj is not None:
            made = self.obj(obj)
            old = self.f.state.get(new)
            self.f.state[new] = made if old is None else join_objects(old, made)
        return new

    def obj(self, obj: Obj) -> Obj:
        """An object's content in the caller's terms."""
        fields = {p: self.val(v) for p, v in obj.fields.items()}
        rest = None if obj.rest is None else self.val(obj.rest)
        keys = None if obj.keys is None else self.val(obj.keys)
        return Obj(obj.kind, fields, rest, exact=obj.exact, cls=obj.cls, keys=keys)

    def _sinks(self) -> None:
        f, words = self.f, f"passed to {self.name}()"
        for (atom, site), (live, step) in self.summary.sinks.items():
            outer, sourced = self.deeps.get(atom) or self.outer(atom)
            for a, (lv, st) in outer.items():
                left = compose(lv, a, live)
                if left & site.bit:
                    hit = left & (site.bit | CERTAIN)
                    if sourced and type(a) is Source:
                        if not f.quiet:
                            f.solver.flow(a, hit, site, self._step(st, step, words))
                    elif f.is_news(a, site, hit):
                        f.meet(a, site, hit, self._step(st, step, words))

    def _write(self, key: Any, value: Any) -> None:
        f = self.f
        if isinstance(value, Val):
            self._assign(key, self.val(value))
            return
        target = self.base(key)
        single = len(target.objs) == 1
        for oid in target.objs:
            obj = f.get(oid)
            for place, v in value.fields.items():
                new = self.val(v)
                obj = obj.put(place, new) if single else obj.put_weak(place, new)
            if value.rest is not None:
                obj = obj.weak(self.val(value.rest), None if value.keys is None else self.val(value.keys))
            f.put(oid, obj)

    def _assign(self, root: Any, value: Val) -> None:
        f = self.f
        if (root[0] == "c" and f.fn.qn == root[1]) or (
            root[0] == "g" and f.fn.name == "<module>" and f.module.name == root[1]
        ):
            f.state[root[2]] = value
        elif root[0] == "c" and self.callee is not None and self.callee.objs:
            f.write(self.callee, CELL + root[2], value)
        else:
            f.state[root] = value

    def _fact(self, atom: Any, bits: int) -> None:
        base = self.base(atom)
        if base.atoms:
            guards.apply(self.f, (guards.about(base, bits), ()), truth=True)

    def _pred(self) -> Any:
        summary = self.summary
        if not summary.if_true and not summary.if_false:
            return None
        sides = [
            tuple(x for atom, bits in side.items() for x in guards.about(self.base(atom), bits))
            for side in (summary.if_true, summary.if_false)
        ]
        return tuple(sides) if any(sides) else None
