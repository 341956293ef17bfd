"""coverage.py JSON to obligations: exact ratios, recomputed from the lines and branches of each file.

Theorem: a ratio is claimed only if the totals equal the sums over the files, and each file's summary equals the
number of lines and branches it lists.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_reports.keys import key
from maestro_reports.reading import Report, UnreadableError, convert, json_document

if TYPE_CHECKING:
    from maestro_reports.settings import ReportsSettings

SCALE = 10_000


class Summary(msgspec.Struct, frozen=True):
    """Counts of one file, or of all; the branch members are there if branches were measured."""

    covered_lines: int
    num_statements: int
    missing_lines: int
    covered_branches: int = 0
    num_branches: int = 0
    missing_branches: int = 0


class FileCoverage(msgspec.Struct, frozen=True):
    """One measured file; branches are (from line, to line) pairs."""

    executed_lines: list[int]
    missing_lines: list[int]
    summary: Summary
    executed_branches: list[tuple[int, int]] = []
    missing_branches: list[tuple[int, int]] = []


class Meta(msgspec.Struct, frozen=True):
    """How the report was made."""

    version: str
    branch_coverage: bool


class Document(msgspec.Struct, frozen=True):
    """The report as ``coverage json`` writes it (formats 2 and 3)."""

    meta: Meta
    files: dict[str, FileCoverage]
    totals: Summary


def parse(data: bytes) -> Document:
    """Read a report. Raises ``UnreadableError`` if it is malformed or contradicts itself."""
    document = convert(json_document(data), Document)
    for path, file in document.files.items():
        _agree(path, file.summary, _counted(file))
    _agree("totals", document.totals, _sum([file.summary for file in document.files.values()]))
    return document


def obligations(report: Report, settings: ReportsSettings) -> tuple[Obligation, ...]:
    """The number of measured files and the ratios: all (as ``coverage report`` computes it), lines, branches."""
    document = parse(report.data)
    totals = document.totals
    found = [
        Obligation(
            key=key("coverage/files", report.path),
            value=len(document.files),
            min=1,
            kind="test",
            attachments=(Attachment(report.path, report.data),),
        ),
        _ratio(
            key("coverage/total", report.path),
            totals.covered_lines + totals.covered_branches,
            totals.num_statements + totals.num_branches,
            bound=settings.coverage_min,
        ),
        _ratio(key("coverage/lines", report.path), totals.covered_lines, totals.num_statements),
    ]
    if document.meta.branch_coverage:
        branches, bound = key("coverage/branches", report.path), settings.coverage_branch_min
        found.append(_ratio(branches, totals.covered_branches, totals.num_branches, bound=bound))
    elif settings.coverage_branch_min is not None:
        found.append(_unmeasured(report.path, settings.coverage_branch_min))
    return tuple(found)


def _ratio(name: str, covered: int, total: int, *, bound: str | None = None) -> Obligation:
    # Code without branches has all of them covered; a report without a single statement has measured nothing.
    nothing = Fraction(1 if name.startswith("coverage/branches") else 0)
    value = Fraction(covered, total) if total else nothing
    return Obligation(key=name, value=value, min=_minimum(bound), scale=SCALE, kind="test")


def _minimum(bound: str | None) -> Fraction | None:
    return None if bound is None else Fraction(Decimal(bound)) / 100


def _unmeasured(path: str, bound: str) -> Obligation:
    message = "branches were not measured: run coverage with --branch, or drop coverage_branch_min"
    return Obligation(
        key=key("coverage/branches", path),
        value=Fraction(0),
        min=_minimum(bound),
        scale=SCALE,
        kind="test",
        findings=(Finding(rule="report-incomplete", message=message, at=Location(path)),),
    )


def _counted(file: FileCoverage) -> Summary:
    executed, missing = set(file.executed_lines), set(file.missing_lines)
    taken, untaken = set(file.executed_branches), set(file.missing_branches)
    if executed & missing or taken & untaken:
        raise UnreadableError("a line or branch is both executed and missing")
    return Summary(
        len(executed),
        len(executed) + len(missing),
        len(missing),
        len(taken),
        len(taken) + len(untaken),
        len(untaken),
    )


def _sum(summaries: list[Summary]) -> Summary:
    return Summary(*(sum(getattr(summary, name) for summary in summaries) for name in Summary.__struct_fields__))


def _agree(where: str, stated: Summary, counted: Summary) -> None:
    for name in Summary.__struct_fields__:
        says, shows = getattr(stated, name), getattr(counted, name)
        if says != shows:
            raise UnreadableError(f"contradicts itself: {where} states {name} = {says}, its parts add up to {shows}")
