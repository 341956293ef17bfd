"""The words of a verdict, for people and for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Location
from maestro_symbolic.normal import contract_digest

if TYPE_CHECKING:
    from maestro_hooks.evidence.obligation import Level
    from maestro_symbolic.judging import Judged

RULE_OF = {"crosshair-refuted": "symbolic-crosshair", "crosshair-confirmed": "symbolic-crosshair"}


def finding(judged: Judged, subject: str, path: str, *, blocked: bool, note: str) -> Finding:
    """One finding per verdict: an error where it blocks, a warning where it is open, a note where it holds."""
    outcome = judged.outcome
    quiet = outcome.verdict in ("proven", "bounded", "crosshair-confirmed")
    level: Level = "error" if blocked else "note" if quiet or note else "warning"
    example = outcome.counterexample
    trace = tuple(Location(path, line, message="taken") for line in example.branches) if example else ()
    facts: dict[str, object] = {
        "function": judged.target.name,
        "subject": subject,
        "verdict": outcome.verdict,
        "reason": outcome.reason or outcome.bound,
        "bound": outcome.bound,
        "contract": contract_digest(judged.target),
        "counterexample": None
        if example is None
        else {
            "call": example.call,
            "clause": example.clause,
            "outcome": example.outcome,
            "arguments": example.arguments,
        },
        "cpu_s": 0,
    }
    return Finding(
        rule=RULE_OF.get(outcome.verdict, f"symbolic-{outcome.verdict}"),
        message=_message(judged, note),
        at=Location(path, outcome.line or judged.target.node.lineno),
        level=level,
        trace=trace,
        properties=facts,
        # What a reused verdict costs is nothing; what this one cost is true of this run only.
        measured={} if judged.held else {"cpu_s": outcome.cpu_us / 1_000_000},
    )


def _message(judged: Judged, note: str) -> str:
    outcome, name = judged.outcome, judged.target.name
    tail = f"; {note}" if note else ""
    example = outcome.counterexample
    if example is not None and outcome.verdict in ("refuted", "crosshair-refuted"):
        kind = "undeclared exception" if example.clause.startswith("raises ") else "contract broken"
        hint = (
            "declare the exception, or add the precondition callers keep"
            if kind == "undeclared exception"
            else "mend the function, or add the precondition callers keep"
        )
        return (
            f"{name}: refuted, {kind}: {example.clause}\n"
            f"    {example.call}\n    {example.outcome}\n    to do: {hint}; "
            f"'maestro symbolic show {name}' prints the test that replays it{tail}"
        )
    words = outcome.bound if outcome.verdict == "bounded" else outcome.reason
    return f"{name}: {outcome.verdict}{f' ({words})' if words else ''}{tail}"
