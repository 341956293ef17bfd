"""Why the last look-up of an action missed: the components that differ from its nearest earlier record.

Invariant: what is named did differ; values of variables are never shown, only that they changed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_cas.names import keys_of, last_of
from maestro_cas.scan import parse_listing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_cas.record import Record
    from maestro_cas.store import Store

SHOWN = 20
WIDTH = 60
# Components that are tables of digests: nobody wants to read those.
_DIGESTS = {"modules": "the module", "data": "the noxfile's value", "programs": "the program"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """``result`` is that of the look-up (``hit``, ``miss``, ...).

    ``lines`` are what differs from ``nearest``, the key of the record compared with (``""`` if there is none);
    ``not_stored`` is why the run after a miss was not kept; ``todo`` is advice.
    """

    name: str
    result: str
    key: str
    reason: str
    nearest: str
    lines: tuple[str, ...]
    age_s: int
    not_stored: str = ""
    todo: str = ""


def explain(store: Store, name: str) -> Answer | None:
    """Explain the latest look-up of ``name``; ``None`` if there was none."""
    last = last_of(store, name)
    if last is None:
        return None
    event, components = last["event"], last["components"]
    result, key = str(event["result"]), str(event["key"])
    details = [str(line) for line in last.get("details") or ()]
    lines, nearest = (details, key) if details else ([], "")
    if result in ("hit", "remote-hit"):
        lines, nearest = _hit(store.record(key), event), key
    elif not details:
        lines, nearest = _compared(store, name, last, components, key)
    return Answer(
        name=name,
        result=result,
        key=key,
        reason=str(last.get("missed") or event["reason"]),
        nearest=nearest,
        lines=tuple(lines if len(lines) <= SHOWN else [*lines[:SHOWN], f"and {len(lines) - SHOWN} more"]),
        age_s=max(0, int(time.time()) - int(event["at"])),
        not_stored=str(last.get("not stored") or ""),
        todo=_todo(details),
    )


def _hit(found: Record | None, event: Mapping[str, Any]) -> list[str]:
    lines = [f"the key was found at {event['reason']}, and all that the run read besides its inputs is as it was"]
    if found is not None:
        lines.append(f"made {found.created}, took {found.duration_ms / 1000:.1f} s, {len(found.outputs)} outputs")
    return lines


def _compared(
    store: Store, name: str, last: Mapping[str, Any], components: Mapping[str, object], key: str
) -> tuple[list[str], str]:
    """What differs from the nearest record of another key, and that key."""
    nearest = _nearest(store, name, components, key)
    if nearest is None:
        return ["there is no earlier result of this name to compare with"], ""
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
            lines.append(f"{part}: {_change_of(old, new)}")
    return lines, nearest.key


def _todo(details: list[str]) -> str:
    if any("undeclared file" in line or "is there now" in line for line in details):
        return "declare these files as inputs: then each content has a result of its own"
    if any("undeclared names" in line for line in details):
        return "the run listed that directory; declare what it looks for there, or keep other files elsewhere"
    return ""


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
    return lines


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
        elif part in _DIGESTS:
            lines.append(f"{_DIGESTS[part]} {name} {_turned(before, after)}")
        else:
            lines.append(f"{part} {name}: {_change_of(before, after)}")
    return lines


def _turned(before: object, after: object) -> str:
    return "is new" if before is None else "is not used any more" if after is None else "changed"


def _change(before: object, after: object) -> str:
    return "is unset now" if after == "unset" else "is set now" if before == "unset" else "has another value"


def _change_of(old: object, new: object) -> str:
    """Both values, cut to what lies around their first difference."""
    before, after = _text(old), _text(new)
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), 0)
    start = max(0, same - 20) if max(len(before), len(after)) > WIDTH else 0
    return f"{_cut(before, start)} -> {_cut(after, start)}"


def _text(value: object) -> str:
    return "nothing" if value is None else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _cut(text: str, start: int) -> str:
    piece = text[start : start + WIDTH]
    return f"{'...' if start else ''}{piece}{'...' if start + WIDTH < len(text) else ''}"
