"""Contracts of critical functions, proven or refuted with inputs that replay; pull requests blocked on the latter.

Invariant: every contracted function of every file of the request has exactly one obligation; silence is no verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Command, Rule
from maestro_symbolic.settings import SymbolicSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import Advice, AdviceRequest, CheckRequest, LedgerView

MAESTRO_API = 1

RULES = (
    Rule("symbolic-refuted", "An input that breaks a contract, run in CPython", cwe=840),
    Rule("symbolic-vacuous", "Preconditions nothing satisfies, or a function that cannot return"),
    Rule("symbolic-candidate", "A solver's model that did not break the contract in CPython"),
    Rule("symbolic-unknown", "A contract neither proven nor refuted within the limits"),
    Rule("symbolic-unsupported", "A construct outside the subset, or a contract that cannot be read"),
    Rule("symbolic-bounded", "A contract that holds up to a stated bound"),
    Rule("symbolic-proven", "A contract that holds on every path"),
    Rule("symbolic-crosshair", "What CrossHair said where the subset ends"),
    Rule("symbolic-unparsed", "A file that could not be parsed"),
    Rule("symbolic-critical", "A critical module without anything to check"),
    Rule("symbolic-waiver", "A waiver that has expired or matches nothing"),
)


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare settings, rules, the verb and the tools whose versions change results."""
    registry.settings(SymbolicSettings)
    registry.depends_on("z3-solver", "cvc5", "bitwuzla", "crosshair-tool")
    for rule in RULES:
        registry.rule(rule)
    registry.command(
        Command(
            name="symbolic",
            help="compare versions of functions, recheck proofs, list verdicts",
            run="maestro_symbolic.command:run",
            add_arguments=_add_arguments,
        )
    )


@hookimpl
def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
    """One obligation per contracted function of the request's Python files."""
    from maestro_symbolic import gate  # noqa: PLC0415 - loaded when a check runs

    yield from gate.check(request)


@hookimpl
def maestro_before_seal(view: LedgerView) -> Iterator[Obligation]:
    """No waiver that a seal rests on has expired meanwhile."""
    from maestro_symbolic import gate  # noqa: PLC0415 - loaded when a seal is made

    yield from gate.current_waivers(view)


@hookimpl
def maestro_advise(request: AdviceRequest) -> Iterator[Advice]:
    """Lead to the evidence of what was not proven."""
    from maestro_symbolic.advice import advise  # noqa: PLC0415 - only for a card that is blocked

    yield from advise(request)


def _add_arguments(parser: ArgumentParser) -> None:
    from maestro_symbolic.command import add_arguments  # noqa: PLC0415 - loaded when the verb is parsed

    add_arguments(parser)
