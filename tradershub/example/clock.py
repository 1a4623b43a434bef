"""The broker's clock: server wall time, working days, and the nights that cost a swap.

The market here never trades over a week-end, when the clocks change, so wall time alone orders
everything.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SERVER = ZoneInfo("Europe/Athens")
WEDNESDAY = 2
TRIPLE = 3


def server_time(day: date, minutes: float = 0) -> datetime:
    """A moment of the server's clock, `minutes` after its midnight, to the second."""
    return datetime.combine(day, time(), SERVER) + timedelta(seconds=round(minutes * 60))


def is_working(day: date) -> bool:
    """True on the days on which the example's markets trade."""
    return day.weekday() < 5 and (day.month, day.day) not in {(1, 1), (12, 25)}


def working_days(first: date, last: date) -> list[date]:
    """Working days from first to last, both included."""
    span = (last - first).days + 1
    days = (first + timedelta(days=offset) for offset in range(span))
    return [day for day in days if is_working(day)]


def last_working_day(day: date) -> date:
    """The day itself, or the nearest working day before it."""
    while not is_working(day):
        day -= timedelta(days=1)
    return day


def nights(start: datetime, end: datetime) -> list[tuple[date, int]]:
    """Charged nights between two moments: (day that ended, 1, or 3 on a Wednesday)."""
    span = (end.date() - start.date()).days
    days = (start.date() + timedelta(days=offset) for offset in range(span))
    return [(day, TRIPLE if day.weekday() == WEDNESDAY else 1) for day in days if day.weekday() < 5]


def stamp(at: datetime) -> str:
    """`2026.03.05 14:07:31`, as both platforms print a moment."""
    return f"{at:%Y.%m.%d %H:%M:%S}"
