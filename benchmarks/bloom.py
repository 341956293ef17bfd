"""Recording and selecting beside plain pytest and pytest-testmon: CPU seconds of the child, interleaved, medians.

    python benchmarks/bloom.py PROJECT... [--rounds 5] [--publish]

Each PROJECT is an unpacked source distribution whose suite passes with this interpreter. It is copied and committed to
a new repository there, so nothing of it changes. The first recording of each (nothing cached, no bytecode of probed
modules) stands in a column of its own; the others are of the steady state. Without pytest-testmon installed its
columns say so. ``--publish`` puts the table into the documentation, under this Python's version.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.bloom_processes import MODES, cpu_seconds  # noqa: E402 - after the path
from benchmarks.tables import markdown, publish  # noqa: E402

IGNORED = ".maestro/\n__pycache__/\n.pytest_cache/\n.testmondata*\n"
TARGET = 1.35 if sys.version_info < (3, 12) else 1.15


def repository(source: Path, scratch: Path) -> Path:
    """A copy of the project, as the only commit of a repository."""
    project = scratch / source.name
    state = shutil.ignore_patterns(".git", ".maestro", ".testmondata*", "__pycache__", ".pytest_cache")
    shutil.copytree(source, project, symlinks=True, ignore=state)
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@example.invalid"]
    subprocess.run([*git, "init", "-q"], cwd=project, check=True)
    (project / ".git" / "info" / "exclude").write_text(IGNORED)
    for command in (["add", "--all", "--force"], ["commit", "-qm", "the source distribution"]):
        subprocess.run([*git, *command], cwd=project, check=True)
    return project


def measure(source: Path, rounds: int) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds per mode in steady state, and of the very first runs, which warm the caches."""
    modes = {m: a for m, a in MODES.items() if not m.startswith("testmon") or importlib.util.find_spec("testmon")}
    found: dict[str, list[float]] = {mode: [] for mode in modes}
    first: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as scratch:
        project = repository(source, Path(scratch))
        cpu_seconds(project, MODES["plain"])  # bytecode of the project itself, for all alike
        for number in range(rounds + 1):
            for mode, arguments in modes.items():
                seconds, code = cpu_seconds(project, arguments)
                if code not in (0, 5):
                    print(f"{source.name}: {mode}: exit code {code}")
                    print((project.parent / "output.txt").read_text()[-1500:])
                if number:
                    found[mode].append(seconds)
                else:
                    first[mode] = seconds
    return found, first


def main() -> None:
    """Print one table: a row for each mode, a column for each project."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    columns: dict[str, dict[str, str]] = {}
    missed = []
    for project in given.projects:
        found, first = measure(project.resolve(), given.rounds)
        seconds = {mode: statistics.median(times) for mode, times in found.items()}
        plain = seconds["plain"]
        cells = {mode: f"{value:.2f} ({value / plain:.2f})" for mode, value in seconds.items()}
        cells["record, first run"] = f"{first['record']:.2f} ({first['record'] / plain:.2f})"
        columns[project.name] = cells
        if seconds["record"] / plain > TARGET:
            missed.append(f"{project.name} {seconds['record'] / plain:.2f}")
        if "testmon select" in seconds and seconds["select"] > seconds["testmon select"]:
            missed.append(f"{project.name}: selecting costs more than testmon's")
        print(project.name, cells, flush=True)
    rows = [(mode, *(cells.get(mode, "-") for cells in columns.values())) for mode in next(iter(columns.values()))]
    lines = [
        f"Python {sys.version.split()[0]}, {given.rounds} interleaved rounds, CPU seconds (ratio to plain):",
        "",
        *markdown(("mode", *columns), rows),
        "",
        f"Recording is meant to cost at most {TARGET}. Missed: {'; '.join(missed) or 'none'}.",
    ]
    if not importlib.util.find_spec("testmon"):
        lines.append("pytest-testmon is not installed: no peer column.")
    print("\n".join(lines))
    if given.publish:
        publish(ROOT / "docs" / "test-selection.md", f"bloom-{sys.version_info[0]}.{sys.version_info[1]}", lines)


if __name__ == "__main__":
    main()
