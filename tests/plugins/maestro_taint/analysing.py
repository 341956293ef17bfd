"""Analysis of files given as text, for the tests."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from maestro_taint.analysis import Analysis, analyse
from maestro_taint.models.compile import compiled, shipped
from maestro_taint.report.findings import findings_of
from maestro_taint.settings import TaintSettings

if TYPE_CHECKING:
    from maestro_hooks.evidence.obligation import Finding
    from maestro_taint.models.model import Models


@cache
def models() -> Models:
    return compiled(shipped())


def analysed(files: dict[str, str]) -> Analysis:
    made = analyse(sorted((path, text.encode()) for path, text in files.items()), models())
    # A function the engine fails on has no findings: a test must not take that for "nothing wrong".
    failed = [gap.reason for gap in made.gaps if "the engine failed" in gap.reason]
    assert not failed, failed
    return made


def findings(files: dict[str, str], settings: TaintSettings | None = None) -> list[Finding]:
    return findings_of(analysed(files), settings or TaintSettings(), models())


def blocking(text: str, **more: str) -> list[tuple[int, str]]:
    """(line, rule) of each blocking finding in ``app.py``."""
    files = {"app.py": text, **{name.replace("__", "/") + ".py": body for name, body in more.items()}}
    return [(f.at.line, f.rule) for f in findings(files) if f.level == "error"]
