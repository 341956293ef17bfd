from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_bloom import bloom_filter, index_file, merging
from maestro_bloom.index import Filters, Index, TestRow
from maestro_bloom.store import Store, opened
from maestro_hooks.errors import EvidenceError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

SALT = b"0123456789abcdef"


def index_of(tests: dict[str, list[bytes]], **changes: object) -> tuple[Index, Filters]:
    rows, filters = [], {}
    for nodeid, keys in tests.items():
        bits = bloom_filter.size_for(len(keys))
        filters[nodeid] = (bloom_filter.build([bloom_filter.hashes(k, SALT) for k in keys], bits), bits)
        rows.append(TestRow(nodeid, nodeid.partition("::")[0], bits, len(keys), "passed", 0, "r", 1))
    facts: dict[str, object] = {"environment": {"python": "3"}, "run": "r", "head": "", "tree": "t", "made": 1}
    return Index(salt=SALT, last_full=1, tests=tuple(rows), **{**facts, **changes}), filters  # type: ignore[arg-type]


names = st.integers(0, 30).map(lambda n: f"t.py::test_{n}")
tables = st.dictionaries(names, st.lists(st.binary(min_size=1, max_size=4), max_size=60), max_size=12)


@given(tables)
def test_what_is_written_is_read(tests: dict[str, list[bytes]]) -> None:
    index, filters = index_of(tests)
    stored = index_file.decode(index_file.encode(index, filters), where="memory")
    assert stored.filters() == filters
    assert {row.nodeid for row in stored.index.tests} == set(tests)
    for key in {key for keys in tests.values() for key in keys}:
        holders = {stored.index.tests[place].nodeid for place in stored.holders([key])}
        assert {nodeid for nodeid, keys in tests.items() if key in keys} <= holders


@given(tables, tables)
def test_merging_is_commutative_and_loses_no_key(left: dict[str, list[bytes]], right: dict[str, list[bytes]]) -> None:
    a, b = index_of(left), index_of(right)
    both, other = merging.merge([a, b]), merging.merge([b, a])
    assert both[1] == other[1]
    assert merging.merge([both, a])[1] == both[1]
    for part in (left, right):
        for nodeid, keys in part.items():
            assert all(bloom_filter.contains(*both[1][nodeid], bloom_filter.hashes(k, SALT)) for k in keys)


def test_parts_of_different_trees_do_not_merge() -> None:
    with pytest.raises(UsageError, match="tree"):
        merging.merge([index_of({"a::b": [b"k"]}), index_of({"a::b": [b"k"]}, tree="other")])


def test_no_byte_may_change_and_no_byte_may_be_missing() -> None:
    data = index_file.encode(*index_of({f"t.py::test_{n}": [b"%d" % i for i in range(n)] for n in range(9)}))
    index_file.decode(data, where="memory")
    for at in range(0, len(data), 3):
        with pytest.raises(EvidenceError):
            index_file.decode(data[:at], where="memory")
        damaged = bytearray(data)
        damaged[at] ^= 0x10
        if damaged[: data.index(b"\n")] == data[: data.index(b"\n")]:
            with pytest.raises(EvidenceError):
                index_file.decode(bytes(damaged), where="memory")


def test_another_schema_is_named() -> None:
    with pytest.raises(EvidenceError, match=r"maestro\.bloom/9"):
        index_file.decode(b'{"schema":"maestro.bloom/9"}\n', where="memory")


def test_a_damaged_index_is_reported_and_left_alone(tmp_path: Path) -> None:
    store = Store(tmp_path)
    path = store.save(*index_of({"a::b": [b"k"]}), keep=5)
    path.write_bytes(path.read_bytes()[:-1])
    stored, why = opened(store.newest())
    assert stored is None
    assert "damaged" in why
    assert path.exists()


def test_an_unaffected_test_is_kept_and_an_affected_one_dropped() -> None:
    old = index_file.decode(
        index_file.encode(*index_of({"a::kept": [b"1"], "a::stale": [b"2"], "a::gone": [b"3"], "a::again": [b"4"]})),
        where="memory",
    )
    fresh = index_of({"a::again": [b"5"]}, made=2)
    index, filters = merging.update(old, fresh, unaffected={"a::kept", "a::gone", "a::again"}, gone={"a::gone"})
    assert set(filters) == {row.nodeid for row in index.tests} == {"a::kept", "a::again"}
    assert bloom_filter.contains(*filters["a::again"], bloom_filter.hashes(b"4", SALT))
    assert bloom_filter.contains(*filters["a::again"], bloom_filter.hashes(b"5", SALT))
