"""Garbage collection and the check of a whole store.

Invariant: a blob is deleted only while nobody else uses the store, and only if no kept record names it; so a record
that is found always has its blobs, whenever garbage was collected.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_cas import locks
from maestro_cas.scan import hash_file
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.store import Store

LOW_WATER_PERCENT = 80
NOTES_KEPT_S = 30 * 86400


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did."""

    records: int
    blobs: int
    size: int
    kept: int
    kept_size: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a full check found: damaged files were moved to ``quarantine``."""

    records: int
    blobs: int
    damaged: tuple[str, ...]
    incomplete: tuple[str, ...]


def collect_garbage(store: Store, max_bytes: int, *, wait_s: float = 30) -> Collected:
    """Keep the most recently used records whose blobs fit into ``max_bytes``; delete the rest and all orphans.

    Raises:
        ToolError: builds keep the store busy for ``wait_s`` seconds.
    """
    with locks.collecting(store, wait_s=wait_s):
        sizes = dict(blobs(store))
        kept: set[str] = set()
        total, records, dropped = 0, 0, 0
        for key in reversed(store.keys()):
            found = store.record(key)
            needed = {b.digest for b in found.blobs()} if found else set()
            extra = sum(sizes.get(d, 0) for d in needed - kept)
            if found is None or not needed <= sizes.keys() or total + extra > max_bytes:
                with suppress(OSError):
                    os.unlink(store.record_path(key))
                dropped += 1
                continue
            kept |= needed
            total += extra
            records += 1
        gone = [digest for digest in sizes if digest not in kept]
        for digest in gone:
            with suppress(OSError):
                os.unlink(store.blob_path(digest))
        _sweep(store)
        return Collected(dropped, len(gone), sum(sizes[d] for d in gone), records, total)


def trim_if_full(store: Store, max_bytes: int) -> list[str]:
    """Collect garbage if the store grew above its cap; called after a run. Returns what to say."""
    size = sum(size for _, size in blobs(store))
    if size <= max_bytes:
        return []
    try:
        done = collect_garbage(store, max_bytes * LOW_WATER_PERCENT // 100, wait_s=0)
    except ToolError as error:
        return [f"the cache holds {size} bytes, more than {max_bytes}: {error.what}"]
    return [f"the cache held {size} bytes, more than {max_bytes}: {done.records} records and {done.size} bytes deleted"]


def check(store: Store) -> Checked:
    """Read every record and every blob; quarantine what is damaged, and drop records whose blobs are not there."""
    with locks.collecting(store, wait_s=30):
        damaged, incomplete, count = [], [], 0
        for digest, _ in list(blobs(store)):
            count += 1
            if hash_file(store.blob_path(digest)) != digest:
                store.quarantine(store.blob_path(digest))
                damaged.append(f"blob {digest}")
        keys = store.keys()
        for key in keys:
            found = store.record(key)
            if found is None:
                damaged.append(f"record {key}")
            elif not all(store.has(b.digest, b.size) for b in found.blobs()):
                os.unlink(store.record_path(key))
                incomplete.append(key)
        return Checked(len(keys), count, tuple(damaged), tuple(incomplete))


def blobs(store: Store) -> Iterator[tuple[str, int]]:
    """(digest, size) of every blob, unread."""
    base = f"{store.home}/cas/sha256"
    for folder in os.listdir(base):
        with suppress(OSError), os.scandir(f"{base}/{folder}") as entries:
            for entry in entries:
                yield folder + entry.name, entry.stat().st_size


def _sweep(store: Store) -> None:
    """Delete drafts of processes that are gone, locks nobody holds, and notes not used for a month."""
    for name in os.listdir(f"{store.home}/drafts"):
        owner = name.split("-")[0]
        if not (owner.isdigit() and locks.alive(int(owner))):
            with suppress(OSError):
                os.unlink(f"{store.home}/drafts/{name}")
    for name in os.listdir(f"{store.home}/locks"):
        if len(name) == 32:  # of one key; a process about to take a deleted lock builds once more than needed
            with suppress(OSError), open(f"{store.home}/locks/{name}", "rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(lock.name)
    for entry in list(os.scandir(f"{store.home}/stat")):
        with suppress(OSError):
            if time.time() - entry.stat().st_mtime > NOTES_KEPT_S:
                os.unlink(entry.path)
