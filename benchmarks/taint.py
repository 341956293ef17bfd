"""CPU seconds of the taint engine beside Bandit (and Semgrep if it is installed), on the same files.

Usage: ``python benchmarks/taint.py DIRECTORY``. Prints one table: lines, CPU seconds, lines per CPU second, and the
ratio to Bandit. Each tool runs in a child of its own; its user and system time are what the kernel counted for it.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

ENGINE = """
import sys
from pathlib import Path
from maestro_taint.analysis import analyse
from maestro_taint.models.compile import compiled, shipped
root = Path(sys.argv[1])
files = [(str(p.relative_to(root)), p.read_bytes()) for p in sorted(root.rglob("*.py"))]
done = analyse(files, compiled(shipped()))
print(len(done.solver.flows), len(done.gaps))
"""
PARSE = """
import ast, sys
from pathlib import Path
for path in Path(sys.argv[1]).rglob("*.py"):
    try:
        ast.parse(path.read_bytes())
    except SyntaxError:
        pass
"""


def cpu_s(words: list[str], env: dict[str, str]) -> float:
    """User and system seconds of a child and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(root: Path) -> None:
    """Measure and print."""
    lines = sum(p.read_bytes().count(b"\n") for p in root.rglob("*.py"))
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1] / "plugins"), str(Path(__file__).parents[1])]),
    }
    tools: dict[str, list[str]] = {
        "maestro taint": [sys.executable, "-c", ENGINE, str(root)],
        "bandit": [sys.executable, "-m", "bandit", "-q", "-r", str(root), "-f", "json"],
        "ast.parse alone": [sys.executable, "-c", PARSE, str(root)],
    }
    if shutil.which("semgrep"):
        tools["semgrep"] = ["semgrep", "scan", "--config", "p/python", "--metrics=off", "--quiet", str(root)]
    else:
        print("semgrep: not measured (not installed)")
    times = {name: cpu_s(words, env) for name, words in tools.items()}
    print(f"{'tool':<16} {'lines':>8} {'CPU s':>8} {'lines/CPU s':>12} {'x bandit':>9}")
    for name, seconds in times.items():
        print(f"{name:<16} {lines:>8} {seconds:>8.2f} {lines / seconds:>12.0f} {times['bandit'] / seconds:>9.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
