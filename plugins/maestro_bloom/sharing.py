"""Indexes between machines, through whatever cache the host has: offered under the commit, looked up by ancestors.

Invariant: an entry's key names its schema, its environment and its commit, so it never changes; what is fetched is
read and judged like an index found here, so a wrong one costs a full run and never a missed failure.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from maestro_bloom import environment, index_file
from maestro_bloom.index import SCHEMA
from maestro_hooks.errors import MaestroError
from maestro_hooks.project.files import write_atomic
from maestro_hooks.project.git import git
from maestro_hooks.session_requests import CacheEntry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from maestro_bloom.store import Store
    from maestro_hooks.session_requests import Cache

ANCESTORS = 20
"""Commits looked up, the nearest first: a nightly's index is seldom farther away."""

_BLOB = "index"
_OFFERED = "offered"


def entry_key(commit: str, parts: Mapping[str, str]) -> str:
    """The key of a commit's index in one environment."""
    return f"{SCHEMA}/{environment.key(parts)}/{commit}"


def offer(cache: Cache, path: Path, *, commit: str, parts: Mapping[str, str]) -> None:
    """Offer the index of a clean commit; a cache that fails loses the offer, and the host tells."""
    entry = CacheEntry(metadata={"schema": SCHEMA, "commit": commit}, blobs={_BLOB: path.read_bytes()})
    cache.store(entry_key(commit, parts), entry)


def offered(store: Store, commit: str, parts: Mapping[str, str]) -> bool:
    """Whether the last index offered from here was of this commit and environment."""
    try:
        return (store.directory / _OFFERED).read_text(encoding="utf-8") == entry_key(commit, parts)
    except (OSError, UnicodeDecodeError):
        return False


def remember(store: Store, commit: str, parts: Mapping[str, str]) -> None:
    """Note what was offered; without the note it is offered again."""
    with suppress(OSError):
        write_atomic(store.directory / _OFFERED, entry_key(commit, parts).encode())


def fetch(cache: Cache, store: Store, parts: Mapping[str, str], *, keep: int) -> Path | None:
    """The index of the nearest ancestor that has one for this environment, put among those here."""
    for commit in git(store.root, "rev-list", f"--max-count={ANCESTORS}", "HEAD", check=False).decode().split():
        entry = cache.fetch(entry_key(commit, parts))
        if entry is None or _BLOB not in entry.blobs:
            continue
        try:
            stored = index_file.decode(entry.blobs[_BLOB], where=f"the index of commit {commit[:12]}")
            return store.save(stored.index, stored.filters(), keep=keep)
        except (MaestroError, OSError):
            continue  # damaged, or nowhere to put it: as good as none
    return None
