from __future__ import annotations

import json
import string

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError
from maestro_hooks.evidence import canonical

LIMIT = 2**53 - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-LIMIT, LIMIT) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@settings(derandomize=True, max_examples=250)
@given(VALUES)
def test_encodes_as_an_independent_implementation_does(value: object) -> None:
    assert canonical.encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]  # generated JSON


@settings(derandomize=True, max_examples=250)
@given(VALUES)
def test_decoding_inverts_encoding_and_ignores_the_spelling(value: object) -> None:
    data = canonical.encode(value)
    assert canonical.decode(data, canonical=True) == value
    loose = json.dumps(value, indent=1).encode()
    assert canonical.decode(loose, canonical=False) == value
    assert canonical.decode(canonical.encode(canonical.decode(loose, canonical=False)), canonical=True) == value


@settings(derandomize=True, max_examples=300)
@given(TEXTS)
def test_quotes_like_the_encoder(text: str) -> None:
    assert canonical.quote(text).encode() == canonical.encode(text)


def test_sorts_keys_by_utf16_as_the_rfc_example_does() -> None:
    # RFC 8785 section 3.2.3
    keys = {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7}
    expected = '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'
    assert canonical.encode(keys) == expected.encode()


def test_escapes_as_the_rfc_example_does() -> None:
    # RFC 8785 section 3.2.2: the member "string" and the literals
    value = {"string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/", "literals": [None, True, False]}
    expected = '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert canonical.encode(value) == expected.encode()


@pytest.mark.parametrize("value", [1.0, float("nan"), 2**53, -(2**53), {1: 2}, "\ud800", {"\udfff": 1}, {1}, b"x"])
def test_refuses_to_encode(value: object) -> None:
    with pytest.raises(EvidenceError):
        canonical.encode(value)


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


BAD = {
    "duplicate key": b'{"a":1,"a":1}',
    "duplicate key after unescaping": b'{"a":1,"\\u0061":2}',
    "inner duplicate": b'{"a":{"b":1,"b":2}}',
    "NaN": b"NaN",
    "minus infinity": b"[-Infinity]",
    "float": b"[1.5]",
    "whole float": b"[1.0]",
    "1e400": b"[1e400]",
    "1e2": b"[1e2]",
    "2**53": b"[9007199254740992]",
    "huge number": b"[" + b"9" * 100_000 + b"]",
    "minus zero": b"[-0]",
    "trailing data": b"{} {}",
    "BOM": b"\xef\xbb\xbf{}",
    "no UTF-8": b'"\xff"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "UTF-8 surrogate": b'"\xed\xa0\x80"',
    "lone surrogate": b'"\\ud800"',
    "lone low surrogate in a key": b'{"\\udc00":1}',
    "raw control character": b'"\x01"',
    "single quotes": b"{'a':1}",
    "trailing comma": b"[1,]",
    "comment": b"[1] // one",
    "empty": b"",
    "33 levels": nested(33),
    "100,000 levels": nested(100_000),
    "deep objects": b'{"a":' * 40 + b"1" + b"}" * 40,
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("strict", [True, False])
def test_refuses_to_decode(name: str, *, strict: bool) -> None:
    with pytest.raises(EvidenceError):
        canonical.decode(BAD[name], canonical=strict)


LOOSE = {
    "space": b'{"a": 1}',
    "leading space": b' {"a":1}',
    "final newline": b'{"a":1}\n',
    "key order": b'{"b":1,"a":1}',
    "needless escape": b'"\\u0041"',
    "escaped slash": b'"\\/"',
    "long escape": b'"\\u000a"',
    "upper-case escape": b'"\\u001F"',
    "code point order": '{"\ufb33":1,"\U0001f600":2}'.encode(),
}


@pytest.mark.parametrize("name", LOOSE)
def test_only_canonical_bytes_decode_canonically(name: str) -> None:
    canonical.decode(LOOSE[name], canonical=False)
    with pytest.raises(EvidenceError, match="canonical form"):
        canonical.decode(LOOSE[name], canonical=True)


def test_says_why_and_where() -> None:
    with pytest.raises(EvidenceError, match=r"leaf 7: no strict JSON: duplicate key 'x'"):
        canonical.decode(b'{"x":1,"x":1}', canonical=True, where="leaf 7")


def test_allows_32_levels_and_the_size_given() -> None:
    canonical.decode(nested(32), canonical=True)
    assert canonical.encode(json.loads(nested(32))) == nested(32)
    with pytest.raises(EvidenceError, match="nested"):
        canonical.encode(json.loads(nested(33)))
    canonical.decode(b'"12345678"', canonical=True, max_bytes=10)
    with pytest.raises(EvidenceError, match="limit"):
        canonical.decode(b'"123456789"', canonical=True, max_bytes=10)


@settings(derandomize=True, max_examples=300)
@given(st.binary() | TEXTS.map(str.encode) | VALUES.map(json.dumps).map(str.encode))
def test_any_bytes_decode_or_are_refused(data: bytes) -> None:
    for strict in (True, False):
        try:
            value = canonical.decode(data, canonical=strict)
        except EvidenceError:
            continue
        again = canonical.encode(value)
        assert again == data or not strict


@settings(derandomize=True)
@given(st.binary(max_size=60))
def test_base64_round_trips_in_both_alphabets(data: bytes) -> None:
    text = canonical.base64_encode(data)
    assert canonical.base64_decode(text, where="x", size=len(data)) == data
    assert canonical.base64_decode(text.replace("+", "-").replace("/", "_"), where="x") == data


@pytest.mark.parametrize("text", ["AA", "AA=", "AB==", "AAB=", "A A=", "AA==\n", "AA==AA==", "====", "A", "é", 5, None])
def test_refuses_sloppy_base64(text: object) -> None:
    with pytest.raises(EvidenceError):
        canonical.base64_decode(text, where="x")


def test_base64_takes_each_spare_bit_pattern_once() -> None:
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    accepted = 0
    for last in alphabet:
        try:
            canonical.base64_decode(f"A{last}==", where="x")
        except EvidenceError:
            continue
        accepted += 1
    assert accepted == 4


@settings(derandomize=True)
@given(st.binary(min_size=16, max_size=16))
def test_salts_round_trip(salt: bytes) -> None:
    text = canonical.salt_encode(salt)
    assert len(text) == 22
    assert canonical.salt_decode(text, where="x") == salt


@pytest.mark.parametrize("text", ["A" * 21, "A" * 23, "A" * 21 + "B", "A" * 20 + "==", "+" * 22, 7])
def test_refuses_sloppy_salts(text: object) -> None:
    with pytest.raises(EvidenceError):
        canonical.salt_decode(text, where="x")
