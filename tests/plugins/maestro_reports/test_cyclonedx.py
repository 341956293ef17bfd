from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.impact_analysis import ImpactAnalysisState
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.model.vulnerability import (
    Vulnerability,
    VulnerabilityAnalysis,
    VulnerabilityRating,
    VulnerabilitySeverity,
)
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion

from maestro_reports import cyclonedx
from maestro_reports.reading import Report, UnreadableError
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from maestro_hooks.evidence.obligation import Obligation

VERSIONS = [v for v in SchemaVersion if v >= SchemaVersion.V1_2]


def real(version: SchemaVersion) -> bytes:
    full = Component(
        type=ComponentType.LIBRARY,
        name="full",
        version="1",
        licenses=[DisjunctiveLicense(id="MIT")],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content="0" * 64)],
    )
    bare = Component(type=ComponentType.LIBRARY, name="bare", version="2")
    high = VulnerabilityRating(severity=VulnerabilitySeverity.HIGH)
    low = VulnerabilityRating(severity=VulnerabilitySeverity.LOW)
    safe = VulnerabilityAnalysis(state=ImpactAnalysisState.NOT_AFFECTED)
    found = [
        Vulnerability(id="CVE-HIGH", ratings=[low, high]),
        Vulnerability(id="CVE-LOW", ratings=[low]),
        Vulnerability(id="CVE-UNRATED"),
        Vulnerability(id="CVE-CLEARED", ratings=[high], analysis=safe),
    ]
    bom = Bom(components=[full, bare], vulnerabilities=found)
    return make_outputter(bom, OutputFormat.JSON, version).output_as_string().encode()


def claims(data: bytes, settings: ReportsSettings | None = None) -> dict[str, Obligation]:
    found = cyclonedx.obligations(Report("bom.json", data), settings or ReportsSettings())
    return {o.key.split("/")[1]: o for o in found}


@pytest.mark.parametrize("version", VERSIONS, ids=lambda v: v.to_version())
def test_documents_of_the_real_library_are_read(version: SchemaVersion) -> None:
    found = claims(real(version))
    counts = {name: o.value for name, o in found.items() if not name.startswith("vuln")}
    assert counts == {"components": 2, "unlicensed": 1, "unhashed": 1}


def test_vulnerabilities_count_at_their_highest_rating() -> None:
    found = claims(real(SchemaVersion.V1_6))
    bounds = {n.removeprefix("vulnerabilities-"): (o.value, o.max) for n, o in found.items() if n.startswith("vuln")}
    assert bounds == {
        "none": (0, None),
        "info": (0, None),
        "low": (1, None),
        "medium": (0, None),
        "high": (1, 0),
        "critical": (0, 0),
        "unknown": (1, 0),
        "cleared": (1, None),
    }
    assert found["vulnerabilities-high"].findings[0].message == "CVE-HIGH (high)"


def test_nested_components_and_optional_bounds(samples: dict[str, bytes]) -> None:
    found = claims(
        samples["sbom"], ReportsSettings(sbom=("*",), sbom_unlicensed_max=0, sbom_unhashed_max=2, sbom_level="low")
    )
    assert (found["components"].value, found["unlicensed"].max, found["unhashed"].max) == (2, 0, 2)
    assert found["vulnerabilities-low"].max == 0
    assert found["components"].attachments[0].data == samples["sbom"]


@pytest.mark.parametrize(
    "change", [{"bomFormat": "SPDX"}, {"specVersion": "1.1"}, {"specVersion": 1.6}, {"components": {}}]
)
def test_other_formats_and_versions_are_refused(change: dict[str, object]) -> None:
    data = {"bomFormat": "CycloneDX", "specVersion": "1.6", **change}
    with pytest.raises(UnreadableError):
        cyclonedx.parse(json.dumps(data).encode())
