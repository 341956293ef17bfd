"""The ledger as people look at it: every distinct claim once, with what it says and whether it still holds.

Invariant: nothing recorded is left out; what ``merge`` would refuse or drop is listed and said to be so.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from maestro_hooks.evidence.inputs import hold
from maestro_hooks.evidence.obligation import Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_hooks.evidence.ledger import Ledger
    from maestro_hooks.evidence.record import Quantity, Record

State = Literal["holds", "stale", "conflict"]
MAX_CELL = 72


@dataclass(frozen=True, slots=True)
class Row:
    """One distinct claim: ``holds`` or ``stale`` for the tree asked about, or contradicted from the same inputs."""

    record: Record
    state: State


def rows_of(ledger: Ledger, *, tree: str, files: Mapping[str, str], key: str = "*") -> tuple[Row, ...]:
    """The claims whose keys match the glob ``key``, sorted by key, inputs and body."""
    plain = dict(files)
    holding = {
        digest
        for segment in ledger.segments
        for digest, inputs in segment.inputs.items()
        if hold(inputs, tree=tree, files=plain)
    }
    claims: dict[tuple[str, str], dict[str, Record]] = {}
    for segment in ledger.segments:
        for entry in segment.entries:
            if fnmatchcase(entry.record.key, key):
                claims.setdefault((entry.record.key, entry.record.inputs), {})[entry.body_digest] = entry.record
    rows: list[Row] = []
    for (_, inputs), bodies in sorted(claims.items()):
        judged = [r for r in bodies.values() if r.verdict is not Verdict.ERROR]
        state: State = "holds" if inputs in holding else "stale"
        contradicted = judged if len(judged) > 1 else []
        rows += [Row(bodies[d], "conflict" if bodies[d] in contradicted else state) for d in sorted(bodies)]
    return tuple(rows)


def table(rows: Sequence[Row]) -> list[str]:
    """Aligned lines: verdict, key, value against bound, plugin, state."""
    cells = [("verdict", "key", "value", "plugin", "state")]
    cells += [
        (r.record.verdict.value, plain(r.record.key), claim(r.record), plain(r.record.producer.plugin), r.state)
        for r in rows
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    return ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def claim(record: Record) -> str:
    """What a record says, in one short line: ``0.93 >= 0.7``, ``3``, a text, or the words of an error."""
    if record.private:
        return "(private)"
    if record.verdict is Verdict.ERROR:
        return plain(record.error or "")
    return plain(record.text or "") if record.quantity is None else _bounded(record.quantity)


def _bounded(quantity: Quantity) -> str:
    value = _number(quantity.q, quantity.scale)
    low = None if quantity.min is None else _number(quantity.min, quantity.scale)
    high = None if quantity.max is None else _number(quantity.max, quantity.scale)
    if low is not None and high is not None:
        return f"{low} <= {value} <= {high}"
    return f"{value} >= {low}" if low is not None else f"{value} <= {high}" if high is not None else value


def _number(q: str, scale: int) -> str:
    digits = str(scale)
    if digits.rstrip("0") != "1":
        return f"{q}/{scale}"
    # Put the point by hand: no context's precision may touch an exact number.
    places = len(digits) - 1
    whole, fraction = divmod(abs(int(q)), scale)
    return f"{'-' if q.startswith('-') else ''}{whole}{f'.{fraction:0{places}}' if places else ''}"


def plain(text: str) -> str:
    """``text`` without what could move a terminal's cursor, cut to a cell's width."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    return shown if len(shown) <= MAX_CELL else f"{shown[: MAX_CELL - 1]}…"
