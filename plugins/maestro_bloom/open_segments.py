"""Python 3.12 and later: functions whose effect outlives the call (segments), while they run.

Their starts and returns are told by ``sys.monitoring`` events of their own code objects, their ends by exceptions by
the one event that is told for all code, which costs nothing where nothing is raised.

Some are called a hundred thousand times a second. When many calls in a row taught nothing, those that follow are muted,
until something is seen: then the callers' frames tell which segments are open, and all are told again.

A thread, or a greenlet, has segments of its own. One that another has begun counts until it ends, or the test ends.

Invariant: while a segment runs its name is in ``_open``, or ``_muted`` is not empty. While ``_muted`` is not empty, all
that was seen in the test's own thread can be seen again, or is folded.
"""

from __future__ import annotations

import sys
from _thread import get_ident  # gevent puts another into ``threading``
from typing import TYPE_CHECKING, Any

from maestro_bloom import source_parts as writers
from maestro_bloom.monitoring_tools import SEGMENTS
from maestro_bloom.owned_memos import ASKED

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from maestro_bloom.monitoring_tools import MonitoringTools
    from maestro_bloom.owned_memos import Memo
    from maestro_bloom.recorder import Recorder
    from maestro_bloom.tracer_monitoring import MonitoringTracer

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

# After so many starts of segments in a row that taught nothing, further ones are not told.
_CALM = 64

# What ``id`` says, but without the audit event that each call of ``id`` raises.
_name: Callable[[object], int] = object.__hash__
_SEGMENT = "segment"
# They run the tests and hold no segment, unless they are the project.
_RUNNERS = ("_pytest", "pluggy")
_monitoring: Any = getattr(sys, "monitoring", None)


