"""Ask the plugins that hide numbers, before the leaves exist: commitments in place of values.

Invariant: fail closed. A plugin that fails, answers nonsense or cannot be loaded although it is configured stops the
seal, for what it would have hidden must not be published. A commitment never loosens a bound.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.errors import ToolError
from maestro_hooks.policy.results import Outcome
from maestro_hooks.requests import Commitment, CommitRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.evidence.record import Quantity, Record
    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.evaluate import Decision
    from maestro_hooks.workspace import Workspace

HOOK = "maestro_commit"
_FIX = "mend or disable the plugin; a disabled plugin hides nothing"


def commit(workspace: Workspace, decision: Decision, policy: Policy) -> tuple[list[Record], dict[str, str]]:
    """The records as they go into leaves, and key to commitment for the hidden ones.

    Raises:
        ToolError: a plugin failed, is broken although configured, or answered with something else.
    """
    host = workspace.host
    request = CommitRequest(root=workspace.root, records=decision.records, demanded=demanded(decision, policy))
    results = host.call(HOOK, request)
    broken = [failure for failure in host.broken(HOOK) if failure.plugin in host.layers.values]
    for failure in (*broken, *results.failures):
        raise ToolError(str(failure), fix=_FIX)
    records = {record.key: record for record in decision.records}
    commitments: dict[str, str] = {}
    for plugin, answer in results.values:
        if not isinstance(answer, Commitment) or answer.key in commitments:
            raise ToolError(f"plugin {plugin} committed to nothing, or to one number twice", fix=_FIX)
        record = records.get(answer.key)
        if record is None or record.quantity is None or not _as_strict(answer.quantity, record.quantity):
            raise ToolError(f"plugin {plugin} committed to another number than {answer.key} holds", fix=_FIX)
        records[answer.key] = msgspec.structs.replace(record, private=True, quantity=answer.quantity)
        commitments[answer.key] = answer.commit
    return list(records.values()), commitments


def demanded(decision: Decision, policy: Policy) -> Mapping[str, tuple[Fraction | None, Fraction | None]]:
    """Key to the tightest bounds of the blocking rules that were applied to it."""
    rules = {rule.id: rule for rule in policy.rules}
    bounds: dict[str, tuple[Fraction | None, Fraction | None]] = {}
    for result in decision.results:
        rule = rules.get(result.rule)
        if rule is None or not result.blocking or result.outcome is not Outcome.MET:
            continue
        low, high = bounds.get(result.key, (None, None))
        if rule.min is not None:
            low = Fraction(rule.min) if low is None else max(low, Fraction(rule.min))
        if rule.max is not None:
            high = Fraction(rule.max) if high is None else min(high, Fraction(rule.max))
        if (low, high) != (None, None):
            bounds[result.key] = (low, high)
    return bounds


def _as_strict(committed: Quantity, recorded: Quantity) -> bool:
    """Whether the bounds are the same or stricter, and the number the same but for a rounding against the claimant."""
    low = recorded.min is None or (committed.min is not None and int(committed.min) >= int(recorded.min))
    high = recorded.max is None or (committed.max is not None and int(committed.max) <= int(recorded.max))
    step = int(committed.q) - int(recorded.q)
    turned = (recorded.round, committed.round) == ("floor", "ceil")
    same = committed.round == recorded.round
    return committed.scale == recorded.scale and low and high and ((same and step == 0) or (turned and step == 1))
