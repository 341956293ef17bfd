"""CrossHair where our subset ends: one function per process, a stated budget, its lines read and never its exit code.

Invariant: its confirmation is never ``proven``, its refutation counts only once CPython has broken the contract on that
input in our own replay, and without a line of its own it has said nothing.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import resource
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from maestro_symbolic import replay
from maestro_symbolic.replay_codec import encode
from maestro_symbolic.verdicts import Counterexample

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.requests import SourceFile
    from maestro_symbolic.judging import Judged
    from maestro_symbolic.settings import SymbolicSettings
    from maestro_symbolic.targets import Target

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
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s * 20 + 30, check=False, cwd=root
        )
        output = done.stdout
    except subprocess.TimeoutExpired:
        output = ""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    outcome = msgspec.structs.replace(judged.outcome, cpu_us=judged.outcome.cpu_us + int(spent * 1e6))
    asked = replace(judged, outcome=outcome)
    lines = [m for m in map(LINE.match, output.splitlines()) if m is not None]
    return _read(asked, file, root, lines, timeout_s)


def _read(judged: Judged, file: SourceFile, root: Path, lines: list[re.Match[str]], timeout_s: int) -> Judged:
    ours = judged.outcome
    before = f"outside the subset: {ours.reason}"
    error = next((m for m in lines if m["kind"] == "error" and "when calling" in m["words"]), None)
    words = [m["words"] for m in lines]
    if error is not None:
        return replace(judged, outcome=_replayed(judged, file, root, error["words"], before))
    if words and all("Confirmed over all paths" in w for w in words):
        outcome = msgspec.structs.replace(ours, verdict="crosshair-confirmed", reason=before)
    else:
        said = words[0] if words else "nothing"
        reason = f"{before}; CrossHair ({timeout_s} s per condition) said: {said}"
        outcome = msgspec.structs.replace(ours, reason=reason)
    return replace(judged, outcome=outcome)


def _replayed(judged: Judged, file: SourceFile, root: Path, words: str, before: str) -> Any:
    """CrossHair's input run by us: a refutation if it breaks the contract, else a candidate."""
    target = judged.target
    call = words.partition("when calling ")[2].rpartition(" (which returns")[0] or words.partition("when calling ")[2]
    arguments = arguments_of(target, call)
    answer: dict[str, Any] = {"status": "error", "detail": "its input is not made of literals"}
    if arguments is not None:
        answer = replay.replay(root, [replay.Job(target, file.place, arguments)])[0]
    if arguments is None or answer["status"] != "broken":
        detail = answer.get("detail") or f"CPython says {answer['status']}"
        reason = f"{before}; CrossHair says {words!r}, which did not replay: {detail}"
        return msgspec.structs.replace(judged.outcome, verdict="candidate", reason=reason)
    line = answer.get("line") or target.node.lineno
    example = Counterexample(
        arguments=arguments, call=call, clause=answer["clause"], line=line, outcome=answer.get("outcome", "")
    )
    return msgspec.structs.replace(
        judged.outcome, verdict="crosshair-refuted", reason=before, counterexample=example, line=line
    )


def arguments_of(target: Target, call: str) -> dict[str, object] | None:
    """The arguments of a call written with literals, as typed JSON by parameter; ``None`` for anything else."""
    parameters = target.node.args
    names = [a.arg for a in (*parameters.posonlyargs, *parameters.args)]
    try:
        node = ast.parse(call.strip(), mode="eval").body
        if not isinstance(node, ast.Call) or len(node.args) > len(names):
            return None
        given = dict(zip(names, node.args, strict=False)) | {k.arg or "**": k.value for k in node.keywords}
        values: dict[str, object] = {name: encode(_literal(value)) for name, value in given.items()}
    except (ValueError, SyntaxError, TypeError):
        return None
    wanted = {*names, *(a.arg for a in parameters.kwonlyargs)}
    return values if set(values) == wanted else None


def _literal(node: ast.expr) -> object:
    """A literal, or ``float("nan")`` and its like."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        return float(ast.literal_eval(node.args[0]))
    return ast.literal_eval(node)
