"""The sealed documents are handed on byte for byte, named by disclosed leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import leafset
from maestro_hooks.evidence.bundle import parse_bundle
from maestro_hooks.evidence.checkpoint import parse_checkpoint
from maestro_hooks.evidence.log_entry import alone
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import EvidenceRef, record_of
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.requests import Documents, SealDraft, Section
from maestro_seal import maestro_attach, shipping, tlog_proof
from tests.evidence.shipment import INPUTS, entropy, producer, ship
from tests.plugins.maestro_seal.logged import ORIGIN, ship_logged

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.log_entry import LoggedEntry

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


def logged_entry() -> LoggedEntry:
    entry = parse_bundle(ship_logged().bundle).log_entry
    assert entry is not None
    return entry


def test_the_proof_stands_alone_beside_the_bundle(tmp_path: Path) -> None:
    bundle, proof = tmp_path / "demo.sigstore.json", tmp_path / "demo.tlog-proof"
    bundle.write_bytes(ship_logged().bundle)
    shipping.write_proof(bundle)
    entry = logged_entry()
    assert tlog_proof.check(proof.read_bytes(), entry.body) == parse_checkpoint(entry.checkpoint)
    extra = proof.read_bytes().replace(b"index", b"extra AAAA\nindex", 1)
    assert tlog_proof.check(extra, entry.body).origin == ORIGIN
    bundle.write_bytes(ship().bundle)
    shipping.write_proof(bundle)
    assert not proof.exists()


def test_no_byte_of_a_proof_can_be_changed_unseen() -> None:
    """Every bit of header, index and path; the checkpoint's own signatures guard the rest."""
    entry = logged_entry()
    data = alone(entry)
    for place in range(8 * data.index(b"\n\n")):
        forged = bytearray(data)
        forged[place // 8] ^= 1 << place % 8
        with pytest.raises(EvidenceError):
            tlog_proof.check(bytes(forged), entry.body)
    with pytest.raises(EvidenceError):
        tlog_proof.check(data, entry.body + b" ")


@pytest.mark.parametrize("text", [b"", b"c2sp.org/tlog-proof@v1\n\n", b"c2sp.org/tlog-proof@v2\nindex 0\n\nx\n"])
def test_what_is_no_proof_is_refused(text: bytes) -> None:
    with pytest.raises(EvidenceError):
        tlog_proof.check(text, b"")
