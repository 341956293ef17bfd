from __future__ import annotations

import io
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from maestro_hooks.errors import EvidenceError, ExitCode, ToolError
from maestro_hooks.evidence import chain
from maestro_hooks.evidence.inputs import encode
from maestro_hooks.evidence.segment_reader import Segment, UnknownSchemaError, parse_segment, read_segment
from tests.evidence.ledger_samples import forged, inputs_of, record, sha, write

if TYPE_CHECKING:
    from collections.abc import Callable

PATH = Path("ledger") / "r1" / "host-1-0123456789ab.jsonl"
A = inputs_of("a")
BODY_A = encode(A)


def parse(data: bytes) -> Segment:
    return parse_segment(io.BytesIO(data), PATH)


def outcome(data: bytes) -> Segment | EvidenceError:
    try:
        return parse(data)
    except EvidenceError as error:
        return error


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    claims = [(record(f"p/m/{n}", n, A if n < 3 else inputs_of("a", "b")), A) for n in range(2)]
    claims += [(record("p/m/é", 9, inputs_of("b")), inputs_of("b"))]
    return write(tmp_path_factory.mktemp("s") / "r1", claims).read_bytes()


def test_a_segment_reads_back_as_it_was_written(whole: bytes) -> None:
    segment = parse(whole)
    assert [(e.record.key, e.record.verdict.value, e.meta, e.line) for e in segment.entries] == [
        ("p/m/0", "met", {"at": 0}, 3),
        ("p/m/1", "met", {"at": 1}, 4),
        ("p/m/é", "unmet", {"at": 2}, 6),
    ]
    assert segment.inputs == {sha(A): A, sha(inputs_of("b")): inputs_of("b")}
    assert segment.finished
    assert not segment.torn
    assert segment.header is not None
    assert (segment.header.run, segment.header.process) == ("r1", "test")


def test_a_crash_at_every_byte_loses_the_tail_alone_and_is_reported(whole: bytes) -> None:
    entries = parse(whole).entries
    for size in range(len(whole)):
        segment = parse(whole[:size])
        lines = whole[:size].count(b"\n")
        assert segment.entries == tuple(e for e in entries if e.line <= lines), size
        assert not segment.finished, size
        assert segment.torn == (size > 0 and whole[size - 1 : size] != b"\n"), size


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80, 0xFF])
def test_no_flipped_byte_of_a_finished_segment_is_read_as_finished(whole: bytes, mask: int) -> None:
    for position in range(len(whole)):
        data = bytearray(whole)
        data[position] ^= mask
        result = outcome(bytes(data))
        if position == len(whole) - 1:
            # The last newline: the end record is torn then, so the segment reads as unfinished.
            assert result == replace(parse(whole), finished=False, torn=True)
        else:
            assert isinstance(result, EvidenceError), position
            assert result.where.startswith(f"{PATH}:")
            assert result.fix


def test_no_byte_turned_into_a_newline_is_read_as_finished(whole: bytes) -> None:
    for position in range(len(whole) - 1):
        if whole[position : position + 1] != b"\n":
            with pytest.raises(EvidenceError):
                parse(whole[:position] + b"\n" + whole[position + 1 :])


@settings(max_examples=150, derandomize=True, deadline=None)
@given(data=st.data())
def test_moved_doubled_and_removed_lines_are_refused(whole: bytes, data: st.DataObject) -> None:
    lines = whole.splitlines(keepends=True)
    order = data.draw(st.lists(st.integers(0, len(lines) - 1), min_size=1, max_size=len(lines) + 2))
    # Cutting lines off at the end is what a crash does; it is told from a finished segment, not refused.
    assume(order != list(range(len(order))))
    with pytest.raises(EvidenceError):
        parse(b"".join(lines[i] for i in order))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(junk=st.binary(min_size=1, max_size=80))
def test_bytes_after_the_end_record_are_refused_and_junk_lines_never_read(whole: bytes, junk: bytes) -> None:
    with pytest.raises(EvidenceError, match="after the end record"):
        parse(whole + junk)
    unfinished = whole[: whole[:-1].rindex(b"\n") + 1]
    if b"\n" in junk:
        with pytest.raises(EvidenceError):
            parse(unfinished + junk)
    else:
        assert parse(unfinished + junk) == replace(parse(unfinished), torn=True)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\hprevbim01\n ', max_size=120).map(str.encode))
def test_any_bytes_are_read_or_refused_with_a_place(data: bytes) -> None:
    result = outcome(data)
    if isinstance(result, EvidenceError):
        assert result.where.startswith(f"{PATH}:")
    else:
        assert b"\n" not in data
        assert not result.finished