class OpenSegments:
    """The segments of one process; one of ``tools`` watches them, the tracer sees what runs inside."""

    def __init__(self, tracer: MonitoringTracer, recorder: Recorder, tools: MonitoringTools) -> None:
        self._tracer = tracer
        self._recorder = recorder
        self._tools = tools
        self._units: dict[int, int] = {}
        self._kinds: dict[int, int] = {}
        self._tables: dict[int, tuple[str, ...]] = {}
        self._watched: list[CodeType] = []
        self._muted: list[CodeType] = []
        self._suspending: list[CodeType] = []
        self._open: dict[int, list[int]] = {}
        self._memos: list[Memo | None] = []
        """Of the outermost segments open in the test's own thread, as far as anybody asked."""
        self._entered: set[int] = set()
        self._asking: set[int] = set()
        self._asked: dict[int, int] = {}
        self._unsettled: list[bool] = []
        self._sure = 0
        """What runs is folded as long as so many segments are open in the test's own thread; 0: that is not sure."""
        self._calm = 0
        self._who: Callable[[], int] = get_ident
        self._thread = 0
        self._base = 0
        self._aside: tuple[str, ...] = ()

    def install(self) -> None:
        """Register the callbacks of the tool, whose id is taken."""
        events = _monitoring.events
        self._events = events.PY_START | events.PY_RETURN
        self._tools.register(SEGMENTS, events.PY_START, self._on_enter())
        ended = self._on_end()
        self._tools.register(SEGMENTS, events.PY_RETURN, ended)
        self._tools.register(SEGMENTS, events.PY_UNWIND, self._on_unwind(ended))

    def uninstall(self) -> None:
        """Silence everything."""
        for code in self._watched:
            self._tools.set_events(SEGMENTS, code, 0)
        self._tools.watch_everywhere(SEGMENTS, 0)

    def watch(self, code: CodeType, kind: int, unit: int | None, tables: tuple[str, ...] = ()) -> None:
        """Tell each start of a function of this ``writers`` kind from now on; a module has no ``unit``."""
        name = _name(code)
        self._kinds[name] = kind
        if unit is not None:
            self._units[name] = unit
        if kind == writers.OWN:
            self._tables[name] = tables
            self._asking.add(name)
        self._watched.append(code)
        self._tools.set_events(SEGMENTS, code, self._events)

    @property
    def unsettled(self) -> list[bool]:
        """Not empty if segments began or ended since ``settle``. Always the same list: a callback may keep it."""
        return self._unsettled

    def another_bag(self) -> None:
        """What was entered is to be told again."""
        self._entered.clear()
        self._unmute()

    def begin(self, frame: FrameType) -> None:
        """A test begins whose calls stand above ``frame``."""
        if not self._base:  # the first test: importing raises a lot, and needs no ends
            self._tools.watch_everywhere(SEGMENTS, _monitoring.events.PY_UNWIND)
            path = self._recorder.territory.path
            found = [name for name in _RUNNERS if not path(getattr(sys.modules.get(name), "__file__", None) or "")]
            self._aside = tuple(f"{name}." for name in found)
        self._base = _name(frame)
        current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
        self._who = get_ident if current is None else lambda: _name(current())
        # Where greenlets take turns no frames of the others would be found.
        self._thread = get_ident() if current is None else 0
        self._open.clear()
        self._memos.clear()
        self._unsettled.clear()
        self._sure = 0
        self._asked.clear()
        self._tools.tell_again(SEGMENTS, self._suspending, self._events)
        self._suspending.clear()

    def _unmute(self) -> None:
        muted = self._muted[:]
        del self._muted[: len(muted)]
        self._tools.tell_again(SEGMENTS, muted, self._events)

    # Events -------------------------------------------------------------------------------------------------------

    def _on_enter(self) -> Callable[[CodeType, int], object]:
        """The callback of each start; a closure, because some start a hundred thousand times a second."""
        recorder, entered, asking, running = self._recorder, self._entered, self._asking, self._open
        muted, unsettled = self._muted, self._unsettled
        hits, again, quiet = self._tracer.hits, self._tracer.again, self._tracer.quiet
        enter, disable = self._enter, _monitoring.DISABLE

        def on_enter(code: CodeType, _offset: int) -> object:
            name = _name(code)
            if recorder.collecting:
                self._collecting(name)
                return None
            own = self._who()
            sure = self._sure and own == self._thread
            # What was seen before must be seen again, should it run inside too; mostly nothing was.
            if name not in entered or name in asking or (not sure and (hits or again or quiet)):
                self._calm = 0
                if not enter(code, name):
                    return disable
            elif self._calm < _CALM or own != self._thread:
                self._calm += 1
            else:
                muted.append(code)
                unsettled.append(True)
                return disable
            stack = running.get(own)
            if stack is None:
                running[own] = [name]
            else:
                stack.append(name)
            if not sure and not unsettled:
                unsettled.append(True)
            return None

        return on_enter

    def _collecting(self, name: int) -> None:
        """While tests are collected everything is folded; of interest is which module had it called."""
        unit = self._units.get(name)
        if unit is not None:
            self._recorder.acted(self._tracer.units[unit][0])
            self._see(name)

    def _see(self, name: int) -> None:
        """Hand in a segment itself, once for each bag."""
        if name not in self._entered:
            self._entered.add(name)
            unit = self._units.get(name)
            if unit is not None:
                self._tracer.segments.append(unit)

    def _enter(self, code: CodeType, name: int) -> bool:
        """Part what was seen before from what will be seen inside; whether the segment's end is of interest."""
        recorder, kind = self._recorder, self._kinds[name]
        if kind == writers.WHOLE_TEST:
            recorder.fold_all()
            self._suspending.append(code)
            return False
        if not (self._sure and self._who() == self._thread):
            recorder.part()
        if kind == writers.OWN:
            if name in self._asking:
                self._ask(name)
        elif not recorder.segments and name in self._units and name not in self._entered:
            recorder.enter(_SEGMENT)
        self._see(name)
        return True

    def _ask(self, name: int) -> None:
        """A method that may keep something on its first argument, or make another method do so: on which object?"""
        recorder, unit = self._recorder, self._units[name]
        asked = self._asked[name] = self._asked.get(name, 0) + 1
        # ``_enter`` and the callback stand between this and the method.
        folded = recorder.segments or asked > ASKED or unit in recorder.folded
        memo = None if folded else self._memo(_getframe(3))
        if memo is None:
            recorder.fold({unit})
            self._asking.discard(name)
        else:
            for filling in (memo, *recorder.held):
                filling.units.add(unit)

    def _on_end(self) -> Callable[[CodeType, int, object], object]:
        """The callback of each end of a segment."""
        recorder, running, muted, memos = self._recorder, self._open, self._muted, self._memos
        hits, again, disable = self._tracer.hits, self._tracer.again, _monitoring.DISABLE
        unsettled = self._unsettled

        def on_end(code: CodeType, _offset: int, _value: object) -> object:
            own = self._who()
            stack = running.get(own)
            name = _name(code)
            if stack is None or name not in stack:
                return disable if muted else None
            while stack.pop() != name:
                pass  # its end was not told
            if memos and own == self._thread:
                del memos[len(stack) :]
            if stack:
                if not unsettled and (len(stack) < self._sure or not self._sure):
                    unsettled.append(True)
            else:
                del running[own]
                if hits or again or recorder.segments or recorder.held:
                    self.settle()
            return None

        return on_end

    def _on_unwind(self, ended: Callable[[CodeType, int, object], object]) -> Callable[[CodeType, int, object], None]:
        """The callback of each end by an exception, of whatever code."""
        running, kinds = self._open, self._kinds

        def on_unwind(code: CodeType, offset: int, value: object) -> None:
            if running and _name(code) in kinds:
                ended(code, offset, value)

        return on_unwind

    # Questions ----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Tell the recorder whether a segment is open, and which memos are being filled."""
        recorder = self._recorder
        self._unsettled.clear()
        self._sure = 0
        memos: tuple[Memo, ...] | None = ()
        if self._open or self._muted:
            memos = self._filled()
        elif not (recorder.segments or recorder.held):
            return
        if memos is None:
            if not recorder.segments:
                recorder.enter(_SEGMENT)
        elif recorder.segments:
            recorder.leave(_SEGMENT)
        recorder.hold(memos or ())
        if self._muted:
            self._unsettled.append(True)  # another thread than the test's has asked

    def _filled(self) -> tuple[Memo, ...] | None:
        """The memos being filled, or ``None``: what runs now is folded."""
        running, kinds, own = self._open, self._kinds, self._who()
        if self._muted and own == self._thread:
            self._unmute()
            self._memos.clear()
            self._calm = 0
            running[own] = [_name(frame.f_code) for frame in self._frames()]
            if not running[own]:
                del running[own]
        stack = running.get(own, [])
        first = next((at for at, name in enumerate(stack) if kinds[name] == writers.SEGMENT), -1)
        if own == self._thread:
            self._sure = first + 1
        if self._muted or first >= 0 or len(running) > (own in running):
            return None
        memos = self._memos if own == self._thread else []
        if len(memos) < len(stack):
            frames = self._frames(len(stack) - len(memos))
            if [_name(frame.f_code) for frame in frames] != stack[len(memos) :]:
                return None
            memos += [self._memo(frame) for frame in frames]
        found = tuple(memo for memo in memos if memo is not None)
        return found if len(found) == len(stack) else None

    def _frames(self, count: int = -1) -> list[FrameType]:
        """The frames of segments among the callers, outermost first: the innermost ``count`` of the test, or all."""
        kinds, base, aside = self._kinds, self._base, self._aside
        found: list[FrameType] = []
        frame: FrameType | None = _getframe(1)
        while frame is not None and _name(frame) != base and len(found) != count:
            # Asking for the code of a frame raises an audit event; most frames are pytest's.
            module = frame.f_globals.get("__name__")
            if not (type(module) is str and module.startswith(aside)):
                kind = kinds.get(_name(frame.f_code), writers.PLAIN)
                if kind in (writers.SEGMENT, writers.OWN):
                    found.append(frame)
            frame = frame.f_back
        return found[::-1]

    def _memo(self, frame: FrameType) -> Memo | None:
        """What a method that runs keeps on its first argument, if that ends with the object."""
        code = frame.f_code
        return self._recorder.memo_of(frame.f_locals.get(code.co_varnames[0]), self._tables[_name(code)])
