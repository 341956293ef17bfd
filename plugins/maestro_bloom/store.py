"""Where indexes live under ``.maestro/bloom``: one directory per environment, immutable files in it.

Invariant: files are only added whole and removed whole; a reader that holds one open keeps it.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from maestro_bloom import environment, index_file
from maestro_hooks.errors import EvidenceError
from maestro_hooks.project.state import state_directory
from maestro_hooks.values import Value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from maestro_bloom.index import Filters, Index
    from maestro_bloom.index_file import Stored

_DAY_S = 86_400
_TURN_TRIES, _TURN_PAUSE_S = 100, 0.1


class Store(Value, frozen=True):
    """The index directory of one repository."""

    root: Path

    @property
    def directory(self) -> Path:
        """``.maestro/bloom``."""
        return self.root / ".maestro" / "bloom"

    def candidates(self) -> list[Path]:
        """All index files, newest first; names begin with the time they were made."""
        return sorted(self.directory.glob("*/*.index"), key=lambda path: path.name, reverse=True)

    def newest(self) -> Path | None:
        """The newest index file, of whatever environment."""
        return next(iter(self.candidates()), None)

    def best(self, parts: dict[str, str]) -> Path | None:
        """The newest index of this environment, else the newest of any, whose difference can then be told."""
        own = environment.key(parts)[:12]
        found = self.candidates()
        return next((path for path in found if path.parent.name == own), found[0] if found else None)

    def save(self, index: Index, filters: Filters, *, keep: int) -> Path:
        """Write an index and let old ones of its environment go. Raises ``OSError`` or ``ToolError``."""
        state_directory(self.root)
        directory = self.directory / environment.key(index.environment)[:12]
        path = directory / f"{time.time_ns():020d}-{secrets.token_hex(4)}.index"
        index_file.write(path, index_file.encode(index, filters))
        self._prune(directory, keep)
        return path

    @contextmanager
    def turn(self) -> Iterator[None]:
        """One writer after the other, so that the second writes over what the first wrote.

        Only an advantage: who waits too long, or cannot lock here, goes on, and at worst another run's records are
        lost. The kernel frees the lock of a killed process.
        """
        with ExitStack() as stack:
            with suppress(OSError, ImportError):
                import fcntl  # noqa: PLC0415 - POSIX only

                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                lock = stack.enter_context((self.directory / "turn").open("a"))
                for _ in range(_TURN_TRIES):
                    with suppress(BlockingIOError):
                        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                        break
                    time.sleep(_TURN_PAUSE_S)
            yield

    def shard(self, run: str, index: Index, filters: Filters) -> Path:
        """Write one process's part of a run. Raises ``OSError`` or ``ToolError``."""
        state_directory(self.root)
        path = self.directory / "shards" / run / f"{os.getpid()}-{secrets.token_hex(4)}.shard"
        index_file.write(path, index_file.encode(index, filters))
        return path

    def _prune(self, directory: Path, keep: int) -> None:
        """Remove what is older than the newest ``keep`` and than a day: another run may have chosen it just now."""
        for path in sorted(directory.glob("*.index"), reverse=True)[keep:]:
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _DAY_S:
                    path.unlink()


def opened(path: Path | None) -> tuple[Stored | None, str]:
    """The index at ``path``, or why there is none."""
    if path is None:
        return None, "there is no index yet"
    try:
        return index_file.read(path), ""
    except EvidenceError as error:
        return None, f"{path.name}: {error.what}"


def salt_of(text: str) -> bytes:
    """The 16-byte salt of a repository."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
