"""The broker's day: which date an instant belongs to, and when that date begins and ends."""

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache

MIDNIGHT = time(0)
NOON = time(12)
ONE_DAY = timedelta(days=1)


def trading_day(at: datetime, *, zone: tzinfo, rollover: time = MIDNIGHT) -> date:
    """The date by which the broker's books label the instant `at`.

    A day begins at `rollover` on the wall clock of `zone`. It is named after the date on which most
    of it falls: a rollover at noon or later begins the next date (17:00 in New York: Sunday evening
    is Monday), an earlier one begins its own. Friday after 17:00 New York is therefore Saturday:
    kept, not moved to Monday. Raises ValueError for a naive `at`.
    """
    if at.tzinfo is None:
        raise ValueError(f"expected an aware moment, found {at.isoformat()} without a zone")
    day = at.astimezone(zone).date()
    while at >= _begins_at(day + ONE_DAY, zone, rollover):
        day += ONE_DAY
    while at < _begins_at(day, zone, rollover):
        day -= ONE_DAY
    return day


def day_bounds(day: date, *, zone: tzinfo, rollover: time = MIDNIGHT) -> tuple[datetime, datetime]:
    """The first instant of the trading day and the first of the next, in UTC.

    23 to 25 hours apart where the zone changes its clock.
    """
    return _begins_at(day, zone, rollover), _begins_at(day + ONE_DAY, zone, rollover)


@lru_cache(maxsize=65536)
def _begins_at(day: date, zone: tzinfo, rollover: time) -> datetime:
    """A wall time that the clock skips counts by the offset before; of two, the first."""
    begins_on = day - ONE_DAY if rollover >= NOON else day
    return datetime.combine(begins_on, rollover, tzinfo=zone).astimezone(UTC)
