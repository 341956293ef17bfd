from __future__ import annotations

import errno
import fcntl
import os
import resource
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import ToolError, UsageError
from maestro_hooks.evidence import chain
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.record import Quantity, Record
from maestro_hooks.evidence.segment import Durability, SegmentWriter
from maestro_hooks.evidence.segment_reader import read_segment
from tests.evidence.ledger_samples import PRODUCER, inputs_of, record, sha, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

A = inputs_of("a")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / ".maestro" / "ledger" / "r1"


@pytest.fixture
def writer(directory: Path) -> Iterator[SegmentWriter]:
    with SegmentWriter(directory, run="r1", process="test", parent="c" * 40) as one:
        one.inputs(A)
        yield one


def written(writer: SegmentWriter) -> Path:
    assert writer.path is not None
    return writer.path


def fill(writer: SegmentWriter, acknowledged: list[str]) -> None:
    """Append far more than fits, keeping the keys of the appends that returned."""
    for number in range(1000):
        writer.append(record(f"p/m/{number}", 1, A))
        acknowledged.append(f"p/m/{number}")


def test_nothing_exists_before_the_first_record(directory: Path) -> None:
    with SegmentWriter(directory, run="r1", process="test") as writer:
        writer.inputs(A)
    assert not directory.parents[1].exists()


def test_the_files_are_private_ignored_by_git_and_shortly_named(writer: SegmentWriter, directory: Path) -> None:
    writer.append(record("p/m", 1, A))
    path = written(writer)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (directory.parents[1] / ".gitignore").read_text() == "*\n"
    assert chain.NAME.fullmatch(path.stem)
    assert len(path.name) <= 120
    assert f"-{os.getpid()}-" in path.name


def test_a_long_host_name_still_makes_a_segment_name(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    system = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((system[0], "hôst/" * 60, *system[2:])))
    path = write(directory, [(record("p/m", 1, A), A)])
    assert len(path.name) <= 120
    assert read_segment(path).finished


def test_the_header_says_who_wrote(writer: SegmentWriter) -> None:
    writer.append(record("p/m", 1, A))
    assert read_segment(written(writer)).header == chain.Header(
        schema="maestro.segment/1", run="r1", process="test", api=1, parent="c" * 40
    )


def test_inputs_are_stored_once_before_the_first_record_that_needs_them(writer: SegmentWriter) -> None:
    b = inputs_of("b")
    assert writer.inputs(b) == sha(b) == writer.inputs(b)
    for number in range(3):
        writer.append(record(f"p/m/{number}", number, A))
    lines = written(writer).read_bytes().splitlines()
    assert [b'"i":' in line for line in lines] == [False, True, False, False, False]


def test_one_write_per_record(monkeypatch: pytest.MonkeyPatch, writer: SegmentWriter) -> None:
    calls: list[int] = []
    real = os.write

    def counted(fd: int, data: bytes) -> int:
        calls.append(len(data))
        return real(fd, data)

    monkeypatch.setattr(os, "write", counted)
    writer.append(record("p/m/0", 1, A))
    writer.append(record("p/m/1", 1, A))
    assert calls == [len(written(writer).read_bytes()) - calls[1], calls[1]]


def test_a_segment_is_live_until_it_is_closed(writer: SegmentWriter) -> None:
    writer.append(record("p/m", 1, A))
    before = read_segment(written(writer))
    assert (before.live, before.finished) == (True, False)
    writer.close()
    after = read_segment(written(writer))
    assert (after.live, after.finished) == (False, True)
    writer.close()
    assert read_segment(written(writer)) == after


def test_an_exception_leaves_the_segment_unfinished(directory: Path) -> None:
    writer = SegmentWriter(directory, run="r1", process="test")

    def interrupted() -> None:
        with writer:
            writer.inputs(A)
            writer.append(record("p/m", 1, A))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    left = read_segment(written(writer))
    assert (len(left.entries), left.finished, left.torn, left.live) == (1, False, False, False)


def test_nothing_is_written_after_close(writer: SegmentWriter) -> None:
    writer.append(record("p/m", 1, A))
    writer.close()
    with pytest.raises(ToolError, match="is closed"):
        writer.append(record("p/m/2", 1, A))


BAD = [
    Record(key="nokey", verdict="met", producer=PRODUCER, inputs=sha(A)),  # type: ignore[arg-type]
    Record(key="p/m", verdict="passed", producer=PRODUCER, inputs=sha(A)),  # type: ignore[arg-type]
    Record(key="p/m", verdict="met", producer=PRODUCER, inputs=sha(A), error="\ud800"),  # type: ignore[arg-type]
    Record(key="p/m", verdict="met", producer=PRODUCER, inputs=sha(A), text={1}),  # type: ignore[arg-type]
    Record(key="p/m", verdict="met", producer=PRODUCER, inputs=sha(A), text=object()),  # type: ignore[arg-type]
    Record(
        key="p/m",
        verdict="met",  # type: ignore[arg-type]
        producer=PRODUCER,
        inputs=sha(A),
        quantity=Quantity(scale=1, round="exact", q="2", max="1"),
    ),
]


