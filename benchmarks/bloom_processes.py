"""Whole pytest processes with and without test selection, and what they cost."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# testmon 2.2 fails without the cache provider, so every mode has it.
PLAIN = ["-p", "no:maestro_bloom", "-p", "no:maestro", "-p", "no:testmon"]
MODES = {
    "plain": PLAIN,
    "host only": ["--maestro", "--maestro-select=off", "--maestro-record=off", "-p", "no:testmon"],
    "record": ["--maestro", "--maestro-select=off", "-p", "no:testmon"],
    "select": ["--maestro", "--maestro-record=off", "-p", "no:testmon"],
    "collect": ["--collect-only", *PLAIN],
    "testmon record": ["--testmon-noselect", "-p", "no:maestro_bloom", "-p", "no:maestro"],
    "testmon select": ["--testmon", "--testmon-nocollect", "-p", "no:maestro_bloom", "-p", "no:maestro"],
}


def cpu_seconds(project: Path, arguments: list[str]) -> tuple[float, int]:
    """User and system seconds of one pytest process and its children, and its exit code.

    What it printed is in ``output.txt`` beside the project.
    """
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    variables["PYTHONPATH"] = os.pathsep.join([str(project / "src"), str(project)])
    with (project.parent / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", *arguments], cwd=project, env=variables, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, child.returncode
