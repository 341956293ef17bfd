"""Threshold statements: the soundness battery around one proof, and its teeth."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from maestro_zk import statement
from maestro_zk.field import L
from maestro_zk.pedersen import commit
from maestro_zk.prover import Opening
from maestro_zk.ristretto import IDENTITY_BYTES
from maestro_zk.statement import Context, NotProvableError, Row, check, prove_rows
from maestro_zk.transcript import Transcript
from tests.plugins.maestro_zk import vectors
from tests.plugins.maestro_zk.proving import (
    CONTEXT,
    COVERAGE,
    LATENCY,
    OPENINGS,
    changed,
    entropy,
    forget,
    honest,
    rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

BENCH, COVER = 0, 1
GOLDEN = "3f26dfad93465661e93422b6a7dedcd7f92bbd79253ba9612f9eb86b1775e6fb"


@pytest.fixture(scope="module")
def proof() -> bytes:
    return honest()


def accepted(proof: bytes, claims: Sequence[Row], context: Context = CONTEXT, bits: int = 32) -> bool:
    """Whether the verifier accepts; rows that no proof can hold are refused too."""
    try:
        return check(context, claims, bits=bits, proof=proof) is None
    except ValueError:
        return False


def test_the_honest_proof_is_accepted(proof: bytes) -> None:
    assert accepted(proof, rows())
    assert len(proof) == 32 * (9 + 2 * 6)


def test_sixty_four_bits_reach_further() -> None:
    far = Opening(2**40, 5)
    row = replace(rows()[COVER], commit=commit(far.value, far.blinding))
    with pytest.raises(NotProvableError, match="2\\*\\*32 or more"):
        prove_rows(CONTEXT, [row], openings=[far], bits=32)
    made = prove_rows(CONTEXT, [row], openings=[far], bits=64, entropy=entropy)
    assert accepted(made, [row], bits=64)
    assert not accepted(made, [row], bits=32)


@pytest.mark.parametrize(
    "context",
    [
        replace(CONTEXT, subjects=hashlib.sha256(b"other").digest()),
        replace(CONTEXT, root=hashlib.sha256(b"other").digest()),
        replace(CONTEXT, size=13),
    ],
)
def test_replay_into_another_manifest_is_rejected(proof: bytes, context: Context) -> None:
    assert not accepted(proof, rows(), context)


CHANGES: list[tuple[int, dict[str, object]]] = [
    (COVER, {"threshold": 8_001}),
    (COVER, {"threshold": 7_999}),
    (BENCH, {"threshold": 500_001}),
    (BENCH, {"threshold": 499_999}),
    (COVER, {"op": "<=", "round": "exact"}),
    (BENCH, {"op": ">=", "round": "exact"}),
    (COVER, {"id": "reports/coveragf"}),
    (COVER, {"metric": "coveragf"}),
    (COVER, {"scale": 1_000}),
    (COVER, {"round": "exact"}),
    (COVER, {"round": "ceil"}),
    (BENCH, {"round": "floor"}),
    (COVER, {"commit": rows()[BENCH].commit}),
    (COVER, {"commit": commit(COVERAGE.value, 1)}),
    (COVER, {"commit": IDENTITY_BYTES}),
    (COVER, {"commit": bytes.fromhex(vectors.BAD_ENCODINGS[0])}),
    (COVER, {"commit": bytes.fromhex(vectors.BAD_ENCODINGS[-1])}),
    (COVER, {"threshold": 2**63}),
]


@pytest.mark.parametrize(("index", "changes"), CHANGES)
def test_a_changed_row_is_rejected(proof: bytes, index: int, changes: dict[str, object]) -> None:
    assert not accepted(proof, changed(index, **changes))


def test_rows_are_neither_swapped_nor_doubled_nor_dropped_nor_added(proof: bytes) -> None:
    bench, cover = rows()
    for claims in ([cover, bench], [bench, bench], [cover, cover], [bench], [cover], [], [bench, cover, cover]):
        assert not accepted(proof, claims)
    other = replace(cover, id="reports/z")
    assert not accepted(proof, [bench, cover, other])
    assert not accepted(proof, [bench, cover, other, replace(cover, id="reports/zz")])


def test_swapped_commitments_are_rejected(proof: bytes) -> None:
    bench, cover = rows()
    assert not accepted(proof, [replace(bench, commit=cover.commit), replace(cover, commit=bench.commit)])


def test_padding_is_by_identities_and_nothing_else() -> None:
    claims = [replace(rows()[COVER], id=f"c/{i}", commit=commit(9000 + i, 77 + i)) for i in range(3)]
    openings = [Opening(9000 + i, 77 + i) for i in range(3)]
    made = prove_rows(CONTEXT, claims, openings=openings, bits=32, entropy=entropy)
    assert accepted(made, claims)
    padded = [*claims, replace(claims[2], id="c/3", commit=commit(8000, 0))]
    assert not accepted(made, padded)


def test_a_commitment_that_hides_nothing_is_rejected() -> None:
    bare = replace(rows()[COVER], commit=commit(8_000, 0))
    assert "hides nothing" in (check(CONTEXT, [bare], bits=32, proof=bytes(608)) or "")
    with pytest.raises(NotProvableError, match="hides nothing"):
        prove_rows(CONTEXT, [bare], openings=[Opening(8_000, 0)], bits=32)


@pytest.mark.parametrize(
    ("index", "opening"),
    [
        (COVER, Opening(7_999, 5)),
        (BENCH, Opening(500_001, 5)),
        (COVER, Opening(-1, 5)),
        (COVER, Opening(int(L) - 1, 5)),
    ],
)
def test_the_prover_refuses_a_value_one_unit_short(index: int, opening: Opening) -> None:
    row = replace(rows()[index], commit=commit(opening.value, opening.blinding))
    with pytest.raises(NotProvableError):
        prove_rows(CONTEXT, [row], openings=[opening], bits=32)


@pytest.mark.parametrize(("index", "value"), [(COVER, 8_000), (BENCH, 500_000), (COVER, 8_000 + 2**32 - 1)])
def test_the_bound_itself_and_the_end_of_the_range_are_met(index: int, value: int) -> None:
    row = replace(rows()[index], commit=commit(value, 3))
    made = prove_rows(CONTEXT, [row], openings=[Opening(value, 3)], bits=32, entropy=entropy)
    assert accepted(made, [row])


def test_a_forced_negative_difference_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A prover without scruples takes the difference mod 2**32 where it is negative."""
    row = replace(rows()[COVER], commit=commit(7_999, 5))
    monkeypatch.setattr(statement, "_witness", lambda *_: Opening(2**32 - 1, 5))
    forged = prove_rows(CONTEXT, [row], openings=[Opening(7_999, 5)], bits=32, entropy=entropy)
    assert not accepted(forged, [row])


