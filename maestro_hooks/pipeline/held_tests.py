"""A test run that still holds: every test passed, on this very tree, by this command, in these surroundings.

Invariant: what is reused are records in the ledger; this file only remembers which run they belong to. A run that
failed, or whose records are gone, is never reused, and nothing is where the surroundings cannot be named.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.ledger import read_all
from maestro_hooks.pipeline.surroundings import fingerprint
from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.state import state_directory

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.pipeline.testing import TestStep
    from maestro_hooks.workspace import Workspace


class HeldRun(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which run: the digest of its inputs document, what it counted in words, and the wall time it took."""

    inputs: str
    words: str
    milliseconds: int


def held_run(workspace: Workspace, tree: str) -> HeldRun | None:
    """The run that holds for ``tree``, or ``None``. Raises ``EvidenceError`` for a damaged ledger."""
    place = _place(workspace, tree)
    if place is None:
        return None
    try:
        held = msgspec.json.decode(place.read_bytes(), type=HeldRun)
    except (OSError, msgspec.DecodeError):
        return None
    ledger = read_all(workspace.ledger_directory, run=workspace.run_id())
    documents = (segment.inputs.get(held.inputs) for segment in ledger.segments)
    # A tree that changed while its tests ran is named otherwise: no run of this tree.
    return held if any(document is not None and document.tree == tree for document in documents) else None


def hold_run(workspace: Workspace, tree: str, step: TestStep, *, seconds: float) -> None:
    """Remember a run in which every test passed."""
    place = _place(workspace, tree)
    if place is None or not step.ok or not step.inputs:
        return
    state_directory(workspace.root)
    place.parent.mkdir(mode=0o700, exist_ok=True)
    held = HeldRun(step.inputs, step.words, round(seconds * 1000))
    write_atomic(place, msgspec.json.encode(held), mode=0o600)


def _place(workspace: Workspace, tree: str) -> Path | None:
    around = fingerprint(workspace.root)
    if not around:
        return None
    settings = workspace.host.settings
    parts = [tree, around, settings.run.tests, *settings.disable, "", *settings.run.pytest_arguments]
    name = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()
    return workspace.root / ".maestro" / "held" / f"tests-{name}.json"
