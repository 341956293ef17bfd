"""The manifest: an in-toto Statement v1 whose predicate binds a tree of obligations to files (evidence format 4.5).

Theorem: ``parse_manifest(encode_manifest(m)) == m``, and only canonical bytes parse, so equal manifests have equal
digests. Empty trees, unknown members and unsorted required ids are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape
from maestro_hooks.evidence.leaf import check_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from maestro_hooks.evidence.leafset import LeafSet

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://maestro-conductor.dev/ce-manifest/v3"
SECTIONS = {"sbom": ("digest", "mediaType"), "zk": ("suite", "bits", "statements", "proof")}

_GIT_OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PREDICATE = ("schema", "release", "tree", "policy", "required")


@dataclass(frozen=True, slots=True)
class Release:
    """What is released: distribution name, version, git reference."""

    name: str
    version: str
    ref: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What the manifest speaks about: ``digest`` maps ``sha256``, ``gitTree`` or ``gitCommit`` to hexadecimal."""

    name: str
    digest: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """A parsed manifest. ``root`` has 32 bytes, ``policy`` and ``prev`` are SHA-256 in hexadecimal."""

    release: Release
    subjects: tuple[Subject, ...]
    size: int
    root: bytes
    policy: str
    required: tuple[str, ...]
    prev: str | None = None
    sections: Mapping[str, Mapping[str, object]] = field(default_factory=dict)

    def files(self) -> dict[str, str]:
        """SHA-256 to name, of the subjects that are files."""
        return {s.digest["sha256"]: s.name for s in self.subjects if "sha256" in s.digest}


@dataclass(frozen=True, slots=True)
class Sealed:
    """A manifest ready to sign: its canonical payload, and the private leaves behind it."""

    payload: bytes
    manifest: Manifest
    leaves: LeafSet


def seal(
    leaves: LeafSet,
    *,
    release: Release,
    subjects: Sequence[Subject],
    required: Iterable[str],
    policy: str,
    prev: str | None = None,
    sections: Mapping[str, Mapping[str, object]] | None = None,
) -> Sealed:
    """Build the manifest over ``leaves``.

    Args:
        leaves: from ``leafset.leaf_set``.
        release: name, version, reference.
        subjects: files and git objects; at least one.
        required: ids that a verifier must see; each must have a leaf.
        policy: SHA-256 of the exported policy document, hexadecimal.
        prev: SHA-256 of the previous manifest's payload, hexadecimal.
        sections: bodies for ``sbom`` and ``zk``.

    Raises:
        EvidenceError: for a required id without a leaf, or anything ``parse_manifest`` would refuse.
    """
    ids = tuple(sorted(set(required)))
    for leaf_id in ids:
        try:
            leaves.index(leaf_id)
        except KeyError:
            raise EvidenceError(f"required obligation {leaf_id!r} is missing", where="manifest") from None
    manifest = Manifest(
        release=release,
        subjects=tuple(subjects),
        size=leaves.tree.size,
        root=leaves.tree.root,
        policy=policy,
        required=ids,
        prev=prev,
        sections=dict(sections or {}),
    )
    payload = encode_manifest(manifest)
    return Sealed(payload, parse_manifest(payload), leaves)


def encode_manifest(manifest: Manifest) -> bytes:
    """The canonical payload bytes; their SHA-256 names the manifest."""
    release = manifest.release
    predicate: dict[str, object] = {
        "schema": 3,
        "release": {"name": release.name, "version": release.version, "ref": release.ref},
        "tree": {"hash": "sha256", "alg": "rfc9162", "size": str(manifest.size), "root": manifest.root.hex()},
        "policy": {"digest": {"sha256": manifest.policy}},
        "required": list(manifest.required),
        **manifest.sections,
    }
    if manifest.prev is not None:
        predicate["prev"] = manifest.prev
    return canonical.encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": s.name, "digest": dict(s.digest)} for s in manifest.subjects],
            "predicateType": PREDICATE_TYPE,
            "predicate": predicate,
        }
    )


