"""Functions handed to threads, pools and event loops: they are called, with the arguments handed along.

Invariant: what is handed over is called where it is handed over; when it really runs makes no difference here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_taint.domain.objects import Obj
from maestro_taint.domain.values import CLEAN, Val
from maestro_taint.engine import containers
from maestro_taint.engine.arguments import Arguments
from maestro_taint.engine.frame import ITER

if TYPE_CHECKING:
    from maestro_taint.engine.frame import Frame

SLOT = 90


def _started(dotted: str, at: int = 1) -> Any:
    """``Thread(target=fn, args=(...), kwargs={...})``, ``Timer(seconds, fn, args)``."""

    def apply(f: Frame, given: Arguments) -> Val:
        fn = given.get(at, "target" if at else "function") or given.kwargs.get("function")
        if fn is not None:
            args, kwargs = given.get(at + 2, "args"), given.get(at + 3, "kwargs")
            _run(f, given, fn, args, kwargs)
        return Val(types=(("x", dotted),), lit=True)

    return apply


def _run(f: Frame, given: Arguments, fn: Val, args: Val | None, kwargs: Val | None) -> Val:
    exact = containers.exact_items(f, args) if args is not None else []
    named = containers.exact_keys(f, kwargs) if kwargs is not None else {}
    spread = None if exact is not None or args is None else f.place(args, ITER)
    call = Arguments(f, list(exact or []), given.at, kwargs=dict(named or {}), spread=spread)
    return f.solver.calls.dispatch(f, fn, call)


def _handed(first: int) -> Any:
    """``pool.submit(fn, *args)``, ``asyncio.to_thread(fn, *args)``, ``loop.run_in_executor(None, fn, *args)``."""

    def apply(f: Frame, given: Arguments) -> Val:
        fn = given.get(first)
        if fn is None:
            return CLEAN
        call = Arguments(f, given.args[first + 1 :], given.at, kwargs=given.kwargs, spread=given.spread)
        return f.solver.calls.dispatch(f, fn, call)

    return apply


def _applied(f: Frame, given: Arguments) -> Val:
    """``pool.apply(fn, args, kwargs)``."""
    fn = given.get(0, "func")
    return CLEAN if fn is None else _run(f, given, fn, given.get(1, "args"), given.get(2, "kwds"))


def _mapped(f: Frame, given: Arguments) -> Val:
    """``pool.map(fn, *iterables)``."""
    fn = given.get(0)
    if fn is None:
        return CLEAN
    made = f.solver.calls.dispatch(f, fn, Arguments(f, [f.place(a, ITER) for a in given.args[1:]], given.at))
    return f.new(given.at, Obj("list", {}, made), SLOT)


_POOLS = ("concurrent.futures.ThreadPoolExecutor", "concurrent.futures.ProcessPoolExecutor")
_OLD = ("multiprocessing.Pool", "multiprocessing.pool.ThreadPool", "multiprocessing.pool.Pool")
TABLE: dict[str, Any] = {
    **{name: _started(name) for name in ("threading.Thread", "multiprocessing.Process")},
    "threading.Timer": _started("threading.Timer", 1),
    **{f"{pool}.submit": _handed(0) for pool in _POOLS},
    **{f"{pool}.map": _mapped for pool in (*_POOLS, *_OLD)},
    **{f"{pool}.{name}": _applied for pool in _OLD for name in ("apply", "apply_async")},
    **dict.fromkeys(
        ("asyncio.to_thread", "anyio.to_thread.run_sync", "starlette.concurrency.run_in_threadpool"), _handed(0)
    ),
    **dict.fromkeys(("asyncio.get_event_loop.run_in_executor", "asyncio.get_running_loop.run_in_executor"), _handed(1)),
    **dict.fromkeys(("fastapi.concurrency.run_in_threadpool", "contextvars.copy_context.run"), _handed(0)),
    **dict.fromkeys(("fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTask"), _handed(0)),
    **dict.fromkeys(("atexit.register", "asyncio.get_event_loop.call_soon"), _handed(0)),
}
