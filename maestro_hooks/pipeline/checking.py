"""``check`` for every caller: the same gates over the same files, reusing what still holds, into one ledger.

Invariant: a gate's claims are reused only if its inputs document (files, settings, tools) is equal byte for byte
and it ended without error; whoever asks for ``fix`` always runs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.caching import HostCache
from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.record import Record
from maestro_hooks.pipeline.gates import Claim, GateRun, broken_claims, claims_of, findings_of, gate_inputs
from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.state import state_directory
from maestro_hooks.requests import NO_CACHE, CacheEntry, CheckRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from maestro_hooks.host import Host
    from maestro_hooks.pipeline.gates import Sink
    from maestro_hooks.project.blobs import Blobs
    from maestro_hooks.requests import Cache, SourceFile

HOOK = "maestro_check"
SHARED = "gates"
HELD = "held.json"


class HeldClaim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A claim as kept between runs; findings stay in the blob store."""

    record: Record
    inputs: Inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckJob:
    """One check: which files, whether they are the whole tree, what may be reused, whether claims are kept for that."""

    root: Path
    files: tuple[SourceFile, ...]
    whole: bool
    fix: bool = False
    fresh: bool = False
    keep: bool = True


def run_checks(
    host: Host, job: CheckJob, *, only: Iterable[str] | None, sink: Sink, blobs: Blobs, told: Callable[[str], None]
) -> tuple[GateRun, ...]:
    """Run every gate (or those named in ``only``), append its claims to ``sink``, return them sorted by plugin.

    Raises:
        UsageError: ``only`` names no gate.
    """
    wanted = None if only is None else set(only)
    gates = host.implementing(HOOK)
    _check_names(wanted, host)
    files = {f.path: f.digest for f in job.files}
    runs = [r for r in broken_claims(host, HOOK) if wanted is None or r.plugin in wanted]
    # A hook's few files change too often to be worth sharing.
    shared = HostCache(host, SHARED, job.root) if job.whole and job.keep else NO_CACHE
    for plugin in gates:
        if wanted is not None and plugin.name not in wanted:
            continue
        told(plugin.name)
        inputs = gate_inputs(host, plugin, HOOK, files=files)
        beyond = plugin.registry is not None and plugin.registry.beyond_request and not job.whole
        held = None if job.fix or job.fresh or beyond or not job.keep else _held(job.root, inputs, blobs, shared)
        if held is not None:
            runs.append(GateRun(plugin.name, held, reused=True))
            continue
        request = CheckRequest(root=job.root, files=job.files, whole=job.whole, fix=job.fix)
        claims, failure = claims_of(host, plugin, HOOK, request=request, inputs=inputs, blobs=blobs)
        if failure is None and job.keep and not job.fix and not beyond:
            _hold(job.root, inputs, claims, blobs, shared)
        runs.append(GateRun(plugin.name, claims, failure=failure))
    for run in runs:
        record_claims(run.claims, sink)
    return tuple(sorted(runs, key=lambda r: r.plugin))


def record_claims(claims: Iterable[Claim], sink: Sink) -> None:
    """Append claims to a ledger segment, each after its inputs document."""
    for claim in claims:
        sink.inputs(claim.inputs)
        sink.append(claim.record)


def _check_names(wanted: set[str] | None, host: Host) -> None:
    known = {p.name for p in host.plugins if HOOK in p.hooks or p.state != "loaded"}
    unknown = sorted((wanted or set()) - known)
    if unknown:
        raise UsageError(f"no such gate: {', '.join(unknown)}", fix=f"gates installed: {', '.join(sorted(known))}")
    for plugin in host.plugins:
        if wanted and plugin.name in wanted and plugin.state in ("disabled", "unavailable"):
            raise UsageError(f"gate {plugin.name} is {plugin.state}: {plugin.reason}", fix=plugin.fix)


def _place(root: Path, inputs: Inputs) -> Path:
    return root / ".maestro" / "held" / f"{inputs_module.digest(inputs_module.encode(inputs))}.json"


def _held(root: Path, inputs: Inputs, blobs: Blobs, shared: Cache) -> tuple[Claim, ...] | None:
    """The claims made from equal inputs, here or on a machine that shares its cache, if their evidence is intact."""
    place = _place(root, inputs)
    try:
        return _claims(place.read_bytes(), blobs)
    except (OSError, msgspec.DecodeError, EvidenceError):
        entry = shared.fetch(place.stem)
    try:
        files = dict(entry.blobs) if entry is not None else {}
        data = files.pop(HELD, b"")
        for content in files.values():
            blobs.put(content)
        return _claims(data, blobs)
    except (msgspec.DecodeError, EvidenceError):
        return None


def _claims(data: bytes, blobs: Blobs) -> tuple[Claim, ...]:
    held = msgspec.json.decode(data, type=tuple[HeldClaim, ...])
    return tuple(Claim(h.record, h.inputs, findings_of(h.record, blobs)) for h in held)


def _hold(root: Path, inputs: Inputs, claims: tuple[Claim, ...], blobs: Blobs, shared: Cache) -> None:
    place = _place(root, inputs)
    state_directory(root)
    place.parent.mkdir(exist_ok=True)
    data = msgspec.json.encode([HeldClaim(c.record, c.inputs) for c in claims])
    write_atomic(place, data, mode=0o600)
    evidence = {reference.sha256: blobs.get(reference.sha256) for c in claims for reference in c.record.evidence}
    shared.store(place.stem, CacheEntry(metadata={}, blobs={HELD: data, **evidence}))
