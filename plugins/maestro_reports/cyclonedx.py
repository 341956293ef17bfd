"""CycloneDX JSON to obligations: components, what they lack, and their known vulnerabilities by severity.

Invariant: a vulnerability counts at its highest rating, and one without a rating counts as "unknown", which is
bounded like the worst: an unrated vulnerability is not a harmless one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import msgspec

from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_reports.keys import key
from maestro_reports.reading import Report, convert, json_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_reports.settings import ReportsSettings

SEVERITIES = ("none", "info", "low", "medium", "high", "critical", "unknown")
CLEARED = ("not_affected", "false_positive", "resolved", "resolved_with_pedigree")


class Hash(msgspec.Struct, frozen=True):
    """A digest of a component."""

    alg: str
    content: str


class Component(msgspec.Struct, frozen=True):
    """A component, which may hold others."""

    name: str
    type: str
    version: str = ""
    licenses: list[dict[str, object]] = []
    hashes: list[Hash] = []
    components: list[Component] = []


class Rating(msgspec.Struct, frozen=True):
    """One opinion of how severe a vulnerability is."""

    severity: Literal["critical", "high", "medium", "low", "info", "none", "unknown"] = "unknown"


class Analysis(msgspec.Struct, frozen=True):
    """What the vendor concluded about a vulnerability in this product."""

    state: str = ""


class Vulnerability(msgspec.Struct, frozen=True):
    """A known vulnerability of a component."""

    id: str = ""
    ratings: list[Rating] = []
    analysis: Analysis = Analysis()

    @property
    def severity(self) -> str:
        """The highest rating; ratings that say "unknown" count only if there is no other."""
        known = [r.severity for r in self.ratings if r.severity != "unknown"]
        return max(known, key=SEVERITIES.index, default="unknown")


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """A CycloneDX document; JSON exists since 1.2."""

    bom_format: Literal["CycloneDX"]
    spec_version: Literal["1.2", "1.3", "1.4", "1.5", "1.6", "1.7"]
    components: list[Component] = []
    vulnerabilities: list[Vulnerability] = []


def parse(data: bytes) -> Document:
    """Read a document. Raises ``UnreadableError`` if it is malformed or of another format or version."""
    return convert(json_document(data), Document)


def obligations(report: Report, settings: ReportsSettings) -> tuple[Obligation, ...]:
    """Components, those without a licence or a hash, and vulnerabilities by severity; the file is attached."""
    document = parse(report.data)
    components = tuple(_flatten(document.components))
    unlicensed = sum(not c.licenses for c in components)
    unhashed = sum(not c.hashes for c in components)
    return (
        Obligation(
            key=key("sbom/components", report.path),
            value=len(components),
            min=1,
            kind="sbom",
            attachments=(Attachment(report.path, report.data),),
        ),
        Obligation(
            key=key("sbom/unlicensed", report.path), value=unlicensed, max=settings.sbom_unlicensed_max, kind="sbom"
        ),
        Obligation(key=key("sbom/unhashed", report.path), value=unhashed, max=settings.sbom_unhashed_max, kind="sbom"),
        *_vulnerabilities(document, report.path, settings),
    )


def _vulnerabilities(document: Document, path: str, settings: ReportsSettings) -> Iterator[Obligation]:
    present = [v for v in document.vulnerabilities if v.analysis.state not in CLEARED]
    counts = Counter(v.severity for v in present)
    level = SEVERITIES.index(settings.sbom_level)
    for rank, severity in enumerate(SEVERITIES):
        findings = [
            Finding(
                rule="sbom-vulnerability",
                message=f"{v.id or 'a vulnerability without id'} ({severity})",
                at=Location(path),
                level="error" if rank >= level else "note",
            )
            for v in present
            if v.severity == severity
        ]
        yield Obligation(
            key=key(f"sbom/vulnerabilities-{severity}", path),
            value=counts[severity],
            max=0 if rank >= level else None,
            kind="sbom",
            findings=tuple(findings),
        )
    cleared = len(document.vulnerabilities) - len(present)
    yield Obligation(key=key("sbom/vulnerabilities-cleared", path), value=cleared, kind="sbom")


def _flatten(components: list[Component]) -> Iterator[Component]:
    for component in components:
        yield component
        yield from _flatten(component.components)
