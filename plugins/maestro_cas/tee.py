"""Show a child's output as it comes and keep it, bounded.

Invariant: the kept log never exceeds ``LIMIT`` plus one note; showing comes first, keeping never blocks it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

LIMIT = 16 * 1024 * 1024


class Tee:
    """A descriptor to give to children as their output; a terminal of its own if ours is one."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._read, self.descriptor = os.openpty() if sys.stdout.isatty() else os.pipe()
        self._thread = Thread(target=self._pump, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self.descriptor)
        # A daemon the child left behind may hold the other end open; its words are not the action's.
        self._thread.join(timeout=5)
        if not self._thread.is_alive():
            os.close(self._read)

    @property
    def log(self) -> bytes:
        """What was written so far."""
        return b"".join(self._pieces)

    def _pump(self) -> None:
        while True:
            try:
                piece = os.read(self._read, 65536)
            except OSError:  # a terminal whose other side closed
                return
            if not piece:
                return
            with suppress(OSError, ValueError):
                sys.stdout.buffer.write(piece)
                sys.stdout.flush()
            if self._size < LIMIT:
                self._pieces.append(piece if self._size + len(piece) <= LIMIT else b"\n[the log was cut here]\n")
                self._size += len(piece)
