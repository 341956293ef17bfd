"""SARIF 2.1.0 to obligations: results by level, and analyses that did not run to their end.

Invariant: a run whose tool failed, or that holds no result list at all, cannot meet its claim (SARIF 3.14.23).
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from maestro_hooks.evidence import sarif_reader
from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_reports.keys import key
from maestro_reports.reading import Report, UnreadableError, json_document

if TYPE_CHECKING:
    from maestro_reports.settings import ReportsSettings


def parse(data: bytes) -> tuple[sarif_reader.Run, ...]:
    """Read a log. Raises ``UnreadableError`` if it is malformed or holds no run."""
    try:
        runs = sarif_reader.parse(json_document(data))
    except sarif_reader.SarifError as error:
        raise UnreadableError(error.what) from error
    if not runs:
        raise UnreadableError("holds no run: nothing was analysed")
    return runs


def obligations(report: Report, _settings: ReportsSettings) -> tuple[Obligation, ...]:
    """No result of level error, no failed execution; warnings, notes and suppressed results are recorded."""
    runs = parse(report.data)
    results = [result for run in runs for result in run.results]
    open_results = [result for result in results if not result.suppressed]
    levels = Counter(result.level for result in open_results)
    failures = [
        Finding(rule="sarif-execution", message=f"{run.tool}: {words}", at=Location(report.path))
        for run in runs
        for words in run.failures
    ]
    return (
        Obligation(
            key=key("sarif/errors", report.path),
            value=levels["error"],
            max=0,
            findings=tuple(r.finding(report.path) for r in open_results if r.level == "error"),
            attachments=(Attachment(report.path, report.data),),
        ),
        Obligation(
            key=key("sarif/warnings", report.path),
            value=levels["warning"],
            findings=tuple(r.finding(report.path) for r in open_results if r.level == "warning"),
        ),
        Obligation(key=key("sarif/notes", report.path), value=levels["note"]),
        Obligation(key=key("sarif/suppressed", report.path), value=len(results) - len(open_results)),
        Obligation(key=key("sarif/failed", report.path), value=len(failures), max=0, findings=tuple(failures)),
    )
