from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

from tests.finance.venue.makers import Desk, kinds, of, only
from tradershub.finance.venue import events
from tradershub.finance.venue.orders import Duration
from tradershub.finance.venue.symbols import SwapMode, SwapTerms


def at(day, hour, minute=0):
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def desk(swap=None, **more):
    symbols = {"EURUSD": {"swap": swap}} if swap else {}
    made = Desk(symbols=symbols, **more)
    made.quote("EURUSD", "1.10000", "1.10000")
    return made


POINTS = SwapTerms(long=D("-6.5"), short=D("2.1"))


def test_swap_is_charged_at_seventeen_in_new_york_and_three_times_on_wednesday():
    d = desk(POINTS)
    d.buy("1")
    assert of(d.advance(at(2, 21, 59)), events.SwapCharged) == []
    # a point of a lot is 1 USD
    charged = only(d.advance(at(2, 22)), events.SwapCharged)
    assert (charged.amount, charged.nights, charged.at) == (D("-6.50"), 1, at(2, 22))
    d.advance(at(3, 23))
    tripled = only(d.advance(at(4, 23)), events.SwapCharged)
    assert (tripled.amount, tripled.nights) == (D("-19.50"), 3)
    assert d.figures.swap == D("-32.50")


def test_days_missed_are_made_up_in_one_step_across_the_change_of_clocks():
    d = desk(POINTS)
    d.sell("1")
    found = d.advance(at(9, 21))
    # Monday to Friday 1 + 1 + 3 + 1 + 1, nothing at the weekend, Monday again at 21:00 UTC
    assert [event.nights for event in of(found, events.SwapCharged)] == [1, 1, 3, 1, 1, 1]
    assert d.figures.swap == D("16.80")
    assert [event.at.hour for event in of(found, events.RolledOver)] == [22] * 6 + [21, 21]


def test_the_night_before_a_holiday_carries_its_charges():
    d = desk(SwapTerms(long=D("-6.5"), holidays=frozenset({at(4, 0).date()})))
    d.buy("1")
    found = d.advance(at(5, 12))
    assert [event.nights for event in of(found, events.SwapCharged)] == [1, 4]


def test_accrued_swap_is_booked_with_the_lots_that_close():
    d = desk(POINTS)
    d.buy("1")
    d.advance(at(2, 23))
    part = only(d.do("close", d.position.id, lots=D("0.3")), events.Filled)
    assert (part.swap, d.position.swap) == (D("-1.95"), D("-4.55"))
    assert d.figures.equity == D("99993.50")
    d.do("close", d.position.id)
    assert d.figures.balance == D("99993.50")


def test_swap_is_booked_each_night_where_the_broker_does():
    d = desk(POINTS, swap_daily=True)
    d.buy("1")
    d.advance(at(2, 23))
    assert (d.figures.balance, d.figures.swap) == (D("99993.50"), 0)


def test_other_ways_to_charge_a_night():
    for terms, amount in (
        (SwapTerms(mode=SwapMode.MONEY, long=D("-7")), "-14.00"),
        # 2 x 100,000 EUR x 2.5 % / 360 at the bid 1.08420 (finance.md 2.5)
        (SwapTerms(mode=SwapMode.INTEREST, long=D("-2.5")), "-15.06"),
        # 200,000 x 1.08420 x 3 % / 365
        (SwapTerms(mode=SwapMode.FINANCING, long=D("-3"), days_in_year=365), "-17.82"),
    ):
        d = desk(terms)
        d.quote("EURUSD", "1.08420", "1.08420")
        d.buy("2")
        assert only(d.advance(at(2, 22)), events.SwapCharged).amount == D(amount), terms.mode


def test_reopening_hides_the_swap_in_the_opening_price():
    d = desk(SwapTerms(mode=SwapMode.REOPEN, long=D("-5")))
    d.buy("1")
    d.advance(at(2, 22))
    assert d.position.price == D("1.10005")
    assert (d.figures.floating, d.figures.swap) == (D("-5.00"), 0)


def test_a_swap_in_yen_is_converted():
    d = Desk(symbols={"USDJPY": {"swap": SwapTerms(long=D("-10"))}})
    d.quote("USDJPY", "150.000", "150.000")
    d.buy("1", "USDJPY")
    # a point is 100 JPY = 0.67 USD, rounded before it is multiplied
    assert only(d.advance(at(2, 22)), events.SwapCharged).amount == D("-6.70")


def test_a_day_order_ends_with_the_brokers_day_and_a_gtd_order_at_its_moment():
    d = desk()
    d.buy("1", kind="limit", price="1.00000", duration=Duration.DAY)
    d.buy("1", kind="limit", price="1.00000", duration=Duration.GTD, expires_at=at(2, 12))
    d.buy("1", kind="limit", price="1.00000")
    found = d.quote("EURUSD", "1.10000", "1.10000")
    assert kinds(found) == []
    found = d.advance(at(2, 22))
    assert [(event.order, event.at) for event in of(found, events.Expired)] == [
        (2, at(2, 12)),
        (1, at(2, 22)),
    ]
    assert list(d.account.orders) == [3]


def test_an_order_does_not_fill_on_the_quote_that_comes_when_its_time_is_over():
    d = desk()
    d.buy("1", kind="limit", price="1.09000", duration=Duration.GTD, expires_at=at(2, 12))
    d.at = at(2, 12) - timedelta(seconds=1)
    found = d.quote("EURUSD", "1.08000", "1.08000")
    assert kinds(found) == ["Expired"]


def test_a_position_opened_as_the_day_ends_pays_nothing_for_it():
    d = desk(POINTS)
    d.at = at(2, 22) - timedelta(seconds=1)
    d.buy("1")
    assert of(d.advance(at(3, 21)), events.SwapCharged) == []
