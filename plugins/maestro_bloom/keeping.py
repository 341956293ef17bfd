"""Chooses the index of a run, judges tests by it, and writes the next one.

Invariant: the index written speaks about the tree the run began with; if a source changed meanwhile, none is written.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from msgspec import field
from msgspec.structs import replace

from maestro_bloom import environment, index_file
from maestro_bloom.changes import Changes, Comparison
from maestro_bloom.index import Audit, Filters, Index
from maestro_bloom.leaving_out import left_out, unchanged
from maestro_bloom.outcomes import Outcomes
from maestro_bloom.selecting import Judgement, judge
from maestro_bloom.store import opened
from maestro_bloom.tree import Tree, read_tree
from maestro_hooks.values import State, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from maestro_bloom.claims import Facts
    from maestro_bloom.index_file import Stored
    from maestro_bloom.model_cache import Models
    from maestro_bloom.pytest_recording import Recording
    from maestro_bloom.settings import BloomSettings
    from maestro_bloom.store import Store

_DAY_S = 86_400


class Run(Value, frozen=True):
    """The run at its end: its id, the commit, whether every test of the project ran, whether that was asked for."""

    id: str
    head: str
    whole: bool
    full: bool


class Keeper(State):
    """The index of one pytest process. ``now`` is seconds since the epoch at the start."""

    store: Store
    models: Models
    settings: BloomSettings
    variables: Mapping[str, str]
    own_salt: Callable[[], bytes]
    now: int
    salt: bytes = b""
    tree: Tree | None = None
    environment: dict[str, str] = field(default_factory=dict)
    path: Path | None = None
    problem: str = ""
    outcomes: Outcomes = field(default_factory=Outcomes)
    _stored: Stored | None = None
    _absent: str = ""
    _changes: Changes | None = None
    _audit: Audit = field(default_factory=Audit)
    _written: Index | None = None
    _written_digest: str = ""
    _night: tuple[int, int] | None = None

    def choose(self, parts: dict[str, str], path: Path | None, *, newest: bool = False) -> None:
        """Open the index to judge by: the given one, or the best there is."""
        self.environment = parts
        self.path = self.store.best(parts) if newest else path
        self._stored, self._absent = opened(self.path)
        stored = self._stored
        # Its filters are asked with its own salt; where the project names none, that is as good as any.
        adopted = not self.settings.salt and stored is not None and stored.index.environment == parts
        self.salt = stored.index.salt if adopted and stored is not None else self.own_salt()

    @property
    def lacking(self) -> bool:
        """Whether no index here speaks about this environment. One that cannot be read makes a full run instead."""
        if self.path is None:
            return True
        stored = self._stored
        return stored is not None and not (
            stored.index.environment == self.environment and stored.index.salt == self.salt
        )

    @property
    def written(self) -> Path | None:
        """The index this run wrote."""
        return self.path if self._written is not None else None

    def judge(self, nodeids: Sequence[str]) -> tuple[list[Judgement], str]:
        """What is to be said of each test, and why all must run if they must. Raises ``MaestroError``."""
        reason = self._reason_for_all(nodeids)
        if reason or self._stored is None:
            return [], reason
        return judge(self._stored, self._differences(self._stored), nodeids), ""

    def left_out(self) -> dict[str, list[Judgement]]:
        """Files that need not be collected, with what is said of their tests. Raises ``MaestroError``."""
        stored = self._stored
        if stored is None or self._reason_for_all([row.nodeid for row in stored.index.tests]):
            return {}
        changes = self._differences(stored)
        judged = judge(stored, changes, [row.nodeid for row in stored.index.tests])
        return left_out(stored, changes, judged, level=self.settings.level)

    def _reason_for_all(self, nodeids: Collection[str]) -> str:
        stored = self._stored
        if stored is None:
            return self._absent
        differing = environment.difference(stored.index.environment, self.environment)
        if differing:
            more = f" (and {len(differing) - 1} more)" if len(differing) > 1 else ""
            return f"the environment differs: {differing[0]}{more}"
        if stored.index.salt != self.salt:
            return "the index has another salt"
        asked = frozenset(nodeids)
        # Of the tests asked for, because whoever always runs one directory never makes a run of all.
        oldest = min((row.made for row in stored.index.tests if row.nodeid in asked), default=self.now)
        days = (self.now - oldest) / _DAY_S
        if days > self.settings.full_every_days:
            return f"the oldest record is {days:.1f} days old, the limit is {self.settings.full_every_days} days"
        audit = stored.index.audit
        if audit.false_skips * 1_000_000 > self.settings.false_skip_budget_ppm * max(1, audit.skippable):
            return f"full runs found {audit.false_skips} false skips of {audit.skippable}, more than the budget"
        return ""

    def _latest(self) -> Stored | None:
        """The index to write over: the one judged by, unless another run has written since."""
        latest = self.store.best(self.environment)
        if latest is None or latest == self.path:
            return self._stored
        return opened(latest)[0] or self._stored

    def _differences(self, stored: Stored) -> Changes:
        if self._changes is None:
            self._changes = self._compare(stored)
        return self._changes

    def _compare(self, stored: Stored) -> Changes:
        self.tree = self.tree or read_tree(self.store.root)
        found = Comparison(
            stored.index, tree=self.tree, models=self.models, variables=self.variables, level=self.settings.level
        ).run()
        self.models.save()
        return found

    def part(
        self, recording: Recording, run: Run, *, after: Tree, collected: Mapping[str, bytes]
    ) -> tuple[Index, Filters] | None:
        """What this process recorded, by the tree it left, and what it ``collected``. Raises ``MaestroError``."""
        source, unstable = recording.changed(after)
        if source:
            self.problem = f"no index was written: {source} changed while the tests ran"
            return None
        if self.tree is None or not (recording.finished or self._confirms(collected)):
            return None
        sizes = {row.nodeid: row.bits for row in self._stored.index.tests} if self._stored else {}
        blank = Index(
            environment=self.environment,
            salt=self.salt,
            run=run.id,
            head=run.head,
            tree=self.tree.digest,
            made=self.now,
            last_full=self.now if run.whole else 0,
        )
        made, filters = recording.index(blank, unstable=unstable, sizes=sizes)
        files = tuple(replace(row, collected=collected.get(row.path, b"")) for row in made.files)
        self.models.save()
        return replace(made, files=files), filters

    def _confirms(self, collected: Mapping[str, bytes]) -> bool:
        """Whether a run in which no test ran has something to tell: it found in a file what was found before."""
        rows = self._stored.index.files if self._stored else ()
        return any(row.collected and not row.confirmed and collected.get(row.path) == row.collected for row in rows)

    def finish(self, own: Sequence[tuple[Index, Filters]], shards: Sequence[Path], run: Run) -> None:
        """Put this process's part and the shards of others together, and over the index that was judged by.

        Raises ``MaestroError`` or ``OSError``.
        """
        self._measure(run)
        parts = [*own, *((part.index, part.filters()) for part in map(index_file.read, shards))]
        if not parts:
            return
        from maestro_bloom import merging  # noqa: PLC0415 - only after recording

        made = merging.merge(parts)
        # Only who collected knows whether anything was deselected: under xdist the workers.
        whole = run.whole and all(index.last_full for index, _ in parts)
        with self.store.turn():
            index, filters = self._over_the_old(made, whole=whole)
            self.path = self.store.save(index, filters, keep=self.settings.keep)
        self._written, self._written_digest = index, index_file.digest_in(self.path)
        for shard in shards:
            with suppress(OSError):
                shard.unlink()

    def _over_the_old(self, made: tuple[Index, Filters], *, whole: bool) -> tuple[Index, Filters]:
        from maestro_bloom import merging  # noqa: PLC0415 - only after recording

        stored = self._latest()
        usable = stored is not None and stored.index.environment == self.environment and stored.index.salt == self.salt
        if stored is None or not usable:
            return made
        changes = self._differences(stored) if stored is self._stored else self._compare(stored)
        judged = judge(stored, changes, [row.nodeid for row in stored.index.tests])
        unaffected = {j.nodeid for j in judged if not j.reasons}
        lasting = unchanged(stored, changes, judged, level=self.settings.level)
        recorded = {row.nodeid for row in made[0].tests}
        paths = self.tree.contents if self.tree else {}
        failed = {nodeid for nodeid, outcome in self.outcomes.worst.items() if outcome == "failed"}
        gone = (failed - recorded) | {
            row.nodeid
            for row in stored.index.tests
            if (whole and recorded and row.nodeid not in recorded) or (row.path and row.path not in paths)
        }
        index, filters = merging.update(stored, made, unaffected=unaffected, gone=gone, lasting=lasting)
        return merging.with_audit(index, self._audit), filters

    def _measure(self, run: Run) -> None:
        """After a full run: how many of the skips the old index would have made were wrong."""
        stored = self._stored
        if stored is None:
            return
        self._audit = stored.index.audit
        ran = self.outcomes.worst
        if not run.full or self._reason_for_all(ran):
            return
        skippable = [j.nodeid for j in judge(stored, self._differences(stored), sorted(ran)) if not j.reasons]
        wrong = sum(1 for nodeid in skippable if ran[nodeid] == "failed")
        self._night = (len(skippable), wrong)
        before = self._audit
        self._audit = Audit(before.runs + 1, before.skippable + len(skippable), before.false_skips + wrong)

    def facts(self) -> Facts:
        """What the obligations are made from."""
        from maestro_bloom.claims import Facts  # noqa: PLC0415 - imports what only the end of a session needs

        used = self._stored
        last_full = max((i.last_full for i in (self._written, used.index if used else None) if i), default=0)
        return Facts(
            index=self._written_digest or (used.digest if used else ""),
            judged_by=used.digest if used else "",
            last_full_age_s=max(0, self.now - last_full) if last_full else None,
            audit=self._audit,
            night=self._night,
            problem=self.problem,
            budget_ppm=self.settings.false_skip_budget_ppm,
        )

    def words(self) -> list[str]:
        """What became of the index, for the user."""
        lines = [self.problem] if self.problem else []
        if self._written is not None and self.path is not None:
            lines.append(f"index {self._written_digest[:12]} holds {len(self._written.tests)} tests")
        if self._night is not None:
            lines.append(f"of {self._night[0]} tests the last index would have skipped, {self._night[1]} failed")
        return lines
