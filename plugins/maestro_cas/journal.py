"""The journal: one line per look-up, appended by whoever looked, read by ``why`` and ``report``.

Invariant: a line is written by one ``write`` call to a file opened for appending; a reader skips a torn line and
says how many it skipped.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.store import Store

RESULTS = ("hit", "remote-hit", "miss", "bypass")


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One look-up. ``saved_ms`` is what the recorded run took; ``duration_ms`` what this look-up or run took."""

    at: int
    name: str
    key: str
    root: str
    result: str
    reason: str = ""
    duration_ms: int = 0
    saved_ms: int = 0
    size: int = 0
    restored: int = 0
    stored: bool = False
    undeclared: int = 0


def note(store: Store, event: Event) -> None:
    """Append an event; a journal that cannot be written never fails a build."""
    month = time.strftime("%Y-%m", time.gmtime(event.at))
    line = json.dumps(asdict(event), sort_keys=True, separators=(",", ":")).encode() + b"\n"
    with suppress(OSError):
        descriptor = os.open(f"{store.home}/journal/{month}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def events(store: Store, *, since: int = 0) -> Iterator[Event | None]:
    """All events from ``since`` on, oldest file first; ``None`` for a line that is none."""
    folder = f"{store.home}/journal"
    for name in sorted(os.listdir(folder)):
        with open(f"{folder}/{name}", "rb") as stream:
            for line in stream:
                event = _event(line)
                if event is None or event.at >= since:
                    yield event


def _event(line: bytes) -> Event | None:
    try:
        value: Any = json.loads(line)
        event = Event(**value)
    except (ValueError, TypeError):
        return None
    numbers = (event.at, event.duration_ms, event.saved_ms, event.size, event.restored, event.undeclared)
    return event if all(isinstance(n, int) for n in numbers) and event.result in RESULTS else None
