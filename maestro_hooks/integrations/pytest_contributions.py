"""Claims that plugins make about a finished test session, recorded beside pytest's own.

Invariant: as with every gate, a plugin's claims are kept all or none, and one that failed leaves an error.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.pipeline.gates import claims_of, gate_inputs
from maestro_hooks.requests import AppliedSkip, TestRun

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.host import Host
    from maestro_hooks.integrations.pytest_claims import Session
    from maestro_hooks.pipeline.gates import Claim
    from maestro_hooks.project.blobs import Blobs

HOOK = "maestro_tests_finished"


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


def contributions(host: Host, run: TestRun, blobs: Blobs) -> tuple[Claim, ...]:
    """The claims of every plugin that has something to say about the run, sorted by (plugin, key)."""
    found: list[Claim] = []
    for plugin in host.implementing(HOOK):
        made_from = gate_inputs(host, plugin, HOOK, files=None, tree=run.tree)
        inputs = msgspec.structs.replace(made_from, arguments=(HOOK, session_digest(run)))
        claims, _ = claims_of(host, plugin, HOOK, request=run, inputs=inputs, blobs=blobs)
        found.extend(claims)
    return tuple(found)


def session_digest(run: TestRun) -> str:
    """What tells one session from another of the same tree: a claim about a session is made from that session."""
    facts = [(test.nodeid, test.outcome, test.duration_us) for test in run.tests]
    skips = [(skip.nodeid, skip.reason) for skip in run.skips]
    return f"session {hashlib.sha256(repr((facts, skips)).encode('utf-8', 'surrogatepass')).hexdigest()}"
