"""``maestro build``: sdist and wheel from a clean copy of the tree, recorded in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import ExitCode
from maestro_hooks.pipeline.building import build
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """No arguments of its own."""
    parser.epilog = "the work directory itself is never built in"


def run(arguments: Namespace) -> ExitCode:
    """0 built (or nothing to build, which is said), 3 the build failed."""
    workspace = open_workspace(arguments.root)
    with workspace.writer("build") as sink:
        step = build(workspace, tree=workspace.repository.work_tree(), sink=sink)
    artifacts = [{"path": str(a.path), "sha256": a.sha256} for a in step.artifacts]
    lines = [*step.tail.splitlines(), step.words, *(f"{a.sha256}  {a.path.name}" for a in step.artifacts)]
    emit({"schema": "maestro.build/1", "ok": step.ok, "artifacts": artifacts}, lines, as_json=arguments.json)
    return ExitCode.OK if step.ok else ExitCode.TOOL_FAILED
