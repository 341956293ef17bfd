"""``# maestro: ignore[rule] reason`` on the sink's line.

Invariant: a suppression without a reason, past its date, or matching nothing is itself a finding that blocks.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Location

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.requests import SourceFile

_COMMENT = re.compile(r"#\s*maestro:\s*ignore\[([^\]]*)\](.*)")
_UNTIL = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\s*$")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment: the rules it names, its reason, its last day."""

    path: str
    line: int
    rules: tuple[str, ...]
    reason: str
    until: str


@dataclass(frozen=True, slots=True)
class Judged:
    """Findings still open, findings silenced, and what is wrong with suppressions."""

    open: tuple[Finding, ...]
    silenced: tuple[Finding, ...]
    used: tuple[Suppression, ...]
    wrong: tuple[Finding, ...]

    def notes(self, *, blocking: bool) -> tuple[Finding, ...]:
        """Wrong suppressions, or those in use with their reasons."""
        if blocking:
            return self.wrong
        return tuple(
            Finding(rule="taint-suppression", message=f"silences {', '.join(s.rules)}: {s.reason}",
                    at=Location(s.path, s.line), level="note")
            for s in self.used
        )  # fmt: skip


def judge(findings: list[Finding], files: Mapping[str, SourceFile], today: dt.date | None = None) -> Judged:
    """Sort findings into open and silenced by the comments in the files they are in."""
    day = (today or dt.datetime.now(tz=dt.UTC).date()).isoformat()
    comments = {(s.path, s.line): s for path in files for s in read(path, files[path])}
    wrong: list[Finding] = []
    used: dict[tuple[str, int], Suppression] = {}
    still: list[Finding] = []
    silenced: list[Finding] = []
    for f in findings:
        s = comments.get((f.at.path, f.at.line))
        if s is None or f.rule not in s.rules or not s.reason or (s.until and s.until < day):
            still.append(f)
        else:
            silenced.append(f)
            used[(s.path, s.line)] = s
    for key, s in sorted(comments.items()):
        problem = _problem(s, day, is_used=key in used)
        if problem:
            wrong.append(Finding(rule="taint-suppression", message=problem, at=Location(s.path, s.line)))
    return Judged(tuple(still), tuple(silenced), tuple(used[k] for k in sorted(used)), tuple(wrong))


def _problem(s: Suppression, day: str, *, is_used: bool) -> str:
    if not s.reason:
        return "a suppression needs a reason: '# maestro: ignore[rule] reason'"
    if s.until and s.until < day:
        return f"the suppression expired on {s.until}"
    return "" if is_used else f"the suppression of {', '.join(s.rules)} matches nothing: remove it"


def read(path: str, file: SourceFile) -> list[Suppression]:
    """The comments of one file that concern this gate; none from a file that cannot be read as Python."""
    data = file.data
    if b"maestro:" not in data:
        return []
    found = []
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type == tokenize.COMMENT:
                match = _COMMENT.match(token.string)
                rules = tuple(r.strip() for r in match[1].split(",")) if match else ()
                if match and any(r.startswith("taint-") for r in rules):
                    text = match[2].strip()
                    until = _UNTIL.search(text)
                    reason = _UNTIL.sub("", text).strip(" ,;") if until else text
                    found.append(Suppression(path, token.start[0], rules, reason, until[1] if until else ""))
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return found
    return found
