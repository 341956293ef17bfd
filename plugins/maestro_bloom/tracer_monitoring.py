"""Python 3.12 and later: which code runs, by ``sys.monitoring`` events on the project's own code objects.

Every code object reports its first start (or resumption) and is then silent until it is woken again, so a function
costs one callback per test. Waking toggles the events of one code object; ``restart_events`` would wake the disabled
events of coverage and debuggers too. Code objects are never hashed: that would walk their bytecode.

A function whose effect outlives the call (a segment) reports every start, and no end: whether something runs inside
one is seen by its callers, and asked only if one has begun since nothing was found there. Watching the ends would cost
a second callback for each call, and for those by an exception all code of the process would have to be instrumented.

Invariant: a code object armed here is kept alive, so its address names it for ever.
"""

from __future__ import annotations

import gc
import sys
from _thread import get_ident  # gevent puts another into ``threading``
from inspect import CO_NEWLOCALS, CO_OPTIMIZED
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from maestro_bloom import writers

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from maestro_bloom.owned_memos import Memo
    from maestro_bloom.recorder import Recorder
    from maestro_bloom.source_model import SourceModel

    ModelOf = Callable[[str], SourceModel | None]
    Known = dict[tuple[str, int], tuple[int, int, tuple[str, ...]]]

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

TOOLS = (3, 4)
"""The tool ids without a conventional owner: one whose events fall silent, one for segments, whose must not."""

# How often one function is woken within one test, to see whether it runs inside a segment too. One that alternates
# more often with segments counts as if it did: folding is always safe.
_WAKINGS = 256

# What ``id`` says, but without the audit event that each call of ``id`` raises.
_name: Callable[[object], int] = object.__hash__
_SEGMENT = "segment"
# They run the tests and hold no segment, unless they are the project.
_RUNNERS = ("_pytest", "pluggy")
_CHILD = "maestro-bloom-child"
_LAMBDA = "<lambda>"
_FUNCTION = CO_OPTIMIZED | CO_NEWLOCALS
_monitoring: Any = getattr(sys, "monitoring", None)


class ToolTakenError(Exception):
    """Another tool holds a tool id: nothing can be recorded in this process."""


