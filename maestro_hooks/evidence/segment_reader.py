"""Read a ledger segment strictly: what is accepted is what was written, byte for byte.

Invariant: a line is accepted only if it equals the line its own parts make, its link fits the chain, and its body
equals the body its own content makes (which refuses duplicate keys, spaces and reordering without looking for them).
Only bytes after the last newline of a segment without end record may be missing or torn: the mark of a death.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

import msgspec

from maestro_hooks.errors import EvidenceError, ToolError
from maestro_hooks.evidence import chain
from maestro_hooks.evidence import inputs as inputs_documents
from maestro_hooks.evidence.inputs import Inputs
from maestro_hooks.evidence.obligation import Verdict, check_key
from maestro_hooks.evidence.record import Quantity, Record

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_RECORD = msgspec.json.Decoder(Record)
_LINE = msgspec.json.Decoder(chain.Line)
_MALFORMED = (msgspec.MsgspecError, ValueError, RecursionError)


class UnknownSchemaError(EvidenceError):
    """A segment of a format this version does not read; it is reported and left alone, never deleted."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One record, the SHA-256 of its bytes in hexadecimal, what is not compared, and its line number."""

    record: Record
    body_digest: str
    meta: dict[str, object]
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """What one process wrote. ``header`` is ``None`` if it died before its first line was whole.

    Attributes:
        inputs: the inputs documents by digest.
        finished: the end record is there.
        torn: bytes of an unfinished line follow the last whole one.
        live: a process still holds the segment open for writing.
    """

    path: Path
    header: chain.Header | None
    inputs: Mapping[str, Inputs] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()
    finished: bool = False
    torn: bool = False
    live: bool = False

    @property
    def id(self) -> str:
        """The name of the segment within its run."""
        return self.path.name.removesuffix(chain.SUFFIX)

    @property
    def run(self) -> str:
        """The run the segment belongs to."""
        return self.path.parent.name


def read_segment(path: Path) -> Segment:
    """Read and check one segment file.

    Raises:
        EvidenceError: a line was edited, moved, doubled or removed, or does not belong to this run; with file:line.
        UnknownSchemaError: it was written by another version of Maestro.
        ToolError: the file cannot be read.
    """
    with open_segment(path) as stream:
        # Asked before reading: a writer that ends in between has written its end record by then.
        live = has_writer(stream.fileno()) is True
        try:
            # What is there now: a reader must not run after a writer that is as fast as itself.
            return parse_segment(stream, path, live=live, size=os.fstat(stream.fileno()).st_size)
        except OSError as error:
            raise _unreadable(path, error) from error


def open_segment(path: Path) -> BinaryIO:
    """Open a segment for reading.

    Raises:
        EvidenceError: it is no regular file.
        ToolError: it cannot be opened.
    """
    try:
        # Never follow a link out of the ledger, never wait for a writer of a pipe.
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from error
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise EvidenceError("a ledger segment must be a regular file", where=str(path), fix="remove it")
    return open(fd, "rb")  # noqa: PTH123 - of a descriptor


def _unreadable(path: Path, error: OSError) -> ToolError:
    what = "is a symbolic link" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}"
    return ToolError(f"the ledger segment {what}", where=str(path), fix="make it a readable file")


def has_writer(fd: int) -> bool | None:
    """Whether a process holds the open segment ``fd`` for writing; ``None`` where the file system has no locks."""
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    fcntl.flock(fd, fcntl.LOCK_UN)
    return False


def parse_segment(stream: BinaryIO, path: Path, *, live: bool = False, size: int = sys.maxsize) -> Segment:
    """Check the bytes of a segment; ``path`` gives the run (its directory's name) and the words of errors.

    No line is begun at or after ``size`` bytes.

    Raises:
        EvidenceError: as for ``read_segment``.
    """
    first = stream.readline(chain.MAX_LINE_BYTES + 1)
    if not first.endswith(b"\n"):
        _check_length(first, path, 1)
        return Segment(path=path, header=None, torn=bool(first), live=live)
    reader = _Reader(path=path, head=chain.first_link(first[:-1]))
    header = reader.header(first[:-1])
    torn = False
    consumed = len(first)
    while consumed < size and (raw := stream.readline(chain.MAX_LINE_BYTES + 1)):
        consumed += len(raw)
        reader.line += 1
        if reader.finished:
            raise reader.refusal("there is data after the end record")
        _check_length(raw, path, reader.line)
        if not raw.endswith(b"\n"):
            torn = True
            break
        reader.accept(raw[:-1])
    return Segment(
        path=path,
        header=header,
        inputs=reader.inputs,
        entries=tuple(reader.entries),
        finished=reader.finished,
        torn=torn,
        live=live,
    )


