"""Typed access to parsed JSON: each function takes a value that may be anything and returns what it must be.

Invariant: nothing is coerced. A wrong type, an unknown or a missing member is an ``EvidenceError`` that says where.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_DIGITS = 256
_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")


def members(
    value: object, *, required: Collection[str], optional: Collection[str] = (), where: str
) -> Mapping[str, object]:
    """The object ``value``, with exactly the required members and none but the optional ones besides."""
    if not isinstance(value, dict):
        raise EvidenceError("expected a JSON object", where=where)
    for name in required:
        if name not in value:
            raise EvidenceError(f"member {name!r} is missing", where=where)
    if len(value) > len(required):
        for name in value:
            if name not in required and name not in optional:
                raise EvidenceError(f"unknown member {name!r:.80}", where=where)
    return value


def text(value: object, *, where: str) -> str:
    """A text."""
    if not isinstance(value, str):
        raise EvidenceError("expected a text", where=where)
    return value


def array(value: object, *, where: str) -> list[object]:
    """An array."""
    if not isinstance(value, list):
        raise EvidenceError("expected an array", where=where)
    return value


def one_of(value: object, choices: Collection[str], *, where: str) -> str:
    """One of the texts ``choices``."""
    if not isinstance(value, str) or value not in choices:
        raise EvidenceError(f"{value!r:.80} is none of {', '.join(sorted(choices))}", where=where)
    return value


def integer(value: object, *, low: int, high: int, where: str) -> int:
    """A JSON integer in ``[low, high]``; ``true`` is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise EvidenceError(f"expected an integer from {low} to {high}", where=where)
    return value


def decimal(value: object, *, where: str) -> int:
    """An integer written as a decimal string: ``0`` or ``-?[1-9][0-9]*``, at most 256 characters."""
    if isinstance(value, str) and len(value) <= MAX_DIGITS:
        try:
            number = int(value)
        except ValueError:
            pass
        else:
            if str(number) == value:
                return number
    raise EvidenceError(f"{value!r:.80} is no integer in decimal text of at most {MAX_DIGITS} digits", where=where)


def natural(value: object, *, where: str) -> int:
    """A non-negative integer written as a decimal string."""
    number = decimal(value, where=where)
    if number < 0:
        raise EvidenceError(f"{value!r:.80} is negative", where=where)
    return number


def sha256_hex(value: object, *, where: str) -> str:
    """64 lowercase hexadecimal digits."""
    if not isinstance(value, str) or not _HEX_SHA256.fullmatch(value):
        raise EvidenceError("expected 64 lowercase hexadecimal digits", where=where)
    return value


def digest(value: object, *, where: str) -> str:
    """The member ``sha256`` of ``{"sha256": "<hex>"}``."""
    return sha256_hex(members(value, required=("sha256",), where=where)["sha256"], where=where)


def time(value: object, *, where: str) -> datetime:
    """A moment as ``YYYY-MM-DDTHH:MM:SSZ`` (RFC 3339, UTC)."""
    if isinstance(value, str) and _TIME.fullmatch(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise EvidenceError(f"{value!r:.80} is no time of the form YYYY-MM-DDTHH:MM:SSZ", where=where)


def time_text(moment: datetime) -> str:
    """The inverse of ``time``; ``moment`` must know its offset, fractions of a second are dropped."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
