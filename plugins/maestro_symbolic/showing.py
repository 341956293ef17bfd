"""``maestro symbolic show FUNCTION``: the evidence of the last check, and the regression test of a counterexample."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.pipeline.gates import source_files
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace
from maestro_symbolic.cache import Cache
from maestro_symbolic.evidence import attachments
from maestro_symbolic.gate import module_of
from maestro_symbolic.judging import Budget, Subject, judge
from maestro_symbolic.targets import reader, targets_of

if TYPE_CHECKING:
    from argparse import Namespace


def run(arguments: Namespace) -> ExitCode:
    """0 if a contracted function of that name exists.

    Raises:
        UsageError: there is none.
    """
    workspace = open_workspace(arguments.root)
    wanted = arguments.function
    documents: list[dict[str, object]] = []
    lines: list[str] = []
    for file in source_files(workspace.repository, only=None, exclude=workspace.host.settings.exclude):
        if not file.path.endswith(".py"):
            continue
        try:
            targets = targets_of(file.path, file.text, read=reader(workspace.root))
        except (SyntaxError, ValueError):
            continue  # the gate reports it; here only readable files can hold the function
        module = module_of(file.path)
        chosen = [t for t in targets if wanted in (t.name, f"{module}.{t.name}")]
        subjects = [Subject(target, file.place) for target in chosen]
        for one in judge(subjects, workspace.root, Cache(workspace.root), Budget(10**12)):
            parts = attachments(one.target, f"{module}.{one.target.name}", one.outcome, module)
            documents.append(json.loads(parts[0].data))
            tests = [p.data.decode() for p in parts if p.name.startswith("test_")]
            lines += tests or [f"{module}.{one.target.name}: {one.outcome.verdict}"]
    if not documents:
        raise UsageError(
            "no contracted function of that name", where=wanted, fix="'maestro check --only symbolic' lists them"
        )
    emit({"schema": "maestro.symbolic-show/1", "functions": documents}, lines, as_json=arguments.json)
    return ExitCode.OK
