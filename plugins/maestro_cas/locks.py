"""Locks between processes, held by the operating system, so that they end with their holder.

Invariant: garbage collection runs alone (exclusive); every look-up and every store holds the shared side while it
relies on blobs staying where they are.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from maestro_cas.store import StoreError
from maestro_hooks.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maestro_cas.store import Store

_POLL_S = 0.05


@contextmanager
def using(store: Store) -> Iterator[None]:
    """Keep garbage collection away."""
    with _held(f"{store.home}/locks/gc", fcntl.LOCK_SH):
        yield


@contextmanager
def collecting(store: Store, *, wait_s: float) -> Iterator[None]:
    """Be alone in the store. Raises ``ToolError`` if others stay busy for ``wait_s`` seconds."""
    with _held(f"{store.home}/locks/gc", fcntl.LOCK_EX, wait_s=wait_s):
        yield


@contextmanager
def single_flight(store: Store, key: str, *, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one process work on a key; ``waiting`` is called if another does now. Raises ``StoreError``."""
    descriptor = _open(f"{store.home}/locks/{key[:32]}")
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def alive(process: int) -> bool:
    """Whether a process of this number exists."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _held(path: str, kind: int, *, wait_s: float | None = None) -> Iterator[None]:
    descriptor = _open(path)
    try:
        if wait_s is None:
            fcntl.flock(descriptor, kind)
        else:
            _within(descriptor, kind, wait_s)
        yield
    finally:
        os.close(descriptor)


def _open(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot write to the cache: {error.strerror}", where=path, fix="free space, or make it writable"
        ) from error


def _within(descriptor: int, kind: int, wait_s: float) -> None:
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                raise ToolError("the cache is in use", fix="try again when the builds are done") from None
            time.sleep(_POLL_S)
        else:
            return
