"""``maestro taint explain``: one finding in full: the way there line by line, what to do, and the patch if any.

Invariant: explaining changes nothing; the patch shown is the one a repair would write, tried on a copy.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_hooks.pipeline.excerpt import excerpts, trace_lines
from maestro_taint.frontend.parse import decode
from maestro_taint.rules import catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.models.model import Models
    from maestro_taint.settings import TaintSettings


@dataclass(frozen=True, slots=True)
class Trial:
    """What a repair would do: ``verified``, ``refused`` or ``failed``, why, and the patch as a unified diff."""

    state: str
    detail: str
    patch: tuple[str, ...] = ()


def try_repair(finding: Finding, files: dict[str, bytes], settings: TaintSettings, models: Models, root: Path) -> Trial:
    """Try to repair one finding on a copy."""
    if finding.level == "note":
        return Trial("refused", "a note: nothing is certain enough to change code for")
    from maestro_taint.fixes.apply import trial  # noqa: PLC0415 - libcst only for repairs
    from maestro_taint.fixes.tree import Tree  # noqa: PLC0415 - see above

    outcome, patch = trial(Tree(dict(files), settings, models, root), finding)
    changed = {one.path: one.data for one in patch.all()} if patch is not None else {}
    return Trial(outcome.state, outcome.detail, tuple(diff(files, {**files, **changed})))


def diff(old: dict[str, bytes], new: dict[str, bytes]) -> list[str]:
    """A unified diff of what changed."""
    lines: list[str] = []
    for path in sorted(old):
        if new[path] != old[path]:
            before, after = decode(old[path]).split("\n"), decode(new[path]).split("\n")
            lines += difflib.unified_diff(before, after, f"a/{path}", f"b/{path}", lineterm="")
    return lines


def described(finding: Finding, trial: Trial, root: Path) -> list[str]:
    """The finding for people."""
    rule = next((r for r in catalogue() if r.id == finding.rule), None)
    bandit = finding.properties.get("bandit")
    advice = rule.help if rule is not None and rule.help else "see the message"
    at = finding.at
    lines = [
        f"{at.path}:{at.line}:{at.column}: {finding.rule}",
        f"  {finding.message}",
        f"  CWE-{finding.cwe} · {finding.level} · confidence {finding.properties.get('confidence')}"
        + (f" · Bandit {', '.join(map(str, bandit))} confirmed" if isinstance(bandit, list) else ""),
        "",
        "how it gets there:",
        *(line for line in trace_lines(finding, excerpts(root)) if not line.startswith("    next:")),
        "",
        f"what to do: {advice}",
        f"repair: {trial.state}: {trial.detail}",
    ]
    if trial.patch:
        changed = sum(line[:1] in "+-" and line[:3] not in ("+++", "---") for line in trial.patch)
        lines += [
            f"  cost: {changed} changed lines; apply it with: maestro taint fix {finding.fingerprint}",
            *trial.patch,
        ]
    return [
        *lines,
        "",
        f"to accept it instead, on line {at.line}:  # maestro: ignore[{finding.rule}] REASON, until YYYY-MM-DD",
    ]


def payload(finding: Finding, trial: Trial) -> dict[str, Any]:
    """The finding for machines."""
    return {
        "schema": "maestro.taint-finding/1",
        "ok": True,
        "rule": finding.rule,
        "message": finding.message,
        "trace": [{"file": s.path, "line": s.line, "message": s.message} for s in finding.trace],
        "repair": {"state": trial.state, "detail": trial.detail, "patch": list(trial.patch)},
        **finding.properties,
    }
