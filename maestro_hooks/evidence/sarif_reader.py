"""SARIF 2.1.0 logs of any tool, down to what a gate needs: results with their level, and executions that failed.

Invariant: a result's level follows SARIF 3.27.10 (result, else rule, else warning); results that report no problem
(``kind`` pass, notApplicable or informational; ``baselineState`` absent) are left out. The caller decodes the JSON.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias
from urllib.parse import unquote

import msgspec

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence.obligation import Finding, Location

if TYPE_CHECKING:
    from collections.abc import Iterator

SarifLevel: TypeAlias = Literal["error", "warning", "note", "none"]
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
ResultKind: TypeAlias = Literal["fail", "review", "open", "pass", "notApplicable", "informational"]


class SarifError(EvidenceError):
    """The document is not a SARIF 2.1.0 log."""


class _Node(msgspec.Struct, frozen=True, rename="camel"):
    """Part of a log; members a gate does not need are left unread."""


class _Message(_Node, frozen=True):
    text: str = ""
    markdown: str = ""
    id: str = ""


class _ArtifactLocation(_Node, frozen=True):
    uri: str = ""


class _Region(_Node, frozen=True):
    start_line: Count = 0
    start_column: Count = 0
    end_line: Count = 0
    end_column: Count = 0


class _PhysicalLocation(_Node, frozen=True):
    artifact_location: _ArtifactLocation = _ArtifactLocation()
    region: _Region = _Region()


class _Place(_Node, frozen=True):
    physical_location: _PhysicalLocation = _PhysicalLocation()


class _Suppression(_Node, frozen=True):
    kind: Literal["inSource", "external"]
    status: Literal["accepted", "underReview", "rejected"] = "accepted"


class _Configuration(_Node, frozen=True):
    level: SarifLevel = "warning"


class _Rule(_Node, frozen=True):
    id: str
    default_configuration: _Configuration = _Configuration()


class _Component(_Node, frozen=True):
    name: str
    rules: list[_Rule] = []


class _Tool(_Node, frozen=True):
    driver: _Component
    extensions: list[_Component] = []


class _RuleReference(_Node, frozen=True):
    id: str = ""
    index: int = -1


class _Result(_Node, frozen=True):
    message: _Message
    rule_id: str = ""
    rule_index: int = -1
    rule: _RuleReference = _RuleReference()
    kind: ResultKind = "fail"
    level: SarifLevel | None = None
    locations: list[_Place] = []
    suppressions: list[_Suppression] | None = None
    baseline_state: Literal["new", "unchanged", "updated", "absent"] | None = None


class _Notification(_Node, frozen=True):
    message: _Message
    level: SarifLevel = "warning"


class _Invocation(_Node, frozen=True):
    execution_successful: bool
    tool_execution_notifications: list[_Notification] = []
    tool_configuration_notifications: list[_Notification] = []


class _Run(_Node, frozen=True):
    tool: _Tool
    results: list[_Result] | None = None
    invocations: list[_Invocation] = []


class _Log(_Node, frozen=True):
    version: Literal["2.1.0"]
    runs: list[_Run]


@dataclass(frozen=True, slots=True)
class Result:
    """One reported problem."""

    rule: str
    level: SarifLevel
    message: str
    at: Location
    suppressed: bool

    def finding(self, log_path: str) -> Finding:
        """As a finding; one without a place points at the log itself."""
        level = "note" if self.level == "none" else self.level
        at = self.at if self.at.path else Location(log_path)
        return Finding(rule=self.rule or "unnamed", message=self.message, at=at, level=level)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one tool: its results, and in words every way in which it did not run to its end."""

    tool: str
    results: tuple[Result, ...]
    failures: tuple[str, ...]


def parse(document: object) -> tuple[Run, ...]:
    """The runs of a decoded log. Raises ``SarifError`` naming the member that does not fit."""
    try:
        log = msgspec.convert(document, _Log)
    except msgspec.ValidationError as error:
        raise SarifError(str(error)) from error
    return tuple(Run(run.tool.driver.name, tuple(_results(run)), tuple(_failures(run))) for run in log.runs)


def _results(run: _Run) -> Iterator[Result]:
    components = [run.tool.driver, *run.tool.extensions]
    levels = {rule.id: rule.default_configuration.level for part in components for rule in part.rules}
    for result in run.results or ():
        if result.kind in ("pass", "notApplicable", "informational") or result.baseline_state == "absent":
            continue
        rule = _rule_id(result, run.tool.driver)
        yield Result(
            rule=rule,
            level=result.level or levels.get(rule, "warning"),
            message=result.message.text or result.message.markdown or f"message {result.message.id!r}",
            at=_location(result),
            suppressed=bool(result.suppressions) and all(s.status == "accepted" for s in result.suppressions or ()),
        )


def _rule_id(result: _Result, driver: _Component) -> str:
    index = max(result.rule_index, result.rule.index)
    by_index = driver.rules[index].id if 0 <= index < len(driver.rules) else ""
    return result.rule_id or result.rule.id or by_index


def _location(result: _Result) -> Location:
    if not result.locations:
        return Location("")
    physical = result.locations[0].physical_location
    region = physical.region
    return Location(
        unquote(physical.artifact_location.uri),
        line=region.start_line,
        column=region.start_column,
        end_line=region.end_line,
        end_column=region.end_column,
    )


def _failures(run: _Run) -> Iterator[str]:
    if run.results is None:
        yield "the run holds no result list: the tool did not produce results"
    for invocation in run.invocations:
        if not invocation.execution_successful:
            yield "the tool says that its execution failed"
        for notification in (*invocation.tool_execution_notifications, *invocation.tool_configuration_notifications):
            if notification.level == "error":
                yield notification.message.text or f"error notification {notification.message.id!r}"
