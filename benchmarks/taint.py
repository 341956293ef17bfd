"""CPU seconds and memory of the taint engine beside Bandit (and Semgrep if it is installed), on the same files.

Usage: ``python benchmarks/taint.py DIRECTORY [FILE FILE FILE]``. Prints one table: lines, CPU seconds, lines per CPU
second, the ratio to Bandit, and the largest resident size. Each tool runs in a child of its own; its user and system
time are what the kernel counted for it. With files (below the directory), a second table: ``maestro check --only
taint`` about those files alone in a git repository made of the directory, without and with what the run before kept.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
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


def cost(words: list[str], env: dict[str, str], cwd: Path | None = None) -> tuple[float, float, float]:
    """(user and system seconds, wall seconds, largest resident MiB) of a child."""
    null = subprocess.DEVNULL
    began = time.perf_counter()
    child = subprocess.Popen(words, env=env, stdout=null, stderr=null, cwd=cwd)
    _, _, used = os.wait4(child.pid, 0)
    return used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024


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
    costs = {name: cost(words, env) for name, words in tools.items()}
    peer = costs["bandit"][0]
    print(f"{'tool':<16} {'lines':>8} {'CPU s':>8} {'lines/CPU s':>12} {'x bandit':>9} {'MiB':>6}")
    for name, (seconds, _, size) in costs.items():
        print(f"{name:<16} {lines:>8} {seconds:>8.2f} {lines / seconds:>12.0f} {peer / seconds:>9.2f} {size:>6.0f}")


def some_files(root: Path, files: list[str]) -> None:
    """What a check about a few files costs in a repository of that size."""
    maestro = Path(sys.executable).with_name("maestro")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "tree"
        shutil.copytree(root, place, ignore=shutil.ignore_patterns("*.so", "*.mo", ".git"))
        for words in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", *words], cwd=place, check=True, capture_output=True)
        words = [str(maestro), "check", "--only", "taint", "--fresh", "--jsonl", *files]
        print(f"\n{'check of ' + str(len(files)) + ' files':<16} {'CPU s':>8} {'wall s':>8} {'MiB':>6}")
        for name in ("first", "again", "again"):
            seconds, wall, size = cost(words, dict(os.environ), place)
            print(f"{name:<16} {seconds:>8.2f} {wall:>8.2f} {size:>6.0f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    if sys.argv[2:]:
        some_files(Path(sys.argv[1]), sys.argv[2:])
