"""Which collected tests need not run: asked of the accelerators, applied as deselection, never as a pass.

Invariant: any doubt runs the test. A failing accelerator, a marked test, and a user who named tests skip nothing.

Every process that collects asks for itself (under pytest-xdist each worker, not the controller). The answer must be
a function of the plan and the tree; pytest-xdist compares the workers' collections and refuses a run that differs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import msgspec
import pytest

from maestro_hooks.integrations.pytest_leaving_out import LeftOut, Uncollected
from maestro_hooks.session_requests import RunAll, Skip, TestPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterable
    from pathlib import Path

    from maestro_hooks.host import Host, Results

Mode: TypeAlias = Literal["on", "off", "report"]


class Skipped(msgspec.Struct, frozen=True, order=True):
    """A test an accelerator would not run, and why."""

    nodeid: str
    plugin: str
    reason: str


class Fault(msgspec.Struct, frozen=True, order=True):
    """A plugin that did not answer, without its traceback: what crosses from worker to controller."""

    plugin: str
    hook: str
    error_class: str
    message: str


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """What one process decided. ``others`` are the tests pytest or other plugins deselected before."""

    mode: Mode
    tests: int = 0
    skips: tuple[Skipped, ...] = ()
    full: tuple[tuple[str, str], ...] = ()
    faults: tuple[Fault, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def deselected(self) -> tuple[Skipped, ...]:
        """The skips that were applied; in report mode none is."""
        return self.skips if self.mode == "on" else ()


def effective_mode(config: pytest.Config, wanted: Mode) -> tuple[Mode, str]:
    """``on`` becomes ``report`` for a user who asked for certain tests; with the reason in words."""
    if wanted != "on":
        return wanted, ""
    if config.getoption("keyword"):
        return "report", "-k asks for certain tests"
    if config.getoption("markexpr") not in ("", _own_marks(config)):
        return "report", "-m asks for certain tests"
    if any("::" in argument for argument in config.args):
        return "report", "the command line names tests"
    return "on", ""


def _own_marks(config: pytest.Config) -> str:
    """The ``-m`` of the project's own ``addopts``: that asks for nothing, it says which tests there are by default."""
    found = ""
    arguments = iter(config.getini("addopts"))
    for argument in arguments:
        if argument == "-m":
            found = next(arguments, "")
        elif argument.startswith("-m"):
            found = argument.removeprefix("-m")
    return found


def decide(results: Results, *, mode: Mode, nodeids: Collection[str], always: Collection[str]) -> Selection:
    """Judge what the accelerators answered; any failure, or a value that is no answer, skips nothing."""
    faults = [fault(f) for f in results.failures]
    skips: dict[str, Skipped] = {}
    full: list[tuple[str, str]] = []
    known = frozenset(nodeids) - frozenset(always)
    for plugin, value in results.values:
        if isinstance(value, RunAll):
            full.append((plugin, value.reason))
        elif not isinstance(value, Skip):
            words = f"yielded {type(value).__name__}, expected Skip or RunAll"
            faults.append(Fault(plugin, "maestro_select", "TypeError", words))
        elif value.nodeid in known:
            skips.setdefault(value.nodeid, Skipped(value.nodeid, plugin, value.reason))
    if faults:
        skips.clear()
    return Selection(
        mode=mode,
        tests=len(nodeids),
        skips=tuple(sorted(skips.values())),
        full=tuple(full),
        faults=tuple(sorted(set(faults))),
    )


def fault(failure: object) -> Fault:
    """A host ``Failure`` as it is carried and shown."""
    return Fault(*(str(getattr(failure, name)) for name in Fault.__struct_fields__))


def node_names(config: pytest.Config) -> Callable[[str], str]:
    """How to read a node id: ``--dist loadgroup`` appends ``@group``, which is no part of the test's name."""
    grouped = getattr(config.option, "loadgroup", False) or getattr(config.option, "dist", "no") == "loadgroup"

    def plain(nodeid: str) -> str:
        at = nodeid.rfind("@")
        return nodeid[:at] if grouped and at > nodeid.rfind("]") else nodeid

    return plain


class Selector:
    """The pytest hooks that apply the selection in a process that collects."""

    def __init__(self, config: pytest.Config, *, host: Host, root: Path, mode: Mode) -> None:
        self._host = host
        self._root = root
        self._mode = mode
        self._plain = node_names(config)
        self._others: list[str] = []
        self._own: frozenset[pytest.Item] = frozenset()
        self._selection = Selection(mode=mode)
        self._left_out = LeftOut(root)
        self._faults: tuple[Fault, ...] = ()

    @property
    def selection(self) -> Selection:
        """The decision so far, with everything others deselected, and the tests of files that were not collected."""
        decided = self._selection
        left = [Skipped(skip.nodeid, plugin, skip.reason) for plugin, skip in self._left_out.skips()]
        return msgspec.structs.replace(
            decided,
            tests=decided.tests + len(left),
            skips=tuple(sorted({*decided.skips, *left})) if left else decided.skips,
            faults=tuple(sorted({*decided.faults, *self._faults})),
            others=tuple(sorted(set(self._others))),
        )

    @property
    def left_out(self) -> list[Uncollected]:
        """The tests of files that were not collected."""
        return [Uncollected(skip.nodeid) for _, skip in self._left_out.skips()]

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> None:
        """Ask the accelerators which files need not be collected; a process that only distributes does not."""
        config = session.config
        if self._mode == "on" and not config.pluginmanager.has_plugin("dsession"):
            self._faults = tuple(fault(f) for f in self._left_out.ask(self._host, config, self._root))

    @pytest.hookimpl(trylast=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave a file out that nobody else ignores."""
        return True if self._left_out.leave_out(collection_path) else None

    # Outermost, so that tests deselected by -k, --last-failed or any other plugin are not asked about.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
        """Ask the accelerators about what is left, and deselect what they justify."""
        yield
        if self._mode == "off":
            return
        names = {item: self._plain(item.nodeid) for item in items}
        plan = TestPlan(root=self._root, nodeids=tuple(names.values()), items=tuple(items), config=config)
        always = {name for item, name in names.items() if item.get_closest_marker("maestro_always")}
        results = self._host.call("maestro_select", plan)
        self._selection = decide(results, mode=self._mode, nodeids=plan.nodeids, always=always)
        gone = {skip.nodeid for skip in self._selection.deselected}
        if gone:
            self._own = frozenset(item for item, name in names.items() if name in gone)
            config.hook.pytest_deselected(items=[item for item in items if item in self._own])
            items[:] = [item for item in items if item not in self._own]

    def pytest_deselected(self, items: Iterable[pytest.Item]) -> None:
        """Remember what others deselected: it makes this run a partial one."""
        self._others.extend(self._plain(item.nodeid) for item in items if item not in self._own)
