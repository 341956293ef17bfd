"""Content-addressed evidence files under ``.maestro/blobs``: a name is the SHA-256 of what it holds.

Invariant: a blob that can be read has the digest it is asked by; anything else is an error, never data.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.project.state import state_directory
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from pathlib import Path


class Blobs(Value, frozen=True):
    """The blob store of one repository."""

    root: Path

    def path(self, sha256: str) -> Path:
        """Where a blob of this digest lives, whether or not it is there."""
        return self.root / ".maestro" / "blobs" / "sha256" / sha256[:2] / sha256[2:]

    def put(self, data: bytes) -> str:
        """Store ``data`` and return its lowercase hexadecimal SHA-256; what lies there damaged is replaced."""
        sha256 = hashlib.sha256(data).hexdigest()
        path = self.path(sha256)
        if path.is_file() and path.read_bytes() == data:
            return sha256
        state_directory(self.root)
        path.parent.mkdir(parents=True, exist_ok=True)
        # Same directory, so that the rename is atomic; the process id keeps two writers apart.
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_bytes(data)
        temporary.chmod(0o600)
        temporary.replace(path)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The blob's bytes. Raises ``EvidenceError`` if it is absent or damaged."""
        path = self.path(sha256)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise EvidenceError("evidence file is missing", where=sha256, fix="run the check that made it") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise EvidenceError("evidence file is damaged", where=str(path), fix="delete it and run the check again")
        return data
