"""Audit by seeded faults: one function is broken, all tests run, and the failures are held against the selection.

Invariant: faults are planted in a copy of the work tree; the project itself is never touched. A fault counts as
killed if a test that passed before fails, and as lost if none of these tests would have been selected.
"""

from __future__ import annotations

import ast
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
from maestro_bloom.fork_server import ForkServer
from maestro_bloom.source_model import split_docstring
from maestro_bloom.store import Store, opened
from maestro_bloom.tree import DERIVED
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Sequence

RAISE = "raise AssertionError('seeded fault')"

# The server of the runs has loaded these plugins already; where warnings are errors no test would run.
_QUIET = ("-W", "ignore:Module already imported so cannot be rewritten")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: at ``line`` of ``path`` the text ``old`` (whole lines) becomes ``new``."""

    path: str
    function: str
    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """A killed fault: how many tests failed by it, how many of these would have been skipped, how many selected."""

    mutant: Mutant
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
            "missed": [[v.mutant.path, v.mutant.function, *v.missed] for v in self.verdicts if v.missed],
        }

    def lines(self) -> list[str]:
        """The same in words."""
        d = self.document()
        head = f"{self.killed} faults killed by the full run, {self.survived} survived it"
        return [
            head,
            f"lost by selection: {self.lost} (95 % bound {int(str(d['lost_upper95_ppm'])) / 10_000:.2f} %)",
            f"failing tests not selected: {d['missed_tests']} of {d['failing_tests']}",
            f"tests selected, mean: {d['selected_percent_mean']} %",
            *(
                f"missed: {v.mutant.path}: {v.mutant.function}: {', '.join(v.missed[:3])}"
                for v in self.verdicts
                if v.missed
            ),
        ]


def candidates(source: str, path: str) -> list[Mutant]:
    """Faults of one source: each function's body begins by raising, or a constant, comparison or return changes."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return []
    lines = source.splitlines()
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _, body = split_docstring(node)
            if body and body[0].lineno > node.lineno:
                first = body[0]
                indent = " " * first.col_offset
                old = lines[first.lineno - 1]
                if old.startswith(indent) and not isinstance(first, ast.FunctionDef | ast.ClassDef):
                    found.append(Mutant(path, node.name, first.lineno, (old,), (f"{indent}{RAISE}", old)))
            found += [m for child in body for m in _expressions(child, node.name, path, lines)]
    return found


def _expressions(statement: ast.stmt, function: str, path: str, lines: list[str]) -> list[Mutant]:
    """Faults that replace one expression on one line by another of the same kind."""
    found = []
    for node in ast.walk(statement):
        new = _replacement(node)
        if new is None or not isinstance(node, ast.expr) or node.lineno != node.end_lineno:
            continue
        old = lines[node.lineno - 1]
        encoded = old.encode()
        changed = encoded[: node.col_offset] + new.encode() + encoded[node.end_col_offset :]
        found.append(Mutant(path, function, node.lineno, (old,), (changed.decode("utf-8", "replace"),)))
    return found


def _replacement(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return repr(node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        return repr(not node.value)
    if isinstance(node, ast.Compare | ast.BoolOp):
        return f"(not ({ast.unparse(node)}))"
    return None


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
        touched = [row.path for row in stored.index.files if any(b.flags & 1 for b in row.blocks)]
        wanted = (
            [p for p in touched if any(p.startswith(q) for q in paths)]
            if paths
            else [p for p in touched if not _is_test(p)]
        )
        pool = [m for path in wanted for m in candidates((copy / path).read_text(encoding="utf-8"), path)]
        chosen = random.Random(seed).sample(pool, min(count, len(pool)))  # noqa: S311 - a sample, not a secret
        verdicts, survived = [], 0
        for mutant in chosen:
            verdict = _judge(runner, mutant, passed)
            survived += verdict is None
            verdicts += [verdict] if verdict is not None else []
        return AuditResult(tuple(verdicts), survived)


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("test_") or name.endswith("_test.py") or name == "conftest.py" or "tests/" in f"/{path}"


def _judge(runner: _Runner, mutant: Mutant, passed: set[str]) -> Verdict | None:
    place = runner.copy / mutant.path
    source = place.read_text(encoding="utf-8")
    lines = source.splitlines()
    lines[mutant.line - 1 : mutant.line] = mutant.new
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    try:
        outcomes, skippable = runner.run(record=False)
    finally:
        place.write_text(source, encoding="utf-8")
    if not outcomes:
        return None  # it breaks the collection or never ends: every run notices
    failing = {n for n in passed if outcomes.get(n) in ("failed", "error")}
    if not failing:
        return None
    return Verdict(
        mutant, len(failing), tuple(sorted(failing & skippable)), len(outcomes) - len(skippable), len(outcomes)
    )


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs the tests of the copy."""

    copy: Path
    server: ForkServer
    timeout_s: int

    def run(self, *, record: bool) -> tuple[dict[str, str], set[str]]:
        """All outcomes of a run, and the tests the index would have skipped; nothing if it did not end properly."""
        state = self.copy / ".maestro"
        state.mkdir(exist_ok=True)
        report = state / "audit.json"
        report.unlink(missing_ok=True)
        mode = ["--maestro-select=off"] if record else ["--maestro-select=report", "--maestro-record=off"]
        arguments = ["--maestro", f"--maestro-json={report}", "-q", "-p", "no:cacheprovider", *_QUIET, *mode]
        self.server.run(self.copy, arguments, output=state / "audit.txt", timeout_s=self.timeout_s)
        try:
            document = json.loads(report.read_bytes())
        except (OSError, ValueError):
            return {}, set()
        outcomes = {test["nodeid"]: test["outcome"] for test in document["tests"]}
        return outcomes, {skip["nodeid"] for skip in document["skips"] or ()}


def _search_path(root: Path, copy: Path) -> dict[str, str]:
    """The copy's sources wherever the original's would be imported from."""
    inside = [Path(p).relative_to(root) for p in sys.path if p and Path(p).is_relative_to(root)]
    return {"PYTHONPATH": os.pathsep.join(str(copy / p) for p in [*inside, Path()])}
