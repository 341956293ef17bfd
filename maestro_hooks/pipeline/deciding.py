"""From merged records to a decision and a card: the part that ``run``, ``seal`` and ``seal --check`` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.pipeline.card import Proof, Subject, basis_of, make_card, remarks_of
from maestro_hooks.pipeline.gates import findings_of
from maestro_hooks.pipeline.gathering import gather
from maestro_hooks.pipeline.next_step import RISKS, plan
from maestro_hooks.pipeline.remedies import Producers
from maestro_hooks.policy.evaluate import decide
from maestro_hooks.policy.load import facts_of, load_policy
from maestro_hooks.policy.results import Outcome
from maestro_hooks.requests import Advice, AdviceRequest
from maestro_hooks.sealing.subjects import built_files, release_of

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from maestro_hooks.evidence.ledger import Merged
    from maestro_hooks.pipeline.card import Card, Remark
    from maestro_hooks.pipeline.gathering import Tree
    from maestro_hooks.policy.document import Policy, Waiver
    from maestro_hooks.policy.evaluate import Decision
    from maestro_hooks.policy.facts import Facts
    from maestro_hooks.workspace import Workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The decision over a tree, with everything a card needs."""

    tree: Tree
    policy: Policy
    merged: Merged
    decision: Decision
    facts: Facts
    today: dt.date
    advice: tuple[Advice, ...]
    not_checked: tuple[str, ...]


def decide_tree(
    workspace: Workspace, tree: Tree, *, today: dt.date, test_run: str = "", allow_unfinished: bool = False
) -> Decided:
    """Merge what the ledger holds for ``tree`` and evaluate the policy over it.

    Raises:
        UsageError: no policy.
        EvidenceError: a damaged or contradictory ledger.
    """
    policy = load_policy(workspace.root, workspace.host.settings.policy)
    merged = gather(workspace, tree, test_run=test_run, allow_unfinished=allow_unfinished)
    facts = facts_of(workspace.repository, tree.files, committed=bool(tree.commit), records=merged.records)
    decision = decide(policy, merged.records, facts=facts, today=today, gates=workspace.host.settings.require)
    advice, lost = _advice(workspace, decision)
    return Decided(
        tree=tree,
        policy=policy,
        merged=merged,
        decision=decision,
        facts=facts,
        today=today,
        advice=advice,
        not_checked=(*_not_checked(workspace, merged, decision, policy=policy, today=today), *lost),
    )


def card_of(
    workspace: Workspace, decided: Decided, *, cost: Sequence[tuple[str, str]], proof: Proof | None = None
) -> Card:
    """The Decision Card of what was decided."""
    tree, decision = decided.tree, decided.decision
    settings = workspace.host.settings
    files = built_files(decision.records, workspace.root / settings.dist)
    release = release_of(workspace.root, files, ref=tree.commit or tree.id, tree=tree.id)
    remarks, lost = _remarks(workspace, decision)
    return make_card(
        Subject(name=release.name, version=release.version, tree=tree.id, commit=tree.commit),
        decision,
        basis=basis_of(
            decided.policy, decision, facts=decided.facts, today=decided.today, gates=workspace.host.settings.require
        ),
        plan=plan(
            decision.blocking,
            decided.advice,
            waivers=_answering(decided),
            today=decided.today,
            policy_files=(settings.policy, *(layer.file for layer in decided.policy.extends)),
            producers=_producers(workspace, decision),
        ),
        remarks=remarks,
        not_checked=(*decided.not_checked, *lost),
        cost=cost,
        proof=proof or Proof(),
    )


def _answering(decided: Decided) -> tuple[Waiver, ...]:
    """The waivers that would answer for their key if they were in force: not for errors, nor what accepts none."""
    refused: set[str] = set()
    for check, record, outcome in decided.decision.judged:
        if not check.blocking or outcome not in (Outcome.UNMET, Outcome.MISSING):
            continue
        if record is None or record.verdict is not Verdict.UNMET or Verdict.WAIVED not in check.accept:
            refused.add(check.require if record is None else record.key)
    return tuple(waiver for waiver in decided.policy.waivers if waiver.key not in refused)


