"""Whether a change was carried out is read from every term that the broker states, and never guessed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal as D

import pytest

from brokers.adapters.messages import Duration, Kind, OrderReport, OrderTicket, Status, Stops
from trading.reconcile import is_as_asked

DAY = dt.datetime(2026, 12, 30, tzinfo=dt.UTC)
TERMS = {
    "symbol": "EURUSD", "side": "buy", "lots": D(1), "kind": Kind.LIMIT, "price": D("1.05"),
    "duration": Duration.GTD, "expires_at": DAY, "stops": Stops(stop_loss=D("1.04")),
}  # fmt: skip
ASKED = OrderTicket(client_id="T1", **TERMS)
FOUND = OrderReport(
    client_id="T1", broker_order_id="1", status=Status.WORKING, placed_at=DAY, **TERMS
)


def test_an_order_that_is_stated_as_asked_was_changed():
    assert is_as_asked(ASKED, FOUND)
    assert is_as_asked(ASKED, replace(FOUND, expires_at=DAY + dt.timedelta(microseconds=5)))


@pytest.mark.parametrize(
    "stated",
    [
        {"lots": D(2)},
        {"price": D("1.06")},
        {"stops": Stops()},
        {"duration": Duration.GTC, "expires_at": None},
        {"expires_at": dt.datetime(2026, 11, 25, tzinfo=dt.UTC)},
        {"expires_at": None},
    ],
)
def test_an_order_that_is_stated_otherwise_was_not(stated):
    assert not is_as_asked(ASKED, replace(FOUND, **stated))


def test_a_trailing_stop_is_known_by_its_distance_and_not_by_its_price():
    trailing = {"kind": Kind.TRAILING_STOP, "price": None, "distance": D("0.01")}
    asked = replace(ASKED, **trailing)
    found = replace(FOUND, **trailing | {"price": D("1.0951")})  # where it stands now
    assert is_as_asked(asked, found)
    assert not is_as_asked(asked, replace(found, distance=D("0.02")))


def test_what_ends_with_its_day_needs_no_moment():
    asked = replace(ASKED, duration=Duration.DAY, expires_at=None)
    assert is_as_asked(asked, replace(FOUND, duration=Duration.DAY))
