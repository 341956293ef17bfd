"""Seal: records that meet the policy become leaves, a manifest, a signature and a bundle on disk.

Invariant: nothing is written before every byte of it exists, and nothing is sealed unless the policy is met and the
work tree is still the one that was checked.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError, UsageError
from maestro_hooks.evidence import signature
from maestro_hooks.evidence.bundle import encode_bundle, sign_payload
from maestro_hooks.evidence.disclosure import encode_disclosures
from maestro_hooks.evidence.leafset import leaf_set
from maestro_hooks.evidence.log_entry import LoggedEntry, entry_bytes
from maestro_hooks.evidence.manifest import seal as build_manifest
from maestro_hooks.project.files import write_atomic
from maestro_hooks.requests import Documents, LogProof, LogRequest, SealDraft, SealedBundle, Section
from maestro_hooks.sealing.committing import commit
from maestro_hooks.sealing.stamping import stamped
from maestro_hooks.sealing.store import store_sealed
from maestro_hooks.sealing.subjects import built_files, release_of, subjects_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from maestro_hooks.evidence.bundle import Bundle
    from maestro_hooks.evidence.leafset import LeafSet
    from maestro_hooks.evidence.manifest import Manifest, Release, Sealed, Subject
    from maestro_hooks.evidence.signature import PublicKey
    from maestro_hooks.pipeline.gathering import Tree
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.evaluate import Decision
    from maestro_hooks.sealing.signers import SealingKey
    from maestro_hooks.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class SealOrder:
    """What to seal: the tree, the decision that allows it, the policy behind it, and further files.

    ``documents`` are files to ship beside the bundle that leaves name by digest: name to content.
    """

    tree: Tree
    decision: Decision
    policy: Policy
    artifacts: tuple[Path, ...] = ()
    documents: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRelease:
    """Where the sealed files are, and what the manifest is."""

    release: Release
    bundle: Path
    leaves: Path
    policy: Path
    trust: Path
    artifacts: tuple[Path, ...]
    manifest_sha256: str
    warnings: tuple[str, ...] = ()


def seal(workspace: Workspace, order: SealOrder, signer: SealingKey) -> SealedRelease:
    """Build, sign and write the release's evidence into the output directory.

    Raises:
        UsageError: the decision blocks, or the work tree changed since it was made.
        ToolError: a plugin that attaches a section failed.
        EvidenceError: records no manifest can carry.
    """
    if not order.decision.met:
        raise UsageError("the policy is not met, so there is nothing to seal", fix="see the Decision Card")
    if workspace.repository.work_tree() != order.tree.id:
        raise UsageError("files changed while the evidence was gathered", fix="run it again")
    dist = workspace.root / workspace.host.settings.dist
    files = built_files(order.decision.records, dist)
    head = order.tree.commit
    release = release_of(workspace.root, files, ref=head or order.tree.id, tree=order.tree.id)
    subjects = subjects_of(files, tree=order.tree.id, commit=head, extra=order.artifacts)
    records, commitments = commit(workspace, order.decision, order.policy)
    leaves = leaf_set(records, entropy=os.urandom, commitments=commitments)
    attached = _attached(workspace, leaves, subjects)
    sealed = build_manifest(
        leaves,
        release=release,
        subjects=subjects,
        required=order.decision.required,
        policy=hashlib.sha256(order.policy.exported()).hexdigest(),
        sections=attached.sections,
    )
    written = _write(workspace, order, sealed, attached=attached, signer=signer, dist=dist)
    return _announce(workspace, written, sealed)


@dataclass(slots=True)
class _Attached:
    """What plugins add: sections of the predicate, files to ship, and the ids of the leaves that name these."""

    sections: dict[str, Mapping[str, object]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    leaves: set[str] = field(default_factory=set)


def _attached(workspace: Workspace, leaves: LeafSet, subjects: Iterable[Subject]) -> _Attached:
    """Ask the plugins that attach; a gate that fails here stops the seal, for its section might be what matters."""
    draft = SealDraft(
        root=workspace.root,
        subjects=tuple({"name": s.name, "digest": dict(s.digest)} for s in subjects),
        tree_root=leaves.tree.root,
        leaves=tuple((leaf_id, data, i) for i, (leaf_id, data) in enumerate(zip(leaves.ids, leaves.data, strict=True))),
    )
    results = workspace.host.call("maestro_attach", draft)
    if results.failures:
        raise ToolError(str(results.failures[0]), fix="mend or disable the plugin")
    made = _Attached()
    for plugin, answer in results.values:
        if isinstance(answer, Section) and answer.name not in made.sections:
            made.sections[answer.name] = answer.body
        elif isinstance(answer, Documents) and not made.files.keys() & answer.files.keys():
            made.files |= answer.files
            made.leaves |= {*answer.leaves}
        else:
            raise ToolError(f"plugin {plugin} attached nothing known, or what exists already", fix="mend the plugin")
    if strangers := made.leaves - set(leaves.ids):
        raise ToolError(f"no leaf {min(strangers)} names what is to be shipped", fix="mend the plugin")
    return made


def _logged(workspace: Workspace, bundle: Bundle, public: PublicKey) -> Bundle:
    """Enter the signature in the log a plugin keeps, if one does; failing to is failing to seal."""
    body = entry_bytes(bundle.envelope.payload, bundle.envelope.signatures[0].sig, public)
    proof, failures = workspace.host.first("maestro_log", LogRequest(root=workspace.root, entry=body))
    if failures:
        raise ToolError(str(failures[0]), fix="mend the log, or the plugin that keeps it")
    if proof is None:
        return bundle
    if not isinstance(proof, LogProof):
        raise ToolError(f"maestro_log answered with a {type(proof).__name__}", fix="mend the plugin")
    return replace(bundle, log_entry=logged(body, proof))


def logged(body: bytes, proof: LogProof) -> LoggedEntry:
    """What the bundle says about an entry and its proof."""
    return LoggedEntry(
        index=proof.index,
        log_id=proof.log_id,
        body=body,
        proof_index=proof.index,
        size=proof.size,
        root=proof.root,
        hashes=proof.hashes,
        checkpoint=proof.checkpoint,
    )


def _write(
    workspace: Workspace, order: SealOrder, sealed: Sealed, *, attached: _Attached, signer: SealingKey, dist: Path
) -> SealedRelease:
    release = sealed.manifest.release
    stem = f"{release.name}-{release.version}"
    bundle = dist / f"{stem}.sigstore.json"
    shown = sorted({*sealed.manifest.required, *_stated(sealed.manifest), *attached.leaves})
    disclosed = [sealed.leaves.disclose(leaf_id) for leaf_id in shown]
    # The private store first: a bundle whose leaves are lost could never be proved from.
    store_sealed(workspace.root, sealed)
    # The timestamp before the log: a demanded one that fails leaves no entry behind.
    made, warnings = stamped(workspace, sign_payload(sealed.payload, signer.key), signer.trust)
    signed = _logged(workspace, made, signature.public_of(signer.key))
    if not dist.exists():
        dist.mkdir(parents=True)
        (dist / ".gitignore").write_text("*\n", encoding="utf-8")
    documents = {**order.documents, **attached.files}
    places = {
        dist / f"{stem}.policy.json": order.policy.exported(),
        dist / f"{stem}.ce-leaf.json": encode_disclosures(disclosed),
        **{dist / f"{stem}.{name}": data for name, data in documents.items()},
        dist / "trust.json": signer.trust,
        bundle: encode_bundle(signed),  # last: with it the set is complete
    }
    for place, data in places.items():
        write_atomic(place, data, mode=0o644)
    return SealedRelease(
        release=release,
        bundle=bundle,
        leaves=dist / f"{stem}.ce-leaf.json",
        policy=dist / f"{stem}.policy.json",
        trust=dist / "trust.json",
        artifacts=(
            *(f.path for f in built_files(order.decision.records, dist)),
            *order.artifacts,
            *(dist / f"{stem}.{name}" for name in documents),
        ),
        manifest_sha256=hashlib.sha256(sealed.payload).hexdigest(),
        warnings=warnings,
    )


def _stated(manifest: Manifest) -> list[str]:
    """The ids that zero-knowledge statements speak about: their leaves ship, and show no more than the statements."""
    statements = manifest.sections.get("zk", {}).get("statements", [])
    return [str(statement["id"]) for statement in statements] if isinstance(statements, list) else []


def _announce(workspace: Workspace, written: SealedRelease, sealed: Sealed) -> SealedRelease:
    """Tell the observers; one that fails is a warning, for the bundle stands."""
    told = SealedBundle(
        path=written.bundle,
        manifest_sha256=written.manifest_sha256,
        subjects=tuple({"name": s.name, "digest": dict(s.digest)} for s in sealed.manifest.subjects),
    )
    results = workspace.host.call("maestro_sealed", told)
    return replace(written, warnings=(*written.warnings, *(str(f) for f in results.failures)))
