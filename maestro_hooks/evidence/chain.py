"""The bytes of a ledger segment: one header line, hash-chained lines, one end record.

Invariant: every byte of a finished segment is fixed by what was written. The header line is the chain's first link,
a chained line equals ``frame`` of its parts, and the end record repeats the count and the head of the chain.

    {"schema":"maestro.segment/1","run":...,"process":...,"api":1,"parent":...}
    {"h":<hex>,"prev":<hex>,"i":{an Inputs document}}
    {"h":<hex>,"prev":<hex>,"b":{a Record}}                  or  ...,"b":{a Record},"m":{time, process, ...}}
    {"end":<lines before this one>,"h":<head of the chain>}

``h = SHA-256(prev, 32 raw bytes || "i" or "b" || the body's bytes || the meta object's bytes, if any)``, and the
first ``prev`` is the SHA-256 of the header line without its newline. A JSON object shows where it ends, so the
border between body and meta needs no mark.
"""

from __future__ import annotations

import re
from binascii import hexlify
from hashlib import sha256
from typing import Literal

import msgspec

SCHEMA = "maestro.segment/1"
API = 1
MAX_LINE_BYTES = 4 * 1024 * 1024

# Host, process id and twelve random hexadecimal digits; the host part is cut so that a name has at most 120 characters.
NAME = re.compile(r"[A-Za-z0-9._-]{1,80}-[0-9]{1,10}-[0-9a-f]{12}")
SUFFIX = ".jsonl"
# A run id is the name of a directory; it cannot leave the ledger or hide in it.
RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Member = Literal[b"i", b"b"]


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who writes the segment: run, process label (``pytest:gw3``), plugin interface, commit at the start or ``""``."""

    schema: str
    run: str
    process: str
    api: int
    parent: str


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A chained line with its parts as received: exactly one of ``i`` and ``b``, and ``m`` only beside ``b``."""

    h: str
    prev: str
    i: msgspec.Raw = msgspec.Raw(b"")
    b: msgspec.Raw = msgspec.Raw(b"")
    m: msgspec.Raw = msgspec.Raw(b"")


def header_line(header: Header) -> bytes:
    """The header's bytes, without newline."""
    return msgspec.json.encode(header)


def first_link(header: bytes) -> bytes:
    """The head of a chain that holds a header line and nothing else; 32 bytes."""
    return sha256(header).digest()


def link(previous: bytes, member: Member, body: bytes, meta: bytes = b"") -> bytes:
    """The head of the chain after one more line; 32 bytes."""
    return sha256(previous + member + body + meta).digest()


def frame(previous: bytes, head: bytes, member: Member, body: bytes, meta: bytes = b"") -> bytes:
    """The line for a link, without newline."""
    tail = b',"m":' + meta if meta else b""
    return b'{"h":"%b","prev":"%b","%b":%b%b}' % (hexlify(head), hexlify(previous), member, body, tail)


def end_line(lines: int, head: bytes) -> bytes:
    """The end record after ``lines`` lines, without newline."""
    return b'{"end":%d,"h":"%b"}' % (lines, hexlify(head))
