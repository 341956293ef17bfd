"""``date``, naive ``datetime`` and ``timedelta``.

Invariant: a date is its ordinal, a datetime the microseconds since year 1, a duration its microseconds; what leaves
Python's range raises ``OverflowError``. The clock is never read: ``today`` and ``now`` are unsupported.
"""

from __future__ import annotations

import ast
import datetime as dt
from typing import TYPE_CHECKING

import z3

from maestro_symbolic.engine import arithmetic, calendars
from maestro_symbolic.engine.calendars import DAY_US, LAST_ORDINAL, LAST_US, MAX_DAYS
from maestro_symbolic.engine.exact import Exacts
from maestro_symbolic.engine.values import Exact, Sym

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_symbolic.engine.values import Term, Value

UNITS = {
    "days": DAY_US,
    "seconds": 1_000_000,
    "microseconds": 1,
    "milliseconds": 1000,
    "minutes": 60_000_000,
    "hours": 3_600_000_000,
    "weeks": 7 * DAY_US,
}
PARTS = {"hour": 3_600_000_000, "minute": 60_000_000, "second": 1_000_000, "microsecond": 1}
CIVIL = ("year", "month", "day")
CONSTANTS = {
    "date.min": ("date", 1),
    "date.max": ("date", LAST_ORDINAL),
    "datetime.min": ("datetime", 0),
    "datetime.max": ("datetime", LAST_US),
}


