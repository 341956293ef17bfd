"""A child process to its end, its limit, or an interrupt: nothing it wrote is lost and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import ToolError
from maestro_hooks.pipeline import processes
from maestro_hooks.pipeline.processes import run

if TYPE_CHECKING:
    from pathlib import Path


def python(code: str, place: Path, *, timeout_s: int = 60, **options: bool | str) -> processes.Finished:
    return run([sys.executable, "-c", code], cwd=place, env={"A": "1"}, timeout_s=timeout_s, **options)  # type: ignore[arg-type]


def test_everything_it_wrote_and_how_it_ended(tmp_path: Path) -> None:
    code = "import os, sys; print(os.environ['A'] * 300_000); print('x', file=sys.stderr); sys.exit(5)"
    done = python(code, tmp_path)
    assert (done.code, done.words, len(done.output.split()[0])) == (5, "exit code 5", 300_000)
    assert done.output.endswith(b"x\n")
    assert python("import os; os.kill(os.getpid(), 11)", tmp_path).words == "killed by SIGSEGV"
    with pytest.raises(ToolError, match="cannot start"):
        run(["no-such-program"], cwd=tmp_path, env={}, timeout_s=1)


@pytest.mark.parametrize("grandchild", [False, True])
def test_at_the_limit_the_whole_group_is_stopped(tmp_path: Path, *, grandchild: bool) -> None:
    sleep = f"import os, time; open('pid-{grandchild}', 'w').write(str(os.getpid())); time.sleep(600)"
    code = f"print('begun', flush=True)\nimport subprocess, sys\nsubprocess.run([sys.executable, '-c', {sleep!r}])"
    done = python(code if grandchild else f"print('begun', flush=True)\n{sleep}", tmp_path, timeout_s=2)
    assert (done.timed_out, done.words, done.output) == (True, "stopped after 2 s", b"begun\n")
    pid = int((tmp_path / f"pid-{grandchild}").read_text())
    for _ in range(100):
        if not _alive(pid):
            return
        time.sleep(0.05)
    raise AssertionError("a process of the group is still there")


def _alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:  # noqa: PTH123
            return stream.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_output_closed_early_is_no_end(tmp_path: Path) -> None:
    code = "import os, time; print('a', flush=True); os.close(1); os.close(2); time.sleep(1); os._exit(3)"
    done = python(code, tmp_path)
    assert (done.code, done.output) == (3, b"a\n")


def test_an_interrupt_stops_the_child(tmp_path: Path) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); time.sleep(600)"
    # Whoever runs the tests in the background of a shell has them ignore interrupts, which every child inherits.
    caller = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from pathlib import Path; from maestro_hooks.pipeline.processes import run\n"
        f"run([sys.executable, '-c', {code!r}], cwd=Path('.'), env={{}}, timeout_s=60)"
    )
    job = subprocess.Popen([sys.executable, "-c", caller], cwd=tmp_path, stderr=subprocess.DEVNULL)
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.02)
    job.send_signal(signal.SIGINT)
    assert job.wait(30) in (1, -signal.SIGINT)
    assert not _alive(int((tmp_path / "pid").read_text()))


def test_the_progress_line_names_the_last_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(processes, "progress", told.append)
    python("print('50%\\x1b[2K', flush=True)\nprint('  ', flush=True)\ninput", tmp_path, label="testing")
    assert told[-1].startswith("testing: 0 s  50%")
    assert "\x1b" not in told[-1]
    assert os.environ.get("A") is None
