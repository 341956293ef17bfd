"""The sealed documents are handed on byte for byte, named by disclosed leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import leafset
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import EvidenceRef, record_of
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.requests import Documents, SealDraft, Section
from maestro_seal import maestro_attach
from tests.evidence.shipment import INPUTS, entropy, producer

if TYPE_CHECKING:
    from pathlib import Path

FILES = {"seal/sbom": ("sbom.cdx.json", b"{}\n"), "seal/provenance": ("provenance.slsa.json", b'{"a":1}\n')}


def draft(root: Path, *keys: str) -> SealDraft:
    blobs = Blobs(root)
    records = [record_of(Obligation(key="pytest/failed", value=0, max=0), producer=producer(), inputs=INPUTS)]
    for key in keys:
        name, data = FILES[key]
        claim = Obligation(key=key, value=1, min=1)
        backing = (EvidenceRef(name, blobs.put(data)),)
        records.append(record_of(claim, producer=producer("seal"), inputs=INPUTS, evidence=backing))
    leaves = leafset.leaf_set(records, entropy=entropy)
    rows = tuple((i, d, n) for n, (i, d) in enumerate(zip(leaves.ids, leaves.data, strict=True)))
    return SealDraft(root=root, subjects=(), tree_root=leaves.tree.root, leaves=rows)


def test_documents_and_the_section_of_the_sbom(tmp_path: Path) -> None:
    documents, section = maestro_attach(draft(tmp_path, *FILES))
    assert isinstance(documents, Documents)
    assert documents.files == dict(FILES.values())
    assert documents.leaves == ("seal/provenance", "seal/sbom")
    assert isinstance(section, Section)
    assert section.name == "sbom"
    assert Blobs(tmp_path).get(str(section.body["digest"]["sha256"])) == b"{}\n"  # type: ignore[index]  # a mapping


def test_without_an_sbom_there_is_no_section_and_without_documents_nothing(tmp_path: Path) -> None:
    (documents,) = maestro_attach(draft(tmp_path, "seal/provenance"))
    assert isinstance(documents, Documents)
    assert list(maestro_attach(draft(tmp_path))) == []


def test_a_lost_document_stops_the_seal(tmp_path: Path) -> None:
    made = draft(tmp_path, "seal/sbom")
    for blob in (tmp_path / ".maestro" / "blobs").rglob("*"):
        if blob.is_file():
            blob.unlink()
    with pytest.raises(EvidenceError, match="missing"):
        list(maestro_attach(made))
