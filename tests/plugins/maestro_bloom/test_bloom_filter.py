from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_bloom import bloom_filter as bf

SALT = b"salt"
keys = st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=40, unique=True)


def hashed(texts: list[bytes]) -> list[tuple[int, ...]]:
    return [bf.hashes(text, SALT) for text in texts]


@given(keys)
def test_every_inserted_key_is_found(texts: list[bytes]) -> None:
    bits = bf.size_for(len(texts))
    filled = bf.build(hashed(texts), bits)
    assert all(bf.contains(filled, bits, key) for key in hashed(texts))


@given(keys, keys, st.sampled_from([256, 320, 384, 448, 512, 640]), st.sampled_from([256, 320, 896]))
def test_union_is_commutative_idempotent_and_loses_no_key(
    left: list[bytes], right: list[bytes], left_bits: int, right_bits: int
) -> None:
    a = (bf.build(hashed(left), left_bits), left_bits)
    b = (bf.build(hashed(right), right_bits), right_bits)
    joined = bf.union(a, b)
    assert joined == bf.union(b, a)
    assert bf.union(joined, joined) == joined
    assert bf.union(joined, a) == joined
    assert all(bf.contains(*joined, key) for key in hashed(left + right))


@given(st.integers(0, 5000))
def test_a_size_is_a_quarter_octave_of_words_and_not_overfilled(count: int) -> None:
    bits = bf.size_for(count)
    assert bits % 64 == 0
    assert not bf.overfilled(bits, count)
    assert bits >= count * bf.BITS_PER_KEY
    assert bits <= max(256, count * bf.BITS_PER_KEY * 1.25 + 64)


@given(st.lists(st.integers(0, 2**70 - 1), max_size=20))
def test_transposing_twice_gives_the_rows_back(rows: list[int]) -> None:
    columns = bf.transpose(rows, 70)
    assert len(columns) == 70
    assert bf.transpose(columns, len(rows)) == rows
    assert all(columns[c] >> r & 1 == rows[r] >> c & 1 for r in range(len(rows)) for c in range(0, 70, 7))


@pytest.mark.parametrize("count", [3, 20, 31, 116, 400])
def test_the_false_positive_rate_keeps_its_promise(count: int) -> None:
    bits = bf.size_for(count)
    wrong = asked = 0
    for trial in range(max(4, 600 // count)):
        filled = bf.build(hashed([b"%d-%d" % (trial, i) for i in range(count)]), bits)
        probes = [bf.hashes(b"other-%d-%d" % (trial, i), SALT) for i in range(500)]
        wrong += sum(bf.contains(filled, bits, probe) for probe in probes)
        asked += len(probes)
    # 1e-3 is the promise; three deviations of a binomial above it is no accident.
    assert wrong <= asked * 1e-3 + 3 * (asked * 1e-3) ** 0.5
