"""What plugins are asked and told about a test session, apart from the other requests: every pytest run loads this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheEntry:
    """A cached result: metadata as JSON-able mapping and blobs by name."""

    metadata: Mapping[str, object]
    blobs: Mapping[str, bytes] = field(repr=False)


class Cache(Protocol):
    """Where a plugin keeps what it would otherwise compute again; the host lends each plugin its own.

    Neither call raises: without a cache, and when one fails, every look-up is a miss and every offer is lost.
    """

    def fetch(self, key: str) -> CacheEntry | None:
        """The entry stored under ``key``, here or on another machine; ``None`` is a miss.

        ``key`` must name everything the entry depends on, the version of the code that makes it included.
        """

    def store(self, key: str, entry: CacheEntry) -> None:
        """Offer an entry to this machine and to those that share its remotes."""


class NoCache:
    """The cache of a process that has none."""

    __slots__ = ()

    def fetch(self, _key: str) -> CacheEntry | None:
        """Always a miss."""
        return None

    def store(self, _key: str, _entry: CacheEntry) -> None:
        """Forgets the offer."""


NO_CACHE = NoCache()


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPlan:
    """The collected tests, in order, before any runs. ``items`` and ``config`` are pytest's own."""

    __test__ = False  # not a test class, whatever its name says

    root: Path
    nodeids: tuple[str, ...]
    settings: object = None
    cache: Cache = field(default=NO_CACHE, repr=False)
    items: Sequence[object] = field(default=(), repr=False)
    config: object = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionPlan:
    """A collection that is about to begin; ``config`` is pytest's own."""

    root: Path
    settings: object = None
    cache: Cache = field(default=NO_CACHE, repr=False)
    config: object = field(default=None, repr=False)


class FileSkip(Value, frozen=True):
    """A file that need not be collected: POSIX path below the root, and every test that collecting it would find."""

    path: str
    skips: tuple[Skip, ...]


class Skip(Value, frozen=True):
    """A test that need not run, and why. Shown as deselected, never as passed."""

    nodeid: str
    reason: str


class AppliedSkip(Value, frozen=True):
    """A test that was deselected, by which plugin, and why."""

    nodeid: str
    plugin: str
    reason: str


class RunAll(Value, frozen=True):
    """Why the plugin skips nothing in this run (no index, a dependency changed): no full run goes unexplained."""

    reason: str


class TestOutcome(Value, frozen=True, kw_only=True, gc=False):
    """One finished test. ``duration_us`` covers setup, call and teardown; ``worker`` is empty without xdist.

    ``reruns`` counts earlier attempts that a rerun plugin discarded; ``outcome`` is the last attempt's.
    """

    __test__ = False

    nodeid: str
    outcome: Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
    duration_us: int
    worker: str = ""
    reruns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TestRun:
    """A finished test session: outcomes, the skips that were applied, and whether it went through to its end."""

    __test__ = False

    root: Path
    run: str
    tree: str
    tests: tuple[TestOutcome, ...]
    skips: tuple[AppliedSkip, ...]
    completed: bool
    settings: object = None
    cache: Cache = field(default=NO_CACHE, repr=False)
    config: object = field(default=None, repr=False)
