"""The baseline: flows known before, with an owner, a reason and a last day.

Invariant: only flows that are not in the baseline, or whose entry has expired, block; debt still counts.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.errors import ConfigError
from maestro_hooks.evidence.obligation import Suppression
from maestro_hooks.project.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One accepted flow. ``expires`` is an ISO day, or empty; ``context`` tells it when its code has moved."""

    fingerprint: str
    rule: str
    file: str
    owner: str
    reason: str
    first_seen: str
    expires: str = ""
    context: str = ""


class Baseline(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file: a version and entries sorted by fingerprint."""

    version: int = 1
    entries: tuple[Entry, ...] = ()


def read(place: Path) -> Baseline:
    """The baseline, empty if there is no file. Raises ``ConfigError`` for a damaged one."""
    try:
        return msgspec.json.decode(place.read_bytes(), type=Baseline)
    except FileNotFoundError:
        return Baseline()
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"the baseline cannot be read: {error}", where=str(place), fix="mend or remove it") from error


def split(
    findings: Iterable[Finding], held: Baseline, gone: Callable[[str], bool], today: dt.date | None = None
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """(new findings, findings the baseline accepts).

    A flow whose code moved is known by its context: one that ``gone`` says is no longer in the file of its entry may be
    found once elsewhere.
    """
    day = (today or dt.datetime.now(tz=dt.UTC).date()).isoformat()
    found = list(findings)
    fresh: list[Finding] = []
    known: list[Finding] = []
    for f, entry in zip(found, matched(found, held, gone), strict=True):
        if entry is None or (entry.expires and entry.expires < day):
            fresh.append(f)
            continue
        words = f"{entry.reason} (owner {entry.owner}{f', until {entry.expires}' if entry.expires else ''})"
        known.append(replace(f, suppression=Suppression("external", words)))
    return tuple(fresh), tuple(known)


def matched(findings: list[Finding], held: Baseline, gone: Callable[[str], bool]) -> list[Entry | None]:
    """The entry of each finding: by its fingerprint, else by its context."""
    by_print = {e.fingerprint: e for e in held.entries}
    there = {f.fingerprint for f in findings}
    moved: dict[tuple[str, str], list[Entry]] = {}
    for e in held.entries:
        if e.context and e.fingerprint not in there and gone(e.file):
            moved.setdefault((e.rule, e.context), []).append(e)
    made: list[Entry | None] = []
    for f in findings:
        waiting = moved.get((f.rule, str(f.properties.get("context", ""))), [])
        made.append(by_print.get(f.fingerprint) or (waiting.pop(0) if waiting else None))
    return made


def write(place: Path, findings: Iterable[Finding], *, owner: str, reason: str, expires: str, today: str) -> Baseline:
    """Accept these findings; entries known before keep their owner, reason and dates, gone ones are pruned."""
    found = list(findings)
    entries = []
    for f, known in zip(found, matched(found, read(place), lambda _: True), strict=True):
        context = str(f.properties.get("context", ""))
        if known is None:
            entries.append(Entry(f.fingerprint, f.rule, f.at.path, owner, reason, today, expires, context))
        else:  # as it was accepted, where it is now
            entries.append(msgspec.structs.replace(known, fingerprint=f.fingerprint, file=f.at.path, context=context))
    made = Baseline(entries=tuple(sorted(entries, key=lambda e: e.fingerprint)))
    write_atomic(place, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
