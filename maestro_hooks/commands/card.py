"""``maestro card``: show the last Decision Card, or one from a file, for the place it is read in."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, ExitCode, UsageError
from maestro_hooks.evidence.canonical import decode
from maestro_hooks.pipeline.card import from_json, to_json
from maestro_hooks.pipeline.card_text import lines, markdown
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.pipeline.card import Card


def add_arguments(parser: ArgumentParser) -> None:
    """The card file and the form."""
    parser.add_argument("file", nargs="?", type=Path, metavar="CARD", help="a card as JSON; default: the last run's")
    parser.add_argument("--markdown", action="store_true", help="print Markdown, as for a pull request comment")
    parser.add_argument(
        "--github", action="store_true", help="append Markdown to the file that GITHUB_STEP_SUMMARY names"
    )


def run(arguments: Namespace) -> ExitCode:
    """0 for a sealed card, 1 for any other."""
    card = read_card(arguments.file or Repository.find(arguments.root).root / ".maestro" / "card.json")
    if arguments.github:
        _append_summary(markdown(card))
    elif arguments.markdown:
        sys.stdout.write(markdown(card))
    else:
        emit(to_json(card), lines(card), as_json=arguments.json)
    return ExitCode.OK if card.verdict == "sealed" else ExitCode.UNMET


def read_card(place: Path) -> Card:
    """Read a card file.

    Raises:
        UsageError: there is none.
        EvidenceError: it is no card.
    """
    try:
        data = place.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read: {error.strerror}", where=str(place), fix="run 'maestro run' first") from error
    try:
        return from_json(decode(data, canonical=False, where=str(place)))
    except (KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"not a Decision Card: {error}", where=str(place), fix="run 'maestro run' again") from error


def _append_summary(text: str) -> None:
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        raise UsageError("GITHUB_STEP_SUMMARY is not set", fix="use --github inside a GitHub Actions step")
    with Path(place).open("a", encoding="utf-8") as stream:
        stream.write(text)
