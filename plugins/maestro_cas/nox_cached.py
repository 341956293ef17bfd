"""``@maestro.cached``: a nox session whose result is restored when nothing it declares has changed.

Invariant: a hit returns before the environment is made; a miss runs the function exactly as nox would, and a session
that raises, skips, or was told not to install or run is never stored.
"""

from __future__ import annotations

import functools
import json
import os
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from nox import virtualenv

from maestro_cas import engine, key, locks, nox_venv
from maestro_cas.access import access_mode
from maestro_cas.globs import compile_globs
from maestro_cas.nox_code import code_components
from maestro_cas.nox_python import python_identity
from maestro_cas.quick import quick_settings
from maestro_cas.store import StoreError
from maestro_hooks.errors import ConfigError, MaestroError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from nox.sessions import Session

    from maestro_cas.access import Access
    from maestro_cas.engine import Action, Hit, Miss, Prepared
    from maestro_cas.remote.access import Remotes
    from maestro_cas.settings import CasSettings
    from maestro_cas.store import Store

nox_venv.register()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What the decorator was given."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    env: tuple[str, ...]
    lock: tuple[str, ...]
    caches: tuple[str, ...]
    mode: Literal["trust", "observe", "enforce"]
    allow_empty: bool
    read_only: bool


def cached(  # noqa: PLR0913 - a decorator's options, all by keyword
    *,
    inputs: Sequence[str],
    outputs: Sequence[str] = (),
    env: Sequence[str] = (),
    lock: str | Sequence[str] = (),
    caches: Sequence[str] = (),
    mode: Literal["trust", "observe", "enforce"] = "observe",
    allow_empty: bool = False,
    read_only: bool = False,
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Cache a nox session. Stands below ``@nox.session``; with ``venv_backend="maestro"`` a hit makes no environment.

    Args:
        inputs: patterns of the files the session reads; outputs of sessions before it belong here, too.
        outputs: patterns of what it makes; each must match something, or nothing is stored.
        env: variables its commands may see; all others are hidden from them.
        lock: files that pin everything it installs. Without one a result stays on this machine, for a day.
        caches: directories in which its tools keep notes that do not change their answers (``.mypy_cache``).
        mode: ``observe`` warns of undeclared reads and does not share such results, ``enforce`` does not store them,
            ``trust`` does not look, passes the whole environment, and shares nothing.
        allow_empty: an input pattern may match nothing.
        read_only: nobody edits the outputs in place, so they may be hard links into the store.

    Raises:
        TypeError: it was put above ``@nox.session``, where nox would ignore it.
        ConfigError: a pattern is absolute, empty or leaves the project.
    """
    locks_given = (lock,) if isinstance(lock, str) else tuple(lock)
    spec = Spec(
        inputs=tuple(inputs), outputs=tuple(outputs), env=tuple(env), lock=locks_given, caches=tuple(caches), mode=mode,
        allow_empty=allow_empty, read_only=read_only,
    )  # fmt: skip
    compile_globs((*spec.inputs, *spec.outputs, *spec.lock, *spec.caches), where="maestro.cached")

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        if hasattr(function, "venv_backend"):
            raise TypeError("@maestro.cached must stand below @nox.session, directly above the function")

        @functools.wraps(function)
        def session_function(session: Session, *args: Any, **kwargs: Any) -> None:
            _run(session, function, spec, args=args, kwargs=kwargs)

        return session_function

    return decorate


def _run(session: Session, function: Callable[..., None], spec: Spec, *, args: Any, kwargs: Any) -> None:
    access = access_mode()
    config = session._runner.global_config  # noqa: SLF001 - nox offers no other way to its options
    if access == "off" or config.install_only or config.no_install:
        session.log("not cached: " + ("MAESTRO_CACHE=off" if access == "off" else "--install-only or --no-install"))
        function(session, *args, **kwargs)
        return
    with ExitStack() as stack:
        try:
            outcome, store, prepared, source = _look_up(session, function, spec, args, kwargs, access, stack)
        except StoreError as error:
            session.warn(f"not cached: {error}")
            function(session, *args, **kwargs)
            return
        except MaestroError as error:
            session.error(str(error))  # as nox tells what is wrong with a session
        if isinstance(outcome, engine.Hit):
            _hit(session, store, outcome)
            return
        from maestro_cas.nox_run import run_session  # noqa: PLC0415 - only after a miss

        keep = source.remotes if access != "ro" else None
        body = functools.partial(_body, function, args, kwargs)
        run_session(session, body, spec, store=store, prepared=prepared, miss=outcome, remotes=keep)
        source.trim()


def _look_up(
    session: Session,
    function: Callable[..., None],
    spec: Spec,
    args: Any,
    kwargs: Any,
    access: Access,
    stack: ExitStack,
) -> tuple[Hit | Miss, Store, Prepared, _Lazy]:
    """Make the key, become the one process that works on it while ``stack`` is open, and ask the caches."""
    root, began = os.getcwd(), time.monotonic()
    quick = quick_settings(root)
    store = quick.open(root)
    action = _action(session, function, spec, root=root, unlocked_s=quick.unlocked_hours * 3600, store=store)
    code = code_components(function, root, {**kwargs, **{str(i): value for i, value in enumerate(args)}})
    prepared = engine.prepare(store, replace(action, components={**action.components, **code}))
    waiting = functools.partial(session.log, "another process does this now; waiting for it")
    stack.enter_context(locks.single_flight(store, prepared.key, waiting=waiting))
    source = stack.enter_context(_Lazy(store, root, session))
    if access == "refresh":
        outcome: Hit | Miss = engine.Miss("asked to refresh")
    else:
        outcome = engine.look_up(store, prepared, source.remotes if quick.remotes else None)
    engine.observe(store, prepared, outcome, began=began, ended=time.monotonic())
    return outcome, store, prepared, source


def _body(function: Callable[..., None], args: Any, kwargs: Any, session: Session) -> None:
    function(session, *args, **kwargs)


class _Lazy:
    """Settings and remotes, opened once and only if needed."""

    def __init__(self, store: Store, root: str, session: Session) -> None:
        self._store, self._root, self._session = store, root, session
        self._remotes: Remotes | None = None
        self._settings: CasSettings | None = None

    def remotes(self) -> Remotes:
        from maestro_cas.opening import read_settings, remotes_of  # noqa: PLC0415 - only after a local miss

        if self._remotes is None:
            self._settings = read_settings(self._root)
            self._remotes = remotes_of(self._store, self._settings, root=self._root, announce=self._session.warn)
        return self._remotes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._remotes is not None:
            self._remotes.close()

    def trim(self) -> None:
        """After a run: keep the store below its cap."""
        if self._settings is not None:
            from maestro_cas.collecting import trim_if_full  # noqa: PLC0415

            for words in trim_if_full(self._store, self._settings.max_bytes):
                self._session.log(words)


def _hit(session: Session, store: Store, hit: Hit) -> None:
    if session._runner.global_config.verbose:  # noqa: SLF001
        sys.stdout.write((store.get(hit.record.log.digest) or b"").decode("utf-8", "replace"))
    for text in hit.record.notify:
        target, posargs = json.loads(text)
        session.notify(target, posargs)
    done = hit.restored
    session.log(
        f"cached {hit.record.key[:12]} from {hit.tier}: {done.files} outputs restored ({done.size} bytes),"
        f" {done.kept} stood right, {done.removed} strays removed; {hit.record.duration_ms / 1000:.1f} s saved"
    )


def _action(
    session: Session, function: Callable[..., None], spec: Spec, *, root: str, unlocked_s: int, store: Store
) -> Action:
    runner = session._runner  # noqa: SLF001
    environment = session.virtualenv
    real = isinstance(environment, virtualenv.VirtualEnv)
    absent = next((name for name in spec.lock if not os.path.isfile(f"{root}/{name}")), None)
    if absent is not None:
        raise ConfigError("the lock file is not there", where=absent, fix="make it, or leave 'lock' out")
    lock = key.files_digest(root, spec.lock) if spec.lock else "unlocked" if real else key.own_distributions()
    code = function.__code__
    return engine.Action(
        name=session.name,
        root=root,
        inputs=compile_globs(spec.inputs, where=f"inputs of {session.name}"),
        outputs=compile_globs(spec.outputs, where=f"outputs of {session.name}"),
        caches=compile_globs((*spec.caches, *spec.lock), where=f"caches of {session.name}"),
        env=spec.env,
        mode=spec.mode,
        allow_empty=spec.allow_empty,
        read_only=spec.read_only,
        max_age_s=unlocked_s if lock == "unlocked" else None,
        components={
            "tool": key.TOOL,
            "session": session.name,
            "posargs": key.portable(session.posargs, root),
            "python": python_identity(environment, store) if real else key.own_python(),
            "function": f"{code.co_name} {key.file_digest(code.co_filename)}",
            "noxfile": key.file_digest(str(runner.global_config.noxfile)),
            "env": key.environment(spec.env, os.environ),
            "install": lock,
            "venv": session.venv_backend,
            "venv parameters": [str(p) for p in runner.func.venv_params or ()],
            "caches": list(spec.caches),
            "platform": key.platform_tag(),
        },
    )
