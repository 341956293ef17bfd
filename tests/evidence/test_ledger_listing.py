from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.evidence.export import export
from maestro_hooks.evidence.ledger import merge, read_run
from maestro_hooks.evidence.listing import MAX_CELL, claim, plain, rows_of, table
from maestro_hooks.evidence.obligation import Obligation
from maestro_hooks.evidence.record import record_of
from tests.evidence.ledger_samples import FILES, PRODUCER, TREE, failure, inputs_of, record, sha, write

if TYPE_CHECKING:
    from pathlib import Path

A, B = inputs_of("a"), inputs_of("b")
STALE = inputs_of("a", a="9")


def test_every_distinct_claim_is_listed_once_with_its_state(tmp_path: Path) -> None:
    claims = [
        (record("p/a", 1, A), A),
        (record("p/a", 7, STALE), STALE),
        (record("p/b", 1, B), B),
        (record("p/b", 2, B), B),
        (failure("p/b", B), B),
        (record("q/c", 1, A), A),
    ]
    write(tmp_path / "r1", claims)
    write(tmp_path / "r1", claims[:1])
    ledger = read_run(tmp_path / "r1")
    rows = rows_of(ledger, tree=TREE, files=FILES)
    assert sorted((r.record.key, r.record.verdict.value, r.state) for r in rows) == [
        ("p/a", "met", "holds"),
        ("p/a", "unmet", "stale"),
        ("p/b", "error", "holds"),
        ("p/b", "met", "conflict"),
        ("p/b", "met", "conflict"),
        ("q/c", "met", "holds"),
    ]
    assert {r.record.key for r in rows_of(ledger, tree=TREE, files=FILES, key="q/*")} == {"q/c"}


def test_the_table_is_aligned(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/long/key.py", 1, A), A), (record("p/a", 9, A), A)])
    assert table(rows_of(read_run(tmp_path / "r1"), tree=TREE, files=FILES)) == [
        "verdict  key            value   plugin  state",
        "unmet    p/a            9 <= 5  p       holds",
        "met      p/long/key.py  1 <= 5  p       holds",
    ]


@pytest.mark.parametrize(
    ("obligation", "words"),
    [
        (Obligation(key="p/m", value=3), "3"),
        (Obligation(key="p/m", value=True, min=True), "1 >= 1"),
        (Obligation(key="p/m", value=Fraction(93, 100), min=Fraction(7, 10), scale=10000), "0.9300 >= 0.7000"),
        (Obligation(key="p/m", value=Fraction(-1, 100), max=0, scale=100), "-0.01 <= 0.00"),
        (Obligation(key="p/m", value=2, min=1, max=3), "1 <= 2 <= 3"),
        (Obligation(key="p/m", value=Fraction(1, 3), scale=3), "1/3"),
        (Obligation(key="p/m", value="clean"), "clean"),
        (Obligation(key="p/m", value="\x1b[2Jx\n"), "\\x1b[2Jx\\n"),
        (Obligation(key="p/m", value=7, private=True), "(private)"),
    ],
)
def test_a_claim_in_words(obligation: Obligation, words: str) -> None:
    assert claim(record_of(obligation, producer=PRODUCER, inputs="")) == words


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.integers(-(10**40), 10**40), st.integers(0, 12))
def test_numbers_are_shown_exactly(q: int, places: int) -> None:
    value = Fraction(q, 10**places)
    shown = claim(record_of(Obligation(key="p/m", value=value, scale=10**places), producer=PRODUCER, inputs=""))
    assert Fraction(shown) == value


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.text(max_size=200))
def test_no_text_can_move_the_cursor(text: str) -> None:
    assert plain(text).isprintable()
    assert len(plain(text)) <= MAX_CELL


def test_an_export_is_the_same_bytes_for_the_same_claims(tmp_path: Path) -> None:
    claims = [(record("p/b", 1, B), B), (record("p/a", 1, A), A)]
    write(tmp_path / "r1", claims)
    write(tmp_path / "r2", claims[::-1] * 2)
    one, two = (
        export(merge(read_run(tmp_path / run), tree=TREE, files=FILES), run="r", tree=TREE) for run in ("r1", "r2")
    )
    assert one == two
    lines = one.decode().splitlines()
    assert lines[0] == f'{{"schema":"maestro.ledger/1","run":"r","tree":"{TREE}","inputs":2,"records":2}}'
    assert [line[:5] for line in lines[1:]] == ['{"i":', '{"i":', '{"b":', '{"b":']
    assert ['"p/a"' in lines[3], '"p/b"' in lines[4]] == [True, True]
    assert sha(A) in lines[3]
