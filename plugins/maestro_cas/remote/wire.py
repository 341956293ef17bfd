"""Protocol Buffers wire format (https://protobuf.dev/programming-guides/encoding), as far as the REAPI needs it.

Invariant: ``decode`` reads only what lies inside its bytes and at most ``MAX_FIELDS`` fields; what it does not know it
skips, as the format demands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_FIELDS = 1_000_000
_ONE_BYTE = [bytes((number,)) for number in range(0x80)]

Fields = dict[int, list[int | bytes]]


def varint(number: int) -> bytes:
    """A non-negative integer below 2**64."""
    if number < 0x80:
        return _ONE_BYTE[number]
    result = bytearray()
    while number > 0x7F:
        result.append(number & 0x7F | 0x80)
        number >>= 7
    result.append(number)
    return bytes(result)


def text(field: int, value: str | bytes) -> bytes:
    """A length-delimited field; nothing if it is empty, as proto3 has it."""
    data = value.encode() if isinstance(value, str) else value
    return b"" if not data else message(field, data)


def message(field: int, data: bytes) -> bytes:
    """An embedded message, written even if it is empty."""
    return varint(field << 3 | 2) + varint(len(data)) + data


def number(field: int, value: int) -> bytes:
    """An integer field; nothing if it is 0."""
    return varint(field << 3) + varint(value) if value else b""


def decode(data: bytes) -> Fields:
    """Fields by number, in order: integers, or bytes for what is length-delimited. Raises ``EvidenceError``."""
    fields: Fields = {}
    at = count = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind, value = tag & 7, 0
        count += 1
        if count > MAX_FIELDS or not tag >> 3:
            raise EvidenceError("too many fields, or field 0", where="message")
        if kind == 0:
            value, at = _varint(data, at)
            fields.setdefault(tag >> 3, []).append(value)
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, at = _varint(data, at)
        if size is None or at + size > len(data):
            raise EvidenceError("a field goes beyond its message, or has an unknown type", where="message")
        if kind == 2:
            fields.setdefault(tag >> 3, []).append(data[at : at + size])
        at += size
    return fields


def last_int(fields: Mapping[int, list[int | bytes]], field: int) -> int:
    """The last value of an integer field, 0 if absent."""
    value = fields.get(field, [0])[-1]
    if not isinstance(value, int):
        raise EvidenceError(f"field {field} is no integer", where="message")
    return value


def last_bytes(fields: Mapping[int, list[int | bytes]], field: int) -> bytes:
    """The last value of a length-delimited field, empty if absent."""
    value = fields.get(field, [b""])[-1]
    if not isinstance(value, bytes):
        raise EvidenceError(f"field {field} is not length-delimited", where="message")
    return value


def all_bytes(fields: Mapping[int, list[int | bytes]], field: int) -> list[bytes]:
    """All values of a repeated length-delimited field."""
    values = fields.get(field, [])
    if not all(isinstance(v, bytes) for v in values):
        raise EvidenceError(f"field {field} is not length-delimited", where="message")
    return [v for v in values if isinstance(v, bytes)]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    result = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & (1 << 64) - 1, at
    raise EvidenceError("a number has no end", where="message")
