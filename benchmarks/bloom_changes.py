"""A series of pull requests: what testing each change costs, whole pytest processes from start to end.

    python benchmarks/bloom_changes.py PROJECT... [--changes 8] [--seed 7] [--publish]

PROJECT is an unpacked source distribution (see ``bloom.py``). The nightly run is recorded once by each tool; then one
function of the package at a time gets another body that does the same (an expression without effect), as a commit of
its own would, and every tool tests that tree from the nightly's record. CPU seconds, summed over the series.
"""

from __future__ import annotations

import argparse
import ast
import importlib.util
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.bloom import repository  # noqa: E402 - after the path
from benchmarks.bloom_processes import MODES, cpu_seconds  # noqa: E402
from benchmarks.tables import markdown, publish  # noqa: E402

SERIES = {
    "all tests": MODES["plain"],
    "selected": MODES["select"],
    "testmon, selected": MODES["testmon select"],
}
_RAN = re.compile(r"(\d+) (?:passed|failed|xfailed|xpassed|skipped)")


def functions(project: Path) -> list[tuple[Path, int, int]]:
    """(source, line of the first statement behind the docstring, its column) of all functions outside the tests."""
    found = []
    for path in sorted(project.rglob("*.py")):
        if any("test" in part or part in ("docs", "examples") for part in path.relative_to(project).parts):
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                # Behind the docstring, which would be none behind another statement: that is a change of data.
                body = node.body[1:] if ast.get_docstring(node) is not None else node.body
                if body and body[0].lineno > node.lineno:
                    found.append((path, body[0].lineno, body[0].col_offset))
    return found


def edit(place: tuple[Path, int, int], mark: int) -> str:
    """Put a statement without effect at the head of a function; what the file held before."""
    path, line, column = place
    before = path.read_text(encoding="utf-8")
    lines = before.splitlines(keepends=True)
    lines.insert(line - 1, f"{' ' * column}({mark},)\n")
    path.write_text("".join(lines), encoding="utf-8")
    return before


def series(source: Path, changes: int, seed: int) -> dict[str, tuple[float, int]]:
    """Per way of testing: CPU seconds and tests run, over all changes."""
    modes = {m: a for m, a in SERIES.items() if not m.startswith("testmon") or importlib.util.find_spec("testmon")}
    found = dict.fromkeys(modes, (0.0, 0))
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as scratch:
        project = repository(source, Path(scratch))
        cpu_seconds(project, MODES["record"])
        if "testmon, selected" in modes:
            cpu_seconds(project, MODES["testmon record"])
        kept = Path(scratch) / "kept"
        kept.mkdir()
        places = functions(project)
        chosen = random.Random(seed).sample(places, min(changes, len(places)))  # noqa: S311 - a choice, no secret
        for number, place in enumerate(chosen):
            before = edit(place, number)
            for mode, arguments in modes.items():
                record = project / ".testmondata"
                if record.exists():
                    shutil.copy2(record, kept)  # testmon writes what it learnt from this change; the next starts anew
                seconds, _ = cpu_seconds(project, arguments)
                if record.exists():
                    shutil.copy2(kept / record.name, record)
                last = (Path(scratch) / "output.txt").read_text(encoding="utf-8", errors="replace")[-300:]
                ran = sum(int(count) for count in _RAN.findall(last.splitlines()[-1] if last else ""))
                found[mode] = (found[mode][0] + seconds, found[mode][1] + ran)
            place[0].write_text(before, encoding="utf-8")
    return found


def main() -> None:
    """Print one row per project and way of testing."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--changes", type=int, default=8)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--publish", action="store_true")
    given = parser.parse_args()
    rows = []
    for project in given.projects:
        found = series(project.resolve(), given.changes, given.seed)
        whole = found["all tests"][0]
        rows += [
            (project.name, mode, f"{seconds:.1f}", f"{seconds / whole:.2f}", str(ran))
            for mode, (seconds, ran) in found.items()
        ]
    lines = [
        f"Python {sys.version.split()[0]}, {given.changes} changes of a function body each, seed {given.seed}:",
        "",
        *markdown(("project", "way", "CPU s", "of all tests", "tests run"), rows),
    ]
    print("\n".join(lines))
    if given.publish:
        publish(ROOT / "docs" / "test-selection.md", "bloom-changes", lines)


if __name__ == "__main__":
    main()
