"""A Decision Card for a terminal, and the words every other form shares.

Invariant: what a plugin, a file name or a finding says can neither move the cursor nor change colours.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from maestro_hooks.evidence.listing import plain
from maestro_hooks.policy.results import Outcome
from maestro_hooks.render import table

if TYPE_CHECKING:
    from maestro_hooks.pipeline.card import Card, Remark
    from maestro_hooks.pipeline.next_step import Action
    from maestro_hooks.policy.results import RuleResult

MAIN_JOB = ("maestro", "run")
MAX_ROWS = 20
MAX_REMARKS = 10

HEADLINES = {
    "sealed": "SEALED: every required obligation is met and the bundle verifies",
    "blocked": "BLOCKED: a required obligation is not met",
    "unproven": "UNPROVEN: the obligations are met, the bundle is not verified",
}


def lines(card: Card) -> list[str]:
    """The card for a terminal, plain words, one screen."""
    out = [HEADLINES[card.verdict], f"  {plain(what(card))}, {place(card)}", ""]
    shown = card.results[:MAX_ROWS]
    rows = [tuple(plain(cell) for cell in (f"  {outcome(r)}", r.key, r.value, r.bound, r.rule)) for r in shown]
    out += table(("  outcome", "obligation", "value", "bound", "rule"), rows)
    if len(card.results) > len(shown):
        out.append(f"  and {len(card.results) - len(shown)} more")
    if card.remarks:
        out += ["", "found:", *(f"  {visible(f'{r.path}:{r.line}: {r.rule} {r.message}')}" for r in remarks(card))]
        if left_out(card):
            out.append(f"  and {left_out(card)} more")
    if card.not_checked:
        out += ["", "not checked:", *(f"  {visible(words)}" for words in card.not_checked)]
    if card.cost:
        out += ["", "cost:", *(f"  {visible(name)}: {visible(words)}" for name, words in card.cost)]
    out += ["", f"proof: {proof(card)}"]
    for i, action in enumerate(card.plan.actions):
        out += ["", f"{'next step' if i == 0 else 'then'}: {visible(action.action)}"]
        if action.command:
            out.append(f"  $ {visible(shlex.join(action.command))}")
        out += [f"  {visible(words)}" for words in (price(action), asked(action))]
    if decides_again(card):
        out += ["", f"afterwards: {decides_again(card)}"]
    if not card.plan.exact:
        out.append("  (the cheapest found; there were too many ways to prove that none is cheaper)")
    return out


def visible(text: str) -> str:
    """``text`` whole, with what could move a terminal's cursor written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def what(card: Card) -> str:
    """Name and version of what the card is about."""
    return f"{card.subject.name} {card.subject.version}".strip()


def place(card: Card) -> str:
    """Commit, tree and how many obligations were recorded."""
    commit = f"commit {card.subject.commit[:12]}" if card.subject.commit else "uncommitted work tree"
    return f"{commit}, tree {card.subject.tree[:12]}, {card.obligations} obligations"


def outcome(result: RuleResult) -> str:
    """The outcome, and whether it only advises."""
    advises = not result.blocking and result.outcome is not Outcome.NOT_APPLICABLE
    return result.outcome.value + (" (advisory)" if advises else "")


def decides_again(card: Card) -> str:
    """What to do after the steps of a plan; empty if they end in it."""
    steps = card.plan.actions
    if not steps or steps[-1].command == MAIN_JOB:
        return ""
    return f"{shlex.join(MAIN_JOB)}, which checks the changed tree and decides again"


def price(action: Action) -> str:
    """What an action costs and how risky it is."""
    return f"about {duration(action.cost_s)}, risk {action.risk}"


def asked(action: Action) -> str:
    """Which rules ask for an action, and the policy's reasons."""
    shown = ", ".join(action.rules[:3]) + (f" and {len(action.rules) - 3} more" if len(action.rules) > 3 else "")
    reasons = "; ".join(action.reasons[:3])
    return f"asked for by {'rule' if len(action.rules) == 1 else 'rules'} {shown}" + (f": {reasons}" if reasons else "")


def why(action: Action) -> str:
    """Cost, risk and the rules that ask for an action, in one line."""
    return f"{price(action)}, {asked(action)}"


def duration(seconds: int) -> str:
    """A cost in the unit people use."""
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


def proof(card: Card) -> str:
    """What the verifier said of the bundle."""
    found = card.proof
    if found.verdict == "not-sealed":
        return "none, nothing was sealed"
    failed = f" at {found.first_failure}" if found.first_failure else ""
    return f"{found.verdict}{failed}, {found.bundle}, manifest sha256 {found.manifest_sha256[:16]}"


def remarks(card: Card) -> tuple[Remark, ...]:
    """The findings a screen has room for."""
    return card.remarks[:MAX_REMARKS]


def left_out(card: Card) -> int:
    """How many findings a screen has no room for."""
    return len(card.remarks) - len(remarks(card)) + card.remarks_left_out
