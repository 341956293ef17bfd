"""CrossHair where our subset ends: one function per process, a stated budget, its lines read and never its exit code.

Invariant: its confirmation is never ``proven``, and without a line of its own it has said nothing.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from maestro_symbolic.verdicts import Counterexample

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.requests import SourceFile
    from maestro_symbolic.judging import Judged
    from maestro_symbolic.settings import SymbolicSettings

LINE = re.compile(r"^(?P<file>.*?):(?P<line>\d+): (?P<kind>error|info|warning): (?P<words>.*)$")


def consulted(judged: Judged, file: SourceFile, root: Path, settings: SymbolicSettings) -> Judged:
    """The same verdict, or CrossHair's where ours is ``unsupported`` and the settings ask for it."""
    if not settings.crosshair or judged.outcome.verdict != "unsupported":
        return judged
    if importlib.util.find_spec("crosshair") is None:
        reason = f"{judged.outcome.reason}; crosshair-tool is not installed: pip install crosshair-tool"
        return replace(judged, outcome=msgspec.structs.replace(judged.outcome, reason=reason))
    return _asked(judged, file, root, settings.crosshair_timeout_s)


def _asked(judged: Judged, file: SourceFile, root: Path, timeout_s: int) -> Judged:
    line = judged.target.node.body[0].lineno if judged.target.node.body else judged.target.node.lineno
    command = [
        *(sys.executable, "-m", "crosshair", "check", "--report_all"),
        *("--per_condition_timeout", str(timeout_s), "--analysis_kind", "icontract,deal,PEP316,asserts"),
        f"{file.place}:{line}",
    ]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s * 20 + 30, check=False, cwd=root
        )
        output = done.stdout
    except subprocess.TimeoutExpired:
        output = ""
    return _read(judged, [m for m in map(LINE.match, output.splitlines()) if m is not None], timeout_s)


def _read(judged: Judged, lines: list[re.Match[str]], timeout_s: int) -> Judged:
    ours = judged.outcome
    before = f"outside the subset: {ours.reason}"
    errors = [m for m in lines if m["kind"] == "error"]
    words = [m["words"] for m in lines]
    if errors and "when calling" in errors[0]["words"]:
        call = errors[0]["words"].partition("when calling ")[2]
        example = Counterexample(
            arguments={},
            call=call,
            clause=errors[0]["words"],
            line=int(errors[0]["line"]),
            outcome="as CrossHair ran it",
        )
        outcome = msgspec.structs.replace(
            ours, verdict="crosshair-refuted", reason=before, counterexample=example, line=int(errors[0]["line"])
        )
    elif words and all("Confirmed over all paths" in w for w in words):
        outcome = msgspec.structs.replace(ours, verdict="crosshair-confirmed", reason=before)
    else:
        said = words[0] if words else "nothing"
        reason = f"{before}; CrossHair ({timeout_s} s per condition) said: {said}"
        outcome = msgspec.structs.replace(ours, reason=reason)
    return replace(judged, outcome=outcome)
