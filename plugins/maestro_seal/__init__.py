"""Releases enter an append-only log that anyone can check, and auditors get one HTML page that checks them.

Invariant: an entry is in the published log before the bundle that proves it is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Command, Rule
from maestro_seal.settings import SealSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import (
        Documents,
        LedgerView,
        LogProof,
        LogRequest,
        SealDraft,
        SealedBundle,
        Section,
        StampRequest,
    )

MAESTRO_API = 1


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table and the verb ``maestro log``."""
    registry.settings(SealSettings)
    registry.depends_on("cyclonedx-python-lib")
    registry.rule(Rule("sbom-missing", "A requirement of the built wheel that is not installed"))
    registry.command(
        Command(
            name="log",
            help="keep, check, serve or witness a transparency log",
            run="maestro_seal.command:run",
            add_arguments=_log_arguments,
        )
    )


def _log_arguments(parser: ArgumentParser) -> None:
    from maestro_seal.command import add_arguments  # noqa: PLC0415 - loaded when the verb is used

    add_arguments(parser)


@hookimpl
def maestro_before_seal(view: LedgerView) -> Iterator[Obligation]:
    """Seal the configured documents (SBOM, provenance, test result) as leaves."""
    settings = view.settings if isinstance(view.settings, SealSettings) else SealSettings()
    if settings.attest:
        from maestro_seal import attestations  # noqa: PLC0415 - loaded before a seal

        yield from attestations.obligations(view, settings.attest, settings.dist)


@hookimpl
def maestro_attach(draft: SealDraft) -> Iterator[Section | Documents]:
    """Ship the sealed documents beside the bundle; the SBOM is a section of the predicate too."""
    from maestro_seal import shipping  # noqa: PLC0415 - loaded when something is sealed

    yield from shipping.attached(draft)


@hookimpl
def maestro_timestamp(request: StampRequest) -> bytes | None:
    """Ask the configured timestamp authority; ``None`` where there is none."""
    settings = request.settings if isinstance(request.settings, SealSettings) else SealSettings()
    if not settings.timestamp:
        return None
    from maestro_seal.stamping import ask_authority  # noqa: PLC0415 - loaded at a seal

    return ask_authority(settings.timestamp, request.signature, timeout_s=settings.timestamp_timeout_s)


@hookimpl
def maestro_log(request: LogRequest) -> LogProof | None:
    """Append the entry to the log; ``None`` where there is none."""
    settings = request.settings if isinstance(request.settings, SealSettings) else SealSettings()
    if settings.log == "none":
        return None
    from maestro_seal.sealing import append_entry, log_directory  # noqa: PLC0415 - loaded at a seal

    place = log_directory(request.root, settings)
    return None if place is None else append_entry(request.root, place, request.entry, settings)


@hookimpl
def maestro_sealed(bundle: SealedBundle) -> None:
    """Write the proof of the log entry beside the bundle, in a form of its own (C2SP tlog-proof)."""
    from maestro_seal import shipping  # noqa: PLC0415 - loaded when something was sealed

    shipping.write_proof(bundle.path)
