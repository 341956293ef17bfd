"""The host's own cached results (gate claims, test indexes) through the same store and the same remotes.

Invariant: an entry is a record like any other: signed, bound to its content key, its blobs hashed when they are read.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maestro_cas import engine, key, locks, record
from maestro_cas.access import access_mode
from maestro_cas.globs import compile_globs
from maestro_cas.opening import open_for, remotes_of
from maestro_cas.record import Blob, Output, Reads, Record
from maestro_cas.scan import Tree, Walked
from maestro_cas.settings import CasSettings
from maestro_hooks.evidence import canonical
from maestro_hooks.requests import CacheEntry

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.remote.access import Remotes
    from maestro_cas.store import Store
    from maestro_hooks.requests import ContentKey, FetchRequest, StoreRequest

_METADATA = "metadata.json"
_FOLDER = "blobs/"


def prepared(content_key: ContentKey, root: str) -> engine.Prepared:
    """An entry as an action without inputs."""
    components: key.Components = {"tool": key.TOOL, "entry": str(content_key)}
    action = engine.Action(
        name=f"entry {content_key}",
        root=root,
        inputs=compile_globs((), where="entry"),
        outputs=compile_globs((), where="entry"),
        components=components,
    )
    return engine.Prepared(action, components, key.key_of(components), Tree(b"", 0, 0), Walked([], []))


def fetch(store: Store, content_key: ContentKey, root: str, remotes: Remotes) -> CacheEntry | None:
    """The entry of a content key, from the store or a remote; ``None`` is a miss."""
    ready = prepared(content_key, root)
    with locks.using(store):
        found = store.record(ready.key)
        blobs = _blobs(store, found) if found is not None else None
        if blobs is None:  # not there, or damaged: others may have it
            fetched = remotes.fetch(ready)
            blobs = _blobs(store, fetched[0]) if fetched is not None else None
        if blobs is None:
            return None
        store.touch(ready.key)
    metadata = canonical.decode_object(blobs.pop(_METADATA, b"{}"), canonical=True, where=str(content_key))
    return CacheEntry(metadata=metadata, blobs={name.removeprefix(_FOLDER): data for name, data in blobs.items()})


def _blobs(store: Store, found: Record) -> dict[str, bytes] | None:
    blobs = {output.path: store.get(output.digest) for output in found.outputs}
    whole = {path: data for path, data in blobs.items() if data is not None}
    return whole if len(whole) == len(blobs) else None


def keep(store: Store, content_key: ContentKey, entry: CacheEntry, *, root: str, remotes: Remotes) -> None:
    """Store an entry and offer it to the remotes. Raises ``EvidenceError`` for a name that is no path."""
    ready = prepared(content_key, root)
    named = {f"{_FOLDER}{name}": data for name, data in entry.blobs.items()}
    named[_METADATA] = canonical.encode(dict(entry.metadata))
    with locks.using(store):
        outputs = tuple(Output(name, "f", 0o644, len(data), store.put(data)) for name, data in sorted(named.items()))
        record.check_layout(outputs)
        empty = Blob(store.put(b""), 0)
        made = Record(
            key=ready.key,
            components=ready.components,
            created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            duration_ms=0,
            inputs=empty,
            outputs=outputs,
            log=empty,
            reads=Reads("none"),
            seen=empty,
        )
        envelope = record.sign(record.encode(made), remotes.writer())
        store.sync()
        store.put_record(ready.key, envelope)
        remotes.publish(ready, made, envelope)


def fetch_for(request: FetchRequest) -> CacheEntry | None:
    """``fetch`` for the project the request names, unless ``MAESTRO_CACHE`` forbids reading."""
    if access_mode() in ("off", "refresh"):
        return None
    with _project(str(request.root), request.settings) as (store, root, remotes):
        return fetch(store, request.key, root, remotes)


def keep_for(request: StoreRequest) -> None:
    """``keep`` for the project the request names, unless ``MAESTRO_CACHE`` forbids writing."""
    if access_mode() in ("off", "ro"):
        return
    with _project(str(request.root), request.settings) as (store, root, remotes):
        keep(store, request.key, request.entry, root=root, remotes=remotes)


@contextmanager
def _project(root: str, table: object) -> Iterator[tuple[Store, str, Remotes]]:
    settings = table if isinstance(table, CasSettings) else CasSettings()
    store = open_for(root, settings)
    remotes = remotes_of(store, settings, root=root, announce=logging.getLogger("maestro.cas").warning)
    try:
        yield store, root, remotes
    finally:
        remotes.close()
