from __future__ import annotations

import re

import pytest

from maestro_hooks.render import coloured, emit, fitted, table, wants_colour

LINES = [
    "ok   check      0.2 s  1 gates",
    "FAIL test       6.4 s  1 failed",
    "  met      pytest/failed  0",
    "  signature     pass         signed by release-1",
    "SEALED: every required obligation is met",
    "  note: the word pass further right stays plain",
    "metric is no verdict",
    "",
]


def test_colour_adds_nothing_to_the_words() -> None:
    for line in LINES:
        assert re.sub(r"\x1b\[\d*m", "", coloured(line)) == line
    assert [("\x1b" in coloured(line)) for line in LINES] == [True] * 5 + [False] * 3


@pytest.mark.parametrize(
    ("env", "expected"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
def test_who_wants_colour(monkeypatch: pytest.MonkeyPatch, env: dict[str, str], expected: bool) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert wants_colour() is expected


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"b": "ü", "a": 1}, ["words"], as_json=True)
    assert capsys.readouterr().out == '{"a": 1, "b": "ü"}\n'


def test_table_aligns_and_is_empty_without_rows() -> None:
    assert table(("a", "b"), [("long", "x"), ("y", "z")]) == ["a     b", "long  x", "y     z"]
    assert table(("a", "b"), []) == []


def test_long_lines_go_on_below_between_words_and_keep_every_character() -> None:
    long = "  then: install the plugin that records review/approvals, then run the main job"
    assert fitted(long, 50) == [
        "  then: install the plugin that records",
        "    review/approvals, then run the main job",
    ]
    for line in ("short", "    " + "x" * 90, "  unmet  a/b  1", ""):
        assert fitted(line, 50) == [line]
    assert fitted(long, None) == fitted(long, 200) == [long]
