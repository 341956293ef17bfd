"""``maestro symbolic recheck``: every recorded query asked of a second solver, every counterexample run again.

Invariant: the second solver is never the one that gave the answer; its silence is counted, never taken for agreement.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.pipeline.gates import source_files
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace
from maestro_symbolic import replay
from maestro_symbolic.cache import Cache, versions
from maestro_symbolic.gate import module_of
from maestro_symbolic.normal import cache_key
from maestro_symbolic.targets import reader, targets_of

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from maestro_hooks.requests import SourceFile
    from maestro_symbolic.verdicts import Query


def run(arguments: Namespace) -> ExitCode:
    """0 if nothing disagrees, 1 if something does.

    Raises:
        UsageError: no verdict is recorded, or no second solver is installed.
    """
    from maestro_symbolic.engine import solvers  # noqa: PLC0415 - brings z3 in

    if len(solvers.installed()) < 2:
        raise UsageError(
            "no second solver is installed", fix="pip install 'maestro-conductor[symbolic-solvers]' (cvc5, bitwuzla)"
        )
    workspace = open_workspace(arguments.root)
    counts: Counter[str] = Counter()
    problems: list[str] = []
    for file in source_files(workspace.repository, only=None, exclude=workspace.host.settings.exclude):
        if file.path.endswith(".py"):
            problems += _file(file, workspace.root, counts)
    if not set(counts) - {"not recorded"}:
        raise UsageError("no verdict is recorded", fix="run 'maestro check --only symbolic' first")
    lines = [*problems, *(f"{count:6} {what}" for what, count in sorted(counts.items()))]
    emit(
        {"schema": "maestro.symbolic-recheck/1", "counts": dict(counts), "problems": problems},
        lines,
        as_json=arguments.json,
    )
    return ExitCode.UNMET if problems else ExitCode.OK


def _file(file: SourceFile, root: Path, counts: Counter[str]) -> list[str]:
    """Recheck what is recorded about one file; words about each problem."""
    try:
        targets = targets_of(file.path, file.text, read=reader(root))
    except (SyntaxError, ValueError):
        return []  # the gate reports it; nothing is recorded about it
    problems: list[str] = []
    for target in targets:
        outcome = Cache(root).get(cache_key(target, versions()))
        if outcome is None:
            counts["not recorded"] += 1
            continue
        name = f"{module_of(file.path)}.{target.name}"
        for query in outcome.queries:
            said = second_opinion(query)
            counts[said] += 1
            if said == "disagrees":
                problems.append(f"{name}:{query.line}: {query.solver} says {query.answer}, a second solver does not")
        if outcome.verdict == "refuted" and outcome.counterexample is not None:
            job = replay.Job(target, file.place, outcome.counterexample.arguments)
            again = replay.replay(root, [job])[0]
            counts[f"replay {again['status']}"] += 1
            if again["status"] != "broken":
                problems.append(f"{name}: its counterexample no longer breaks the contract ({again['status']})")
    return problems


def second_opinion(query: Query) -> str:
    """``confirmed``, ``disagrees`` or ``undecided`` by the solvers other than the one that answered."""
    from maestro_symbolic.engine import solvers  # noqa: PLC0415 - brings z3 in

    if query.answer == "unknown":
        return "undecided"
    for name in ("bitwuzla", "cvc5", "z3"):
        if name == query.solver:
            continue
        answer, _values = solvers.ask(name, query.smt2)
        if answer != "unknown":
            return "confirmed" if answer == query.answer else "disagrees"
    return "undecided"
