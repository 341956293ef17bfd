"""Records per second of eight processes writing at once: ledger segments beside SQLite and a locked JSONL file.

Usage: ``python benchmarks/ledger.py [--records N] [--rounds N]``. Every design stores the same record of about 300
bytes, and a record counts once the call that makes it survive the process has returned. Designs take turns within a
round, so a busy machine slows all of them; read the ratios. After each run the stored records are counted: a design
that loses one stops the benchmark.
"""

from __future__ import annotations

import argparse
import fcntl
import multiprocessing
import os
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.ledger import merge, read_run
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import Producer, Record, record_of
from maestro_hooks.evidence.segment import SegmentWriter

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier

    Design = Callable[[Path, int, int, "Begin"], None]

PROCESSES = 8
TARGET_PER_S = 100_000
PRODUCER = Producer(plugin="taint", version="1.0.0", hook="maestro_check")
INPUTS = Inputs(plugin="taint", version="1.0.0", tree="f" * 40)


class Begin:
    """Where a writer waits until all are ready; from then on its CPU time counts."""

    def __init__(self, barrier: Barrier) -> None:
        self.barrier = barrier
        self.cpu_s = 0.0

    def wait(self) -> None:
        """Start together."""
        self.barrier.wait()
        self.cpu_s = time.process_time()


def records(process: int, count: int, inputs: str) -> list[Record]:
    """What one process is going to say; made before the clock starts."""
    keys = (f"taint/flows/src/package_{process}/module_{number:06}.py" for number in range(count))
    return [record_of(Obligation(key=k, value=0, max=0, kind="taint"), producer=PRODUCER, inputs=inputs) for k in keys]


def segments(place: Path, process: int, count: int, start: Begin) -> None:
    """One segment per process."""
    with SegmentWriter(place / "run", run="run", process=f"writer:{process}") as writer:
        todo = records(process, count, writer.inputs(INPUTS))
        start.wait()
        for record in todo:
            writer.append(record)


def locked(place: Path, process: int, count: int, start: Begin) -> None:
    """One JSONL file for all, a lock around each line."""
    todo = records(process, count, "0" * 64)
    fd = os.open(place / "all.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    start.wait()
    for record in todo:
        line = msgspec.json.encode(record) + b"\n"
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(fd, line)
        fcntl.flock(fd, fcntl.LOCK_UN)
    os.fsync(fd)  # as a segment is when it is closed
    os.close(fd)


def database(place: Path, process: int, count: int, start: Begin) -> None:
    """SQLite in WAL mode, one transaction per record (``synchronous=NORMAL``, as durable as the others)."""
    todo = records(process, count, "0" * 64)
    connection = sqlite3.connect(place / "all.db", timeout=120, isolation_level=None)
    start.wait()
    for record in todo:
        connection.execute("INSERT INTO record VALUES (?)", (msgspec.json.encode(record),))
    connection.close()


def prepare_database(place: Path) -> None:
    """The table, before any writer."""
    connection = sqlite3.connect(place / "all.db")
    connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE record (body BLOB);")
    connection.close()


def stored(place: Path) -> int:
    """How many records the place holds, read by the design's own reader."""
    if (place / "run").exists():
        ledger = read_run(place / "run")
        assert all(segment.finished for segment in ledger.segments)
        return sum(len(segment.entries) for segment in ledger.segments)
    if (place / "all.jsonl").exists():
        return (place / "all.jsonl").read_bytes().count(b"\n")
    connection = sqlite3.connect(place / "all.db")
    (count,) = connection.execute("SELECT count(*) FROM record").fetchone()
    connection.close()
    return int(count)


def timed(design: Design, place: Path, process: int, count: int, start: Barrier) -> None:
    """Run one writer and leave the CPU seconds it took, for a busy machine stretches the clock's."""
    begin = Begin(start)
    design(place, process, count, begin)
    (place / f"cpu-{process}").write_text(str(time.process_time() - begin.cpu_s))


def rate(design: Design, count: int) -> tuple[float, float]:
    """Records per second from the moment all are ready to the end of the last, and CPU microseconds per record."""
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as name:
        place = Path(name)
        if design is database:
            prepare_database(place)
        context = multiprocessing.get_context("fork")
        start = context.Barrier(PROCESSES + 1)
        writers = [context.Process(target=timed, args=(design, place, n, count, start)) for n in range(PROCESSES)]
        for writer in writers:
            writer.start()
        start.wait()
        began = time.perf_counter()
        for writer in writers:
            writer.join()
        took = time.perf_counter() - began
        assert [writer.exitcode for writer in writers] == [0] * PROCESSES
        spent = sum(float(line) for line in (p.read_text() for p in place.glob("cpu-*")))
        assert stored(place) == PROCESSES * count, f"{design.__name__} lost records"
    return PROCESSES * count / took, spent / (PROCESSES * count) * 1e6


def reading(count: int) -> tuple[float, float]:
    """Records per second of CPU time: read and check all segments; merge them."""
    with tempfile.TemporaryDirectory(prefix="maestro-bench-") as name:
        context = multiprocessing.get_context("fork")
        for number in range(PROCESSES):
            segments(Path(name), number, count, Begin(context.Barrier(1)))
        began = time.process_time()
        ledger = read_run(Path(name) / "run")
        read = time.process_time()
        merged = merge(ledger, tree="f" * 40, files={})
        done = time.process_time()
        total = len(merged.records)
        assert total == PROCESSES * count
    return total / (read - began), total / (done - read)


def main() -> None:
    """Take turns, then print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=int, default=10_000, help="per process")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    rates: dict[str, list[tuple[float, float]]] = {}
    for _ in range(args.rounds):
        for label, design, count in (
            ("segments", segments, args.records),
            ("JSONL + flock", locked, args.records),
            ("SQLite WAL, 1 per transaction", database, max(args.records // 5, 1)),
        ):
            rates.setdefault(label, []).append(rate(design, count))
    size = len(msgspec.json.encode(records(0, 1, "0" * 64)[0]))
    print(
        f"{PROCESSES} processes, {args.records} records of {size} bytes each (SQLite a fifth as many), "
        f"median of {args.rounds} rounds, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'design':30}{'records/s':>11}{'min':>9}{'max':>9}{'CPU us each':>13}{'segments / it':>15}")
    best = statistics.median(per_s for per_s, _ in rates["segments"])
    for label, values in rates.items():
        per_s = sorted(value for value, _ in values)
        median, cpu_us = statistics.median(per_s), statistics.median(cpu for _, cpu in values)
        print(f"{label:30}{median:11,.0f}{per_s[0]:9,.0f}{per_s[-1]:9,.0f}{cpu_us:13.1f}{best / median:15.2f}")
    print(f"target {TARGET_PER_S:,}/s: {'reached' if best >= TARGET_PER_S else 'NOT reached'}")
    read, merged = reading(args.records)
    print(f"one process reads and checks {read:,.0f} records/s of CPU, merges {merged:,.0f}/s")


if __name__ == "__main__":
    main()