class Times(Exacts):
    """Dates and durations on one path."""

    def _call_datetime_timedelta(self, *values: Value, **named: Value) -> Value:
        given = dict(zip(UNITS, values, strict=False)) | named
        if set(given) - set(UNITS):
            raise self.raised(TypeError, "unexpected argument of timedelta")
        total = z3.IntVal(0, self.context)
        for unit, amount in given.items():
            known = self.resolve(amount)
            if isinstance(known, float):
                total = total + round(dt.timedelta(**{unit: known}) / dt.timedelta(microseconds=1))
            elif arithmetic.kind_of(known) in ("i", "b"):
                total = total + self.integer(known) * UNITS[unit]
            else:
                raise self.unsupported("a duration of an unknown float")
        if sum(isinstance(self.resolve(v), float) for v in given.values()) and len(given) > 1:
            raise self.unsupported("a duration of several parts of which one is a float")
        return self._duration(total)

    def _duration(self, total: Term) -> Exact:
        outside = z3.Or(total < -MAX_DAYS * DAY_US, total >= (MAX_DAYS + 1) * DAY_US)
        self.forbid(outside, OverflowError, "days out of range")
        return self.exact("timedelta", total)

    def _call_datetime_date(self, year: Value, month: Value, day: Value) -> Value:
        return self.exact("date", self._checked_ordinal(year, month, day))

    def _call_datetime_datetime(self, year: Value, month: Value, day: Value, *clock: Value, **named: Value) -> Value:
        given = dict(zip(PARTS, clock, strict=False)) | named
        if set(given) - set(PARTS) or len(clock) > len(PARTS):
            raise self.unsupported("a datetime with a time zone")
        total = (self._checked_ordinal(year, month, day) - 1) * DAY_US
        for (part, unit), limit in zip(PARTS.items(), (24, 60, 60, 1_000_000), strict=True):
            if part in given:
                amount = self._counted(given[part])
                self.forbid(z3.Or(amount < 0, amount >= limit), ValueError, f"{part} out of range")
                total = total + amount * unit
        return self.exact("datetime", total)

    def _counted(self, value: Value) -> Term:
        value = self.resolve(value)
        if arithmetic.kind_of(value) not in ("i", "b"):
            raise self.raised(TypeError, "an integer is required")
        return self.integer(value)

    def _checked_ordinal(self, year: Value, month: Value, day: Value) -> Term:
        y, m, d = (self._counted(v) for v in (year, month, day))
        self.forbid(z3.Or(y < 1, y > 9999), ValueError, "year is out of range")
        self.forbid(z3.Or(m < 1, m > 12), ValueError, "month must be in 1..12")
        self.forbid(z3.Or(d < 1, d > calendars.month_length(y, m)), ValueError, "day is out of range for month")
        return z3.simplify(calendars.ordinal_of(y, m, d))

    def time_constant(self, dotted: str) -> Exact | None:
        """``date.min`` and its siblings."""
        known = CONSTANTS.get(dotted.removeprefix("datetime.") if dotted.count(".") > 1 else dotted)
        return None if known is None else self.exact(*known)

    # -- operators --------------------------------------------------------------------------------------------

    def time_operator(self, kind: type[ast.operator], a: Value, b: Value) -> Value:
        """An operator of dates and durations."""
        kinds = tuple(v.kind if isinstance(v, Exact) else arithmetic.kind_of(v) or "" for v in (a, b))
        if kinds == ("timedelta", "timedelta"):
            return self._durations(kind, a.term, b.term)
        if kind in (ast.Add, ast.Sub) and kinds[1] == "timedelta" and kinds[0] in ("date", "datetime"):
            return self._moved(a, b.term if kind is ast.Add else -b.term, back=kind is ast.Sub)
        if kind is ast.Add and kinds[0] == "timedelta" and kinds[1] in ("date", "datetime"):
            return self._moved(b, a.term, back=False)
        if kind is ast.Sub and kinds in (("date", "date"), ("datetime", "datetime")):
            unit = DAY_US if kinds[0] == "date" else 1
            return self.exact("timedelta", (a.term - b.term) * unit)
        for one, other in ((a, b), (b, a)):
            if isinstance(one, Exact) and one.kind == "timedelta" and arithmetic.kind_of(other) in ("i", "b"):
                return self._scaled(kind, one, other, reverse=one is b)
        raise self.raised(TypeError, "unsupported operand type(s)")

    def _durations(self, kind: type[ast.operator], x: Term, y: Term) -> Value:
        if kind in (ast.Add, ast.Sub):
            return self._duration(x + y if kind is ast.Add else x - y)
        if kind in (ast.FloorDiv, ast.Mod, ast.Div):
            self.forbid(y == 0, ZeroDivisionError, "integer division or modulo by zero")
            if kind is ast.FloorDiv:
                return self.value_of("i", arithmetic.floor_divide(x, y))
            if kind is ast.Mod:
                return self.exact("timedelta", arithmetic.modulo(x, y))
            return self.value_of("f", arithmetic.true_ratio(x, y, self.context))
        raise self.raised(TypeError, "unsupported operand type(s)")

    def _scaled(self, kind: type[ast.operator], duration: Exact, count: Value, *, reverse: bool) -> Value:
        times = self.integer(count)
        if kind is ast.Mult:
            return self._duration(duration.term * times)
        if kind is ast.FloorDiv and not reverse:
            self.forbid(times == 0, ZeroDivisionError, "integer division or modulo by zero")
            return self.exact("timedelta", arithmetic.floor_divide(duration.term, times))
        raise self.unsupported("this operator of a duration and a number")

    def _moved(self, when: Exact, by: Term, *, back: bool) -> Value:
        """A date moves by whole days, a subtracted duration's days counted before its sign turns."""
        if when.kind == "date":
            days = -((-by) / DAY_US) if back else by / DAY_US
            moved = when.term + days
            self.forbid(z3.Or(moved < 1, moved > LAST_ORDINAL), OverflowError, "date value out of range")
        else:
            moved = when.term + by
            self.forbid(z3.Or(moved < 0, moved > LAST_US), OverflowError, "date value out of range")
        return self.exact(when.kind, moved)

    # -- attributes and methods -------------------------------------------------------------------------------

    def exact_attribute(self, value: Exact, name: str) -> Value | None:
        """A part of a date or duration; ``None`` where the name is no such part."""
        if value.kind == "timedelta" and name in ("days", "seconds", "microseconds"):
            days, rest = value.term / DAY_US, value.term % DAY_US
            parts = {"days": days, "seconds": rest / 1_000_000, "microseconds": rest % 1_000_000}
            return self.value_of("i", parts[name])
        if value.kind in ("date", "datetime") and name in CIVIL:
            return self.value_of("i", calendars.civil(self._ordinal(value))[CIVIL.index(name)])
        if value.kind == "datetime" and name in PARTS:
            limit = {"hour": 24, "microsecond": 1_000_000}.get(name, 60)
            return self.value_of("i", value.term / PARTS[name] % limit)
        return None

    def _ordinal(self, value: Exact) -> Term:
        return value.term if value.kind == "date" else value.term / DAY_US + 1

    def exact_method(self, value: Exact, name: str, values: Sequence[Value], named: dict[str, Value]) -> Value:
        """A method of an exact value."""
        if value.kind == "timedelta" and name == "total_seconds" and not values:
            million = z3.IntVal(1_000_000, self.context)
            self.has_floats = True
            return self.value_of("f", arithmetic.true_ratio(value.term, million, self.context))
        if value.kind in ("date", "datetime") and not values and not named:
            ordinal = self._ordinal(value)
            if name in ("weekday", "isoweekday"):
                return self.value_of("i", (ordinal + 6) % 7 + (name == "isoweekday"))
            if name == "toordinal":
                return self.value_of("i", ordinal)
            if name == "date" and value.kind == "datetime":
                return self.exact("date", ordinal)
        if value.kind == "date" and name == "replace" and not values:
            year, month, day = (
                named.get(n, Sym("i", t)) for n, t in zip(CIVIL, calendars.civil(value.term), strict=True)
            )
            return self._call_datetime_date(year, month, day)
        return super().exact_method(value, name, values, named)
