"""Every fault ends in a miss or in a right hit: never in outputs that a run would not have made."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from maestro_cas import record as records
from maestro_cas.collecting import check, collect_garbage
from maestro_cas.engine import Hit, Miss
from maestro_cas.store import StoreError, open_store
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from tests.plugins.maestro_cas.machines import Machine

REPOSITORY = Path(__file__).resolve().parents[3]
EXPECTED = {"a.txt": b"alpha\nalpha\n", "b.txt": b"beta\nbeta\n"}


def never_wrong(machine: Machine) -> Hit | Miss:
    """Look up from a clean slate; a hit must be exactly what a run makes."""
    machine.clear()
    outcome = machine.look_up()
    if isinstance(outcome, Hit):
        assert machine.result() == EXPECTED
    return outcome


def flip(path: Path, bit: int) -> None:
    data = bytearray(path.read_bytes())
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    path.chmod(0o644)
    path.write_bytes(data)


def blobs_of(machine: Machine) -> list[Path]:
    return sorted(p for p in (machine.root / ".maestro/cas/cas").rglob("*") if p.is_file())


def record_of(machine: Machine) -> Path:
    return next(p for p in (machine.root / ".maestro/cas/ac").rglob("*") if p.is_file())


def test_a_flipped_bit_in_any_blob_is_never_served(machine: Machine) -> None:
    rng = random.Random(20)  # noqa: S311 - not for secrets
    machine.run()
    count = len(blobs_of(machine))
    assert count == 5, "two outputs, the log, the list of inputs, the witnesses"
    for i in range(count):
        machine.run()
        flip(blobs_of(machine)[i], rng.randrange(64))
        never_wrong(machine)


def test_a_flipped_bit_in_an_output_blob_is_a_miss_and_the_blob_is_quarantined(machine: Machine) -> None:
    machine.run()
    flip(Path(machine.store.blob_path(__import__("hashlib").sha256(EXPECTED["a.txt"]).hexdigest())), 3)
    assert isinstance(never_wrong(machine), Miss)
    assert len(list((machine.root / ".maestro/cas/quarantine").iterdir())) == 1
    assert machine.run() == ""
    assert isinstance(never_wrong(machine), Hit)


def test_a_flipped_bit_anywhere_in_a_record_is_a_miss(machine: Machine) -> None:
    machine.run()
    original = record_of(machine).read_bytes()
    rng = random.Random(21)  # noqa: S311
    for bit in rng.sample(range(len(original) * 8), 60):
        path = Path(machine.store.record_path(machine.prepare().key))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(original)
        flip(path, bit)
        assert isinstance(never_wrong(machine), Miss), bit


def test_a_truncated_record_or_blob_is_a_miss(machine: Machine) -> None:
    machine.run()
    path = record_of(machine)
    path.write_bytes(path.read_bytes()[:-20])
    assert isinstance(never_wrong(machine), Miss)
    machine.run()
    for blob in blobs_of(machine):
        blob.chmod(0o644)
        blob.write_bytes(blob.read_bytes()[:-1])
    assert isinstance(never_wrong(machine), Miss)


def test_a_record_put_under_another_key_is_a_miss(machine: Machine) -> None:
    machine.run()
    envelope = machine.store.envelope(machine.prepare().key)
    assert envelope is not None
    other = machine.prepare(posargs=["other"])
    machine.store.put_record(other.key, envelope)
    assert isinstance(machine.look_up(other), Miss)


STAGES = ("put", "put_file", "_publish", "sync", "put_record", "replace", "fsync", "chmod", "makedirs")

KILLER = """
import os, signal, sys
from tests.plugins.maestro_cas.machines import Machine
from pathlib import Path
from maestro_cas.store import Store
machine = Machine(Path({root!r}))
prepared = machine.prepare()
stage, at = {stage!r}, {at!r}
owner = Store if hasattr(Store, stage) else os
real, count = getattr(owner, stage), 0
def dying(*args, **kwargs):
    global count
    count += 1
    if count == at:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