def test_both_bounds_of_one_exact_number() -> None:
    cover = replace(rows()[COVER], round="exact")
    claims = [replace(cover, op="<=", threshold=10_000), cover]
    made = prove_rows(CONTEXT, claims, openings=[COVERAGE, COVERAGE], bits=32, entropy=entropy)
    assert accepted(made, claims)
    above = replace(cover, commit=commit(10_001, 9))
    with pytest.raises(NotProvableError):
        prove_rows(
            CONTEXT, [replace(above, op="<=", threshold=10_000), above], openings=[Opening(10_001, 9)] * 2, bits=32
        )


@pytest.mark.parametrize(
    "claims", [[], [rows()[COVER]] * 2, rows()[::-1], [replace(rows()[COVER], id=f"x/{i:02}") for i in range(17)]]
)
def test_rows_no_proof_can_hold(claims: list[Row]) -> None:
    with pytest.raises(ValueError, match="statements"):
        check(CONTEXT, claims, bits=32, proof=b"")
    with pytest.raises(ValueError, match="32 or 64"):
        check(CONTEXT, rows(), bits=16, proof=b"")


# --- Strong Fiat-Shamir ---------------------------------------------------------------------------------------------

ABSORBED = [
    b"subjects",
    b"root",
    b"size",
    b"count",
    b"bits",
    b"id",
    b"metric",
    b"scale",
    b"round",
    b"op",
    b"threshold",
    b"C",
]


