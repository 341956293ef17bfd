"""A Decision Card as one HTML file: no script, no network, light and dark."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from maestro_hooks.page import element, page, table, text
from maestro_hooks.pipeline.card_text import HEADLINES, decides_again, outcome, place, proof, what, why
from maestro_hooks.policy.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_hooks.pipeline.card import Card
    from maestro_hooks.policy.results import RuleResult

MAX_ROWS = 2000
_COLOURS = {"sealed": "good", "blocked": "bad", "unproven": "warn"}


def html_page(card: Card) -> str:
    """The whole file."""
    return page(f"{card.verdict}: {what(card)}", _body(card))


def _body(card: Card) -> Iterator[str]:
    word, _, rest = HEADLINES[card.verdict].partition(": ")
    yield f'<header class="headline {_COLOURS[card.verdict]}">{element("h1", f"{word}: {rest}")}</header>'
    yield f"<p>{element('code', what(card))}, {text(place(card))}</p>"
    yield f"<p>Proof: {text(proof(card))}</p>"
    yield from _steps(card)
    yield element("h2", "What was decided")
    shown = card.results[:MAX_ROWS]
    yield from table(("outcome", "obligation", "value", "bound", "rule", "because"), map(_row, shown))
    if len(card.results) > len(shown):
        yield element("p", f"and {len(card.results) - len(shown)} more: see the JSON card", of="soft")
    yield from _findings(card)
    if card.not_checked:
        yield element("h2", "Not checked")
        yield f"<ul>{''.join(element('li', words) for words in card.not_checked)}</ul>"
    if card.cost:
        yield element("h2", "Cost")
        yield from table(("step", "took"), [(text(name), text(words)) for name, words in card.cost])
    yield from _basis(card)


def _steps(card: Card) -> Iterator[str]:
    if card.plan.actions:
        yield element("h2", "Next step" if len(card.plan.actions) == 1 else "Next steps, the cheapest that are enough")
    for action in card.plan.actions:
        yield f'<div class="step"><p>{text(action.action)}</p>{element("p", why(action), of="soft")}'
        yield f"{element('pre', shlex.join(action.command)) if action.command else ''}</div>"
    if decides_again(card):
        yield element("p", f"Afterwards: {decides_again(card)}.", of="soft")


def _row(result: RuleResult) -> tuple[str, ...]:
    colour = {Outcome.MET: "good", Outcome.NOT_APPLICABLE: "soft"}.get(
        result.outcome, "bad" if result.blocking else "warn"
    )
    return (
        element("span", outcome(result), of=colour),
        element("code", result.key),
        text(result.value),
        element("span", result.bound, of="whole"),
        element("span", result.rule, of="whole"),
        element("span", result.why, of="soft"),
    )


def _findings(card: Card) -> Iterator[str]:
    if card.remarks:
        yield element("h2", "Found")
        rows = [(element("code", f"{r.path}:{r.line}"), text(r.rule), text(r.message)) for r in card.remarks]
        yield from table(("place", "rule", "what"), rows)
        if card.remarks_left_out:
            yield element("p", f"and {card.remarks_left_out} more", of="soft")


def _basis(card: Card) -> Iterator[str]:
    facts = card.basis.facts
    yield element("h2", "Decided from")
    rows = [
        ("day", card.basis.today),
        ("branch", facts.branch or "unknown"),
        ("environment", facts.environment or "unknown"),
        ("hazard", facts.hazard or "not measured"),
        ("required gates", ", ".join(card.basis.gates) or "none"),
    ]
    yield from table(("fact", "value"), [(text(name), text(value)) for name, value in rows])
    yield element("p", "maestro card replay makes this decision again from the JSON card.", of="soft")
