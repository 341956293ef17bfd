"""The test step: pytest with ``--maestro`` in a child process, so that its obligations reach the shared ledger.

Invariant: whatever keeps the tests from running (no pytest, a crash, the time limit) is recorded as an error of
``pytest/completed``; a test step that says nothing does not exist.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from dataclasses import dataclass, replace
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

    @property
    def skips(self) -> int:
        """How many tests were left out, each with its reason in the blob of ``pytest/deselected_by_maestro``."""
        skips = self.summary.get("skips")
        return len(skips) if isinstance(skips, list) and self.summary.get("select") == "on" else 0


def run_tests(workspace: Workspace, *, tree: str, run_id: str, sink: Sink, show: bool, fresh: bool) -> TestStep:
    """Run the project's tests under ``run_id`` and report; records are written by the child itself.

    All of them, unless the project asks for the affected ones only and the user did not ask for a ``fresh`` run.
    """
    if importlib.util.find_spec("pytest") is None:
        words = "pytest is not installed in this environment"
        _record_error(sink, tree, words)
        return TestStep(ok=False, words=words, summary={}, tail="to do: pip install pytest")
    settings = workspace.host.settings.run
    # A name of its own: two jobs over one tree share the run id.
    report = workspace.root / ".maestro" / "tmp" / f"pytest-{token_hex(8)}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    select = "on" if settings.tests == "affected" and not fresh else "off"
    command = [sys.executable, "-m", "pytest", "--maestro", f"--maestro-select={select}", f"--maestro-json={report}"]
    command += settings.pytest_arguments
    env = {"MAESTRO_RUN": run_id}
    limit = settings.test_timeout_s
    done = run(command, cwd=workspace.root, env=env, timeout_s=limit, show=show, label="testing")
    summary = _read(report)
    if done.timed_out or done.code not in ENDED or not summary:
        words = f"the test process did not end properly ({done.words})"
        _record_error(sink, tree, words)
        return TestStep(ok=False, words=words, summary=summary, tail=done.tail)
    step = TestStep(ok=done.code == 0, words="", summary=summary, tail=done.tail if done.code else "")
    return replace(step, words=_words(step))


def _words(step: TestStep) -> str:
    """``12 passed, 1 failed, 3 skipped by maestro``: what was counted, zeros left out."""
    counts = step.summary.get("counts")
    parts = [f"{n} {name}" for name, n in counts.items() if n] if isinstance(counts, dict) else []
    if step.skips:
        parts.append(f"{step.skips} skipped by maestro")
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
