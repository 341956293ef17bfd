"""The active part of the pytest plugin, loaded only with ``--maestro``.

Invariant: the process that reports (pytest itself, or the controller under pytest-xdist) writes one ledger segment per
session, after the last test, and a session whose claims could not be written ends with exit code 3.

Workers select tests and tell the controller what they decided through ``workeroutput``; they count nothing. The run
id reaches them through ``workerinput`` and each process sees it as ``MAESTRO_RUN`` while the session lasts, so that
plugins in any process write segments of the same run.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from maestro_hooks.errors import MaestroError, UsageError
from maestro_hooks.integrations import pytest_claims, pytest_recording, pytest_report
from maestro_hooks.integrations.pytest_contributions import contributions, run_of
from maestro_hooks.integrations.pytest_inputs import inputs_of
from maestro_hooks.integrations.pytest_outcomes import Tally, phase_of
from maestro_hooks.integrations.pytest_plugin import MODES, SESSION
from maestro_hooks.integrations.pytest_project import (
    head_of,
    listing_after,
    listing_before,
    repository_of,
)
from maestro_hooks.integrations.pytest_selection import Selection, Selector, effective_mode, fault, node_names
from maestro_hooks.integrations.quick import no_collections
from maestro_hooks.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_hooks.evidence.record import Record
    from maestro_hooks.integrations.pytest_claims import Session
    from maestro_hooks.integrations.pytest_selection import Fault, Mode
    from maestro_hooks.workspace import Workspace

RUN_VARIABLE = "MAESTRO_RUN"
# The run id names a directory.
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
# Exit codes of a session that went through all it was asked to do.
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


def register(config: pytest.Config) -> None:
    """Register the part this process plays. Raises ``pytest.UsageError`` for a wrong ``maestro_select``."""
    wanted = config.getoption("maestro_select") or config.getini("maestro_select")
    if wanted not in MODES:
        raise pytest.UsageError(f"ini key maestro_select is {wanted!r}, expected one of: {', '.join(MODES)}")
    mode, narrowed = effective_mode(config, wanted)
    part = Worker(config, mode) if hasattr(config, "workerinput") else Controller(config, mode, narrowed)
    config.pluginmanager.register(part, SESSION)


def open_project(config: pytest.Config, mode: Mode) -> tuple[Workspace, Selector]:
    """Open the repository and the host, and register the selector of this process. Raises ``pytest.UsageError``."""
    try:
        workspace = open_workspace(repository_of(config))
    except MaestroError as error:
        raise pytest.UsageError(f"maestro: {error}") from error
    selector = Selector(config, host=workspace.host, root=workspace.root, mode=mode)
    config.pluginmanager.register(selector, f"{SESSION}-selector")
    return workspace, selector


def announce_run(config: pytest.Config, run: str) -> None:
    """Set ``MAESTRO_RUN`` until the session is unconfigured."""
    before = os.environ.get(RUN_VARIABLE)
    os.environ[RUN_VARIABLE] = run

    def restore() -> None:
        if before is None:
            os.environ.pop(RUN_VARIABLE, None)
        else:
            os.environ[RUN_VARIABLE] = before

    config.add_cleanup(restore)


class Worker:
    """A pytest-xdist worker: selects, and hands its decision to the controller."""

    def __init__(self, config: pytest.Config, mode: Mode) -> None:
        self._config = config
        self._mode = mode

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Join the controller's run."""
        announce_run(self._config, cast("Any", self._config).workerinput["maestro_run"])
        with no_collections():
            _, self._selector = open_project(self._config, self._mode)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Hand over the decision before pytest-xdist sends its last message."""
        cast("Any", self._config).workeroutput["maestro"] = msgspec.json.encode(self._selector.selection).decode()


class Controller:
    """The process that reports: counts outcomes, writes the ledger, tells the user."""

    def __init__(self, config: pytest.Config, mode: Mode, narrowed: str) -> None:
        self._config = config
        self._mode = mode
        self._narrowed = narrowed
        self._plain = node_names(config)
        self._tally = Tally()
        self._recording = False
        self._expected: set[str] | None = None
        self._from_worker: Selection | None = None
        self._faults: list[Fault] = []
        self._lines: list[str] = []
        self._json = Path(config.invocation_params.dir, path) if (path := config.getoption("maestro_json")) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Open the project, so that whatever forbids recording ends the session before a test runs."""
        with no_collections():
            self._open()

    def _open(self) -> None:
        config = self._config
        self._workspace, self._selector = open_project(config, self._mode)
        self._faults += [fault(f) for f in self._workspace.host.broken("load")]
        self._observed = bool(self._workspace.host.implementing("maestro_test_finished"))
        try:
            self._run = self._run_id()
            if not config.getoption("collectonly"):
                pytest_recording.check_writable(self._workspace.root, self._run)
                self._tree = self._workspace.repository.work_tree(listing_before(config))
        except MaestroError as error:
            raise pytest.UsageError(f"maestro: {error}") from error
        if self._json is not None and not self._json.parent.is_dir():
            raise pytest.UsageError(f"--maestro-json: no such directory: {self._json.parent}")
        announce_run(config, self._run)
        self._set_junit_property()

    def _run_id(self) -> str:
        given = self._config.getoption("maestro_run") or os.environ.get(RUN_VARIABLE)
        run = str(given or listing_before(self._config).run_id)
        if not _RUN_ID.fullmatch(run):
            raise UsageError(
                f"run id {run!r} is not a plain name",
                where=f"--maestro-run or {RUN_VARIABLE}",
                fix="use letters, digits, dot, hyphen and underscore, at most 100",
            )
        return run

    def _set_junit_property(self) -> None:
        if self._config.getoption("xmlpath", None):
            from _pytest.junitxml import xml_key  # noqa: PLC0415 - only with --junitxml; no public way

            self._config.stash[xml_key].add_global_property("maestro.run", self._run)

    def pytest_report_header(self) -> str:
        """One header line."""
        return pytest_report.header(self._run, mode=self._mode, narrowed=self._narrowed)

    def pytest_report_collectionfinish(self) -> list[str]:
        """What the accelerators said; under pytest-xdist the summary tells it."""
        return pytest_report.collected(self._selector.selection)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Give a pytest-xdist worker the run id."""
        node.workerinput["maestro_run"] = self._run

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """From here on the session claims something; ``--fixtures`` and the like never come here."""
        self._recording = not self._config.getoption("collectonly")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Remember what is to run."""
        self._expect(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Remember what the workers are to run."""
        self._expect(ids)

    def _expect(self, nodeids: Any) -> None:
        self._expected = (self._expected or set()) | {self._plain(nodeid) for nodeid in nodeids}

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take a worker's decision; all workers decide the same, and one that crashed has none."""
        encoded = getattr(node, "workeroutput", {}).get("maestro")
        if encoded is not None:
            self._from_worker = msgspec.json.decode(encoded, type=Selection)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count broken and skipped modules."""
        self._tally.add_collector(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a report, and tell the observers about a finished test."""
        outcome = self._tally.add(phase_of(report, self._plain(report.nodeid)))
        if outcome is not None and self._observed:
            results = self._workspace.host.call("maestro_test_finished", outcome)
            self._faults += [fault(f) for f in results.failures]

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write what happened, and let the exit code say if an obligation is unmet or nothing could be written."""
        if self._recording:
            with no_collections():
                self._finish(session)

    def _finish(self, session: pytest.Session) -> None:
        happened = self._happened(session)
        if session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and happened.all_justified:
            session.exitstatus = pytest.ExitCode.OK
        records, segment, error = self._record(happened)
        if error:
            session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        elif session.exitstatus == pytest.ExitCode.OK and any(r.verdict != "met" for r in records):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self._json is not None:
            status = int(session.exitstatus)
            content = pytest_claims.document(
                happened, records=records, exit_status=status, segment=segment, error=error
            )
            try:
                pytest_recording.write_json(self._json, content)
            except OSError as failure:
                error = error or f"cannot write {self._json}: {failure.strerror}"
                session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
        self._lines = pytest_report.summary(happened, records=records, segment=segment, error=error)

    def _happened(self, session: pytest.Session) -> Session:
        tally = self._tally
        distributed = self._config.pluginmanager.has_plugin("dsession")
        selection = self._from_worker if distributed else self._selector.selection
        expected = self._expected or set()
        return pytest_claims.Session(
            run=self._run,
            tree=self._tree_afterwards(),
            pairs=tuple(tally.pairs()),
            counts=tally.counts(),
            tests=tuple(tally.tests.values()),
            to_run=len(expected),
            completed=(
                session.exitstatus in _ENDED
                and self._expected is not None
                and selection is not None
                and "error" not in tally.collectors.values()
                and not tally.missing(expected)
            ),
            selection=selection,
            faults=tuple(sorted({*self._faults, *(selection.faults if selection else ())})),
        )

    def _tree_afterwards(self) -> str:
        """The tree the results speak about: none if it changed while tests ran, or git can no longer tell."""
        try:
            after = self._workspace.repository.work_tree(listing_after(self._config))
        except MaestroError:
            return f"changed-during-run:{self._tree}"
        return self._tree if after == self._tree else f"changed-during-run:{self._tree}"

    def _record(self, happened: Session) -> tuple[tuple[Record, ...], str, str]:
        """The records written, the segment's path, and what went wrong in words."""
        root = self._workspace.root
        inputs = inputs_of(self._config, root=root, tree=happened.tree, selection=happened.selection)
        try:
            writer = self._workspace.writer("pytest", parent=head_of(self._config), run=self._run)
            blobs = self._workspace.blobs
            run = run_of(happened, root=root, config=self._config)
            claims = contributions(self._workspace.host, run, blobs, test_run=inputs)
            records = pytest_recording.record(happened, inputs=inputs, blobs=blobs, writer=writer, contributed=claims)
        except (MaestroError, OSError) as error:
            return (), "", str(error)
        path = writer.path
        return records, path.relative_to(root).as_posix() if path else "", ""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The section ``maestro``, if anything is to be said."""
        left_out = [] if self._config.pluginmanager.has_plugin("dsession") else self._selector.left_out
        if left_out:
            # Pytest's last line counts what it was told to be deselected; these tests were never items.
            terminalreporter.stats.setdefault("deselected", []).extend(left_out)
        if self._lines:
            terminalreporter.section("maestro")
            for line in self._lines:
                terminalreporter.write_line(line)
            self._lines = []

    def pytest_unconfigure(self) -> None:
        """Without a terminal reporter an error still has to be said."""
        for line in self._lines:
            if line.startswith("ERROR"):
                sys.stderr.write(f"maestro: {line}\n")
