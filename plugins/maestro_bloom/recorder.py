"""Attributes what is seen to whoever depends on it: a test, a fixture of wider scope, or the module that kept it.

Rules (each mends a missed failure): what runs while tests are collected, while a module is executed, or inside a
function whose effect outlives the call is *folded* into its file; what a wider fixture runs belongs to every test
that uses it; what happens between tests is folded too, never thrown away.

Invariant: every unit a tracer hands over ends in a bag or in ``folded``.
"""

from __future__ import annotations

import sys
from _thread import get_ident  # gevent puts another into ``threading``
from collections import defaultdict
from typing import TYPE_CHECKING, Protocol

from maestro_bloom.lasting_work import Processes, pending_tasks
from maestro_bloom.observations import Bag
from maestro_bloom.observed_files import WrittenFiles
from maestro_bloom.originals import active_threads, current_frames
from maestro_bloom.owned_memos import Memo, OwnedMemos

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from maestro_bloom.observations import Territory


# Kept from the beginning: a test may take it away for a while.
_getframe = sys._getframe  # noqa: SLF001 - the documented way to a caller's frame


class Tracer(Protocol):
    """Sees which units of code run."""

    units: list[tuple[str, int]]
    """Per unit: the file, and the number of the block in its model, or -1 for what belongs to the skeleton."""

    def drain(self) -> set[int]:
        """Units seen since the last call. They may be silent from now on."""

    def resumed(self) -> set[int]:
        """Units among those last drained that only went on: generators and coroutines begun before."""

    @property
    def unsettled(self) -> list[bool]:
        """Empty if ``settle`` has nothing to do."""

    @property
    def idle(self) -> bool:
        """Whether nothing was seen since the last call of ``drain``."""

    def rearm(self) -> None:
        """What is silent and not folded is to be seen again: a segment begins."""

    def another_bag(self) -> None:
        """As ``rearm``, and segments are to be seen again, too: what is seen now belongs to somebody else."""

    def wake(self) -> None:
        """All is to be seen again: a test begins or ends."""

    @property
    def lost(self) -> str:
        """How a test has taken the tracer's means away, if one has: what ran from there on was not seen."""

    def suspect(self) -> None:
        """Say that a test does what could take them away."""

    def settle(self) -> None:
        """Enter or leave the segment that has begun or ended unseen; asked before anything is attributed."""

    def begin(self, frame: FrameType) -> None:
        """Say that a test begins whose calls stand above ``frame``."""


