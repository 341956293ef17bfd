"""What cached results say in the manifest: one set of obligations per action whose inputs are the tree's.

Invariant: a claim is made only for a record that verifies and whose inputs, read again at the seal, have the digest
the record was made from: a result speaks about content, not about the moment it was restored.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from maestro_cas.globs import compile_globs
from maestro_cas.names import all_last
from maestro_cas.record import open_envelope
from maestro_cas.scan import scan
from maestro_cas.stat_cache import StatCache
from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.record import Record
    from maestro_cas.store import Store


def obligations(store: Store, root: str) -> Iterator[Obligation]:
    """The claims of every action of this project whose latest result still holds, and how much damage was met."""
    made = False
    for last in all_last(store):
        event = last.get("event", {})
        if event.get("root") != root:
            continue
        found = store.record(str(event.get("key")))
        if found is not None and _holds(store, found, root):
            made = True
            yield from _claims(store, found, event)
    if made:
        yield Obligation(key="cas/quarantined", value=len(os.listdir(f"{store.home}/quarantine")), kind="build")


def _holds(store: Store, found: Record, root: str) -> bool:
    patterns = [found.components.get("input patterns"), found.components.get("output patterns")]
    inputs, outputs = (
        compile_globs(list(map(str, p)) if isinstance(p, list) else [], where="record") for p in patterns
    )
    cache = StatCache(f"{store.home}/stat/seal-{found.key[:32]}")
    tree, _ = scan(root, inputs, cache, skip=outputs.matches if outputs.patterns else None, allow_empty=True)
    return tree.root == found.components.get("inputs")


def _claims(store: Store, found: Record, event: dict[str, Any]) -> Iterator[Obligation]:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", str(event["name"]))[:80] or "action"
    envelope = store.envelope(found.key) or b""
    hit = event["result"] in ("hit", "remote-hit")
    yield Obligation(
        key=f"cas/action/{name}",
        value=found.key,
        kind="build",
        attachments=(
            Attachment("action-record.dsse.json", envelope),
            Attachment("inputs.txt", store.get(found.inputs.digest) or b""),
        ),
    )
    yield Obligation(key=f"cas/origin/{name}", value=str(event["reason"]) if hit else "run", kind="build")
    signatures = open_envelope(envelope).signatures if envelope else ()
    yield Obligation(key=f"cas/writer/{name}", value=signatures[0].keyid if signatures else "unsigned", kind="build")
    yield Obligation(key=f"cas/outputs/{name}", value=len(found.outputs), kind="build")
    yield Obligation(key=f"cas/saved-ms/{name}", value=found.duration_ms if hit else 0, kind="build")
    yield Obligation(key=f"cas/saved-bytes/{name}", value=found.size if hit else 0, kind="build")
    enforced = found.components.get("mode") == "enforce"
    yield Obligation(
        key=f"cas/undeclared-reads/{name}",
        value=len(found.reads.undeclared),
        max=0 if enforced else None,
        kind="build",
        findings=tuple(
            Finding(
                rule="cas-undeclared-read",
                message=f"{name} read {p} without declaring it ({found.reads.method})",
                at=Location(p),
            )
            for p in found.reads.undeclared
        ),
    )
