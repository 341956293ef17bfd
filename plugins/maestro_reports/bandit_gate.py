"""The Bandit gate: what it found, what it did not look at, what was silenced.

Theorem: every Python file of the request is analysed in full, excluded by a configured pattern, or named in
``bandit/unparsed``; Bandit's own exit code is 0 for a file it could not parse.
"""

from __future__ import annotations

import ast
import hashlib
import platform
import warnings
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from maestro_hooks.evidence import sarif
from maestro_hooks.evidence.obligation import Attachment, Finding, Level, Location, Obligation
from maestro_hooks.registry import Rule
from maestro_reports import bandit_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_hooks.requests import SourceFile
    from maestro_reports.bandit_run import Gap, Issue, Outcome
    from maestro_reports.settings import Rank, ReportsSettings

PYTHON = (".py", ".pyi", ".pyw")
RANKS: tuple[Rank, ...] = ("low", "medium", "high")
LEVELS: dict[str, Level] = {"HIGH": "error", "MEDIUM": "warning"}


def check(files: Iterable[SourceFile], settings: ReportsSettings) -> Iterator[Obligation]:
    """The gate's obligations about ``files``; none if there is no Python file: no claim is made about nothing.

    Raises:
        ConfigError: a configured skip names no Bandit test.
        ToolError: a file changed while it was being analysed.
    """
    sources = {str(f.place.absolute()): f for f in files if f.path.endswith(PYTHON)}
    chosen = {place: f for place, f in sources.items() if not matches(f.path, settings.bandit_exclude)}
    if not chosen:
        return
    outcome = _analyse(chosen, settings)
    counted = [one for one in outcome.issues if _counts(one, settings)]
    texts = {place: chosen[place].text.split("\n") for place in {one.path for one in counted}}
    findings = tuple(sorted((_finding(one, chosen[one.path].path, texts[one.path]) for one in counted), key=_order))
    gaps = tuple(sorted((_gap(gap, chosen[gap.path]) for gap in outcome.gaps), key=_order))
    silenced = tuple(sorted((_silenced(chosen[p].path, n) for p, n in outcome.suppressed.items()), key=_order))
    paths = tuple(f.path for f in chosen.values())
    log = Attachment("bandit.sarif", _log(findings, gaps))
    yield Obligation(
        key="bandit/issues", value=len(findings), max=0, files=paths, findings=findings, attachments=(log,)
    )
    unparsed = len({finding.at.path for finding in gaps})
    yield Obligation(key="bandit/unparsed", value=unparsed, max=0, files=paths, findings=gaps)
    suppressed = sum(outcome.suppressed.values())
    yield Obligation(key="bandit/suppressed", value=suppressed, files=paths, findings=silenced)
    yield Obligation(key="bandit/below-level", value=len(outcome.issues) - len(counted), files=paths)
    yield Obligation(key="bandit/files", value=len(chosen), min=1, files=paths)
    yield Obligation(key="bandit/version", value=_version(), files=paths)


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether ``path`` matches: a pattern without a slash is compared with the file name, others with the path.

    >>> matches("src/a/test_x.py", ["test_*.py"]), matches("tests/a/b.py", ["tests/*"]), matches("a.py", ["tests/*"])
    (True, True, False)
    """
    name = PurePosixPath(path).name
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)


def _analyse(chosen: dict[str, SourceFile], settings: ReportsSettings) -> Outcome:
    """Two runs where tests are treated differently; one after the other, as Bandit keeps its test set in globals."""
    test_files = [place for place, f in chosen.items() if matches(f.path, settings.bandit_test_files)]
    others = sorted(set(chosen) - set(test_files))
    everywhere = set(settings.bandit_skips)
    runs = [(others, everywhere), (test_files, everywhere | set(settings.bandit_test_skips))]
    parts = [bandit_run.run(places, skips) for places, skips in runs if places]
    return bandit_run.Outcome(
        issues=tuple(one for part in parts for one in part.issues),
        gaps=tuple(gap for part in parts for gap in part.gaps),
        suppressed={path: count for part in parts for path, count in part.suppressed.items()},
    )


def _counts(issue: Issue, settings: ReportsSettings) -> bool:
    return _rank(issue.severity) >= RANKS.index(settings.bandit_level) and _rank(issue.confidence) >= RANKS.index(
        settings.bandit_confidence
    )


def _rank(bandit_rank: str) -> int:
    """UNDEFINED counts as high: an unknown risk is not a low one."""
    name = bandit_rank.lower()
    return RANKS.index(name) if name in RANKS else len(RANKS) - 1


def _finding(issue: Issue, path: str, lines: list[str]) -> Finding:
    text = lines[issue.line - 1] if 0 < issue.line <= len(lines) else ""
    return Finding(
        rule=issue.rule,
        message=f"{issue.text} [{issue.severity.lower()} severity, {issue.confidence.lower()} confidence]",
        at=_place(issue, path, text),
        level=LEVELS.get(issue.severity, "note"),
        cwe=issue.cwe or None,
        fingerprint=hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()[:16],
    )


def _place(issue: Issue, path: str, text: str) -> Location:
    """Lines as Bandit gives them, columns in code points.

    Bandit takes columns from the syntax node but lets some tests name the line of an argument instead: a column is
    kept only where line and node begin together, and an end column only for a node of one line.
    """
    if issue.line != issue.first:
        return Location(path, issue.line, end_line=max(issue.line, issue.last))
    column = _column(text, issue.column)
    end = _column(text, issue.end_column) if issue.last == issue.line else 0
    return Location(path, issue.line, column, max(issue.line, issue.last), end if end > column else 0)


def _column(text: str, offset: int) -> int:
    """The 1-based code point of a UTF-8 byte offset from 0; 0 where the offset is none of this line."""
    encoded = text.encode("utf-8", "surrogatepass")
    if not 0 <= offset <= len(encoded):
        return 0
    return len(encoded[:offset].decode("utf-8", "replace")) + 1


def _gap(gap: Gap, file: SourceFile) -> Finding:
    line, reason = gap.line, gap.reason
    if not line:
        line, detail = _why(file.data)
        reason = f"{reason}{detail}"
    return Finding(rule="bandit-unparsed", message=f"not analysed: {reason}", at=Location(file.path, line))


def _why(data: bytes) -> tuple[int, str]:
    """Line and words of what this interpreter's parser says, because Bandit says neither."""
    python = f"Python {platform.python_version()}"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(data)
    except SyntaxError as error:
        return error.lineno or 0, f" ({python}: {error.msg})"
    except (ValueError, RecursionError, MemoryError) as error:
        return 0, f" ({python}: {error or type(error).__name__})"
    return 0, f" ({python} parses it)"


def _silenced(path: str, count: int) -> Finding:
    message = f"'# nosec' silences {count} Bandit result{'s' if count > 1 else ''}"
    return Finding(rule="bandit-suppressed", message=message, at=Location(path), level="note")


def _log(findings: tuple[Finding, ...], gaps: tuple[Finding, ...]) -> bytes:
    cwes = {finding.rule: finding.cwe for finding in findings}
    named = bandit_run.titles(cwes)
    rules = [Rule(rule, name, help=url, cwe=cwes[rule]) for rule, (name, url) in sorted(named.items())]
    unanalysed = [Location(gap.at.path, gap.at.line, message=gap.message) for gap in gaps]
    return sarif.encode(
        sarif.sarif_log(
            findings,
            tool="Bandit",
            version=version("bandit"),
            rules=rules,
            unanalysed=unanalysed,
            home="https://bandit.readthedocs.io/",
        )
    )


def _version() -> str:
    """What Bandit's answer depends on besides the files: it parses with the running interpreter's grammar."""
    return f"bandit {version('bandit')}, Python {platform.python_version()}"


def _order(finding: Finding) -> tuple[str, int, int, str, str]:
    return (finding.at.path, finding.at.line, finding.at.column, finding.rule, finding.message)
