"""One thing a gate found, and what leads there and mends it; apart from obligations, most of which hold none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Level: TypeAlias = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file; lines and columns count from 1, columns in Unicode code points (SARIF 3.30)."""

    path: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Replace ``deleted`` (a span) by ``inserted`` (text): one edit of a SARIF ``fix`` object."""

    deleted: Location
    inserted: str


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding is accepted: by a comment in the source, or by a file beside it (SARIF 3.35)."""

    kind: Literal["inSource", "external"]
    justification: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing found: rule id, place, words, the path that leads there, and the edits that mend it.

    A finding with a ``suppression`` is told as accepted: as such in SARIF and ``--jsonl``, not at all in annotations.

    ``properties`` are the plugin's own facts (JSON values, no floats); they appear in ``--jsonl`` and SARIF.
    ``measured`` are facts of this run only (times, counts): shown in ``--jsonl`` over a property of the same name,
    never stored, so that two runs of one check leave the same evidence.
    """

    rule: str
    message: str
    at: Location
    level: Level = "error"
    cwe: int | None = None
    trace: tuple[Location, ...] = ()
    fix: tuple[Replacement, ...] = ()
    fingerprint: str = ""
    properties: dict[str, object] = field(default_factory=dict)
    measured: dict[str, object] = field(default_factory=dict)
    suppression: Suppression | None = None
