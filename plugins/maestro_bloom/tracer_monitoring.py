"""Python 3.12 and later: which code runs, by ``sys.monitoring`` events on the project's own code objects.

Every code object reports its first start (or resumption) and is then silent until it is woken again, so a function
costs one callback per test. Waking toggles the events of one code object; ``restart_events`` would wake the disabled
events of coverage and debuggers too. Code objects are never hashed: that would walk their bytecode.

Functions whose effect outlives the call have a tool of their own, see ``open_segments``. Whatever fell silent is woken
when one of them begins, so that it is seen inside as well.

Invariant: a code object armed here is kept alive, so its address names it for ever.
"""

from __future__ import annotations

import gc
import sys
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR, CO_NEWLOCALS, CO_OPTIMIZED
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from maestro_bloom import source_parts as writers
from maestro_bloom.early import is_loaded
from maestro_bloom.monitoring_tools import HITS, MonitoringTools
from maestro_bloom.open_segments import OpenSegments

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from maestro_bloom.recorder import Recorder
    from maestro_bloom.source_parts import SourceModel

    ModelOf = Callable[[str], SourceModel | None]
    Known = dict[tuple[str, int], tuple[int, int, tuple[str, ...]]]

# How often one function is woken within one test, to see whether it runs inside a segment too. One that alternates
# more often with segments counts as if it did: folding is always safe.
_WAKINGS = 256

# What ``id`` says, but without the audit event that each call of ``id`` raises.
_name: Callable[[object], int] = object.__hash__
_LAMBDA = "<lambda>"
_FUNCTION = CO_OPTIMIZED | CO_NEWLOCALS
_SUSPENDS = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR
_monitoring: Any = getattr(sys, "monitoring", None)


