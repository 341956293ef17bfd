"""Seal a decided tree and have a second process verify what lies on disk."""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from maestro_hooks import __version__
from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.record import EvidenceRef, Producer, Record
from maestro_hooks.pipeline import verification_summary
from maestro_hooks.pipeline.card import DOCUMENT, LEAF_KEY, Proof, decision_document
from maestro_hooks.pipeline.deciding import card_of
from maestro_hooks.pipeline.processes import run
from maestro_hooks.sealing.seal import SealedRelease, SealOrder, seal
from maestro_hooks.sealing.signers import find_signer
from maestro_hooks.sealing.subjects import built_files, release_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping
    from pathlib import Path

    from maestro_hooks.pipeline.deciding import Decided
    from maestro_hooks.policy.evaluate import Decision
    from maestro_hooks.workspace import Workspace

VERIFY_TIMEOUT_S = 120


@dataclass(frozen=True, slots=True)
class SealStep:
    """The sealed release, what the verifier said of it, and words about the key."""

    release: SealedRelease
    proof: Proof
    words: tuple[str, ...]
    verify_s: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether the bundle verifies."""
        return self.proof.verdict == "pass"


def seal_and_verify(
    workspace: Workspace,
    decided: Decided,
    *,
    artifacts: tuple[Path, ...],
    now: dt.datetime,
    env: Mapping[str, str],
) -> SealStep:
    """Sign and write the bundle, then verify it in a fresh process that sees only the files.

    Raises:
        UsageError: no usable key, or the tree changed.
        EvidenceError: records no manifest can carry.
    """
    signer = find_signer(workspace.root, now=now, env=env, policy=decided.policy)
    documents = {
        DOCUMENT: decision_document(card_of(workspace, decided, cost=())),
        verification_summary.DOCUMENT: _summary(workspace, decided, now),
    }
    order = SealOrder(
        tree=decided.tree,
        decision=_with_card(decided, documents),
        policy=decided.policy,
        artifacts=artifacts,
        documents=documents,
    )
    sealed = seal(workspace, order, signer)
    began = time.monotonic()
    proof = verify_in_new_process(workspace.root, sealed)
    verify_s = time.monotonic() - began
    words = [f"bundle: {_relative(sealed.bundle, workspace.root)}", *signer.words, *sealed.warnings]
    return SealStep(sealed, proof, tuple(words), verify_s)


def _summary(workspace: Workspace, decided: Decided, now: dt.datetime) -> bytes:
    tree = decided.tree
    files = built_files(decided.decision.records, workspace.root / workspace.host.settings.dist)
    release = release_of(workspace.root, files, ref=tree.commit or tree.id, tree=tree.id)
    policy = sha256(decided.policy.exported()).hexdigest()
    return verification_summary.verification_summary(release, files, tree=tree.id, policy=policy, now=now)


def _with_card(decided: Decided, documents: Mapping[str, bytes]) -> Decision:
    """The decision with its own card among the records: what a reviewer saw is part of what is signed."""
    inputs = Inputs(plugin="card", version=__version__, tree=decided.tree.id)
    record = Record(
        key=LEAF_KEY,
        verdict=Verdict.MET,
        producer=Producer("card", __version__, "seal"),
        inputs=inputs_module.digest(inputs_module.encode(inputs)),
        text="met",
        evidence=tuple(EvidenceRef(name, sha256(data).hexdigest()) for name, data in documents.items()),
    )
    decision = decided.decision
    return replace(decision, records=(*decision.records, record), always_required=(LEAF_KEY,))


def verify_in_new_process(root: Path, sealed: SealedRelease) -> Proof:
    """What ``maestro verify`` says, run as an auditor would."""
    command = [sys.executable, "-m", "maestro_hooks", "verify", str(sealed.bundle), "--source", str(root), "--json"]
    for artifact in sealed.artifacts:
        command += ["--artifact", str(artifact)]
    done = run(command, cwd=root, env={}, timeout_s=VERIFY_TIMEOUT_S, stderr=False)
    try:
        report = json.loads(done.output)
        verdict, failure = report["verdict"], report["first_failure"]
    except (ValueError, KeyError, TypeError):
        verdict, failure = "fail", f"the verifier ended with {done.words}"
    return Proof(
        verdict=verdict,
        first_failure=failure,
        bundle=_relative(sealed.bundle, root),
        manifest_sha256=sealed.manifest_sha256,
    )


def _relative(path: Path, root: Path) -> str:
    return os.path.relpath(path, root)
