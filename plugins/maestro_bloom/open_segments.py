"""Python 3.12 and later: functions whose effect outlives the call (segments), while they run.

Their starts and returns are told by ``sys.monitoring`` events of their own. An end by an exception is not: for that all
code of the process would have to be instrumented. So whoever sees something while a segment seems open asks the
callers' frames whether it still is; where none is open, nothing is asked.

Some are called a hundred thousand times a second. When many calls in a row taught nothing, those that follow are muted,
until something is seen: then the callers' frames tell which segments are open, and all are told again.

A thread, or a greenlet, has segments of its own. One that another has begun counts until it returns, or the test ends.

Invariant: while a segment runs its name is in ``_open``, or ``_muted`` is not empty; a name in there may belong to one
that an exception ended. While ``_muted`` is not empty, all that was seen in the test's own thread can be seen again.
"""

from __future__ import annotations

import sys
from _thread import get_ident  # gevent puts another into ``threading``
from typing import TYPE_CHECKING, Any

from maestro_bloom import writers
from maestro_bloom.monitoring_tools import SEGMENTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType, FrameType

    from maestro_bloom.monitoring_tools import MonitoringTools
    from maestro_bloom.owned_memos import Memo
    from maestro_bloom.recorder import Recorder
    from maestro_bloom.tracer_monitoring import MonitoringTracer

# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame

# Of how many objects a method is asked in one test whether it keeps something there. One that is called more often
# counts as module level: folding is always safe.
_ASKED = 1024

# After so many starts of segments in a row that taught nothing, further ones are not told.
_CALM = 64

# What ``id`` says, but without the audit event that each call of ``id`` raises.
_name: Callable[[object], int] = object.__hash__
_SEGMENT = "segment"
# They run the tests and hold no segment, unless they are the project.
_RUNNERS = ("_pytest", "pluggy")
_monitoring: Any = getattr(sys, "monitoring", None)


