"""The step ``required``: nothing the policy demands was dropped, and everything demanded is acceptable.

Theorem: if the step passes, every unconditional blocking rule is covered by the signed list of required ids, and every
id on that list is disclosed by a leaf of the signed tree with a verdict and numbers its rules accept.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from maestro_hooks.evidence.steps import Status, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from maestro_hooks.evidence.leaf import Leaf, Metric
    from maestro_hooks.evidence.manifest import Manifest
    from maestro_hooks.evidence.policy_document import Policy, Rule

NAME = "required"
SHOWN = 3


def check_required(
    manifest: Manifest, leaves: Mapping[str, Leaf], *, policy: Policy | None, pinned: str | None, now: datetime
) -> Step:
    """Run the step.

    Args:
        manifest: the signed manifest.
        leaves: id to leaf, only leaves that are included in the signed tree.
        policy: the policy document at hand.
        pinned: the policy digest in the trust file.
        now: the time at which waivers must be in force.
    """
    if failure := _wrong_policy(manifest, policy, pinned):
        return _fail(failure)
    if policy is None:
        return Step(NAME, Status.NOT_CHECKED, "no policy file given: whether the required list covers it is unknown")
    problems = [
        problem
        for leaf_id in manifest.required
        if leaf_id in leaves and (problem := _problem(leaves[leaf_id], manifest, policy, now))
    ]
    if problems:
        return _fail(_some(problems))
    hidden = [leaf_id for leaf_id in manifest.required if leaf_id not in leaves]
    if hidden:
        return Step(NAME, Status.NOT_CHECKED, f"{len(hidden)} required leaves were not given: {_some(hidden)}")
    return Step(NAME, Status.PASS, _summary(manifest, leaves, pinned=pinned is not None))


def _wrong_policy(manifest: Manifest, policy: Policy | None, pinned: str | None) -> str | None:
    sealed = f"sealed under policy {manifest.policy[:12]}"
    if pinned is not None and manifest.policy != pinned:
        return f"{sealed}, but the trust file pins {pinned[:12]}"
    if policy is None:
        return None
    if manifest.policy != policy.sha256:
        return f"{sealed}, but the policy file is {policy.sha256[:12]}"
    listed = frozenset(manifest.required)
    uncovered = [rule.require for rule in policy.rules if rule.binding and not _covered(rule, listed)]
    return f"the policy demands what the manifest does not: {_some(uncovered)}" if uncovered else None


def _covered(rule: Rule, listed: frozenset[str]) -> bool:
    if "*" in rule.require:
        return rule.allow_empty or any(map(rule.matches, listed))
    return rule.require in listed


def _summary(manifest: Manifest, leaves: Mapping[str, Leaf], *, pinned: bool) -> str:
    waived = sum(leaves[leaf_id].verdict == "warn" for leaf_id in manifest.required)
    accepted = f" ({waived} by waiver or as warnings)" if waived else ""
    source = "as pinned by the trust file" if pinned else "as signed; the trust file pins none"
    return f"{len(manifest.required)} required obligations accepted{accepted}; policy {manifest.policy[:12]} {source}"


def _problem(leaf: Leaf, manifest: Manifest, policy: Policy, now: datetime) -> str | None:
    """Why ``leaf`` is not acceptable, or ``None``.

    Unconditional rules must all accept it. A leaf that only conditional rules speak about is required because one of
    their conditions was true; which one is not known here, so one accepting rule is enough.
    """
    if leaf.verdict == "warn" and policy.waived(leaf.id, now=now):
        return None
    rules = policy.blocking(leaf.id)
    always = [rule for rule in rules if rule.when is None]
    if always or not rules:
        refusals = [_refusal(leaf, manifest, rule) for rule in always] or [_verdict_refusal(leaf, ("pass",))]
        return next((r for r in refusals if r), None)
    refusals = [_refusal(leaf, manifest, rule) for rule in rules]
    return None if None in refusals else refusals[0]


def _refusal(leaf: Leaf, manifest: Manifest, rule: Rule) -> str | None:
    if refusal := _verdict_refusal(leaf, rule.accept):
        return refusal
    if rule.low is None and rule.high is None:
        return None
    if not leaf.metrics:
        return f"{leaf.id} states no number for rule {rule.id!r}"
    return next(
        (
            f"{leaf.id}: {problem} (rule {rule.id!r})"
            for name, metric in leaf.metrics.items()
            if (
                problem := _bound_problem(
                    metric, rule, proved=set() if metric.q is not None else _statements(manifest, leaf.id, name)
                )
            )
        ),
        None,
    )


def _verdict_refusal(leaf: Leaf, accept: tuple[str, ...]) -> str | None:
    return None if leaf.verdict in accept else f"{leaf.id} has verdict {leaf.verdict}"


def _bound_problem(metric: Metric, rule: Rule, *, proved: set[tuple[str, str]]) -> str | None:
    """An open number must itself meet the rule; a hidden one must be proved within bounds at least as strict.

    ``proved`` holds (op, threshold) of the manifest's zero-knowledge statements about this metric.
    """
    low, high = metric.q, metric.q
    if metric.q is None:
        low = metric.min if (">=", str(metric.min)) in proved else None
        high = metric.max if ("<=", str(metric.max)) in proved else None
    if rule.low is not None and (low is None or low * rule.low.denominator < rule.low.numerator * metric.scale):
        return f"{_number(low, metric.scale)} where at least {rule.low} is demanded"
    if rule.high is not None and (high is None or high * rule.high.denominator > rule.high.numerator * metric.scale):
        return f"{_number(high, metric.scale)} where at most {rule.high} is demanded"
    return None


def _number(value: int | None, scale: int) -> str:
    return "a hidden number without a proved bound" if value is None else str(Fraction(value, scale))


def _statements(manifest: Manifest, leaf_id: str, metric: str) -> set[tuple[str, str]]:
    statements = manifest.sections.get("zk", {}).get("statements", [])
    if not isinstance(statements, list):
        return set()
    return {
        (str(s.get("op")), str(s.get("threshold")))
        for s in statements
        if isinstance(s, dict) and s.get("id") == leaf_id and s.get("metric") == metric
    }


def _some(items: list[str]) -> str:
    more = f" and {len(items) - SHOWN} more" if len(items) > SHOWN else ""
    return "; ".join(items[:SHOWN]) + more


def _fail(detail: str) -> Step:
    return Step(NAME, Status.FAIL, detail)
