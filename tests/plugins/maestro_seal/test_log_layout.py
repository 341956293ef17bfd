"""Tiles, proofs and the audit agree with a tree built in memory; every flipped bit of a log is noticed."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import merkle, signature, tiles
from maestro_seal.audit import audit
from maestro_seal.sweeping import sweep
from maestro_seal.writer import LogWriter
from tests.plugins.maestro_seal.logs import KEY, ORIGIN, entries, make_log

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = signature.public_of(KEY)


@pytest.mark.parametrize(
    ("index", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (273, 256, "tile/0/273"),
        (1_234_067, 256, "tile/0/x001/x234/067"),
        (1000, 5, "tile/0/x001/000.p/5"),
    ],
)
def test_paths_are_those_of_the_specification(index: int, width: int, path: str) -> None:
    assert tiles.tile_path(0, index, width) == path
    assert tiles.bundle_path(index, width) == path.replace("tile/0", "tile/entries")


def test_a_log_of_256_has_a_full_tile_and_a_partial_above(tmp_path: Path) -> None:
    root = make_log(tmp_path / "log", [255, 1]).root
    files = sorted(p.relative_to(root).as_posix() for p in (root / "tile").rglob("*") if p.is_file())
    assert files == ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]


@pytest.mark.parametrize("batches", [[n] for n in (1, 2, 3, 255, 256, 257, 300)] + [[1] * 20, [255, 2, 256, 511, 1]])
def test_proofs_out_of_tiles_are_those_of_the_tree(tmp_path: Path, batches: list[int]) -> None:
    disk = make_log(tmp_path / "log", batches)
    size = sum(batches)
    tree = tiles.TileTree(size, disk.read)
    model = merkle.grow(merkle.leaf_hashes(entries(size)))
    assert tree.root() == model.root
    for place in {*range(0, size, 7), size - 1}:
        assert tree.entry(place) == entries(1, first=place)[0]
        assert tree.inclusion(place) == model.inclusion(place)
        assert tree.consistency(place) == model.consistency(place)
        merkle.verify_inclusion(model.levels[0][place], place, size, tree.inclusion(place), model.root)
    assert tree.consistency(size) == ()
    for outside in (-1, size, size + 1):
        with pytest.raises(EvidenceError):
            tree.inclusion(outside)
        with pytest.raises(EvidenceError):
            tree.entry(outside)
    assert audit(disk, ORIGIN, PUBLIC).heads == len(batches) + 1


@pytest.mark.slow
def test_three_levels_of_tiles(tmp_path: Path) -> None:
    batches = [65_535, 1, 1, 4_463]
    disk = make_log(tmp_path / "log", batches)
    size = sum(batches)
    model = merkle.grow(merkle.leaf_hashes(entries(size)))
    tree = tiles.TileTree(size, disk.read)
    assert tree.root() == model.root
    for place in (0, 255, 256, 65_535, 65_536, 65_537, 69_999):
        assert tree.inclusion(place) == model.inclusion(place)
        assert tree.consistency(place) == model.consistency(place)
    assert audit(disk, ORIGIN, PUBLIC).head.size == 70_000


def test_an_old_size_reads_from_the_full_tile(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [5, 300])
    assert not disk.exists("tile/0/000.p")
    tree = tiles.TileTree(5, disk.read)
    assert tree.root() == merkle.root(merkle.leaf_hashes(entries(5)))
    assert tree.entry(4) == b"entry 4"


def test_every_bit_of_a_small_log_is_protected(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [2, 3])
    audit(disk, ORIGIN, PUBLIC)
    names = ("checkpoint", "tile/0/000.p/5", "tile/entries/000.p/5", "signed-heads")
    for name in names:
        data = disk.read(name)
        assert data
        # The journal holds notes that are checked as the checkpoint is: there, one bit of each byte.
        for position in range(len(data) * 8) if name != "signed-heads" else range(0, len(data) * 8, 9):
            bad = bytearray(data)
            bad[position // 8] ^= 1 << position % 8
            (disk.root / name).write_bytes(bad)
            with pytest.raises(EvidenceError):
                audit(disk, ORIGIN, PUBLIC)
        (disk.root / name).write_bytes(data)
    audit(disk, ORIGIN, PUBLIC)


def test_random_bits_of_a_larger_log_are_protected(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [700])
    choose = random.Random(5)  # noqa: S311 - which bits to flip is no secret
    names = [p.relative_to(disk.root).as_posix() for p in (disk.root / "tile").rglob("*") if p.is_file()]
    assert len(names) == 7
    for name in names:
        data = disk.read(name)
        for _ in range(6):
            bad = bytearray(data)
            bad[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
            (disk.root / name).write_bytes(bad)
            with pytest.raises(EvidenceError):
                audit(disk, ORIGIN, PUBLIC)
        (disk.root / name).unlink()
        with pytest.raises(EvidenceError, match="missing"):
            audit(disk, ORIGIN, PUBLIC)
        (disk.root / name).write_bytes(data)


def test_the_sweep_removes_drafts_and_filled_partials_only(tmp_path: Path) -> None:
    disk = make_log(tmp_path / "log", [300])
    left = disk.root / "tile/0/000.p/7"
    left.parent.mkdir()
    left.write_bytes(b"from a crash")
    (disk.root / ".checkpoint.0.tmp").write_bytes(b"")
    with LogWriter(disk, ORIGIN, KEY) as writer:
        assert sweep(disk, writer.head.size) == 2
        assert sweep(disk, writer.head.size) == 0
    assert not left.parent.exists()
    assert audit(disk, ORIGIN, PUBLIC).head.size == 300


def test_rewritten_history_is_noticed(tmp_path: Path) -> None:
    honest = make_log(tmp_path / "honest", [3])
    forged = make_log(tmp_path / "forged")
    with LogWriter(forged, ORIGIN, KEY) as writer:
        writer.append([b"another", b"history", b"altogether"])
        writer.append([b"longer"])
    journal = honest.read("signed-heads") + forged.read("signed-heads").splitlines(keepends=True)[-1]
    (forged.root / "signed-heads").write_bytes(journal)
    with pytest.raises(EvidenceError, match="not a prefix"):
        audit(forged, ORIGIN, PUBLIC)
