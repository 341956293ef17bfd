"""The Bandit gate beside Bandit's own command on the same files: CPU of the child processes, interleaved.

Run: python benchmarks/bandit_gate.py [--runs N] [DIRECTORY ...]   (default: parts of the standard library)

Both write what they found; the counts are compared before any time is printed, so a faster wrong answer cannot win.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

PARTS = ("asyncio", "email", "http", "json", "logging", "multiprocessing", "xml")
GATE = """
import hashlib, json, sys
from pathlib import Path
from maestro_hooks.requests import CheckRequest, SourceFile
from maestro_reports import maestro_check
from maestro_reports.settings import ReportsSettings
root = Path(sys.argv[1])
files = tuple(
    SourceFile(p.relative_to(root).as_posix(), p, hashlib.sha256(p.read_bytes()).hexdigest())
    for p in sorted(root.rglob("*.py"))
)
settings = ReportsSettings(bandit_level="low", bandit_test_skips=())
claims = {o.key: o for o in maestro_check(CheckRequest(root=root, files=files, settings=settings, whole=True))}
print(json.dumps([claims["bandit/issues"].value, claims["bandit/unparsed"].value]))
"""


def cpu_of(command: list[str]) -> tuple[float, str]:
    """CPU seconds (user and system) and standard output of one child process."""
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL)
        _, _, usage = os.wait4(child.pid, 0)
        child.returncode = 0  # wait4 has reaped it; Bandit exits with 1 when it finds something
        out.seek(0)
        return usage.ru_utime + usage.ru_stime, out.read()


def gate(directory: Path) -> tuple[float, list[int]]:
    """Our gate: CPU seconds, and [issues, unparsed files]."""
    seconds, out = cpu_of([sys.executable, "-c", GATE, str(directory)])
    found: list[int] = json.loads(out)
    return seconds, found


def command(directory: Path) -> tuple[float, list[int]]:
    """Bandit's command: CPU seconds, and [issues, unparsed files]. No directory is excluded, as in the gate."""
    seconds, out = cpu_of([sys.executable, "-m", "bandit", "-q", "-f", "json", "-x", "", "-r", str(directory)])
    document = json.loads(out)
    return seconds, [len(document["results"]), len(document["errors"])]


def measure(directory: Path, runs: int) -> str:
    """One line of the table; raises if the two disagree about what is there."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        (our_time, our_found), (their_time, their_found) = gate(directory), command(directory)
        if our_found != their_found:
            raise SystemExit(f"{directory}: the gate found {our_found}, Bandit {their_found}")
        ours.append(our_time)
        theirs.append(their_time)
    files = list(directory.rglob("*.py"))
    lines = sum(p.read_bytes().count(b"\n") for p in files)
    gate_s, bandit_s = statistics.median(ours), statistics.median(theirs)
    return (
        f"{directory.name:<16}{len(files):>7}{lines:>9}{our_found[0]:>8}"
        f"{gate_s:>10.2f}{bandit_s:>10.2f}{gate_s / bandit_s:>8.2f}"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("directories", nargs="*", type=Path)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    library = Path(sysconfig.get_path("stdlib"))
    directories = options.directories or [library / part for part in PARTS]
    print(f"{'directory':<16}{'files':>7}{'lines':>9}{'issues':>8}{'gate s':>10}{'bandit s':>10}{'ratio':>8}")
    for directory in directories:
        print(measure(directory, options.runs))


if __name__ == "__main__":
    main()
