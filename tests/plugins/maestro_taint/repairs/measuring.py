"""The rate of verified repairs over all true findings, by running each program before and after.

A true finding: the attack works before, and the check reports it. Verified: every rung held, the attack no longer
works, and ordinary inputs give what they gave. A refusal counts against the rate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_taint.fixes.apply import repair
from maestro_taint.fixes.tree import Tree
from maestro_taint.frontend.parse import decode
from maestro_taint.settings import TaintSettings
from tests.plugins.maestro_taint.analysing import models
from tests.plugins.maestro_taint.repairs.running import changed, exploited

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.plugins.maestro_taint.repairs.cases import Case


# Kinds whose safe form is the application's to choose: what a session may hold, which hosts, another data format.
NOT_FIXABLE = ("code", "deserialize", "ssrf", "trust")


@dataclass(frozen=True, slots=True)
class Measured:
    """One case and what became of it.

    ``verified``, ``refused``, ``failed`` (a rung), ``wrong`` (kept, but the run says no), ``missed`` (no finding),
    ``harmless`` (the attack does nothing before).
    """

    case: Case
    state: str
    detail: str
    text: str = ""


def measure(case: Case) -> Measured:  # noqa: PLR0911 - one return per outcome
    """Repair one case and run it."""
    old = {"app.py": case.data(), **case.others()}
    if not exploited(case, old):
        return Measured(case, "harmless", "")
    tree = Tree(dict(old), TaintSettings(hosts=case.hosts), models())
    outcomes = repair(tree)
    new = tree.files
    if not outcomes:
        return Measured(case, "missed", "")
    bad = [o for o in outcomes if o.state != "verified"]
    if bad and new == old:
        return Measured(case, bad[0].state, f"{bad[0].finding.rule}: {bad[0].detail}")
    text = "".join(f"# {path}\n{decode(data)}" for path, data in new.items() if data != old[path])
    if exploited(case, new):
        state = bad[0].state if bad else "wrong"
        return Measured(case, state, bad[0].detail if bad else "the attack still works", text)
    problem = changed(case, old, new)
    if problem:
        return Measured(case, "wrong", f"ordinary input: {problem}", text)
    if bad:
        return Measured(case, bad[0].state, f"{bad[0].finding.rule}: {bad[0].detail}", text)
    return Measured(case, "verified", outcomes[0].detail, text)


def summary(measured: Mapping[str, list[Measured]]) -> list[str]:
    """A Markdown table by set of programs."""
    lines = [
        "| programs | true findings | verified | refused | failed | wrong | rate |",
        "|---|---|---|---|---|---|---|",
    ]
    total: Counter[str] = Counter()
    for name, group in measured.items():
        row = Counter(m.state for m in group if m.state not in ("harmless", "missed"))
        total += row
        lines.append(f"{_row(name + ' set', row)} {100 * row['verified'] / max(1, row.total()):.1f} % |")
    lines.append(f"{_row('**all**', total)} {100 * total['verified'] / max(1, total.total()):.1f} % |")
    some = Counter(m.state for g in measured.values() for m in g if m.case.kind not in NOT_FIXABLE)
    some -= Counter({state: some[state] for state in ("harmless", "missed")})
    kinds = f"without {', '.join(NOT_FIXABLE)}"
    lines.append(f"{_row(kinds, some)} {100 * some['verified'] / max(1, some.total()):.1f} % |")
    return lines


def table(measured: Iterable[Measured]) -> list[str]:
    """A Markdown table by kind, and the reasons of refusals."""
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: Counter[str] = Counter()
    for m in measured:
        if m.state in ("harmless", "missed"):
            continue
        rows[m.case.kind][m.state] += 1
        if m.state == "refused":
            reasons[m.detail.partition(": ")[2] or m.detail] += 1
    lines = ["| kind | true findings | verified | refused | failed | wrong |", "|---|---|---|---|---|---|"]
    total: Counter[str] = Counter()
    for kind, row in sorted(rows.items()):
        total += row
        lines.append(_row(kind, row))
    lines.append(_row("**all**", total))
    share = 100 * total["verified"] / max(1, total.total())
    lines += [
        "",
        f"Verified repairs over all true findings: {total['verified']}/{total.total()} = {share:.1f} %.",
        "",
        "Refused:",
    ]
    lines += [f"- {count}x {reason}" for reason, count in reasons.most_common()]
    return lines


def _row(kind: str, row: Counter[str]) -> str:
    cells = (row[s] for s in ("verified", "refused", "failed", "wrong"))
    return f"| {kind} | {row.total()} | " + " | ".join(map(str, cells)) + " |"
