"""The pytest hooks that tell the recorder where one test ends and the next begins.

Invariant: an unfinished test (interrupted, crashed, rerun in progress) has no record.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from maestro_bloom.assembling import Assembly, Recorded
from maestro_bloom.observations import Bag, Territory
from maestro_bloom.observed_children import Children
from maestro_bloom.observed_inputs import Watcher
from maestro_bloom.recorder import Recorder
from maestro_hooks.integrations.pytest_outcomes import Tally, phase_of
from maestro_hooks.integrations.pytest_selection import node_names

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from types import CodeType

    from maestro_bloom.index import Filters, Index
    from maestro_bloom.model_cache import Models
    from maestro_bloom.source_parts import SourceModel
    from maestro_bloom.tree import Tree


_PASSED = [("setup", "passed"), ("call", "passed"), ("teardown", "passed")]


class Recording:
    """The recorder of this process as a pytest plugin. Raises ``ToolTakenError`` if it cannot see code run."""

    def __init__(self, *, tree: Tree, models: Models, variables: Mapping[str, str]) -> None:
        self._tree = tree
        self._models = models
        self._variables = variables
        self._finished: dict[str, Recorded] = {}
        self._shared: dict[object, Bag] = {}
        self._collected: set[str] = set()
        self._open: Recorded | None = None
        self._reports: list[pytest.TestReport] = []
        self._ending: Bag | None = None
        self._torn_down = False
        self.territory = Territory(str(tree.root))
        self.recorder = Recorder(self.territory)
        self.mechanism = self._install()

    def _install(self) -> str:
        recorder = self.recorder
        if sys.version_info >= (3, 12):
            from maestro_bloom.tracer_monitoring import MonitoringTracer  # noqa: PLC0415 - one of two

            tracer = MonitoringTracer(recorder, self._model_of)
            tracer.install()
            arm, mechanism = tracer.arm, "sys.monitoring"
            recorder.tracer = tracer
        else:
            from maestro_bloom.tracer_probes import ProbeTracer  # noqa: PLC0415 - one of two

            tracer = ProbeTracer(recorder, self._model_of, self._tree.root / ".maestro" / "bloom" / "probed")
            tracer.install()
            arm, mechanism = self._executing, "probes"
            recorder.tracer = tracer
        self._tracer = tracer
        tracer.arm_loaded()
        root = self._tree.root
        self._watcher = Watcher(recorder, arm, Children(recorder, str(root), root / ".maestro" / "bloom" / "children"))
        self._watcher.install()
        return mechanism

    def _model_of(self, path: str) -> SourceModel | None:
        return self._models.of(self._tree.content(path), self._tree.root / path)

    def _executing(self, _code: CodeType, path: str) -> None:
        """No probe is in what was compiled from anything but a source: it belongs to the source that had it executed.

        If that is one of tests alone, somebody else may keep it (a library's table of templates): it belongs to all.
        """
        if not path.endswith(".py"):
            keeper = self.recorder.keeper()
            everybody = not keeper or keeper in self._collected
            (self.recorder.session if everybody else self.recorder.at_import[keeper]).files.add(path)

    def stop(self) -> None:
        """Stop seeing anything."""
        if self.recorder.active:
            self.recorder.flush()
            self._watcher.stop()
            self._tracer.uninstall()

    # Hooks --------------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Learn how node ids are written."""
        self._plain = node_names(session.config)

    def pytest_collectstart(self, collector: pytest.Collector) -> None:
        """Remember which files are collected: they reach no test but their own."""
        path = getattr(collector, "path", None)
        found = self.territory.source(str(path)) if path is not None else None
        if found is not None:
            self._collected.add(found)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """From here on code runs for one test at a time."""
        self.recorder.collected()

    # Outermost: what other plugins do around a test is charged to it.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """One test, all attempts of it."""
        nodeid = self._plain(item.nodeid)
        path = self.territory.path(str(item.path)) or ""
        recorded = Recorded(nodeid, path, self.recorder.begin())
        recorded.varies = bool(getattr(getattr(item, "obj", None), "is_hypothesis_test", False))
        if path and not path.endswith(".py"):
            recorded.bag.files.add(path)
        self._open = recorded
        self._torn_down = False
        try:
            return (yield)
        finally:
            if not self._torn_down:  # elsewhere, or by another pytest: every one of them, to be sure
                recorded.shared = list(self._shared.values())
            self.recorder.end()
            for name in recorded.bag.files:
                self._tree.file(name)  # the version of what git does not list, while it is still that
            for name in recorded.bag.paths:
                self._tree.kind(name)
            recorded.bag.close()
            self._open = None
            if self._ended(recorded):
                self._finish(recorded)

    def _finish(self, recorded: Recorded) -> None:
        before = self._finished.get(recorded.nodeid)
        if before is not None:  # named twice on the command line, with --keep-duplicates
            recorded.shared += [before.bag, *before.shared]
            recorded.outcome = recorded.outcome if before.outcome == "passed" else before.outcome
        self._finished[recorded.nodeid] = recorded

    def _ended(self, recorded: Recorded) -> bool:
        """Whether the reports since the last test finished this one; if so, enter how it went."""
        reports, self._reports = self._reports, []
        if [(r.when, r.outcome) for r in reports] == _PASSED and not any(hasattr(r, "wasxfail") for r in reports):
            recorded.outcome = "passed"
            recorded.duration_us = round(sum(r.duration for r in reports) * 1_000_000)
            return True
        tally = Tally()
        for report in reports:
            tally.add(phase_of(report, self._plain(report.nodeid)))
        outcome = tally.tests.get(recorded.nodeid)
        if outcome is None:
            return False
        recorded.outcome = outcome.outcome
        recorded.flaky = outcome.reruns > 0
        recorded.duration_us = outcome.duration_us
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Learn how the test went."""
        if self._open is not None:
            self._reports.append(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any, request: Any) -> Generator[None, object, object]:
        """A fixture of wider scope runs once, for every test that uses it."""
        if fixturedef.scope == "function":
            try:
                return (yield)
            finally:
                if fixturedef.argname in getattr(request, "_fixture_defs", ()):
                    self._use(request)  # the one of this name that it overrides, while pytest knows of it
        bag = Bag()
        self._shared[fixturedef] = bag
        self.recorder.push(bag)
        try:
            return (yield)
        finally:
            self.recorder.pop()
            # It may have asked for others by name, which were set up long before.
            bag.others.update(other for other in self._active(request) if other is not bag)

    def pytest_fixture_post_finalizer(self, fixturedef: Any) -> None:
        """What its end runs belongs to its users too, not to the test that happened to be last."""
        shared = self._shared.get(fixturedef)
        if self._open is None or (shared is None and self._ending is None):
            return
        self.recorder.flush()
        if shared is not None:
            shared.update(self._ending or self._open.bag)
        if self._ending is not None:
            self._end_part()
            self._begin_part()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Each part of the end, up to where a fixture has ended, by itself."""
        try:
            if not self._shared or (nextitem is not None and nextitem.parent is item.parent):
                return (yield)  # no fixture of wider scope ends here
            self._begin_part()
            try:
                return (yield)
            finally:
                self._end_part()
        finally:
            self._torn_down = True
            self._use(getattr(item, "_request", None))  # pytest forgets it now

    def _use(self, request: Any) -> None:
        """The open test uses the fixtures of wider scope that this request has met."""
        if self._open is not None:
            self._open.shared += self._active(request)

    def _begin_part(self) -> None:
        self._ending = Bag()
        self.recorder.push(self._ending, part=True)

    def _end_part(self) -> None:
        self.recorder.pop()
        if self._open is not None and self._ending is not None:
            self._open.bag.update(self._ending)
            self._ending.close()
        self._ending = None

    def _active(self, request: Any) -> list[Bag]:
        definitions = getattr(request, "_fixture_defs", None)
        if definitions is None:
            return list(self._shared.values())  # another pytest: every one of them, to be sure
        return [self._shared[d] for d in definitions.values() if d in self._shared]

    # Result -------------------------------------------------------------------------------------------------------

    def changed(self, after: Tree) -> tuple[str, set[str]]:
        """A source that changed while tests ran (nothing may be concluded), and the other files that did."""
        before = self._tree.contents
        differing = {p for p in before.keys() | after.contents.keys() if before.get(p) != after.contents.get(p)}
        sources = sorted(p for p in differing if p in before and p.endswith(".py"))
        return (sources[0] if sources else ""), differing

    def index(self, blank: Index, *, unstable: set[str], sizes: Mapping[str, int]) -> tuple[Index, Filters]:
        """What this process saw."""
        assembly = Assembly(
            self.recorder,
            tree=self._tree,
            models=self._models,
            variables=self._variables,
            unstable=unstable,
            collected=self._collected,
        )
        return assembly.index(blank, self.finished, sizes=sizes)

    @property
    def finished(self) -> list[Recorded]:
        """The tests that ran to their end, in order."""
        return list(self._finished.values())
