"""Claims that plugins make about a finished test session, recorded beside pytest's own.

Invariant: as with every gate, a plugin's claims are kept all or none, and one that failed leaves an error.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence import inputs as inputs_documents
from maestro_hooks.pipeline.gates import claims_of, gate_inputs
from maestro_hooks.pipeline.recorded_runs import SESSION_HOOK, session_arguments
from maestro_hooks.session_requests import AppliedSkip, TestRun

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.host import Host
    from maestro_hooks.integrations.pytest_claims import Session
    from maestro_hooks.pipeline.gates import Claim
    from maestro_hooks.project.blobs import Blobs


def run_of(session: Session, *, root: Path, config: object) -> TestRun:
    """What plugins are told about a session."""
    skips = session.selection.deselected if session.selection else ()
    return TestRun(
        root=root,
        run=session.run,
        tree=session.tree,
        tests=tuple(sorted(session.tests, key=lambda test: test.nodeid)),
        skips=tuple(AppliedSkip(skip.nodeid, skip.plugin, skip.reason) for skip in skips),
        completed=session.completed,
        config=config,
    )


def contributions(host: Host, run: TestRun, blobs: Blobs, *, test_run: Inputs) -> tuple[Claim, ...]:
    """The claims of every plugin that has something to say about the run, sorted by (plugin, key).

    ``test_run`` is the inputs document of pytest's own claims: whether the others count is decided by that.
    """
    found: list[Claim] = []
    arguments = session_arguments(inputs_documents.digest(inputs_documents.encode(test_run)), session_digest(run))
    for plugin in host.implementing(SESSION_HOOK):
        made_from = gate_inputs(host, plugin, SESSION_HOOK, files=None, tree=run.tree)
        inputs = msgspec.structs.replace(made_from, arguments=arguments)
        claims, _ = claims_of(host, plugin, SESSION_HOOK, request=run, inputs=inputs, blobs=blobs)
        found.extend(claims)
    return tuple(found)


def session_digest(run: TestRun) -> str:
    """What tells one session from another of the same tree: a claim about a session is made from that session."""
    facts = [(test.nodeid, test.outcome, test.duration_us) for test in run.tests]
    skips = [(skip.nodeid, skip.reason) for skip in run.skips]
    return f"session {hashlib.sha256(repr((facts, skips)).encode('utf-8', 'surrogatepass')).hexdigest()}"
