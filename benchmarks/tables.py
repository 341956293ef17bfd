"""Put a benchmark's table into a documentation page, between the marks that name the benchmark."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def publish(page: Path, name: str, lines: list[str]) -> None:
    """Replace what stands between ``<!-- table: NAME -->`` and ``<!-- end -->``. Raises ``ValueError`` without them."""
    text = page.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- table: {re.escape(name)} -->\n).*?(<!-- end -->)", re.DOTALL)
    body = "\n".join(lines)
    made, count = pattern.subn(lambda match: f"{match[1]}{body}\n{match[2]}", text)
    if count != 1:
        raise ValueError(f"{page} has {count} places for the table {name}")
    page.write_text(made, encoding="utf-8")


def markdown(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table; the first column is text, the others are numbers."""
    return [
        f"| {' | '.join(header)} |",
        f"|---|{'---:|' * (len(header) - 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
