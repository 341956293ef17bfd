"""The words an active session says: the header, the line after collection, the summary section.

Invariant: pure; nothing is said that did not happen, and a failed plugin or an unmet obligation is always said.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.integrations.pytest_claims import Session
    from maestro_hooks.integrations.pytest_selection import Fault, Mode, Selection


def header(run: str, *, mode: Mode, narrowed: str) -> str:
    """The header line: which run, and how tests are selected."""
    why = f" ({narrowed}, so nothing is skipped)" if narrowed else ""
    return f"maestro: run {run}, select {mode}{why}"


def collected(selection: Selection) -> list[str]:
    """The line after collection, and one per accelerator that failed; empty if no accelerator said anything."""
    if not (selection.skips or selection.full or selection.faults):
        return []
    # Most frequent reason first; a tie is broken by the words, so equal runs say equal things.
    reasons = Counter(f"{s.plugin}: {s.reason}" for s in selection.skips)
    reasons.update(f"{plugin}: {reason}" for plugin, reason in selection.full)
    ranked = sorted(reasons, key=lambda words: (-reasons[words], words))
    more = f", and {len(ranked) - 1} more reasons" if len(ranked) > 1 else ""
    reason = f", reason: {ranked[0]}{more}" if ranked else ""
    line = f"maestro: select {selection.mode}, {len(selection.skips)}/{selection.tests} skippable{reason}"
    return [line, *(f"maestro: {words(fault)}" for fault in selection.faults)]


def words(fault: Fault) -> str:
    """A failed plugin. A failed accelerator is said to be off, for that is what the user has to know."""
    if fault.hook in ("maestro_select", "maestro_leave_out"):
        return f"{fault.plugin}: disabled ({fault.error_class}: {fault.message})"
    return f"{fault.plugin}: {fault.hook} failed ({fault.error_class}: {fault.message})"


def summary(session: Session, *, records: Sequence[Record], segment: str, error: str) -> list[str]:
    """The lines of the summary section."""
    parts = [f"{count} {outcome}" for outcome, count in session.counts.items() if count]
    if session.deselected:
        parts.append(f"{session.deselected} skipped by Maestro (deselected)")
    lines = [", ".join(parts) or "no test ran"]
    reruns = sum(1 for test in session.tests if test.reruns)
    if reruns:
        lines.append(f"{reruns} with an outcome reached only after reruns")
    lines += _skips(session.selection)
    lines += [words(fault) for fault in session.faults]
    if session.tree.startswith("changed-during-run:"):
        lines.append(
            "the work tree changed during the run, so these results speak about no tree: "
            "add files that tests generate to .gitignore"
        )
    if not session.completed:
        lines.append("the session is not complete: some test did not run to its end")
    lines += [_unmet(record) for record in records if record.verdict is not Verdict.MET]
    if segment:
        lines.append(f"ledger: {segment}")
    if error:
        lines.append(f"ERROR: nothing may be concluded from this run: {error}")
    return lines


def _skips(selection: Selection | None) -> list[str]:
    if selection is None:
        return []
    lines = []
    if selection.skips:
        label = "SKIPPED BY MAESTRO" if selection.mode == "on" else "SKIPPABLE (ran all the same)"
        grouped = Counter((s.plugin, s.reason) for s in selection.skips)
        lines += [f"{label} [{count}] {plugin}: {reason}" for (plugin, reason), count in sorted(grouped.items())]
    lines += [f"{plugin}: all tests run: {reason}" for plugin, reason in selection.full]
    return lines


def _unmet(record: Record) -> str:
    if record.verdict is Verdict.ERROR or record.quantity is None:
        return f"{record.verdict}: {record.key}: {record.error or record.text}"
    low = f", at least {record.quantity.min}" if record.quantity.min is not None else ""
    high = f", at most {record.quantity.max}" if record.quantity.max is not None else ""
    return f"{record.verdict}: {record.key} is {record.quantity.q}{low}{high}"
