"""SBOM, provenance and test result: complete, deterministic, and readable by the formats' own libraries."""

from __future__ import annotations

import hashlib
import json
import zipfile
from dataclasses import replace
from importlib.metadata import Distribution
from typing import TYPE_CHECKING

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementMessage

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import EvidenceRef, Producer, Record, record_of
from maestro_hooks.requests import LedgerView
from maestro_seal import components, maestro_before_seal
from maestro_seal.components import resolve
from maestro_seal.settings import SealSettings
from tests.plugins.maestro_seal.clients import BUILT

if TYPE_CHECKING:
    from pathlib import Path

INPUTS = hashlib.sha256(b"inputs").hexdigest()
TREE = "a" * 40
ALL = SealSettings(attest=("sbom", "provenance", "test-result"))


def make_wheel(place: Path, *requirements: str) -> Path:
    lines = ["Metadata-Version: 2.1", "Name: demo_Package", "Version: 1.0", "License-Expression: Apache-2.0"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requirements]
    place.mkdir(exist_ok=True)
    path = place / "demo_package-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo_package-1.0.dist-info/METADATA", "\n".join(lines) + "\n\n")
    return path


def view(root: Path, wheel: Path | None, *, failed: int = 0) -> LedgerView:
    producer = Producer("build", "1", "maestro_run")
    claims = [
        Obligation(key="pytest/completed", value=True, min=True, kind="test"),
        Obligation(key="pytest/failed", value=failed, max=0, kind="test"),
    ]
    records: list[Record] = [record_of(claim, producer=producer, inputs=INPUTS) for claim in claims]
    if wheel is not None:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        claim = Obligation(key=f"build/artifact/{digest[:16]}", value=wheel.name, kind="build")
        evidence = (EvidenceRef(wheel.name, digest),)
        records.append(record_of(claim, producer=producer, inputs=INPUTS, evidence=evidence))
    return LedgerView(root=root, tree=TREE, records=tuple(records), settings=ALL)


def sealed(root: Path, wheel: Path | None, *, failed: int = 0) -> dict[str, Obligation]:
    return {claim.key: claim for claim in maestro_before_seal(view(root, wheel, failed=failed))}


def test_nothing_is_attested_unless_asked_for(tmp_path: Path) -> None:
    assert list(maestro_before_seal(LedgerView(root=tmp_path, tree=TREE, records=(), settings=SealSettings()))) == []


def test_the_sbom_is_valid_cyclonedx_of_the_whole_closure(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "dist", "securesystemslib[crypto]>=1", 'nowhere; extra == "x"', "pluggy")
    found = sealed(tmp_path, wheel)
    data = found["seal/sbom"].attachments[0].data
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(data.decode()) is None
    document = json.loads(data)
    names = {component["name"] for component in document["components"]}
    # cffi and cryptography come in through the extra only.
    assert {"securesystemslib", "cryptography", "cffi", "pluggy"} <= names
    assert found["seal/sbom"].value == len(names) + 1
    assert found["seal/sbom-missing"].value == 0
    own = document["metadata"]["component"]
    assert own["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    assert own["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    needs = {d["ref"]: d.get("dependsOn", []) for d in document["dependencies"]}
    assert any(need.startswith("pkg:pypi/pluggy@") for need in needs[own["bom-ref"]])
    assert sealed(tmp_path, wheel)["seal/sbom"].attachments[0].data == data


def test_a_missing_requirement_is_named(tmp_path: Path) -> None:
    found = sealed(tmp_path, make_wheel(tmp_path / "dist", "no-such-distribution-anywhere"))["seal/sbom-missing"]
    assert (found.value, found.max) == (1, 0)
    assert "no-such-distribution-anywhere" in found.findings[0].message


def test_without_a_wheel_the_documents_are_unmet(tmp_path: Path) -> None:
    found = sealed(tmp_path, None)
    assert found["seal/sbom"].value == 0
    assert found["seal/provenance"].value is False


@pytest.mark.parametrize("name", ["provenance", "test-result"])
def test_statements_are_in_toto(tmp_path: Path, name: str) -> None:
    wheel = make_wheel(tmp_path / "dist")
    body = json.loads(sealed(tmp_path, wheel)[f"seal/{name}"].attachments[0].data)
    message = json_format.ParseDict(body, StatementMessage())
    Statement.copy_from_pb(message).validate()
    assert body["subject"][0]["digest"]["sha256"] == hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert TREE in json.dumps(body["predicate"])


@pytest.mark.parametrize(("failed", "result"), [(0, "PASSED"), (2, "FAILED")])
def test_the_test_result_says_what_pytest_said(tmp_path: Path, failed: int, result: str) -> None:
    found = sealed(tmp_path, make_wheel(tmp_path / "dist"), failed=failed)
    assert json.loads(found["seal/test-result"].attachments[0].data)["predicate"]["result"] == result


def test_what_is_no_wheel_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x.whl"
    path.write_bytes(b"no zip")
    with pytest.raises(ToolError, match="no wheel"):
        resolve(path)


def test_the_page_is_a_document_of_the_release(tmp_path: Path) -> None:
    (claim,) = maestro_before_seal(replace(view(tmp_path, None), settings=SealSettings(attest=("page",))))
    assert claim.attachments[0].name == "verifier.html"
    assert claim.attachments[0].data == BUILT.read_bytes()


class Noted(Distribution):
    """An installed distribution, as its metadata directory tells it."""

    def __init__(self, **files: str) -> None:
        self.files_ = files

    def read_text(self, filename: str) -> str | None:
        return self.files_.get(filename.partition(".")[0])

    def locate_file(self, path: object) -> Path:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("noted", "expected"),
    [
        ({"direct_url": json.dumps({"archive_info": {"hashes": {"sha256": "a" * 64}}})}, "a" * 64),
        ({"provenance_url": json.dumps({"archive_info": {"hashes": {"sha256": "b" * 64}}})}, "b" * 64),
        ({"direct_url": json.dumps({"dir_info": {"editable": True}})}, ""),
        ({"direct_url": json.dumps({"archive_info": {"hashes": {"sha256": "zz"}}})}, ""),
        ({"direct_url": "[]"}, ""),
        ({"direct_url": "nonsense"}, ""),
        ({}, ""),
    ],
)
def test_an_archive_is_known_by_what_the_installer_noted(noted: dict[str, str], expected: str) -> None:
    assert components._archive(Noted(**noted)) == expected