@pytest.mark.parametrize("bad", BAD)
def test_a_record_the_reader_would_refuse_is_not_written(writer: SegmentWriter, bad: Record) -> None:
    writer.append(record("p/first", 1, A))
    size = written(writer).stat().st_size
    with pytest.raises(ToolError, match="not a well-formed record"):
        writer.append(bad)
    assert written(writer).stat().st_size == size
    writer.append(record("p/last", 1, A))
    writer.close()
    assert [e.record.key for e in read_segment(written(writer)).entries] == ["p/first", "p/last"]


def test_a_record_of_unknown_inputs_is_not_written(writer: SegmentWriter) -> None:
    with pytest.raises(ToolError, match="were not handed in"):
        writer.append(record("p/m", 1, inputs_of("b")))
    assert writer.path is None


def test_a_line_over_the_limit_is_refused_and_the_segment_goes_on(writer: SegmentWriter) -> None:
    huge = Inputs(plugin="p", version="1", files={f"{n:08}.py": "0" * 64 for n in range(60_000)})
    writer.inputs(huge)
    with pytest.raises(ToolError, match="may hold 4194304 bytes"):
        writer.append(record("p/m", 1, huge))
    writer.append(record("p/m", 1, A))
    writer.close()
    assert read_segment(written(writer)).finished


@pytest.mark.parametrize("meta", [{1: "a number as a name"}, {"at": object()}, {"text": "\ud800"}])
def test_meta_that_json_cannot_hold_is_refused(writer: SegmentWriter, meta: dict[str, object]) -> None:
    with pytest.raises(ToolError):
        writer.append(record("p/m", 1, A), meta)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(meta=st.dictionaries(st.text(max_size=5), JSON, max_size=4))
def test_what_is_acknowledged_can_be_read_whatever_the_meta(
    tmp_path_factory: pytest.TempPathFactory, meta: dict[str, object]
) -> None:
    writer = SegmentWriter(tmp_path_factory.getbasetemp() / "metas", run="metas", process="test")
    writer.inputs(A)
    writer.append(record("p/m", 1, A), meta)
    writer.close()
    assert read_segment(written(writer)).entries[0].meta.keys() == meta.keys()
    written(writer).unlink()


@pytest.mark.parametrize("run", ["r2", "", "..", ".hidden", "a/b"])
def test_a_run_id_is_the_plain_name_of_its_directory(tmp_path: Path, run: str) -> None:
    with pytest.raises(UsageError):
        SegmentWriter(tmp_path / "r1", run=run, process="test")
    with pytest.raises(UsageError):
        SegmentWriter(tmp_path / "..", run="..", process="test")


def test_threads_share_one_segment(writer: SegmentWriter) -> None:
    def work(thread: int) -> None:
        for number in range(50):
            writer.append(record(f"p/t{thread}/{number}", 1, A))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len({e.record.key for e in read_segment(written(writer)).entries}) == 200


def test_two_writers_of_one_run_do_not_meet(directory: Path) -> None:
    with (
        SegmentWriter(directory, run="r1", process="one") as one,
        SegmentWriter(directory, run="r1", process="two") as two,
    ):
        for number in range(20):
            for writer in (one, two):
                writer.inputs(A)
                writer.append(record(f"p/m/{number}", 1, A))
    assert written(one) != written(two)
    assert [len(read_segment(written(w)).entries) for w in (one, two)] == [20, 20]


