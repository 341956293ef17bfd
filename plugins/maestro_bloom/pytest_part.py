"""The active part in one pytest process: records, selects, and keeps the index.

Three kinds of process meet: one that does everything, an xdist controller (keeps the index, sees all outcomes), and
an xdist worker (records its tests into a shard of its own). The controller tells workers which index to use, so that
all of them select alike while other runs write new ones.

Invariant: whatever fails here is told, and costs skips or records, never a test's result.
"""

from __future__ import annotations

import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from maestro_bloom.keeping import Keeper, Run
from maestro_bloom.model_cache import Models
from maestro_bloom.pytest_environment import environment_of, run_is_whole
from maestro_bloom.settings import BloomSettings
from maestro_bloom.store import Store, salt_of
from maestro_bloom.tree import read_tree
from maestro_hooks.config import plugin_settings, read_layers
from maestro_hooks.errors import MaestroError
from maestro_hooks.integrations.pytest_project import (
    head_of,
    listing_after,
    listing_before,
    repository_of,
)
from maestro_hooks.integrations.quick import no_collections, own_imports
from maestro_hooks.session_requests import FileSkip, RunAll, Skip

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from maestro_bloom.claims import Facts
    from maestro_bloom.collected import Collected
    from maestro_bloom.index import Filters, Index
    from maestro_bloom.pytest_recording import Recording
    from maestro_bloom.tree import Tree
    from maestro_hooks.project.repository import Repository
    from maestro_hooks.session_requests import Cache, CollectionPlan, TestPlan, TestRun

NAME = "maestro-bloom"
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


class Handed(msgspec.Struct, frozen=True):
    """What the controller hands to its workers: the index to use, the environment as it saw it, the order's seed."""

    index: str
    environment: dict[str, str]
    seed: str


def start(config: pytest.Config) -> None:
    """Register the part of this process, recording if that is wanted and possible."""
    variables = dict(os.environ)
    try:
        repository = repository_of(config)
        layers = read_layers(repository.root, env=os.environ, overrides={}, plugins=("bloom",))
        if "bloom" in layers.values.get("disable", ()):
            return
        settings = plugin_settings(layers, "bloom", BloomSettings)
    except MaestroError:
        return  # the host meets the same error and explains it
    part = Part(config, repository=repository, settings=settings, variables=variables)
    config.pluginmanager.register(part, NAME)
    part.start_recording()


def part_of(asked: CollectionPlan | TestPlan | TestRun) -> Part | None:
    """The part of the pytest process that asks, if it has one."""
    part = cast("Any", asked.config).pluginmanager.get_plugin(NAME)
    return part if isinstance(part, Part) else None


