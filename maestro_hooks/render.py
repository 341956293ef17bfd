"""The one place that writes to the terminal: JSON for machines, lines for people.

Colour only repeats what a line's first word says, so the words are the same with and without it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_GREEN, _RED, _YELLOW = "32", "31", "33"
_COLOURS = {
    **dict.fromkeys(("ok", "met", "pass", "SEALED", "VERIFIED"), _GREEN),
    **dict.fromkeys(("FAIL", "fail", "unmet", "missing", "error", "BLOCKED", "UNPROVEN", "NOT"), _RED),
    **dict.fromkeys(("waived", "WARNING", "not-checked"), _YELLOW),
}
_VERDICT = re.compile(rf"^(\s*(?:[a-z-]+ +)?)({'|'.join(_COLOURS)})(?=[\s:]|$)")


def emit(payload: Mapping[str, object], lines: Sequence[str], *, as_json: bool) -> None:
    """Print ``payload`` as one JSON object, or ``lines`` for people, on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(payload, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        paint = coloured if wants_colour() else str
        for line in lines:
            first, *rest = fitted(line, width)
            sys.stdout.write("".join(f"{part}\n" for part in (paint(first), *rest)))
    sys.stdout.flush()


def coloured(line: str) -> str:
    """The line with its verdict word coloured, if it begins with one (or has one in its second column)."""
    return _VERDICT.sub(lambda m: f"{m[1]}\x1b[{_COLOURS[m[2]]}m{m[2]}\x1b[0m", line)


def fitted(line: str, width: int | None) -> list[str]:
    """The line in pieces that fit a terminal: what is too long goes on below, indented, broken between words."""
    if width is None or len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    pieces = textwrap.wrap(
        line.lstrip(),
        max(width, 40),
        initial_indent=indent,
        subsequent_indent=f"{indent}  ",
        break_long_words=False,
        break_on_hyphens=False,
        expand_tabs=False,
        replace_whitespace=False,
    )
    return pieces or [line]


def wants_colour() -> bool:
    """Whether standard output should be coloured (https://no-color.org, ``FORCE_COLOR``, a terminal)."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or sys.stdout.isatty()


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns under a head, two spaces apart; no rows, no table."""
    if not rows:
        return []
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]
    return ["  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
