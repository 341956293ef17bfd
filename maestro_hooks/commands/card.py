"""``maestro card``: show a Decision Card for the place it is read in, or make its decision again."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError, ExitCode, UsageError
from maestro_hooks.evidence import sarif
from maestro_hooks.evidence.canonical import decode
from maestro_hooks.pipeline.card import from_json, to_json
from maestro_hooks.pipeline.card_text import lines
from maestro_hooks.project.repository import Repository
from maestro_hooks.render import emit

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from maestro_hooks.pipeline.card import Card


def add_arguments(parser: ArgumentParser) -> None:
    """What to do, the card file and the form."""
    parser.add_argument(
        "words",
        nargs="*",
        metavar="[replay] [CARD]",
        help="'replay' makes the decision again from what the card recorded; CARD is a card as JSON, default: the last",
    )
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--markdown", action="store_true", help="print Markdown, as for a pull request comment")
    forms.add_argument(
        "--github", action="store_true", help="append to the file GITHUB_STEP_SUMMARY names, and print annotations"
    )
    forms.add_argument("--html", action="store_true", help="print one HTML file that loads nothing")
    forms.add_argument("--sarif", action="store_true", help="print the findings behind what is not met as SARIF")
    parser.add_argument("--leaves", type=Path, metavar="FILE", help="replay: compare with the leaf of a sealed card")


def run(arguments: Namespace) -> ExitCode:
    """0 for a sealed card or a replay that agrees, 1 for any other card, 4 for a replay that does not."""
    again = arguments.words[:1] == ["replay"]
    rest = arguments.words[1:] if again else arguments.words
    if len(rest) > 1:
        raise UsageError(f"one card at a time, not {len(rest)}", fix="maestro card [replay] [CARD]")
    card = read_card(Path(rest[0]) if rest else Repository.find(arguments.root).root / ".maestro" / "card.json")
    if again:
        return _replay(card, arguments)
    if not _printed(card, arguments):
        emit(to_json(card), lines(card), as_json=arguments.json)
    return ExitCode.OK if card.verdict == "sealed" else ExitCode.UNMET


def _printed(card: Card, arguments: Namespace) -> bool:
    """Print the form asked for, if one was."""
    if arguments.github:
        from maestro_hooks.pipeline.card_github import workflow_commands  # noqa: PLC0415 - one form is printed, not all

        _append_summary(card)
        sys.stdout.write("".join(f"{line}\n" for line in workflow_commands(card)))
    elif arguments.markdown:
        from maestro_hooks.pipeline.card_markdown import markdown  # noqa: PLC0415 - as above

        sys.stdout.write(markdown(card))
    elif arguments.html:
        from maestro_hooks.pipeline.card_html import html_page  # noqa: PLC0415 - as above

        sys.stdout.write(html_page(card))
    elif arguments.sarif:
        from maestro_hooks.pipeline.card_github import sarif_log  # noqa: PLC0415 - as above

        sys.stdout.write(sarif.encode(sarif_log(card)).decode())
    else:
        return False
    return True


def _replay(card: Card, arguments: Namespace) -> ExitCode:
    from maestro_hooks.evidence.disclosure import parse_disclosures  # noqa: PLC0415 - as above
    from maestro_hooks.evidence.leaf import parse_leaf  # noqa: PLC0415 - as above
    from maestro_hooks.pipeline.card_replay import replay, sealed_difference  # noqa: PLC0415 - as above

    result = replay(card)
    differences = list(result.differences)
    if arguments.leaves:
        try:
            data = arguments.leaves.read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read: {error.strerror}", where=str(arguments.leaves)) from error
        leaves = [parse_leaf(disclosed.leaf) for disclosed in parse_disclosures(data)]
        difference = sealed_difference(card, {leaf.id: leaf for leaf in leaves})
        differences += [difference] if difference else []
    sealed = "equal to the sealed decision" if arguments.leaves else "not compared with a sealed leaf (--leaves FILE)"
    words = [f"DIFFERS: {text}" for text in differences]
    words += [f"not replayed: {text}" for text in result.not_replayed]
    if not differences:
        words.append(f"replayed: {len(card.results)} results under policy {result.policy[:12]} agree; {sealed}")
    payload = {
        "schema": "maestro.card-replay/1",
        "ok": not differences,
        "met": result.met,
        "policy": result.policy,
        "differences": differences,
        "not_replayed": list(result.not_replayed),
        "compared_with_leaf": bool(arguments.leaves),
    }
    emit(payload, words, as_json=arguments.json)
    return ExitCode.EVIDENCE_INVALID if differences else ExitCode.OK


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
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvidenceError(f"not a Decision Card: {error}", where=str(place), fix="run 'maestro run' again") from error


def _append_summary(card: Card) -> None:
    from maestro_hooks.pipeline.card_markdown import MAX_SUMMARY, markdown  # noqa: PLC0415 - as above

    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place:
        raise UsageError("GITHUB_STEP_SUMMARY is not set", fix="use --github inside a GitHub Actions step")
    with Path(place).open("a", encoding="utf-8") as stream:
        stream.write(markdown(card, limit=MAX_SUMMARY))
