"""From a policy and its cases to three obligations with exact numbers, and findings with file and line.

Claim: ``policy/cases-failed`` (bound 0), ``policy/mutation-score`` (killed over all mutants) and
``policy/mutation-effective`` (killed over those not proved equivalent); a policy bounds the last two itself.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from maestro_hooks.config import host_settings
from maestro_hooks.discovery import find_plugins
from maestro_hooks.evidence.obligation import Attachment, Finding, Location, Obligation
from maestro_hooks.policy.cases import cases_name, read_suite
from maestro_hooks.policy.load import read_layers
from maestro_hooks.policy.program import compile_policy
from maestro_hooks.policy.scoring import report, score
from maestro_hooks.workspace import read_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.policy.cases import Suite
    from maestro_hooks.policy.scoring import Score
    from maestro_hooks.policy.strict_yaml import Document
    from maestro_hooks.requests import CheckRequest

SCALE = 10_000


def obligations(request: CheckRequest) -> Iterator[Obligation]:
    """The claims about the policy of the request's tree; none without a policy and its cases.

    Raises:
        ConfigError: a policy or case file that is wrong.
        ToolError: a file changed while it was read.
    """
    found = find_plugins()
    name = host_settings(read_configuration(request.root, found), (f.name for f in found)).policy
    files = {file.path: file for file in request.files}
    if name not in files or cases_name(name) not in files:
        return
    files[name].data  # noqa: B018 - raises if the file is no longer the one that was listed
    policy, document = read_layers(request.root, name)
    suite = read_suite(files[cases_name(name)].data, where=cases_name(name), rules=[r.id for r in policy.rules])
    result = score(compile_policy(policy), suite.cases)
    attachments = (Attachment("policy-mutation.json", json.dumps(report(result), sort_keys=True).encode()),)
    yield Obligation(key="policy/cases-failed", value=len(result.failed), max=0, findings=tuple(_failed(result, suite)))
    yield Obligation(
        key="policy/mutation-score",
        value=result.raw,
        scale=SCALE,
        findings=tuple(_survived(result, document)),
        attachments=attachments,
    )
    yield Obligation(key="policy/mutation-effective", value=result.effective, scale=SCALE, attachments=attachments)


def _failed(result: Score, suite: Suite) -> Iterator[Finding]:
    lines = {case.name: suite.document.line(f"$.cases[{i}]") for i, case in enumerate(suite.file.cases)}
    for failed in result.failed:
        at = Location(suite.document.where, lines[failed.name])
        yield Finding(rule="policy-case-failed", message=f"{failed.name}: {failed.words}", at=at)


def _survived(result: Score, document: Document) -> Iterator[Finding]:
    rules = {str(rule["id"]): i for i, rule in enumerate(document.value["rules"])}
    for mutant in result.survived:
        path = f"$.rules[{rules[mutant.rule]}]" if mutant.rule in rules else "$"
        yield Finding(
            rule="policy-mutant-survived",
            message=f"{mutant.rule}: {mutant.words}, and no case notices",
            at=Location(document.where, document.line(path)),
            level="warning",
        )
