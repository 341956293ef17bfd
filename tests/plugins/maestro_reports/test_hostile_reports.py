"""Whatever bytes a report holds, its reader answers with obligations or names what is wrong. Never a crash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_reports import importing
from maestro_reports.importing import READERS
from maestro_reports.reading import MAX_BYTES, Report, UnreadableError
from maestro_reports.settings import ReportsSettings

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.obligation import Obligation

FORMATS = sorted(READERS)
JSON_FORMATS = [name for name in FORMATS if name != "junit"]
QUICK = settings(max_examples=150, deadline=None, derandomize=True)


def read(table: str, data: bytes) -> tuple[Obligation, ...] | None:
    try:
        return READERS[table](Report("r", data), ReportsSettings())
    except UnreadableError:
        return None


def only(table: str, pattern: str) -> ReportsSettings:
    return msgspec.convert({table: [pattern]}, ReportsSettings)


@pytest.mark.parametrize("table", FORMATS)
def test_a_valid_report_is_read(table: str, samples: dict[str, bytes]) -> None:
    assert read(table, samples[table])


@pytest.mark.parametrize("table", FORMATS)
def test_a_report_cut_anywhere_is_refused(table: str, samples: dict[str, bytes]) -> None:
    data = samples[table].rstrip()
    cuts = range(0, len(data), max(1, len(data) // 300))
    assert all(read(table, data[:cut]) is None for cut in cuts)


@pytest.mark.parametrize("table", FORMATS)
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"\xff\xfe\xfa",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b'{"a":' * 80 + b"1" + b"}" * 80,
        b'{"version": "2.1.0", "runs": []}',
        b"<a>" * 100_000,
        b"<testsuite>" * 100 + b"</testsuite>" * 100,
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"<html/>",
        "ünïcode".encode("latin-1"),
        b"\xef\xbb\xbf{}",
        b" " * (MAX_BYTES + 1),
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_report_is_refused(table: str, data: bytes) -> None:
    assert read(table, data) is None


@pytest.mark.parametrize("table", JSON_FORMATS)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400", "1e-400", "1e999999999999", "9" * 5000])
def test_numbers_no_tool_can_mean_are_refused(table: str, number: str, samples: dict[str, bytes]) -> None:
    head = samples[table].lstrip()
    assert head.startswith(b"{")
    assert read(table, b'{"extra": ' + number.encode() + b"," + head[1:]) is None


@pytest.mark.parametrize("table", JSON_FORMATS)
def test_duplicate_members_and_lone_surrogates_are_refused(table: str, samples: dict[str, bytes]) -> None:
    head = samples[table].lstrip()
    assert read(table, b'{"twice": 1, "twice": 1,' + head[1:]) is None
    assert read(table, b'{"extra": "\\ud800",' + head[1:]) is None
    assert read(table, b'{"\\udfff": 1,' + head[1:]) is None
    assert read(table, b'{"extra": "\\ud83d\\ude00",' + head[1:])


def _paths(node: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below: list[tuple[str | int, object]] = []
    if isinstance(node, dict):
        below = list(node.items())
    elif isinstance(node, list):
        below = list(enumerate(node))
    return [path, *(found for name, child in below for found in _paths(child, (*path, name)))]


@pytest.mark.parametrize("table", JSON_FORMATS)
@QUICK
@given(data=st.data())
def test_any_member_of_any_other_type_never_crashes(table: str, samples: dict[str, bytes], data: st.DataObject) -> None:
    document = json.loads(samples[table])
    paths = [path for path in _paths(document) if path]
    *way, last = data.draw(st.sampled_from(paths))
    odd: st.SearchStrategy[object] = st.sampled_from([None, True, -1, 0, 10**30, 1.5, "", "x", [], {}, [[]], {"a": 1}])
    node = document
    for step in way:
        node = node[step]
    node[last] = data.draw(odd)
    read(table, json.dumps(document).encode())


@pytest.mark.parametrize("table", FORMATS)
@QUICK
@given(data=st.data())
def test_damaged_bytes_never_crash(table: str, samples: dict[str, bytes], data: st.DataObject) -> None:
    damaged = bytearray(samples[table])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    read(table, bytes(damaged))


@pytest.mark.parametrize("table", FORMATS)
@QUICK
@given(data=st.binary(max_size=200))
def test_random_bytes_are_refused(table: str, data: bytes) -> None:
    assert read(table, data) is None


@pytest.mark.parametrize("table", FORMATS)
def test_a_missing_report_is_not_met(table: str, tmp_path: Path) -> None:
    found = list(importing.obligations(tmp_path, only(table, "out/*")))
    assert [(o.key, o.value, o.min) for o in found] == [(f"{table}/reports/out/*", 0, 1)]
    assert "no file matches 'out/*'" in found[0].findings[0].message


@pytest.mark.parametrize("table", FORMATS)
def test_an_unreadable_report_is_not_met_and_named(table: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"{")
    (tmp_path / "dir").mkdir()
    found = {o.key: o for o in importing.obligations(tmp_path, only(table, "*"))}
    bad = found[f"{table}/unreadable/bad"]
    assert (bad.value, bad.max, bad.findings[0].at.path) == (1, 0, "bad")
    assert found[f"{table}/reports/*"].value == 1


def test_two_reports_of_one_claim_are_refused(tmp_path: Path, samples: dict[str, bytes]) -> None:
    for name in ("a.json", "b.json"):
        (tmp_path / name).write_bytes(samples["benchmark"])
    found = {o.key: o for o in importing.obligations(tmp_path, ReportsSettings(benchmark=("*.json",)))}
    assert "already claimed by a.json" in found["benchmark/unreadable/b.json"].findings[0].message
