"""The board in words, as JSON-able data, and as one HTML file with plots.

Invariant: what was not measured is shown as "not measured", with the records that would measure it, never as a zero.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from maestro_hooks.page import element, page, table, text
from maestro_hooks.render import table as plain_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from fractions import Fraction

    from maestro_kpi.measures import Measure

NOT_MEASURED = "not measured"
WIDTH, HEIGHT, EDGE = 640, 120, 28
MAX_POINTS = 500
_STATES = {True: "met", False: "missed", None: "no target"}


def lines(measures: Sequence[Measure], unread: Sequence[str]) -> list[str]:
    """The board for a terminal."""
    rows = [(m.name, shown(m.latest, m.unit), target(m), state(m), str(len(m.points)), m.how) for m in measures]
    out = plain_table(("kpi", "measured", "target", "state", "points", "from"), rows)
    return [*out, *(f"not read: {words}" for words in unread)]


def payload(measures: Sequence[Measure], unread: Sequence[str]) -> dict[str, Any]:
    """The board, schema ``maestro.kpi/1``; values are exact fractions as text, ``null`` where nothing was measured."""
    rows = [
        {
            "name": m.name,
            "unit": m.unit,
            "target": None if m.target is None else str(m.target),
            "measured": None if m.latest is None else str(m.latest),
            "met": m.met,
            "how": m.how,
            "points": [[time, str(value)] for time, value in m.points],
        }
        for m in measures
    ]
    return {"schema": "maestro.kpi/1", "ok": all(m.met is not False for m in measures), "kpis": rows, "unread": unread}


def state(measure: Measure) -> str:
    """``met``, ``missed``, ``no target`` or ``not measured``."""
    return NOT_MEASURED if measure.latest is None else _STATES[measure.met]


def target(measure: Measure) -> str:
    """The target in words."""
    return "none stated" if measure.target is None else f">= {shown(measure.target, measure.unit)}"


def shown(value: Fraction | None, unit: str) -> str:
    """A value with its unit, cut (never rounded up) to one decimal."""
    if value is None:
        return NOT_MEASURED
    tenths = int(value * (1000 if unit == "%" else 10))
    return f"{tenths // 10}.{tenths % 10} {unit}"


def html_page(measures: Sequence[Measure], unread: Sequence[str], *, title: str) -> str:
    """The board as one file: a table, then a plot of each KPI that has at least two points."""
    return page(f"KPI board: {title}", _body(measures, unread, title))


def _body(measures: Sequence[Measure], unread: Sequence[str], title: str) -> Iterator[str]:
    yield element("h1", f"KPI board: {title}")
    yield element("p", "Measured from the ledger, the sealed manifests and the bundles of this work tree.", of="soft")
    colours = {"met": "good", "missed": "bad"}
    rows = [
        (
            text(m.name),
            element("strong", shown(m.latest, m.unit), of="whole") if m.points else _soft(NOT_MEASURED),
            element("span", target(m), of="whole"),
            element("span", state(m), of=f"whole {colours.get(state(m), 'soft')}") if m.points else "",
            element("span", m.how, of="soft"),
        )
        for m in measures
    ]
    yield from table(("kpi", "measured", "target", "state", "measured from"), rows)
    for measure in measures:
        if len(measure.points) > 1:
            yield element("h2", f"{measure.name} over {len(measure.points)} measurements")
            yield from plot(measure)
    if unread:
        yield element("h2", "Not read")
        yield f"<ul>{''.join(element('li', words) for words in unread)}</ul>"


def _soft(words: str) -> str:
    return element("span", words, of="whole soft")


def plot(measure: Measure) -> Iterator[str]:
    """A line over equal steps of measurements, the target dashed, as inline SVG without style attributes."""
    points = measure.points[-MAX_POINTS:]
    values = [value for _, value in points]
    scale = [*values, *([measure.target] if measure.target is not None else [])]
    low, high = min(scale), max(scale)
    span = high - low or 1
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)

    def y(value: Fraction) -> int:
        return round(HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * (value - low) / span)

    places = [(round(EDGE + i * step), y(value)) for i, value in enumerate(values)]
    words = f"{measure.name}, {shown(values[0], measure.unit)} to {shown(values[-1], measure.unit)}"
    yield f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{text(words)}">'
    yield f'<line class="axis" x1="{EDGE}" y1="{HEIGHT - EDGE}" x2="{WIDTH - EDGE}" y2="{HEIGHT - EDGE}"/>'
    if measure.target is not None:
        at = y(measure.target)
        yield f'<line class="target" x1="{EDGE}" y1="{at}" x2="{WIDTH - EDGE}" y2="{at}"/>'
        words = f"target {target(measure)}"
        yield f'<text x="{WIDTH - EDGE}" y="14" text-anchor="end">{text(words)}</text>'
    yield f'<polyline class="series" points="{" ".join(f"{a},{b}" for a, b in places)}"/>'
    yield from (f'<circle class="dot" cx="{a}" cy="{b}" r="2.5"/>' for a, b in places)
    extremes = f"highest {shown(max(values), measure.unit)}, lowest {shown(min(values), measure.unit)}"
    yield f'<text x="{EDGE}" y="14">{text(extremes)}</text>'
    yield f'<text x="{EDGE}" y="{HEIGHT - 8}">{_day(points[0][0])}</text>'
    yield f'<text x="{WIDTH - EDGE}" y="{HEIGHT - 8}" text-anchor="end">{_day(points[-1][0])}</text></svg>'


def _day(time: int) -> str:
    return dt.datetime.fromtimestamp(time, dt.UTC).strftime("%Y-%m-%d")