class Part:
    """One process's part."""

    def __init__(
        self, config: pytest.Config, *, repository: Repository, settings: BloomSettings, variables: dict[str, str]
    ) -> None:
        self._config = config
        self._repository = repository
        self._settings = settings
        self._known = config.known_args_namespace
        self._recording: Recording | None = None
        self._silent = ""
        self._shards: list[Path] = []
        self._parts: list[tuple[Index, Filters]] = []
        self._seed = secrets.token_hex(4)
        self._others = 0
        self._left_out = False
        self._collected: Collected | None = None
        self._skips = 0
        self._whole = False
        self._words: list[str] = []
        store = Store(repository.root)
        self._keeper = Keeper(
            store=store,
            models=Models(store.directory),
            settings=settings,
            variables=variables,
            own_salt=lambda: salt_of(settings.salt or repository.remote_url() or repository.root.name),
            now=int(time.time()),
        )

    # Recording ----------------------------------------------------------------------------------------------------

    def start_recording(self) -> None:
        """Begin to record, or remember why not."""
        self._silent = self._reason_for_silence()
        if self._silent:
            return
        with own_imports():
            from maestro_bloom.collected import Collected  # noqa: PLC0415 - only when recording
            from maestro_bloom.monitoring_tools import ToolTakenError  # noqa: PLC0415 - as above
            from maestro_bloom.pytest_recording import Recording  # noqa: PLC0415 - as above

        keeper = self._keeper
        try:
            keeper.tree = self._tree()
            recording = Recording(tree=keeper.tree, models=keeper.models, variables=keeper.variables)
        except (MaestroError, ToolTakenError) as error:
            self._silent = str(error)
            return
        self._recording = recording
        self._collected = Collected(recording.territory)
        self._config.pluginmanager.register(self._collected, f"{NAME}-collected")
        self._config.pluginmanager.register(recording, f"{NAME}-recording")

    def _tree(self) -> Tree:
        return read_tree(self._repository.root, listing_before(self._config))

    def _reason_for_silence(self) -> str:
        known = self._known
        if (known.maestro_record or self._config.getini("maestro_record")) != "on":
            return "--maestro-record=off"
        if known.collectonly:
            return "--collect-only"
        controls = getattr(known, "numprocesses", None) or getattr(known, "tx", None)
        if controls and "PYTEST_XDIST_WORKER" not in os.environ:
            return "the workers record"
        return ""

    # Selection ----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionstart(self) -> None:
        """Fix the index and the environment this run is judged by."""
        handed = getattr(self._config, "workerinput", {}).get("maestro_bloom")
        if handed is not None:
            given = msgspec.json.decode(handed, type=Handed)
            self._seed = given.seed
            self._keeper.choose(given.environment, Path(given.index) if given.index else None)
        else:
            parts = environment_of(self._config, self._repository.root, self._keeper.variables)
            self._keeper.choose(parts, None, newest=True)
            if self._keeper.lacking and not self._known.collectonly:
                self._fetch(parts)

    def _fetch(self, parts: dict[str, str]) -> None:
        """Nothing here fits: ask the caches of the project, in the process that chooses for all."""
        from maestro_bloom import sharing  # noqa: PLC0415 - seldom needed
        from maestro_hooks.caching import HostCache  # noqa: PLC0415 - as above
        from maestro_hooks.workspace import open_workspace  # noqa: PLC0415 - as above

        try:
            cache = HostCache(open_workspace(self._config.rootpath).host, "bloom", self._repository.root)
        except MaestroError:
            return  # the host meets the same error and explains it
        found = sharing.fetch(cache, self._keeper.store, parts, keep=self._settings.keep)
        if found is not None:
            self._keeper.choose(parts, found)

    def share(self, cache: Cache) -> None:
        """Offer the index of a whole run on a clean commit to the caches of the project."""
        written = self._keeper.written
        head = head_of(self._config)
        if written is None or not self._whole or not head:
            return
        from maestro_bloom import sharing  # noqa: PLC0415 - only after a whole run

        parts = self._keeper.environment
        # What a full run adds in another order is worth offering again; a repetition is not.
        known = sharing.offered(self._keeper.store, head, parts) and not self._known.maestro_full
        if not known and self._repository.status().clean:
            sharing.offer(cache, written, commit=head, parts=parts)
            sharing.remember(self._keeper.store, head, parts)

    def leave_out(self) -> Iterator[FileSkip]:
        """The files that need not be collected; none in a full run."""
        if self._known.maestro_full:
            return
        try:
            self._keeper.tree = self._keeper.tree or self._tree()
            found = self._keeper.left_out()
        except MaestroError:
            return  # the selection meets the same error and tells it
        for path, judgements in found.items():
            self._left_out = True
            yield FileSkip(path, tuple(Skip(j.nodeid, _unchanged_since(j.run)) for j in judgements))

    def select(self, plan: TestPlan) -> Iterator[Skip | RunAll]:
        """The tests of the plan that need not run, or why all must."""
        try:
            self._keeper.tree = self._keeper.tree or self._tree()
            judgements, reason = self._keeper.judge(plan.nodeids)
        except MaestroError as error:
            yield RunAll(str(error))
            return
        if reason or self._known.maestro_full:
            yield RunAll(reason or "--maestro-full")
            return
        for judgement in judgements:
            if not judgement.reasons:
                self._skips += 1
                yield Skip(judgement.nodeid, _unchanged_since(judgement.run))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Shuffle a full run, the same way in every worker."""
        if self._known.maestro_full and self._settings.random_order:
            from maestro_bloom.shuffling import shuffle  # noqa: PLC0415 - only for a full run

            items[:] = shuffle(items, seed=self._seed)

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Count what anybody deselects: such a run is not a full one."""
        self._others += sum(1 for _ in items)

    # xdist --------------------------------------------------------------------------------------------------------

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Hand the choice of index to a worker."""
        keeper = self._keeper
        handed = Handed(str(keeper.path or ""), keeper.environment, self._seed)
        node.workerinput["maestro_bloom"] = msgspec.json.encode(handed).decode()

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take a worker's shard; one that crashed has none, and its tests no record."""
        shard = getattr(node, "workeroutput", {}).get("maestro_bloom")
        if shard:
            self._shards.append(Path(shard))

    # The end ------------------------------------------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count outcomes, for the measure of earlier skips; what failed may have no record (a crash)."""
        if self._known.maestro_full or report.failed:
            self._keeper.outcomes.add(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the shard of a worker, or the new index."""
        with no_collections(), own_imports():
            self._finish(session)

    def _finish(self, session: pytest.Session) -> None:
        worker = getattr(self._config, "workeroutput", None)
        # What is left out is no item that could be deselected; offering it is enough.
        others = self._others or self._left_out
        whole = run_is_whole(self._config) and not others and session.exitstatus in _ENDED
        self._whole = whole
        run = Run(os.environ.get("MAESTRO_RUN", ""), head_of(self._config), whole, bool(self._known.maestro_full))
        try:
            if self._recording is not None:
                self._recording.stop()
                after = read_tree(self._repository.root, listing_after(self._config))
                found = self._collected.files if self._collected is not None else {}
                part = self._keeper.part(self._recording, run, after=after, collected=found)
                if worker is not None:
                    worker["maestro_bloom"] = str(self._keeper.store.shard(run.id or "run", *part)) if part else ""
                elif part:
                    self._parts.append(part)
            if worker is None and not self._known.collectonly:
                self._keeper.finish(self._parts, self._shards, run)
        except (MaestroError, OSError) as error:
            self._keeper.problem = f"no index was written: {error}"

    def facts(self) -> Facts:
        """What the obligations are made from."""
        return self._keeper.facts()

    def pytest_report_header(self) -> str:
        """Whether this run records, and in which order a full run goes."""
        how = f"recording by {self._recording.mechanism}" if self._recording else f"not recording ({self._silent})"
        order = f", random order, seed {self._seed}" if self._known.maestro_full and self._settings.random_order else ""
        return f"maestro bloom: {how}{order}"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what became of the index."""
        for line in self._keeper.words():
            terminalreporter.write_line(f"maestro bloom: {line}")

    def pytest_unconfigure(self) -> None:
        """Leave no trace in the process."""
        if self._recording is not None:
            self._recording.stop()


def _unchanged_since(run: str) -> str:
    return f"nothing it touched has changed since run {run}"
