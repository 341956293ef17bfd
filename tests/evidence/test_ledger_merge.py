from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError, ExitCode, ToolError, UsageError
from maestro_hooks.evidence.inputs import digest, encode
from maestro_hooks.evidence.ledger import Ledger, Merged, covers, merge, read_all, read_run, run_directory
from maestro_hooks.evidence.segment import SegmentWriter
from tests.evidence.ledger_samples import FILES, TREE, failure, forged, inputs_of, record, write

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_hooks.evidence.inputs import Inputs
    from maestro_hooks.evidence.record import Record

A, AB, B = inputs_of("a"), inputs_of("a", "b"), inputs_of("b")
WHOLE, NONE = inputs_of(tree=TREE), inputs_of()
STALE = inputs_of("a", a="9")


def merged(directory: Path, *, allow_unfinished: bool = False) -> Merged:
    return merge(read_run(directory), tree=TREE, files=FILES, allow_unfinished=allow_unfinished)


def test_equal_claims_of_two_processes_are_one(tmp_path: Path) -> None:
    for _ in range(2):
        write(tmp_path / "r1", [(record("p/b", 1, A), A), (record("p/a", 2, B), B)])
    result = merged(tmp_path / "r1")
    assert result.records == (record("p/a", 2, B), record("p/b", 1, A))
    assert {digest(encode(i)): i for i in (A, B)} == result.inputs
    assert (result.stale, result.unfinished, result.unknown, result.ambiguous) == (0, (), (), {})


def test_claims_about_other_content_are_left_out_and_counted_once(tmp_path: Path) -> None:
    other_tree = inputs_of(tree="e" * 40)
    for _ in range(2):
        write(tmp_path / "r1", [(record("p/a", 1, STALE), STALE), (record("p/a", 1, other_tree), other_tree)])
    write(tmp_path / "r1", [(record("p/a", 3, A), A)])
    result = merged(tmp_path / "r1")
    assert (result.records, result.stale) == ((record("p/a", 3, A),), 2)
    assert list(result.inputs.values()) == [A]


def test_a_conflict_names_both_lines_and_what_to_do(tmp_path: Path) -> None:
    one = write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    two = write(tmp_path / "r1", [(record("p/b", 1, A), A), (record("p/a", 2, A), A)])
    with pytest.raises(EvidenceError, match="'p/a' was claimed twice") as caught:
        merged(tmp_path / "r1")
    assert f"{one}:3" in caught.value.where
    assert f"{two}:4" in caught.value.where
    assert "maestro ledger gc --run r1" in caught.value.fix
    assert caught.value.exit_code is ExitCode.EVIDENCE_INVALID


