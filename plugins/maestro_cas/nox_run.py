"""After a miss: run the session watched, then store what it made."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from maestro_cas import engine, running
from maestro_cas.globs import compile_globs
from maestro_cas.nox_session import INSTALL_LOG, CachedSession, Notes, clean_environment
from maestro_cas.outputs import Aside
from maestro_cas.reads import audit
from maestro_cas.record import Reads
from maestro_cas.tee import Tee

if TYPE_CHECKING:
    from collections.abc import Callable

    from nox.sessions import Session

    from maestro_cas.engine import Miss, Prepared
    from maestro_cas.nox_cached import Spec
    from maestro_cas.remote.access import Remotes
    from maestro_cas.running import Watch
    from maestro_cas.store import Store

SHOWN = 10


def run_session(
    session: Session,
    function: Callable[[Session], None],
    spec: Spec,
    *,
    store: Store,
    prepared: Prepared,
    miss: Miss,
    remotes: Callable[[], Remotes] | None,
) -> None:
    """Run ``function``; whatever it raises is nox's to handle, and then nothing is stored; nor without ``remotes``."""
    action = prepared.action
    session.log(f"not cached ({miss.reason}); 'maestro cas why {action.name}' tells more")
    aside = Aside(action.root, action.outputs)
    done = False
    began = time.monotonic()
    try:
        with running.watching(mode=spec.mode) as watch:
            env = None if spec.mode == "trust" else clean_environment(spec.env, watch.scratch)
            with Tee() as tee:
                notes = Notes(watch=watch, tee=tee, env=env)
                function(CachedSession(session._runner, notes))  # noqa: SLF001 - nox has no other constructor
            duration_ms = int((time.monotonic() - began) * 1000)
            reads = _reads(session, watch, spec, prepared)
        done = True
    finally:
        if not done:
            aside.put_back()
    aside.discard()
    result = engine.Run(duration_ms=duration_ms, log=tee.log, reads=reads, notify=tuple(notes.notify))
    refused = notes.refused
    if not refused:
        refused = (
            "MAESTRO_CACHE=ro"
            if remotes is None
            else engine.store_run(store, prepared, result, remotes=remotes, now=time.time())
        )
    engine.observe_run(store, prepared, result, miss=miss, not_stored=refused)
    for path in reads.undeclared[:SHOWN]:
        session.warn(f"undeclared read: {path}")
    if refused:
        session.warn(f"not stored: {refused}")
    else:
        session.log(f"stored {prepared.key[:12]}" + ("" if action.shared else " on this machine only"))


def _reads(session: Session, watch: Watch, spec: Spec, prepared: Prepared) -> Reads:
    """Undeclared reads: the environment, its interpreter and the declared tool caches speak for themselves."""
    environment = session.virtualenv
    location = str(getattr(environment, "location", ""))
    interpreter = str(getattr(environment, "_resolved_interpreter", sys.executable))
    homes = {os.path.dirname(os.path.dirname(os.path.realpath(p))) for p in (interpreter, sys.executable)}
    caches = compile_globs(spec.caches, where="caches")
    root = prepared.action.root
    installed = [a for a in audit.accesses(watch.scratch / INSTALL_LOG) if a.path.startswith(f"{root}/")]
    found = running.reads_of(
        watch,
        root=prepared.action.root,
        inputs=prepared.action.inputs,
        outputs=prepared.action.outputs,
        covered=[p for p in (location, sys.prefix, sys.base_prefix, *sorted(homes)) if p not in ("", "/")],
        also=installed,
    )
    return Reads(found.method, tuple(p for p in found.undeclared if not caches.matches(p.removesuffix(" (absent)"))))
