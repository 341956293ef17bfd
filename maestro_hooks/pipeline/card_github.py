"""A Decision Card as GitHub annotations, and its findings as SARIF.

Workflow commands follow "Workflow commands for GitHub Actions": values escape ``%``, carriage return and newline,
properties also ``:`` and ``,``. GitHub shows ten errors and ten warnings of a step; the rest is counted in a last line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_hooks import __version__
from maestro_hooks.evidence import sarif
from maestro_hooks.evidence.obligation import Finding, Location
from maestro_hooks.pipeline.card_text import HEADLINES
from maestro_hooks.policy.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.pipeline.card import Card, Remark

MAX_EACH = 10


def workflow_commands(card: Card) -> list[str]:
    """Workflow commands: one line per finding with a place, then one per result that is not met."""
    made = [*(_at(remark) for remark in card.remarks), *_results(card)]
    lines: list[str] = []
    for level in ("error", "warning"):
        own = [text for kind, text in made if kind == level]
        shown = own if len(own) <= MAX_EACH else own[: MAX_EACH - 1]
        lines += shown
        if len(own) > len(shown):
            words = f"{len(own) - len(shown)} more {level}s: see the Decision Card"
            lines.append(f"::{level} title=Maestro::{_value(words)}")
    if card.verdict == "sealed":
        lines.append(f"::notice title=Maestro::{_value(HEADLINES['sealed'])}")
    return lines


def _at(remark: Remark) -> tuple[str, str]:
    level = "warning" if remark.level == "warning" else "error"
    place = f"file={_property(remark.path)},line={max(remark.line, 1)}"
    column = f",col={remark.column}" if remark.column else ""
    title = f",title={_property(f'{remark.rule} ({remark.key})')}"
    return level, f"::{level} {place}{column}{title}::{_value(remark.message)}"


def _results(card: Card) -> Iterator[tuple[str, str]]:
    placed = {remark.key for remark in card.remarks}
    for result in card.results:
        if result.outcome in (Outcome.UNMET, Outcome.MISSING) and result.key not in placed:
            level = "error" if result.blocking else "warning"
            words = f"{result.key} is {result.outcome.value}: {result.value}" + (
                f", {result.bound}" if result.bound else ""
            )
            yield level, f"::{level} title={_property(f'Maestro rule {result.rule}')}::{_value(words)}"


def _value(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _value(text).replace(":", "%3A").replace(",", "%2C")


def sarif_log(card: Card) -> dict[str, Any]:
    """The findings behind what is not met as SARIF 2.1.0; findings without a file have no place there."""
    findings = [
        Finding(rule=r.rule, message=r.message, at=Location(r.path, r.line, r.column), level=r.level)
        for r in card.remarks
        if r.path
    ]
    return sarif.sarif_log(findings, tool="maestro", version=__version__)
