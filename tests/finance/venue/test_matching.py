from dataclasses import replace
from decimal import Decimal as D

import pytest

from tests.finance.venue.makers import Desk, filled, kinds, market, of, only, request, stops
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Code
from tradershub.finance.venue.orders import Duration, Kind, Reason, Trigger
from tradershub.finance.venue.rules import Slippage
from tradershub.finance.venue.venue import replay


def desk(**more):
    made = Desk(**more)
    made.quote("EURUSD", "1.10000", "1.10010")
    return made


def test_a_long_opens_at_the_ask_and_closes_at_the_bid():
    d = desk()
    assert filled(d.buy("1")).price == D("1.10010")
    d.quote("EURUSD", "1.10110", "1.10120")
    closing = filled(d.do("close", d.position.id))
    # 100,000 x (1.10110 - 1.10010)
    assert (closing.price, closing.profit, closing.entry) == (D("1.10110"), D("100.00"), "out")
    assert d.figures.balance == D("100100.00")


def test_a_short_opens_at_the_bid_and_closes_at_the_ask():
    d = desk()
    assert filled(d.sell("1")).price == D("1.10000")
    d.quote("EURUSD", "1.09900", "1.09910")
    assert filled(d.do("close", d.position.id)).profit == D("90.00")


@pytest.mark.parametrize(
    ("side", "price", "reached", "price_filled"),
    [
        ("buy", "1.09900", ("1.09889", "1.09899"), "1.09899"),
        ("sell", "1.10200", ("1.10205", "1.10215"), "1.10205"),
    ],
)
def test_a_limit_rests_until_its_own_side_reaches_it_and_fills_at_the_better_market(
    side, price, reached, price_filled
):
    d = desk()
    assert kinds(d.submit(side, "1", kind="limit", price=price)) == ["Accepted"]
    assert filled(d.quote("EURUSD", *reached)).price == D(price_filled)


def test_a_limit_fills_at_its_own_price_where_the_broker_keeps_the_improvement():
    d = desk(improves=False)
    d.buy("1", kind="limit", price="1.09900")
    assert filled(d.quote("EURUSD", "1.09000", "1.09010")).price == D("1.09900")


def test_a_limit_is_not_filled_by_the_other_side_of_the_spread():
    d = desk()
    d.buy("1", kind="limit", price="1.10005")
    assert of(d.quote("EURUSD", "1.09990", "1.10006"), events.Filled) == []


def test_a_stop_fires_and_fills_at_the_market_even_across_a_gap():
    d = desk()
    d.sell("1", kind="stop", price="1.09900")
    found = d.quote("EURUSD", "1.05000", "1.05100")
    assert kinds(found)[:2] == ["Triggered", "Filled"]
    assert filled(found).price == D("1.05000")


def test_a_stop_whose_price_is_passed_fires_at_once_or_is_refused_as_the_broker_does():
    assert filled(desk().buy("1", kind="stop", price="1.10000")).price == D("1.10010")
    refused = only(
        desk(rejects_passed=True).buy("1", kind="stop", price="1.10000"), events.Rejected
    )
    assert refused.code is Code.BAD_PRICE
    assert refused.message == "price was 1.1, the market at 1.1001 has passed it"


def test_a_stop_limit_becomes_a_limit_and_does_not_chase():
    d = desk()
    d.buy("1", kind="stop_limit", price="1.10100", limit_price="1.10120")
    assert kinds(d.quote("EURUSD", "1.10200", "1.10210")) == ["Triggered"]
    assert filled(d.quote("EURUSD", "1.10105", "1.10115")).price == D("1.10115")


def test_a_trailing_stop_follows_the_market_and_never_goes_back():
    d = desk()
    d.sell("1", kind="trailing_stop", distance="0.00100")
    order = next(iter(d.account.orders))
    levels = []
    for bid in ("1.10050", "1.10020", "1.10080"):
        d.quote("EURUSD", bid, "1.10090")
        levels.append(d.account.orders[order].level)
    assert levels == [D("1.09950"), D("1.09950"), D("1.09980")]
    assert filled(d.quote("EURUSD", "1.09980", "1.09990")).price == D("1.09980")


def test_an_if_touched_order_goes_to_the_market_at_a_better_price():
    d = desk()
    d.buy("1", kind="if_touched", price="1.09900")
    assert of(d.quote("EURUSD", "1.09895", "1.09905"), events.Filled) == []
    assert filled(d.quote("EURUSD", "1.09800", "1.09810")).price == D("1.09810")


@pytest.mark.parametrize(
    ("trigger", "fires"),
    [
        (Trigger.DEFAULT, True),
        (Trigger.BID, True),
        (Trigger.MID, True),
        (Trigger.ASK, False),
        (Trigger.INVERSE, False),
    ],
)
def test_the_price_that_fires_a_sell_stop_can_be_chosen(trigger, fires):
    d = desk()
    d.sell("1", kind="stop", price="1.09900", trigger=trigger)
    found = d.quote("EURUSD", "1.09890", "1.09910")
    assert bool(of(found, events.Triggered)) == fires


