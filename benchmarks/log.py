"""The transparency log: append and verify against the hashing floor of this machine; the page in Chromium.

Prints CPU seconds and ratios. The floor is two SHA-256 per entry (its leaf and, amortized, one node), in the fastest
Python form, measured in the same run: on a loaded machine read the ratio.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "plugins")]

from maestro_hooks.evidence import signature  # noqa: E402 - after the path
from maestro_seal.audit import audit  # noqa: E402
from maestro_seal.disk import Disk  # noqa: E402
from maestro_seal.writer import LogWriter  # noqa: E402

ORIGIN, KEY = "bench.example/log", Ed25519PrivateKey.generate()
BATCH = 10_000


class Unsynced(Disk):
    """Without waiting for the disk, so that CPU time is compared."""

    def settle(self) -> None:
        """Nothing."""


def floor(entries: list[bytes]) -> float:
    """CPU seconds to hash the leaves and nodes of a tree."""
    started = time.process_time()
    level = [sha256(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        level = [sha256(b"\x01" + a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
    return time.process_time() - started


def append(place: Path, entries: list[bytes], kind: type[Disk]) -> tuple[float, float]:
    """CPU and wall seconds to append all entries in batches."""
    cpu, wall = time.process_time(), time.perf_counter()
    with LogWriter.create(kind(place), ORIGIN, KEY) as writer:
        for start in range(0, len(entries), BATCH):
            writer.append(entries[start : start + BATCH])
    return time.process_time() - cpu, time.perf_counter() - wall


def log_table(count: int) -> None:
    """Print the table of the log."""
    entries = [b"%0100d" % n for n in range(count)]
    place = Path(tempfile.mkdtemp())
    try:
        base = floor(entries)
        rows = [("floor: hash leaves and nodes", base, base)]
        rows.append(("append, no sync", *append(place / "a", entries, Unsynced)))
        rows.append(("append, one syncfs per batch", *append(place / "b", entries, Disk)))
        cpu, wall = time.process_time(), time.perf_counter()
        audit(Disk(place / "a"), ORIGIN, signature.public_of(KEY))
        rows.append(("verify the whole log", time.process_time() - cpu, time.perf_counter() - wall))
    finally:
        shutil.rmtree(place)
    print(f"{count:,} entries of 100 B in batches of {BATCH:,}")
    print(f"{'':32}{'CPU s':>8}{'wall s':>8}{'x floor':>9}")
    for name, cpu, wall in rows:
        print(f"{name:32}{cpu:8.2f}{wall:8.2f}{cpu / base:9.1f}")


def page_table() -> None:
    """Print the page's size and what it takes in Chromium."""
    page = ROOT / "plugins" / "maestro_seal" / "page" / "verifier.html"
    print(f"\nverifier page: {page.stat().st_size:,} bytes")
    clients = ROOT / "tests" / "clients"
    if not (shutil.which("chromium") and (clients / "node_modules").is_dir()):
        print("not measured in Chromium: it, or tests/clients/node_modules, is absent")
        return
    from tests.plugins.maestro_seal.logged import ship_logged  # noqa: PLC0415 - only here

    place = Path(tempfile.mkdtemp())
    shipment = ship_logged()
    names = {"a.sigstore.json": shipment.bundle, "trust.json": shipment.trust, "a.policy.json": shipment.policy}
    names |= {"a.ce-leaf.json": shipment.leaves, "demo.whl": b"the bytes of a wheel"}
    for name, data in names.items():
        (place / name).write_bytes(data)
    command = ["node", str(clients / "chromium.mjs"), "drop", str(page), str(place), *(str(place / n) for n in names)]
    subprocess.run(command, check=True, timeout=120)
    result = json.loads((place / "result.json").read_text())
    print(f"load, drop and verify every step in headless Chromium: {result['milliseconds']} ms wall")
    shutil.rmtree(place)


if __name__ == "__main__":
    log_table(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
    page_table()
