from __future__ import annotations

import datetime as dt
import zoneinfo

import pytest

from accounts.statements.clock import iso, moment

ATHENS = zoneinfo.ZoneInfo("Europe/Athens")


def utc(text, zone=ATHENS):
    found = moment(text, zone)
    return found and f"{found:%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    "text",
    [
        "2024.01.19 14:48:00", "2024.01.19 14:48", "2024-01-19T14:48:00", "2024/01/19 14:48:00.000",
        "2024 January 19, 14:48", "2024 Jan 19, 14:48:00", "2024-01-19 12:48:00Z",
        "2024-01-19 13:48:00+01:00",
    ],
)  # fmt: skip
def test_the_forms_of_one_moment(text):
    assert utc(text) == "2024-01-19 12:48:00"


def test_summer_and_winter_have_their_own_offset():
    assert utc("2024.07.01 12:00:00") == "2024-07-01 09:00:00"
    assert utc("2024.12.01 12:00:00") == "2024-12-01 10:00:00"


def test_the_hour_that_is_shown_twice_is_its_first():
    assert utc("2024.10.27 02:59:59") == "2024-10-26 23:59:59"
    assert utc("2024.10.27 03:30:00") == "2024-10-27 00:30:00"
    assert utc("2024.10.27 04:00:00") == "2024-10-27 02:00:00"


def test_the_hour_shown_twice_is_its_second_after_a_row_of_its_first():
    first = dt.datetime(2024, 10, 27, 0, 50, tzinfo=dt.UTC)
    text = "2024.10.27 03:05:00"
    assert moment(text, ATHENS, after=first) == dt.datetime(2024, 10, 27, 1, 5, tzinfo=dt.UTC)
    other_day = first + dt.timedelta(days=1)
    assert moment(text, ATHENS, after=other_day) == moment(text, ATHENS)


def test_the_hour_that_is_skipped_is_read_with_the_offset_before():
    assert utc("2024.03.31 02:59:59") == "2024-03-31 00:59:59"
    assert utc("2024.03.31 03:30:00") == "2024-03-31 01:30:00"
    assert utc("2024.03.31 04:00:00") == "2024-03-31 01:00:00"


def test_a_server_without_clock_changes_keeps_its_offset():
    assert utc("2024.07.01 12:00:00", zoneinfo.ZoneInfo("Etc/GMT-3")) == "2024-07-01 09:00:00"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024.13.01 00:00:00",
        "2024.02.30 00:00:00",
        "0001.01.01 00:00:00",
        "٢٠٢٤.٠١.٠١",
    ],
)
def test_what_is_no_moment_is_none(text):
    assert moment(text, ATHENS) is None


def test_iso_keeps_the_servers_clock():
    assert iso("2024.01.19 14:48:00") == "2024-01-19T14:48:00"
    assert iso("tomorrow") == "tomorrow"
