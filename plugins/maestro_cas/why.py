"""Why the last look-up of an action missed: the components that differ from its nearest earlier record.

Invariant: what is named did differ; values of variables are never shown, only that they changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_cas.names import keys_of, last_of
from maestro_cas.scan import parse_listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_cas.record import Record
    from maestro_cas.store import Store

SHOWN = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """``result`` is that of the look-up (``hit``, ``miss``, ...); ``lines`` explain it."""

    result: str
    key: str
    reason: str
    nearest: str
    lines: tuple[str, ...]


def explain(store: Store, name: str) -> Answer | None:
    """Explain the latest look-up of ``name``; ``None`` if there was none."""
    last = last_of(store, name)
    if last is None:
        return None
    event, components = last["event"], last["components"]
    result, key, reason = str(event["result"]), str(event["key"]), str(event["reason"])
    if result in ("hit", "remote-hit"):
        return Answer(result, key, reason, key, (f"the key was found at {reason}",))
    nearest = _nearest(store, name, components, key)
    if nearest is None:
        return Answer(result, key, reason, "", ("there is no earlier result of this name to compare with",))
    lines: list[str] = []
    for part in sorted({*components, *nearest.components}):
        old, new = nearest.components.get(part), components.get(part)
        if old == new:
            continue
        if part == "inputs":
            lines += _inputs(store, nearest, str(last.get("listing", "")))
        elif isinstance(old, dict) and isinstance(new, dict):
            lines += _table(part, old, new)
        else:
            lines.append(f"{part}: {_short(old)} -> {_short(new)}")
    return Answer(result, key, reason, nearest.key, tuple(lines))


def _nearest(store: Store, name: str, components: Mapping[str, object], key: str) -> Record | None:
    best: tuple[int, Record] | None = None
    for other in keys_of(store, name):
        found = store.record(other) if other != key else None
        if found is None:
            continue
        equal = sum(1 for part, value in components.items() if found.components.get(part) == value)
        if best is None or equal > best[0]:  # newest first: of equals the newest stays
            best = (equal, found)
    return best[1] if best else None


def _inputs(store: Store, nearest: Record, listing: str) -> list[str]:
    old, new = store.get(nearest.inputs.digest), store.get(listing)
    if old is None or new is None:
        return ["inputs: changed (the listing is not in the store any more)"]
    before, after = parse_listing(old), parse_listing(new)
    lines = [f"input added: {p}" for p in sorted(after.keys() - before.keys())]
    lines += [f"input removed: {p}" for p in sorted(before.keys() - after.keys())]
    lines += [f"input changed: {p}" for p in sorted(before.keys() & after.keys()) if before[p] != after[p]]
    return lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"and {len(lines) - SHOWN} more inputs"]


def _table(part: str, old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    lines = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if part == "env":
            words = (
                "was not declared" if before is None else "is not declared" if after is None else _change(before, after)
            )
            lines.append(f"env {name}: {words}")
        else:
            lines.append(f"{part} {name}: {_short(before)} -> {_short(after)}")
    return lines


def _change(before: object, after: object) -> str:
    return "is unset now" if after == "unset" else "is set now" if before == "unset" else "has another value"


def _short(value: object) -> str:
    text = "nothing" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