def test_slippage_is_against_the_trader_fixed_or_drawn_from_the_seed():
    fixed = desk(slippage=Slippage(3, 3))
    assert filled(fixed.buy("1")).price == D("1.10013")
    assert filled(fixed.sell("1")).price == D("1.09997")

    def prices(seed):
        d = desk(slippage=Slippage(0, 20), seed=seed)
        return [filled(d.buy("0.01")).price for _ in range(20)]

    assert prices(1) == prices(1) != prices(2)
    assert all(D("1.10010") <= price <= D("1.10030") for price in prices(1))
    assert len(set(prices(1))) > 5


def test_a_limit_never_slips():
    d = desk(slippage=Slippage(5, 5))
    assert filled(d.buy("1", kind="limit", price="1.10010")).price == D("1.10010")


def test_a_bound_cancels_what_would_fill_worse():
    d = desk(slippage=Slippage(5, 5))
    found = only(d.buy("1", bound="1.10012"), events.Cancelled)
    assert (found.code, found.message) == (
        Code.BOUND_PASSED,
        "the market is at 1.10015, accepted was 1.10012",
    )


def test_size_on_offer_fills_in_part_and_the_rest_waits_for_the_next_quote():
    d = desk()
    d.quote("EURUSD", "1.10000", "1.10010", ask_size="2")
    assert filled(d.buy("5")).lots == 2
    assert kinds(d.buy("1")) == ["Accepted"], "the size is used up"
    found = d.quote("EURUSD", "1.10020", "1.10030")
    assert [deal.lots for deal in of(found, events.Filled)] == [3, 1]
    first = min(d.account.positions.values(), key=lambda position: position.id)
    # (2 x 1.10010 + 3 x 1.10030) / 5
    assert (first.lots, first.price) == (5, D("1.10022"))


def test_ioc_cancels_the_rest_and_fok_takes_all_or_nothing():
    d = desk()
    d.quote("EURUSD", "1.10000", "1.10010", ask_size="2")
    found = d.buy("5", duration=Duration.FOK)
    assert kinds(found) == ["Accepted", "Cancelled"]
    found = d.buy("5", duration=Duration.IOC)
    assert kinds(found) == ["Accepted", "Filled", "PositionOpened", "Cancelled"]
    assert only(found, events.Cancelled).message == "2.00 of 5 lots could be filled at once"


def test_an_ioc_limit_that_is_not_reached_is_cancelled_at_once():
    found = desk().buy("1", kind="limit", price="1.09000", duration=Duration.IOC)
    assert kinds(found) == ["Accepted", "Cancelled"]


def test_a_position_is_left_at_its_stop_and_at_its_target():
    for bid, reason, price in (
        ("1.09890", Reason.STOP_LOSS, "1.09890"),
        ("1.10350", Reason.TAKE_PROFIT, "1.10350"),
    ):
        d = desk()
        d.buy("1", stops=stops(stop_loss="1.09900", take_profit="1.10300"))
        deal = filled(d.quote("EURUSD", bid, bid))
        assert (deal.reason, deal.price) == (reason, D(price))
        assert not d.account.positions


def test_stops_by_distance_count_from_the_fill():
    d = desk()
    d.sell("1", stops=stops(stop_distance="0.00200", take_distance="0.00300"))
    assert (d.position.stop_loss, d.position.take_profit) == (D("1.10200"), D("1.09700"))


def test_the_stop_of_a_pending_order_protects_its_position():
    d = desk()
    d.buy("1", kind="limit", price="1.09900", stops=stops(stop_loss="1.09800"))
    d.quote("EURUSD", "1.09890", "1.09900")
    assert d.position.stop_loss == D("1.09800")
    d.quote("EURUSD", "1.09700", "1.09710")
    assert not d.account.positions


def test_a_trailing_stop_loss_follows_and_closes():
    d = desk()
    d.buy("1", stops=stops(trail="0.00100"))
    d.quote("EURUSD", "1.10300", "1.10310")
    assert d.position.stop_loss == D("1.10200")
    d.quote("EURUSD", "1.10250", "1.10260")
    deal = filled(d.quote("EURUSD", "1.10190", "1.10200"))
    assert (deal.reason, deal.price) == (Reason.TRAILING_STOP, D("1.10190"))


def test_what_a_stop_could_not_close_for_lack_of_size_is_closed_later_without_firing_again():
    d = desk()
    d.buy("5", stops=stops(stop_loss="1.09900"))
    d.quote("EURUSD", "1.09890", "1.09900", bid_size="2")
    assert d.position.lots == 3
    found = d.quote("EURUSD", "1.09880", "1.09890")
    assert kinds(found) == ["Filled", "PositionClosed"]


