"""Writing files so that a reader, or a crash, sees the old content or the new one and nothing between."""

from __future__ import annotations

import os
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace ``path`` by ``data``: temporary file in the same directory, fsync, rename, directory fsync.

    Args:
        path: the file; its directory must exist.
        data: the whole new content.
        mode: permissions of the new file, narrowed by the umask.

    Raises:
        OSError: nothing is left behind, and ``path`` is as it was.
    """
    draft = path.with_name(f".{path.name}.{token_hex(6)}.tmp")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as stream:  # noqa: PTH123 - owns the descriptor opened with a mode
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    _sync_directory(path.parent)


def private_directory(path: Path) -> None:
    """Create ``path`` for this user only (0700), with a ``.gitignore`` that keeps its content out of git."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(0o700)
    ignore = path / ".gitignore"
    if not ignore.exists():
        write_atomic(ignore, b"*\n")


def _sync_directory(path: Path) -> None:
    if not hasattr(os, "O_DIRECTORY"):  # no directory handles on this platform
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