class OpenSegments:
    """The segments of one process; ``tool`` is the id of the tool that watches them."""

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
        self._entered: set[int] = set()
        self._asking: set[int] = set()
        self._asked: dict[int, int] = {}
        self._who: Callable[[], int] = get_ident
        self._thread = 0
        self._base = 0
        self._aside: tuple[str, ...] = ()

    def install(self) -> None:
        """Register the callbacks of the tool, whose id is taken."""
        events = _monitoring.events
        self._events = events.PY_START | events.PY_RETURN
        self._tools.register(SEGMENTS, events.PY_START, self._on_enter())
        self._tools.register(SEGMENTS, events.PY_RETURN, self._on_return())

    def uninstall(self) -> None:
        """Silence everything."""
        for code in self._watched:
            self._tools.set_events(SEGMENTS, code, 0)

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
    def doubtful(self) -> tuple[object, object]:
        """While both are empty no segment is open. The same always, so that a callback may keep them."""
        return self._open, self._muted

    def another_bag(self) -> None:
        """What was entered is to be told again."""
        self._entered.clear()
        self._unmute()

    def begin(self, frame: FrameType) -> None:
        """A test begins whose calls stand above ``frame``."""
        if not self._aside:
            path = self._recorder.territory.path
            found = [name for name in _RUNNERS if not path(getattr(sys.modules.get(name), "__file__", None) or "")]
            self._aside = tuple(f"{name}." for name in found)
        self._base = _name(frame)
        current = getattr(sys.modules.get("greenlet"), "getcurrent", None)
        self._who = get_ident if current is None else lambda: _name(current())
        # Where greenlets take turns no frames of the others would be found.
        self._thread = get_ident() if current is None else 0
        self._open.clear()
        self._asked.clear()
        self._tell(self._suspending)
        self._suspending.clear()

    def _unmute(self) -> None:
        muted = self._muted[:]
        del self._muted[: len(muted)]
        self._tell(muted)

    def _tell(self, codes: list[CodeType]) -> None:
        for code in codes:
            # Setting the same events again would change nothing.
            self._tools.set_events(SEGMENTS, code, 0)
            self._tools.set_events(SEGMENTS, code, self._events)

    # Events -------------------------------------------------------------------------------------------------------

    def _on_enter(self) -> Callable[[CodeType, int], object]:
        """The callback of each start; a closure, because some start a hundred thousand times a second."""
        recorder, entered, asking, running = self._recorder, self._entered, self._asking, self._open
        mute, calm = self._muted.append, 0
        hits, again, quiet = self._tracer.hits, self._tracer.again, self._tracer.quiet
        enter, disable = self._enter, _monitoring.DISABLE

        def on_enter(code: CodeType, _offset: int) -> object:
            nonlocal calm
            name = _name(code)
            if recorder.collecting:
                self._collecting(name)
                return None
            own = self._who()
            # What was seen before must be seen again, should it run inside too; mostly nothing was.
            if hits or again or quiet or name not in entered or name in asking:
                calm = 0
                if not enter(code, name):
                    return disable
            elif calm < _CALM or own != self._thread:
                calm += 1
            else:
                mute(code)
                return disable
            stack = running.get(own)
            if stack is None:
                running[own] = [name]
            else:
                stack.append(name)
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
        recorder.part()
        if kind == writers.OWN:
            if name in self._asking:
                self._ask(code, name)
        elif not recorder.segments and name in self._units and name not in self._entered:
            recorder.enter(_SEGMENT)
        self._see(name)
        return True

    def _ask(self, code: CodeType, name: int) -> None:
        """A method that may keep something on its first argument, or make another method do so: on which object?"""
        recorder, unit = self._recorder, self._units[name]
        asked = self._asked[name] = self._asked.get(name, 0) + 1
        # ``_enter`` and the callback stand between this and the method.
        frame = _getframe(3)
        folded = recorder.segments or asked > _ASKED or unit in recorder.folded
        memo = None if folded else self._memo(frame, code, name)
        if memo is None:
            recorder.fold({unit})
            self._asking.discard(name)
        else:
            for filling in (memo, *recorder.held):
                filling.units.add(unit)

    def _on_return(self) -> Callable[[CodeType, int, object], object]:
        """The callback of each return of a segment."""
        recorder, running, muted = self._recorder, self._open, self._muted
        hits, again, disable = self._tracer.hits, self._tracer.again, _monitoring.DISABLE

        def on_return(code: CodeType, _offset: int, _value: object) -> object:
            own = self._who()
            stack = running.get(own)
            name = _name(code)
            if stack is None or name not in stack:
                return disable if muted else None
            while stack.pop() != name:
                pass  # ended by an exception that this one caught
            if not stack:
                del running[own]
                if hits or again or recorder.segments or recorder.held:
                    self.settle()
            return None

        return on_return

    # Questions ----------------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Tell the recorder whether a segment is open, and which memos are being filled."""
        running, recorder = self._open, self._recorder
        inside = False
        memos: tuple[Memo, ...] = ()
        if running or self._muted:
            own = self._who()
            if own == self._thread and self._muted:
                self._unmute()
                inside, memos = self._within(running.setdefault(own, []), anew=True)
            elif own in running:
                inside, memos = self._within(running[own])
            if not running.get(own, True):
                del running[own]
            inside = inside or bool(self._muted) or any(other != own for other in running)
        elif not (recorder.segments or recorder.held):
            return
        if inside:
            if not recorder.segments:
                recorder.enter(_SEGMENT)
        elif recorder.segments:
            recorder.leave(_SEGMENT)
        recorder.hold(memos)

    def _within(self, stack: list[int], *, anew: bool = False) -> tuple[bool, tuple[Memo, ...]]:
        """Whether what runs now is folded, else the memos being filled.

        ``stack`` loses what has ended unseen. With ``anew`` it was not kept, and gets what is found.
        """
        kinds, base, aside = self._kinds, self._base, self._aside
        inside, found, memos = False, [], []
        frame: FrameType | None = _getframe(1)
        while frame is not None and _name(frame) != base:
            # Asking for the code of a frame raises an audit event; most frames are pytest's.
            module = frame.f_globals.get("__name__")
            if not (type(module) is str and module.startswith(aside)):
                code = frame.f_code
                name = _name(code)
                kind = kinds.get(name, writers.PLAIN)
                if kind in (writers.SEGMENT, writers.OWN):
                    found.append(name)
                    memo = self._memo(frame, code, name) if kind == writers.OWN else None
                    if memo is not None:
                        memos.append(memo)
                    inside = inside or memo is None
                    if not anew and (inside or len(found) == len(stack)):
                        return inside, () if inside else tuple(memos)
            frame = frame.f_back
        stack[:] = reversed(found)
        return inside, () if inside else tuple(memos)

    def _memo(self, frame: FrameType, code: CodeType, name: int) -> Memo | None:
        """What a method that runs keeps on its first argument, if that ends with the object."""
        return self._recorder.memo_of(frame.f_locals.get(code.co_varnames[0]), self._tables[name])
