"""The few file operations a log is made of, in one place, so that tests can stop the machine between any two.

Invariant: ``replace`` shows the old or the new content and nothing between; after ``settle`` everything written
before survives a power cut.
"""

from __future__ import annotations

import ctypes
import os
import shutil
from typing import TYPE_CHECKING

from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class Disk:
    """A directory. Names are POSIX paths below it."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, name: str) -> bytes:
        """The content. Raises ``FileNotFoundError``."""
        return (self.root / name).read_bytes()

    def exists(self, name: str) -> bool:
        """Whether there is a file or directory of this name."""
        return (self.root / name).exists()

    def put(self, name: str, data: bytes) -> None:
        """Write a file that no published tree holds yet, making its directories; durable only after ``settle``.

        Nobody reads it before the head over it is published, so it needs no draft and no rename.
        """
        path = f"{self.root}/{name}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120 - thousands of tiles: Path objects cost more than the calls
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            written = 0
            while written < len(data):
                written += os.write(descriptor, data[written:] if written else data)
        finally:
            os.close(descriptor)

    def settle(self) -> None:
        """Return when everything ``put`` so far is on stable storage: one ``syncfs``, or ``sync`` without it."""
        descriptor = os.open(self.root, os.O_RDONLY)
        try:
            syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
            if syncfs is None:
                os.sync()
            elif syncfs(descriptor):
                code = ctypes.get_errno()
                raise OSError(code, os.strerror(code), str(self.root))
        finally:
            os.close(descriptor)

    def append(self, name: str, data: bytes) -> None:
        """Append to a file and wait until it is on stable storage."""
        with (self.root / name).open("ab") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())

    def truncate(self, name: str, length: int) -> None:
        """Cut a file."""
        with (self.root / name).open("r+b") as stream:
            stream.truncate(length)
            os.fsync(stream.fileno())

    def replace(self, name: str, data: bytes) -> None:
        """Replace a file in one step: temporary file, fsync, rename, directory fsync."""
        from maestro_hooks.project.files import write_atomic  # noqa: PLC0415 - keeps the reader free of it

        write_atomic(self.root / name, data)

    def remove(self, names: Iterable[str]) -> None:
        """Remove directories with what is in them."""
        for name in names:
            shutil.rmtree(self.root / name, ignore_errors=True)

    def lock(self, name: str) -> int:
        """Lock a file for the life of the returned descriptor. Raises ``ToolError`` if somebody holds it."""
        import fcntl  # noqa: PLC0415 - absent on Windows, where a log can still be read

        descriptor = os.open(self.root / name, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ToolError(
                "another process is writing this log", where=str(self.root), fix="wait until it has finished"
            ) from None
        return descriptor
