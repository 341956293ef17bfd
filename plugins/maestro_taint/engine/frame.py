"""One abstract run of one function: its state, what it returned, and access to objects.

Invariant: the state maps names to values and object ids to objects; copying it is copying one dictionary, and a
branch works on its own copy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain import steps
from maestro_taint.domain.atoms import Source, Unknown
from maestro_taint.domain.objects import ELEMENT, Obj, blank, join_objects, missing
from maestro_taint.domain.values import CLEAN, NO_ATOMS, NO_CONST, Val, join, join_atoms, root_value
from maestro_taint.kinds import CERTAIN

if TYPE_CHECKING:
    from maestro_taint.domain.values import Oid, Step
    from maestro_taint.engine.solver import Solver
    from maestro_taint.engine.summary import SinkSite
    from maestro_taint.frontend.ir import Function, Module, Node

ITER = "~"  # the place "what iterating yields": keys of a mapping, elements of anything else
SELF = ".__self__"  # the receiver of a bound method
DEFAULT = "^"  # prefix of a parameter's default in a function value
CELL = "%"  # prefix of a captured name in a function value
DEPTH = 5
MAX_SINKS = 48


class Frame:
    """The run; ``state`` is ``None`` where control cannot get."""

    __slots__ = (
        "breaks", "callees", "caught", "continues", "dead", "depth", "file", "fn", "gives_up", "interest", "module",
        "passes_on", "quiet", "raised", "raises", "refined", "returns", "sinks", "solver", "state", "table", "thrown",
        "yields",
    )  # fmt: skip

    def __init__(self, solver: Solver, fn: Function, module: Module, table: Any, depth: int = 0) -> None:
        self.solver = solver
        self.fn = fn
        self.module = module
        self.file = module.path
        self.table = table
        self.depth = depth
        self.state: dict[Any, Any] = {}
        self.returns: list[tuple[Val, dict[Any, Any]]] = []
        self.yields: Val | None = None
        self.raises: Val = CLEAN
        self.raised: list[dict[Any, Any]] | None = None
        self.refined: dict[int, tuple[Val, Val]] = {}  # a value after a test, by identity: (it, what it was before)
        self.thrown: dict[Any, Any] | None = None  # the state where an exception leaves, for what it carries
        self.caught: list[Val] = []
        self.breaks: list[dict[Any, Any]] = []
        self.continues: list[dict[Any, Any]] = []
        self.sinks: dict[Any, tuple[int, Step]] = {}
        self.interest: set[Any] = set()
        self.callees: set[str] = set()
        self.passes_on = False
        self.gives_up = False
        self.quiet = False  # a declaration looked at by itself: what meets in it is told where it really runs
        self.dead = False  # a call in the statement being run never returns

    def eval(self, node: Node) -> Val:
        """The value of an expression; may change the state."""
        made: Val = self.table[node[0]](self, node)
        return made

    def get(self, oid: Oid) -> Obj:
        """The object; an unknown supplied by the caller comes into being when it is first looked at."""
        found = self.state.get(oid)
        if found is None:
            return blank(oid) if type(oid) is Unknown else Obj("dict", {})
        return found  # type: ignore[no-any-return]

    def put(self, oid: Oid, obj: Obj) -> None:
        """Replace an object."""
        self.state[oid] = obj

    def new(self, position: int, obj: Obj, slot: int = 0) -> Val:
        """A fresh object made at a place in the code; a place run again (a loop) stands for all its objects."""
        oid = ("n", position, slot)
        old = self.state.get(oid)
        self.state[oid] = obj if old is None else join_objects(old, obj)
        return Val(NO_ATOMS, types=(("i", obj.cls),) if obj.kind == "inst" else (), objs=(oid,), lit=True)

    def own(self, val: Val) -> dict[Any, Any]:
        """The atoms of the value itself, without those that merely say which unknown object it is."""
        objs, atoms = val.objs, val.atoms
        if not objs or not atoms:
            return atoms
        if len(atoms) == 1 and objs[0] in atoms:
            return NO_ATOMS
        return {a: x for a, x in atoms.items() if a not in objs}

    def deep(self, val: Val, depth: int = DEPTH) -> dict[Any, tuple[int, Step]]:
        """All atoms reachable from a value: what is exposed when the whole of it is written out."""
        atoms = val.atoms
        known = self.state.get
        stack = [(oid, depth) for oid in val.objs if oid in self.state]
        seen: set[Any] = set()
        while stack:
            oid, left = stack.pop()
            if oid in seen:
                continue
            seen.add(oid)
            obj = known(oid)
            if obj is None or obj.kind == "func":
                continue
            for inner in (*obj.fields.values(), obj.rest, obj.keys):
                if inner is not None:
                    if inner.atoms:
                        atoms = join_atoms(atoms, inner.atoms)
                    if left and inner.objs:
                        stack += [(o, left - 1) for o in inner.objs]
        return atoms

    def place(self, val: Val, place: str) -> Val:
        """What a value holds at a place (an attribute, a constant key)."""
        found: Val | None = None
        if place is ITER and val.types:
            found = self.solver.iterated(self, val)
            if found is not None:
                return found
        if val.types and (place is ITER or place[0] == "="):
            for t in val.types:
                if t[0] == "of":
                    return self._element_of(val, place, t[1])
        for oid in val.objs:
            one = self._place(self.get(oid), place)
            found = one if found is None else join(found, one)
        own = self.own(val)
        if found is None:
            return Val(own) if own else CLEAN
        return found if not own else join(found, Val(own))

    def _element_of(self, val: Val, place: str, types: tuple[Any, ...]) -> Val:
        """An element of a container whose elements are known by type."""
        plain = Val(val.atoms, types=tuple(t for t in val.types if t[0] != "of"), objs=val.objs)
        found = self.place(plain, place)
        if found.types or found.const is not NO_CONST:
            return found
        objs = found.objs or self.new(0, Obj("dict", {}, exact=False), slot=32).objs
        return Val(found.atoms, types=types, objs=objs, sym=found.sym, lit=found.lit)

    def _place(self, obj: Obj, place: str) -> Val:
        found = obj.fields.get(place)
        if found is not None:
            return found
        if place == ITER:
            return self._iterated(obj)
        if place == ELEMENT:
            return self.element(obj)
        if place[0] == CELL and obj.kind == "func":
            return self.state.get(place[1:], CLEAN)  # type: ignore[no-any-return]
        if place[0] == "=" and place[1:2] == "-" and obj.kind in ("list", "tuple") and obj.rest is None and obj.exact:
            place = f"={len(obj.fields) + int(place[1:])}" if place[2:].isdigit() else place
            return obj.fields.get(place, CLEAN)
        return missing(obj, place)

    def element(self, obj: Obj) -> Val:
        """The join of everything an object holds by key or index."""
        found = missing(obj, ELEMENT) if obj.origin is not None else obj.rest
        for place, value in obj.fields.items():
            if place[0] == "=":
                found = value if found is None else join(found, value)
        return CLEAN if found is None else found

    def _iterated(self, obj: Obj) -> Val:
        if obj.kind == "dict":
            return obj.keys if obj.keys is not None else CLEAN
        if obj.origin is not None:
            found = missing(obj, ITER)
            return found if obj.rest is None else join(found, obj.rest)
        return self.element(obj)

    def projected(self, val: Val, path: tuple[str, ...]) -> Val:
        """What stands below a value along a path of places."""
        for place in path:
            val = self.below(val, place)
        return val

    def below(self, val: Val, place: str) -> Val:
        """What stands one place below a value."""
        if place == SELF:
            return next((t[2] for t in val.types if t[0] == "b"), CLEAN)
        if val.types and not val.objs and place[0] == "." and any(t[0] == "x" for t in val.types):
            # The callee did not know what it was given: the caller does.
            return self.solver.attributes.load(self, val, place[1:], 0)
        found = self.place(val, place)
        return self.solver.attributes.through(self, val, place, found) if val.types and place[0] in ".=" else found

    def write(self, val: Val, place: str, value: Val) -> None:
        """Store at a place: certain when the value is one known object, possible otherwise."""
        single = len(val.objs) == 1
        for oid in val.objs:
            obj = self.get(oid)
            self.put(oid, obj.put(place, value) if single and obj.kind != "gen" else obj.put_weak(place, value))

    def absorb(self, val: Val, value: Val, keys: Val | None = None) -> None:
        """Some unknown part of the object may now hold ``value``."""
        for oid in val.objs:
            obj = self.get(oid)
            self.put(oid, obj.weak(value, keys))

    def note_interest(self, val: Val) -> None:
        """Remember that the run depends on what a parameter is, not only on where it comes from."""
        sym = val.sym
        if type(sym) is not Unknown:
            return
        if sym[0][0] == "p":
            if sym[0][1] != 0 or not self._is_exact():
                self.interest.add(sym[0][1])
        elif sym[0][0] == "c" and not sym[1]:
            self.interest.add(sym[0])

    def _is_exact(self) -> bool:
        """Whether the receiver can be of one class only, so that no caller knows more of it."""
        first = self.fn.params[0] if self.fn.cls and self.fn.params else None
        held = self.state.get(first) if self.state is not None else None
        types = held.types if type(held) is Val and type(held.sym) is Unknown and not held.sym[1] else ()
        return len(types) == 1 and types[0][0] == "s" and not self.solver.classes.derived(types[0][1])

    def reach(self, atoms: dict[Any, tuple[int, Step]], bits: int, site: SinkSite, words: str = "") -> None:
        """Data with ``atoms`` is used at a sink: a source there is a flow, a root is for the caller to know."""
        for atom, (live, step) in atoms.items():
            hit = live & bits
            if not hit:
                continue
            hit |= live & CERTAIN
            at: Step = steps.step(site.file, site.position, words, step) if words else step
            if isinstance(atom, Source):
                if not self.quiet:
                    self.solver.flow(atom, hit, site, at)
            elif self.is_news(atom, site, hit):
                self.meet(atom, site, hit, at)

    def is_news(self, atom: Any, site: SinkSite, hit: int) -> bool:
        """Whether it was not known that an unknown reaches a sink with these kinds, and there is room to tell it."""
        old = self.sinks.get((atom, site))
        return len(self.sinks) < MAX_SINKS if old is None else bool(hit & ~old[0])

    def meet(self, atom: Any, site: SinkSite, hit: int, step: Step) -> None:
        """An unknown reaches a sink; the first way there is kept."""
        old = self.sinks.get((atom, site))
        self.sinks[atom, site] = (hit, step) if old is None else (old[0] | hit, old[1])


def join_states(a: dict[Any, Any] | None, b: dict[Any, Any] | None) -> dict[Any, Any] | None:  # noqa: C901, PLR0912 - one branch per form
    """The state after either branch; returns ``a`` itself when ``b`` adds nothing."""
    if a is None:
        return b
    if b is None or a is b:
        return a
    out = a
    for key, new in b.items():
        old = a.get(key)
        if old is new:
            continue
        if key == "#facts":
            facts = None if old is None else _common_facts(old, new)
            if facts is not None:
                out = dict(a) if out is a else out
                out[key] = facts
            continue
        if old is None:
            old = _untouched(key)
        both: Any = new if old is None else join_objects(old, new) if isinstance(new, Obj) else join(old, new)
        if both is not old or key not in a:
            if out is a:
                out = dict(a)
            out[key] = both
    for key in a.keys() - b.keys():
        if key == "#facts":
            out = dict(a) if out is a else out
            del out[key]
            continue
        was = _untouched(key)
        if was is not None:
            both = join_objects(a[key], was) if isinstance(was, Obj) else join(a[key], was)
            if both is not a[key]:
                if out is a:
                    out = dict(a)
                out[key] = both
    return out


def _common_facts(a: Val, b: Val) -> Val:
    """What has been established on both paths."""
    both = {atom: bits & b.const.get(atom, 0) for atom, bits in a.const.items()}
    return Val(const={atom: bits for atom, bits in both.items() if bits})


def _untouched(key: Any) -> Any:
    """What an unknown holds on a branch that did not write to it; ``None`` for what is local."""
    if type(key) is str or key[0] == "n":
        return None
    if type(key) is Unknown:
        return blank(key)
    return root_value(key)


def is_known(val: Val) -> bool:
    """Whether a value is a constant."""
    return val.const is not NO_CONST
