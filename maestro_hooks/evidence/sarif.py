"""Findings as SARIF 2.1.0 and as GitHub annotations.

Invariant: equal findings give equal bytes. ``partialFingerprints`` hold no line number, so a finding keeps its
identity when code above it moves; files that were not analysed make the execution unsuccessful, never silent.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from maestro_hooks.evidence.obligation import Finding, Location, Replacement
    from maestro_hooks.registry import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
MAX_STEPS = 100
HOME = "https://github.com/maestro-conductor/maestro-conductor"
ANNOTATION = {"error": "error", "warning": "warning", "note": "notice"}


def sarif_log(
    findings: Iterable[Finding],
    *,
    tool: str,
    version: str,
    rules: Iterable[Rule] = (),
    unanalysed: Sequence[Location] = (),
    home: str = HOME,
) -> dict[str, Any]:
    """A log with one run.

    ``unanalysed`` are files (or places) the tool could not read, with the reason as message; ``home`` is where to read
    about the tool.
    """
    ordered = sorted(findings, key=_order)
    catalogue = {rule.id: _rule(rule) for rule in rules}
    for finding in ordered:
        catalogue.setdefault(finding.rule, {"id": finding.rule})
    ids = sorted(catalogue)
    weaknesses = sorted({finding.cwe for finding in ordered if finding.cwe})
    driver = {"name": tool, "version": version, "informationUri": home, "rules": [catalogue[i] for i in ids]}
    run: dict[str, Any] = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(unanalysed)],
        "results": _results(ordered, ids),
    }
    if weaknesses:
        run["taxonomies"] = [{"name": "CWE", "organization": "MITRE", "taxa": [{"id": str(c)} for c in weaknesses]}]
    if any(finding.suppression for finding in ordered):
        # SARIF 3.27.23: in one run either every result says whether it is suppressed, or none does.
        for result in run["results"]:
            result.setdefault("suppressions", [])
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def encode(log: dict[str, Any]) -> bytes:
    """The log as deterministic UTF-8: members sorted, one newline at the end."""
    text = json.dumps(log, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace") + b"\n"  # a lone surrogate in a message has no UTF-8 form


def github_annotations(findings: Iterable[Finding]) -> tuple[str, ...]:
    """GitHub workflow command lines, one per open finding, in the order of file and line."""
    return tuple(_annotation(finding) for finding in sorted(findings, key=_order) if finding.suppression is None)


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return (finding.at.path, finding.at.line, finding.at.column, finding.rule, finding.message)


def _rule(rule: Rule) -> dict[str, Any]:
    described: dict[str, Any] = {"id": rule.id, "shortDescription": {"text": rule.title}}
    if rule.help:
        described["help"] = {"text": rule.help}
    if rule.cwe:
        described["properties"] = {"tags": ["security", f"external/cwe/cwe-{rule.cwe:03d}"]}
    return described


def _results(ordered: Sequence[Finding], ids: list[str]) -> list[dict[str, Any]]:
    seen: Counter[str] = Counter()
    index = {rule: position for position, rule in enumerate(ids)}
    results = []
    for finding in ordered:
        identity = _identity(finding)
        seen[identity] += 1
        results.append(_result(finding, index[finding.rule], f"{identity}:{seen[identity]}"))
    return results


def _identity(finding: Finding) -> str:
    """The producer's fingerprint, else rule, file and words; the ordinal that tells twins apart is added later."""
    parts = (finding.rule, finding.at.path, finding.fingerprint or finding.message)
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _result(finding: Finding, rule_index: int, fingerprint: str) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rule_index,
        "level": finding.level,
        "message": {"text": finding.message},
        "locations": _places(finding.at),
        # GitHub matches alerts by the second name, and does not compute it for logs uploaded through its API.
        "partialFingerprints": {"maestroFinding/v1": fingerprint, "primaryLocationLineHash": fingerprint},
    }
    context = finding.properties.get("context")
    if isinstance(context, str):  # the producer's second one, without file and function: for code that was moved
        result["partialFingerprints"]["maestroContext/v1"] = context
    if finding.cwe:
        result["taxa"] = [{"id": str(finding.cwe), "toolComponent": {"name": "CWE"}}]
    if finding.trace:
        result["codeFlows"] = [{"threadFlows": [{"locations": [{"location": _step(s)} for s in _kept(finding.trace)]}]}]
    if finding.fix:
        result["fixes"] = [_fix(finding.fix)]
    if finding.suppression is not None:
        held = finding.suppression
        result["suppressions"] = [{"kind": held.kind, "status": "accepted", "justification": held.justification}]
    return result


def _kept(trace: tuple[Location, ...]) -> tuple[Location, ...]:
    """Both ends of a trace too long to show; the middle is the least telling."""
    half = MAX_STEPS // 2
    return trace if len(trace) <= MAX_STEPS else trace[:half] + trace[-half:]


def _step(step: Location) -> dict[str, Any]:
    located: dict[str, Any] = {"physicalLocation": _physical(step)}
    if step.message:
        located["message"] = {"text": step.message}
    return located


def _fix(replacements: tuple[Replacement, ...]) -> dict[str, Any]:
    by_path: dict[str, list[dict[str, Any]]] = {}
    for one in replacements:
        edit = {"deletedRegion": _region(one.deleted), "insertedContent": {"text": one.inserted}}
        by_path.setdefault(one.deleted.path, []).append(edit)
    changes = [
        {"artifactLocation": {"uri": _uri(path)}, "replacements": edits} for path, edits in sorted(by_path.items())
    ]
    return {"description": {"text": "Proposed change"}, "artifactChanges": changes}


def _places(at: Location) -> list[dict[str, Any]]:
    """No place at all for what concerns no file, such as a gate that crashed."""
    return [{"physicalLocation": _physical(at)}] if at.path else []


def _physical(at: Location) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(at.path)}}
    if at.line:
        physical["region"] = _region(at)
    return physical


def _region(at: Location) -> dict[str, int]:
    named = {"startLine": at.line, "startColumn": at.column, "endLine": at.end_line, "endColumn": at.end_column}
    return {name: number for name, number in named.items() if number}


def _uri(path: str) -> str:
    """A relative URI reference; bytes that are no UTF-8 stay what they are, percent-encoded."""
    return quote(os.fsencode(path))


def _invocation(unanalysed: Sequence[Location]) -> dict[str, Any]:
    invocation: dict[str, Any] = {"executionSuccessful": not unanalysed}
    if unanalysed:
        invocation["toolExecutionNotifications"] = [
            {"level": "error", "message": {"text": at.message or "not analysed"}, "locations": _places(at)}
            for at in sorted(unanalysed, key=lambda at: (at.path, at.line, at.message))
        ]
    return invocation


def _annotation(finding: Finding) -> str:
    at = finding.at
    named = {
        "file": at.path,
        "line": at.line,
        "col": at.column,
        "endLine": at.end_line,
        "endColumn": at.end_column,
        "title": finding.rule,
    }
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in named.items() if value)
    return f"::{ANNOTATION[finding.level]} {properties}::{_data(finding.message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
