"""Lines of source for people who read a finding: what stands at a place, read once per file.

Invariant: a place that cannot be read shows nothing; showing a finding never fails.
"""

from __future__ import annotations

import tokenize
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Finding

MAX_COLUMNS = 100
MAX_FIX_LINES = 16


def excerpts(root: Path) -> Callable[[str, int], str]:
    """A function from path and line to that line's text, shortened; empty where there is none."""

    @cache
    def lines(path: str) -> list[str]:
        try:
            with tokenize.open(root / path) as file:  # PEP 263: the encoding a file declares
                return file.read().split("\n")
        except (OSError, SyntaxError, UnicodeDecodeError, ValueError):
            return []

    def line(path: str, number: int) -> str:
        held = lines(path)
        text = held[number - 1].strip() if 0 < number <= len(held) else ""
        text = "".join(c if c.isprintable() else " " for c in text)
        return text if len(text) <= MAX_COLUMNS else text[: MAX_COLUMNS - 1] + "…"

    return line


def _fix_lines(finding: Finding, line: Callable[[str, int], str] | None) -> list[str]:
    """The edits that mend a finding, as lines taken out and put in."""
    made: list[str] = []
    for edit in finding.fix:
        at = edit.deleted
        made.append(f"    repair in {at.path}:{at.line}:")
        if (at.line, at.column) != (at.end_line, at.end_column) and line is not None:
            made += [f"      - {line(at.path, number)}" for number in range(at.line, at.end_line + 1)]
        made += [f"      + {text.strip()}" for text in edit.inserted.rstrip("\n").split("\n")]
    return made if len(made) <= MAX_FIX_LINES else [*made[: MAX_FIX_LINES - 1], "      ..."]


def trace_lines(finding: Finding, line: Callable[[str, int], str] | None) -> list[str]:
    """The steps from source to sink: steps on one line together, and under them the line itself."""
    made: list[str] = []
    steps = finding.trace
    for i, step in enumerate(steps):
        made.append(f"    {step.path}:{step.line}: {step.message}")
        following = steps[i + 1] if i + 1 < len(steps) else None
        if following is not None and (following.path, following.line) == (step.path, step.line):
            continue
        text = line(step.path, step.line) if line is not None else ""
        made += [f"      | {text}"] if text else []
    made += _fix_lines(finding, line)
    hint = finding.properties.get("next")
    return [*made, f"    next: {hint}"] if isinstance(hint, str) else made
