"""``maestro symbolic show|diff|recheck``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.errors import ExitCode


def add_arguments(parser: ArgumentParser) -> None:
    """The three verbs."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    show = verbs.add_parser("show", help="print the evidence and the regression test of a function")
    show.add_argument("function", help="function or module.function, as a verdict names it")
    diff = verbs.add_parser("diff", help="prove changed functions equal, or find an input that tells them apart")
    diff.add_argument("base", metavar="BASE", help="the old commit")
    diff.add_argument("head", metavar="HEAD", help="the new commit")
    verbs.add_parser("recheck", help="ask a second solver every recorded query, and replay every counterexample")


def run(arguments: Namespace) -> ExitCode:
    """0 all equal or confirmed, 1 a difference or disagreement, 2 usage, 3 a tool failed."""
    if arguments.verb == "show":
        from maestro_symbolic.showing import run as verb  # noqa: PLC0415 - loaded on use
    elif arguments.verb == "diff":
        from maestro_symbolic.differing import run as verb  # noqa: PLC0415 - loaded on use
    else:
        from maestro_symbolic.rechecking import run as verb  # noqa: PLC0415 - loaded on use
    return verb(arguments)
