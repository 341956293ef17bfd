"""What is wrong with a policy that reads well: waivers out of their time, patterns and waivers about nothing.

Invariant: a problem here never lets anything through by itself; it is told before a release is blocked by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Verdict
from maestro_hooks.evidence.policy_document import matches
from maestro_hooks.policy.document import MAX_DAYS
from maestro_hooks.policy.program import compile_policy

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Collection, Iterator

    from maestro_hooks.policy.document import Policy
    from maestro_hooks.policy.strict_yaml import Document


@dataclass(frozen=True, slots=True)
class Problem:
    """Where, what, and what to do."""

    where: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.fix})"


def problems(
    policy: Policy, document: Document, *, today: dt.date, keys: Collection[str], files: Collection[str] = ()
) -> Iterator[Problem]:
    """The problems of a merged policy on ``today``.

    Args:
        policy: the merged policy.
        document: the file at the top, which locates what is in it.
        today: the day waivers are judged on.
        keys: what was recorded here, empty if unknown.
        files: the paths of the tree, empty if unknown.
    """
    yield from _waiver_problems(policy, document, today)
    for check in compile_policy(policy).checks:
        where = _place(document, "rules", "id", check.id)
        if keys and check.is_pattern and not check.allow_empty and not any(map(check.matches, keys)):
            what = f"rule {check.id}: the pattern {check.require} matches nothing that was recorded here"
            yield Problem(where, what, "correct the pattern, or write 'allow_empty: true'")
        for guard in check.guards:
            if guard.fact == "files" and files and not any(matches(guard.wanted, path) for path in files):
                what = f"rule {check.id} never applies here: its condition 'files: {guard.wanted}' matches no file"
                yield Problem(where, what, "correct the pattern, or delete the rule")


def _waiver_problems(policy: Policy, document: Document, today: dt.date) -> Iterator[Problem]:
    checks = compile_policy(policy).checks
    for waiver in policy.waivers:
        where = _place(document, "waivers", "key", waiver.key)
        since, until = waiver.window
        speaking = [check for check in checks if check.matches(waiver.key)]
        if until < today:
            fix = f"{waiver.owner} renews it with a reason, or the finding is mended and the waiver deleted"
            yield Problem(where, f"the waiver of {waiver.key} expired on {waiver.expires}", fix)
        if since > today:
            yield Problem(where, f"the waiver of {waiver.key} begins in the future, on {since}", "wait, or correct it")
        if (until - today).days > MAX_DAYS:
            what = (
                f"the waiver of {waiver.key} ends on {waiver.expires}, in more than {MAX_DAYS} days: that is no expiry"
            )
            yield Problem(where, what, "end it within a time somebody can answer for")
        if not speaking:
            yield Problem(where, f"no rule speaks about {waiver.key}, which is waived", "delete the waiver")
        elif all(Verdict.WAIVED not in check.accept for check in speaking):
            what = f"no rule accepts a waiver of {waiver.key}: 'accept' leaves 'waived' out"
            yield Problem(where, what, "delete the waiver")


def _place(document: Document, table: str, field: str, value: str) -> str:
    """Where the entry stands; one of a layer below is located by the file that extends it."""
    entries = document.value.get(table) or []
    for i, entry in enumerate(entries):
        if entry.get(field) == value:
            return document.at(f"$.{table}[{i}].{field}")
    return document.at("$.extends")
