"""How much of a project is folded, and how many tests a change of one function body selects.

Usage: python benchmarks/bloom_folding.py PROJECT...

Each PROJECT is an unpacked source distribution whose suite passes with this interpreter. It is copied, made a git
repository and recorded once; then every function that some test ran is taken as changed, one after the other, and the
index is asked which tests would run. Functions of test files are left out.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from maestro_bloom import index_file, keys
from maestro_bloom.changes import Changes
from maestro_bloom.index import FOLDED, HIT
from maestro_bloom.module_graph import ModuleGraph
from maestro_bloom.selecting import judge
from maestro_bloom.store import Store


def recorded(source: Path, scratch: Path) -> index_file.Stored:
    """The index of one full run."""
    project = scratch / source.name
    shutil.copytree(source, project, symlinks=True, ignore=shutil.ignore_patterns(".maestro", "__pycache__", ".git"))
    (project / ".gitignore").write_text("__pycache__/\n*.egg-info/\n.pytest_cache/\n", encoding="utf-8")
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=project, check=True)
    search = ":".join(map(str, [project / "src", project, *sys.path]))
    command = [sys.executable, "-m", "pytest", "-q", "--maestro", "--maestro-select=off", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=project, env={"PYTHONPATH": search}, capture_output=True, text=True, check=False)
    newest = Store(project).newest()
    if newest is None:
        raise SystemExit(f"{source.name}: nothing was recorded\n{done.stdout[-2000:]}")
    return index_file.read(newest)


def measure(stored: index_file.Stored) -> tuple[int, int, list[float]]:
    """(functions that ran, folded ones, per function the share of tests its change selects)."""
    graph = ModuleGraph(stored.index.files)
    nodeids = [row.nodeid for row in stored.index.tests]
    of_tests = {row.path for row in stored.index.tests}
    shares, folded = [], 0
    for row in stored.index.files:
        for block in row.blocks if row.path not in of_tests and not row.path.endswith("conftest.py") else ():
            if not block.flags & HIT:
                continue
            changes = Changes(any=True)
            changes.keys[keys.block(row.path, block.qualname, block.n, block.digest)] = "body"
            if block.flags & FOLDED:
                folded += 1
                changes.files = graph.reaching({row.path: "folded"})
                changes.keys |= {keys.source(path): why for path, why in changes.files.items()}
            selected = sum(1 for found in judge(stored, changes, nodeids) if found.reasons)
            shares.append(selected / len(nodeids))
    return len(shares), folded, shares


def main() -> None:
    """Print a row for each project."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="+", type=Path)
    print(f"Python {platform.python_version()}")
    print("| project | tests | functions that ran | folded | tests selected by one body, mean | median |")
    print("|---|---|---|---|---|---|")
    for source in parser.parse_args().projects:
        with tempfile.TemporaryDirectory(prefix="maestro-folding-") as scratch:
            stored = recorded(source.resolve(), Path(scratch))
            count, folded, shares = measure(stored)
        mean, median = 100 * statistics.mean(shares), 100 * statistics.median(shares)
        tests = len(stored.index.tests)
        print(f"| {source.name} | {tests} | {count} | {folded} | {mean:.1f} % | {median:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
