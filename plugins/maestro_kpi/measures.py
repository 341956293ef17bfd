"""The KPI table: each row a pure function of the history, with its target and how it is measured."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maestro_kpi.history import Event, History

Points = tuple[tuple[int, Fraction], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kpi:
    """One promise: its target as a lower bound (``None``: none was stated) and the records that measure it."""

    name: str
    target: Fraction | None
    how: str
    points: Callable[[History], Points]
    unit: str = "%"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A KPI as measured here: one point per time, the last one first in importance; no point, not measured."""

    name: str
    target: Fraction | None
    unit: str
    how: str
    points: Points

    @property
    def latest(self) -> Fraction | None:
        """The last measured value."""
        return self.points[-1][1] if self.points else None

    @property
    def met(self) -> bool | None:
        """Whether the last value meets the target; ``None`` if there is no value or no target."""
        return None if self.latest is None or self.target is None else self.latest >= self.target


def board(history: History) -> tuple[Measure, ...]:
    """Every KPI, measured or not."""
    return tuple(
        Measure(name=kpi.name, target=kpi.target, unit=kpi.unit, how=kpi.how, points=kpi.points(history))
        for kpi in KPIS
    )


def _releases_with_evidence(history: History) -> Points:
    if not history.artifacts:
        return ()
    proved = {a for bundle in history.bundles if bundle.verdict == "pass" for a in bundle.artifacts}
    time = history.releases[-1].time if history.releases else 0
    return ((time, Fraction(sum(a in proved for a in history.artifacts), len(history.artifacts))),)


def _log_verified(history: History) -> Points:
    looked = [b.steps["log-inclusion"] for b in history.bundles if b.steps.get("log-inclusion") in ("pass", "fail")]
    time = history.releases[-1].time if history.releases else 0
    return ((time, Fraction(looked.count("pass"), len(looked))),) if looked else ()


def _sealed_metric(key: str) -> Callable[[History], Points]:
    """The open number of a leaf over all sealed releases."""

    def points(history: History) -> Points:
        return tuple(
            (release.time, Fraction(metric.q, metric.scale))
            for release in history.releases
            for leaf in release.leaves
            if leaf.id == key
            for metric in leaf.metrics.values()
            if metric.q is not None
        )

    return points


def _number(event: Event) -> Fraction | None:
    quantity = event.record.quantity
    return None if quantity is None else Fraction(int(quantity.q), quantity.scale)


def _fix_success(history: History) -> Points:
    """Repairs that held over all that were tried, summed over the gates of each moment that tried any."""
    times: dict[int, list[Fraction]] = {}
    for event in history.events:
        metric = event.record.key.partition("/")[2]
        number = _number(event)
        if metric in ("fixes", "fixes-refused") and number is not None:
            times.setdefault(event.time, [Fraction(0), Fraction(0)])[metric == "fixes-refused"] += number
    return tuple((time, held / (held + refused)) for time, (held, refused) in sorted(times.items()) if held + refused)


def _time_saved(history: History) -> Points:
    """Of each test run that skipped or could skip: the known duration of what was skipped over that of everything."""
    return tuple(_saved(history))


def _saved(history: History) -> Iterator[tuple[int, Fraction]]:
    blobs = history.blobs or {}
    known: dict[str, int] = {}
    for event in history.events:
        if event.record.key != "pytest/deselected_by_maestro":
            continue
        ran = blobs.get(str(event.meta.get("durations", "")), [])
        named = [ref.sha256 for ref in event.record.evidence if ref.name == "skips"]
        skipped: list[list[str]] = blobs.get(named[0], []) if named else []
        known.update({str(nodeid): int(microseconds) for nodeid, microseconds in ran})
        saved = sum(known.get(str(skip[0]), 0) for skip in skipped)
        spent = sum(int(microseconds) for _, microseconds in ran)
        if saved + spent:
            yield event.time, Fraction(saved, saved + spent)


def _cache_reuse(history: History) -> Points:
    times: dict[int, list[bool]] = {}
    for event in history.events:
        if event.record.key.startswith("cas/origin/"):
            times.setdefault(event.time, []).append(event.record.text != "run")
    return tuple((time, Fraction(sum(hits), len(hits))) for time, hits in sorted(times.items()))


def _overrides(history: History) -> Points:
    return tuple(
        (release.time, Fraction(sum(leaf.verdict == "warn" for leaf in release.leaves), len(release.leaves)))
        for release in history.releases
        if release.leaves
    )


def _repro(history: History) -> Points:
    found = ((e.time, _number(e)) for e in history.events if e.record.key == "repro/time-ms")
    return tuple((time, number / 1000) for time, number in found if number is not None)


KPIS = (
    Kpi(
        name="releases with evidence",
        target=Fraction(1),
        how="built files in the output directory that a verifying bundle there names by digest",
        points=_releases_with_evidence,
    ),
    Kpi(
        name="log verifications",
        target=Fraction(1),
        how="bundles whose log inclusion the verifier checked: the share that passed",
        points=_log_verified,
    ),
    Kpi(
        name="policy mutation",
        target=Fraction(92, 100),
        how="policy/mutation-score in each sealed manifest",
        points=_sealed_metric("policy/mutation-score"),
    ),
    Kpi(
        name="fix success",
        target=Fraction(88, 100),
        how="ledger keys PLUGIN/fixes over those and PLUGIN/fixes-refused: repairs that were verified, of those tried",
        points=_fix_success,
    ),
    Kpi(
        name="test time saved",
        target=Fraction(12, 100),
        how="known duration of skipped tests over that of all tests, for each recorded test run",
        points=_time_saved,
    ),
    Kpi(
        name="cache reuse",
        target=Fraction(92, 100),
        how="cas/origin records that were not run",
        points=_cache_reuse,
    ),
    Kpi(
        name="reviewer overrides",
        target=None,
        how="waived obligations over all, in each sealed manifest",
        points=_overrides,
    ),
    Kpi(name="time to reproduce", target=None, how="ledger key repro/time-ms", points=_repro, unit="s"),
)
