"""Gather what holds for the tree being sealed: run the gates that do not cover it, then merge the ledger.

Invariant: a record reaches the manifest only if its inputs are this tree's, and were made with the configuration
and the tools of now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.ledger import merge, read_all
from maestro_hooks.pipeline import building
from maestro_hooks.pipeline.checking import CheckJob, record_claims, run_checks
from maestro_hooks.pipeline.gates import claims_of, gate_inputs, source_files
from maestro_hooks.pipeline.privacy import conceal
from maestro_hooks.pipeline.recorded_runs import PLUGIN, SESSION_HOOK, accepted_runs, accepted_sessions, speaks_of
from maestro_hooks.requests import LedgerView
from maestro_hooks.workspace import progress, progress_done

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.ledger import Merged
    from maestro_hooks.evidence.record import Record
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


def gather(workspace: Workspace, tree: Tree, *, test_run: str, allow_unfinished: bool) -> Merged:
    """Merge every run's records that hold for ``tree``, then ask the gates that speak before a seal.

    What those gates read (reports, other tools' files) lies outside the tree, so only what they say now counts, never
    what the ledger kept of an earlier seal. Records whose numbers are hidden come back marked private.

    Args:
        workspace: the repository and its host.
        tree: what is being sealed.
        test_run: the digest of the inputs of the test run to seal, or ``""`` to find it.
        allow_unfinished: do not make errors of segments that a dead process left unfinished.

    Raises:
        EvidenceError: a damaged segment, or two records that contradict each other.
    """
    first = _merge(workspace, tree, test_run=test_run, allow_unfinished=allow_unfinished)
    fresh: dict[str, Record] = {}
    with workspace.writer("seal") as sink:
        for plugin in workspace.host.implementing(BEFORE_SEAL):
            progress(f"before seal: {plugin.name}")
            inputs = gate_inputs(workspace.host, plugin, BEFORE_SEAL, files=None, tree=tree.id)
            view = LedgerView(root=workspace.root, tree=tree.id, records=first.records)
            claims, _ = claims_of(
                workspace.host, plugin, BEFORE_SEAL, request=view, inputs=inputs, blobs=workspace.blobs
            )
            record_claims(claims, sink)
            fresh |= {claim.record.key: claim.record for claim in claims}
    progress_done()
    clash = sorted(fresh.keys() & {r.key for r in first.records})
    if clash:
        raise EvidenceError(
            f"obligation {clash[0]!r} was recorded twice, by a check and before the seal", fix="mend the plugin"
        )
    records = sorted([*first.records, *fresh.values()], key=lambda r: r.key)
    return replace(first, records=conceal(workspace.host, records))


def _merge(workspace: Workspace, tree: Tree, *, test_run: str, allow_unfinished: bool) -> Merged:
    ledger = read_all(workspace.ledger_directory, run=workspace.run_id())
    documents = {digest: document for segment in ledger.segments for digest, document in segment.inputs.items()}
    runs = accepted_runs(documents.values(), tree=tree.id, named=test_run)
    of_now = _current(workspace.host, runs)
    records = [entry.record for segment in ledger.segments for entry in segment.entries]
    speaking = {d: i for d, i in documents.items() if i.tree == tree.id and speaks_of(i, runs) and of_now(i)}
    sessions = accepted_sessions(records, speaking)

    def current(inputs: Inputs) -> bool:
        if inputs.arguments[:1] == (SESSION_HOOK,):
            return inputs_module.digest(inputs_module.encode(inputs)) in sessions
        return of_now(inputs)

    return merge(
        ledger,
        tree=tree.id,
        files=tree.files,
        current=current,
        allow_unfinished=allow_unfinished,
    )


def _current(host: Host, test_runs: frozenset[str]) -> Callable[[Inputs], bool]:
    """Whether inputs name the plugin code, configuration and tools of now, or an accepted test run."""
    known = {
        p.name: gate_inputs(host, p, hook, files={}) for hook in (SESSION_HOOK, CHECK) for p in host.implementing(hook)
    }
    # An upgrade between two builds of one tree must not leave two claims of which neither counts.
    known[building.PLUGIN] = building.inputs_of_build("")

    def current(inputs: Inputs) -> bool:
        if inputs.plugin == PLUGIN:
            return inputs_module.digest(inputs_module.encode(inputs)) in test_runs
        if inputs.arguments[:1] == (BEFORE_SEAL,):
            return False
        now = known.get(inputs.plugin)
        return now is None or (inputs.version, inputs.config, inputs.tools) == (now.version, now.config, now.tools)

    return current