setattr(owner, stage, dying)
machine.run(prepared)
"""


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("at", [1, 3])
def test_killed_at_any_stage_of_storing(machine: Machine, stage: str, at: int) -> None:
    program = KILLER.format(root=str(machine.root), stage=stage, at=at)
    done = subprocess.run([sys.executable, "-c", program], env=_environment(), capture_output=True, check=False)
    assert done.returncode in (-signal.SIGKILL, 0), done.stderr.decode()
    if done.returncode == 0:
        assert isinstance(never_wrong(machine), Hit)  # that stage has fewer calls: nothing was killed
        return
    never_wrong(machine)
    assert machine.run() == ""
    assert isinstance(never_wrong(machine), Hit)
    collect_garbage(machine.store, 10**9)
    assert list((machine.root / ".maestro/cas/drafts").iterdir()) == []
    assert check(machine.store).damaged == ()


def test_killed_at_random_moments_while_storing_many_files(machine: Machine) -> None:
    for i in range(300):
        (machine.root / f"src/f{i}.txt").write_text(f"{i}\n" * 200)
    program = KILLER.format(root=str(machine.root), stage="fsync", at=-1)
    rng = random.Random(22)  # noqa: S311
    expected = {p.name: p.read_bytes() * 2 for p in (machine.root / "src").rglob("*") if p.is_file()}
    killed = 0
    for _ in range(8):
        child = subprocess.Popen([sys.executable, "-c", program], env=_environment())
        time.sleep(0.15 + rng.random() * 0.5)
        child.kill()
        killed += child.wait() == -signal.SIGKILL
        machine.clear()
        if isinstance(machine.look_up(), Hit):
            assert machine.result() == expected
    assert killed


def _environment() -> dict[str, str]:
    path = f"{REPOSITORY}:{REPOSITORY}/plugins"
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}


def test_a_full_disk_is_told_and_stores_nothing(machine: Machine, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {mounted.stderr.decode().strip()}")
    try:
        (machine.root / ".maestro").mkdir()
        (small / "cas").mkdir()
        (machine.root / ".maestro/cas").symlink_to(small / "cas")
        (machine.root / "src/a.txt").write_bytes(os.urandom(200_000))
        reason = machine.run()
        assert "No space left" in reason
        assert "gc" in reason
        machine.clear()
        assert isinstance(machine.look_up(), Miss)
        assert [p for p in (small / "cas/drafts").iterdir() if p.stat().st_size] == []
        (machine.root / "src/a.txt").write_text("alpha\n")
        collect_garbage(machine.store, 10**9)
        assert machine.run() == ""
        assert isinstance(never_wrong(machine), Hit)
    finally:
        subprocess.run(["umount", str(small)], check=True)


BUILDER = """
import sys
from tests.plugins.maestro_cas.machines import Machine
from pathlib import Path
from maestro_cas import locks
from maestro_cas.engine import Miss
machine = Machine(Path({root!r}))
prepared = machine.prepare()
with locks.single_flight(machine.store, prepared.key, waiting=lambda: None):
    if isinstance(machine.look_up(prepared), Miss):
        machine.run(prepared)
        print("built")