# Hooks whose claims the main job records.
_CLAIMING = frozenset({"check", "before_seal", "tests_finished"})


def _producers(workspace: Workspace, decision: Decision) -> Producers:
    """Who makes claims here, and who has already run on this tree."""
    recorded = {record.key for record in decision.records}
    present = {"pytest": "pytest", "build": "the build"}
    ran = {name for name in ("pytest", "build") if f"{name}/completed" in recorded}
    absent = {}
    for plugin in workspace.host.plugins:
        names = {plugin.name} if plugin.registry is None else plugin.registry.namespaces
        claims = _CLAIMING & {hook.removeprefix("maestro_") for hook in plugin.hooks}
        if plugin.state != "loaded":
            absent.update(dict.fromkeys(names, (plugin.name, plugin.fix or plugin.reason)))
        elif claims:
            present |= dict.fromkeys(names, plugin.name)
            ran |= names if f"{plugin.name}/gate" in recorded else set()
    return Producers(present=present, ran=frozenset(ran), absent=absent)


def _remarks(workspace: Workspace, decision: Decision) -> tuple[list[Remark], list[str]]:
    """The findings behind what is not met, and words about those that cannot be read any more."""
    bad = {r.key for r in decision.results if r.outcome is Outcome.UNMET}
    remarks: list[Remark] = []
    lost: list[str] = []
    for record in decision.records:
        if record.key in bad:
            try:
                remarks += remarks_of(record.key, findings_of(record, workspace.blobs))
            except EvidenceError as error:
                lost.append(f"findings of {record.key}: {error.what}")
    return remarks, lost


def _advice(workspace: Workspace, decision: Decision) -> tuple[tuple[Advice, ...], tuple[str, ...]]:
    """What plugins propose, and words about advice that could not be had."""
    bad = {r.key for r in decision.blocking}
    unmet = tuple(record for record in decision.records if record.key in bad)
    missing = tuple(r.key for r in decision.blocking if r.outcome is Outcome.MISSING)
    if not bad:
        return (), ()
    results = workspace.host.call("maestro_advise", AdviceRequest(root=workspace.root, unmet=unmet, missing=missing))
    good = tuple(value for _, value in results.values if is_advice(value))
    lost = [f"advice of {failure}" for failure in results.failures]
    lost += [f"advice of {plugin}: it is malformed" for plugin, value in results.values if not is_advice(value)]
    return good, tuple(lost)


def is_advice(value: object) -> TypeGuard[Advice]:
    """Whether a plugin's answer is what the contract says, field by field."""
    return (
        isinstance(value, Advice)
        and isinstance(value.key, str)
        and isinstance(value.action, str)
        and isinstance(value.command, tuple | list)
        and all(isinstance(word, str) for word in value.command)
        and type(value.cost_s) is int
        and value.cost_s >= 0
        and value.risk in RISKS
    )


def _not_checked(
    workspace: Workspace, merged: Merged, decision: Decision, *, policy: Policy, today: dt.date
) -> tuple[str, ...]:
    """Everything a reader might believe was looked at and was not."""
    words = [f"plugin {p.name}: {p.state} ({p.reason})" for p in workspace.host.plugins if p.state != "loaded"]
    words += [f"{path}: a submodule's files are not this tree's" for path in workspace.repository.submodules()]
    words += [
        f"rule {r.rule}: its conditions do not hold here"
        for r in decision.results
        if r.outcome is Outcome.NOT_APPLICABLE
    ]
    words += [
        f"waiver of {w.key} is not in force: it holds from {w.since or 'the start'} to {w.expires}"
        for w in policy.waivers
        if not w.in_force(today)
    ]
    words += [f"{key}: claims disagree about how much they cover; none is used" for key in merged.ambiguous]
    words += [f"{r.key}: {r.error}" for r in decision.records if r.verdict is Verdict.ERROR]
    return tuple(words)