@dataclass(slots=True, kw_only=True)
class _Reader:
    """The state between two lines."""

    path: Path
    head: bytes
    line: int = 1
    inputs: dict[str, Inputs] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    finished: bool = False

    @property
    def where(self) -> str:
        return f"{self.path}:{self.line}"

    def refusal(self, what: str) -> EvidenceError:
        return EvidenceError(what, where=self.where, fix=_discard(self.path))

    def header(self, line: bytes) -> chain.Header:
        try:
            schema = msgspec.json.decode(line, type=dict[str, object]).get("schema")
        except _MALFORMED as error:
            raise self.refusal(f"the header is no JSON object: {_words(error)}") from error
        if schema != chain.SCHEMA:
            raise UnknownSchemaError(
                f"unknown segment format {schema!r:.60}, this version reads {chain.SCHEMA!r}",
                where=self.where,
                fix="use the version of Maestro that wrote it; nothing was deleted",
            )
        try:
            header = msgspec.json.decode(line, type=chain.Header)
        except _MALFORMED as error:
            raise self.refusal(f"the header is malformed: {_words(error)}") from error
        if chain.header_line(header) != line or header.api != chain.API:
            raise self.refusal("the header is not in the form it is written in")
        if header.run != self.path.parent.name:
            raise self.refusal(f"the segment belongs to run {header.run!r}, not to the run it lies in")
        return header

    def accept(self, raw: bytes) -> None:
        if raw.startswith(b'{"end":'):
            if raw != chain.end_line(self.line - 1, self.head):
                raise self.refusal("the end record does not fit the lines before it")
            self.finished = True
            return
        try:
            line = _LINE.decode(raw)
        except _MALFORMED as error:
            raise self.refusal(f"the line is malformed: {_words(error)}") from error
        member: chain.Member = b"b" if len(line.b) else b"i"
        body, meta = bytes(line.b or line.i), bytes(line.m)
        head = chain.link(self.head, member, body, meta)
        if raw != chain.frame(self.head, head, member, body, meta):
            raise self.refusal(
                "the line does not continue the chain: it or one before it was changed, moved or removed"
            )
        self.head = head
        try:
            self._keep(member, body, meta)
        except _MALFORMED as error:
            raise self.refusal(f"the line's content is malformed: {_words(error)}") from error

    def _keep(self, member: chain.Member, body: bytes, meta: bytes) -> None:
        if member == b"i":
            if meta:
                raise ValueError("inputs take no meta object")
            self.inputs[inputs_documents.digest(body)] = _inputs_from(body)
            return
        record = record_from(body)
        if record.inputs not in self.inputs:
            raise ValueError(f"inputs {record.inputs!r} are not stored before it")
        entry = Entry(
            record=record,
            body_digest=inputs_documents.digest(body),
            meta=meta_from(meta) if meta else {},
            line=self.line,
        )
        self.entries.append(entry)


def record_from(body: bytes) -> Record:
    """The record in its exact bytes.

    Raises:
        ValueError: other than the bytes its content makes, a malformed key, or a verdict its number contradicts.
    """
    record = _RECORD.decode(body)
    if msgspec.json.encode(record) != body:
        raise ValueError("the body is not in the form it is written in")
    check_key(record.key)
    if record.quantity is not None:
        _check_quantity(record.quantity, record.verdict)
    return record


def _check_quantity(quantity: Quantity, verdict: Verdict) -> None:
    q, low, high = _integer(quantity.q), _integer(quantity.min), _integer(quantity.max)
    met = q is not None and (low is None or q >= low) and (high is None or q <= high)
    # A verdict is derived, never stated.
    if verdict is (Verdict.UNMET if met else Verdict.MET):
        raise ValueError(f"verdict {verdict.value!r} contradicts the number and its bound")


def _integer(text: str | None) -> int | None:
    if text is None:
        return None
    # int() refuses what is no number and what is too long to be one; comparing refuses "+1", "01" and "1_0".
    number = int(text)
    if str(number) != text:
        raise ValueError(f"{text!r} is not a decimal integer in its only form")
    return number


def meta_from(raw: bytes) -> dict[str, object]:
    """The meta object in its exact bytes. Raises ``ValueError`` for other bytes than its content makes."""
    meta = msgspec.json.decode(raw, type=dict[str, object])
    if msgspec.json.encode(meta, order="sorted") != raw:
        raise ValueError("the meta object is not in the form it is written in")
    return meta


def _inputs_from(body: bytes) -> Inputs:
    inputs = msgspec.json.decode(body, type=Inputs)
    if inputs_documents.encode(inputs) != body:
        raise ValueError("the inputs are not in the form they are written in")
    return inputs


def _check_length(raw: bytes, path: Path, line: int) -> None:
    if len(raw) > chain.MAX_LINE_BYTES:
        raise EvidenceError(
            f"the line is longer than {chain.MAX_LINE_BYTES} bytes", where=f"{path}:{line}", fix=_discard(path)
        )


def _words(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _discard(path: Path) -> str:
    return (
        f"restore the file, or discard its run ('maestro ledger gc --run {path.parent.name}') and run the checks again"
    )
