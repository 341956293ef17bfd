"""The build cache beside plain nox and the raw cost of its parts.

    python benchmarks/cas.py [--rounds 7] [--files 2000] [--skip-fresh]

Commands are interleaved and medians are shown, wall and CPU (user + system of the child and all its children), because
the machine may be busy: trust ratios of CPU time. Peers (doit, ntask) are timed when they are installed.
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
from dataclasses import dataclass, field
from pathlib import Path

from maestro_cas import engine, outputs, scan
from maestro_cas.engine import Action, Run
from maestro_cas.globs import compile_globs
from maestro_cas.record import Reads
from maestro_cas.remote.access import Remotes
from maestro_cas.settings import CasSettings
from maestro_cas.stat_cache import StatCache
from maestro_cas.store import open_store

NOXFILE = """
import nox
from maestro_hooks.integrations import nox as maestro

CODE = "import os; os.makedirs('out', exist_ok=True); open('out/x', 'w').write('x' * 1000)"

@nox.session(venv_backend="maestro")
@maestro.cached(inputs=["src"], outputs=["out/"], lock="lock.txt")
def cached(session):
    session.run("python", "-c", CODE)

@nox.session(venv_backend="maestro")
def lazy(session):
    session.log("nothing to do")

@nox.session
def fresh(session):
    session.run("python", "-c", CODE)
"""


@dataclass
class Timed:
    """A command with what it took, milliseconds."""

    name: str
    command: list[str]
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, root: Path) -> None:
        """Run once in ``root``; it must succeed."""
        env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("MAESTRO")}
        began = time.perf_counter()
        child = subprocess.Popen(self.command, cwd=root, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, self.name
        self.wall.append((time.perf_counter() - began) * 1000)
        self.cpu.append((used.ru_utime + used.ru_stime) * 1000)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--skip-fresh", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as text:
        root = Path(text)
        make_project(root, given.files)
        sessions(root, rounds=given.rounds, fresh=not given.skip_fresh)
        parts(root, given.files)


def make_project(root: Path, files: int) -> None:
    """Source files of about 4 kB in folders of 50, a lock, a noxfile, files for the peers."""
    for i in range(files):
        folder = root / "src" / f"p{i // 50}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{i}.py").write_bytes(b"# %d\n" % i + os.urandom(2000).hex().encode())
    (root / "lock.txt").write_text("nothing==1\n")
    (root / "noxfile.py").write_text(NOXFILE)
    (root / "dodo.py").write_text(
        "import glob\n\ndef task_build():\n    return {'actions': ['mkdir -p out && echo x > out/doit'],"
        " 'file_dep': sorted(glob.glob('src/**/*.py', recursive=True)), 'targets': ['out/doit']}\n"
    )
    time.sleep(2.2)  # files younger than a clock tick are hashed again each time


def sessions(root: Path, *, rounds: int, fresh: bool) -> None:
    """Whole commands, interleaved."""
    nox = [sys.executable, "-m", "nox"]
    rows = [
        Timed("nox --version (floor)", [*nox, "--version"]),
        Timed("nox, session that does nothing", [*nox, "-s", "lazy"]),
        Timed("nox, cached hit", [*nox, "-s", "cached"]),
        Timed("nox -R, environment reused", [*nox, "-R", "-s", "fresh"]),
    ]
    if fresh:
        rows.append(Timed("nox, fresh environment", [*nox, "-s", "fresh"]))
    if shutil.which("doit"):
        rows.append(Timed("doit, up to date", ["doit", "-f", "dodo.py", "build"]))
    else:
        print("doit is not installed: not timed")
    for row in rows[1:]:
        row.run(root)  # the first run is the miss
        row.wall.clear()
        row.cpu.clear()
    time.sleep(2.2)
    for name in ("cached",):
        Timed(name, [*nox, "-s", name]).run(root)
    for _ in range(rounds):
        for row in rows:
            row.run(root)
    hit = next(r for r in rows if r.name == "nox, cached hit")
    idle = next(r for r in rows if "does nothing" in r.name)
    print(f"{'command':<34}{'wall ms':>9}{'CPU ms':>9}{'wall / hit':>12}{'CPU / hit':>11}")
    for row in rows:
        wall, cpu = statistics.median(row.wall), statistics.median(row.cpu)
        print(
            f"{row.name:<34}{wall:>9.0f}{cpu:>9.0f}{wall / statistics.median(hit.wall):>12.2f}"
            f"{cpu / statistics.median(hit.cpu):>11.2f}"
        )
    over = statistics.median([a - b for a, b in zip(hit.wall, idle.wall, strict=True)])
    cpu = statistics.median([a - b for a, b in zip(hit.cpu, idle.cpu, strict=True)])
    print(f"a hit above a session that does nothing: {over:.0f} ms wall, {cpu:.0f} ms CPU (target: 50)")


def parts(root: Path, files: int) -> None:
    """Scan, put and restore, files per second of CPU-bound work in this process."""
    store = open_store(str(root / "store"))
    inputs = compile_globs(("src",), where="benchmark")
    cache = str(root / "stat-cache")
    print(f"\n{'operation':<34}{'files/s':>10}  target")

    def rate(name: str, seconds: float, target: str) -> None:
        print(f"{name:<34}{files / seconds:>10.0f}  {target}")

    rate("scan, first (hash)", best(lambda: scan.scan(str(root), inputs, StatCache(cache)), times=1), "")
    scan.scan(str(root), inputs, StatCache(cache))
    rate("scan, unchanged", best(lambda: scan.scan(str(root), inputs, StatCache(cache))), "200,000")
    shutil.copytree(root / "src", root / "made/src")
    action = Action(
        name="bench", root=str(root / "made"), inputs=compile_globs((), where="b"),
        outputs=compile_globs(("src",), where="b"), components={}, mode="trust",
    )  # fmt: skip
    prepared = engine.prepare(store, action)
    remotes = Remotes(store, CasSettings(), root=str(root), publishing=False, announce=print)
    run = Run(duration_ms=0, log=b"", reads=Reads("none"))
    remotes.writer()
    took = best(lambda: engine.store_run(store, prepared, run, remotes=lambda: remotes, now=time.time()), times=1)
    rate("put, one sync at the end", took, "800")
    found = store.record(prepared.key)
    assert found is not None
    for name, read_only, target in (("restore, copy", False, ""), ("restore, hard links", True, "8,000")):
        shutil.rmtree(root / "made/src")
        began = time.perf_counter()
        done = outputs.restore(
            store, found, action.root, globs=action.outputs, cache=StatCache(str(root / "oc")), read_only=read_only
        )
        assert isinstance(done, outputs.Restored)
        rate(name, time.perf_counter() - began, target)


def best(call: object, *, times: int = 9) -> float:
    """The shortest of some runs, seconds: what the work takes when nobody disturbs it."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        assert callable(call)
        call()
        taken.append(time.perf_counter() - began)
    return min(taken)


if __name__ == "__main__":
    main()
