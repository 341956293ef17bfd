"""Finds the configured reports, reads them and hands each to the reader of its format. The importer's only I/O.

Invariant: every configured pattern and every file it matches leaves at least one obligation.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Location, Obligation
from maestro_reports import benchmark, coverage, cyclonedx, flakes, junit, sarif
from maestro_reports.keys import key
from maestro_reports.reading import MAX_BYTES, Report, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from maestro_reports.settings import ReportsSettings

    Reader = Callable[[Report, ReportsSettings], tuple[Obligation, ...]]

READERS: dict[str, Reader] = {
    "junit": junit.obligations,
    "coverage": coverage.obligations,
    "sarif": sarif.obligations,
    "benchmark": benchmark.obligations,
    "sbom": cyclonedx.obligations,
}


def obligations(root: Path, settings: ReportsSettings) -> Iterator[Obligation]:
    """The obligations of all configured reports below ``root``, formats and paths in order."""
    for table, reader in READERS.items():
        patterns: tuple[str, ...] = getattr(settings, table)
        matches = {pattern: _matches(root, pattern) for pattern in patterns}
        yield from (_matched(table, pattern, len(paths)) for pattern, paths in matches.items())
        seen: dict[str, str] = {}
        for path in sorted({path for paths in matches.values() for path in paths}):
            yield from _imported(root / path, path, table, reader, settings, seen=seen)
        if table == "benchmark":
            yield from _absent_benchmarks(settings, seen)
    for pattern in settings.repeated:
        yield from _repeated(root, pattern, settings)


def _repeated(root: Path, pattern: str, settings: ReportsSettings) -> tuple[Obligation, ...]:
    bound = None if settings.flake_max is None else Fraction(Decimal(settings.flake_max)) / 100
    try:
        runs = [Report(path, _bytes(root / path)) for path in _matches(root, pattern)]
        return flakes.obligations(pattern, runs, bound)
    except UnreadableError as error:
        finding = Finding(rule="report-unreadable", message=error.what, at=Location(pattern, error.line))
        return (Obligation(key=key("flakes/unreadable", pattern), value=1, max=0, findings=(finding,)),)


def _matches(root: Path, pattern: str) -> tuple[str, ...]:
    return tuple(sorted(p.relative_to(root).as_posix() for p in root.glob(pattern) if p.is_file()))


def _matched(table: str, pattern: str, count: int) -> Obligation:
    missing = Finding(
        rule="report-missing",
        message=f"no file matches {pattern!r}: make the report first, or drop the pattern from tool.maestro.reports",
        at=Location(pattern),
    )
    return Obligation(key=key(f"{table}/reports", pattern), value=count, min=1, findings=() if count else (missing,))


def _imported(
    place: Path, path: str, table: str, reader: Reader, settings: ReportsSettings, *, seen: dict[str, str]
) -> tuple[Obligation, ...]:
    """The obligations of one report; ``seen`` maps the keys taken so far to the report that took them."""
    try:
        found = reader(Report(path, _bytes(place)), settings)
        _check_unclaimed(found, seen)
    except UnreadableError as error:
        finding = Finding(rule="report-unreadable", message=error.what, at=Location(path, error.line))
        return (Obligation(key=key(f"{table}/unreadable", path), value=1, max=0, findings=(finding,)),)
    seen.update((obligation.key, path) for obligation in found)
    return found


def _check_unclaimed(found: tuple[Obligation, ...], seen: dict[str, str]) -> None:
    for obligation in found:
        if obligation.key in seen:
            raise UnreadableError(f"{obligation.key} is already claimed by {seen[obligation.key]}")


def _bytes(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            return file.read(MAX_BYTES + 1)  # the readers refuse what is longer
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}") from error


def _absent_benchmarks(settings: ReportsSettings, seen: dict[str, str]) -> Iterator[Obligation]:
    """A bound on a benchmark that no report names would otherwise be dropped without a word."""
    for name in sorted(settings.benchmark_max_us):
        if key("benchmark/median_us", name) not in seen:
            message = f"no report holds the benchmark {name!r}, which benchmark_max_us bounds"
            finding = Finding(rule="report-incomplete", message=message, at=Location("pyproject.toml"))
            yield Obligation(key=key("benchmark/missing", name), value=1, max=0, findings=(finding,))
