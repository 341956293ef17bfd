"""Which keys an action of a name had, and how its last look-up went: what ``why`` compares.

Invariant: these are notes; losing one costs an explanation, never a result.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.engine import Miss, Prepared
    from maestro_cas.journal import Event
    from maestro_cas.store import Store

KEPT = 64


def safe_name(name: str) -> str:
    """A file name for any text."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:32]


def note_name(store: Store, name: str, key: str) -> None:
    """Remember that ``key`` is a result of ``name``."""
    with suppress(OSError):
        descriptor = os.open(f"{store.home}/names/{safe_name(name)}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{key}\n".encode())
        finally:
            os.close(descriptor)


def keys_of(store: Store, name: str) -> list[str]:
    """The last keys of ``name``, newest first, once each."""
    try:
        with open(f"{store.home}/names/{safe_name(name)}", encoding="ascii", errors="replace") as stream:
            lines = stream.read().split()
    except OSError:
        return []
    return list(dict.fromkeys(key for key in reversed(lines) if len(key) == 64))[:KEPT]


def note_last(
    store: Store, prepared: Prepared, event: Event, *, miss: Miss | None = None, not_stored: str = ""
) -> None:
    """Keep the components and the outcome of the latest look-up of a name, and why its run was not stored."""
    body = {
        "event": asdict(event),
        "components": prepared.components,
        "listing": hashlib.sha256(prepared.tree.listing).hexdigest(),
        "shared": prepared.action.shared,
        "missed": miss.reason if miss is not None else "",
        "details": list(miss.details) if miss is not None else [],
        "not stored": not_stored,
    }
    draft = f"{store.home}/drafts/{os.getpid()}-last"
    with suppress(OSError):
        with open(draft, "wb") as stream:
            stream.write(json.dumps(body).encode("utf-8", "surrogateescape"))
        os.replace(draft, f"{store.home}/last/{safe_name(prepared.action.name)}")


def looked_up(store: Store) -> list[str]:
    """The names that were looked up, the latest first; by when their notes were written, for a second holds many."""
    named = [(written, value["event"]["name"]) for written, value in _notes(store) if "name" in value.get("event", {})]
    return [str(name) for _, name in sorted(named, reverse=True)]


def last_of(store: Store, name: str) -> dict[str, Any] | None:
    """The latest look-up of a name."""
    try:
        with open(f"{store.home}/last/{safe_name(name)}", "rb") as stream:
            value: Any = json.loads(stream.read())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def all_last(store: Store) -> list[dict[str, Any]]:
    """The latest look-up of every name."""
    return [value for _, value in _notes(store)]


def _notes(store: Store) -> Iterator[tuple[int, dict[str, Any]]]:
    """(when it was written in nanoseconds, its content) of each note that can be read, sorted by file."""
    for file in sorted(os.listdir(f"{store.home}/last")):
        place = f"{store.home}/last/{file}"
        with suppress(OSError, ValueError):
            written = os.stat(place).st_mtime_ns
            with open(place, "rb") as stream:
                value: Any = json.loads(stream.read())
            if isinstance(value, dict):
                yield written, value
