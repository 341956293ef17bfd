"""Many small blobs as few big ones: plain concatenations with an index of digests and sizes.

Invariant: a blob taken out of a pack is checked like any other; a wrong index can only make it fail.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from maestro_cas.record import Blob
from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical, shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from maestro_cas.store import Store

PACK_ABOVE = 50
SMALL = 4 * 1024 * 1024
PACK_SIZE = 64 * 1024 * 1024
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Pack:
    """A pack and, in order, what it holds."""

    whole: Blob
    blobs: tuple[Blob, ...]


def is_digest(text: str) -> bool:
    """Whether a text is a SHA-256 in lowercase hexadecimal."""
    return _HEX.fullmatch(text) is not None


def plan_packs(blobs: Sequence[Blob]) -> tuple[list[Blob], list[list[Blob]]]:
    """Large blobs, which travel alone, and packs of the small ones, none much above ``PACK_SIZE``."""
    alone = [b for b in blobs if b.size >= SMALL]
    packs: list[list[Blob]] = []
    room = 0
    for blob in sorted((b for b in blobs if b.size < SMALL), key=lambda b: b.digest):
        if blob.size > room:
            packs.append([])
            room = PACK_SIZE
        packs[-1].append(blob)
        room -= blob.size
    return alone, packs


@contextmanager
def pack_stream(store: Store, blobs: Sequence[Blob]) -> Iterator[tuple[Blob, IO[bytes]]]:
    """A pack as a file that vanishes afterwards, with its digest and size. Raises ``EvidenceError`` (damaged blob)."""
    with tempfile.TemporaryFile(dir=f"{store.home}/drafts") as stream:
        digest, size = hashlib.sha256(), 0
        for blob in blobs:
            data = store.get(blob.digest)
            if data is None or len(data) != blob.size:
                raise EvidenceError("a blob to be sent is damaged", where=blob.digest)
            digest.update(data)
            size += len(data)
            stream.write(data)
        stream.seek(0, os.SEEK_SET)
        yield Blob(digest.hexdigest(), size), stream


def parse_packs(data: bytes) -> list[Pack]:
    """The index of packs. Raises ``EvidenceError``."""
    where = "pack index"
    body = shape.members(canonical.decode(data, canonical=True, where=where), required=("packs",), where=where)
    packs = []
    for item in shape.array(body["packs"], where=where):
        entry = shape.members(item, required=("sha256", "size", "blobs"), where=where)
        pairs = [shape.array(pair, where=where) for pair in shape.array(entry["blobs"], where=where)]
        blobs = tuple(_blob(pair[0], pair[1]) for pair in pairs if len(pair) == 2)
        whole = _blob(entry["sha256"], entry["size"])
        if sum(b.size for b in blobs) != whole.size or len(blobs) != len(pairs):
            raise EvidenceError("the sizes do not add up", where=where)
        packs.append(Pack(whole, blobs))
    return packs


@contextmanager
def unpack(pack: Pack, wanted: Mapping[str, Blob], store: Store) -> Iterator[Callable[[bytes], None]]:
    """A sink for the bytes of a pack that puts the wanted blobs into the store, each checked.

    Raises:
        EvidenceError: a blob is not what the index says, or the pack is short or long.
    """
    with ExitStack() as stack:
        splitter = _Splitter(pack, wanted, store, stack)
        yield splitter.write
        splitter.end()


class _Splitter:
    def __init__(self, pack: Pack, wanted: Mapping[str, Blob], store: Store, stack: ExitStack) -> None:
        self._left = iter(pack.blobs)
        self._wanted, self._store, self._stack = wanted, store, stack
        self._room = 0
        self._sink: Callable[[bytes], None] | None = None
        self._next()

    def write(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            if self._room == 0 and not self._next():
                raise EvidenceError("a pack is longer than its index says", where="pack")
            part = view[: self._room]
            if self._sink is not None:
                self._sink(bytes(part))
            self._room -= len(part)
            view = view[len(part) :]
            if self._room == 0:
                self._stack.close()  # checks the blob and keeps it

    def end(self) -> None:
        self._stack.close()
        if self._room or self._next():
            raise EvidenceError("a pack is shorter than its index says", where="pack")

    def _next(self) -> bool:
        """Go on to the next blob that has bytes; empty ones are complete at once."""
        for blob in self._left:
            self._sink = None
            if blob.digest in self._wanted:
                self._sink = self._stack.enter_context(self._store.incoming(blob.digest, blob.size)).write
            self._room = blob.size
            if blob.size:
                return True
            self._stack.close()
        return False


def _blob(digest: object, size: object) -> Blob:
    where = "pack index"
    return Blob(
        shape.sha256_hex(digest, where=where), shape.integer(size, low=0, high=canonical.MAX_SAFE_INTEGER, where=where)
    )