class Recorder:
    """The state of one process's recording. ``tracer`` is set once it is installed."""

    def __init__(self, territory: Territory) -> None:
        self.territory = territory
        self.tracer: Tracer | None = None
        self.active = True
        self.collecting = True
        self.folded: set[int] = set()
        self.early: set[str] = set()
        self.at_import: defaultdict[str, Bag] = defaultdict(Bag)
        self.edges: defaultdict[str, set[str]] = defaultdict(set)
        self.executed: dict[str, str | None] = {}
        self.session = Bag()
        self.acts: defaultdict[str, set[tuple[int, str]]] = defaultdict(set)
        self.written = WrittenFiles()
        self.outside: set[str] = set()
        self._bags: list[Bag] = []
        self._past: list[Bag] = []
        self._started: set[int] = set()
        self._resumed: set[int] = set()
        self._threads: list[int] = []
        self._parts: list[bool] = []
        self.segments: list[object] = []
        self._memo_of: list[Memo | tuple[object, tuple[str, ...]] | None] = []
        self.held: tuple[Memo, ...] = ()
        self._memos = OwnedMemos()
        self._fold_all = False
        self._repeated: set[str] = set()
        self.processes = Processes()
        self._beside_processes = False

    # Code ---------------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Hand what was seen to the open bag, and fold it where a rule says so; another bag is open next."""
        self._repeated.clear()
        if self.tracer is not None:
            self._settle(self.tracer)
            self.tracer.another_bag()

    def part(self) -> None:
        """A segment begins: what was seen before it is handed over, and seen again should it run inside."""
        if self.tracer is not None:
            self._settle(self.tracer)
            self.tracer.rearm()

    def _wake(self) -> None:
        """As ``flush``; also what is folded is to be seen again, for every test has to be known as its user."""
        self._repeated.clear()
        if self.tracer is not None:
            self._settle(self.tracer)
            self.tracer.wake()

    def _settle(self, tracer: Tracer) -> None:
        tracer.settle()
        if not tracer.idle:
            self._hand_over(tracer)

    def _hand_over(self, tracer: Tracer) -> None:
        units = tracer.drain()
        resumed = tracer.resumed()
        if resumed:
            self._started |= units - resumed
            self._resumed |= resumed
        else:
            self._started |= units
        if self._bags:
            self._bags[-1].units |= units
        if self.keeps_all:
            self.fold(units)
        else:
            for memo in self.filling:
                memo.units |= units

    @property
    def folding(self) -> bool:
        """Whether a function is known to run whose effect may outlive the test."""
        return None in self._memo_of

    @property
    def keeps_all(self) -> bool:
        """Whether what is seen now is folded: its effect outlives the test, or it belongs to none."""
        if self.collecting or self._fold_all or not self._bags:
            return True
        self._find_memos()
        return None in self._memo_of

    @property
    def filling(self) -> list[Memo]:
        """The memos being filled that may end with their objects."""
        if not self._memo_of:
            return [*self.held]
        self._find_memos()
        return [*(memo for memo in self._memo_of if isinstance(memo, Memo)), *self.held]

    def _find_memos(self) -> None:
        """Replace owners by their memos, which nobody needs as long as nothing is seen."""
        for at, memo in enumerate(self._memo_of):
            if isinstance(memo, tuple):
                self._memo_of[at] = self.memo_of(*memo)

    def fold(self, units: set[int]) -> None:
        """Count these units as part of their files' skeletons from now on."""
        self.folded |= units

    def enter(self, token: object, owner: tuple[object, tuple[str, ...]] | None = None) -> None:
        """A function whose effect outlives the call, or a module, begins.

        ``owner``: it is a memo on this object, which keeps tables under these names.
        """
        if self.active:
            if None not in self._memo_of:
                self._part()
            self.segments.append(token)
            self._memo_of.append(owner)

    def _part(self) -> None:
        """What was seen until now belongs to others than what comes."""
        self._repeated.clear()
        if self.tracer is not None and not self.tracer.idle:
            self._hand_over(self.tracer)

    def memo_of(self, owner: object, tables: tuple[str, ...]) -> Memo | None:
        """The memo on ``owner`` that ends with it; ``None`` for one that may outlive the test."""
        return self._memos.of(owner, tables) if self._bags else None

    def hold(self, memos: tuple[Memo, ...]) -> None:
        """These memos, and no others, are being filled from now on."""
        if memos != self.held:
            self._part()
            self.held = memos

    def acted(self, path: str) -> None:
        """A function of ``path`` whose effect outlives the call begins while a module may be executed: which line?"""
        frame: FrameType | None = _getframe(1)
        while frame is not None:
            if frame.f_code.co_name == "<module>":
                module = self.territory.path(frame.f_code.co_filename)
                if module is not None and module != path:
                    self.acts[module].add((frame.f_lineno, path))
            frame = frame.f_back

    def leave(self, token: object) -> None:
        """It ends; whatever was entered inside and not left (another thread, a killed generator) ends with it."""
        at = len(self.segments) - 1
        while at >= 0 and self.segments[at] != token:
            at -= 1
        if at >= 0:
            if at == 0 or None not in self._memo_of[:at]:
                self._part()
            del self.segments[at:], self._memo_of[at:]

    def fold_all(self) -> None:
        """Fold everything the open test runs: a writer that suspends has no clear inside."""
        self._fold_all = True
        self._repeated.clear()

    # Bags ---------------------------------------------------------------------------------------------------------

    @property
    def open_bag(self) -> Bag | None:
        """The bag of the innermost test or fixture being watched."""
        return self._bags[-1] if self._bags else None

    def repeats(self, name: str) -> bool:
        """Whether the open bag has read this before, and nothing has changed since whose it is."""
        return name in self._repeated and not (self.tracer is not None and self.tracer.unsettled)

    def read(self, name: str, frame: FrameType | None) -> None:
        """A variable is read by this frame."""
        for bag in self.targets(frame):
            bag.variables.add(name)
        if self._bags and not self.keeps_all and not self.filling:
            self._repeated.add(name)

    @property
    def in_test(self) -> bool:
        """Whether what happens now is a test's own doing, and not that of a wider fixture."""
        return bool(self._bags) and all(self._parts)

    def is_open(self, bag: Bag) -> bool:
        """Whether a test or a wider fixture is being watched into this bag."""
        return any(bag is own for own in self._bags)

    def collected(self) -> None:
        """Collection is over."""
        self._wake()
        self.collecting = False

    def begin(self) -> Bag:
        """Open the bag of a test. What was seen since the last one belongs to nobody, so it is folded."""
        self._wake()
        self.segments.clear()
        self._memo_of.clear()
        self.held = ()
        if self.tracer is not None:
            # Behind whoever begins: what runs the test.
            self.tracer.begin(_getframe(2))
        self._threads.clear()
        self._parts.clear()
        self._beside_processes = self.processes.living
        self._fold_all = self._others_run_project_code()
        self._started.clear()
        self._resumed.clear()
        bag = Bag()
        self._bags = [bag]
        self._past.append(bag)
        return bag

    def _others_run_project_code(self) -> bool:
        """Whether a thread or a task older than the test is inside the project: it cannot be told from the test."""
        if pending_tasks(self.territory):
            return True
        if active_threads() < 2:
            return False
        own = get_ident()
        frames = current_frames()
        return any(self.territory.nearest(frame) is not None for thread, frame in frames.items() if thread != own)

    def end(self) -> None:
        """Close the bag of a test."""
        self._wake()
        if self._bags and (self._fold_all or self._others_run_project_code()):
            self.fold(self._bags[0].units)
        self._go_on()
        if self.tracer is not None and self.tracer.lost and self._bags:
            self._bags[0].unseen(self.tracer.lost)
        if self._beside_processes and self._bags:
            self._bags[0].unseen("a process that another test started")
        self.held = ()
        for memo in self._memos.outliving(self.folded):
            self.fold(memo.units)
            for keeper, kept in memo.kept.items():
                self.at_import[keeper].update(kept)
        self._bags = []
        self._fold_all = False

    def _go_on(self) -> None:
        """A generator that began in an earlier test holds what ran there: the open test takes that over."""
        begun = self._resumed - self._started
        if begun and self._bags:
            self._bags[0].others.update(bag for bag in self._past if not begun.isdisjoint(bag.units))
            self._bags[0].others.discard(self._bags[0])

    def push(self, bag: Bag, *, part: bool = False) -> None:
        """Open a bag inside the test's: a wider fixture's, or that of a ``part`` whose bag joins the test's."""
        self.flush()
        self._bags.append(bag)
        if not part:
            self._past.append(bag)
        self._threads.append(active_threads())
        self._parts.append(part)

    def pop(self) -> None:
        """Close the innermost bag."""
        self.flush()
        if len(self._bags) > 1:
            self._bags.pop()
            # A thread or a task it started works for all its users, in whichever test.
            started = active_threads() > self._threads[-1] or pending_tasks(self.territory)
            if started:
                self.fold_all()
        del self._threads[-1:], self._parts[-1:]

    # Other inputs -------------------------------------------------------------------------------------------------

    def targets(self, frame: FrameType | None) -> Iterator[Bag]:
        """Whose input it is that this frame reads something: tests, or the module that keeps what was read.

        While tests are collected, reads of pytest and its plugins that no project code asked for are their own
        business (they are repeated in every run), unless the caller thinks otherwise.
        """
        if self.tracer is not None:
            self.tracer.settle()
        if self._bags:
            yield from self._bags[-1:]
        memos = self.filling
        if memos or self.keeps_all:
            keeper = self.territory.nearest(frame)
            if keeper is not None and self.keeps_all:
                yield self.at_import[keeper]
            elif keeper is not None:
                yield from (memo.kept[keeper] for memo in memos)

    def read_outside(self, name: str, frame: FrameType | None) -> None:
        """While tests are collected something was read that is neither the project's nor installed."""
        keeper = self.territory.nearest(frame) if self.collecting and not self.territory.is_installed(name) else None
        if keeper is not None:
            self.outside.add(keeper)

    def import_edge(self, name: str, frame: FrameType | None) -> None:
        """Project code asked for a module by a computed name, or executed one."""
        importer = self.territory.nearest(frame)
        if importer is not None:
            self.edges[importer].add(name)
        elif self._bags:
            self._bags[-1].modules.add(name)

    def keeper(self) -> str:
        """The source of the project that is nearest among those that run; empty if there is none."""
        frame: FrameType | None = _getframe(1)
        while frame is not None:
            found = self.territory.path(frame.f_code.co_filename)
            if found is not None and found.endswith(".py"):
                return found
            frame = frame.f_back
        return ""

    def executing(self, path: str) -> None:
        """A module of the project is about to be executed."""
        frame: FrameType | None = _getframe(1)
        while frame is not None and self.territory.path(frame.f_code.co_filename) == path:
            frame = frame.f_back
        importer = self.territory.nearest(frame)
        self.executed.setdefault(path, importer)
        if importer is not None:
            self.edges[importer].add(path)
        for bag in self._bags[-1:]:
            bag.modules.add(path)
