"""Replaying inputs in a child process, one process for all modules of a run.

Invariant: every job gets an answer; a child that dies on a job costs that job an ``error`` and the rest a new child.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_symbolic.contracts.clauses import Clause
    from maestro_symbolic.targets import Target

TIMEOUT_S = 30  # per job and by the wall, so that no load decides; the child counts CPU seconds itself
OUT = {"status": "error", "detail": "the replay ran out of time or memory"}
CHILD = Path(__file__).with_name("replay_child.py")


@dataclass(frozen=True, slots=True)
class Job:
    """One input of one function."""

    target: Target
    place: Path
    arguments: Mapping[str, object]
    sample: bool = False


def replay(root: Path, jobs: Sequence[Job], python: str = sys.executable) -> list[dict[str, Any]]:
    """What CPython did with each input: ``status`` is ``holds``, ``broken``, ``rejected`` or ``error``."""
    answers: dict[int, dict[str, Any]] = {}
    waiting: list[dict[str, Any]] = [{"id": n, **_job(job)} for n, job in enumerate(jobs)]
    while waiting:
        said = _run({"root": str(root), "jobs": waiting}, python)
        answers.update({answer["id"]: answer for answer in said})
        remaining = [job for job in waiting if job["id"] not in answers]
        if remaining:
            first = remaining.pop(0)
            answers[first["id"]] = dict(OUT)
            # A sample that kills the child says enough about its function's other samples.
            alike = [
                job for job in remaining if first["sample"] and job["sample"] and _function(job) == _function(first)
            ]
            answers |= {job["id"]: dict(OUT) for job in alike}
            remaining = [job for job in remaining if job["id"] not in answers]
        waiting = remaining
    return [answers[n] for n in range(len(jobs))]


def _function(job: Mapping[str, Any]) -> tuple[str, str]:
    return job["file"], job["function"]


def _run(request: Mapping[str, Any], python: str) -> list[dict[str, Any]]:
    environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG", "LC_ALL", "VIRTUAL_ENV")}
    try:
        done = subprocess.run(
            [python, "-P", "-B", str(CHILD)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=TIMEOUT_S * (1 + len(request["jobs"])),
            check=False,
            env={**environment, "PYTHONHASHSEED": "0"},
        )
        output = done.stdout
    except subprocess.TimeoutExpired as error:
        output = error.stdout or b""
    found = []
    for line in output.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break  # the child died in mid-line
    return found


def _job(job: Job) -> dict[str, object]:
    target = job.target
    contract = target.contract
    invariants = {name: target.invariants_of(info).of("inv") for name, info in target.program.classes.items()}
    arguments = target.node.args
    positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
    callees = {}
    for name, node, info in target.program.callables():
        callee = target.contract_of(node, info)
        if callee is not None and callee.preconditions and isinstance(node, ast.FunctionDef):
            callees[name] = [_clause(c) for c in callee.preconditions]
    return {
        "file": str(job.place),
        "sample": job.sample,
        "function": target.name,
        "arguments": job.arguments,
        "positional": positional,
        "rest": arguments.vararg.arg if arguments.vararg is not None else "",
        "keyword": [a.arg for a in arguments.kwonlyargs],
        "pre": [_clause(c) for c in contract.preconditions],
        "post": [_clause(c) for c in contract.postconditions],
        "snapshot": [_clause(c) for c in contract.of("snapshot")],
        "invariants": {name: [_clause(c) for c in clauses] for name, clauses in invariants.items() if clauses},
        "raises": sorted(contract.raises),
        "callees": callees,
    }


def _clause(clause: Clause) -> dict[str, object]:
    return {
        "text": clause.text,
        "code": ast.unparse(clause.expression),
        "line": clause.line,
        "roles": dict(clause.roles),
        "name": clause.name,
        "words_fail": clause.words_fail,
    }
