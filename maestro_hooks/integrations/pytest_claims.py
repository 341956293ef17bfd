"""A finished test session as data, and the obligations and documents that follow from it.

Invariant: everything here is a function of ``Session``. Counts can be recomputed from the blob ``outcomes``;
durations stay outside the claims, so equal results make equal records.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.integrations.pytest_outcomes import Outcome
    from maestro_hooks.integrations.pytest_selection import Fault, Selection
    from maestro_hooks.session_requests import TestOutcome

SCHEMA = "maestro.pytest/1"
DESELECTED = "pytest/deselected_by_maestro"


class Session(Value, frozen=True, kw_only=True):
    """What happened: one outcome per test, what was selected, and whether the session ran to its end.

    ``selection`` is ``None`` if no process that collected lived to report it. ``tree`` is the git tree id the tests
    ran on, or ``changed-during-run:<id>``.
    """

    run: str
    tree: str
    pairs: tuple[tuple[str, Outcome], ...]
    counts: dict[Outcome, int]
    tests: tuple[TestOutcome, ...]
    to_run: int
    completed: bool
    selection: Selection | None
    faults: tuple[Fault, ...] = ()

    @property
    def deselected(self) -> int:
        """How many tests Maestro deselected."""
        return len(self.selection.deselected) if self.selection else 0

    @property
    def collected(self) -> int:
        """The tests of this run: those to run and those Maestro deselected, without what others deselected."""
        return self.to_run + self.deselected

    @property
    def all_justified(self) -> bool:
        """Whether there were tests, and Maestro deselected every one with a reason."""
        return self.deselected > 0 and self.to_run == 0


def obligations(session: Session) -> tuple[Obligation, ...]:
    """The claims of a test run; ``pytest/deselected_by_maestro`` is absent if nobody lived to say it."""
    counts = session.counts
    # One passed test at least: a run that found no tests proves nothing. Unless tests were skipped for a reason, which
    # is a claim of its own: a change of documentation must be able to pass, where some tests never pass, too.
    floor = 0 if session.deselected else 1
    claims = [
        Obligation(key="pytest/collected", value=session.collected, kind="test"),
        Obligation(key="pytest/completed", value=session.completed, min=True, kind="test"),
        Obligation(key="pytest/errors", value=counts["error"], max=0, kind="test"),
        Obligation(key="pytest/failed", value=counts["failed"], max=0, kind="test"),
        Obligation(key="pytest/passed", value=counts["passed"], min=floor, kind="test"),
        Obligation(key="pytest/plugin_failures", value=len(session.faults), kind="test"),
        Obligation(key="pytest/skipped", value=counts["skipped"], kind="test"),
        Obligation(key="pytest/xfailed", value=counts["xfailed"], kind="test"),
        Obligation(key="pytest/xpassed", value=counts["xpassed"], kind="test"),
    ]
    if session.selection is not None:
        claims.append(Obligation(key=DESELECTED, value=session.deselected, kind="test"))
    return tuple(sorted(claims, key=lambda claim: claim.key))


def outcomes_blob(session: Session) -> bytes:
    """``[[node id, outcome], ...]``, sorted; failed and skipped collectors stand under their own id."""
    return _canonical(session.pairs)


def skips_blob(session: Session) -> bytes:
    """``[[node id, plugin, reason], ...]`` of the tests Maestro deselected, sorted."""
    skips = session.selection.deselected if session.selection else ()
    return _canonical([[s.nodeid, s.plugin, s.reason] for s in skips])


def durations_blob(session: Session) -> bytes:
    """``[[node id, microseconds], ...]``, sorted: setup, call and teardown of the attempt that counted."""
    return _canonical(sorted((t.nodeid, t.duration_us) for t in session.tests))


def _canonical(value: object) -> bytes:
    # ASCII only: a node id may hold lone surrogates, which no UTF-8 can carry.
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), sort_keys=True).encode("ascii")


def document(
    session: Session, *, records: Iterable[Record], exit_status: int, segment: str, error: str
) -> dict[str, object]:
    """What ``--maestro-json`` writes. ``ok`` is true only if all was recorded and every obligation is met."""
    made = tuple(records)
    verdicts = {record.key: str(record.verdict) for record in made}
    selection = session.selection
    return {
        "schema": SCHEMA,
        "ok": not error and bool(verdicts) and set(verdicts.values()) == {"met"},
        "run": session.run,
        "tree": session.tree,
        "inputs": made[0].inputs if made else "",
        "exit_status": exit_status,
        "completed": session.completed,
        "collected": session.collected,
        "counts": dict(session.counts),
        "obligations": verdicts,
        "tests": [msgspec.structs.asdict(test) for test in sorted(session.tests, key=lambda test: test.nodeid)],
        "collectors": [list(pair) for pair in session.pairs if pair[0] not in {t.nodeid for t in session.tests}],
        "select": selection.mode if selection else None,
        "skips": msgspec.to_builtins(selection.skips) if selection else None,
        "full_run_reasons": [list(pair) for pair in selection.full] if selection else None,
        "failures": msgspec.to_builtins(session.faults),
        "segment": segment,
        "error": error,
    }
