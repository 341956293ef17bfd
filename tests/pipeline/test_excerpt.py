"""Findings as people read them: each step with its line, and nothing that fails for want of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_hooks.evidence.obligation import Finding, Location
from maestro_hooks.pipeline.excerpt import MAX_COLUMNS, excerpts, trace_lines

if TYPE_CHECKING:
    from pathlib import Path


def test_steps_on_one_line_share_it(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n\tuse(x)\n", encoding="utf-8")
    trace = (
        Location("a.py", 1, message="enters"),
        Location("a.py", 2, message="kept"),
        Location("a.py", 2, message="used"),
    )
    finding = Finding(rule="r", message="m", at=Location("a.py", 2), trace=trace, properties={"next": "do this"})
    assert trace_lines(finding, excerpts(tmp_path)) == [
        "    a.py:1: enters",
        "      | x = 1",
        "    a.py:2: kept",
        "    a.py:2: used",
        "      | use(x)",
        "    next: do this",
    ]


def test_what_cannot_be_read_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_bytes(b"y" * 500 + b"\n\x1b[31m\n")
    (tmp_path / "bad.py").write_bytes(b"# coding: nonsense\n\xff\n")
    line = excerpts(tmp_path)
    assert len(line("long.py", 1)) == MAX_COLUMNS
    assert "\x1b" not in line("long.py", 2)
    assert [line(path, n) for path, n in (("long.py", 9), ("bad.py", 1), ("gone.py", 1))] == ["", "", ""]
