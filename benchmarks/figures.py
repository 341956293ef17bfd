"""What a release of this project claims about itself, measured anew: coverage, flake rate, the time verifying takes.

    python benchmarks/figures.py OUT [--runs 3]

Writes what 'nox -s release' imports: OUT/coverage.json (coverage.py: lines and branches of the host under the tests of
its rooms), OUT/runs/*.xml (JUnit: the main job's tests again and again) and OUT/speed.json (in pytest-benchmark's
form: wall time of 'maestro verify' over a release with 100,000 obligations, a process of its own each time). The
mutation score, the fourth figure, comes from the gate of plugin ``mutation``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT)]

from benchmarks.evidence import release  # noqa: E402 - after the path

OBLIGATIONS, SHOWN, ROUNDS = 100_000, 20, 15
LONGER = ("tests/commands", "tests/integrations", "tests/pipeline")


def tests() -> list[str]:
    """What the main job runs, without its reports to the ledger."""
    arguments = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["maestro"]["run"]["pytest_arguments"]
    return ["-m", "pytest", "-p", "no:cacheprovider", *arguments]


def environment(scratch: Path) -> dict[str, str]:
    """Coverage data of every process in ``scratch``."""
    return {**os.environ, "COVERAGE_FILE": str(scratch / "coverage")}


def python(*words: str, scratch: Path, allowed: tuple[int, ...] = (0,)) -> None:
    """Run Python at the root, or stop with its output's end."""
    done = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment(scratch), capture_output=True, text=True, check=False
    )
    if done.returncode not in allowed:
        raise SystemExit(f"{' '.join(words[:6])} ended with {done.returncode}:\n{(done.stdout + done.stderr)[-2000:]}")


def run_tests(out: Path, runs: int) -> None:
    """Run the tests ``runs`` times; then once, with the rooms the main job leaves out for their length, under coverage.

    Failing tests are outcomes, not obstacles.
    """
    (out / "runs").mkdir()
    with tempfile.TemporaryDirectory() as place:
        scratch = Path(place)
        for number in range(1, runs + 1):
            python(*tests(), f"--junit-xml={out / 'runs' / f'{number}.xml'}", scratch=scratch, allowed=(0, 1))
        python("-m", "coverage", "run", *tests(), *LONGER, scratch=scratch, allowed=(0, 1))
        python("-m", "coverage", "combine", "-q", scratch=scratch)
        host = ["--include=maestro_hooks/*", "-q", "-o", str(out / "coverage.json")]
        python("-m", "coverage", "json", *host, scratch=scratch)


def verify_seconds() -> list[float]:
    """Wall seconds of ``maestro verify``, interpreter start included."""
    with tempfile.TemporaryDirectory() as place:
        bundle = release(Path(place), SHOWN, OBLIGATIONS)
        command = [sys.executable, "-m", "maestro_hooks", "verify", str(bundle)]
        seconds = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            subprocess.run(command, cwd=place, stdout=subprocess.DEVNULL, check=True)
            seconds.append(time.perf_counter() - started)
    return seconds


def main() -> None:
    """Measure and write; what lay in OUT is removed first, so that nothing old is taken for new."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    out = given.out.resolve()
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    seconds = verify_seconds()
    stats = {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds), "rounds": len(seconds)}
    name = f"maestro-verify-{OBLIGATIONS}-obligations"
    document = {"version": "5.1.0", "benchmarks": [{"fullname": name, "stats": stats}]}
    (out / "speed.json").write_text(json.dumps(document, indent=1))
    run_tests(out, given.runs)
    print(f"measured {given.runs} runs of the tests and {len(seconds)} verifications into {given.out}")


if __name__ == "__main__":
    main()
