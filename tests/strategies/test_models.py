"""When a strategy may trade."""

import datetime as dt

import pytest

from strategies.models import Strategy
from tests.factories import moment


def strategy(**fields):
    return Strategy(key="mr", **fields)


@pytest.mark.parametrize(
    ("status", "may"),
    [
        ("development", False), ("testing", True), ("live", True), ("paused", False), ("archived", False),
    ],
)  # fmt: skip
def test_only_testing_and_live_strategies_trade(status, may):
    assert strategy(status=status).may_trade is may


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-03-02 07:59", False),
        ("2026-03-02 08:00", True),
        ("2026-03-02 16:59", True),
        ("2026-03-02 17:00", False),
    ],
)
def test_hours_begin_and_end_by_the_minute(at, is_open):
    hours = {"trades_from": dt.time(8), "trades_until": dt.time(17)}

    assert strategy(**hours).is_open_at(moment(at)) is is_open


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-03-06 22:30", True),  # Friday evening
        ("2026-03-07 01:30", True),  # the same night, Saturday by the calendar
        ("2026-03-07 22:30", False),
        ("2026-03-06 01:30", False),  # Thursday's night, and Thursday is not listed
        ("2026-03-06 12:00", False),
    ],
)
def test_hours_over_midnight_are_of_the_day_on_which_they_begin(at, is_open):
    night = {"trades_from": dt.time(22), "trades_until": dt.time(2), "weekdays": ["Fri"]}

    assert strategy(**night).is_open_at(moment(at)) is is_open


def test_hours_follow_their_zone_over_the_clock_change():
    hours = {"trades_from": dt.time(9), "trades_until": dt.time(10)}
    york = strategy(**hours, time_zone="America/New_York")

    assert york.is_open_at(moment("2026-03-06 14:30"))  # winter
    assert york.is_open_at(moment("2026-03-09 13:30"))  # summer
    assert not york.is_open_at(moment("2026-03-09 14:30"))


def test_weekdays_alone_close_whole_days():
    assert strategy(weekdays=["Mon"]).is_open_at(moment("2026-03-02 23:59"))
    assert not strategy(weekdays=["Mon"]).is_open_at(moment("2026-03-03 00:00"))
