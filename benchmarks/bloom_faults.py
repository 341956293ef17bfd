"""Seeded faults on real suites: what a full run notices and a selected run would have lost, with 95 % bounds.

Usage: python benchmarks/bloom_faults.py PROJECT... [--faults N] [--seed N] [--json FILE]
       python benchmarks/bloom_faults.py --join FILE...

Each PROJECT is an unpacked source distribution whose suite passes with this interpreter. It is copied and made a git
repository, so nothing of it changes. ``--join`` prints one table of results kept with ``--json``, of any interpreters.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from maestro_bloom.claims import upper_bound_ppm
from maestro_bloom.mutants import audit

_SORTS = ("body", "module", "data", "variable")


def measure(source: Path, faults: int, seed: int) -> dict[str, Any]:
    """The audit of one project."""
    with tempfile.TemporaryDirectory(prefix="maestro-faults-") as scratch:
        project = Path(scratch) / source.name
        shutil.copytree(
            source, project, symlinks=True, ignore=shutil.ignore_patterns(".maestro", "__pycache__", ".git")
        )
        (project / ".gitignore").write_text("__pycache__/\n*.egg-info/\n.pytest_cache/\n", encoding="utf-8")
        identity = {"GIT_AUTHOR_NAME": "x", "GIT_AUTHOR_EMAIL": "x@example.org"}
        identity |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items()}
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
            subprocess.run(["git", *command], cwd=project, check=True, env=os.environ | identity)
        places = [p for p in (project / "src", project / "python", project) if p.is_dir()]
        sys.path[:0] = map(str, places)  # the audit looks where this process would import from
        try:
            found = audit(project, count=faults, seed=seed, paths=(), timeout_s=300)
        finally:
            del sys.path[: len(places)]
    return {"project": source.name, "python": platform.python_version(), "seed": seed, **found.document()}


def table(results: list[dict[str, Any]]) -> list[str]:
    """A row for each result, and one for all."""
    head = "| project | Python | killed (body, module, data, variable) | lost | failing tests not selected | selected |"
    lines = [head, "|---|---|---|---|---|---|"]
    for r in results:
        sorts = ", ".join(str(r["killed_by_sort"][sort]) for sort in _SORTS)
        missed = f"{r['missed_tests']} of {r['failing_tests']}"
        cells = (
            r["project"],
            r["python"],
            f"{r['killed']} ({sorts})",
            r["lost"],
            missed,
            f"{r['selected_percent_mean']} %",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    total = {name: sum(r[name] for r in results) for name in ("killed", "lost", "missed_tests", "failing_tests")}
    sorts = ", ".join(str(sum(r["killed_by_sort"][sort] for r in results)) for sort in _SORTS)
    missed = f"{total['missed_tests']} of {total['failing_tests']}"
    lines.append(f"| together | | {total['killed']} ({sorts}) | {total['lost']} | {missed} | |")
    for name, of in (("lost", "killed"), ("missed_tests", "failing_tests")):
        if total[of]:
            bound = upper_bound_ppm(total[name], total[of]) / 10_000
            lines.append(f"95 % bound of {name.replace('_', ' ')} among {of.replace('_', ' ')}: {bound:.3f} %")
    return lines


def main() -> None:
    """Measure or join."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="*", type=Path)
    parser.add_argument("--faults", type=int, default=40)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--join", nargs="+", type=Path, default=[])
    given = parser.parse_args()
    results = [r for path in given.join for r in json.loads(path.read_text(encoding="utf-8"))]
    for project in given.projects:
        found = measure(project.resolve(), given.faults, given.seed)
        results.append(found)
        for missed in found["missed"]:
            print(f"missed in {project.name}: {' '.join(missed)}", flush=True)
        if given.json:
            given.json.write_text(json.dumps(results, indent=1), encoding="utf-8")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
