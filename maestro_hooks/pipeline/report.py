"""What gates found, for people, for machines (JSON, one line per finding) and for code scanning (SARIF)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from maestro_hooks import __version__
from maestro_hooks.evidence import sarif
from maestro_hooks.evidence.obligation import Location, Verdict
from maestro_hooks.pipeline.excerpt import excerpts, trace_lines
from maestro_hooks.policy.results import bound_words, value_words
from maestro_hooks.project.files import write_atomic
from maestro_hooks.render import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding
    from maestro_hooks.pipeline.gates import Claim, GateRun
    from maestro_hooks.registry import Rule

MAX_SHOWN = 50
# Metrics whose findings are files a gate could not read: SARIF has a place of its own for them.
UNANALYSED = frozenset({"unparsed", "unanalysed"})


def check_lines(runs: Sequence[GateRun], root: Path | None = None, *, everything: bool = False) -> list[str]:
    """Findings as ``path:line:column: rule message`` with the way there, then a row per obligation not simply met.

    With ``root`` each step shows its line of source. What is met is counted, gate by gate, unless ``everything`` is to
    be shown.
    """
    lines: list[str] = []
    line = excerpts(root) if root is not None else None
    found = (f for run in runs for claim in run.claims for f in claim.findings)
    findings = [f for f in found if f.level != "note" and f.suppression is None]
    for finding in findings[:MAX_SHOWN]:
        at = finding.at
        place = ":".join(str(part) for part in (at.path, at.line, at.column) if part)
        lines.append(f"{place}: {finding.rule} {finding.message}")
        lines += trace_lines(finding, line)
    if len(findings) > MAX_SHOWN:
        lines.append(f"... and {len(findings) - MAX_SHOWN} more findings (--jsonl prints all)")
    if lines:
        lines.append("")
    shown = [(c, run) for run in runs for c in run.claims if everything or c.record.verdict is not Verdict.MET]
    lines += table(("verdict", "obligation", "value", "bound", ""), [_row(claim, run) for claim, run in shown])
    lines += [] if everything else _met_lines(runs)
    lines += [f"{run.failure}" for run in runs if run.failure is not None]
    return lines or ["no gate is installed: nothing was checked"]


def _met_lines(runs: Sequence[GateRun]) -> list[str]:
    """``met  63 obligations: reports 7, taint 9``; a gate that was not run again says so."""
    counts = [(run, sum(claim.record.verdict is Verdict.MET for claim in run.claims)) for run in runs]
    parts = [f"{run.plugin} {n}{' (still holds, not run again)' if run.reused else ''}" for run, n in counts if n]
    total = sum(n for _, n in counts)
    return [f"met  {total} obligation{'s' if total > 1 else ''}: {', '.join(parts)}"] if parts else []


def _row(claim: Claim, run: GateRun) -> tuple[str, str, str, str, str]:
    record = claim.record
    held = "still holds, not run again" if run.reused else ""
    return record.verdict.value, record.key, value_words(record), bound_words(record.quantity), held


def check_payload(runs: Sequence[GateRun]) -> dict[str, Any]:
    """The object ``maestro check --json`` prints, schema ``maestro.check/1``."""
    records = [claim.record for run in runs for claim in run.claims]
    return {
        "schema": "maestro.check/1",
        "ok": bool(records) and all(r.verdict in (Verdict.MET, Verdict.WAIVED) for r in records),
        "obligations": [msgspec.to_builtins(r) for r in records],
        "findings": list(jsonl_rows(runs)),
        "failures": [str(run.failure) for run in runs if run.failure is not None],
        "reused": sorted(run.plugin for run in runs if run.reused),
    }


def jsonl_rows(runs: Iterable[GateRun]) -> Iterator[dict[str, Any]]:
    """One flat object per finding, the plugin's own properties beside the common fields."""
    for run in runs:
        for claim in run.claims:
            for finding in claim.findings:
                yield {**finding.properties, **finding.measured, **_flat(finding, run.plugin, claim.record.key)}
        if run.failure is not None:
            yield {"plugin": run.plugin, "rule": "gate-failed", "level": "error", "message": str(run.failure)}


def _flat(finding: Finding, plugin: str, key: str) -> dict[str, Any]:
    accepted = finding.suppression
    return {
        **({"suppressed": {"kind": accepted.kind, "justification": accepted.justification}} if accepted else {}),
        "plugin": plugin,
        "key": key,
        "file": finding.at.path,
        "line": finding.at.line,
        "column": finding.at.column,
        "rule": finding.rule,
        "level": "note" if accepted else finding.level,
        "message": finding.message,
        "cwe": finding.cwe,
        "trace": [{"file": s.path, "line": s.line, "message": s.message} for s in finding.trace],
    }


def write_sarif(place: Path, runs: Sequence[GateRun], rules: Mapping[str, Sequence[Rule]]) -> None:
    """All findings as one SARIF 2.1.0 file, one run per plugin; what was not analysed is a notification."""
    logs = [_sarif(run, rules.get(run.plugin, ())) for run in runs]
    merged = {
        **sarif.sarif_log((), tool="maestro", version=__version__),
        "runs": [r for log in logs for r in log["runs"]],
    }
    write_atomic(place, sarif.encode(merged), mode=0o644)


def _sarif(run: GateRun, rules: Sequence[Rule]) -> dict[str, Any]:
    findings: list[Finding] = []
    unanalysed: list[Location] = []
    for claim in run.claims:
        if claim.record.key.split("/")[1] in UNANALYSED:
            unanalysed += [replace(f.at, message=f.message) for f in claim.findings]
        else:
            findings += claim.findings
    if run.failure is not None:
        unanalysed.append(Location("", message=str(run.failure)))
    version = run.claims[0].record.producer.version if run.claims else ""
    return sarif.sarif_log(findings, tool=run.plugin, version=version, rules=rules, unanalysed=unanalysed)
