"""The one place that writes to the terminal: JSON for machines, plain or coloured lines for people.

Rich is imported only when standard output is a terminal that wants colour; the words are the same without it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STYLES = {"pass": "green", "met": "green", "ok": "green", "fail": "red", "unmet": "red", "error": "red"}


def emit(payload: Mapping[str, object], lines: Sequence[str], *, as_json: bool) -> None:
    """Print ``payload`` as one JSON object, or ``lines`` for people, on standard output."""
    if as_json:
        sys.stdout.write(json.dumps(payload, ensure_ascii=False, sort_keys=True) + "\n")
    else:
        sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


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
