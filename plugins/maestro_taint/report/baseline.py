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
    from collections.abc import Iterable
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One accepted flow. ``expires`` is an ISO day, or empty."""

    fingerprint: str
    rule: str
    file: str
    owner: str
    reason: str
    first_seen: str
    expires: str = ""


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
    findings: Iterable[Finding], held: Baseline, today: dt.date | None = None
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """(new findings, findings the baseline accepts)."""
    day = (today or dt.datetime.now(tz=dt.UTC).date()).isoformat()
    good = {e.fingerprint: e for e in held.entries if not e.expires or e.expires >= day}
    fresh: list[Finding] = []
    known: list[Finding] = []
    for f in findings:
        entry = good.get(f.fingerprint)
        if entry is None:
            fresh.append(f)
        else:
            words = f"{entry.reason} (owner {entry.owner}{f', until {entry.expires}' if entry.expires else ''})"
            known.append(replace(f, suppression=Suppression("external", words)))
    return tuple(fresh), tuple(known)


def write(place: Path, findings: Iterable[Finding], *, owner: str, reason: str, expires: str, today: str) -> Baseline:
    """Accept these findings; entries known before keep their owner, reason and dates, gone ones are pruned."""
    old = {e.fingerprint: e for e in read(place).entries}
    entries = [
        old.get(f.fingerprint) or Entry(f.fingerprint, f.rule, f.at.path, owner, reason, today, expires)
        for f in findings
    ]
    made = Baseline(entries=tuple(sorted(entries, key=lambda e: e.fingerprint)))
    write_atomic(place, msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
