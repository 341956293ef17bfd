from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_zk import bases, field, msm, pedersen, roots
from maestro_zk.edwards import IDENTITY, add, cached, double, negate, subtract
from maestro_zk.ristretto import IDENTITY_BYTES, decode, encode, equal, from_uniform, is_identity
from tests.plugins.maestro_zk import vectors

if TYPE_CHECKING:
    from collections.abc import Callable

SCALARS = st.integers(min_value=0, max_value=int(field.L) - 1)
EDGES = [0, 1, 2, 15, 16, 2**252, int(field.L) - 1, int(field.L) // 2]


def times(scalar: int) -> bytes:
    return encode(msm.total([scalar], [bases.base()]))


def test_the_constants_are_what_they_are_named() -> None:
    p, d = field.P, field.D
    assert d * 121666 % p == -121665 % p
    assert field.SQRT_M1**2 % p == p - 1
    assert field.SQRT_AD_MINUS_ONE**2 % p == (-d - 1) % p
    assert field.INVSQRT_A_MINUS_D**2 * (-1 - d) % p == 1


@pytest.mark.parametrize(("count", "text"), list(enumerate(vectors.MULTIPLES)))
def test_multiples_of_the_generator(count: int, text: str) -> None:
    point = IDENTITY
    for _ in range(count):
        point = add(point, cached(bases.base()))
    assert encode(point).hex() == text
    decoded = decode(bytes.fromhex(text))
    assert decoded is not None
    assert equal(decoded, point)
    assert is_identity(decoded) == (count == 0)
    assert times(count).hex() == text


@pytest.mark.parametrize("text", vectors.BAD_ENCODINGS)
def test_bad_encodings_are_refused(text: str) -> None:
    assert decode(bytes.fromhex(text)) is None


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33)])
def test_other_lengths_are_refused(data: bytes) -> None:
    assert decode(data) is None
    with pytest.raises(ValueError, match="64"):
        from_uniform(data)


@pytest.mark.parametrize(("data", "text"), list(vectors.ONE_WAY.items()))
def test_the_one_way_map(data: str, text: str) -> None:
    assert encode(from_uniform(bytes.fromhex(data))).hex() == text


@settings(derandomize=True, max_examples=25, deadline=None)
@given(SCALARS, SCALARS)
def test_the_group_is_a_group(a: int, b: int) -> None:
    base = bases.base()
    left, right = msm.total([a], [base]), msm.total([b], [base])
    assert encode(add(left, cached(right))) == times(a + b)
    assert encode(subtract(left, cached(right))) == times(a - b)
    assert encode(add(left, cached(negate(left)))) == IDENTITY_BYTES
    assert encode(double(left, 3)) == times(8 * a)
    decoded = decode(encode(left))
    assert decoded is not None
    assert equal(decoded, left)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_what_decodes_encodes_to_itself(data: bytes) -> None:
    point = decode(data)
    assert point is None or encode(point) == data


@pytest.mark.parametrize("count", [1, 3, 11, 12, 20, 70])
def test_every_way_to_sum_gives_one_result(count: int) -> None:
    seeds = [hashlib.sha512(b"%d" % i).digest() for i in range(count)]
    points = [from_uniform(seed) for seed in seeds]
    scalars = [EDGES[i % 11] if i % 11 < len(EDGES) else int.from_bytes(seeds[i], "little") for i in range(count)]
    expected = IDENTITY
    for scalar, point in zip(scalars, points, strict=True):
        for bit in range(253):
            if scalar % int(field.L) >> bit & 1:
                expected = add(expected, cached(double(point, bit) if bit else point))
    tables = [msm.table(point, window=6) for point in points]
    assert equal(msm.total(scalars, points), expected)
    assert equal(msm.bucketed(scalars, points), expected)
    assert equal(msm.interleaved(scalars, tables, window=6), expected)


def test_sums_of_nothing_and_of_zeros_are_the_identity() -> None:
    points = [bases.base()] * 20
    assert is_identity(msm.total([], []))
    assert is_identity(msm.total([0] * 20, points))
    assert is_identity(msm.bucketed([1, field.L - 1], points[:2]))


def test_bases_are_distinct_and_a_party_extends_a_list() -> None:
    g, h = bases.vectors(16, 2)
    assert len({encode(p) for p in (*g, *h, bases.base(), bases.blinding_base())}) == 66
    assert bases.vectors(8, 1)[0] == g[:8]
    assert encode(g[0]) != encode(g[16])
    assert encode(bases.blinding_base()).hex().startswith("8c9240b4")


@settings(derandomize=True, max_examples=15, deadline=None)
@given(st.integers(min_value=-(2**64), max_value=2**64), SCALARS.filter(bool))
def test_a_commitment_is_the_sum_it_says(value: int, blinding: int) -> None:
    expected = msm.total([value, blinding], [bases.base(), bases.blinding_base()])
    assert pedersen.commit(value, blinding) == encode(expected)


def test_libsodium_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rbcl", reason="rbcl (libsodium) is not installed")
    import sys

    assert pedersen.constant_time()
    openings = [(0, 5), (1, 1), (-3, 2**200), (2**63, int(field.L) - 1)]
    fast = [pedersen.commit(value, blinding) for value, blinding in openings]
    monkeypatch.setitem(sys.modules, "rbcl", None)
    assert not pedersen.constant_time()
    assert [pedersen.commit(value, blinding) for value, blinding in openings] == fast


def test_blindings_differ_and_hang_on_value_and_randomness() -> None:
    made = {pedersen.fresh_blinding(7, entropy=secrets.token_bytes) for _ in range(20)}
    assert len(made) == 20
    broken = [pedersen.fresh_blinding(value, entropy=bytes) for value in (1, 2)]
    assert broken[0] != broken[1]


def test_the_hints_are_the_roots_that_the_search_finds() -> None:
    assert roots.PLACE.read_bytes() == roots.search()


@pytest.mark.parametrize(
    "damage", [lambda d: b"", lambda d: d[:-1], lambda d: bytes(len(d)), lambda d: d[32:] + d[:32]]
)
def test_wrong_hints_change_no_base(damage: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    expected = [encode(from_uniform(data)) for data in roots.chain(b"H", 3, 8)]
    whole = roots.PLACE.read_bytes()
    for kept in (whole, damage(whole)):
        monkeypatch.setattr(roots, "_kept", lambda kept=kept: kept)
        made = bases.vectors.__wrapped__(8, 4)[1]
        assert [encode(p) for p in made[24:]] == expected


@pytest.mark.parametrize("forge", [lambda r: field.P - r, lambda r: r + field.P, lambda r: r + 2, lambda r: 0])
def test_a_forged_hint_is_not_believed(forge: Callable[[int], int]) -> None:
    for u in range(1, 8):
        honest = field.sqrt_ratio(field.number(u), field.number(3))
        assert field.sqrt_ratio(field.number(u), field.number(3), hint=honest[1]) == honest
        assert field.sqrt_ratio(field.number(u), field.number(3), hint=field.number(forge(honest[1]))) == honest
