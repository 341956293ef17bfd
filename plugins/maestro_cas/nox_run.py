"""After a miss: run the session watched, then store what it made."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from maestro_cas import engine, nox_watch
from maestro_cas.aside import Aside
from maestro_cas.nox_session import INSTALL_LOG, CachedSession, Notes, clean_environment
from maestro_cas.reads import audit, watching
from maestro_cas.reads.findings import findings
from maestro_cas.record import Reads
from maestro_cas.tee import Tee

if TYPE_CHECKING:
    from collections.abc import Callable

    from nox.sessions import Session

    from maestro_cas.engine import Miss, Prepared
    from maestro_cas.nox_cached import Spec
    from maestro_cas.nox_watch import Noted
    from maestro_cas.reads.watching import Seen
    from maestro_cas.remote.access import Remotes
    from maestro_cas.store import Store


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
        with watching.watching(mode=spec.mode) as watch:
            env = None if spec.mode == "trust" else clean_environment(spec.env, watch.scratch)
            with Tee() as tee:
                notes = Notes(watch=watch, tee=tee, env=env)
                with nox_watch.watched(action.root) as noted:
                    function(CachedSession(session._runner, notes))  # noqa: SLF001 - nox has no other constructor
            duration_ms = int((time.monotonic() - began) * 1000)
            seen = _seen(session, notes, noted, store=store, prepared=prepared)
        done = True
    finally:
        if not done:
            aside.put_back()
            failed = engine.Run(duration_ms=int((time.monotonic() - began) * 1000), log=b"", reads=Reads("none"))
            engine.observe_run(store, prepared, failed, miss=miss, not_stored="the session did not end with success")
    aside.discard()
    result = engine.Run(
        duration_ms=duration_ms, log=tee.log, reads=seen.reads, witnesses=seen.witnesses, notify=tuple(notes.notify)
    )
    refused = notes.refused or seen.refused
    if not refused:
        refused = (
            "MAESTRO_CACHE=ro"
            if remotes is None
            else engine.store_run(store, prepared, result, remotes=remotes, now=time.time())
        )
    engine.observe_run(store, prepared, result, miss=miss, not_stored=refused)
    for words in findings(seen.reads):
        session.warn(words)
    if refused:
        session.warn(f"not stored: {refused}")
    else:
        session.log(f"stored {prepared.key[:12]}" + ("" if action.shared else " on this machine only"))


def _seen(session: Session, notes: Notes, noted: Noted, *, store: Store, prepared: Prepared) -> Seen:
    """What was read: the environment, its interpreter and the declared tool caches speak for themselves."""
    environment = session.virtualenv
    location = str(getattr(environment, "location", ""))
    interpreter = str(getattr(environment, "_resolved_interpreter", sys.executable))
    homes = {os.path.dirname(os.path.dirname(os.path.realpath(p))) for p in (interpreter, sys.executable)}
    action = prepared.action
    installed = [a for a in audit.accesses(notes.watch.scratch / INSTALL_LOG) if a.path.startswith(f"{action.root}/")]
    scope = replace(
        action.scope,
        covered=[p for p in (sys.prefix, sys.base_prefix, *sorted(homes)) if p not in ("", "/")],
        private=[location] if location else [],
    )
    own = [a for a in noted.accesses if not _of_nox(a.path)]
    return watching.seen_by(
        notes.watch,
        scope,
        cache=engine.seen_cache(store, action),
        also=[*installed, *own],
        variables=noted.variables - set(action.env),
        ran=notes.ran,
    )


def _of_nox(path: str) -> bool:
    """Whether nox or we opened that on our own account: code and libraries stand where they are installed."""
    return path.startswith((f"{sys.prefix}/", f"{sys.base_prefix}/", f"{os.path.dirname(os.path.abspath(__file__))}/"))
