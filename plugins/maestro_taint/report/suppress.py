"""``# maestro: ignore[rule] reason`` on the sink's line.

Invariant: a suppression without a reason, past its date, or matching nothing is itself a finding that blocks.
"""

from __future__ import annotations

import datetime as dt
import io
import re
import tokenize
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Location
from maestro_hooks.evidence.obligation import Suppression as Reason
from maestro_taint.bandit.flow_tests import silenced

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_hooks.requests import SourceFile

_COMMENT = re.compile(r"#\s*maestro:\s*ignore\[([^\]]*)\](.*)")
_NOSEC = re.compile(r"#\s*nosec:?\s+([^#]+)")  # as Bandit reads it
_UNTIL = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\s*$")


@dataclass(frozen=True, slots=True)
class Suppression:
    """One comment: the rules it names, its reason, its last day; ``first`` to ``last`` are its statement's lines.

    ``nosec`` is Bandit's own comment naming tests: it silences the flows of their kinds, and is never unused here.
    """

    path: str
    line: int
    rules: tuple[str, ...]
    reason: str
    until: str
    first: int = 0
    last: int = 0
    nosec: bool = False

    def words(self) -> str:
        """The reason, with the last day it holds."""
        return f"{self.reason}, until {self.until}" if self.until else self.reason

    def covers(self, f: Finding) -> bool:
        """Whether a finding stands in the comment's statement."""
        return self.path == f.at.path and (self.first or self.line) <= f.at.line <= (self.last or self.line)


@dataclass(frozen=True, slots=True)
class Judged:
    """Findings still open, findings silenced, and what is wrong with suppressions."""

    open: tuple[Finding, ...]
    silenced: tuple[Finding, ...]
    used: tuple[Suppression, ...]
    wrong: tuple[Finding, ...]


def judge(findings: list[Finding], files: Mapping[str, SourceFile], today: dt.date | None = None) -> Judged:
    """Sort findings into open and silenced by the comments in the files they are in."""
    day = (today or dt.datetime.now(tz=dt.UTC).date()).isoformat()
    comments = sorted((s for path in files for s in read(path, files[path])), key=lambda s: (s.path, s.line))
    wrong: list[Finding] = []
    used: list[Suppression] = []
    still: list[Finding] = []
    silenced: list[Finding] = []
    for f in findings:
        good = [
            s for s in comments
            if s.covers(f) and f.rule in s.rules and s.reason and not (s.until and s.until < day)
        ]  # fmt: skip
        if not good:
            still.append(f)
            continue
        silenced.append(replace(f, suppression=Reason("inSource", good[0].words())))
        used.append(good[0])
    for s in comments:
        problem = "" if s.nosec else _problem(s, day, is_used=s in used)
        if problem:
            wrong.append(Finding(rule="taint-suppression", message=problem, at=Location(s.path, s.line)))
    kept = tuple(s for s in comments if s in used)
    return Judged(tuple(still), tuple(silenced), kept, tuple(wrong))


def _problem(s: Suppression, day: str, *, is_used: bool) -> str:
    if not s.reason:
        return "a suppression needs a reason: '# maestro: ignore[rule] reason'"
    if s.until and s.until < day:
        return f"the suppression expired on {s.until}"
    return "" if is_used else f"the suppression of {', '.join(s.rules)} matches nothing: remove it"


def read(path: str, file: SourceFile) -> list[Suppression]:
    """The comments of one file that concern this gate; none from a file that cannot be read as Python."""
    data = file.data
    if b"maestro:" not in data and b"nosec" not in data:
        return []
    found: list[Suppression] = []
    first = 0
    inside: list[Suppression] = []
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type == tokenize.COMMENT:
                inside += _comment(path, token.string, token.start[0])
            elif token.type in (tokenize.NEWLINE, tokenize.ENDMARKER):
                found += [replace(s, first=first or s.line, last=max(token.start[0], s.line)) for s in inside]
                inside, first = [], 0
            elif token.type == tokenize.NL and not first:
                found += inside  # a comment on a line of its own belongs to no statement
                inside = []
            elif token.type not in (tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING):
                first = first or token.start[0]
    except (tokenize.TokenError, SyntaxError, UnicodeDecodeError):
        return found
    return found


def _comment(path: str, text: str, line: int) -> list[Suppression]:
    match = _COMMENT.search(text)
    rules = tuple(r.strip() for r in match[1].split(",")) if match else ()
    if match and any(r.startswith("taint-") for r in rules):
        words = match[2].strip()
        until = _UNTIL.search(words)
        reason = _UNTIL.sub("", words).strip(" ,;") if until else words
        return [Suppression(path, line, rules, reason, until[1] if until else "")]
    bandit = _NOSEC.search(text)
    if bandit is None:
        return []
    ids, kinds = silenced(bandit[1])
    return [Suppression(path, line, kinds, f"# nosec {' '.join(ids)}", "", nosec=True)] if kinds else []
