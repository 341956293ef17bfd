"""Numbers proved to keep their bounds without being shown: the value the signer committed to meets the bound.

Invariant: a number to be hidden is committed to, or the seal stops; a statement that is not proved is never green.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Command
from maestro_zk.settings import ZkSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from maestro_hooks.evidence.steps import Step
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import Commitment, CommitRequest, SealDraft, Section, VerifyRequest

MAESTRO_API = 1


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table and the verb."""
    registry.settings(ZkSettings)
    words = "prove, verify or open numbers that were committed to and not shown"
    registry.command(Command(name="zk", help=words, run="maestro_zk.command:run", add_arguments=_add_arguments))


@hookimpl
def maestro_commit(request: CommitRequest) -> Iterator[Commitment]:
    """Commit to every private number and keep the openings under ``.maestro/zk``."""
    from maestro_zk import sealing  # noqa: PLC0415 - loaded when something is sealed

    settings = request.settings if isinstance(request.settings, ZkSettings) else ZkSettings()
    yield from sealing.commitments(request, settings)


@hookimpl
def maestro_attach(draft: SealDraft) -> Iterator[Section]:
    """Prove the bounds of the hidden numbers: the section ``zk``."""
    from maestro_zk import sealing  # noqa: PLC0415 - loaded when something is sealed

    settings = draft.settings if isinstance(draft.settings, ZkSettings) else ZkSettings()
    yield from sealing.sections(draft, settings)


@hookimpl
def maestro_verify(request: VerifyRequest) -> Iterator[Step]:
    """Check the section; needs no secret, no settings and no ledger."""
    from maestro_zk import verifier  # noqa: PLC0415 - loaded when a manifest has the section

    yield verifier.check_section(request)


def _add_arguments(parser: ArgumentParser) -> None:
    from maestro_zk.command import add_arguments  # noqa: PLC0415 - loaded with the verb

    add_arguments(parser)
