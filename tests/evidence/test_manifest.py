from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, leafset, manifest, merkle
from maestro_hooks.evidence.leaf import parse_leaf
from tests.evidence.shipment import REQUIRED, entropy, records, ship

SBOM = {"digest": {"sha256": "d" * 64}, "mediaType": "application/vnd.cyclonedx+json"}
ZK = {"suite": "bulletproofs-ristretto255-merlin-v1", "bits": 32, "statements": [], "proof": ""}


def document() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(ship(sections={"sbom": SBOM, "zk": ZK}).sealed.payload)
    value["predicate"]["prev"] = "e" * 64
    return value


def edited(path: str, value: object) -> bytes:
    """The payload with one member replaced, or removed for ``...``."""
    made = document()
    *way, last = path.split(".")
    inner: Any = made
    for step in way:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return canonical.encode(made)


def test_a_manifest_round_trips() -> None:
    payload = canonical.encode(document())
    parsed = manifest.parse_manifest(payload)
    assert manifest.encode_manifest(parsed) == payload
    assert parsed.release == manifest.Release("demo", "1.0", "refs/tags/v1.0")
    assert parsed.required == REQUIRED
    assert parsed.sections == {"sbom": SBOM, "zk": ZK}
    assert parsed.prev == "e" * 64
    assert list(parsed.files().values()) == ["demo.whl"]


def test_the_predicate_is_laid_out_as_specified() -> None:
    made = document()
    assert (made["_type"], made["predicateType"]) == (
        "https://in-toto.io/Statement/v1",
        "https://maestro-conductor.dev/ce-manifest/v3",
    )
    assert made["predicate"]["schema"] == 3
    tree = made["predicate"]["tree"]
    assert {k: tree[k] for k in ("hash", "alg", "size")} == {"hash": "sha256", "alg": "rfc9162", "size": "12"}


def test_the_root_is_over_the_leaves_sorted_by_bytes_of_their_ids() -> None:
    sealed = ship().sealed
    leaves = [parse_leaf(data) for data in sealed.leaves.data]
    assert [leaf.id.encode() for leaf in leaves] == sorted(r.key.encode() for r in records())
    assert sealed.manifest.root == merkle.root(merkle.leaf_hashes(sealed.leaves.data))
    assert len({leaf.salt for leaf in leaves}) == len(leaves)


def test_the_order_of_records_does_not_matter() -> None:
    one = leafset.leaf_set(records(), entropy=entropy)
    other = leafset.leaf_set(records()[::-1], entropy=entropy)
    assert one.tree.root == other.tree.root


def test_ids_sort_by_bytes_beyond_the_basic_plane() -> None:
    base = records()[0]
    keys = ["a/\U0001f600", "a/\ufb01", "a/z"]
    made = leafset.leaf_set([msgspec.structs.replace(base, key=k, quantity=None) for k in keys], entropy=entropy)
    assert made.ids == sorted(keys, key=str.encode)
    assert made.ids == ["a/z", "a/\ufb01", "a/\U0001f600"]


@pytest.mark.parametrize("index", range(12))
def test_every_leaf_can_be_disclosed(index: int) -> None:
    leaves = ship().sealed.leaves
    item = leaves.disclose(leaves.ids[index])
    assert item.index == index
    merkle.verify_inclusion(merkle.leaf_hash(item.leaf), index, 12, item.hashes, leaves.tree.root)


@pytest.mark.parametrize("leaf_id", ["", "a", "pytest/failed ", "zzz"])
def test_an_unknown_leaf_cannot_be_disclosed(leaf_id: str) -> None:
    with pytest.raises(KeyError):
        ship().sealed.leaves.disclose(leaf_id)


def test_nothing_or_the_same_twice_cannot_be_sealed() -> None:
    with pytest.raises(EvidenceError, match="no obligation"):
        leafset.leaf_set([], entropy=entropy)
    with pytest.raises(EvidenceError, match="twice"):
        leafset.leaf_set([records()[0], records()[0]], entropy=entropy)


def test_a_required_obligation_without_a_leaf_cannot_be_sealed() -> None:
    leaves = leafset.leaf_set(records(), entropy=entropy)
    with pytest.raises(EvidenceError, match="'pytest/passed' is missing"):
        manifest.seal(
            leaves,
            release=manifest.Release("a", "1", ""),
            subjects=[manifest.Subject("x", {"sha256": hashlib.sha256(b"").hexdigest()})],
            required=["pytest/passed"],
            policy="0" * 64,
        )


BAD: dict[str, tuple[str, object]] = {
    "another statement type": ("_type", "https://in-toto.io/Statement/v0.1"),
    "another predicate type": ("predicateType", "https://maestro-conductor.dev/ce-manifest/v4"),
    "unknown member": ("predicate.extra", 1),
    "unknown statement member": ("extra", 1),
    "schema 4": ("predicate.schema", 4),
    "schema as text": ("predicate.schema", "3"),
    "no subject": ("subject", []),
    "subject twice": ("subject", [{"name": "a", "digest": {"sha256": "a" * 64}}] * 2),
    "subject without digest": ("subject", [{"name": "a", "digest": {}}]),
    "subject with MD5": ("subject", [{"name": "a", "digest": {"md5": "a" * 32}}]),
    "short SHA-256": ("subject", [{"name": "a", "digest": {"sha256": "a" * 40}}]),
    "upper-case digest": ("subject", [{"name": "a", "digest": {"gitTree": "A" * 40}}]),
    "digest no text": ("subject", [{"name": "a", "digest": {"gitTree": 1}}]),
    "no required": ("predicate.required", ...),
    "required unsorted": ("predicate.required", ["b/b", "a/a"]),
    "required twice": ("predicate.required", ["a/a", "a/a"]),
    "required no id": ("predicate.required", ["a\n"]),
    "empty tree": ("predicate.tree.size", "0"),
    "negative tree": ("predicate.tree.size", "-1"),
    "size as number": ("predicate.tree.size", 12),
    "size with leading zero": ("predicate.tree.size", "012"),
    "another tree": ("predicate.tree.alg", "rfc6962"),
    "another hash": ("predicate.tree.hash", "sha512"),
    "short root": ("predicate.tree.root", "a" * 62),
    "no policy": ("predicate.policy", ...),
    "policy no digest": ("predicate.policy.digest", {"sha512": "a" * 64}),
    "prev null": ("predicate.prev", None),
    "unknown section member": ("predicate.sbom.name", "x"),
    "sbom as text": ("predicate.sbom", "x"),
    "sbom digest as text": ("predicate.sbom.digest", "x"),
    "zk without proof": ("predicate.zk.proof", ...),
    "release without version": ("predicate.release.version", ...),
    "release version as number": ("predicate.release.version", 1),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_manifest_is_refused(name: str) -> None:
    manifest.parse_manifest(canonical.encode(document()))
    with pytest.raises(EvidenceError):
        manifest.parse_manifest(edited(*BAD[name]))
