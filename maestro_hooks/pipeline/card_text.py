"""A Decision Card in words: lines for a terminal, Markdown for a pull request comment or a job summary."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from maestro_hooks.policy.evaluate import Outcome
from maestro_hooks.render import table

if TYPE_CHECKING:
    from maestro_hooks.pipeline.card import Card
    from maestro_hooks.policy.evaluate import RuleResult

MARKER = "<!-- maestro-decision-card -->"
MAX_ROWS = 20
MAX_MARKDOWN = 60_000  # a pull request comment holds 65,536 characters

_HEADLINES = {
    "sealed": "SEALED: every required obligation is met and the bundle verifies",
    "blocked": "BLOCKED: a required obligation is not met",
    "unproven": "UNPROVEN: the obligations are met, the bundle is not verified",
}


def lines(card: Card) -> list[str]:
    """The card for a terminal, plain words, one screen."""
    subject = card.subject
    what = f"{subject.name} {subject.version}".strip()
    out = [_HEADLINES[card.verdict], f"  {what}, {_place(card)}", ""]
    shown = card.results[:MAX_ROWS]
    rows = [(f"  {_outcome(r)}", r.key, r.value, r.bound, r.rule) for r in shown]
    out += table(("  outcome", "obligation", "value", "bound", "rule"), rows)
    if len(card.results) > len(shown):
        out.append(f"  and {len(card.results) - len(shown)} more")
    if card.not_checked:
        out += ["", "not checked:", *(f"  {words}" for words in card.not_checked)]
    if card.cost:
        out += ["", "cost:", *(f"  {name}: {words}" for name, words in card.cost)]
    out += ["", f"proof: {_proof(card)}"]
    if card.next_step is not None:
        out.append(f"next step: {card.next_step.action} (for rule {card.next_rule}, risk {card.next_step.risk})")
        if card.next_step.command:
            out.append(f"  {shlex.join(card.next_step.command)}")
    return out


def markdown(card: Card) -> str:
    """The card as Markdown, with a marker so that one comment is updated instead of many written."""
    subject = card.subject
    out = [
        MARKER,
        f"### {'✅' if card.verdict == 'sealed' else '❌'} {_HEADLINES[card.verdict]}",
        "",
        f"`{subject.name} {subject.version}`, {_place(card)}",
        "",
        "| outcome | obligation | value | bound | rule |",
        "|---|---|---|---|---|",
        *(_row(r) for r in card.results[:MAX_ROWS]),
        "",
    ]
    if len(card.results) > MAX_ROWS:
        out += [f"and {len(card.results) - MAX_ROWS} more", ""]
    if card.not_checked:
        out += ["**Not checked**", "", *(f"- {_cell(words)}" for words in card.not_checked), ""]
    if card.cost:
        out += ["**Cost**: " + ", ".join(f"{name} {words}" for name, words in card.cost), ""]
    out.append(f"**Proof**: {_proof(card)}")
    if card.next_step is not None:
        reason = f"(rule `{card.next_rule}`, risk {card.next_step.risk})"
        out += ["", f"**Next step** {reason}: {_cell(card.next_step.action)}"]
        if card.next_step.command:
            out += ["", "```sh", shlex.join(card.next_step.command), "```"]
    text = "\n".join(out) + "\n"
    return text if len(text) <= MAX_MARKDOWN else text[:MAX_MARKDOWN] + "\n\n(cut: see the JSON card)\n"


def _outcome(result: RuleResult) -> str:
    return result.outcome.value + ("" if result.blocking else " (advisory)")


def _place(card: Card) -> str:
    commit = f"commit {card.subject.commit[:12]}" if card.subject.commit else "uncommitted work tree"
    return f"{commit}, tree {card.subject.tree[:12]}, {card.obligations} obligations"


def _proof(card: Card) -> str:
    proof = card.proof
    if proof.verdict == "not-sealed":
        return "none, nothing was sealed"
    failed = f" at {proof.first_failure}" if proof.first_failure else ""
    return f"{proof.verdict}{failed}, {proof.bundle}, manifest sha256 {proof.manifest_sha256[:16]}"


def _row(result: RuleResult) -> str:
    mark = {Outcome.MET: "✅", Outcome.NOT_APPLICABLE: "\N{EN DASH}"}.get(
        result.outcome, "❌" if result.blocking else "⚠️"
    )
    cells = (f"{mark} {result.outcome.value}", f"`{_cell(result.key)}`", result.value, result.bound, result.rule)
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")