def test_the_child_of_a_fork_starts_a_segment_of_its_own(directory: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from tests.evidence.ledger_samples import inputs_of, record
from maestro_hooks.evidence.segment import Durability, SegmentWriter
a = inputs_of("a")
with SegmentWriter(Path(sys.argv[1]), run="r1", process="test") as writer:
    writer.inputs(a)
    writer.append(record("p/parent/1", 1, a))
    child = os.fork()
    writer.append(record("p/child" if child == 0 else "p/parent/2", 1, a))
    if child:
        os.waitpid(child, 0)
"""
    subprocess.run([sys.executable, "-c", code, str(directory)], check=True, timeout=30)
    found = sorted([e.record.key for e in read_segment(path).entries] for path in directory.iterdir())
    assert found == [["p/child"], ["p/parent/1", "p/parent/2"]]
    assert all(read_segment(path).finished for path in directory.iterdir())


def test_a_write_that_is_cut_off_acknowledges_nothing_and_stops_the_segment(
    monkeypatch: pytest.MonkeyPatch, writer: SegmentWriter
) -> None:
    writer.append(record("p/m/0", 1, A))
    real = os.write
    parts = iter([40, 10])

    def short(fd: int, data: bytes) -> int:
        size = next(parts, 0)
        if not size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(fd, data[:size])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(ToolError, match="No space left on device") as caught:
        writer.append(record("p/m/1", 1, A))
    assert "make room" in caught.value.fix
    monkeypatch.undo()
    with pytest.raises(ToolError, match="cut off"):
        writer.append(record("p/m/2", 1, A))
    writer.close()
    left = read_segment(written(writer))
    assert ([e.record.key for e in left.entries], left.torn, left.finished) == (["p/m/0"], True, False)


def test_short_writes_are_completed(monkeypatch: pytest.MonkeyPatch, writer: SegmentWriter) -> None:
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:7]))
    writer.append(record("p/m/0", 1, A))
    writer.append(record("p/m/1", 1, A))
    writer.close()
    assert len(read_segment(written(writer)).entries) == 2


def test_an_interrupt_just_after_the_write_never_breaks_the_chain(
    monkeypatch: pytest.MonkeyPatch, writer: SegmentWriter
) -> None:
    writer.append(record("p/m/0", 1, A))
    real = os.write

    def interrupted(fd: int, data: bytes) -> int:
        real(fd, data)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        writer.append(record("p/m/1", 1, A))
    monkeypatch.undo()
    with pytest.raises(ToolError, match="interrupted"):
        writer.append(record("p/m/2", 1, A))
    writer.close()
    left = read_segment(written(writer))
    assert ([e.record.key for e in left.entries], left.finished) == (["p/m/0", "p/m/1"], False)


def test_a_full_disk_is_a_clear_error_and_keeps_what_was_acknowledged(directory: Path) -> None:
    # The kernel's own limit on a file's size cuts a write in the middle, as a full disk does.
    writer = SegmentWriter(directory, run="r1", process="test")
    writer.inputs(A)
    acknowledged: list[str] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with pytest.raises(ToolError, match="File too large"):
            fill(writer, acknowledged)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    writer.close()
    left = read_segment(written(writer))
    assert written(writer).stat().st_size == 5000
    assert [e.record.key for e in left.entries] == acknowledged
    assert (left.torn, left.finished) == (True, False)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 64 KiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "maestro-test", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root; the size limit test covers the same code")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_small_file_system_fills_up_and_loses_nothing_acknowledged(small_disk: Path) -> None:
    writer = SegmentWriter(small_disk / "r1", run="r1", process="test")
    writer.inputs(A)
    acknowledged: list[str] = []
    with pytest.raises(ToolError, match="No space left"):
        fill(writer, acknowledged)
    writer.close()
    assert [e.record.key for e in read_segment(written(writer)).entries] == acknowledged
    assert len(acknowledged) > 50
    with SegmentWriter(small_disk / "r2", run="r2", process="test") as other:
        other.inputs(A)
        with pytest.raises(ToolError, match="No space left"):
            other.append(record("p/m", 1, A))


def test_a_read_only_file_system_is_a_clear_error(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(ToolError, match="Read-only file system") as caught:
        write(small_disk / "r1", [(record("p/m", 1, A), A)])
    assert "make the directory writable" in caught.value.fix


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("")
    with pytest.raises(ToolError, match="cannot write to the ledger"):
        write(tmp_path / "ledger" / "r1", [(record("p/m", 1, A), A)])


def test_record_durability_syncs_every_record(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    synced: list[str] = []
    monkeypatch.setattr(os, "fdatasync", lambda _: synced.append("record"))
    monkeypatch.setattr(os, "fsync", lambda _: synced.append("close"))
    both: tuple[Durability, ...] = ("record", "close")
    for durability in both:
        synced.clear()
        with SegmentWriter(directory, run="r1", process="test", durability=durability) as writer:
            writer.inputs(A)
            writer.append(record("p/m/0", 1, A))
            writer.append(record("p/m/1", 1, A))
            assert synced.count("record") == (2 if durability == "record" else 0)
        assert synced[-1] == "close"


def test_a_disk_that_cannot_sync_is_told(monkeypatch: pytest.MonkeyPatch, writer: SegmentWriter) -> None:
    writer.append(record("p/m", 1, A))

    def broken(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ToolError, match="may not be on disk"):
        writer.close()
    monkeypatch.undo()


def test_a_file_system_without_locks_can_be_written(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    def refuse(_: int, __: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    assert read_segment(write(directory, [(record("p/m", 1, A), A)])).finished


def test_importing_the_writer_costs_msgspec_and_little_else() -> None:
    def loaded(module: str) -> set[str]:
        code = f"import sys, {module}; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    beyond = loaded("maestro_hooks.evidence.segment") - loaded("msgspec")
    assert "hashlib" in beyond
    heavy = {"argparse", "dataclasses", "fractions", "json", "pluggy", "secrets", "socket", "subprocess", "unicodedata"}
    assert not beyond & heavy
    assert {name for name in beyond if name.startswith("maestro_hooks.evidence.")} == {
        f"maestro_hooks.evidence.{name}" for name in ("chain", "inputs", "segment")
    }
