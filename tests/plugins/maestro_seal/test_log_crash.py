"""The machine stops at every file operation of the log: no head is lost, forked or rolled back."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError, ToolError, UsageError
from maestro_hooks.evidence import merkle, signature
from maestro_hooks.evidence.checkpoint import parse_checkpoint
from maestro_seal.audit import audit
from maestro_seal.disk import Disk
from maestro_seal.journal import JOURNAL, read_journal
from maestro_seal.writer import CHECKPOINT, LogWriter
from tests.plugins.maestro_seal.logs import KEY, ORIGIN, OTHER, CuttingDisk, PowerCutError, entries, make_log

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = signature.public_of(KEY)


@pytest.mark.parametrize("loss", ["kept", "lost", "torn"])
@pytest.mark.parametrize(("before", "batch"), [(0, 1), (3, 2), (255, 1), (250, 300), (256, 1), (511, 2)])
def test_a_power_cut_at_every_operation(tmp_path: Path, before: int, batch: int, loss: str) -> None:
    model = make_log(tmp_path / "model", [before] if before else []).root
    stopped = 0
    for stop_at in range(60):
        place = tmp_path / str(stop_at)
        shutil.copytree(model, place)
        try:
            with LogWriter(CuttingDisk(place, stop_at, loss), ORIGIN, KEY) as writer:
                writer.append(entries(batch, first=before))
        except PowerCutError:
            stopped += 1
        else:
            break
        seen = parse_checkpoint((place / CHECKPOINT).read_bytes()).head
        with LogWriter(Disk(place), ORIGIN, KEY) as writer:
            assert writer.head.size in (before, before + batch)
            assert writer.head.size >= seen.size
            old = writer.head
            assert old.root == merkle.root(merkle.leaf_hashes(entries(old.size)))
            # Another batch than before the crash: no size may be signed with two roots.
            writer.append([b"after", b"the", b"crash"])
            new = writer.head
            merkle.verify_consistency((old.size, old.root), (new.size, new.root), writer.tree().consistency(old.size))
        found = audit(Disk(place), ORIGIN, PUBLIC)
        assert found.head == new
        heads, _ = read_journal((place / JOURNAL).read_bytes())
        assert len({head.size for head, _ in heads}) == len(heads)
        shutil.rmtree(place)
    else:
        pytest.fail("the batch never ran to its end")
    assert stopped >= 5


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [1])
    with LogWriter(disk, ORIGIN, KEY) as first:
        with pytest.raises(ToolError, match="another process"):
            LogWriter(Disk(disk.root), ORIGIN, KEY)
        first.append([b"x"])
    with LogWriter(disk, ORIGIN, KEY) as again:
        assert again.head.size == 2


def test_two_writers_give_strictly_ordered_sizes(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log")
    firsts = []
    for _ in range(5):
        with LogWriter(disk, ORIGIN, KEY) as writer:
            firsts.append(writer.append([b"a", b"b"]))
    assert firsts == [0, 2, 4, 6, 8]
    assert audit(disk, ORIGIN, PUBLIC).heads == 6


def test_a_failed_append_publishes_nothing_and_the_writer_goes_on(tmp_path: Path) -> None:
    class Full(Disk):
        full = False

        def settle(self) -> None:
            if self.full:
                raise OSError(28, "No space left on device")

    disk = Full(make_log(tmp_path / "log", [300]).root)
    with LogWriter(disk, ORIGIN, KEY) as writer:
        disk.full = True
        with pytest.raises(OSError, match="No space"):
            writer.append([b"x"])
        disk.full = False
        assert writer.append([b"y"]) == 300
    assert audit(disk, ORIGIN, PUBLIC).head.size == 301


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("checkpoint", "checkpoint"),
        ("tile/0/001.p/44", "signed root|no whole number"),
        ("tile/1/000.p/1", "signed root|no whole number"),
        ("tile/entries/001.p/44", "last entries|cut off|missing"),
    ],
)
def test_a_damaged_right_edge_is_refused_at_opening(tmp_path: Path, name: str, words: str) -> None:
    disk = make_log(tmp_path / "log", [300])
    data = bytearray((disk.root / name).read_bytes())
    data[-3] ^= 1
    (disk.root / name).write_bytes(data)
    with pytest.raises(EvidenceError, match=words):
        LogWriter(disk, ORIGIN, KEY)
    (disk.root / name).unlink()
    with pytest.raises((EvidenceError, UsageError)):
        LogWriter(disk, ORIGIN, KEY)


def test_a_rolled_back_checkpoint_is_published_forward_again(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [3])
    old = disk.read(CHECKPOINT)
    with LogWriter(disk, ORIGIN, KEY) as writer:
        writer.append([b"x"])
        head = writer.head
    disk.replace(CHECKPOINT, old)
    with LogWriter(disk, ORIGIN, KEY) as writer:
        assert writer.head == head
    assert parse_checkpoint(disk.read(CHECKPOINT)).head == head


def test_another_key_or_name_opens_no_log(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [3])
    for origin, key in ((ORIGIN, OTHER), ("other.example", KEY)):
        with pytest.raises(EvidenceError, match="not of"):
            LogWriter(disk, origin, key)


def test_what_cannot_be_an_entry_is_refused(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log")
    with LogWriter(disk, ORIGIN, KEY) as writer:
        for batch in ([], [b"x" * 65_536]):
            with pytest.raises(UsageError):
                writer.append(batch)
        assert writer.append([b"x" * 65_535, b""]) == 0
    assert audit(disk, ORIGIN, PUBLIC).head.size == 2
    with pytest.raises(UsageError, match="there is a log already"):
        LogWriter.create(disk, ORIGIN, KEY)
