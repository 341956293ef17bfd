"""What a verification found, as data: the object ``maestro verify --json`` prints (schema ``maestro.verify/1``).

Invariant: ``ok`` is true if and only if the verdict is ``pass``; the exit code is a function of the verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode
from maestro_hooks.evidence import steps as step_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.evidence.checkpoint import Head
    from maestro_hooks.evidence.leaf import Leaf, Metric
    from maestro_hooks.evidence.manifest import Manifest
    from maestro_hooks.evidence.steps import Step

SCHEMA = "maestro.verify/1"
EXIT_CODES = {
    "pass": ExitCode.OK,
    "fail": ExitCode.EVIDENCE_INVALID,
    "incomplete": ExitCode.TOOL_FAILED,  # "cannot decide" is not "no"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The steps in order, and what they were about.

    ``disclosed`` maps index to leaf, included leaves only; ``witnesses`` counts the trusted ones that cosigned every
    bundle's checkpoint; ``heads`` are those checkpoints, to be remembered only when the verdict is ``pass``.
    """

    steps: tuple[Step, ...]
    manifest: Manifest | None = None
    manifest_sha256: str = ""
    disclosed: Mapping[int, Leaf]
    witnesses: int = 0
    heads: tuple[Head, ...] = ()

    @property
    def verdict(self) -> str:
        """``pass``, ``fail`` or ``incomplete``."""
        return step_rules.verdict(self.steps)

    @property
    def first_failure(self) -> str | None:
        """The first failing step, else the first one that was not checked."""
        return step_rules.first_failure(self.steps)

    @property
    def exit_code(self) -> ExitCode:
        """0, 4 or 3."""
        return EXIT_CODES[self.verdict]


def report_object(report: Report) -> dict[str, object]:
    """The JSON object of evidence format 4.9."""
    manifest = report.manifest
    return {
        "schema": SCHEMA,
        "ok": report.verdict == "pass",
        "verdict": report.verdict,
        "first_failure": report.first_failure,
        "steps": [{"step": s.step, "status": s.status.value, "detail": s.detail} for s in report.steps],
        "manifest": None
        if manifest is None
        else {
            "sha256": report.manifest_sha256,
            "name": manifest.release.name,
            "version": manifest.release.version,
        },
        "disclosed": [_leaf_object(index, leaf) for index, leaf in sorted(report.disclosed.items())],
        "statements": [] if manifest is None else manifest.sections.get("zk", {}).get("statements", []),
        "witnesses": report.witnesses,
        "engine": {"ed25519": "openssl"},
    }


def _leaf_object(index: int, leaf: Leaf) -> dict[str, object]:
    result: dict[str, object] = {"id": leaf.id, "index": str(index), "kind": leaf.kind, "verdict": leaf.verdict}
    if leaf.value is not None:
        result["value"] = leaf.value
    if leaf.metrics:
        result["metrics"] = {name: _metric_object(metric) for name, metric in leaf.metrics.items()}
    return result


def _metric_object(metric: Metric) -> dict[str, object]:
    numbers = {"q": metric.q, "min": metric.min, "max": metric.max}
    result: dict[str, object] = {name: str(number) for name, number in numbers.items() if number is not None}
    if metric.commit is not None:
        result["commit"] = metric.commit
    return {"scale": metric.scale, "round": metric.round, **result}
