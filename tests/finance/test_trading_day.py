from datetime import UTC, date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradershub.finance.trading_day import day_bounds, trading_day

NEW_YORK = ZoneInfo("America/New_York")
ATHENS = ZoneInfo("Europe/Athens")
CAIRO = ZoneInfo("Africa/Cairo")
FIVE_PM = time(17)


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (utc(2024, 3, 7, 21, 59, 59), date(2024, 3, 7)),
        (utc(2024, 3, 7, 22, 0), date(2024, 3, 8)),
        (utc(2024, 3, 11, 20, 59, 59), date(2024, 3, 11)),
        (utc(2024, 3, 11, 21, 0), date(2024, 3, 12)),
        (utc(2024, 11, 1, 21, 0), date(2024, 11, 2)),
        (utc(2024, 11, 4, 21, 59), date(2024, 11, 4)),
        (utc(2024, 11, 4, 22, 0), date(2024, 11, 5)),
    ],
)
def test_five_pm_new_york_begins_the_next_day_in_summer_and_winter(at, expected):
    assert trading_day(at, zone=NEW_YORK, rollover=FIVE_PM) == expected


def test_friday_evening_is_kept_as_saturday():
    at = utc(2024, 6, 7, 21, 30)
    assert trading_day(at, zone=NEW_YORK, rollover=FIVE_PM) == date(2024, 6, 8)


def test_server_midnight_is_the_default():
    assert trading_day(utc(2024, 1, 10, 21, 59), zone=ATHENS) == date(2024, 1, 10)
    assert trading_day(utc(2024, 1, 10, 22, 0), zone=ATHENS) == date(2024, 1, 11)
    assert trading_day(utc(2024, 7, 10, 21, 0), zone=ATHENS) == date(2024, 7, 11)


def test_a_morning_rollover_begins_its_own_date():
    at = datetime(2024, 1, 10, 5, 59, tzinfo=ATHENS)
    assert trading_day(at, zone=ATHENS, rollover=time(6)) == date(2024, 1, 9)
    assert trading_day(at + timedelta(minutes=1), zone=ATHENS, rollover=time(6)) == date(
        2024, 1, 10
    )


@pytest.mark.parametrize(
    ("day", "hours"),
    [(date(2024, 3, 31), 23), (date(2024, 10, 27), 25), (date(2024, 6, 3), 24)],
)
def test_days_of_the_clock_change_are_23_and_25_hours(day, hours):
    begins, ends = day_bounds(day, zone=ATHENS)
    assert ends - begins == timedelta(hours=hours)


def test_a_midnight_that_the_clock_skips_is_the_change_itself():
    begins, _ = day_bounds(date(2024, 4, 26), zone=CAIRO)
    assert begins == utc(2024, 4, 25, 22, 0)


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="aware"):
        trading_day(datetime(2024, 1, 1), zone=ATHENS)  # noqa: DTZ001


moments = st.datetimes(min_value=datetime(1990, 1, 1), max_value=datetime(2037, 1, 1)).map(  # noqa: DTZ001
    lambda at: at.replace(tzinfo=UTC)
)
zones = st.sampled_from(
    [NEW_YORK, ATHENS, CAIRO, UTC, timezone(timedelta(hours=3)), ZoneInfo("Australia/Lord_Howe")]
)
rollovers = st.sampled_from([time(0), time(1, 30), time(2, 30), FIVE_PM, time(23, 59)])


@given(moments, zones, rollovers)
def test_each_moment_lies_within_the_bounds_of_its_day(at, zone, rollover):
    begins, ends = day_bounds(
        trading_day(at, zone=zone, rollover=rollover), zone=zone, rollover=rollover
    )
    assert begins <= at < ends
