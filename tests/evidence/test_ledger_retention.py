from __future__ import annotations

import errno
import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError, UsageError
from maestro_hooks.evidence.ledger import read_all, read_run
from maestro_hooks.evidence.retention import Collected, gc
from maestro_hooks.evidence.segment import SegmentWriter
from maestro_hooks.evidence.segment_reader import read_segment
from tests.evidence.ledger_samples import forged, inputs_of, record, write

if TYPE_CHECKING:
    from pathlib import Path

A = inputs_of("a")
CLAIM = (record("p/a", 1, A), A)
UNKNOWN = forged("r1", [], header=b'{"schema":"maestro.segment/9"}')


def age(directory: Path, seconds: int) -> None:
    for path in directory.iterdir():
        os.utime(path, (seconds, seconds))


def test_the_oldest_runs_go_and_the_bytes_are_counted(tmp_path: Path) -> None:
    paths = {name: write(tmp_path / name, [CLAIM]) for name in ("r1", "r2", "r3")}
    for seconds, name in enumerate(("r2", "r3", "r1")):
        age(tmp_path / name, seconds + 1)
    size = paths["r2"].stat().st_size
    assert gc(tmp_path, keep_runs=2) == Collected(removed=(("r2", 1),), freed_bytes=size)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r1", "r3"]
    assert gc(tmp_path, keep_runs=2) == Collected()


def test_one_named_run_goes_however_new(tmp_path: Path) -> None:
    write(tmp_path / "r1", [CLAIM])
    write(tmp_path / "r2", [CLAIM])
    assert gc(tmp_path, run="r2", keep_runs=10).removed == (("r2", 1),)
    assert [p.name for p in tmp_path.iterdir()] == ["r1"]


def test_an_unknown_run_is_a_usage_error_that_names_the_known(tmp_path: Path) -> None:
    write(tmp_path / "r1", [CLAIM])
    with pytest.raises(UsageError, match="no run 'r7'") as caught:
        gc(tmp_path, run="r7")
    assert "r1" in caught.value.fix
    with pytest.raises(UsageError):
        gc(tmp_path, run="../r1")


def test_a_run_with_a_live_writer_keeps_every_segment(tmp_path: Path) -> None:
    write(tmp_path / "r1", [CLAIM])
    with SegmentWriter(tmp_path / "r1", run="r1", process="test") as writer:
        writer.inputs(A)
        writer.append(CLAIM[0])
        for done in (gc(tmp_path, run="r1"), gc(tmp_path), gc(tmp_path, unfinished=True)):
            assert done.removed == ()
            assert "has a live writer" in done.kept[0][1]
        writer.append(record("p/b", 1, A))
    assert [len(s.entries) for s in read_run(tmp_path / "r1").segments] in ([1, 2], [2, 1])
    assert gc(tmp_path, run="r1").removed == (("r1", 2),)


def test_unfinished_takes_what_died_and_leaves_what_ended(tmp_path: Path) -> None:
    ended = write(tmp_path / "r1", [CLAIM])
    write(tmp_path / "r1", [CLAIM], finish=False)
    assert gc(tmp_path, unfinished=True).removed == (("r1", 1),)
    assert list((tmp_path / "r1").iterdir()) == [ended]


def test_an_unknown_format_is_never_deleted(tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [CLAIM]).with_name("host-1-0123456789ab.jsonl")
    path.write_bytes(UNKNOWN)
    for done in (gc(tmp_path), gc(tmp_path, run="r1"), gc(tmp_path, unfinished=True)):
        assert done.removed == ()
        assert "maestro.segment/9" in done.kept[0][1]
    assert len(list((tmp_path / "r1").iterdir())) == 2


def test_a_damaged_run_can_be_discarded_but_is_not_taken_for_unfinished(tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [CLAIM])
    path.write_bytes(path.read_bytes().replace(b'"q":"1"', b'"q":"0"'))
    done = gc(tmp_path, unfinished=True)
    assert (done.removed, [name for name, _ in done.kept]) == ((), [path.stem])
    with pytest.raises(EvidenceError):
        read_all(tmp_path, run="r1")
    assert gc(tmp_path, run="r1").removed == (("r1", 1),)
    assert not (tmp_path / "r1").exists()


def test_foreign_files_keep_their_directory(tmp_path: Path) -> None:
    write(tmp_path / "r1", [CLAIM])
    (tmp_path / "r1" / "notes.txt").write_text("mine")
    done = gc(tmp_path, run="r1")
    assert done.removed == (("r1", 1),)
    assert done.kept == (("r1", "the directory is kept, it holds notes.txt"),)


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "elsewhere" / "r1", [CLAIM])
    ledger = tmp_path / "ledger"
    (ledger / "r1").mkdir(parents=True)
    (ledger / "r1" / outside.name).symlink_to(outside)
    (ledger / "r2").symlink_to(outside.parent)
    assert gc(ledger).removed == ()
    assert outside.exists()


def test_without_locks_nothing_is_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [CLAIM])

    def refuse(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    done = gc(tmp_path)
    assert (done.removed, path.exists()) == ((), True)
    assert "no file locks here" in done.kept[0][1]


def test_a_writer_whose_new_file_is_collected_starts_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # The collector strikes in the one moment a segment exists without its lock, taking the directory with it.
    real = fcntl.flock
    strikes: list[Collected] = []

    def struck(fd: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX and not strikes:
            strikes.append(Collected())
            strikes.append(gc(tmp_path, run="r1"))
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", struck)
    path = write(tmp_path / "r1", [CLAIM])
    assert strikes[1].removed == (("r1", 1),)
    assert len(read_segment(path).entries) == 1


def test_a_writer_that_comes_to_life_in_between_is_spared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [CLAIM])
    real = fcntl.flock

    def raced(fd: int, operation: int) -> None:
        if operation == fcntl.LOCK_EX | fcntl.LOCK_NB:
            raise BlockingIOError(errno.EWOULDBLOCK, os.strerror(errno.EWOULDBLOCK))
        real(fd, operation)

    monkeypatch.setattr(fcntl, "flock", raced)
    done = gc(tmp_path)
    assert (done.removed, done.kept[0][1]) == ((), "a writer came to life in it")
    assert path.exists()
