"""Audit by seeded faults: one place is broken, all tests run, and the failures are held against the selection.

Invariant: faults are planted in a copy of the work tree; the project itself is never touched. A fault counts as
killed if a test that passed before fails, and as lost if none of these tests would have been selected.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_bloom.claims import upper_bound_ppm
from maestro_bloom.faults import SORTS, Fault, in_data, in_source, in_variable
from maestro_bloom.fork_server import ForkServer
from maestro_bloom.index import HIT
from maestro_bloom.observed_names import EVERY_VALUE, EVERY_VARIABLE
from maestro_bloom.store import Store, opened
from maestro_bloom.tree import DERIVED
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_bloom.index import Index

# The server of the runs has loaded these plugins already; where warnings are errors no test would run.
_QUIET = ("-W", "ignore:Module already imported so cannot be rewritten")


@dataclass(frozen=True, slots=True)
class Verdict:
    """A killed fault: how many tests failed by it, how many of these would have been skipped, how many selected."""

    fault: Fault
    failing: int
    missed: tuple[str, ...]
    selected: int
    total: int


@dataclass(frozen=True, slots=True)
class AuditResult:
    """All verdicts, and how many faults no test noticed."""

    verdicts: tuple[Verdict, ...]
    survived: int

    @property
    def killed(self) -> int:
        """Faults the full run noticed."""
        return len(self.verdicts)

    @property
    def lost(self) -> int:
        """Faults the selected run would not have noticed."""
        return sum(1 for v in self.verdicts if len(v.missed) == v.failing)

    def document(self) -> dict[str, object]:
        """All numbers, for ``--json``."""
        failing = sum(v.failing for v in self.verdicts)
        missed = sum(len(v.missed) for v in self.verdicts)
        return {
            "killed": self.killed,
            "survived": self.survived,
            "lost": self.lost,
            "lost_upper95_ppm": upper_bound_ppm(self.lost, self.killed) if self.killed else 1_000_000,
            "failing_tests": failing,
            "missed_tests": missed,
            "selected_percent_mean": (
                round(100 * sum(v.selected / v.total for v in self.verdicts) / self.killed) if self.killed else 0
            ),
            "killed_by_sort": self._by_sort(),
            "missed": [[v.fault.place, v.fault.what, *v.missed] for v in self.verdicts if v.missed],
        }

    def _by_sort(self) -> dict[str, int]:
        return {sort: sum(1 for v in self.verdicts if v.fault.sort == sort) for sort in SORTS}

    def lines(self) -> list[str]:
        """The same in words."""
        d = self.document()
        head = f"{self.killed} faults killed by the full run, {self.survived} survived it"
        return [
            head,
            f"lost by selection: {self.lost} (95 % bound {int(str(d['lost_upper95_ppm'])) / 10_000:.2f} %)",
            f"failing tests not selected: {d['missed_tests']} of {d['failing_tests']}",
            f"tests selected, mean: {d['selected_percent_mean']} %",
            "killed in " + ", ".join(f"{sort}: {n}" for sort, n in self._by_sort().items()),
            *(f"missed: {v.fault.place}: {v.fault.what}: {', '.join(v.missed[:3])}" for v in self.verdicts if v.missed),
        ]


def audit(root: Path, *, count: int, seed: int, paths: Sequence[str], timeout_s: int) -> AuditResult:
    """Plant ``count`` faults one after the other. Raises ``ToolError`` if the untouched project cannot be recorded."""
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="maestro-audit-"))
        copy = Path(scratch) / root.name
        shutil.copytree(root, copy, symlinks=True, ignore=shutil.ignore_patterns(*(DERIVED - {".git"})))
        server = stack.enter_context(ForkServer(_search_path(root, copy)))
        runner = _Runner(copy, server, timeout_s)
        before = runner.run(record=True)
        stored, why = opened(Store(copy).newest())
        if stored is None:
            raise ToolError(f"the tests could not be recorded: {why}", where=str(root), fix="run 'pytest --maestro'")
        passed = {nodeid for nodeid, outcome in before[0].items() if outcome == "passed"}
        pools = _pools(stored.index, copy, paths)
        verdicts, survived = [], 0
        for fault in _drawn(pools, count, random.Random(seed)):  # noqa: S311 - a sample, not a secret
            verdict = _judge(runner, fault, passed)
            survived += verdict is None
            verdicts += [verdict] if verdict is not None else []
        return AuditResult(tuple(verdicts), survived)


def _pools(index: Index, copy: Path, paths: Sequence[str]) -> dict[str, list[Fault]]:
    """All faults by sort: of sources some test ran, of data files and variables some test read."""
    pools: dict[str, list[Fault]] = {sort: [] for sort in SORTS}
    touched = [row.path for row in index.files if any(b.flags & HIT for b in row.blocks)]
    wanted = [p for p in touched if any(map(p.startswith, paths))] if paths else [p for p in touched if not _is_test(p)]
    for path in wanted:
        for fault in in_source((copy / path).read_bytes(), path):
            pools[fault.sort].append(fault)
    read = set(index.inputs) | {row for file in index.files for row in file.inputs}
    for row in sorted(read):
        place = copy / row.name
        if row.kind == "file" and not row.name.endswith(".py") and place.is_file() and not paths:
            pools["data"] += in_data(place.read_bytes(), row.name)
        elif row.kind == "env" and row.name not in (EVERY_VARIABLE, EVERY_VALUE) and not paths:
            pools["variable"].append(in_variable(row.name))
    return pools


def _drawn(pools: dict[str, list[Fault]], count: int, source: random.Random) -> list[Fault]:
    """Half in bodies, the rest in equal parts of the other sorts that there are; what one lacks the bodies make up."""
    found: list[Fault] = []
    others = [sort for sort in SORTS if sort != "body" and pools[sort]]
    for sort in others:
        found += source.sample(pools[sort], min(count // 2 // len(others), len(pools[sort])))
    return source.sample(pools["body"], min(count - len(found), len(pools["body"]))) + found


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py" or "tests/" in f"/{path}"


def _judge(runner: _Runner, fault: Fault, passed: set[str]) -> Verdict | None:
    if fault.sort == "variable":
        outcomes, skippable = runner.run(record=False, variables={fault.place: fault.content.decode()})
    else:
        place = runner.copy / fault.place
        before = place.read_bytes()
        place.write_bytes(fault.content)
        try:
            outcomes, skippable = runner.run(record=False)
        finally:
            place.write_bytes(before)
    if not outcomes:
        return None  # it breaks the collection or never ends: every run notices
    failing = {n for n in passed if outcomes.get(n) in ("failed", "error")}
    if not failing:
        return None
    return Verdict(
        fault, len(failing), tuple(sorted(failing & skippable)), len(outcomes) - len(skippable), len(outcomes)
    )


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs the tests of the copy."""

    copy: Path
    server: ForkServer
    timeout_s: int

    def run(self, *, record: bool, variables: Mapping[str, str] | None = None) -> tuple[dict[str, str], set[str]]:
        """All outcomes of a run, and the tests the index would have skipped; nothing if it did not end properly."""
        state = self.copy / ".maestro"
        state.mkdir(exist_ok=True)
        report = state / "audit.json"
        report.unlink(missing_ok=True)
        mode = ["--maestro-select=off"] if record else ["--maestro-select=report", "--maestro-record=off"]
        arguments = ["--maestro", f"--maestro-json={report}", "-q", "-p", "no:cacheprovider", *_QUIET, *mode]
        self.server.run(self.copy, arguments, output=state / "audit.txt", variables=variables, timeout_s=self.timeout_s)
        try:
            document = json.loads(report.read_bytes())
        except (OSError, ValueError):
            return {}, set()
        outcomes = {test["nodeid"]: test["outcome"] for test in document["tests"]}
        return outcomes, {skip["nodeid"] for skip in document["skips"] or ()}


def _search_path(root: Path, copy: Path) -> dict[str, str]:
    """The copy's sources wherever the original's would be imported from."""
    inside = [Path(p).relative_to(root) for p in sys.path if p and Path(p).is_relative_to(root)]
    outside = [p for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p and not Path(p).is_relative_to(root)]
    return {"PYTHONPATH": os.pathsep.join([*(str(copy / p) for p in [*inside, Path()]), *outside])}
