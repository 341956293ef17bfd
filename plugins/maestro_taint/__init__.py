"""Flows of untrusted, personal and secret data to places that must not see them, found across functions and files.

Invariant: a file that could not be analysed is an obligation that is not met, never silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Command
from maestro_taint.rules import catalogue
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import Advice, AdviceRequest, CheckRequest

MAESTRO_API = 1


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the settings table, the rules and the verb ``maestro taint``."""
    registry.settings(TaintSettings)
    registry.reads_beyond_request()
    registry.depends_on("bandit", "detect-secrets", "libcst", "pyyaml")
    for rule in catalogue():
        registry.rule(rule)
    registry.command(
        Command(
            name="taint",
            help="explain a flow, keep a baseline, try the rules, repair",
            run="maestro_taint.command:run",
            add_arguments=_arguments,
        )
    )


@hookimpl
def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
    """Analyse the request's Python files together with the modules they use."""
    from maestro_taint import gate  # noqa: PLC0415 - loaded when a check runs

    yield from gate.check(request)


@hookimpl
def maestro_advise(request: AdviceRequest) -> Iterator[Advice]:
    """Propose repairs that were tried and held."""
    from maestro_taint.advice import advise  # noqa: PLC0415 - only for a card that is blocked

    yield from advise(request)


def _arguments(parser: ArgumentParser) -> None:
    from maestro_taint.arguments import add  # noqa: PLC0415 - loaded when the verb is used

    add(parser)
