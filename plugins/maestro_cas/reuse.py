"""How much was reused over a period, by actions, by time and by bytes; and what the misses cost.

Invariant: each rate names its own denominator; a look-up that bypassed the cache counts as a miss.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_cas.journal import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Reuse:
    """Totals of one name, or of all. Bytes are bytes of outputs, times are milliseconds of runs."""

    name: str
    hits: int
    remote_hits: int
    misses: int
    saved_ms: int
    spent_ms: int
    hit_bytes: int
    made_bytes: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def lookups(self) -> int:
        """All look-ups."""
        return self.hits + self.remote_hits + self.misses

    @property
    def action_permille(self) -> int:
        """Reused action results of all, in thousandths, rounded down."""
        return (self.hits + self.remote_hits) * 1000 // self.lookups if self.lookups else 0

    @property
    def byte_permille(self) -> int:
        """Bytes of outputs that came from the cache of all bytes of outputs, in thousandths, rounded down."""
        total = self.hit_bytes + self.made_bytes
        return self.hit_bytes * 1000 // total if total else 0


def summarise(events: Iterable[Event], name: str) -> Reuse:
    """Add up events."""
    counts: dict[str, int] = defaultdict(int)
    sums: dict[str, int] = defaultdict(int)
    reasons: dict[str, int] = defaultdict(int)
    for event in events:
        hit = event.result in ("hit", "remote-hit")
        counts[event.result if hit else "miss"] += 1
        sums["saved" if hit else "spent"] += event.saved_ms if hit else event.duration_ms
        sums["hit" if hit else "made"] += event.size
        if not hit:
            reasons[event.reason] += 1
    return Reuse(
        name=name,
        hits=counts["hit"],
        remote_hits=counts["remote-hit"],
        misses=counts["miss"],
        saved_ms=sums["saved"],
        spent_ms=sums["spent"],
        hit_bytes=sums["hit"],
        made_bytes=sums["made"],
        reasons=tuple(sorted(reasons.items(), key=lambda r: (-r[1], r[0]))[:5]),
    )


def by_name(events: Iterable[Event]) -> list[Reuse]:
    """One total per name, sorted, and the total of all last."""
    everything = list(events)
    names: dict[str, list[Event]] = defaultdict(list)
    for event in everything:
        names[event.name].append(event)
    return [*(summarise(names[n], n) for n in sorted(names)), summarise(everything, "all")]