class MonitoringTracer:
    """Arms code objects and hands over what ran."""

    def __init__(self, recorder: Recorder, model_of: ModelOf) -> None:
        self._recorder = recorder
        self._model_of = model_of
        self.units: list[tuple[str, int]] = []
        self.hits: list[CodeType] = []
        self.again: list[CodeType] = []
        """Seen, and not yet drained: started, resumed."""
        self.quiet: list[CodeType] = []
        """Drained, and silent since."""
        self.segments: list[int] = []
        """Units of segments that were entered, not yet drained."""
        self._tools = MonitoringTools()
        self._segments = OpenSegments(self, recorder, self._tools)
        self.unsettled = self._segments.unsettled
        self._unit: dict[int, int] = {}
        self._alive: list[CodeType] = []
        self._resumed: set[int] = set()
        self._asleep: list[CodeType] = []
        self._wakings: dict[int, int] = {}

    def install(self) -> None:
        """Take the tool ids. Raises ``ToolTakenError``."""
        self._tools.take()
        events = _monitoring.events
        self._events = events.PY_START | events.PY_RESUME
        append, again, disable = self.hits.append, self.again.append, _monitoring.DISABLE
        unsettled, settle = self.unsettled, self._segments.settle

        def on_start(code: CodeType, _offset: int) -> object:
            if unsettled:
                settle()
            append(code)
            return disable

        def on_resume(code: CodeType, _offset: int) -> object:
            if unsettled:
                settle()
            again(code)
            return disable

        self._tools.register(HITS, events.PY_START, on_start)
        self._tools.register(HITS, events.PY_RESUME, on_resume)
        self._segments.install()

    def uninstall(self) -> None:
        """Silence everything and give the tool ids back."""
        for code in self._alive:
            self._tools.set_events(HITS, code, 0)
        self._segments.uninstall()
        self._tools.give_back()

    def arm(self, code: CodeType, path: str) -> None:
        """A module of the project is about to be executed: watch its functions, and itself as a segment."""
        model = self._model_of(path) if path.endswith(".py") else None
        kinds = _kinds(model)
        self._walk(code, path, kinds, self._new_unit(path, -1))
        self._segments.watch(code, writers.SEGMENT, None)

    def arm_loaded(self) -> None:
        """Watch functions that existed before the recorder; what they did before is unknown, so all are folded."""
        path_of = self._recorder.territory.path
        if not is_loaded(self._recorder.territory):
            return
        codes = [o.__code__ for o in gc.get_objects() if type(o) is FunctionType]
        paths = {name: path_of(name) for name in {code.co_filename for code in codes}}
        for code in codes:
            path = paths[code.co_filename]
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
        if code.co_name == _LAMBDA:
            found = kinds.get((_LAMBDA, code.co_firstlineno))
        kind, tables = (writers.PLAIN, ()) if found is None else found[1:]
        if kind != writers.PLAIN and code.co_flags & _SUSPENDS:
            kind = writers.WHOLE_TEST
        if kind != writers.PLAIN:
            self._segments.watch(code, kind, unit, tables)
        if kind in (writers.PLAIN, writers.WHOLE_TEST):  # a segment tells of itself
            self._tools.set_events(HITS, code, self._events)
        self._walk(code, path, kinds, unit)

    def _new_unit(self, path: str, block: int) -> int:
        self.units.append((path, block))
        return len(self.units) - 1

    @property
    def lost(self) -> str:
        """See ``Tracer``."""
        self._tools.intact()
        return self._tools.lost

    def suspect(self) -> None:
        """See ``Tracer``."""
        self._tools.suspect()

    # Questions of the recorder ------------------------------------------------------------------------------------

    def settle(self) -> None:
        """See ``Tracer``."""
        if self.unsettled:
            self._segments.settle()

    def begin(self, frame: FrameType) -> None:
        """See ``Tracer``."""
        self._segments.begin(frame)

    @property
    def idle(self) -> bool:
        """Whether nothing was seen since the last call of ``drain``."""
        return not (self.hits or self.again or self.segments)

    def drain(self) -> set[int]:
        """Units seen since the last call, see ``Tracer``."""
        hits, again, units = self.hits[:], self.again[:], self._unit
        del self.hits[: len(hits)]
        seen = {units[_name(code)] for code in hits}
        self.quiet += hits
        if self.segments:
            entered = self.segments[:]
            del self.segments[: len(entered)]
            seen.update(entered)
        if again:
            del self.again[: len(again)]
            resumed = {units[_name(code)] for code in again}
            self._resumed = resumed - seen
            self.quiet += again
            return seen | resumed
        self._resumed = set()
        return seen

    def resumed(self) -> set[int]:
        """See ``Tracer``."""
        return self._resumed

    def rearm(self) -> None:
        """See ``Tracer``."""
        if not self.quiet:
            return
        codes, folded, wakings = self.quiet[:], self._recorder.folded, self._wakings
        del self.quiet[: len(codes)]
        woken = []
        for code in codes:
            unit = self._unit[_name(code)]
            if unit not in folded:
                count = wakings[unit] = wakings.get(unit, 0) + 1
                if count <= _WAKINGS:
                    woken.append(code)
                    continue
                self._recorder.fold({unit})
            self._asleep.append(code)  # folded: it may be silent until the end of the test
        self._tools.tell_again(HITS, woken, self._events)

    def another_bag(self) -> None:
        """See ``Tracer``."""
        self._segments.another_bag()
        self.rearm()

    def wake(self) -> None:
        """See ``Tracer``."""
        self._segments.another_bag()
        codes = self.quiet[:]
        del self.quiet[: len(codes)]
        self._tools.tell_again(HITS, codes + self._asleep, self._events)
        self._asleep.clear()
        self._wakings.clear()


def _kinds(model: SourceModel | None) -> Known:
    """By qualified name and first line: number of the block, kind of writer; lambdas that are memos by their name."""
    if model is None:
        return {}
    found: Known = {(b.qualname, b.line): (i, b.writer, b.tables) for i, b in enumerate(model.blocks)}
    return found | {(_LAMBDA, line): (-1, writers.SEGMENT, ()) for line in model.memo_lambdas}