def u64(number: int) -> bytes:
    return number.to_bytes(8, "little")


def test_the_transcript_is_the_one_of_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(Transcript, "append", lambda _, label, message: said.append((label, message)))
    statement.transcript_of(CONTEXT, rows(), 32)
    bench, cover = rows()
    assert said == [
        (b"dom-sep", b"maestro-ce/zk-threshold/v1"),
        (b"subjects", CONTEXT.subjects),
        (b"root", CONTEXT.root),
        (b"size", u64(12)),
        (b"count", u64(2)),
        (b"bits", u64(32)),
        (b"id", b"bench/p95_us"),
        (b"metric", b"p95_us"),
        (b"scale", u64(1)),
        (b"round", b"ceil"),
        (b"op", b"<="),
        (b"threshold", u64(2**63 + 500_000)),
        (b"C", bench.commit),
        (b"id", b"reports/coverage"),
        (b"metric", b"coverage"),
        (b"scale", u64(10_000)),
        (b"round", b"floor"),
        (b"op", b">="),
        (b"threshold", u64(2**63 + 8_000)),
        (b"C", cover.commit),
    ]
    assert sorted({label for label, _ in said} - {b"dom-sep"}) == sorted(ABSORBED)


# What a verifier would believe, were the message left out: the proof says nothing about it any more.
REPLAYS: dict[bytes, tuple[Context, list[Row]]] = {
    b"subjects": (replace(CONTEXT, subjects=bytes(32)), rows()),
    b"root": (replace(CONTEXT, root=bytes(32)), rows()),
    b"size": (replace(CONTEXT, size=99), rows()),
    b"id": (CONTEXT, changed(COVER, id="reports/mutation")),
    b"metric": (CONTEXT, changed(COVER, metric="mutation")),
    b"scale": (CONTEXT, changed(COVER, scale=100)),
    b"round": (CONTEXT, changed(COVER, round="exact")),
}


@pytest.mark.parametrize("label", list(REPLAYS))
def test_a_replay_works_only_if_the_message_is_left_out(label: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    context, claims = REPLAYS[label]
    assert not accepted(honest(), claims, context)
    forget(monkeypatch, label)
    assert accepted(honest(), claims, context)


def test_a_row_may_move_its_threshold_only_if_three_messages_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threshold, operator and commitment bind each other through V; the proof alone binds V."""
    moved = [
        rows()[BENCH],
        replace(rows()[COVER], threshold=8_500, commit=commit(COVERAGE.value + 500, COVERAGE.blinding)),
    ]
    flipped = [
        rows()[BENCH],
        replace(
            rows()[COVER],
            op="<=",
            round="exact",
            commit=commit(8_000 * 2 - COVERAGE.value, -COVERAGE.blinding),
        ),
    ]
    assert not accepted(honest(), moved)
    for label in (b"threshold", b"C", b"op", b"round"):
        forget(monkeypatch, label)
    assert accepted(honest(), moved)
    assert accepted(honest(), flipped)


@pytest.mark.parametrize("label", [b"dom-sep", *ABSORBED])
def test_leaving_any_message_out_is_noticed(label: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The battery has teeth: prover and verifier changed alike agree with each other, but not with the golden proof."""
    assert hashlib.sha256(honest()).hexdigest() == GOLDEN
    forget(monkeypatch, label)
    made = honest()
    assert accepted(made, rows())
    assert hashlib.sha256(made).hexdigest() != GOLDEN


def test_latency_and_coverage_open_their_commitments() -> None:
    assert [row.commit for row in rows()] == [commit(o.value, o.blinding) for o in OPENINGS]
    assert OPENINGS == (LATENCY, COVERAGE)