GOOD = msgspec.json.encode(record("p/m", 1, A))
HOSTILE: dict[str, tuple[bytes, str]] = {
    "a key twice": (GOOD[:-1] + b',"key":"p/m"}', "form it is written in"),
    "a space": (GOOD.replace(b'"key":', b'"key": ', 1), "form it is written in"),
    "an escape": (GOOD.replace(b"p/m", b"p\\/m", 1), "form it is written in"),
    "an unknown member": (GOOD[:-1] + b',"passed":true}', "unknown field"),
    "a verdict the number denies": (GOOD.replace(b'"q":"1"', b'"q":"9"'), "contradicts the number"),
    "a number with a sign": (GOOD.replace(b'"q":"1"', b'"q":"+1"'), "only form"),
    "a number that is none": (GOOD.replace(b'"q":"1"', b'"q":"one"'), "invalid literal"),
    "a number too long": (GOOD.replace(b'"q":"1"', b'"q":"-%b"' % (b"9" * 5000)), "4300 digits"),
    "a key of one part": (GOOD.replace(b"p/m", b"pm"), "must read plugin/metric"),
    "a key that moves the cursor": (GOOD.replace(b"p/m", b"p/\\u001b[2J"), "control character"),
    "inputs not stored": (GOOD.replace(sha(A).encode(), b"0" * 64), "not stored before it"),
    "a lone surrogate": (GOOD.replace(b"p/m", b"p/\\ud800"), "malformed"),
    "invalid UTF-8": (GOOD.replace(b"p/m", b"p/\xff"), "malformed"),
    "deep nesting": (GOOD.replace(b'"p/m"', b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
    "an infinite number": (GOOD.replace(b'"scale":1', b'"scale":1e400'), "malformed"),
    "no object": (b"[]", "Expected `object`"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_sound_chain_over_a_bad_body_is_refused(name: str) -> None:
    body, words = HOSTILE[name]
    assert body != GOOD
    with pytest.raises(EvidenceError, match=words) as caught:
        parse(forged("r1", [(b"i", BODY_A, b""), (b"b", body, b"")]))
    assert caught.value.where == f"{PATH}:3"
    assert caught.value.exit_code is ExitCode.EVIDENCE_INVALID
    assert "maestro ledger gc --run r1" in caught.value.fix


@pytest.mark.parametrize(
    "bodies",
    [
        [(b"i", BODY_A, b'{"at":1}')],
        [(b"i", BODY_A[:-1] + b',"plugin":"p"}', b"")],
        [(b"i", BODY_A, b""), (b"b", GOOD, b'{"at":1,"at":2}')],
        [(b"i", BODY_A, b""), (b"b", GOOD, b'{ "at":1}')],
        [(b"i", BODY_A, b""), (b"b", GOOD, b"[]")],
        [(b"b", GOOD, b""), (b"i", BODY_A, b"")],
    ],
)
def test_a_sound_chain_over_bad_inputs_or_meta_is_refused(bodies: list[tuple[chain.Member, bytes, bytes]]) -> None:
    with pytest.raises(EvidenceError):
        parse(forged("r1", bodies))


def test_the_forger_of_these_tests_makes_readable_segments() -> None:
    assert parse(forged("r1", [(b"i", BODY_A, b""), (b"b", GOOD, b'{"at":1}')])).finished


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"[]", "no JSON object"),
        (b"\xef\xbb\xbf{}", "no JSON object"),
        (b'{"schema":"maestro.segment/1"}', "malformed"),
        (b'{"schema":"maestro.segment/1","run":"r1","process":"","api":1,"parent":"","x":1}', "malformed"),
        (b'{"schema":"maestro.segment/1","run":"r1","process":"", "api":1,"parent":""}', "form it is written in"),
        (b'{"schema":"maestro.segment/1","run":"r1","process":"","api":2,"parent":""}', "form it is written in"),
        (b'{"schema":"maestro.segment/1","run":"r2","process":"","api":1,"parent":""}', "belongs to run 'r2'"),
    ],
)
def test_a_bad_header_is_refused(header: bytes, words: str) -> None:
    with pytest.raises(EvidenceError, match=words):
        parse(forged("r1", [], header=header))


def test_another_format_is_named_and_told_apart_from_damage() -> None:
    with pytest.raises(UnknownSchemaError, match=r"maestro\.segment/2") as caught:
        parse(b'{"schema":"maestro.segment/2","new":[]}\n{"unheard":"of"}\n')
    assert "nothing was deleted" in caught.value.fix


@pytest.mark.parametrize("prefix", [b"", forged("r1", [(b"i", BODY_A, b"")]).rsplit(b"{", 1)[0]])
def test_a_line_longer_than_the_limit_is_refused_even_as_a_tail(prefix: bytes) -> None:
    with pytest.raises(EvidenceError, match="longer than"):
        parse(prefix + b"x" * (chain.MAX_LINE_BYTES + 1))


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (os.mkfifo, EvidenceError),
        (lambda path: path.symlink_to("elsewhere"), ToolError),
        (Path.mkdir, EvidenceError),
        (lambda _: None, ToolError),
    ],
)
def test_what_is_no_regular_file_is_refused_without_waiting(
    tmp_path: Path, make: Callable[[Path], None], error: type[Exception]
) -> None:
    path = tmp_path / PATH.name
    make(path)
    with pytest.raises(error):
        read_segment(path)
