"""Logs for the tests: a key, a directory, and a disk on which the machine can stop between any two operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from maestro_seal.disk import Disk
from maestro_seal.writer import LogWriter

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

ORIGIN = "log.example/releases"
KEY = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes([8] * 32))


def entries(count: int, *, first: int = 0) -> list[bytes]:
    return [b"entry %d" % n for n in range(first, first + count)]


def make_log(root: Path, batches: Iterable[int] = ()) -> Disk:
    """A log with batches of the given sizes; its entries are ``entries(total)``."""
    disk = Disk(root)
    total = 0
    with LogWriter.create(disk, ORIGIN, KEY) as writer:
        for count in batches:
            writer.append(entries(count, first=total))
            total += count
    return disk


class PowerCutError(BaseException):
    """The machine stops. Not an ``Exception``, so that nobody handles it."""


class CuttingDisk(Disk):
    """Stops at operation number ``stop_at``; what was put since the last ``settle`` is then lost or half written.

    ``loss`` is ``kept`` (the kernel wrote it), ``lost`` or ``torn``. An append may be cut in half.
    """

    def __init__(self, root: Path, stop_at: int, loss: str) -> None:
        super().__init__(root)
        self.left = stop_at
        self.loss = loss
        self.unsettled: list[str] = []

    def _count(self) -> bool:
        """Whether the machine stops at this operation."""
        self.left -= 1
        return self.left < 0

    def cut(self) -> None:
        for name in self.unsettled:
            path = self.root / name
            if self.loss == "lost":
                path.unlink()
            elif self.loss == "torn":
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        raise PowerCutError

    def put(self, name: str, data: bytes) -> None:
        if self._count():
            self.cut()
        super().put(name, data)
        self.unsettled.append(name)

    def settle(self) -> None:
        if self._count():
            self.cut()
        self.unsettled.clear()

    def append(self, name: str, data: bytes) -> None:
        if self._count():
            with (self.root / name).open("ab") as stream:
                stream.write({"kept": data, "lost": b"", "torn": data[: len(data) // 2]}[self.loss])
            self.cut()
        super().append(name, data)

    def replace(self, name: str, data: bytes) -> None:
        if self._count():
            if self.loss == "kept":
                super().replace(name, data)
            self.cut()
        super().replace(name, data)

    def remove(self, names: Iterable[str]) -> None:
        for name in names:
            if self._count():
                self.cut()
            super().remove([name])
