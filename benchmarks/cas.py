"""The build cache beside plain nox and the raw cost of its parts.

    python benchmarks/cas.py [--rounds 7] [--files 2000] [--skip-fresh] [--write docs/build-cache.md]

Commands are interleaved and medians are shown, wall and CPU (user + system of the child and all its children), because
the machine may be busy: trust ratios of CPU time. Peers (doit, ntask, turbo, moon) are timed when they are on PATH.
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
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import cas_peers
from benchmarks.tables import markdown, publish
from maestro_cas import engine, outputs, scan
from maestro_cas.engine import Action, Run
from maestro_cas.globs import compile_globs
from maestro_cas.record import Reads
from maestro_cas.remote.access import Remotes
from maestro_cas.settings import CasSettings
from maestro_cas.stat_cache import StatCache
from maestro_cas.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

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
        own = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("MAESTRO")}
        env = {**own, **cas_peers.QUIET, "COLUMNS": "80"}
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
    parser.add_argument("--write", type=Path, help="put the tables into this page")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as text:
        root = Path(text)
        make_project(root, given.files)
        peers = cas_peers.prepare(root)
        lines = sessions(root, peers, rounds=given.rounds, fresh=not given.skip_fresh)
        lines += ["", *parts(root, given.files)]
    about = f"{given.files} input files, {given.rounds} interleaved rounds, medians; nox {version('nox')}."
    print("\n".join([about, "", *lines]))
    if given.write:
        publish(given.write, "cas.py", [about, "", *lines])


def make_project(root: Path, files: int) -> None:
    """Source files of about 4 kB in folders of 50, a lock, a noxfile."""
    for i in range(files):
        folder = root / "src" / f"p{i // 50}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"m{i}.py").write_bytes(b"# %d\n" % i + os.urandom(2000).hex().encode())
    (root / "lock.txt").write_text("nothing==1\n")
    (root / "noxfile.py").write_text(NOXFILE)
    time.sleep(2.2)  # files younger than a clock tick are hashed again each time


def sessions(root: Path, peers: dict[str, list[str]], *, rounds: int, fresh: bool) -> list[str]:
    """Whole commands, interleaved."""
    nox = [sys.executable, "-m", "nox"]
    run = [
        sys.executable,
        "-m",
        "maestro_hooks",
        "cas",
        "run",
        "--inputs",
        "src",
        "--outputs",
        "out/r",
        "--",
        "sh",
        "-c",
    ]
    rows = [
        Timed("nox --version (floor)", [*nox, "--version"]),
        Timed("nox, session that does nothing", [*nox, "-s", "lazy"]),
        Timed("nox, cached hit", [*nox, "-s", "cached"]),
        Timed("nox -R, environment reused", [*nox, "-R", "-s", "fresh"]),
        *([Timed("nox, fresh environment", [*nox, "-s", "fresh"])] if fresh else []),
        Timed("maestro cas run, hit", [*run, "mkdir -p out && echo x > out/r"]),
        *(Timed(name, command) for name, command in peers.items()),
    ]
    for row in rows[1:]:
        row.run(root)  # the first run is the miss
    time.sleep(2.2)
    for row in rows[1:]:
        row.run(root)  # files younger than a clock tick were hashed again; now they are old
        row.wall.clear()
        row.cpu.clear()
    for _ in range(rounds):
        for row in rows:
            row.run(root)
    hit = next(r for r in rows if r.name == "nox, cached hit")
    idle = next(r for r in rows if "does nothing" in r.name)
    cells = []
    for row in rows:
        wall, cpu = statistics.median(row.wall), statistics.median(row.cpu)
        ratios = wall / statistics.median(hit.wall), cpu / statistics.median(hit.cpu)
        cells.append((row.name, f"{wall:.0f}", f"{cpu:.0f}", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}"))
    lines = markdown(("command", "wall ms", "CPU ms", "wall / nox hit", "CPU / nox hit"), cells)
    missing = [name.split(",")[0] for name in cas_peers.COMMANDS if name not in peers]
    lines += ["", " ".join(above(hit, floor) for floor in (rows[0], idle)) + " Target: 50."]
    return lines + ([f"Not on PATH, so not timed: {', '.join(missing)}."] if missing else [])


def above(hit: Timed, floor: Timed) -> str:
    """What a hit takes more: the median of each round, and the fastest runs, which a busy machine disturbs least."""

    def more(mine: list[float], theirs: list[float]) -> str:
        each = statistics.median([a - b for a, b in zip(mine, theirs, strict=True)])
        return f"{each:.0f} ms (fastest runs: {min(mine) - min(theirs):.0f} ms)"

    return f"A hit above `{floor.name}`: wall {more(hit.wall, floor.wall)}, CPU {more(hit.cpu, floor.cpu)}."


def parts(root: Path, files: int) -> list[str]:
    """Scan, put and restore: files per second of wall time, and per second of this process's CPU time."""
    store = open_store(str(root / "store"))
    inputs = compile_globs(("src",), where="benchmark")
    cache = str(root / "stat-cache")
    cells: list[tuple[str, ...]] = []

    def rate(name: str, took: tuple[float, float], target: str) -> None:
        cells.append((name, *(f"{files / seconds:,.0f}" for seconds in took), target))

    rate("scan, first (hash)", best(lambda: scan.scan(str(root), inputs, StatCache(cache)), times=1), "")
    scan.scan(str(root), inputs, StatCache(cache))
    rate("scan, unchanged", best(lambda: scan.scan(str(root), inputs, StatCache(cache)), times=25), "200,000")
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

    def restore(*, read_only: bool) -> None:
        cache = StatCache(str(root / "oc"))
        done = outputs.restore(store, found, action.root, globs=action.outputs, cache=cache, read_only=read_only)
        assert isinstance(done, outputs.Restored)
        assert done.files == files

    def clear() -> None:
        shutil.rmtree(root / "made/src")

    rate("restore, copy", best(partial(restore, read_only=False), before=clear, times=3), "")
    rate("restore, hard links", best(partial(restore, read_only=True), before=clear, times=5), "8,000")
    return markdown(("operation", "files/s, wall", "files/s, CPU", "target"), cells)


def best(call: Callable[[], object], *, before: Callable[[], object] | None = None, times: int) -> tuple[float, float]:
    """The shortest wall and CPU seconds of some runs: what the work takes when nobody disturbs it."""
    taken = []
    for _ in range(times):
        if before is not None:
            before()
        began, used = time.perf_counter(), time.process_time()
        call()
        taken.append((time.perf_counter() - began, time.process_time() - used))
    return min(wall for wall, _ in taken), min(cpu for _, cpu in taken)


if __name__ == "__main__":
    main()
