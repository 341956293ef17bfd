"""What was sealed, kept privately: the payload and every leaf with its salt, under ``.maestro/sealed/<sha256>/``.

Invariant: what loads is what was signed. The leaves are hashed again and must give the root in the payload, and the
payload must have the digest that names its directory.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence import shape
from maestro_hooks.evidence.leafset import plant
from maestro_hooks.evidence.manifest import Sealed, parse_manifest
from maestro_hooks.project.files import private_directory, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

PAYLOAD = "payload.json"
LEAVES = "leaves.jsonl"
LATEST = "latest"


def sealed_directory(root: Path) -> Path:
    """Where sealed manifests are kept."""
    return root / ".maestro" / "sealed"


def store_sealed(root: Path, sealed: Sealed) -> str:
    """Keep payload and leaves (mode 0600) and point ``latest`` at them; return the payload's SHA-256."""
    name = sha256(sealed.payload).hexdigest()
    place = sealed_directory(root) / name
    private_directory(place.parent)
    place.mkdir(mode=0o700, exist_ok=True)
    # Canonical JSON holds no raw newline, so lines keep the leaves apart.
    write_atomic(place / LEAVES, b"\n".join(sealed.leaves.data) + b"\n", mode=0o600)
    write_atomic(place / PAYLOAD, sealed.payload, mode=0o600)
    write_atomic(place.parent / LATEST, name.encode() + b"\n", mode=0o600)
    return name


def latest(root: Path) -> str:
    """The SHA-256 of the manifest sealed last. Raises ``UsageError`` if nothing was sealed here."""
    try:
        return (sealed_directory(root) / LATEST).read_text().strip()
    except FileNotFoundError:
        raise UsageError(
            "nothing was sealed here", where=str(sealed_directory(root)), fix="run 'maestro seal' first"
        ) from None


def load_sealed(root: Path, manifest_sha256: str) -> Sealed:
    """Read back what ``store_sealed`` kept.

    Raises:
        UsageError: if this manifest was not sealed here.
        EvidenceError: if the files are not those that were sealed.
    """
    place = sealed_directory(root) / manifest_sha256
    try:
        shape.sha256_hex(manifest_sha256, where="manifest")
        payload, lines = (place / PAYLOAD).read_bytes(), (place / LEAVES).read_bytes()
    except (FileNotFoundError, EvidenceError):
        raise UsageError(
            f"the private leaves of manifest {manifest_sha256[:12]} are not here",
            where=str(place),
            fix="run this where the release was sealed",
        ) from None
    manifest = parse_manifest(payload)
    data = lines.removesuffix(b"\n").split(b"\n")
    try:
        leaves = plant([str(json.loads(leaf)["id"]) for leaf in data], data)
    except (ValueError, KeyError, TypeError) as error:
        raise EvidenceError("the stored leaves are damaged", where=str(place / LEAVES)) from error
    if sha256(payload).hexdigest() != manifest_sha256 or leaves.tree.root != manifest.root:
        raise EvidenceError("the stored leaves are not those that were signed", where=str(place))
    return Sealed(payload, manifest, leaves)
