"""Work that outlives the test that began it, in no thread: child processes, and tasks of event loops.

A later test may talk to a process that still runs, through a pipe or a pool that somebody kept; nothing tells so. A
task goes on whenever its loop does, and what it makes is for whoever asks later.

Invariant: asking changes nothing: no child is waited for, no task is woken.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from maestro_bloom.observations import Territory

# They serve whoever starts processes, by a connection that is seen, or for nobody's result.
_SERVANTS = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
_FORKING = "multiprocessing.popen_fork"
_waitid = getattr(os, "waitid", None)
_kill = os.kill


class Processes:
    """The children that tests have started, by process id or by the object that will know it."""

    def __init__(self) -> None:
        self._ids: set[int] = set()
        self._forking: list[Any] = []
        self._unknown = False

    def started(self, process: int) -> None:
        """A child of this id was started."""
        self._ids.add(process)

    def forks(self, frame: FrameType | None) -> None:
        """A fork is about to be made there."""
        module = frame.f_globals.get("__name__") if frame is not None else ""
        if frame is not None and module == _FORKING:
            self._forking.append(frame.f_locals.get("self"))
        elif module != "subprocess":  # that one tells when it has started something
            self._unknown = True

    @property
    def living(self) -> bool:
        """Whether any of them still runs."""
        if self._forking:
            self._ids.update(pid for maker in self._forking if isinstance(pid := getattr(maker, "pid", None), int))
            self._forking.clear()
        self._ids = {process for process in self._ids if _lives(process)}
        self._unknown = self._unknown and _any_lives()
        return bool(self._ids) or self._unknown


def is_servant(frame: FrameType | None) -> bool:
    """Whether ``multiprocessing`` starts a process for its own sake."""
    while frame is not None:
        name = frame.f_globals.get("__name__", "")
        if name in _SERVANTS:
            return True
        if not name.startswith("multiprocessing"):
            return False
        frame = frame.f_back
    return False


def _lives(process: int) -> bool:
    """Whether a child of this id runs; one that has ended and was not waited for does not."""
    try:
        if _waitid is None:
            _kill(process, 0)
            return True
        return _waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except OSError:
        return False


def _any_lives() -> bool:
    """Whether this process has any child that it has not waited for, as far as can be told."""
    try:
        if _waitid is not None:
            _waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True


def pending_tasks(territory: Territory) -> bool:
    """Whether a coroutine of the project waits to go on, as the task of a loop that may still run."""
    tasks = sys.modules.get("asyncio.tasks")
    if tasks is None:
        return False
    # Python 3.11 has the first, later ones the second.
    known = getattr(tasks, "_all_tasks", ()) or getattr(tasks, "_scheduled_tasks", ())
    # Going through a weak set costs more than asking how large it is, which is done twice in every test.
    return bool(known) and any(_waits(task, territory) for task in list(known))


def _waits(task: Any, territory: Territory) -> bool:
    if task.done() or task.get_loop().is_closed():
        return False
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and territory.path(code.co_filename) is not None
