"""CPU seconds of the taint engine beside Bandit and Semgrep, on the same files, in turn; losses are printed too.

    python benchmarks/taint.py DIRECTORY... [--files FILE FILE FILE] [--rounds 3] [--semgrep PROGRAM] [--record]

Each tool runs in a child of its own, round by round one after the other; its user and system time, with its children's,
are what the kernel counted for it, and the median counts. Machines differ and are shared: read the ratios. Semgrep
reads the dozen taint rules in ``taint_semgrep.yaml`` (its registry holds more), on one core, with no file left out
for its name or size; it is given sets of up to 30,000 lines. With ``--files`` (below the first directory), a second
table: ``maestro check --only taint`` about those files in a git repository made of the directory, first with nothing
kept, then with what the run before kept. ``--record`` writes the tables into ``docs/taint.md``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.tables import markdown, publish  # noqa: E402 - after the path

SEMGREP_LINES = 30_000
RULES = ROOT / "benchmarks" / "taint_semgrep.yaml"
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
import ast, gc, sys
from pathlib import Path
gc.disable()
for path in Path(sys.argv[1]).rglob("*.py"):
    try:
        ast.parse(path.read_bytes())
    except SyntaxError:
        pass
"""


class Cost(NamedTuple):
    """User and system seconds, wall seconds, and the largest resident size in MiB of a child."""

    cpu: float
    wall: float
    size: float


def cost(words: list[str], cwd: Path | None = None) -> Cost:
    """Run a command; what it took. It may end with any status: findings are no failure here."""
    paths = os.pathsep.join([str(ROOT / "plugins"), str(ROOT)])
    env = {**os.environ, "PYTHONPATH": paths}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # installed code is compiled once
    null = subprocess.DEVNULL
    began = time.perf_counter()
    child = subprocess.Popen(words, env=env, stdout=null, stderr=null, cwd=cwd)
    _, _, used = os.wait4(child.pid, 0)
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - began, used.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    """The median of each figure."""
    return Cost(*(statistics.median(figures) for figures in zip(*costs, strict=True)))


def tools_for(place: Path, lines: int, semgrep: str | None) -> dict[str, list[str]]:
    """The command of each tool for a directory."""
    tools = {
        "maestro_taint": [sys.executable, "-c", ENGINE, str(place)],
        "bandit": [sys.executable, "-m", "bandit", "-q", "-r", str(place), "-f", "json"],
        "ast.parse alone": [sys.executable, "-c", PARSE, str(place)],
    }
    if semgrep is not None and lines <= SEMGREP_LINES:
        tools["semgrep"] = [
            semgrep, "scan", "--config", str(RULES), "--metrics=off", "--disable-version-check", "--quiet", "-j", "1",
            "--no-git-ignore", "--x-ignore-semgrepignore-files", "--max-target-bytes", "0", "--json", str(place),
        ]  # fmt: skip
    return tools


def cold(places: list[Path], rounds: int, semgrep: str | None) -> list[str]:
    """The table of whole directories with nothing kept."""
    rows = []
    for place in places:
        lines = sum(p.read_bytes().count(b"\n") for p in place.rglob("*.py"))
        tools = tools_for(place, lines, semgrep)
        taken: dict[str, list[Cost]] = {name: [] for name in tools}
        for _ in range(rounds):
            for name, words in tools.items():
                taken[name].append(cost(words))
        found = {name: median(costs) for name, costs in taken.items()}
        ours = found["maestro_taint"].cpu
        for name, one in found.items():
            ratio = "" if name == "maestro_taint" else f"{one.cpu / ours:.2f}"
            rows.append(
                (place.name, name, f"{lines:,}", f"{one.cpu:.2f}", f"{lines / one.cpu:,.0f}", ratio, f"{one.size:.0f}")
            )
            if name in ("bandit", "semgrep") and one.cpu < ours:
                print(f"LOSS: {place.name}: {name} takes {one.cpu:.2f} CPU s, maestro_taint {ours:.2f}")
        if "semgrep" not in tools:
            why = f"more than {SEMGREP_LINES:,} lines" if semgrep else "not installed"
            rows.append((place.name, f"semgrep: not measured, {why}", f"{lines:,}", "", "", "", ""))
    return markdown(("files", "tool", "lines", "CPU s", "lines per CPU s", "times ours", "MiB"), rows)


def warm(place: Path, files: list[str], rounds: int) -> list[str]:
    """The table of a check of some files in a repository, start and Bandit's results included."""
    maestro = Path(sys.executable).with_name("maestro")
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        shutil.copytree(place, tree, ignore=shutil.ignore_patterns("*.so", "*.mo", ".git", ".maestro"))
        (tree / ".maestro").mkdir()
        for words in (["init", "-q"], ["add", "-A"]):
            subprocess.run(["git", *words], cwd=tree, check=True, capture_output=True)
        lines = sum(p.read_bytes().count(b"\n") for p in tree.rglob("*.py"))
        command = [str(maestro), "check", "--only", "taint", "--fresh", "--jsonl", *files]
        first = cost(command, tree)
        again, edited = [], []
        for _ in range(rounds):
            again.append(cost(command, tree))
            for name in files:
                (tree / name).write_bytes((tree / name).read_bytes() + b"\n# a change\n")
            edited.append(cost(command, tree))
        for name, one in (
            ("nothing kept", first),
            ("nothing changed", median(again)),
            ("all of them changed", median(edited)),
        ):
            rows.append(
                (f"{len(files)} of {lines:,} lines: {name}", f"{one.cpu:.2f}", f"{one.wall:.2f}", f"{one.size:.0f}")
            )
            if name != "nothing kept" and one.wall > 1:
                print(f"LOSS: {name}: {one.wall:.2f} s wall ({one.cpu:.2f} CPU s), over the second aimed at")
    return markdown(("check of some files", "CPU s", "wall s", "MiB"), rows)


def main(words: list[str]) -> None:
    """Measure, print, and record if asked."""
    reading = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    reading.add_argument("directories", nargs="+", type=Path)
    reading.add_argument("--files", nargs="+", default=[])
    reading.add_argument("--rounds", type=int, default=3)
    reading.add_argument("--semgrep", default=shutil.which("semgrep"))
    reading.add_argument("--record", action="store_true")
    given = reading.parse_args(words)
    tables = {"taint.py": cold(given.directories, given.rounds, given.semgrep)}
    if given.files:
        tables["taint.py, some files"] = warm(given.directories[0], given.files, given.rounds)
    for name, lines in tables.items():
        print("\n".join(["", *lines]))
        if given.record:
            publish(ROOT / "docs" / "taint.md", name, lines)


if __name__ == "__main__":
    main(sys.argv[1:])
