"""Write one process's part of the ledger: append-only, hash-chained, never shared with another process.

Invariant: when ``append`` has returned, the whole line is in the file, and the reader accepts it. A process that dies
loses at most the line it had not finished, and the missing end record tells that it died.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Literal

import msgspec

from maestro_hooks.errors import ToolError, UsageError
from maestro_hooks.evidence import chain
from maestro_hooks.evidence import inputs as inputs_documents
from maestro_hooks.project.state import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.record import Record

Durability = Literal["close", "record"]


class SegmentWriter:
    """Appends records to a new segment in the run directory ``directory``; safe to share between threads.

    No file exists before the first ``append``. Leaving the ``with`` block normally writes the end record; leaving it
    by an exception does not, so a process that failed is told from one that finished. After a ``fork`` the child
    starts a segment of its own.

    Args:
        directory: ``.maestro/ledger/<run>``; its last part is the run id.
        run: the run id, as in ``MAESTRO_RUN`` or ``Repository.run_id``.
        process: a label for people, as ``pytest:gw3``; any text that has a UTF-8 form.
        parent: the commit id at the start, or ``""``.
        durability: ``close`` survives the death of the process; ``record`` also that of the machine, record by record.

    Raises:
        UsageError: ``run`` is no run id, or not the directory's name.
    """

    def __init__(
        self, directory: Path, *, run: str, process: str, parent: str = "", durability: Durability = "close"
    ) -> None:
        if directory.name != run or not chain.RUN.fullmatch(run):
            raise UsageError(
                f"{run!r} is no run id, or not the name of the run's directory",
                where=str(directory),
                fix="write to .maestro/ledger/RUN, with RUN of letters, digits, '.', '_' and '-'",
            )
        self.directory = directory
        self.path: Path | None = None
        self._header = chain.header_line(
            chain.Header(schema=chain.SCHEMA, run=run, process=process, api=chain.API, parent=parent)
        )
        self._durability = durability
        self._lock = Lock()
        self._documents: dict[str, bytes] = {}
        self._read_back: tuple[Callable[[bytes], object], Callable[[bytes], object]] | None = None
        self._closed = False
        self._forget()

    def _forget(self) -> None:
        """Be as before the first append: for a new writer, and for the child of a fork."""
        self._fd = -1
        self._owner = os.getpid()
        self._head = b""
        self._lines = 0
        self._stored: set[str] = set()
        self._whole = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()

    def inputs(self, inputs: Inputs) -> str:
        """Remember an inputs document for the records that will refer to it; returns its digest."""
        document = inputs_documents.encode(inputs)
        digest = inputs_documents.digest(document)
        with self._lock:
            self._documents.setdefault(digest, document)
        return digest

    def append(self, record: Record, meta: Mapping[str, object] | None = None) -> None:
        """Write one record; once this returns, no other process's death can lose it.

        Args:
            record: its ``inputs`` must be a digest ``inputs()`` returned.
            meta: what may differ between two equal claims (time, duration); chained, never compared.

        Raises:
            ToolError: the disk is full or the directory cannot be written, the record is one the reader would
                refuse, or an earlier write failed. Nothing is acknowledged then.
        """
        body, extra = self._encoded(record, meta)
        with self._lock:
            self._ready(record)
            lines: list[bytes] = []
            head = self._head
            if not self._lines:
                lines.append(self._header)
                head = chain.first_link(self._header)
            if record.inputs not in self._stored:
                head = self._extend(lines, head, b"i", self._documents[record.inputs])
            head = self._extend(lines, head, b"b", body, extra)
            if self._fd < 0:
                self._open()
            self._write(b"\n".join((*lines, b"")))
            self._stored.add(record.inputs)
            self._head = head
            self._lines += len(lines)
            self._whole = True

    def close(self) -> None:
        """Write the end record and put the segment on disk; a second call does nothing.

        Raises:
            ToolError: the end record could not be written: the segment stays unfinished.
        """
        with self._lock:
            if self._fd >= 0 and self._owner == os.getpid() and self._whole:
                self._write(chain.end_line(self._lines, self._head) + b"\n")
                self._sync()
            self._release()

    def abandon(self) -> None:
        """Stop without an end record: the process did not finish what it was doing."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
        self._closed = True

    def _encoded(self, record: Record, meta: Mapping[str, object] | None) -> tuple[bytes, bytes]:
        """The bytes to write, read back once: a line the reader would refuse must never be acknowledged."""
        if self._read_back is None:
            # Only now: whoever has a record has paid for the import already.
            from maestro_hooks.evidence.segment_reader import meta_from, record_from  # noqa: PLC0415

            self._read_back = (record_from, meta_from)
        try:
            body = msgspec.json.encode(record)
            self._read_back[0](body)
            if not meta:
                return body, b""
            extra = msgspec.json.encode(meta, order="sorted")
            self._read_back[1](extra)
        except (msgspec.MsgspecError, ValueError, TypeError, RecursionError) as error:
            raise ToolError(
                f"not a well-formed record: {error}", where=repr(record.key), fix="report it to the plugin's author"
            ) from error
        return body, extra

    def _ready(self, record: Record) -> None:
        if self._owner != os.getpid():
            # The parent's chain goes on without this process; only its file descriptor is given back.
            if self._fd >= 0:
                os.close(self._fd)
            self._forget()
        if self._closed or not self._whole:
            why = "is closed" if self._closed else "was cut off by a failed or interrupted write"
            raise ToolError(f"the ledger segment {why}", where=str(self.path or self.directory), fix="run it again")
        if record.inputs not in self._documents:
            raise ToolError(
                f"record {record.key!r} refers to inputs {record.inputs!r}, which were not handed in",
                where=str(self.path or self.directory),
                fix="call inputs() first and use the digest it returns",
            )

    def _open(self) -> None:
        try:
            if self.directory.parent.parent.name == ".maestro":
                state_directory(self.directory.parent.parent.parent)
            while self._fd < 0:
                self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self.path = self.directory / f"{_name()}{chain.SUFFIX}"
                self._fd = _create(self.path)
            if self._durability == "record":
                _sync_directories(self.directory)
        except OSError as error:
            raise ToolError(
                f"cannot write to the ledger: {error.strerror}",
                where=str(self.directory),
                fix="make the directory writable, or set MAESTRO_DISABLE for the plugins that record",
            ) from error

    def _extend(self, lines: list[bytes], head: bytes, member: chain.Member, body: bytes, meta: bytes = b"") -> bytes:
        new = chain.link(head, member, body, meta)
        line = chain.frame(head, new, member, body, meta)
        if len(line) >= chain.MAX_LINE_BYTES:
            raise ToolError(
                f"a ledger line may hold {chain.MAX_LINE_BYTES} bytes, this one needs {len(line) + 1}",
                where=str(self.path),
                fix="name the tree instead of its files, or attach the text as evidence",
            )
        lines.append(line)
        return new

    def _write(self, data: bytes) -> None:
        # An exception from here on (a full disk, but also an interrupt between the write and the update of the
        # chain's head) leaves the segment cut off: a later line would not fit what is on disk.
        self._whole = False
        try:
            done = os.write(self._fd, data)
            while done < len(data):
                done += os.write(self._fd, data[done:])
            if self._durability == "record":
                os.fdatasync(self._fd)
        except OSError as error:
            raise ToolError(
                f"the ledger segment could not be written: {error.strerror}",
                where=str(self.path),
                fix="make room on the disk and run it again; what was recorded before is kept",
            ) from error

    def _sync(self) -> None:
        try:
            os.fsync(self._fd)
            _sync_directories(self.directory)
        except OSError as error:
            raise ToolError(
                f"the ledger segment may not be on disk: {error.strerror}", where=str(self.path), fix="check the disk"
            ) from error


def _name() -> str:
    host = "".join(c if c.isascii() and c.isalnum() else "." for c in os.uname().nodename)[:80] or "host"
    return f"{host}-{os.getpid()}-{os.urandom(6).hex()}"


def _create(path: Path) -> int:
    """A descriptor of a new segment, or -1 if a collector removed it or its directory in that moment."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return -1
    # The lock only says "alive", and death releases it; no writer ever waits for another. Where the file system
    # has no locks, writing works all the same and `maestro ledger gc` declines to guess.
    with suppress(OSError):
        fcntl.flock(fd, fcntl.LOCK_EX)
    if os.fstat(fd).st_nlink:
        return fd
    os.close(fd)
    return -1


def _sync_directories(directory: Path) -> None:
    for place in (directory, directory.parent):
        fd = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
