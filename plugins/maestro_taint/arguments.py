"""Arguments of ``maestro taint``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add(parser: ArgumentParser) -> None:
    """``explain``, ``baseline``, ``selftest``, ``fix``."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    explain = verbs.add_parser("explain", help="show one finding's path, rule and repair")
    explain.add_argument("finding", metavar="FINGERPRINT", help="a fingerprint, or the beginning of one")
    baseline = verbs.add_parser("baseline", help="accept today's flows, with an owner and a reason")
    baseline.add_argument("--owner", required=True, help="who answers for them")
    baseline.add_argument("--reason", required=True, help="why they may stay")
    baseline.add_argument("--expires", default="", metavar="YYYY-MM-DD", help="the last day they are accepted")
    verbs.add_parser("selftest", help="run every rule's own example; a silent rule is an error")
    fix = verbs.add_parser("fix", help="repair one finding, or all, in the work tree")
    fix.add_argument("finding", nargs="?", default="", metavar="FINGERPRINT", help="default: every finding")
    fix.add_argument("--dry-run", action="store_true", help="print the patch, change nothing")