def test_stops_on_the_wrong_side_or_too_near_are_refused():
    d = desk(symbols={"EURUSD": {"stops_level": 20}})
    refused = only(d.buy("1", stops=stops(stop_loss="1.10100")), events.Rejected)
    assert refused.code is Code.BAD_STOPS
    refused = only(d.buy("1", stops=stops(stop_loss="1.09990")), events.Rejected)
    assert refused.message == "stop_loss was 1.0999, expected below 1.1 by 0.0002 or more"
    assert kinds(d.buy("1", stops=stops(stop_loss="1.09980")))[-1] == "PositionOpened"


@pytest.mark.parametrize(
    ("kind", "price", "level", "fits"),
    [
        (Kind.LIMIT, "1.15", {"stop_loss": "1.148"}, False),
        (Kind.LIMIT, "1.15", {"take_profit": "1.12"}, True),
        (Kind.STOP, "1.05", {"stop_loss": "1.098"}, True),
        (Kind.IF_TOUCHED, "1.05", {"stop_loss": "1.098"}, False),
    ],
)
def test_stops_of_what_the_market_has_passed_lie_on_their_sides_of_it(kind, price, level, fits):
    found = desk().buy("1", kind=kind, price=price, stops=stops(**level))
    assert (kinds(found)[-1] != "Rejected") == fits


def test_protect_sets_and_removes_stops():
    d = desk()
    d.buy("1")
    d.do("protect", d.position.id, stops(stop_loss="1.09000"))
    assert d.position.stop_loss == D("1.09000")
    d.do("protect", d.position.id, stops())
    assert d.position.stop_loss is None
    refused = only(d.do("protect", d.position.id, stops(stop_loss="1.20000")), events.Rejected)
    assert refused.code is Code.BAD_STOPS


def test_the_first_of_a_bracket_that_fills_cancels_the_other():
    d = desk()
    d.buy("1", kind="stop", price="1.10100", oco="x")
    d.sell("1", kind="stop", price="1.09900", oco="x")
    found = d.quote("EURUSD", "1.10110", "1.10120")
    assert only(found, events.Cancelled).code is Code.BRACKET
    assert not d.account.orders


def test_an_amended_order_fills_where_its_new_price_is_reached():
    d = desk()
    placed = only(d.buy("1", kind="limit", price="1.09000"), events.Accepted).order
    found = d.do("amend", placed.id, request("buy", "1", kind="limit", price="1.10050"))
    assert kinds(found) == ["Amended", "Filled", "PositionOpened"]
    assert filled(found).price == D("1.10010")


def test_an_amendment_cannot_turn_an_order_round():
    d = desk()
    placed = only(d.buy("1", kind="limit", price="1.09000"), events.Accepted).order
    found = d.do("amend", placed.id, request("sell", "1", kind="limit", price="1.20000"))
    assert only(found, events.Rejected).message == "an amendment keeps the side buy, found sell"


def test_a_cancelled_order_is_gone_and_cancelling_again_is_refused():
    d = desk()
    placed = only(d.buy("1", kind="limit", price="1.09000"), events.Accepted).order
    assert kinds(d.do("cancel", placed.id)) == ["Cancelled"]
    assert only(d.do("cancel", placed.id), events.Rejected).code is Code.UNKNOWN_ORDER


def test_nothing_fills_while_the_market_is_not_tradable():
    d = desk()
    d.buy("1", stops=stops(stop_loss="1.09900"))
    d.buy("1", kind="limit", price="1.09900")
    assert kinds(d.quote("EURUSD", "1.09000", "1.09010", tradable=False)) == []
    assert only(d.buy("1"), events.Rejected).code is Code.MARKET_CLOSED
    assert len(of(d.quote("EURUSD", "1.08000", "1.08010"), events.Filled)) == 2


def test_an_amendment_keeps_how_far_a_trailing_stop_has_come():
    d = desk()
    asked = request("sell", "1", kind="trailing_stop", distance="0.00100")
    placed = only(d.take(d.venue.submit("a", asked, d.tick())), events.Accepted).order
    d.quote("EURUSD", "1.10500", "1.10510")
    d.quote("EURUSD", "1.10450", "1.10460")
    d.do("amend", placed.id, replace(asked, comment="kept"))
    assert d.account.orders[placed.id].level == D("1.10400")
    d.do("amend", placed.id, replace(asked, distance=D("0.00200")))
    assert d.account.orders[placed.id].level == D("1.10250")


def test_an_exit_waits_for_the_rate_that_books_it():
    """An account rebuilt from its own events has no rates until the pairs are quoted again."""
    d = desk()
    d.quote("DAX", "18000.0", "18000.0")
    d.buy("1", "DAX", stops=stops(stop_loss="17900.0"))
    venue = replay(market(), [event for event in d.log if event.account == "a"])
    assert of(venue.quote("DAX", D(17850), D(17850), d.tick()), events.Filled) == []
    venue.quote("EURUSD", D("1.10000"), D("1.10000"), d.tick())
    assert filled(venue.quote("DAX", D(17840), D(17840), d.tick())).profit == D("-176.00")
