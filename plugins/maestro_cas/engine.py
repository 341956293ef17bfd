"""Look an action up, or store what its run made: the one flow behind nox sessions and ``maestro cas run``.

Theorem (no wrong hits): a record is stored under a key only if the run ended well, every declared output was there,
the inputs were the same before and after, and, in mode ``enforce``, no undeclared read was seen; and it is used only
if its own bytes, its key and every output's digest are right.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from maestro_cas import journal, locks, record, scan
from maestro_cas.globs import NOTHING
from maestro_cas.key import key_of
from maestro_cas.names import note_last, note_name, safe_name
from maestro_cas.outputs import collect, restore
from maestro_cas.reads import witness
from maestro_cas.reads.judge import Scope
from maestro_cas.record import Blob, Reads, Record
from maestro_cas.stat_cache import StatCache
from maestro_hooks.errors import EvidenceError, MaestroError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_cas.globs import Globs
    from maestro_cas.key import Components
    from maestro_cas.outputs import Restored
    from maestro_cas.remote.access import Remotes
    from maestro_cas.scan import Tree, Walked
    from maestro_cas.store import Store

Mode = Literal["trust", "observe", "enforce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What is to be cached. ``components`` are all parts of the key but the input content.

    ``caches`` are the notes of tools, which change no result: neither inputs nor outputs;
    ``env`` are the variables it may see.
    ``max_age_s`` limits the reuse of a result whose environment was not locked; it then stays on this machine.
    """

    name: str
    root: str
    inputs: Globs
    outputs: Globs
    components: Components
    mode: Mode = "observe"
    caches: Globs = NOTHING
    env: tuple[str, ...] = ()
    allow_empty: bool = False
    read_only: bool = False
    max_age_s: int | None = None

    @property
    def scope(self) -> Scope:
        """What the action declared, for judging what it read."""
        return Scope(
            root=self.root,
            inputs=self.inputs,
            outputs=self.outputs,
            caches=self.caches,
            strict=self.mode == "enforce",
            absences=False,
        )

    @property
    def shared(self) -> bool:
        """Whether the result may leave this machine."""
        return self.max_age_s is None and self.mode != "trust"


@dataclass(frozen=True, slots=True)
class Prepared:
    """An action whose inputs were read: its key and where it comes from."""

    action: Action
    components: Components
    key: str
    tree: Tree
    walked: Walked


@dataclass(frozen=True, slots=True)
class Hit:
    """A result from the store: its record, what was written, and the tier it came from (``local`` or a remote)."""

    record: Record
    restored: Restored
    tier: str


@dataclass(frozen=True, slots=True)
class Miss:
    """No result, and why; ``details`` are all that stood in the way of a record with the right key."""

    reason: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A run that ended with success."""

    duration_ms: int
    log: bytes
    reads: Reads
    witnesses: bytes = b""
    notify: tuple[str, ...] = ()


def prepare(store: Store, action: Action) -> Prepared:
    """Read the inputs and make the key.

    Raises:
        ConfigError: an input pattern matches nothing, or a link leaves the declared inputs.
        ToolError: an input cannot be read.
    """
    tree, walked = scan.scan(
        action.root,
        action.inputs,
        stat_cache(store, action, "in"),
        skip=action.outputs.matches if action.outputs.patterns else None,
        allow_empty=action.allow_empty,
    )
    components: Components = {
        **action.components,
        "input patterns": list(action.inputs.patterns),
        "output patterns": list(action.outputs.patterns),
        "mode": action.mode,
        "inputs": tree.root,
    }
    return Prepared(action, components, key_of(components), tree, walked)


def look_up(store: Store, prepared: Prepared, remotes: Callable[[], Remotes] | None = None) -> Hit | Miss:
    """Restore the outputs from a record of this key, the local store first.

    Raises:
        ToolError: outputs cannot be written.
    """
    with locks.using(store):
        found = store.record(prepared.key)
        stale = ["no result for this key"] if found is None else _stale(store, prepared.action, found)
        if found is not None and not stale:
            outcome = _restore(store, prepared, found)
            if not isinstance(outcome, str):
                store.touch(prepared.key)
                return Hit(found, outcome, "local")
            stale = [outcome]
        reason = stale[0] + (f" (and {len(stale) - 1} more)" if stale[1:] else "")
        miss = Miss(reason, tuple(stale) if found is not None else ())
        if remotes is None or not prepared.action.shared:
            return miss
        tiers = remotes()
        fetched = tiers.fetch(prepared)
        if fetched is None:
            return replace(miss, reason=tiers.reason) if tiers.reason and found is None else miss
        outcome = _restore(store, prepared, fetched[0])
        return Miss(outcome) if isinstance(outcome, str) else Hit(fetched[0], outcome, fetched[1])


def store_run(store: Store, prepared: Prepared, run: Run, *, remotes: Callable[[], Remotes], now: float) -> str:
    """Store what a successful run made; returns why not, or ``""``.

    Raises:
        MaestroError: never for a cache trouble: a build that succeeded stays one.
    """
    action = prepared.action
    if action.mode == "enforce" and run.reads.undeclared:
        return f"undeclared read: {run.reads.undeclared[0]}"
    if action.mode == "enforce" and run.reads.method != "strace":
        return "mode enforce needs strace to see every read, and it cannot be used here"
    try:
        with locks.using(store):
            made = _record(store, prepared, run, now=now)
            changed = recheck(store, prepared)
            if changed:
                return changed
            payload = record.encode(made)
            tiers = remotes()
            envelope = record.sign(payload, tiers.writer())
            store.sync()
            store.put_record(prepared.key, envelope)
            note_name(store, action.name, prepared.key)
            if made.shared and not (action.mode == "observe" and run.reads.undeclared):
                tiers.publish(prepared, made, envelope)
    except (MaestroError, OSError) as error:
        return _in_one_line(error)
    return ""


def _in_one_line(error: MaestroError | OSError) -> str:
    if isinstance(error, OSError):
        return str(error)
    return ": ".join(filter(None, (error.where, error.what))) + (f"; to do: {error.fix}" if error.fix else "")


def recheck(store: Store, prepared: Prepared) -> str:
    """Why the inputs are not those of the key any more, or ``""``."""
    try:
        again = prepare(store, prepared.action)
    except MaestroError as error:
        return f"the inputs cannot be read any more: {error.what}"
    if again.key != prepared.key:
        return "the inputs changed during the run"
    # The same content with other time stamps may have been another content in between.
    before, after = prepared.walked.by_path(), again.walked.by_path()
    touched = next((path for path in after if before.get(path) != after[path]), None)
    return f"the input {touched} was written during the run" if touched else ""


def stat_cache(store: Store, action: Action, side: str) -> StatCache:
    """The stat cache of an action's inputs (``in``) or outputs (``out``)."""
    patterns = action.inputs.patterns if side == "in" else action.outputs.patterns
    return StatCache(f"{store.home}/stat/{safe_name('|'.join((side, action.root, *patterns)))}")


