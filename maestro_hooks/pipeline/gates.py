"""Run gates over files and turn what they yield into records; fail closed.

Invariant: after a gate ran there is exactly one record of the host's own (``<plugin>/gate``): met with the number of
obligations it yielded, or ``error``. A gate that dies midway contributes only its error.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import msgspec

from maestro_hooks.errors import ToolError
from maestro_hooks.evidence import inputs as inputs_module
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import EvidenceRef, Producer, Record, error_record, record_of
from maestro_hooks.host import Failure, guarded
from maestro_hooks.tools import tools_of
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from maestro_hooks.discovery import Plugin
    from maestro_hooks.evidence.finding import Finding
    from maestro_hooks.host import Host
    from maestro_hooks.project.blobs import Blobs
    from maestro_hooks.project.repository import Repository
    from maestro_hooks.requests import SourceFile

FINDINGS = "findings"
GATE_KEYS = {"maestro_check": "gate", "maestro_before_seal": "before-seal", "maestro_tests_finished": "tests-finished"}


class Claim(Value, frozen=True):
    """A record with the inputs document its digest names and the findings it holds."""

    record: Record
    inputs: Inputs
    findings: tuple[Finding, ...] = ()


class GateRun(Value, frozen=True):
    """What one gate said about one request; ``reused`` when its claims still held and it was not run."""

    plugin: str
    claims: tuple[Claim, ...]
    reused: bool = False
    failure: Failure | None = None


class Sink(Protocol):
    """Where records go: a ledger segment."""

    def inputs(self, inputs: Inputs) -> str:
        """Keep an inputs document; return its digest."""
        ...

    def append(self, record: Record, meta: Mapping[str, object] | None = None) -> None:
        """Keep a record."""
        ...


def source_files(
    repository: Repository,
    *,
    only: Iterable[str] | None,
    exclude: tuple[str, ...],
    listing: Iterable[tuple[str, Path]] | None = None,
) -> list[SourceFile]:
    """The repository's files (or those of ``only``), hashed, sorted by path, without the excluded patterns.

    ``listing`` is what ``repository.files()`` just gave, if the caller asked for it already: git takes its time.

    Raises:
        ToolError: a file cannot be read.
    """
    from maestro_hooks.requests import SourceFile  # noqa: PLC0415 - claims about a test session need no files

    wanted = None if only is None else set(only)
    found = []
    for path, place in repository.files() if listing is None else listing:
        if (wanted is not None and path not in wanted) or matches_any(path, exclude):
            continue
        try:
            with place.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise ToolError(f"cannot read: {error.strerror}", where=path, fix="mend its permissions") from error
        found.append(SourceFile(path, place, digest))
    return found


def matches_any(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether a repository path matches one of the glob patterns (``*`` crosses slashes, as in fnmatch)."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - most processes have no pattern

    return any(fnmatchcase(path, pattern) for pattern in patterns)


def gate_inputs(host: Host, plugin: Plugin, hook: str, *, files: Mapping[str, str] | None, tree: str = "") -> Inputs:
    """The inputs document of one gate call: what it will read, its settings and the tools it depends on."""
    table = host.tables.get(plugin.name)
    config = hashlib.sha256(msgspec.json.encode(table, order="sorted")).hexdigest() if table is not None else ""
    return Inputs(
        plugin=plugin.name,
        version=plugin.version,
        config=config,
        files=None if files is None else dict(files),
        tree=tree,
        tools=tools_of(plugin),
        arguments=(hook,),
    )


def claims_of(
    host: Host, plugin: Plugin, hook: str, *, request: object, inputs: Inputs, blobs: Blobs
) -> tuple[tuple[Claim, ...], Failure | None]:
    """Call one gate and make claims of its obligations, all or none, plus its own ``<plugin>/gate`` record."""
    producer = Producer(plugin=plugin.name, version=plugin.version, hook=hook)
    results = host.call(hook, request, only=(plugin.name,))
    made: list[Claim] | Failure
    if results.failures:
        made = results.failures[0]
    else:
        values = [value for _, value in results.values]
        made = guarded(
            plugin.name, hook, lambda: [_claim(v, plugin, producer, inputs=inputs, blobs=blobs) for v in values]
        )
    digest = inputs_module.digest(inputs_module.encode(inputs))
    key = own_key(plugin.name, hook)
    if isinstance(made, Failure):
        words = f"{made.error_class}: {made.message}"
        return (Claim(error_record(key, producer=producer, inputs=digest, error=words), inputs),), made
    done = Obligation(key=key, value=len(made), min=0)
    own = Claim(record_of(done, producer=producer, inputs=digest), inputs)
    return tuple(sorted([*made, own], key=lambda c: c.record.key)), None


def own_key(plugin: str, hook: str) -> str:
    """The key under which the host records that a gate ran: ``taint/gate``, ``reports/before-seal``."""
    return f"{plugin}/{GATE_KEYS[hook]}"


def broken_claims(host: Host, hook: str) -> tuple[GateRun, ...]:
    """A plugin that could not be loaded might have been a gate: it is an error of its own, not an absence."""
    runs = []
    for failure in host.broken(hook):
        inputs = Inputs(plugin=failure.plugin, version="")
        digest = inputs_module.digest(inputs_module.encode(inputs))
        producer = Producer(plugin=failure.plugin, version="", hook=hook)
        record = error_record(own_key(failure.plugin, hook), producer=producer, inputs=digest, error=failure.message)
        runs.append(GateRun(failure.plugin, (Claim(record, inputs),), failure=failure))
    return tuple(runs)


def _claim(value: object, plugin: Plugin, producer: Producer, *, inputs: Inputs, blobs: Blobs) -> Claim:
    if not isinstance(value, Obligation):
        raise TypeError(f"{producer.hook} yielded {type(value).__name__}, expected Obligation")
    namespaces = plugin.registry.namespaces if plugin.registry is not None else {plugin.name}
    if value.key.partition("/")[0] not in namespaces:
        raise ValueError(f"key {value.key!r} is outside the plugin's namespaces {sorted(namespaces)}")
    if value.key in (own_key(plugin.name, hook) for hook in GATE_KEYS):
        raise ValueError(f"key {value.key!r} is the host's own")
    narrowed = _narrow(inputs, value)
    references = [EvidenceRef(a.name, blobs.put(a.data)) for a in value.attachments]
    findings = tuple(value.findings)
    if findings:
        references.append(EvidenceRef(FINDINGS, blobs.put(encode_findings(findings))))
    digest = inputs_module.digest(inputs_module.encode(narrowed))
    record = record_of(value, producer=producer, inputs=digest, evidence=tuple(references))
    return Claim(record, narrowed, findings)


def _narrow(inputs: Inputs, value: Obligation) -> Inputs:
    """The inputs of a claim that speaks about some files of the request only."""
    if value.files is None or inputs.files is None:
        return inputs
    unknown = [path for path in value.files if path not in inputs.files]
    if unknown:
        raise ValueError(f"{value.key}: speaks about {unknown[0]!r}, which was not in the request")
    return msgspec.structs.replace(inputs, files={path: inputs.files[path] for path in value.files})


def encode_findings(findings: tuple[Finding, ...]) -> bytes:
    """Findings as the JSON kept in the blob store, in a fixed order, without what was measured in this run."""
    ordered = sorted(findings, key=lambda f: (f.at.path, f.at.line, f.at.column, f.rule, f.message))
    return msgspec.json.encode([replace(f, measured={}) for f in ordered], order="sorted")


def findings_of(record: Record, blobs: Blobs) -> tuple[Finding, ...]:
    """The findings behind a record, read back from the blob store. Raises ``EvidenceError``."""
    from maestro_hooks.evidence.finding import Finding  # noqa: PLC0415 - as above

    for reference in record.evidence:
        if reference.name == FINDINGS:
            return msgspec.json.decode(blobs.get(reference.sha256), type=tuple[Finding, ...])
    return ()
