"""``maestro hook NAME [FILES]``: one gate over the files a pre-commit hook names, words made for a commit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.commands.check import check_paths, exit_code
from maestro_hooks.errors import ExitCode
from maestro_hooks.pipeline.report import check_lines, check_payload
from maestro_hooks.render import emit
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_arguments(parser: ArgumentParser) -> None:
    """The gate, the files, ``--fix``."""
    parser.add_argument("name", metavar="NAME", help="the gate to run, as 'maestro plugins' lists it")
    parser.add_argument("files", nargs="*", metavar="FILE", help="the files being committed; none: the whole tree")
    parser.add_argument("--fix", action="store_true", help="apply verified repairs; the commit then fails once")


def run(arguments: Namespace) -> ExitCode:
    """0 clean, 1 blocks the commit, 2 configuration, 3 the gate failed: pre-commit stops on all but 0."""
    workspace = open_workspace(arguments.root)
    runs = check_paths(workspace, arguments.files, only=[arguments.name], fix=arguments.fix)
    code = exit_code(runs)
    # A passing hook is quiet; pre-commit prints its own "Passed".
    lines = check_lines(runs, workspace.root) if code is not ExitCode.OK else []
    emit(check_payload(runs), lines, as_json=arguments.json)
    return code
