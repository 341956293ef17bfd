"""Canonical JSON (RFC 8785, integers only) and the strict reader that every evidence file goes through.

Theorem: ``decode(encode(v), canonical=True) == v``, and two different byte strings never decode canonically
to equal values. Floats do not exist here, so no number has two spellings.
"""

from __future__ import annotations

import binascii
import json
from typing import TYPE_CHECKING, NoReturn

from maestro_hooks.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_BYTES = 32 * 1024 * 1024
MAX_DEPTH = 32
MAX_SAFE_INTEGER = 2**53 - 1  # RFC 7493 section 2.2: what every JSON reader holds exactly

_CONTAINERS = frozenset({dict, list})
# JSON's own escapes are those of RFC 8785 section 3.2.2.2 once non-ASCII text is left alone.
_SORTED = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":"))
_AS_GIVEN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

quote: Callable[[str], str] = _AS_GIVEN.encode
"""A text as a JSON string literal, exactly as ``encode`` writes it (before UTF-8)."""


def encode(value: object) -> bytes:
    """The RFC 8785 bytes of ``value`` (dict, list, tuple, str, int, bool, None).

    Raises:
        EvidenceError: for a float, an integer of 2**53 or more, a key that is no text, a lone surrogate,
            another type, or nesting deeper than 32.
    """
    try:
        return _AS_GIVEN.encode(_ordered(value, 0)).encode("utf-8")
    except UnicodeEncodeError as error:
        raise EvidenceError("a text holds a lone surrogate", where="canonical JSON") from error


def decode(
    data: bytes, *, canonical: bool, where: str = "JSON", max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> object:
    """Parse strict JSON: UTF-8 without BOM, unique keys, integers below 2**53, bounded size and depth.

    Args:
        data: the received bytes.
        canonical: whether re-encoding must give back exactly ``data``.
        where: names the input in errors.
        max_bytes: limit on ``len(data)``.
        max_depth: limit on nested arrays and objects.

    Raises:
        EvidenceError: for anything else.
    """
    if len(data) > max_bytes:
        raise EvidenceError(f"{len(data)} bytes are more than the limit of {max_bytes}", where=where)
    if canonical and (value := _decode_canonical(data, max_depth)) is not None:
        return value
    try:
        value = _READER.decode(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise EvidenceError(f"no valid UTF-8 at byte {error.start}", where=where) from error
    except RecursionError as error:
        raise EvidenceError(f"nested deeper than {max_depth}", where=where) from error
    except ValueError as error:  # JSONDecodeError and the refusals below
        raise EvidenceError(f"no strict JSON: {error}", where=where) from error
    _check_depth(value, max_depth, where)
    if b"\\u" in data:
        _check_surrogates(value, where)
    if canonical and encode(value) != data:
        raise EvidenceError("not in canonical form (RFC 8785): whitespace, key order or escapes", where=where)
    return value


def _decode_canonical(data: bytes, max_depth: int) -> object:
    """The value of well-formed ASCII input, or ``None``: the general way then decides and finds the words.

    Re-encoding shows everything else (duplicate keys, whitespace, escapes), and on ASCII the code point order of
    the encoder is the UTF-16 order of RFC 8785 section 3.2.3. As many brackets as levels allowed cannot be too deep.
    """
    if not data.isascii() or b"\\u" in data or data.count(b"{") + data.count(b"[") > max_depth:
        return None
    try:
        value, _ = _NUMBERS_CHECKED.raw_decode(data.decode("ascii"))
    except ValueError:
        return None
    return value if _SORTED.encode(value).encode("ascii") == data else None


def decode_object(data: bytes, *, canonical: bool, where: str, max_bytes: int = MAX_BYTES) -> dict[str, object]:
    """Like ``decode``, for inputs that must be one JSON object."""
    value = decode(data, canonical=canonical, where=where, max_bytes=max_bytes)
    if not isinstance(value, dict):
        raise EvidenceError("expected a JSON object", where=where)
    return value


def base64_encode(data: bytes) -> str:
    """Padded standard base64 (RFC 4648 section 4)."""
    return binascii.b2a_base64(data, newline=False).decode()


def base64_decode(text: object, *, where: str, size: int | None = None) -> bytes:
    """Decode padded base64, standard or URL-safe alphabet, spare bits zero; ``size`` demands a byte count."""
    if isinstance(text, str) and text.isascii():
        standard = text.replace("-", "+").replace("_", "/") if "-" in text or "_" in text else text
        try:
            data = binascii.a2b_base64(standard, strict_mode=True)
        except binascii.Error:
            pass
        else:
            if binascii.b2a_base64(data, newline=False) == standard.encode():
                if size not in (None, len(data)):
                    raise EvidenceError(f"expected {size} bytes, got {len(data)}", where=where)
                return data
    raise EvidenceError("expected canonical padded base64", where=where)


def salt_decode(text: object, *, where: str) -> bytes:
    """Decode a leaf salt: exactly 16 bytes as 22 characters of unpadded base64url, spare bits zero."""
    if isinstance(text, str) and len(text) == 22 and "+" not in text and "/" not in text:
        return base64_decode(text + "==", where=where, size=16)
    raise EvidenceError("a salt is 22 characters of unpadded base64url", where=where)


def salt_encode(salt: bytes) -> str:
    """16 bytes as 22 characters of unpadded base64url."""
    return base64_encode(salt)[:22].replace("+", "-").replace("/", "_")


def _ordered(value: object, depth: int) -> object:
    if isinstance(value, str) or value is None or value is True or value is False:
        return value
    if isinstance(value, int):
        if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            raise EvidenceError(f"integer {value:.3e} is outside +-(2**53 - 1): use a decimal string")
        return int(value)  # an enum member writes as its number
    if depth >= MAX_DEPTH:
        raise EvidenceError(f"nested deeper than {MAX_DEPTH}", where="canonical JSON")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise EvidenceError("a key is no text", where="canonical JSON")
        return {key: _ordered(value[key], depth + 1) for key in sorted(value, key=_utf16)}
    if isinstance(value, list | tuple):
        return [_ordered(item, depth + 1) for item in value]
    raise EvidenceError(f"{type(value).__name__} cannot be signed: exact types only", where="canonical JSON")


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _check_depth(value: object, limit: int, where: str) -> None:
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(limit):
        if not level:
            return
        inner: list[object] = []
        for item in level:
            children = list(item.values()) if isinstance(item, dict) else item
            # Long arrays of texts are the common case: one pass in C.
            if isinstance(children, list) and not _CONTAINERS.isdisjoint(map(type, children)):
                inner += [child for child in children if type(child) in _CONTAINERS]
        level = inner
    if not level:
        return
    raise EvidenceError(f"nested deeper than {limit}", where=where)


def _check_surrogates(value: object, where: str) -> None:
    try:
        _AS_GIVEN.encode(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise EvidenceError("a text holds a lone surrogate", where=where) from error


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"duplicate key {next(k for k in keys if keys.count(k) > 1)!r:.80}")
    return result


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 17 else MAX_SAFE_INTEGER + 1
    if not -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER or text == "-0":
        raise ValueError(f"number {text:.24} is no integer within +-(2**53 - 1)")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"number {text:.24} is no integer")


_NUMBERS_CHECKED = json.JSONDecoder(parse_int=_integer, parse_float=_refuse, parse_constant=_refuse)
_READER = json.JSONDecoder(
    object_pairs_hook=_unique, parse_int=_integer, parse_float=_refuse, parse_constant=_refuse, strict=True
)
