"""Functions handed over to be called: by threads, processes, pools, event loops and background tasks.

Theorem: whoever calls the function later calls it with what was handed over beside it; a call made here and now
reaches no less than that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import CLEAN, Val
from maestro_taint.engine import containers
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.frame import ITER

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_taint.engine.frame import Frame

SLOT = 70


def _called(f: Frame, callee: Val | None, args: list[Val], at: int, kwargs: dict[str, Val] | None = None) -> Val:
    if callee is None:
        return CLEAN
    return f.solver.calls.dispatch(f, callee, Arguments(f, args, at, kwargs=kwargs))


def _started(name: str, place: int, packed: int) -> Callable[[Frame, Arguments], Val]:
    """A constructor that takes a callable as ``name`` or at ``place``, and its arguments packed from ``packed`` on."""

    def effect(f: Frame, given: Arguments) -> Val:
        args, kwargs = given.get(packed, "args"), given.get(packed + 1, "kwargs")
        items = [] if args is None else containers.exact_items(f, args)
        spread = f.place(args, ITER) if args is not None and items is None else None
        named = {} if kwargs is None else containers.exact_keys(f, kwargs) or {}
        callee = given.get(place, name)
        if callee is not None:
            f.solver.calls.dispatch(f, callee, Arguments(f, items or [], given.at, kwargs=named, spread=spread))
        return CLEAN

    return effect


def _submitted(skip: int) -> Callable[[Frame, Arguments], Val]:
    """``submit(fn, *args, **kwargs)``, after ``skip`` other arguments: what it returns holds the result."""

    def effect(f: Frame, given: Arguments) -> Val:
        return _called(f, given.get(skip), given.args[skip + 1 :], given.at, given.kwargs)

    return effect


def _mapped(f: Frame, given: Arguments) -> Val:
    """``map(fn, *iterables)``: the results, in order."""
    made = _called(f, given.get(0), [f.place(a, ITER) for a in given.args[1:]], given.at)
    return f.new(given.at, Obj("list", {}, made), SLOT)


def _starred(f: Frame, given: Arguments) -> Val:
    """``starmap(fn, iterable of argument tuples)``."""
    each = f.place(given.args[1], ITER) if len(given.args) > 1 else CLEAN
    items = containers.exact_items(f, each)
    made = _called(f, given.get(0), items if items is not None else [f.place(each, ITER)], given.at)
    return f.new(given.at, Obj("list", {}, made), SLOT)


def _applied(f: Frame, given: Arguments) -> Val:
    """``apply(fn, args, kwds)``: arguments packed."""
    packed = given.get(1, "args")
    items = None if packed is None else containers.exact_items(f, packed)
    args = items if items is not None else [] if packed is None else [f.place(packed, ITER)]
    return _called(f, given.get(0), args, given.at)


_FUTURES = ("Executor", "ThreadPoolExecutor", "ProcessPoolExecutor")
_POOLS = tuple(f"multiprocessing.{name}" for name in ("Pool", "pool.Pool", "pool.ThreadPool", "dummy.Pool"))
_LOOPS = ("get_event_loop", "get_running_loop", "new_event_loop", "AbstractEventLoop")
_TASKS = ("starlette.background.BackgroundTasks", "fastapi.BackgroundTasks", "fastapi.background.BackgroundTasks")

TABLE: dict[str, Any] = {
    "threading.Thread": _started("target", 1, 3),
    "multiprocessing.Process": _started("target", 1, 3),
    "threading.Timer": _started("function", 1, 2),
    **{f"concurrent.futures.{name}.submit": _submitted(0) for name in _FUTURES},
    **{f"concurrent.futures.{name}.map": _mapped for name in _FUTURES},
    **{f"{pool}.{name}": _applied for pool in _POOLS for name in ("apply", "apply_async")},
    **{f"{pool}.{name}": _mapped for pool in _POOLS for name in ("map", "map_async", "imap", "imap_unordered")},
    **{f"{pool}.{name}": _starred for pool in _POOLS for name in ("starmap", "starmap_async")},
    "itertools.starmap": _starred,
    **{f"asyncio.{loop}.run_in_executor": _submitted(1) for loop in _LOOPS},
    **{f"asyncio.{loop}.{name}": _submitted(0) for loop in _LOOPS for name in ("call_soon", "call_soon_threadsafe")},
    **{f"asyncio.{loop}.{name}": _submitted(1) for loop in _LOOPS for name in ("call_later", "call_at")},
    "asyncio.to_thread": _submitted(0),
    "anyio.to_thread.run_sync": _submitted(0),
    "starlette.concurrency.run_in_threadpool": _submitted(0),
    "fastapi.concurrency.run_in_threadpool": _submitted(0),
    **{f"{tasks}.add_task": _submitted(0) for tasks in _TASKS},
    "starlette.background.BackgroundTask": _submitted(0),
    "contextvars.copy_context.run": _submitted(0),
    "atexit.register": _submitted(0),
}
