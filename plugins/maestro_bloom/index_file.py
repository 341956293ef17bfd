"""The index as one immutable file, ``maestro.bloom/1``: a header line, the tables, the filters bit-sliced by size.

Invariant: ``read`` returns an index whose every byte was digested when it was written, or raises; a file appears
under its name only when it is whole, so a reader never sees a part.
"""

from __future__ import annotations

import hashlib
import mmap
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from maestro_bloom import bloom_filter
from maestro_bloom.index import SCHEMA, Filters, Index
from maestro_hooks.errors import EvidenceError
from maestro_hooks.project.files import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    Buffer: TypeAlias = bytes | memoryview | mmap.mmap

MAX_TABLES = 1 << 30
"""Bytes of decompressed tables a reader accepts."""


class SizeClass(msgspec.Struct, frozen=True):
    """The filters of one size: ``bits`` slices of ``tests`` bits each, from ``offset`` of the payload on."""

    bits: int
    tests: int
    offset: int

    @property
    def stride(self) -> int:
        """Bytes of one slice: whole 64-bit words."""
        return -(-self.tests // 64) * 8


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: what follows it, and the BLAKE2b-256 of what follows it."""

    schema: str
    digest: str
    tables: int
    k: int
    classes: tuple[SizeClass, ...]


class Stored:
    """An index with its filters still sliced, as they are asked."""

    def __init__(self, index: Index, digest: str, classes: tuple[SizeClass, ...], payload: memoryview) -> None:
        self.index = index
        self.digest = digest
        self._classes = classes
        self._payload = payload

    def holders(self, keys: Iterable[bytes]) -> dict[int, list[bytes]]:
        """By number in ``index.tests``, the keys that a test's filter may hold; nothing for a test that holds none."""
        asked = [(key, bloom_filter.hashes(key, self.index.salt)) for key in keys]
        found: defaultdict[int, list[bytes]] = defaultdict(list)
        first = 0
        for group in self._classes:
            for key, hashed in asked:
                for place in _ones(self._ask(group, hashed)):
                    found[first + place].append(key)
            first += group.tests
        return found

    def _ask(self, group: SizeClass, hashed: tuple[int, ...]) -> int:
        mask = -1
        for h in hashed:
            start = group.offset + h % group.bits * group.stride
            mask &= int.from_bytes(self._payload[start : start + group.stride], "little")
            if not mask:
                break
        return mask

    def filters(self) -> Filters:
        """Every test's filter on its own."""
        found: Filters = {}
        rows = iter(self.index.tests)
        for group in self._classes:
            stride = group.stride
            starts = range(group.offset, group.offset + group.bits * stride, stride)
            columns = [int.from_bytes(self._payload[s : s + stride], "little") for s in starts]
            for filled in bloom_filter.transpose(columns, group.tests):
                found[next(rows).nodeid] = (filled, group.bits)
        return found


def _ones(mask: int) -> Iterator[int]:
    """The places of the ones of a bit vector; its text is searched, because each arithmetic step would copy it."""
    text = format(mask, "b")[::-1]
    place = text.find("1")
    while place >= 0:
        yield place
        place = text.find("1", place + 1)


def encode(index: Index, filters: Filters) -> bytes:
    """The bytes of an index file. ``filters`` has one entry per test of the index."""
    rows = sorted(index.tests, key=lambda row: (filters[row.nodeid][1], row.nodeid))
    rows = [msgspec.structs.replace(row, bits=filters[row.nodeid][1]) for row in rows]
    index = msgspec.structs.replace(index, tests=tuple(rows))
    tables = zlib.compress(msgspec.msgpack.encode(index), 1)
    tables += bytes(-len(tables) % 8)
    parts, classes, offset = [tables], [], len(tables)
    for bits in sorted({row.bits for row in rows}):
        members = [filters[row.nodeid][0] for row in rows if row.bits == bits]
        group = SizeClass(bits, len(members), offset)
        slices, stride = bloom_filter.transpose(members, bits), group.stride
        parts.append(b"".join(column.to_bytes(stride, "little") for column in slices))
        classes.append(group)
        offset += len(parts[-1])
    payload = b"".join(parts)
    header = Header(SCHEMA, _digest(payload), len(tables), bloom_filter.HASHES, tuple(classes))
    return msgspec.json.encode(header) + b"\n" + payload


def write(path: Path, data: bytes) -> None:
    """Put an encoded index in place, whole or not at all. Raises ``OSError``."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, data, mode=0o600)


def digest_in(path: Path) -> str:
    """The digest an index file names in its header. Raises ``OSError``."""
    with path.open("rb") as stream:
        return msgspec.json.decode(stream.readline(), type=Header).digest


def read(path: Path) -> Stored:
    """Open an index file. Raises ``EvidenceError`` if it is none, damaged, or of another schema."""
    try:
        with path.open("rb") as stream:
            mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as error:
        raise EvidenceError(f"the index cannot be read: {error}", where=str(path), fix="make a full run") from error
    return decode(mapped, where=str(path))


def decode(data: Buffer, *, where: str) -> Stored:
    """The index in these bytes. Raises ``EvidenceError``."""
    view = memoryview(data)
    line, separator, _ = bytes(view[: 1 << 20]).partition(b"\n")
    try:
        schema = msgspec.json.decode(line).get("schema")
        if schema != SCHEMA:
            raise EvidenceError(f"schema {schema!r}, expected {SCHEMA!r}", where=where, fix="make a full run")
        header = msgspec.json.decode(line, type=Header)
        payload = view[len(line) + len(separator) :]
        if _digest(payload) != header.digest or header.k != bloom_filter.HASHES:
            raise EvidenceError("the index is damaged", where=where, fix="delete it and make a full run")
        tables = zlib.decompressobj().decompress(payload[: header.tables], MAX_TABLES)
        index = msgspec.msgpack.decode(tables, type=Index)
    except (msgspec.DecodeError, UnicodeDecodeError, zlib.error, AttributeError) as error:
        raise EvidenceError(f"not an index: {error}", where=where, fix="delete it and make a full run") from error
    if sum(group.tests for group in header.classes) != len(index.tests):
        raise EvidenceError("tests and filters do not agree", where=where, fix="delete it and make a full run")
    return Stored(index, header.digest, header.classes, payload)


def _digest(payload: Buffer) -> str:
    return hashlib.blake2b(payload, digest_size=32).hexdigest()
