"""The test step: pytest with ``--maestro`` in a child process, so that its obligations reach the shared ledger.

Invariant: whatever keeps the tests from running (no pytest, a crash, the time limit) is recorded as an error of
``pytest/completed``; a test step that says nothing does not exist.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.record import Producer, error_record
from maestro_hooks.pipeline.processes import run

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.pipeline.gates import Sink
    from maestro_hooks.workspace import Workspace

NO_TESTS = 5
ENDED = (0, 1, NO_TESTS)
SELECTING = ("bloom",)


@dataclass(frozen=True, slots=True)
class TestStep:
    """What the test process said: its summary object (empty if it died), its end in words, its output's tail."""

    __test__ = False

    ok: bool
    words: str
    summary: dict[str, object]
    tail: str = ""

    @property
    def inputs(self) -> str:
        """The digest of the inputs document this test run recorded, or ``""``."""
        return str(self.summary.get("inputs", ""))


def run_tests(workspace: Workspace, *, tree: str, run_id: str, sink: Sink, show: bool) -> TestStep:
    """Run the project's tests under ``run_id`` and report; records are written by the child itself."""
    if importlib.util.find_spec("pytest") is None:
        words = "pytest is not installed in this environment"
        _record_error(sink, tree, words)
        return TestStep(ok=False, words=words, summary={}, tail="to do: pip install pytest")
    settings = workspace.host.settings.run
    # A name of its own: two jobs over one tree share the run id.
    report = workspace.root / ".maestro" / "tmp" / f"pytest-{token_hex(8)}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "--maestro", f"--maestro-json={report}", *settings.pytest_arguments]
    done = run(
        command,
        cwd=workspace.root,
        env=_environment(run_id),
        timeout_s=settings.test_timeout_s,
        show=show,
        label="testing",
    )
    summary = _read(report)
    if done.timed_out or done.code not in ENDED or not summary:
        words = f"the test process did not end properly ({done.words})"
        _record_error(sink, tree, words)
        return TestStep(ok=False, words=words, summary=summary, tail=done.tail)
    return TestStep(ok=done.code == 0, words=_words(summary), summary=summary, tail=done.tail if done.code else "")


def _environment(run_id: str) -> dict[str, str]:
    """What is sealed is a run of all tests: plugins that select tests stay out of the main job's test process."""
    disabled = [name for name in os.environ.get("MAESTRO_DISABLE", "").split(",") if name]
    return {"MAESTRO_RUN": run_id, "MAESTRO_DISABLE": ",".join([*disabled, *SELECTING])}


def _words(summary: dict[str, object]) -> str:
    """``12 passed, 1 failed, 3 skipped by maestro``: what was counted, zeros left out."""
    counts = summary.get("counts")
    parts = [f"{n} {name}" for name, n in counts.items() if n] if isinstance(counts, dict) else []
    skips = summary.get("skips")
    if isinstance(skips, list) and skips:
        parts.append(f"{len(skips)} skipped by maestro")
    return ", ".join(parts) or "no tests"


def _read(path: Path) -> dict[str, object]:
    try:
        summary = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    path.unlink(missing_ok=True)
    return summary if isinstance(summary, dict) else {}


def _record_error(sink: Sink, tree: str, words: str) -> None:
    producer = Producer(plugin="pytest", version="", hook="maestro_run")
    digest = sink.inputs(Inputs(plugin="pytest", version="", tree=tree))
    sink.append(error_record("pytest/completed", producer=producer, inputs=digest, error=words))
