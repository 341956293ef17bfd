"""Eight writers killed with SIGKILL in mid-write; small records cannot show a loss, so these exceed a page."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

import pytest

from maestro_hooks.evidence.ledger import merge, read_run
from maestro_hooks.evidence.segment_reader import has_writer, open_segment
from tests.evidence.ledger_samples import FILES, TREE

if TYPE_CHECKING:
    from pathlib import Path

# The pipe says "acknowledged" only after append has returned.
WRITER = """
import os, sys
from pathlib import Path
from maestro_hooks.evidence.record import EvidenceRef, Record
from maestro_hooks.evidence.segment import SegmentWriter
from tests.evidence.ledger_samples import PRODUCER, inputs_of
a = inputs_of("a")
names = tuple(EvidenceRef(name=f"{n:04}" + "x" * 200, sha256="0" * 64) for n in range(int(sys.argv[3])))
directory = Path(sys.argv[1])
with SegmentWriter(directory, run=directory.name, process=sys.argv[2]) as writer:
    digest = writer.inputs(a)
    for number in range(1_000_000):
        key = f"p/{sys.argv[2]}/{number}"
        writer.append(Record(key=key, verdict="met", producer=PRODUCER, inputs=digest, evidence=names))
        os.write(1, key.encode() + b"\\n")
"""


def is_live(path: Path) -> bool | None:
    with open_segment(path) as stream:
        return has_writer(stream.fileno())


def start(directory: Path, name: str, references: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(directory), name, str(references)], stdout=subprocess.PIPE
    )


def drain(pipes: list[IO[bytes]], seconds: float) -> dict[IO[bytes], bytes]:
    """What the writers say until each has said something and ``seconds`` have passed since."""
    said = dict.fromkeys(pipes, b"")
    give_up, until = time.monotonic() + 30, float("inf")
    while time.monotonic() < min(until, give_up):
        for pipe in select.select(pipes, [], [], 0.05)[0]:
            said[pipe] += os.read(pipe.fileno(), 1 << 16)
        if until == float("inf") and all(said.values()):
            until = time.monotonic() + seconds
    return said


@pytest.mark.parametrize("references", [200, 4000])
def test_killed_writers_lose_no_acknowledged_record(tmp_path: Path, references: int) -> None:
    directory = tmp_path / "r1"
    writers = [start(directory, f"w{n}", references) for n in range(8)]
    pipes = [w.stdout for w in writers if w.stdout is not None]
    try:
        said = drain(pipes, 0.3)
        alive = [is_live(path) for path in directory.iterdir()]
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
    assert alive == [True] * 8
    for writer in writers:
        assert writer.wait(timeout=30) == -signal.SIGKILL
    acknowledged = {line for pipe in pipes for line in (said[pipe] + pipe.read()).decode().split("\n")[:-1]}
    for pipe in pipes:
        pipe.close()
    ledger = read_run(directory)
    kept = {entry.record.key for segment in ledger.segments for entry in segment.entries}
    assert len(acknowledged) >= 8
    assert acknowledged <= kept
    # A record whose acknowledgement the kill cut off may be there: one per writer at most.
    assert len(kept - acknowledged) <= 8
    assert not any(segment.finished or segment.live for segment in ledger.segments)
    assert min(path.stat().st_size for path in directory.iterdir()) > 40_000
    merged = merge(ledger, tree=TREE, files=FILES)
    lost = [record for record in merged.records if record.key.startswith("segment/")]
    assert len(lost) == len(merged.unfinished) == 8
    assert all("ended without finishing" in (record.error or "") for record in lost)
