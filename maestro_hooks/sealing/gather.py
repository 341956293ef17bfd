"""Gather what holds for the tree being sealed: run the gates that do not cover it, then merge the ledger.

Invariant: a record reaches the manifest only if its inputs are this tree's, and were made with the configuration
and the tools of now.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.evidence.ledger import merge, read_all
from maestro_hooks.pipeline.checking import CheckJob, record_claims, run_checks
from maestro_hooks.pipeline.gates import claims_of, gate_inputs, source_files
from maestro_hooks.requests import LedgerView
from maestro_hooks.workspace import progress, progress_done

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.ledger import Merged
    from maestro_hooks.host import Host
    from maestro_hooks.pipeline.gates import GateRun
    from maestro_hooks.workspace import Workspace

CHECK = "maestro_check"
BEFORE_SEAL = "maestro_before_seal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """The content being sealed: git tree id, path to SHA-256, and the commit if the work tree is exactly that."""

    id: str
    files: dict[str, str]
    commit: str = ""


def look_at_tree(workspace: Workspace) -> Tree:
    """The work tree as it is now."""
    repository = workspace.repository
    files = {f.path: f.digest for f in source_files(repository, only=None, exclude=())}
    commit = repository.head if repository.status().clean else ""
    return Tree(id=repository.work_tree(), files=files, commit=commit)


def check_whole_tree(workspace: Workspace, *, fresh: bool = False) -> tuple[GateRun, ...]:
    """Run every gate over the whole tree, reusing what still holds, into a segment of its own."""
    files = source_files(workspace.repository, only=None, exclude=workspace.host.settings.exclude)
    job = CheckJob(root=workspace.root, files=tuple(files), whole=True, fresh=fresh)
    with workspace.writer("check") as sink:
        runs = run_checks(
            workspace.host,
            job,
            only=None,
            sink=sink,
            blobs=workspace.blobs,
            told=lambda name: progress(f"checking: {name}"),
        )
    progress_done()
    return runs


def gather(workspace: Workspace, tree: Tree, *, allow_unfinished: bool) -> Merged:
    """Ask the gates that speak before a seal, then merge every run's records that hold for ``tree``.

    Raises:
        EvidenceError: a damaged segment, or two records that contradict each other.
    """
    first = _merge(workspace, tree, allow_unfinished=allow_unfinished)
    with workspace.writer("seal") as sink:
        for plugin in workspace.host.implementing(BEFORE_SEAL):
            progress(f"before seal: {plugin.name}")
            inputs = gate_inputs(workspace.host, plugin, BEFORE_SEAL, files=None, tree=tree.id)
            view = LedgerView(root=workspace.root, tree=tree.id, records=first.records)
            claims, _ = claims_of(
                workspace.host, plugin, BEFORE_SEAL, request=view, inputs=inputs, blobs=workspace.blobs
            )
            record_claims(claims, sink)
    progress_done()
    return _merge(workspace, tree, allow_unfinished=allow_unfinished)


def _merge(workspace: Workspace, tree: Tree, *, allow_unfinished: bool) -> Merged:
    ledger = read_all(workspace.ledger_directory, run=workspace.run_id())
    return merge(
        ledger,
        tree=tree.id,
        files=tree.files,
        current=_current(workspace.host),
        allow_unfinished=allow_unfinished,
    )


def _current(host: Host) -> Callable[[Inputs], bool]:
    """Whether inputs name the plugin code, configuration and tools that are installed and configured now."""
    known = {
        (plugin.name, hook): gate_inputs(host, plugin, hook, files={})
        for hook in (CHECK, BEFORE_SEAL)
        for plugin in host.implementing(hook)
    }
    python = platform.python_version()

    def current(inputs: Inputs) -> bool:
        now = known.get((inputs.plugin, inputs.arguments[0])) if inputs.arguments else None
        if now is not None:
            return (inputs.version, inputs.config, inputs.tools) == (now.version, now.config, now.tools)
        return inputs.tools.get("python", python) == python

    return current
