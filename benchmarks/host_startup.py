"""Start-up of the command line over a bare interpreter, CPU milliseconds of the child, interleaved medians.

    python benchmarks/host_startup.py [rounds]

Targets (idle box): ``maestro --help`` at most 60 ms over a bare interpreter; a hook on one file at most 250 ms of wall
time beyond its plugin's own work, here Bandit's own command on the same file.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9


def child(command: list[str], cwd: Path) -> tuple[float, float]:
    """CPU and wall milliseconds of one run."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu * 1000, wall * 1000


def main() -> None:
    """Print the table."""
    python, bandit = sys.executable, str(Path(sys.executable).parent / "bandit")
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        subprocess.run(["git", "init", "--quiet", str(root)], check=True)
        (root / "a.py").write_text("x = 1\n", encoding="utf-8")
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "maestro --help": [python, "-m", "maestro_hooks", "--help"],
            "git --version": ["git", "--version"],
            "maestro plugins": [python, "-m", "maestro_hooks", "plugins"],
            "bandit a.py": [bandit, "-q", "a.py"],
            "maestro hook reports a.py": [python, "-m", "maestro_hooks", "hook", "reports", "a.py"],
        }
        measured: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for round_number in range(ROUNDS + 1):
            for name, command in commands.items():
                if name.startswith("maestro hook"):
                    (root / "a.py").write_text(f"x = {round_number}\n", encoding="utf-8")  # never a reused result
                figure = child(command, root)
                if round_number:
                    measured[name].append(figure)
    base = statistics.median(cpu for cpu, _ in measured["python -c pass"])
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {ROUNDS} rounds\n")
    print("| command | CPU ms | over bare | ratio to bare | wall ms |\n|---|---|---|---|---|")
    for name, figures in measured.items():
        cpu, wall = statistics.median(c for c, _ in figures), statistics.median(w for _, w in figures)
        print(f"| `{name}` | {cpu:.0f} | {cpu - base:+.0f} | {cpu / base:.1f} | {wall:.0f} |")


if __name__ == "__main__":
    main()
