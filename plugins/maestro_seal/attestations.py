"""Standard documents as leaves: an SBOM (CycloneDX 1.6), provenance (SLSA v1) and a test result (in-toto v0.1).

Invariant: equal inputs give equal bytes. No clock is read and no random identifier drawn; serial numbers are derived
from what the document is about.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

from maestro_hooks.evidence import canonical
from maestro_hooks.evidence.manifest import STATEMENT_TYPE
from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_hooks.sealing.subjects import built_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cyclonedx.model.component import Component as CycloneComponent
    from cyclonedx.model.license import License

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.requests import LedgerView
    from maestro_hooks.sealing.subjects import BuiltFile
    from maestro_seal.components import Component, Resolved

NAMESPACE = UUID("6f6b2d4e-5a0b-5c0e-9d0c-2b6f1f7b7a11")
BUILD_TYPE = "https://maestro-conductor.dev/build/pypa-build/v1"
PAGE = Path(__file__).parent / "page" / "verifier.html"
BUILDER = "https://maestro-conductor.dev/builder/maestro-run/v1"


def obligations(view: LedgerView, wanted: Sequence[str], dist: str) -> Iterator[Obligation]:
    """One obligation per wanted document; a document about nothing built is an unmet obligation, not silence."""
    files = built_files(view.records, view.root / dist)
    if "sbom" in wanted:
        yield from _sbom(files)
    if "provenance" in wanted:
        yield _document("seal/provenance", "provenance.slsa.json", provenance(files, view.tree), bool(files))
    if "test-result" in wanted:
        ran = any(record.key == "pytest/completed" for record in view.records)
        yield _document("seal/test-result", "test-result.json", test_result(view.records, files, view.tree), ran)
    if "page" in wanted:
        page = Attachment(PAGE.name, PAGE.read_bytes())
        yield Obligation(key="seal/page", value=True, min=True, kind="build", attachments=(page,))


def _document(key: str, name: str, body: Mapping[str, object], complete: bool) -> Obligation:  # noqa: FBT001 - a claim's value
    attachment = Attachment(name, canonical.encode(body) + b"\n")
    return Obligation(key=key, value=complete, min=True, kind="build", attachments=(attachment,))


def statement(
    subjects: Sequence[Mapping[str, object]], kind: str, predicate: Mapping[str, object]
) -> dict[str, object]:
    """An in-toto Statement v1."""
    return {"_type": STATEMENT_TYPE, "subject": list(subjects), "predicateType": kind, "predicate": dict(predicate)}


def _subjects(files: Sequence[BuiltFile], tree: str) -> list[Mapping[str, object]]:
    built: list[Mapping[str, object]] = [{"name": f.path.name, "digest": {"sha256": f.sha256}} for f in files]
    return built or [{"name": "source-tree", "digest": {"gitTree": tree}}]


def provenance(files: Sequence[BuiltFile], tree: str) -> dict[str, object]:
    """SLSA provenance v1 of the built files: what built them, out of which source tree."""
    predicate = {
        "buildDefinition": {
            "buildType": BUILD_TYPE,
            "externalParameters": {"command": "python -m build", "source": {"gitTree": tree}},
            "resolvedDependencies": [{"name": "source-tree", "digest": {"gitTree": tree}}],
        },
        "runDetails": {"builder": {"id": BUILDER}},
    }
    return statement(_subjects(files, tree), "https://slsa.dev/provenance/v1", predicate)


def test_result(records: Sequence[Record], files: Sequence[BuiltFile], tree: str) -> dict[str, object]:
    """An in-toto test result v0.1: passed only if every pytest obligation that has a bound is met."""
    own = [record for record in records if record.key.startswith("pytest/")]
    good = bool(own) and all(record.verdict in ("met", "waived") for record in own)
    predicate = {
        "result": "PASSED" if good else "FAILED",
        "configuration": [{"name": "source-tree", "digest": {"gitTree": tree}}],
    }
    return statement(_subjects(files, tree), "https://in-toto.io/attestation/test-result/v0.1", predicate)


def _sbom(files: Sequence[BuiltFile]) -> Iterator[Obligation]:
    from maestro_seal.components import Resolved, resolve  # noqa: PLC0415 - loaded when an SBOM is wanted

    wheel = next((f.path for f in files if f.path.suffix == ".whl"), None)
    resolved = Resolved() if wheel is None else resolve(wheel)
    data = cyclonedx(resolved) if resolved.components else b""
    attached = (Attachment("sbom.cdx.json", data),) if data else ()
    yield Obligation(key="seal/sbom", value=len(resolved.components), min=1, kind="sbom", attachments=attached)
    missing = tuple(
        Finding(rule="sbom-missing", message=f"{name} is required and not installed", at=Location("pyproject.toml"))
        for name in resolved.missing
    )
    yield Obligation(key="seal/sbom-missing", value=len(missing), max=0, kind="sbom", findings=missing)
    unlicensed = sum(not component.license for component in resolved.components)
    yield Obligation(key="seal/sbom-unlicensed", value=unlicensed, kind="sbom")


def cyclonedx(resolved: Resolved) -> bytes:
    """The CycloneDX 1.6 JSON document: the wheel as subject, its closure as components with licences and digests."""
    from cyclonedx.model.bom import Bom  # noqa: PLC0415 - an extra
    from cyclonedx.output import make_outputter  # noqa: PLC0415
    from cyclonedx.schema import OutputFormat, SchemaVersion  # noqa: PLC0415

    made = {component.name: _cyclone_component(component) for component in resolved.components}
    wheel = resolved.components[0]
    bom = Bom(serial_number=uuid5(NAMESPACE, wheel.archive))
    bom.metadata.component = made[wheel.name]
    for component in resolved.components[1:]:
        bom.components.add(made[component.name])
    for component in resolved.components:
        bom.register_dependency(made[component.name], [made[need] for need in component.needs if need in made])
    text = make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string()
    document = canonical.decode(text.encode(), canonical=False, where="SBOM")
    if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
        document["metadata"].pop("timestamp", None)  # equal inputs, equal bytes
    return canonical.encode(document) + b"\n"


def _cyclone_component(component: Component) -> CycloneComponent:
    from cyclonedx.model import HashAlgorithm, HashType, Property  # noqa: PLC0415
    from cyclonedx.model.component import Component as CycloneComponent  # noqa: PLC0415
    from cyclonedx.model.component import ComponentType  # noqa: PLC0415
    from packageurl import PackageURL  # noqa: PLC0415

    purl = PackageURL("pypi", None, component.name, component.version)
    made = CycloneComponent(
        name=component.name,
        version=component.version,
        type=ComponentType.LIBRARY,
        purl=purl,
        bom_ref=str(purl),
        licenses=[_cyclone_license(component.license)] if component.license else [],
    )
    if component.archive:
        made.hashes.add(HashType(alg=HashAlgorithm.SHA_256, content=component.archive))
    if component.record:
        made.properties.add(Property(name="maestro:record-sha256", value=component.record))
    return made


def _cyclone_license(words: str) -> License:
    """An SPDX id, an SPDX expression, or the words as a name."""
    from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression  # noqa: PLC0415 - an extra
    from cyclonedx.spdx import is_expression, is_supported_id  # noqa: PLC0415

    if is_supported_id(words):
        return DisjunctiveLicense(id=words)
    return LicenseExpression(words) if is_expression(words) else DisjunctiveLicense(name=words)
