"""The policy's own tests, as obligations: no case fails, and how many mutants of the policy the cases notice.

Invariant: the score is computed anew from the policy and the cases of the tree being checked, by the same code that
decides the release; a policy without cases has no score, and a rule that demands one is then not met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.hookspecs import hookimpl
from maestro_hooks.registry import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.evidence.obligation import Obligation
    from maestro_hooks.registry import Registry
    from maestro_hooks.requests import Advice, AdviceRequest, CheckRequest

MAESTRO_API = 1

RULES = (
    Rule("policy-case-failed", "A policy case that the policy does not decide as expected"),
    Rule("policy-mutant-survived", "A change of the policy that no case notices"),
)


@hookimpl
def maestro_register(registry: Registry) -> None:
    """Declare the key namespace and the rules."""
    registry.keys("policy")
    for rule in RULES:
        registry.rule(rule)


@hookimpl
def maestro_check(request: CheckRequest) -> Iterator[Obligation]:
    """Run cases and mutants of the policy, when the whole tree is checked and has both files."""
    if request.whole:
        from maestro_mutation.gate import obligations  # noqa: PLC0415 - loaded when a whole tree is checked

        yield from obligations(request)


@hookimpl
def maestro_advise(request: AdviceRequest) -> Iterator[Advice]:
    """Propose the cases that mutants ask for."""
    from maestro_mutation.advice import advise  # noqa: PLC0415 - only for a card that is blocked

    yield from advise(request)
