"""The proleptic Gregorian calendar as integer terms: ordinals to year, month and day, and back.

Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (days_from_civil, civil_from_days), with Python's
ordinals (1 is 0001-01-01). Terms or plain ints alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import z3

if TYPE_CHECKING:
    from maestro_symbolic.engine.values import Term

LAST_ORDINAL = 3_652_059
DAY_US = 86_400_000_000
LAST_US = LAST_ORDINAL * DAY_US - 1
MAX_DAYS = 999_999_999
ERA = 146_097  # days in 400 years


def civil(ordinal: Term) -> tuple[Term, Term, Term]:
    """Year, month and day of an ordinal."""
    days = ordinal + 305
    era = days / ERA
    day_of_era = days - era * ERA
    leaps = day_of_era / 1460 - day_of_era / 36_524 + day_of_era / 146_096
    year_of_era = (day_of_era - leaps) / 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100)
    shifted = (5 * day_of_year + 2) / 153
    day = day_of_year - (153 * shifted + 2) / 5 + 1
    month = z3.If(shifted < 10, shifted + 3, shifted - 9)
    return year_of_era + era * 400 + z3.If(month <= 2, 1, 0), month, day


def ordinal_of(year: Term, month: Term, day: Term) -> Term:
    """The ordinal of a valid date."""
    year = year - z3.If(month <= 2, 1, 0)
    era = year / 400
    year_of_era = year - era * 400
    day_of_year = (153 * (month + z3.If(month > 2, -3, 9)) + 2) / 5 + day - 1
    return era * ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 305


def month_length(year: Term, month: Term) -> Term:
    """Days in a month."""
    leap = z3.And(year % 4 == 0, z3.Or(year % 100 != 0, year % 400 == 0))
    short = z3.Or(month == 4, month == 6, month == 9, month == 11)
    return z3.If(month == 2, z3.If(leap, 29, 28), z3.If(short, 30, 31))
