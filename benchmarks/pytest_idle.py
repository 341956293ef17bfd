"""What the pytest plugin costs: blocked, installed but idle, and active with no Maestro plugin and one empty test.

CPU time (user + system) of the pytest process and of the git processes it starts; rounds are interleaved, so that a
slow moment of the machine falls on every variant; medians, and ratios to a blocked plugin.

    python benchmarks/pytest_idle.py [ROUNDS]
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from maestro_hooks.discovery import find_plugins

ROUNDS = 15
# The end of a session with Hypothesis's plugin imports the library: a cost of its own, left out on all sides.
PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
VARIANTS = {
    "python -c pass": ("-c", "pass"),
    "-p no:maestro": (*PYTEST, "-p", "no:maestro"),
    "idle": PYTEST,
    "--maestro": (*PYTEST, "--maestro"),
}
BASE = "-p no:maestro"
BOUNDS_MS = {"idle": 3, "--maestro": 15}


def cpu_s(arguments: tuple[str, ...], place: Path) -> float:
    """CPU seconds of one child and its children; a child that fails makes no measurement."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    disabled = ",".join(found.name for found in find_plugins())
    environment = {**os.environ, "MAESTRO_DISABLE": disabled, "PYTHONPYCACHEPREFIX": str(place / ".git" / "pycache")}
    # Installed packages have their bytecode; a checkout measured without it would show the compiler.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run([sys.executable, *arguments], cwd=place, env=environment, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prepare(place: Path) -> None:
    """A repository with one empty test."""
    (place / "test_empty.py").write_text("def test_empty(): pass\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q"], cwd=place, check=True)
    subprocess.run(["git", "add", "-A"], cwd=place, check=True)
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *author, "commit", "-q", "-m", "x"], cwd=place, check=True)


def main(rounds: int) -> None:
    """Measure and print the table."""
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as scratch:
        prepare(Path(scratch))
        for _ in range(rounds + 1):
            for name, arguments in VARIANTS.items():
                times[name].append(cpu_s(arguments, Path(scratch)) * 1000)
    # The first round fills file caches.
    medians = {name: statistics.median(measured[1:]) for name, measured in times.items()}
    print(f"{'variant':<16}{'CPU ms':>9}{'more ms':>9}{'ratio':>7}{'bound ms':>10}   ({rounds} interleaved rounds)")
    for name, median in medians.items():
        more = median - medians[BASE]
        bound = f"{BOUNDS_MS[name]:+d}" if name in BOUNDS_MS else ""
        print(f"{name:<16}{median:>9.1f}{more:>+9.1f}{median / medians[BASE]:>7.2f}{bound:>10}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
