from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal as D

import pytest

from tests.finance.venue.makers import MONDAY, NEW_YORK, Desk, filled, kinds, only
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Code
from tradershub.finance.venue.orders import Duration
from tradershub.finance.venue.rules import Repeats
from tradershub.finance.venue.symbols import Hours, Session

# Sunday 17:00 to Friday 17:00, New York.
WEEK = Hours(sessions=(Session(6, time(17), 4, time(17)),), zone=NEW_YORK)


def desk(**more):
    made = Desk(**more)
    made.quote("EURUSD", "1.10000", "1.10010")
    return made


@pytest.mark.parametrize(
    ("asked", "code", "message"),
    [
        ({"symbol": "XXXYYY"}, Code.UNKNOWN_SYMBOL, "no symbol is called 'XXXYYY'"),
        ({"lots": "0"}, Code.BAD_LOTS, "lots were 0, the least is 0.01"),
        ({"lots": "0.015"}, Code.BAD_LOTS, "lots were 0.015, the step is 0.01"),
        ({"kind": "limit"}, Code.BAD_PRICE, "a limit order needs price, found none"),
        (
            {"kind": "limit", "price": "1.100001"},
            Code.BAD_PRICE,
            "price was 1.100001, expected a multiple of 0.00001",
        ),
        (
            {"duration": Duration.GTD},
            Code.BAD_EXPIRY,
            "expires_at belongs to GTD orders, and to each of them",
        ),
        ({"symbol": "USDJPY"}, Code.NO_PRICE, "USDJPY has not been quoted"),
        (
            {"position": 5},
            Code.UNKNOWN_POSITION,
            "no open position of EURUSD has the number 5",
        ),
    ],
)
def test_a_refusal_says_what_was_found_and_expected_and_changes_nothing(asked, code, message):
    d = desk()
    before = d.figures
    side, lots, symbol = "buy", asked.pop("lots", "1"), asked.pop("symbol", "EURUSD")
    refused = only(d.submit(side, lots, symbol, **asked), events.Rejected)
    assert (refused.code, refused.message) == (code, message)
    assert (d.figures, d.account.orders) == (before, {})


def test_margin_that_is_not_free_is_refused_with_figures():
    d = desk(deposit="1000")
    refused = only(d.buy("1"), events.Rejected)
    # 1 lot at 1:100 and 1.10010
    assert refused.code is Code.NO_MONEY
    assert refused.message == (
        "1 lots of EURUSD need 1100.10 USD of margin and 0 USD of commission, free are 1000.00 USD"
    )
    assert kinds(d.buy("0.9"))[-1] != "Rejected"


def test_a_resting_order_is_asked_for_margin_when_it_fills():
    d = desk(deposit="1000")
    d.buy("1", kind="limit", price="1.09000")
    cancelled = only(d.quote("EURUSD", "1.08980", "1.09000"), events.Cancelled)
    assert cancelled.code is Code.NO_MONEY


def test_closing_needs_no_margin_even_where_it_opens_a_hedge():
    d = desk(deposit="1200", stop_level=D(0), call_level=D(0))
    d.buy("1")
    d.sell("1")
    d.quote("EURUSD", "1.09100", "1.09110")
    assert filled(d.do("close", next(iter(d.account.positions)))).profit == D("-910.00")


def test_a_repeated_client_id_gets_what_the_broker_gives():
    def second(repeats, *, first_fills=True):
        d = desk(repeats=repeats)
        more = {} if first_fills else {"kind": "limit", "price": "1.00000"}
        d.buy("1", client_id="x", **more)
        return d.buy("1", client_id="x")

    assert only(second(Repeats.REFUSE), events.Rejected).message == (
        "client id 'x' belongs to order 1 already"
    )
    assert only(second(Repeats.REFUSE), events.Rejected).order == 1
    assert only(second(Repeats.RETURN), events.Repeated).order == 1
    assert filled(second(Repeats.ALLOW))
    assert filled(second(Repeats.REFUSE_WORKING))
    assert only(second(Repeats.REFUSE_WORKING, first_fills=False), events.Rejected)


def test_a_refused_order_leaves_its_client_id_free():
    d = desk()
    d.buy("0", client_id="x")
    assert filled(d.buy("1", client_id="x"))


def test_hours_decide_what_is_open():
    assert WEEK.is_open(MONDAY)
    friday = datetime(2026, 3, 6, 21, 59, tzinfo=UTC)
    assert WEEK.is_open(friday)
    assert not WEEK.is_open(friday + timedelta(minutes=1))
    assert not WEEK.is_open(datetime(2026, 3, 8, 20, 59, tzinfo=UTC))
    # New York changed its clock that night: 17:00 is 21:00 UTC now.
    assert WEEK.is_open(datetime(2026, 3, 8, 21, 0, tzinfo=UTC))
    assert not replace(WEEK, closed_on=frozenset({MONDAY.date()})).is_open(MONDAY)


def test_a_closed_market_refuses_what_is_now_and_lets_the_rest_wait():
    d = desk(symbols={"EURUSD": {"hours": WEEK}})
    d.advance(datetime(2026, 3, 7, 12, tzinfo=UTC))
    refused = only(d.buy("1"), events.Rejected)
    assert refused.code is Code.MARKET_CLOSED
    assert kinds(d.buy("1", kind="limit", price="1.20000")) == ["Accepted"]
    assert kinds(d.quote("EURUSD", "1.10000", "1.10010")) == []
    d.at = datetime(2026, 3, 8, 21, 30, tzinfo=UTC)
    assert filled(d.quote("EURUSD", "1.10000", "1.10010"))


def test_a_closed_market_refuses_resting_orders_where_the_broker_does():
    d = desk(symbols={"EURUSD": {"hours": WEEK}}, rests_when_closed=False)
    d.advance(datetime(2026, 3, 7, 12, tzinfo=UTC))
    refused = only(d.buy("1", kind="limit", price="1.00000"), events.Rejected)
    assert refused.code is Code.MARKET_CLOSED


def test_misuse_raises():
    d = desk()
    with pytest.raises(ValueError, match="without a zone"):
        d.venue.advance(datetime(2026, 3, 3))  # noqa: DTZ001
    with pytest.raises(ValueError, match="or later"):
        d.venue.advance(MONDAY - timedelta(days=1))
    with pytest.raises(ValueError, match="no account is called 'b'"):
        d.venue.cancel("b", 1, d.tick())
    with pytest.raises(ValueError, match="bid <= ask"):
        d.venue.quote("EURUSD", D("1.2"), D("1.1"), d.tick())
