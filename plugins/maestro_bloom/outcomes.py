"""The worst outcome of each test, as far as the measure of skips needs it: passed, failed, or something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import field

from maestro_hooks.values import State

if TYPE_CHECKING:
    import pytest


class Outcomes(State):
    """Outcomes so far, by node id (without the group that ``--dist loadgroup`` appends)."""

    worst: dict[str, str] = field(default_factory=dict)

    def add(self, report: pytest.TestReport) -> None:
        """Take one report; a failure in any phase is one of the test."""
        nodeid = report.nodeid
        at = nodeid.rfind("@")
        if at > nodeid.rfind("]") and hasattr(report, "node"):
            nodeid = nodeid[:at]
        if report.failed:
            self.worst[nodeid] = "failed"
        elif report.when == "call" or report.skipped:
            self.worst.setdefault(nodeid, str(report.outcome))
