"""pytest-benchmark JSON to obligations: medians in microseconds, from the digits in the file.

Invariant: the number is the decimal text of the report times 10**6, never a float.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Attachment, Obligation
from maestro_reports.keys import key
from maestro_reports.reading import Report, UnreadableError, convert, json_document

if TYPE_CHECKING:
    from maestro_reports.settings import ReportsSettings

SCALE = 1000


class Stats(msgspec.Struct, frozen=True):
    """Seconds."""

    median: int | Decimal
    rounds: int


class Benchmark(msgspec.Struct, frozen=True):
    """One benchmark; ``fullname`` is the pytest node id."""

    fullname: str
    stats: Stats


class Document(msgspec.Struct, frozen=True):
    """The report as ``pytest --benchmark-json`` writes it."""

    benchmarks: list[Benchmark]
    version: str


def parse(data: bytes) -> Document:
    """Read a report. Raises ``UnreadableError`` if it is malformed, empty of rounds or names a benchmark twice."""
    document = convert(json_document(data), Document)
    seen: set[str] = set()
    for one in document.benchmarks:
        if one.fullname in seen:
            raise UnreadableError(f"benchmark {one.fullname!r} is given twice")
        if one.stats.rounds < 1 or one.stats.median < 0:
            raise UnreadableError(f"benchmark {one.fullname!r} has no rounds or a negative median")
        seen.add(one.fullname)
    return document


def obligations(report: Report, settings: ReportsSettings) -> tuple[Obligation, ...]:
    """The number of benchmarks, and the median of each against its own maximum, else the one for all."""
    document = parse(report.data)
    found = [
        Obligation(
            key=key("benchmark/count", report.path),
            value=len(document.benchmarks),
            min=1,
            kind="test",
            attachments=(Attachment(report.path, report.data),),
        )
    ]
    for one in document.benchmarks:
        bound = settings.benchmark_max_us.get(one.fullname, settings.benchmark_max)
        found.append(
            Obligation(
                key=key("benchmark/median_us", one.fullname),
                value=Fraction(one.stats.median) * 10**6,
                max=None if bound is None else Decimal(bound),
                scale=SCALE,
                kind="test",
            )
        )
    return tuple(found)
