"""Hand the sealed documents on: each file beside the bundle, its leaf disclosed, the SBOM named by the manifest.

Invariant: what is shipped is, byte for byte, what the leaf's digest names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.evidence.bundle import parse_bundle
from maestro_hooks.evidence.leaf import parse_leaf
from maestro_hooks.evidence.log_entry import alone
from maestro_hooks.project.blobs import Blobs
from maestro_hooks.project.files import write_atomic
from maestro_hooks.requests import Documents, Section

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from maestro_hooks.requests import SealDraft

PREFIX = "seal/"
PROOF_SUFFIX = ".tlog-proof"
SBOM, CYCLONEDX = "sbom.cdx.json", "application/vnd.cyclonedx+json"


def attached(draft: SealDraft) -> Iterator[Section | Documents]:
    """The documents behind the leaves ``seal/*``, if any. Raises ``EvidenceError`` for a lost one."""
    blobs = Blobs(draft.root)
    leaves = [parse_leaf(data) for leaf_id, data, _ in draft.leaves if leaf_id.startswith(PREFIX)]
    digests = {n: (sha256, leaf.id) for leaf in leaves for n, sha256 in leaf.evidence if n.endswith((".json", ".html"))}
    if not digests:
        return
    files = {name: blobs.get(sha256) for name, (sha256, _) in digests.items()}
    yield Documents(files=files, leaves=tuple(sorted({leaf_id for _, leaf_id in digests.values()})))
    if SBOM in digests:
        yield Section("sbom", {"digest": {"sha256": digests[SBOM][0]}, "mediaType": CYCLONEDX})


def write_proof(bundle: Path) -> None:
    """Write ``<name>.tlog-proof`` beside a bundle with a log entry; an older one is removed where there is none."""
    entry = parse_bundle(bundle.read_bytes()).log_entry
    place = bundle.with_name(bundle.name.removesuffix(".sigstore.json") + PROOF_SUFFIX)
    if entry is None:
        place.unlink(missing_ok=True)
    else:
        write_atomic(place, alone(entry), mode=0o644)
