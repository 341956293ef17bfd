"""The local store: blobs by SHA-256, action records by key; ``.maestro/cas`` or a directory the user names.

Invariant: a record becomes visible only after every blob it names is on disk, and what is read back has the digest it
was asked by: a damaged blob or record is moved to ``quarantine`` and counts as absent.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_cas import record as records
from maestro_hooks.errors import EvidenceError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_cas.record import Record

VERSION = b"maestro.cas/1\n"
CHUNK = 1 << 20
_FETCHED = b" fetched"
_FOLDERS = ("cas/sha256", "ac", "drafts", "locks", "quarantine", "journal", "stat", "names", "last", "aside")


class StoreError(ToolError):
    """The store cannot be used: full, read-only, another user's or another version's. Work goes on without it."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open store. ``home`` is an absolute path; make one with :func:`open_store`."""

    home: str

    def blob_path(self, digest: str) -> str:
        """Where a blob is, or would be."""
        return f"{self.home}/cas/sha256/{digest[:2]}/{digest[2:]}"

    def record_path(self, key: str) -> str:
        """Where a record is, or would be."""
        return f"{self.home}/ac/{key[:2]}/{key[2:]}"

    def has(self, digest: str, size: int) -> bool:
        """Whether a blob of that digest and size is there; its bytes are checked when they are read."""
        try:
            return os.stat(self.blob_path(digest)).st_size == size
        except OSError:
            return False

    def put_file(self, source: str) -> tuple[str, int]:
        """Store a file's content; the digest is that of the bytes stored. Raises ``StoreError`` (disk full)."""
        with open(source, "rb") as stream:
            digest, size, draft = self._draft(iter(lambda: stream.read(CHUNK), b""), source)
        self._publish(draft, digest)
        return digest, size

    def put(self, data: bytes) -> str:
        """Store bytes; returns their digest. Raises ``StoreError``."""
        digest = hashlib.sha256(data).hexdigest()
        if self.has(digest, len(data)):
            return digest
        _, _, draft = self._draft(iter((data,)), digest)
        self._publish(draft, digest)
        return digest

    @contextmanager
    def incoming(self, digest: str, size: int) -> Iterator[IncomingBlob]:
        """Receive a blob piece by piece; it is kept only if digest and size turn out right.

        Raises:
            EvidenceError: they did not.
        """
        blob = IncomingBlob(f"{self.home}/drafts/{os.getpid()}-{os.urandom(6).hex()}", digest, size)
        try:
            yield blob
            blob.finish()
            self._publish(blob.draft, digest)
        finally:
            blob.discard()

    def get(self, digest: str) -> bytes | None:
        """A blob's bytes, verified; ``None`` if absent or damaged (then quarantined)."""
        try:
            with open(self.blob_path(digest), "rb") as stream:
                data = stream.read()
        except OSError:
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            self.quarantine(self.blob_path(digest))
            return None
        return data

    def sync(self) -> None:
        """Make everything written so far survive a crash of the machine: one call for all blobs of an action."""
        import ctypes  # noqa: PLC0415 - only after a run

        descriptor = os.open(self.home, os.O_RDONLY)
        try:
            call = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
            if call is None or call(descriptor) != 0:
                os.sync()
        finally:
            os.close(descriptor)

    def put_record(self, key: str, envelope: bytes, *, fetched: bool = False) -> None:
        """Make a record visible; its blobs must have been synced. ``fetched`` says that another machine made it.

        Raises:
            StoreError: the disk is full.
        """
        path = self.record_path(key)
        data = hashlib.sha256(envelope).hexdigest().encode() + (_FETCHED if fetched else b"") + b"\n" + envelope
        draft = f"{self.home}/drafts/{os.getpid()}-{os.urandom(6).hex()}"
        try:
            with open(draft, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fsync(stream.fileno())
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(draft, path)
        except OSError as error:
            with suppress(OSError):
                os.unlink(draft)
            raise _full(error, self.home) from error

    def envelope(self, key: str) -> bytes | None:
        """The envelope stored under ``key``, its bytes checked; ``None`` if absent or damaged."""
        path = self.record_path(key)
        try:
            with open(path, "rb") as stream:
                raw = stream.read()
        except OSError:
            return None
        head, _, envelope = raw.partition(b"\n")
        if hashlib.sha256(envelope).hexdigest().encode() != head.removesuffix(_FETCHED):
            self.quarantine(path)
            return None
        return envelope

    def is_fetched(self, key: str) -> bool:
        """Whether the record under ``key`` came from another machine."""
        try:
            with open(self.record_path(key), "rb") as stream:
                return stream.readline(100).removesuffix(b"\n").endswith(_FETCHED)
        except OSError:
            return False

    def record(self, key: str) -> Record | None:
        """The record stored under ``key``; ``None`` if absent, damaged or not sound."""
        envelope = self.envelope(key)
        if envelope is None:
            return None
        try:
            return records.parse(records.open_envelope(envelope).payload, key=key)
        except EvidenceError:
            self.quarantine(self.record_path(key))
            return None

    def keys(self) -> list[str]:
        """The keys of all records, least recently used first."""
        found = []
        for folder in _listed(f"{self.home}/ac"):
            for name in _listed(f"{self.home}/ac/{folder}"):
                with suppress(OSError):
                    found.append((os.stat(f"{self.home}/ac/{folder}/{name}").st_mtime_ns, folder + name))
        return [key for _, key in sorted(found)]

    def touch(self, key: str) -> None:
        """Note that a record was used."""
        with suppress(OSError):
            os.utime(self.record_path(key))

    def quarantine(self, path: str) -> None:
        """Take a damaged file out of service; it is kept for whoever wants to know why."""
        with suppress(OSError):
            os.replace(path, f"{self.home}/quarantine/{os.path.basename(path)}.{os.urandom(4).hex()}")

    def _draft(self, pieces: Iterator[bytes], where: str) -> tuple[str, int, str]:
        draft = f"{self.home}/drafts/{os.getpid()}-{os.urandom(6).hex()}"
        digest, size = hashlib.sha256(), 0
        try:
            with open(draft, "xb") as stream:
                for piece in pieces:
                    digest.update(piece)
                    size += len(piece)
                    stream.write(piece)
            if os.stat(draft).st_size != size:
                raise StoreError("the file system kept fewer bytes than were written", where=where)
        except OSError as error:
            with suppress(OSError):
                os.unlink(draft)
            raise _full(error, self.home) from error
        return digest.hexdigest(), size, draft

    def _publish(self, draft: str, digest: str) -> None:
        path = self.blob_path(digest)
        try:
            os.chmod(draft, 0o444)
            try:
                os.replace(draft, path)
            except FileNotFoundError:
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.replace(draft, path)
        except OSError as error:
            raise _full(error, self.home) from error


class IncomingBlob:
    """A blob on its way in: write pieces, then it is checked."""

    def __init__(self, draft: str, digest: str, size: int) -> None:
        self.draft = draft
        self._digest, self._size, self._seen = digest, size, 0
        self._hash = hashlib.sha256()
        self._stream = open(draft, "xb")  # noqa: SIM115 - closed by finish or discard

    def write(self, piece: bytes) -> None:
        """Take the next piece. Raises ``EvidenceError`` as soon as there are too many bytes."""
        self._seen += len(piece)
        if self._seen > self._size:
            raise EvidenceError(f"more than the {self._size} bytes announced", where=self._digest)
        self._hash.update(piece)
        try:
            self._stream.write(piece)
        except OSError as error:
            raise _full(error, self.draft) from error

    def finish(self) -> None:
        """Check what came. Raises ``EvidenceError``."""
        try:
            self._stream.close()
        except OSError as error:
            raise _full(error, self.draft) from error
        if self._seen != self._size or self._hash.hexdigest() != self._digest:
            raise EvidenceError("these are not the bytes asked for", where=self._digest)

    def discard(self) -> None:
        """Drop the draft, if it is still one."""
        with suppress(OSError):
            self._stream.close()
        with suppress(OSError):
            os.unlink(self.draft)


def open_store(home: str) -> Store:
    """Open a store, making it on first use.

    Raises:
        StoreError: it belongs to another user or was written by another version.
            or it cannot be made or written.
    """
    try:
        owner = os.stat(home).st_uid
        with open(f"{home}/VERSION", "rb") as stream:
            version = stream.read(100)
    except FileNotFoundError:
        return _create(home)
    except OSError as error:
        raise StoreError(f"cannot use the cache: {error.strerror}", where=home, fix="make it readable") from error
    if hasattr(os, "geteuid") and owner != os.geteuid():
        raise StoreError(
            f"the cache belongs to user {owner}, not to you: its records would be taken on trust",
            where=home,
            fix="name a directory of your own in tool.maestro.cas.directory, or share by a remote tier",
        )
    if version != VERSION:
        raise StoreError(
            f"the cache was written by another version ({version!r:.40})", where=home, fix="delete it, or name another"
        )
    if not os.access(home, os.W_OK):
        raise StoreError("the cache cannot be written", where=home, fix="make it writable, or name another directory")
    if not all(os.path.isdir(f"{home}/{folder}") for folder in _FOLDERS):
        return _create(home)  # somebody deleted a part of it
    return Store(home)


def _create(home: str) -> Store:
    try:
        for folder in _FOLDERS:
            os.makedirs(f"{home}/{folder}", mode=0o700, exist_ok=True)
        os.chmod(home, 0o700)
        draft = f"{home}/drafts/version-{os.getpid()}"
        with open(draft, "wb") as stream:
            stream.write(VERSION)
        os.replace(draft, f"{home}/VERSION")
    except OSError as error:
        raise _full(error, home) from error
    return Store(home)


def _listed(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _full(error: OSError, where: str) -> StoreError:
    return StoreError(
        f"cannot write to the cache: {error.strerror or error}", where=where, fix="free space, or run 'maestro cas gc'"
    )
