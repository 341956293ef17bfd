"""Runs Bandit's flow-type tests inside this process and returns what they found as plain data.

Invariant: Bandit leaves no trace behind, and what it skipped or crashed on is an answer, never silence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_hooks.contained import contained
from maestro_taint.bandit.flow_tests import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

_CRASH = re.compile(r"Bandit internal error running: (\S+) on file (.*?) at line (\d+): ")


@dataclass(frozen=True, slots=True)
class Issue:
    """One result: where, which test, Bandit's own words and ranks; ``first`` to ``last`` are the lines of its node."""

    path: str
    test: str
    severity: str
    confidence: str
    text: str
    cwe: int
    line: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or one test on one line of it, that Bandit did not do; ``line`` is 0 for the whole file."""

    path: str
    line: int
    reason: str


def run(places: Sequence[str]) -> tuple[list[Issue], list[Skipped]]:
    """Results and gaps for files by absolute path."""
    with contained("bandit") as records:
        from bandit.core import config, manager  # type: ignore[import-untyped]  # noqa: PLC0415 - 0.1 s, changes globals

        profile = {"include": set(KINDS), "exclude": set()}
        bandit = manager.BanditManager(config.BanditConfig(), "file", quiet=True, profile=profile)
        bandit.discover_files(list(places))
        bandit.run_tests()
    skipped = [Skipped(path, 0, f"Bandit: {reason}") for path, reason in bandit.get_skipped()]
    for record in records:
        match = _CRASH.match(record.getMessage())
        if match:
            skipped.append(Skipped(match[2], int(match[3]), f"Bandit: the test {match[1]} crashed"))
    return [_issue(one) for one in bandit.results if one.test_id in KINDS], skipped


def _issue(one: Any) -> Issue:
    lines = one.linerange or [one.lineno]
    return Issue(one.fname, one.test_id, one.severity, one.confidence, one.text, one.cwe.id or 0, one.lineno,
                 min(*lines, one.lineno), max(*lines, one.lineno))  # fmt: skip
