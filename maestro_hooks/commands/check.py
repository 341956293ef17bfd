"""``maestro check [PATHS]``: run the gates, print what they found, leave their obligations in the ledger."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.commands.loose import check_loose, is_loose
from maestro_hooks.errors import ExitCode, UsageError
from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.sarif import github_annotations
from maestro_hooks.pipeline.checking import CheckJob, run_checks
from maestro_hooks.pipeline.gates import source_files
from maestro_hooks.pipeline.report import check_lines, check_payload, jsonl_rows, write_sarif
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace, progress, progress_done

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Sequence

    from maestro_hooks.pipeline.gates import GateRun
    from maestro_hooks.workspace import Workspace


def add_arguments(parser: ArgumentParser) -> None:
    """Paths, ``--only``, ``--fix``, ``--fresh``, ``--all`` and the output forms."""
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or directories; default: the whole tree")
    parser.add_argument("--only", metavar="NAME,...", help="run these gates only")
    parser.add_argument("--fix", action="store_true", help="let gates apply their verified repairs to the work tree")
    parser.add_argument("--fresh", action="store_true", help="run every gate again, even where its result still holds")
    parser.add_argument("--all", action="store_true", help="show the obligations that are met as well, one by one")
    parser.add_argument("--jsonl", action="store_true", help="print one JSON object per finding")
    parser.add_argument("--github", action="store_true", help="print findings as GitHub annotations")
    parser.add_argument("--sarif", type=Path, metavar="FILE", help="write the findings as SARIF 2.1.0")


def run(arguments: Namespace) -> ExitCode:
    """0 clean, 1 unmet, 3 a gate failed (1 wins over 3)."""
    only = [name for name in arguments.only.split(",") if name] if arguments.only else None
    if is_loose(arguments.root, arguments.paths):
        if arguments.sarif:
            raise UsageError("--sarif needs a repository", where=arguments.paths[0], fix="run 'git init' there")
        root, runs = check_loose(arguments.paths, only=only, fix=arguments.fix)
    else:
        workspace = open_workspace(arguments.root)
        root = workspace.root
        runs = check_paths(workspace, arguments.paths, only=only, fix=arguments.fix, fresh=arguments.fresh)
        if arguments.sarif:
            rules = {p.name: p.registry.rules for p in workspace.host.plugins if p.registry is not None}
            write_sarif(arguments.sarif, runs, rules)
    if arguments.jsonl:
        sys.stdout.writelines(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n" for row in jsonl_rows(runs))
    elif arguments.github:
        findings = [finding for run in runs for claim in run.claims for finding in claim.findings]
        failures = [f"::error::{run.failure}" for run in runs if run.failure is not None]
        emit({}, [*github_annotations(findings), *failures], as_json=False)
    else:
        lines = check_lines(runs, root, everything=arguments.all)
        emit(check_payload(runs), lines, as_json=arguments.json)
    return exit_code(runs)


def check_paths(
    workspace: Workspace, paths: Sequence[str], *, only: Iterable[str] | None, fix: bool = False, fresh: bool = False
) -> tuple[GateRun, ...]:
    """Run gates over ``paths`` (empty: the whole tree), recording into a ledger segment of this process.

    Raises:
        UsageError: a path is no file of the repository.
    """
    listing = workspace.repository.files()
    chosen = _below(listing, paths) if paths else None
    files = source_files(workspace.repository, listing=listing, only=chosen, exclude=workspace.host.settings.exclude)
    job = CheckJob(root=workspace.root, files=tuple(files), whole=not paths, fix=fix, fresh=fresh)
    with workspace.writer("check") as sink:
        try:
            return run_checks(
                workspace.host,
                job,
                only=only,
                sink=sink,
                blobs=workspace.blobs,
                told=lambda name: progress(f"checking: {name}"),
            )
        finally:
            progress_done()


def exit_code(runs: Iterable[GateRun]) -> ExitCode:
    """What the gates' verdicts mean for a process."""
    verdicts = {claim.record.verdict for run in runs for claim in run.claims}
    if Verdict.UNMET in verdicts:
        return ExitCode.UNMET
    return ExitCode.TOOL_FAILED if Verdict.ERROR in verdicts else ExitCode.OK


def _below(listing: Iterable[tuple[str, Path]], paths: Sequence[str]) -> list[str]:
    """The repository files that ``paths`` name, directly or below a directory."""
    places = [(str(place), path) for path, place in listing]
    chosen: list[str] = []
    for text in paths:
        # Not resolve(): a path through a symbolic link must be the file git lists, not its target.
        place = Path.cwd() / text
        last = place.name if place.name not in ("", "..") else ""
        name = str(Path(os.path.realpath(place.parent), last)) if last else os.path.realpath(place)
        below = name.rstrip(os.sep) + os.sep
        found = [path for at, path in places if at == name or at.startswith(below)]
        if not found:
            raise UsageError(
                "no such file in this repository (or git ignores it)",
                where=text,
                fix="give tracked or unignored files, or none for the whole tree",
            )
        chosen += found
    return chosen
