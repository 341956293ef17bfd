"""Recording and selecting beside plain pytest and pytest-testmon: CPU seconds of the child, interleaved, medians.

Usage: python benchmarks/bloom.py PROJECT... [--rounds N]

Each PROJECT is an unpacked source distribution whose suite passes with this interpreter. It is copied, so nothing of
it changes. Without pytest-testmon installed its columns say so.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
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
    """User and system seconds of one pytest process and its children, and its exit code."""
    with (project.parent / "output.txt").open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", *arguments],
            cwd=project,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(project / "src"), str(project)])},
            stdout=output,
            stderr=output,
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime, child.returncode


def measure(source: Path, rounds: int) -> dict[str, list[float]]:
    """Seconds per mode; the first round warms caches and is thrown away."""
    modes = {m: a for m, a in MODES.items() if not m.startswith("testmon") or importlib.util.find_spec("testmon")}
    found: dict[str, list[float]] = {mode: [] for mode in modes}
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as scratch:
        project = Path(scratch) / source.name
        shutil.copytree(source, project, symlinks=True, ignore=shutil.ignore_patterns(".maestro", ".testmondata*"))
        for number in range(rounds + 1):
            for mode, arguments in modes.items():
                seconds, code = cpu_seconds(project, arguments)
                if code not in (0, 5):
                    print(f"{source.name}: {mode}: exit code {code}, see {project.parent / 'output.txt'}")
                    print((project.parent / "output.txt").read_text()[-1500:])
                if number:
                    found[mode].append(seconds)
    return found


def main() -> None:
    """Print one row per project."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {given.rounds} interleaved rounds, CPU seconds (ratio to plain)")
    for project in given.projects:
        seconds = {mode: statistics.median(times) for mode, times in measure(project.resolve(), given.rounds).items()}
        plain = seconds["plain"]
        cells = [f"{mode} {value:.2f} ({value / plain:.2f})" for mode, value in seconds.items()]
        print(f"{project.name}: " + ", ".join(cells), flush=True)
        print(f"  record over host: {seconds['record'] - seconds['host only']:+.2f} s")
        print(f"  select start over collection: {seconds['select'] - seconds['collect']:+.2f} s")
    if not importlib.util.find_spec("testmon"):
        print("pytest-testmon is not installed: no peer column")


if __name__ == "__main__":
    main()
