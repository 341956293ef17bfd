"""Replaying inputs in a child process, one process for all modules of a run.

Invariant: every job gets an answer; a child that dies on a job costs that job an ``error`` and the rest a new child.
"""

from __future__ import annotations

import ast
import copy
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_symbolic.linking import mangled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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
        "invariants": {n.rpartition(".")[2]: [_clause(c) for c in found] for n, found in invariants.items() if found},
        "raises": sorted(contract.raises),
        "callees": list(_callees(target)),
        "linked": [module for _, module in target.program.linked],
    }


def _callees(target: Target) -> Iterator[dict[str, object]]:
    """Where functions with preconditions are found: in their module, and under each name they are imported by."""
    modules = {module for _, module in target.program.linked}
    for linked in (False, True):
        for name, node, info in target.program.callables(linked=linked):
            callee = target.contract_of(node, info)
            if callee is None or not callee.preconditions or not isinstance(node, ast.FunctionDef):
                continue
            clauses = [_clause(c) for c in callee.preconditions]
            place = max((m for m in modules if name.startswith(f"{m}.")), key=len, default="")
            yield {"place": place, "name": name.removeprefix(f"{place}."), "clauses": clauses}
            for alias, dotted in target.program.imports.items() if info is None and linked else ():
                if dotted == name:
                    home, _, local = alias.rpartition(".")
                    yield {"place": home, "name": local, "clauses": clauses}


class _Spelled(ast.NodeTransformer):
    """Full names as identifiers, which the child binds."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(mangled(node.id), node.ctx)


def _clause(clause: Clause) -> dict[str, object]:
    names = {inner.id for inner in ast.walk(clause.expression) if isinstance(inner, ast.Name)}
    return {
        "text": clause.text,
        "code": ast.unparse(_Spelled().visit(copy.deepcopy(clause.expression))),
        "linked": {mangled(n): n for n in names if "." in n},
        "line": clause.line,
        "roles": dict(clause.roles),
        "name": clause.name,
        "words_fail": clause.words_fail,
    }