def test_a_conflict_about_other_content_is_none(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/a", 1, STALE), STALE), (record("p/a", 2, STALE), STALE)])
    assert merged(tmp_path / "r1").records == ()


def test_a_contradiction_from_another_run_counts_as_well(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    write(tmp_path / "r2", [(record("p/a", 2, A), A)])
    assert merged(tmp_path / "r1").records == (record("p/a", 1, A),)
    with pytest.raises(EvidenceError, match="conflict"):
        merge(read_all(tmp_path, run="r1"), tree=TREE, files=FILES)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_error_gives_way_to_an_answer_about_the_same_content(tmp_path: Path, order: tuple[int, ...]) -> None:
    claims = [(failure("p/a", A, "x"), A), (record("p/a", 9, A), A), (failure("p/a", A, "y"), A)]
    for index in order:
        write(tmp_path / "r1", [claims[index]])
    assert merged(tmp_path / "r1").records == (record("p/a", 9, A),)


def test_of_two_errors_one_stands_whatever_the_order(tmp_path: Path) -> None:
    claims = [(failure("p/a", A, words), A) for words in "xyz"]
    write(tmp_path / "r1", claims)
    write(tmp_path / "r2", reversed(claims))
    assert merged(tmp_path / "r1").records == merged(tmp_path / "r2").records
    assert len(merged(tmp_path / "r1").records) == 1


@pytest.mark.parametrize(
    ("candidates", "winner"),
    [
        ((A, AB), AB),
        ((A, B, AB), AB),
        ((A, WHOLE), WHOLE),
        ((NONE, A), A),
        ((A, AB, B, WHOLE), WHOLE),
        ((A, B), None),
        ((A, inputs_of("a", config="c")), None),
        ((A, WHOLE, inputs_of(tree=TREE, config="c")), None),
    ],
)
def test_the_claim_that_covers_the_others_stands(
    tmp_path: Path, candidates: tuple[Inputs, ...], winner: Inputs | None
) -> None:
    records = [record("p/a", number, inputs) for number, inputs in enumerate(candidates)]
    write(tmp_path / "r1", zip(records, candidates, strict=True))
    result = merged(tmp_path / "r1")
    if winner is None:
        assert result.records == ()
        assert {r.inputs for r in result.ambiguous["p/a"]} == {r.inputs for r in records}
        assert result.inputs == {}
    else:
        assert result.records == (records[candidates.index(winner)],)
        assert result.ambiguous == {}


def test_an_error_about_more_is_not_hidden_by_an_answer_about_less(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/a", 1, A), A), (failure("p/a", WHOLE), WHOLE)])
    assert merged(tmp_path / "r1").records == (failure("p/a", WHOLE),)


def test_an_upgrade_is_no_ambiguity_for_whoever_says_what_is_current(tmp_path: Path) -> None:
    new = inputs_of("a", config="new")
    write(tmp_path / "r1", [(record("p/a", 1, A), A), (record("p/a", 2, new), new)])
    ledger = read_run(tmp_path / "r1")
    assert set(merge(ledger, tree=TREE, files=FILES).ambiguous) == {"p/a"}
    result = merge(ledger, tree=TREE, files=FILES, current=lambda i: i.config == "new")
    assert (result.records, result.stale, result.ambiguous) == ((record("p/a", 2, new),), 1, {})


def test_a_dead_process_is_an_error_unless_allowed(tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [(record("p/a", 1, A), A)], finish=False)
    result = merged(tmp_path / "r1")
    assert [(r.key, r.verdict.value) for r in result.records] == [("p/a", "met"), (f"segment/{path.stem}", "error")]
    assert "ended without finishing" in (result.records[1].error or "")
    assert result.records[1].inputs in result.inputs
    allowed = merged(tmp_path / "r1", allow_unfinished=True)
    assert allowed.records == (record("p/a", 1, A),)
    assert allowed.unfinished == result.unfinished
    assert len(allowed.unfinished) == 1


def test_a_live_process_is_said_to_be_alive(tmp_path: Path) -> None:
    with SegmentWriter(tmp_path / "r1", run="r1", process="pytest:gw3") as writer:
        writer.inputs(A)
        writer.append(record("p/a", 1, A))
        lost = merged(tmp_path / "r1").records[1]
    assert "pytest:gw3" in (lost.error or "")
    assert "is still writing" in (lost.error or "")


def test_an_empty_segment_is_a_dead_process(tmp_path: Path) -> None:
    (tmp_path / "r1").mkdir()
    (tmp_path / "r1" / "host-1-0123456789ab.jsonl").write_bytes(b"")
    assert [r.key for r in merged(tmp_path / "r1").records] == ["segment/host-1-0123456789ab"]


def test_what_died_in_another_run_is_not_claimed_but_no_error_of_this_one(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    write(tmp_path / "r2", [(record("p/b", 1, B), B)], finish=False)
    ledger = read_all(tmp_path, run="r1")
    result = merge(ledger, tree=TREE, files=FILES)
    assert [r.key for r in result.records] == ["p/a", "p/b"]
    assert result.unfinished == ()
    everything = merge(replace(ledger, run=""), tree=TREE, files=FILES)
    assert len(everything.unfinished) == 1


def test_an_unknown_format_is_an_error_that_cannot_be_allowed(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    new = tmp_path / "r1" / "host-1-0123456789ab.jsonl"
    new.write_bytes(forged("r1", [], header=b'{"schema":"maestro.segment/9"}'))
    result = merged(tmp_path / "r1", allow_unfinished=True)
    assert [r.key for r in result.records] == ["p/a", "segment/host-1-0123456789ab"]
    assert "maestro.segment/9" in (result.records[1].error or "")
    assert [u.path for u in result.unknown] == [new]


def test_a_damaged_segment_of_any_run_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    path = write(tmp_path / "r2", [(record("p/a", 1, A), A)])
    path.write_bytes(path.read_bytes().replace(b'"q":"1"', b'"q":"0"'))
    with pytest.raises(EvidenceError) as caught:
        read_all(tmp_path, run="r1")
    assert caught.value.where == f"{path}:3"


def test_a_segment_moved_to_another_run_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    (tmp_path / "r2").mkdir()
    path.rename(tmp_path / "r2" / path.name)
    with pytest.raises(EvidenceError, match="belongs to run 'r1'"):
        read_run(tmp_path / "r2")


def test_odd_names_are_refused_or_listed_never_silently_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "r1", [(record("p/a", 1, A), A)])
    (tmp_path / "r1" / "notes.txt").write_text("mine")
    assert read_run(tmp_path / "r1").foreign == (tmp_path / "r1" / "notes.txt",)
    path.rename(path.with_name("hidden.jsonl"))
    with pytest.raises(EvidenceError, match="not the name of a ledger segment"):
        read_run(tmp_path / "r1")


def test_no_run_is_empty_and_a_file_in_its_place_an_error(tmp_path: Path) -> None:
    assert read_run(tmp_path / "none") == Ledger(run="none")
    assert read_all(tmp_path / "none", run="r1") == Ledger(run="r1")
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolError, match="cannot be read"):
        read_all(tmp_path / "file", run="r1")


@pytest.mark.parametrize("run", ["", "..", "../x", "a/b", ".hidden", "x" * 101, "a\n"])
def test_a_run_id_cannot_leave_the_ledger(tmp_path: Path, run: str) -> None:
    with pytest.raises(UsageError):
        run_directory(tmp_path, run)


POOL = (A, AB, B, WHOLE, NONE, STALE)
CLAIMS = st.lists(
    st.tuples(st.sampled_from(["p/a", "p/b", "q/c"]), st.integers(0, len(POOL) - 1), st.booleans()),
    min_size=1,
    max_size=12,
)


def claim_of(key: str, index: int, *, fails: bool) -> tuple[Record, Inputs]:
    # One body per key and inputs, as the theorem of record_of has it; errors besides.
    inputs = POOL[index]
    return (failure(key, inputs, str(index)) if fails else record(key, index, inputs)), inputs


@settings(max_examples=60, derandomize=True, deadline=None)
@given(drawn=CLAIMS, seed=st.integers(0, 99))
def test_merging_knows_neither_order_nor_process_nor_repetition(
    tmp_path_factory: pytest.TempPathFactory, drawn: list[tuple[str, int, bool]], seed: int
) -> None:
    base = tmp_path_factory.mktemp("laws")
    claims = [claim_of(key, index, fails=fails) for key, index, fails in drawn]
    write(base / "r1", claims)
    shuffled = claims * 2
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, no secret
    half = len(shuffled) // 2
    for part in (shuffled[:half], shuffled[half:]):
        if part:
            write(base / "r2", part)
    one = merged(base / "r1")
    assert merged(base / "r2") == one
    again = merge(read_all(base, run="r1"), tree=TREE, files=FILES)
    assert again == one


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.sampled_from(POOL), min_size=3, max_size=3))
def test_covering_is_a_strict_order(three: list[Inputs]) -> None:
    x, y, z = three
    assert not covers(x, x)
    assert not (covers(x, y) and covers(y, x))
    assert covers(x, z) or not (covers(x, y) and covers(y, z))
