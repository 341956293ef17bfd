"""Run a tool as a child process: argument list, a time limit, its output kept, its end told in words."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError
from maestro_hooks.workspace import progress, progress_done

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TAIL_LINES = 20
TAIL_BYTES = 2_000
CHUNK = 65_536
TICK_S = 0.5


@dataclass(frozen=True, slots=True)
class Finished:
    """A child that ended: its exit code (negative: the signal), combined output, and wall seconds."""

    code: int
    output: bytes
    seconds: float
    timed_out: bool = False

    @property
    def tail(self) -> str:
        """The last lines of the output, decoded with replacement."""
        return "\n".join(self.output.decode("utf-8", "replace").splitlines()[-TAIL_LINES:])

    @property
    def words(self) -> str:
        """How it ended."""
        if self.timed_out:
            return f"stopped after {self.seconds:.0f} s"
        if self.code < 0:
            return f"killed by {signal.Signals(-self.code).name}"
        return f"exit code {self.code}"


def run(
    arguments: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: int,
    show: bool = False,
    stderr: bool = True,
    label: str = "",
) -> Finished:
    """Run to the end or the time limit; the whole process group is stopped at the limit or on an interrupt.

    Args:
        arguments: program and arguments, never a shell string.
        cwd: working directory.
        env: variables set on top of this process's environment.
        timeout_s: wall seconds.
        show: let the child write to this process's terminal; then ``output`` is empty.
        stderr: whether standard error is part of ``output``; if not, it goes where this process's goes.
        label: what to call it on the progress line, which shows the seconds and the child's last line; ``""`` for none.

    Raises:
        ToolError: the program cannot be started.
    """
    began = time.monotonic()
    try:
        child = subprocess.Popen(
            list(arguments),
            cwd=cwd,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=None if show else subprocess.PIPE,
            stderr=None if show or not stderr else subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise ToolError(f"cannot start {arguments[0]}: {error.strerror}", fix="install it") from error
    timed_out = False
    output = bytearray()
    try:
        _follow(child, output, began=began, timeout_s=timeout_s, label="" if show else label)
    except subprocess.TimeoutExpired:
        timed_out = True
        _stop(child)
        output += child.communicate()[0] or b""
    finally:
        progress_done()
        if child.poll() is None:
            _stop(child)
            child.wait()
        if child.stdout is not None:
            child.stdout.close()
    return Finished(child.returncode, bytes(output), time.monotonic() - began, timed_out)


def _follow(child: subprocess.Popen[bytes], output: bytearray, *, began: float, timeout_s: int, label: str) -> None:
    """Collect what the child writes until it ends. Raises ``subprocess.TimeoutExpired`` at the limit."""
    deadline = began + timeout_s
    if child.stdout is not None:
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while (now := time.monotonic()) < deadline:
                if selector.select(min(TICK_S, deadline - now)):
                    data = os.read(child.stdout.fileno(), CHUNK)
                    if not data:
                        break
                    output += data
                if label:
                    progress(f"{label}: {now - began:.0f} s  {_last_line(output)}")
    child.wait(timeout=max(0, deadline - time.monotonic()))


def _last_line(output: bytearray) -> str:
    """The last line with anything on it, without what would move the cursor."""
    text = bytes(output[-TAIL_BYTES:]).decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return "".join(c for c in lines[-1] if c.isprintable()) if lines else ""


def _stop(child: subprocess.Popen[bytes]) -> None:
    """End the child's whole group; what already ended is fine."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