"""


def test_two_builders_of_one_key_build_once(machine: Machine) -> None:
    program = BUILDER.format(root=str(machine.root))
    children = [
        subprocess.Popen([sys.executable, "-c", program], env=_environment(), stdout=subprocess.PIPE) for _ in range(4)
    ]
    said = [child.communicate(timeout=60)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 4
    assert sum(b"built" in words for words in said) == 1
    assert isinstance(never_wrong(machine), Hit)


def test_garbage_collection_waits_for_builds_and_never_takes_what_is_kept(machine: Machine) -> None:
    from maestro_cas import locks

    machine.run()
    with locks.using(machine.store), pytest.raises(ToolError, match="in use"):
        collect_garbage(machine.store, 0, wait_s=0)
    collect_garbage(machine.store, 10**9)
    assert isinstance(never_wrong(machine), Hit)
    done = collect_garbage(machine.store, 0)
    assert done.kept == 0
    assert blobs_of(machine) == []
    assert isinstance(never_wrong(machine), Miss)


def test_collection_keeps_what_was_used_last(machine: Machine) -> None:
    machine.run()
    first = machine.prepare()
    (machine.root / "src/a.txt").write_text("second\n")
    machine.run()
    second = machine.prepare()
    os.utime(machine.store.record_path(first.key), (1, 1))
    kept = collect_garbage(machine.store, 250)
    assert kept.kept == 1
    assert machine.store.record(second.key) is not None
    assert machine.store.record(first.key) is None


def test_clock_jumps_do_not_make_a_stale_digest_valid(machine: Machine) -> None:
    source = machine.root / "src/a.txt"
    machine.run()
    for stamp in (0, 1, 2**33):
        source.write_text("OTHER\n")
        os.utime(source, (stamp, stamp))
        assert isinstance(machine.look_up(), Miss)
        source.write_text("alpha\n")
        os.utime(source, (stamp, stamp))
        assert isinstance(machine.look_up(), Hit)


def test_a_store_of_another_version_is_refused_and_left_alone(machine: Machine) -> None:
    machine.run()
    (machine.root / ".maestro/cas/VERSION").write_text("maestro.cas/99\n")
    with pytest.raises(StoreError, match="another version"):
        machine.look_up()
    assert record_of(machine).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_store_of_another_user_is_refused(machine: Machine) -> None:
    machine.run()
    os.chown(machine.root / ".maestro/cas", 12345, 12345)
    with pytest.raises(StoreError, match="belongs to user 12345"):
        open_store(str(machine.root / ".maestro/cas"))


@pytest.mark.parametrize(
    "path",
    ["/etc/cron.d/x", "../outside", "out/../../outside", ".git/hooks/pre-commit", ".maestro/keys/release.pem", ""],
)
def test_a_record_with_an_output_elsewhere_is_refused(machine: Machine, path: str) -> None:
    machine.run()
    store, prepared = machine.store, machine.prepare()
    envelope = store.envelope(prepared.key)
    assert envelope is not None
    payload = json.loads(records.open_envelope(envelope).payload)
    payload["outputs"][0]["path"] = path
    forged = records.sign(
        json.dumps(payload, sort_keys=True, separators=(",", ":")).encode(), machine.remotes().writer()
    )
    store.put_record(prepared.key, forged)
    assert isinstance(never_wrong(machine), Miss)
    assert not (machine.root.parent / "outside").exists()


def test_a_record_whose_link_redirects_another_output_is_refused() -> None:
    from maestro_hooks.errors import EvidenceError

    link = records.Output("out/d", "l", target="..")
    below = records.Output("out/d/x", "f", digest="0" * 64)
    with pytest.raises(EvidenceError, match="stands below"):
        records.check_layout((link, below))


@pytest.mark.parametrize(
    ("files", "size"),
    [(2_000, 20_000_000), pytest.param(100_000, 5_000_000_000, marks=pytest.mark.slow)],
    ids=["some", "all that is promised"],
)
def test_many_small_files_and_large_outputs(machine: Machine, files: int, size: int) -> None:
    prepared = machine.prepare()
    out = machine.root / "out"
    out.mkdir()
    for i in range(files):
        (out / f"{i % 100}").mkdir(exist_ok=True)
        (out / f"{i % 100}/{i}").write_bytes(b"%d" % i)
    with (out / "large").open("wb") as stream:
        stream.truncate(size)
    assert machine.run(prepared) == ""
    __import__("shutil").rmtree(out)
    outcome = machine.look_up()
    assert isinstance(outcome, Hit)
    assert outcome.restored.files == files + 3
    assert (out / "large").stat().st_size == size
    assert all((out / f"{i % 100}/{i}").read_bytes() == b"%d" % i for i in range(0, files, 97))


def test_the_texts_above_are_programs() -> None:
    for program in (KILLER, BUILDER):
        compile(textwrap.dedent(program.format(root="", stage="", at=0)), "x", "exec")