def parse_manifest(payload: bytes) -> Manifest:
    """Parse the payload bytes that were signed.

    Raises:
        EvidenceError: for bytes that are not canonical, unknown or missing members, an empty tree.
    """
    where = "manifest"
    document = canonical.decode(payload, canonical=True, where=where)
    statement = shape.members(document, required=("_type", "subject", "predicateType", "predicate"), where=where)
    shape.one_of(statement["_type"], (STATEMENT_TYPE,), where=f"{where} _type")
    shape.one_of(statement["predicateType"], (PREDICATE_TYPE,), where=f"{where} predicateType")
    predicate = shape.members(
        statement["predicate"], required=_PREDICATE, optional=("prev", *SECTIONS), where=f"{where} predicate"
    )
    shape.integer(predicate["schema"], low=3, high=3, where=f"{where} schema")
    policy = shape.members(predicate["policy"], required=("digest",), where=f"{where} policy")
    size, root = _parse_tree(predicate["tree"], f"{where} tree")
    return Manifest(
        release=_parse_release(predicate["release"], f"{where} release"),
        subjects=_parse_subjects(statement["subject"], f"{where} subject"),
        size=size,
        root=root,
        policy=shape.digest(policy["digest"], where=f"{where} policy"),
        required=_parse_required(predicate["required"], f"{where} required"),
        prev=shape.sha256_hex(predicate["prev"], where=f"{where} prev") if "prev" in predicate else None,
        sections={
            name: _parse_section(name, predicate[name], f"{where} {name}") for name in SECTIONS if name in predicate
        },
    )


def _parse_section(name: str, value: object, where: str) -> Mapping[str, object]:
    body = shape.members(value, required=SECTIONS[name], where=where)
    if name == "sbom":
        shape.digest(body["digest"], where=where)
        shape.text(body["mediaType"], where=where)
    return body  # the inside of ``zk`` is for its checker


def _parse_release(value: object, where: str) -> Release:
    body = shape.members(value, required=("name", "version", "ref"), where=where)
    return Release(*(shape.text(body[name], where=f"{where} {name}") for name in ("name", "version", "ref")))


def _parse_tree(value: object, where: str) -> tuple[int, bytes]:
    body = shape.members(value, required=("hash", "alg", "size", "root"), where=where)
    shape.one_of(body["hash"], ("sha256",), where=f"{where} hash")
    shape.one_of(body["alg"], ("rfc9162",), where=f"{where} alg")
    size = shape.natural(body["size"], where=f"{where} size")
    if not size:
        raise EvidenceError("a release without a single obligation is invalid", where=where)
    return size, bytes.fromhex(shape.sha256_hex(body["root"], where=f"{where} root"))


def _parse_subjects(value: object, where: str) -> tuple[Subject, ...]:
    subjects = tuple(_parse_subject(item, where) for item in shape.array(value, where=where))
    if not subjects:
        raise EvidenceError("a manifest about nothing is invalid", where=where)
    if len({(s.name, *sorted(s.digest.items())) for s in subjects}) != len(subjects):
        raise EvidenceError("a subject is listed twice", where=where)
    return subjects


def _parse_subject(value: object, where: str) -> Subject:
    body = shape.members(value, required=("name", "digest"), where=where)
    name = shape.text(body["name"], where=where)
    digest = shape.members(
        body["digest"], required=(), optional=("sha256", "gitTree", "gitCommit"), where=f"{where} {name:.80}"
    )
    for algorithm, text in digest.items():
        pattern_ok = isinstance(text, str) and _GIT_OBJECT.fullmatch(text)
        if not pattern_ok or (algorithm == "sha256" and len(str(text)) != 64):
            raise EvidenceError(f"{algorithm} is not lowercase hexadecimal of its length", where=f"{where} {name:.80}")
    if not digest:
        raise EvidenceError("a subject without a digest", where=f"{where} {name:.80}")
    return Subject(name, {algorithm: str(text) for algorithm, text in digest.items()})


def _parse_required(value: object, where: str) -> tuple[str, ...]:
    ids = tuple(check_id(item) for item in shape.array(value, where=where))
    if any(before >= after for before, after in pairwise(ids)):
        raise EvidenceError("required ids are not sorted and unique", where=where)
    return ids
