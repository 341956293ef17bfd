"""Verification steps: their names, their order and what a verdict is made of (evidence format 4.9).

Invariant: a verdict is ``pass`` only if every mandatory step passed; a step not checked is never green.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ORDER = (
    "parse",
    "signature",
    "subject",
    "log-entry",
    "log-inclusion",
    "checkpoint",
    "witness",
    "freshness",
    "required",
    "leaf",
    "zk",
)


class Status(StrEnum):
    """The outcome of one step."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    NOT_CHECKED = "not-checked"
    NOT_REQUIRED = "not-required"


@dataclass(frozen=True, slots=True)
class Step:
    """One named check and what it saw, in words for an auditor."""

    step: str
    status: Status
    detail: str


def verdict(steps: Sequence[Step]) -> str:
    """``pass``, ``fail`` or ``incomplete`` over all steps; no steps at all is ``incomplete``."""
    statuses = [s.status for s in steps]
    if Status.FAIL in statuses:
        return "fail"
    if not steps or Status.NOT_CHECKED in statuses or Status.PASS not in statuses:
        return "incomplete"
    return "pass"


def first_failure(steps: Sequence[Step]) -> str | None:
    """The name of the first failing step, or of the first one not checked, or ``None``."""
    for status in (Status.FAIL, Status.NOT_CHECKED):
        for step in steps:
            if step.status is status:
                return step.step
    return None
