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


def _started(dotted: str, name: str, packed: int) -> Any:
    """``Thread(group, target, name, args, kwargs)``, ``Timer(interval, function, args, kwargs)``."""

    def apply(f: Frame, given: Arguments) -> Val:
        fn = given.get(1, name)
        if fn is not None:
            _run(f, given, fn, given.get(packed, "args"), given.get(packed + 1, "kwargs"))
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


def _starred(f: Frame, given: Arguments) -> Val:
    """``pool.starmap(fn, tuples of arguments)``."""
    fn, packed = given.get(0), given.get(1)
    if fn is None or packed is None:
        return CLEAN
    return f.new(given.at, Obj("list", {}, _run(f, given, fn, f.place(packed, ITER), None)), SLOT)


def _routed(entry: str, at: int, name: str) -> Any:
    """``app.add_url_rule(rule, endpoint, view_func)``: the function is called as one decorated with ``entry`` is."""

    def apply(f: Frame, given: Arguments) -> Val:
        fn = given.get(at, name)
        for t in fn.types if fn is not None else ():
            if t[0] == "f":
                f.solver.routed[t[1]] = entry
        return CLEAN

    return apply


_POOLS = tuple(f"concurrent.futures.{name}" for name in ("Executor", "ThreadPoolExecutor", "ProcessPoolExecutor"))
_OLD = tuple(f"multiprocessing.{name}" for name in ("Pool", "pool.Pool", "pool.ThreadPool", "dummy.Pool"))
_LOOPS = tuple(
    f"asyncio.{name}" for name in ("get_event_loop", "get_running_loop", "new_event_loop", "AbstractEventLoop")
)
_AT_ONCE = (
    "asyncio.to_thread", "anyio.to_thread.run_sync", "starlette.concurrency.run_in_threadpool",
    "fastapi.concurrency.run_in_threadpool", "starlette.background.BackgroundTask", "contextvars.copy_context.run",
    "fastapi.BackgroundTasks.add_task", "starlette.background.BackgroundTasks.add_task", "atexit.register",
)  # fmt: skip
TABLE: dict[str, Any] = {
    **{dotted: _started(dotted, "target", 3) for dotted in ("threading.Thread", "multiprocessing.Process")},
    "threading.Timer": _started("threading.Timer", "function", 2),
    **{f"{pool}.submit": _handed(0) for pool in _POOLS},
    **{f"{pool}.map": _mapped for pool in (*_POOLS, *_OLD)},
    **{f"{pool}.{name}": _mapped for pool in _OLD for name in ("map_async", "imap", "imap_unordered")},
    **{f"{pool}.{name}": _applied for pool in _OLD for name in ("apply", "apply_async")},
    **{f"{pool}.{name}": _starred for pool in _OLD for name in ("starmap", "starmap_async")},
    "itertools.starmap": _starred,
    **{f"{loop}.{name}": _handed(0) for loop in _LOOPS for name in ("call_soon", "call_soon_threadsafe")},
    **{f"{loop}.{name}": _handed(1) for loop in _LOOPS for name in ("run_in_executor", "call_later", "call_at")},
    **dict.fromkeys(_AT_ONCE, _handed(0)),
    **{
        f"{app}.add_url_rule": _routed("flask.Flask.route", 2, "view_func")
        for app in ("flask.Flask", "flask.Blueprint")
    },
    **{
        f"{app}.add_api_route": _routed("fastapi.FastAPI.get", 1, "endpoint")
        for app in ("fastapi.FastAPI", "fastapi.APIRouter")
    },
}