class MonitoringTracer:
    """Arms code objects and hands over what ran."""

    def __init__(self, recorder: Recorder, model_of: ModelOf) -> None:
        self._recorder = recorder
        self._model_of = model_of
        self.units: list[tuple[str, int]] = []
        self._unit: dict[int, int] = {}
        self._kinds: dict[int, int] = {}
        self._tables: dict[int, tuple[str, ...]] = {}
        self._alive: list[CodeType] = []
        self._watched: list[CodeType] = []
        self._hits: list[CodeType] = []
        self._again: list[CodeType] = []
        self._resumed: set[int] = set()
        self._asleep: list[CodeType] = []
        self._wakings: dict[int, int] = {}
        self._folded: set[int] = set()
        self._entered: set[int] = set()
        self._looking: set[int] = set()
        self._base = 0
        self._aside: tuple[str, ...] = ()

    def install(self) -> None:
        """Take the tool ids. Raises ``ToolTakenError``."""
        for tool in TOOLS:
            if _monitoring.get_tool(tool) == _CHILD:
                _monitoring.free_tool_id(tool)  # a recorded child that records on its own: it leaves no result
            if _monitoring.get_tool(tool) is not None:
                raise ToolTakenError(f"sys.monitoring tool {tool} is used by {_monitoring.get_tool(tool)!r}")
        events = _monitoring.events
        seen, around = TOOLS
        self._events = events.PY_START | events.PY_RESUME
        _monitoring.use_tool_id(seen, "maestro-bloom")
        _monitoring.use_tool_id(around, "maestro-bloom-segments")
        append, again, disable = self._hits.append, self._again.append, _monitoring.DISABLE
        looking, settle = self._looking, self.settle

        def on_start(code: CodeType, _offset: int) -> object:
            if looking:
                settle()
            append(code)
            return disable

        def on_resume(code: CodeType, _offset: int) -> object:
            if looking:
                settle()
            again(code)
            return disable

        _monitoring.register_callback(seen, events.PY_START, on_start)
        _monitoring.register_callback(seen, events.PY_RESUME, on_resume)
        _monitoring.register_callback(around, events.PY_START, self._on_enter())

    def uninstall(self) -> None:
        """Silence everything and give the tool ids back."""
        for tool, armed in zip(TOOLS, (self._alive, self._watched), strict=True):
            for code in armed:
                _monitoring.set_local_events(tool, code, 0)
        for tool in TOOLS:
            for event in ("PY_START", "PY_RESUME"):
                _monitoring.register_callback(tool, getattr(_monitoring.events, event), None)
            _monitoring.free_tool_id(tool)

    def arm(self, code: CodeType, path: str) -> None:
        """A module of the project is about to be executed: watch its functions, and itself as a segment."""
        model = self._model_of(path) if path.endswith(".py") else None
        kinds = _kinds(model)
        self._walk(code, path, kinds, self._new_unit(path, -1))
        self._watch_segment(code, writers.SEGMENT)

    def arm_loaded(self) -> None:
        """Watch functions that existed before the recorder; what they did before is unknown, so all are folded."""
        path_of = self._recorder.territory.path
        for code in [o.__code__ for o in gc.get_objects() if type(o) is FunctionType]:
            path = path_of(code.co_filename)
            if path is not None and _name(code) not in self._unit:
                self._recorder.early.add(path)
                model = self._model_of(path)
                kinds = _kinds(model)
                self._function(code, path, kinds, self._new_unit(path, -1))

    def _walk(self, code: CodeType, path: str, kinds: Known, around: int) -> None:
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                if constant.co_flags & _FUNCTION == _FUNCTION:
                    self._function(constant, path, kinds, around)
                else:
                    self._walk(constant, path, kinds, around)

    def _function(self, code: CodeType, path: str, kinds: Known, around: int) -> None:
        found = kinds.get((code.co_qualname, code.co_firstlineno))
        unit = around if found is None else self._new_unit(path, found[0])
        self._unit[_name(code)] = unit
        self._alive.append(code)
        _monitoring.set_local_events(TOOLS[0], code, self._events)
        if code.co_name == _LAMBDA:
            found = kinds.get((_LAMBDA, code.co_firstlineno))
        if found is not None and found[1] != writers.PLAIN:
            self._tables[_name(code)] = found[2]
            self._watch_segment(code, found[1])
        self._walk(code, path, kinds, unit)

    def _watch_segment(self, code: CodeType, kind: int) -> None:
        self._kinds[_name(code)] = kind
        self._watched.append(code)
        _monitoring.set_local_events(TOOLS[1], code, _monitoring.events.PY_START)

    def _new_unit(self, path: str, block: int) -> int:
        self.units.append((path, block))
        return len(self.units) - 1

    def _on_enter(self) -> Callable[[CodeType, int], None]:
        """The callback of each start of a segment; a closure, because some start a hundred thousand times a second."""
        recorder, entered, looking = self._recorder, self._entered, self._looking
        hits, again, segments = self._hits, self._again, self._recorder.segments

        def on_enter(code: CodeType, _offset: int) -> None:
            name = _name(code)
            if recorder.collecting:
                unit = self._unit.get(name)
                if unit is not None:
                    recorder.acted(self.units[unit][0])
                return  # everything is folded anyway
            # What was seen before it must be seen again, should it run inside too; mostly nothing was.
            if name not in entered or ((hits or again) and not segments):
                self._begin_segment(code, name)
            looking.add(get_ident())

        return on_enter

    def _begin_segment(self, code: CodeType, name: int) -> None:
        recorder = self._recorder
        if self._kinds[name] == writers.WHOLE_TEST:
            recorder.fold_all()
            self._entered.add(name)
            return
        self.settle()
        if self._kinds[name] == writers.SEGMENT and not recorder.segments:
            recorder.enter(_SEGMENT)
        if name not in self._entered:
            self._entered.add(name)
            if name in self._unit:
                self._hits.append(code)  # it may have fallen silent in this test, and is folded itself

    def settle(self) -> None:
        """See ``Tracer``. A segment that another thread has begun counts until that thread is seen outside."""
        own, looking = get_ident(), self._looking
        inside, memos = self._within() if own in looking else (False, ())
        # Where greenlets take turns on one thread, a segment may go on later.
        if not inside and not memos and "greenlet" not in sys.modules:
            looking.discard(own)
        if inside or looking - {own}:
            if not self._recorder.segments:
                self._recorder.enter(_SEGMENT)
        elif self._recorder.segments:
            self._recorder.leave(_SEGMENT)
        self._recorder.hold(memos)

    def _within(self) -> tuple[bool, tuple[Memo, ...]]:
        """Whether a segment is among the callers, as far as the test goes, and the memos that are being filled."""
        kinds, base, aside = self._kinds, self._base, self._aside
        memos = []
        frame: FrameType | None = _getframe(1)
        while frame is not None and _name(frame) != base:
            # Asking for the code of a frame raises an audit event; most frames are pytest's.
            name = frame.f_globals.get("__name__")
            foreign = type(name) is str and name.startswith(aside)
            kind = writers.PLAIN if foreign else kinds.get(_name(frame.f_code), writers.PLAIN)
            if kind == writers.SEGMENT:
                return True, ()
            if kind == writers.OWN:
                code = frame.f_code
                memo = self._recorder.memo_of(frame.f_locals.get(code.co_varnames[0]), self._tables[_name(code)])
                if memo is None:
                    return True, ()
                memo.units.add(self._unit[_name(code)])
                memos.append(memo)
            frame = frame.f_back
        return False, tuple(memos)

    def begin(self, frame: FrameType) -> None:
        """See ``Tracer``."""
        if not self._aside:
            path = self._recorder.territory.path
            found = [name for name in _RUNNERS if not path(getattr(sys.modules.get(name), "__file__", None) or "")]
            self._aside = tuple(f"{name}." for name in found)
        self._base = _name(frame)
        self._looking.clear()

    def drain(self, *, wake: bool) -> set[int]:
        """Units seen since the last call, see ``Tracer``."""
        hits, again = self._hits[:], self._again[:]
        del self._hits[: len(hits)]
        del self._again[: len(again)]
        units = self._unit
        started, resumed = {units[_name(code)] for code in hits}, {units[_name(code)] for code in again}
        self._resumed = resumed - started
        hits += again
        seen = started | resumed
        if wake:
            self._wake(hits)
            if self._asleep or self._wakings or self._entered:
                self._wake(self._asleep)
                self._asleep.clear()
                self._wakings.clear()
                self._entered.clear()
        else:
            self._wake([code for code in hits if not self._stays_asleep(code)])
        return seen

    def _stays_asleep(self, code: CodeType) -> bool:
        """Whether a function seen in the middle of a test may be silent until its end, because it is folded."""
        unit = self._unit[_name(code)]
        if unit not in self._folded:
            count = self._wakings[unit] = self._wakings.get(unit, 0) + 1
            if count <= _WAKINGS:
                return False
            self._recorder.fold({unit})
        self._asleep.append(code)
        return True

    def resumed(self) -> set[int]:
        """See ``Tracer``."""
        return self._resumed

    @property
    def idle(self) -> bool:
        """Whether nothing was seen since the last call of ``drain``."""
        return not self._hits and not self._again

    def _wake(self, codes: list[CodeType]) -> None:
        tool, events, set_events = TOOLS[0], self._events, _monitoring.set_local_events
        for code in codes:
            # Setting the same events again would not wake it.
            set_events(tool, code, 0)
            set_events(tool, code, events)

    def fold(self, units: set[int]) -> None:
        """See ``Tracer``."""
        self._folded |= units


def _kinds(model: SourceModel | None) -> Known:
    """By qualified name and first line: number of the block, kind of writer; lambdas that are memos by their name."""
    if model is None:
        return {}
    found: Known = {(b.qualname, b.line): (i, b.writer, b.tables) for i, b in enumerate(model.blocks)}
    return found | {(_LAMBDA, line): (-1, writers.SEGMENT, ()) for line in model.memo_lambdas}