def seen_cache(store: Store, action: Action) -> StatCache:
    """The stat cache of what an action read besides its inputs."""
    return StatCache(f"{store.home}/stat/{safe_name(f'seen|{action.root}|{action.name}')}")


def observe(store: Store, prepared: Prepared, outcome: Hit | Miss, *, began: float, ended: float) -> None:
    """Write a look-up into the journal and the action's last components, for ``why``, ``report`` and the seal."""
    hit = outcome if isinstance(outcome, Hit) else None
    event = journal.Event(
        at=int(time.time()),
        name=prepared.action.name,
        key=prepared.key,
        root=prepared.action.root,
        result="miss" if hit is None else "hit" if hit.tier == "local" else "remote-hit",
        reason=outcome.reason if isinstance(outcome, Miss) else hit.tier if hit else "",
        duration_ms=int((ended - began) * 1000),
        saved_ms=hit.record.duration_ms if hit else 0,
        size=hit.record.size if hit else 0,
        restored=hit.restored.size if hit else 0,
        undeclared=len(hit.record.reads.undeclared) if hit else 0,
    )
    if hit is None:
        with suppress(MaestroError):  # a full disk: 'why' will say less
            store.put(prepared.tree.listing)
    note_last(store, prepared, event, miss=outcome if isinstance(outcome, Miss) else None)
    if hit is not None:
        journal.note(store, event)


def observe_run(store: Store, prepared: Prepared, run: Run, *, miss: Miss, not_stored: str) -> None:
    """Write a finished run into the journal; ``not_stored`` says why it left no record, a failure included."""
    record_made = store.record(prepared.key) if not not_stored else None
    event = journal.Event(
        at=int(time.time()),
        name=prepared.action.name,
        key=prepared.key,
        root=prepared.action.root,
        result="miss",
        reason=not_stored or miss.reason,
        duration_ms=run.duration_ms,
        size=record_made.size if record_made else 0,
        stored=not not_stored,
        undeclared=len(run.reads.undeclared),
    )
    journal.note(store, event)
    note_last(store, prepared, event, miss=miss, not_stored=not_stored)


def _restore(store: Store, prepared: Prepared, found: Record) -> Restored | str:
    action = prepared.action
    cache = stat_cache(store, action, "out")
    return restore(store, found, action.root, globs=action.outputs, cache=cache, read_only=action.read_only)


def _record(store: Store, prepared: Prepared, run: Run, *, now: float) -> Record:
    action = prepared.action
    outputs = collect(action.root, action.outputs, store) if action.outputs.patterns else ()
    reserved = [o.path for o in outputs if os.path.basename(o.path).startswith(".maestro-")]
    if reserved:
        raise ToolError("the name is reserved", where=reserved[0])
    listing, log = prepared.tree.listing, run.log
    return Record(
        key=prepared.key,
        components=prepared.components,
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        duration_ms=run.duration_ms,
        inputs=Blob(store.put(listing), len(listing)),
        outputs=outputs,
        log=Blob(store.put(log), len(log)),
        seen=Blob(store.put(run.witnesses), len(run.witnesses)),
        reads=replace(run.reads, undeclared=run.reads.undeclared[:100]),
        notify=run.notify,
        shared=action.shared,
    )


def _stale(store: Store, action: Action, found: Record) -> list[str]:
    """Why a record of the right key is not what a run would make now; empty if it is."""
    expired = _expired(action, found)
    if expired or not found.seen.size:
        return [expired] if expired else []
    witnesses = store.get(found.seen.digest)
    if witnesses is None:
        return ["the list of what it read besides its inputs is not in the store"]
    own = not store.is_fetched(found.key)
    return witness.changes(witnesses, action.scope, seen_cache(store, action), system=own)


def _expired(action: Action, found: Record) -> str:
    """Why a record is too old; a clock that went back makes every unlocked record too old."""
    if action.max_age_s is None:
        return ""
    from calendar import timegm  # noqa: PLC0415 - unlocked results only

    try:
        age = time.time() - timegm(time.strptime(found.created, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError as error:
        raise EvidenceError("has no time", where="action record") from error
    if 0 <= age <= action.max_age_s:
        return ""
    return f"made {age / 3600:.1f} hours ago without a lock, which holds for {action.max_age_s / 3600:.0f}"
