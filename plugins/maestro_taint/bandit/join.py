"""Each flow-type Bandit result beside the flows.

CONFIRMED: a flow of its kind reaches that call. CLEARED: what the call gets is proved constant, or every value in it
passes a sanitizer of its kind. UNKNOWN: neither. Theorem: nothing is cleared because a flow was merely not seen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Level, Location
from maestro_taint.bandit import flow_tests, proof
from maestro_taint.bandit.results import results
from maestro_taint.frontend.ir import line_of
from maestro_taint.kinds import mask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.requests import SourceFile
    from maestro_taint.analysis import Analysis
    from maestro_taint.bandit.running import Issue, Skipped
    from maestro_taint.cache import Store
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings

# Bandit works through 15,000 to 20,000 lines per CPU second: more files than a commit has are joined on demand only.
AUTO_FILES = 50


@dataclass(frozen=True, slots=True)
class Joined:
    """The flows with the results that confirm them; what was cleared and what is open; what Bandit did not read."""

    findings: list[Finding]
    cleared: tuple[Finding, ...] = ()
    unknown: tuple[Finding, ...] = ()
    gaps: tuple[Finding, ...] = ()
    state: str = "joined"


def wanted(files: list[SourceFile], settings: TaintSettings) -> bool:
    """Whether Bandit's results are joined: then every call they may be about has to be looked at."""
    return settings.bandit == "always" or (settings.bandit == "auto" and len(files) <= AUTO_FILES)


def join(
    findings: list[Finding],
    files: list[SourceFile],
    analysis: Analysis,
    models: Models,
    settings: TaintSettings,
    store: Store | None = None,
) -> Joined:
    """Join Bandit's results about ``files`` with the findings of the same files."""
    if settings.bandit == "never":
        return Joined(findings, state="not joined: switched off")
    if settings.bandit == "auto" and len(files) > AUTO_FILES:
        return Joined(findings, state=f'not joined: more than {AUTO_FILES} files (bandit = "always" joins them)')
    chosen = {str(f.place.absolute()): f for f in files if flow_tests.may_apply(f.data)}
    if not chosen:
        return Joined(findings, state="joined: no file has a call that Bandit's flow tests look at")
    issues, skipped = results(chosen, store)
    placed = [replace(i, path=chosen[i.path].path) for i in issues if i.path in chosen]
    texts = {f.path: f.data for f in files}
    unread = {g.path for g in analysis.gaps}
    made = _Join(findings, analysis, models, texts, unread)
    for issue in sorted(placed, key=lambda i: (i.path, i.line, i.test)):
        made.add(issue)
    gaps = tuple(_gap(s, chosen[s.path].path) for s in skipped if s.path in chosen)
    return Joined(made.findings, tuple(made.cleared), tuple(made.unknown), gaps)


class _Join:
    """Sorts issues one by one."""

    def __init__(
        self, findings: list[Finding], analysis: Analysis, models: Models, texts: dict[str, bytes], unread: set[str]
    ) -> None:
        self.findings = list(findings)
        self.analysis = analysis
        self.models = models
        self.texts = texts
        self.unread = unread
        self.cleared: list[Finding] = []
        self.unknown: list[Finding] = []

    def add(self, issue: Issue) -> None:
        """One issue to its place."""
        kinds = flow_tests.KINDS[issue.test]
        hits = [i for i, f in enumerate(self.findings) if _meets(f, issue, kinds)]
        for i in hits:
            self.findings[i] = _confirmed(self.findings[i], issue)
        if hits:
            return
        why = "" if issue.path in self.unread else self._proof(issue, kinds)
        if why:
            self.cleared.append(_told(issue, "CLEARED", why))
        else:
            self.unknown.append(_told(issue, "UNKNOWN", ""))

    def _proof(self, issue: Issue, kinds: tuple[str, ...]) -> str:
        """Why the call is harmless, if that is proved; empty otherwise."""
        bits = mask(kinds)
        known = [
            held for (file, at, sink), held in self.analysis.solver.literal.items()
            if file == issue.path and sink & bits and issue.first <= line_of(at) <= issue.last
        ]  # fmt: skip
        if known and all(known):
            return "what it gets is constant in every run"
        if known:
            return proof.sanitized(self.texts[issue.path], issue.first, issue.last, self.models, bits)
        return ""


def _meets(f: Finding, issue: Issue, kinds: tuple[str, ...]) -> bool:
    """Whether a flow is about the issue's call: the sink, or a step of the way, stands on its lines."""
    if (
        f.at.path != issue.path
        or f.level == "note"
        or str(f.properties.get("kind", "")).removesuffix("_absolute") not in kinds
    ):
        return False
    steps = (s.line for s in f.trace if s.path == issue.path)
    return any(issue.first <= line <= issue.last for line in (f.at.line, *steps))


def _confirmed(f: Finding, issue: Issue) -> Finding:
    ids = sorted({*map(str, _ids(f)), issue.test})
    return replace(f, level="error", properties={**f.properties, "bandit": ids, "bandit_state": "CONFIRMED"})


def _ids(f: Finding) -> Iterable[object]:
    held = f.properties.get("bandit", ())
    return held if isinstance(held, list | tuple) else ()


def _told(issue: Issue, state: str, why: str) -> Finding:
    level: Level = "note"  # it blocks, or not, in Bandit's own gate
    words = f"{state}: {why}; Bandit says: {issue.text}" if why else f"{state}: {issue.text}"
    return Finding(
        rule=issue.test,
        message=words,
        at=Location(issue.path, issue.line),
        level=level,
        cwe=issue.cwe or None,
        properties={
            "kind": flow_tests.KINDS[issue.test][0], "bandit": [issue.test], "bandit_state": state, "reason": why,
            "severity": issue.severity, "confidence": issue.confidence.lower(), "source": "", "sink": "",
        },
    )  # fmt: skip


def _gap(skipped: Skipped, path: str) -> Finding:
    return Finding(rule="taint-unanalysed", message=f"not analysed: {skipped.reason}", at=Location(path, skipped.line))
