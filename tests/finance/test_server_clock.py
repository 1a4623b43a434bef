"""A server whose clock was set from one zone to another reads every time as it was shown."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest

from accounts.statements.clock import moment
from tradershub.finance.server_clock import ServerClock
from tradershub.finance.trading_day import day_bounds, trading_day

ATHENS, LONDON = zoneinfo.ZoneInfo("Europe/Athens"), zoneinfo.ZoneInfo("Europe/London")
CLOCK = ServerClock(((ATHENS, dt.date(2024, 6, 1)),), LONDON)


@pytest.mark.parametrize(
    ("shown", "in_utc"),
    [
        ("2024.01.10 12:00", "2024-01-10 10:00"),
        ("2024.03.31 02:59", "2024-03-31 00:59"),
        ("2024.03.31 04:00", "2024-03-31 01:00"),
        ("2024.05.31 23:59", "2024-05-31 20:59"),
        ("2024.06.01 00:00", "2024-05-31 23:00"),
        ("2024.10.27 00:59", "2024-10-26 23:59"),
        ("2024.10.27 02:00", "2024-10-27 02:00"),
    ],
)
def test_a_time_is_read_in_the_zone_of_its_day(shown, in_utc):
    at = moment(shown, CLOCK)
    assert f"{at:%Y-%m-%d %H:%M}" == in_utc
    assert f"{at.astimezone(CLOCK):%Y.%m.%d %H:%M}" == shown


def test_an_hour_shown_twice_is_told_apart_by_what_came_before():
    before = dt.datetime(2024, 10, 27, 0, 50, tzinfo=dt.UTC)
    assert moment("2024.10.27 01:10", CLOCK, after=before).hour == 1
    assert moment("2024.10.27 01:10", CLOCK).hour == 0


def test_trading_days_follow_the_clock_of_their_time():
    late = dt.datetime(2024, 5, 30, 21, 30, tzinfo=dt.UTC)
    assert trading_day(late, zone=CLOCK) == dt.date(2024, 5, 31)
    assert trading_day(late + dt.timedelta(days=30), zone=CLOCK) == dt.date(2024, 6, 29)
    begins, ends = day_bounds(dt.date(2024, 5, 31), zone=CLOCK)
    assert ends - begins == dt.timedelta(hours=26)


def test_equal_clocks_are_one_clock():
    assert ServerClock(((ATHENS, dt.date(2024, 6, 1)),), LONDON) == CLOCK
    assert len({CLOCK, ServerClock(CLOCK.earlier, LONDON)}) == 1
