"""At a seal: enter the signature in the configured log, have witnesses cosign, and hand the proof back."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maestro_hooks.evidence import note, signature
from maestro_hooks.evidence.trust import NONE
from maestro_hooks.requests import LogProof
from maestro_hooks.sealing.keys import load_trust, log_key
from maestro_hooks.sealing.signers import keys_home
from maestro_seal.asking import gather_cosignatures
from maestro_seal.disk import Disk
from maestro_seal.writer import LogWriter

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_seal.settings import SealSettings


AUTO_DIRECTORY = ".maestro/log"


def log_directory(root: Path, settings: SealSettings) -> Path | None:
    """Where the log lies; ``None`` if it was left to the trust file and that names none."""
    if settings.log != "auto":
        return root / settings.log
    home = keys_home(root)
    return None if load_trust(home).trust.log == NONE else root / AUTO_DIRECTORY


def append_entry(root: Path, place: Path, entry: bytes, settings: SealSettings) -> LogProof:
    """Append one entry to the log in ``place`` and prove it.

    Raises:
        UsageError: no log, no key for it.
        EvidenceError: the log's files do not fit together.
        ToolError: another writer is at work, or a witness does not answer. The entry is in the log then, harmlessly.
    """
    origin, key = log_key(keys_home(root), now=datetime.now(UTC), environ=os.environ)
    with LogWriter(Disk(place), origin, key) as writer:
        index = writer.append([entry])
        if settings.witnesses:
            gather_cosignatures(writer, settings.witnesses, timeout_s=settings.witness_timeout_s)
        return LogProof(
            index=index,
            size=writer.head.size,
            root=writer.head.root,
            hashes=writer.tree().inclusion(index),
            checkpoint=writer.checkpoint,
            log_id=note.key_hash(origin, note.ED25519, signature.public_of(key)),
        )
