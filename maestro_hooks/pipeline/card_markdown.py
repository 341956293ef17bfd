"""A Decision Card as Markdown: one pull request comment, updated in place, or a job summary.

Invariant: the text fits the place it is written for and is cut between rows, never inside one; what a plugin, a file
name or a finding says is shown and never rendered (no link, image, mention or heading of theirs).
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.pipeline.card_text import HEADLINES, asked, decides_again, outcome, place, price, proof, what
from maestro_hooks.policy.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.pipeline.card import Card, Remark
    from maestro_hooks.pipeline.next_step import Action
    from maestro_hooks.policy.results import RuleResult

MARKER = "<!-- maestro-decision-card -->"
MAX_COMMENT = 60_000  # a pull request comment holds 65,536 characters
MAX_SUMMARY = 1_000_000  # a job summary holds 1 MiB

_TABLE = ("| outcome | obligation | value | bound | rule | because |", "|---|---|---|---|---|---|")
_MARKS = {Outcome.MET: "✅", Outcome.NOT_APPLICABLE: "\N{EN DASH}"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")
# GitHub looks for mentions and references in what is rendered, so an entity for the sign alone would not keep it quiet.
_ENTITIES = str.maketrans({"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "@&#8203;"})
_RESERVE = 200  # for the line that says what was left out


def markdown(card: Card, *, limit: int = MAX_COMMENT) -> str:
    """The card in at most ``limit`` characters; the marker lets a later run find and update its comment.

    What a reviewer needs first comes first: verdict, next step, what is not met. Rows that do not fit are counted.
    """
    head = [MARKER, f"### {'✅' if card.verdict == 'sealed' else '❌'} {HEADLINES[card.verdict]}", ""]
    head += [f"{code(what(card))}, {place(card)}", "", *_steps(card), f"**Proof**: {escaped(proof(card))}", ""]
    bad = [r for r in card.results if r.outcome in (Outcome.UNMET, Outcome.MISSING)]
    good = [r for r in card.results if r.outcome not in (Outcome.UNMET, Outcome.MISSING)]
    summary = f"<details><summary>{len(good)} more results, none of them a problem</summary>"
    sections = [
        _Section("results that are not met", _TABLE, [_row(result) for result in bad]),
        _Section("findings", ("**Found**", ""), [_remark(remark) for remark in card.remarks]),
        _Section("not checked", ("**Not checked**", ""), [f"- {escaped(words)}" for words in card.not_checked]),
        _Section("results", (summary, "", *_TABLE), [_row(result) for result in good], ("", "</details>")),
        _Section("costs", ("**Cost**", ""), [f"- {escaped(name)}: {escaped(words)}" for name, words in card.cost]),
    ]
    room = limit - sum(len(line) + 1 for line in head) - _RESERVE
    out, lost = head, []
    for section in sections:
        share = room * 2 // 3 if section.name.startswith("results") else room  # findings must not be crowded out
        frame = sum(len(line) + 1 for line in (*section.above, *section.below, ""))
        kept = list(_fitting(section.rows, share - frame))
        if kept:
            block = [*section.above, *kept, *section.below, ""]
            out += block
            room -= sum(len(line) + 1 for line in block)
        if len(kept) < len(section.rows):
            lost.append(f"{len(section.rows) - len(kept)} of {len(section.rows)} {section.name}")
    if lost:
        out += [f"Left out for length, see the JSON card: {', '.join(lost)}.", ""]
    return "\n".join(out)


@dataclass(frozen=True, slots=True)
class _Section:
    """Rows that are kept or left out one by one, and what frames them."""

    name: str
    above: tuple[str, ...]
    rows: list[str]
    below: tuple[str, ...] = ()


def _fitting(rows: list[str], room: int) -> Iterator[str]:
    for row in rows:
        room -= len(row) + 1
        if room < 0:
            return
        yield row


def _steps(card: Card) -> Iterator[str]:
    for i, action in enumerate(card.plan.actions):
        yield f"**{'Next step' if i == 0 else 'Then'}**: {escaped(action.action)}"
        yield ""
        yield from _command(action)
        yield f"{escaped(price(action))}, {escaped(asked(action))}"
        yield ""
    if decides_again(card):
        yield f"**Afterwards**: {escaped(decides_again(card))}"
        yield ""


def _command(action: Action) -> Iterator[str]:
    if action.command:
        words = "".join(c if c.isprintable() else "?" for c in shlex.join(action.command))
        fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", words)), 3)
        yield from (f"{fence}sh", words, fence, "")


def _row(result: RuleResult) -> str:
    mark = _MARKS.get(result.outcome, "❌" if result.blocking else "⚠️")
    cells = (
        f"{mark} {outcome(result)}",
        code(result.key),
        *map(escaped, (result.value, result.bound, result.rule, result.why)),
    )
    return f"| {' | '.join(cells)} |"


def _remark(remark: Remark) -> str:
    return f"- {code(f'{remark.path}:{remark.line}')} {escaped(remark.rule)}: {escaped(remark.message)}"


def escaped(text: str) -> str:
    """``text`` so that GitHub shows it as it is."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    shown = _SPECIAL.sub(r"\\\1", flat).translate(_ENTITIES)
    return shown.replace("\\#", "#&#8203;").replace("://", ":&#8203;//")


def code(text: str) -> str:
    """``text`` as a code span, whatever backticks and pipes it holds."""
    flat = "".join(c if c.isprintable() else "?" for c in text).replace("|", "\\|")
    fence = "`" * (max((len(run) for run in re.findall("`+", flat)), default=0) + 1)
    pad = " " if flat[:1] == "`" or flat[-1:] == "`" or not flat else ""
    return f"{fence}{pad}{flat}{pad}{fence}"
