"""Each rule by its figures: what it lets through, what it refuses, what it says it needs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

import pytest

from risk import rules
from risk.allowances import SHARED
from risk.facts import BestDay, BlackoutFact, Figure, Holding, Losses, Missing, Price, Standing
from risk.kinds import Kind, Trail, Unit, Window
from tests.risk.orders import AT, ask, close, d, limit, order, question
from tradershub.finance.correlation import Correlation


def code(check) -> str:
    return check.code


def holding(**fields) -> Holding:
    given = {
        "account_id": 1, "owner_id": 1, "symbol": "GBPUSD", "instrument_id": 8, "ref": "1",
        "side": "buy", "lots": d(1), "base": "GBP", "quote": "USD", "point_value": d(100000),
        "price": d("1.25"), "open_price": d("1.25"), "stop_loss": d("1.24"),
    }  # fmt: skip
    return Holding(**{**given, **fields})


def test_a_stop_is_named_as_its_person_calls_it():
    text = rules.kill_switch(question(standing=Standing(True, 3, "owner", "lunch"))).text
    assert text == "Trading is stopped (all of your accounts): lunch"


@pytest.mark.parametrize(
    ("standing", "again", "under", "expected"),
    [
        (Standing(False, 3), False, None, ""),
        (Standing(True, 3, "owner", "lunch"), False, None, "KILL_SWITCH"),
        (Standing(False, 3), True, 3, ""),
        (Standing(False, 4), True, 3, "KILL_SWITCH"),  # stopped and released since
        (Standing(False, 4), True, None, "KILL_SWITCH"),
    ],
)
def test_kill_switch(standing, again, under, expected):
    asked = question(standing=standing, again=again, reserved_under=under)
    assert code(rules.kill_switch(asked)) == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ""),
        ({"account_open": False}, "ACCOUNT_OPEN"),
        ({"may_trade": False}, "MAY_TRADE"),
        ({"platform_enabled": False}, "PLATFORM_ENABLED"),
        ({"connection_enabled": False}, "CONNECTION_ENABLED"),
        ({"account_is_live": True}, "LIVE_MISMATCH"),
        ({"account_is_live": True, "connection_is_live": True}, ""),
    ],
)
def test_account_state(fields, expected):
    assert code(rules.account_state(question(order(**fields)))) == expected


@pytest.mark.parametrize(
    ("lots", "fields", "expected"),
    [
        ("0.01", {}, ""),
        ("0", {}, "BAD_SIZE"),
        ("-1", {}, "BAD_SIZE"),
        ("NaN", {}, "BAD_SIZE"),
        ("0.005", {}, "BAD_SIZE"),
        ("0.015", {}, "BAD_SIZE"),
        ("100", {}, ""),
        ("100.01", {}, "BAD_SIZE"),
        ("100000", {"lot_max": None}, ""),
        ("3", {"lot_min": d(1), "lot_step": d(1)}, ""),  # a platform of whole contracts
        ("1.5", {"lot_min": d(1), "lot_step": d(1)}, "BAD_SIZE"),
    ],
)
def test_size(lots, fields, expected):
    asked = replace(question(), order=order(lots=d(lots), **fields))
    assert code(rules.size(asked)) == expected


def test_an_exit_needs_no_terms_for_its_size():
    asked = close(lots=d("0.003"), lot_min=None, lot_step=None)
    assert rules.size(question(asked)).passed


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({}, ""), ({"session_open": False}, "SESSION_CLOSED")],
)
def test_session(fields, expected):
    assert code(rules.session(question(order(**fields)))) == expected


def window(hours=1, **about):
    return BlackoutFact(id=1, event="Payrolls", ends_at=AT + dt.timedelta(hours=hours), **about)


@pytest.mark.parametrize(
    ("about", "order_fields", "expected"),
    [
        ({}, {}, "BLACKOUT"),
        ({"currency": "EUR"}, {}, "BLACKOUT"),
        ({"currency": "USD"}, {}, "BLACKOUT"),
        ({"currency": "JPY"}, {}, ""),
        ({"currency": "USD"}, {"symbol": "US500", "base": "US500"}, "BLACKOUT"),
        ({"instrument_id": 7}, {}, "BLACKOUT"),
        ({"instrument_id": 8}, {}, ""),
    ],
)
def test_blackout(about, order_fields, expected):
    asked = question(order(**order_fields), blackouts=(window(**about),))
    assert code(rules.blackout(asked)) == expected


def test_of_two_blackouts_the_one_is_named_that_ends_last():
    asked = question(blackouts=(window(hours=2), window(hours=3), window(hours=1)))
    said = rules.blackout(asked).text
    assert said == "No new entries before 2024-03-06 13:00:00 UTC: Payrolls"


def test_a_blackout_of_a_currency_cannot_be_judged_for_a_symbol_without_one():
    with pytest.raises(Missing, match="base"):
        rules.blackout(question(order(base=None), blackouts=(window(currency="EUR"),)))


@pytest.mark.parametrize(
    ("seconds", "most", "expected"),
    [(60, 60, ""), (61, 60, "STALE"), (-600, 60, ""), (11, 10, "STALE")],
)
def test_signal_age(seconds, most, expected):
    asked = question(order(signal_at=AT - dt.timedelta(seconds=seconds)))
    bound = limit(Kind.SIGNAL_AGE, most, Unit.SECONDS)
    assert code(rules.signal_age_limit(asked, bound)) == expected


def test_a_person_has_no_signal_that_could_be_old():
    assert rules.signal_age(question()).passed


@pytest.mark.parametrize(("now", "then", "expected"), [(7, 7, ""), (7, 8, "MAPPING_CHANGED")])
def test_mapping_is_pinned(now, then, expected):
    asked = question(order(instrument_id=now), again=True, pinned_instrument=then)
    assert code(rules.mapping(asked)) == expected


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [
        ("EURUSD", ""),
        ("EURUSDm", "SYMBOL_NOT_ALLOWED"),
        ("eurusd", "SYMBOL_NOT_ALLOWED"),
        ("ЕURUSD", "SYMBOL_NOT_ALLOWED"),  # a Cyrillic letter
        ("ＥＵＲＵＳＤ", "SYMBOL_NOT_ALLOWED"),  # full width
    ],
)
def test_symbols_allowed(symbol, expected):
    bound = limit(Kind.SYMBOLS, 0, Unit.SYMBOLS, words=("EURUSD",))
    assert code(rules.symbols_allowed(question(order(symbol=symbol)), bound)) == expected


@pytest.mark.parametrize(
    ("bid", "ask_price", "seconds", "expected"),
    [
        ("1.1", "1.1002", 0, ""),
        ("1.1", "1.1", 30, ""),
        ("1.1", "1.1002", 31, "STALE_QUOTE"),
        ("1.1", "1.1002", -5, ""),
        ("1.1", "1.1002", -6, "STALE_QUOTE"),  # of a clock that ran ahead
        ("1.1002", "1.1", 0, "BAD_QUOTE"),  # crossed
        ("0", "1.1", 0, "BAD_QUOTE"),
        ("-1", "1.1", 0, "BAD_QUOTE"),
    ],
)
def test_quote(bid, ask_price, seconds, expected):
    market = Price(d(bid), d(ask_price), AT - dt.timedelta(seconds=seconds))
    assert code(rules.quote(question(order(market=market)))) == expected


def test_without_a_quote_an_order_at_the_market_is_not_judged():
    with pytest.raises(Missing, match="quote"):
        rules.quote(question(order(market=None)))
    with pytest.raises(Missing, match="quote"):  # once its price is reached it is at the market
        rules.quote(question(order(market=None, kind="stop", price=d("1.1"))))
    assert rules.quote(question(order(market=None, kind="limit", price=d("1.1")))).passed


@pytest.mark.parametrize(
    ("price", "expected"),
    [
        ("1.1", ""),
        ("1.2", ""),
        ("0.99", "COLLAR"),  # just over 10 % from 1.1001
        ("11", "COLLAR"),  # ten times
        ("0.909", "COLLAR"),  # an inverted pair
    ],
)
def test_collar(price, expected):
    assert code(rules.collar(question(order(kind="limit", price=d(price))))) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (Figure(d("0.0067"), AT), ""),
        (None, "NO_RATE"),
        (Figure(d(0), AT), "NO_RATE"),
        (Figure(d("-0.5"), AT), "NO_RATE"),
        (Figure(d("0.0067"), AT - dt.timedelta(hours=1)), "NO_RATE"),
        (Figure(d("0.0067"), AT + dt.timedelta(hours=1)), "NO_RATE"),
        (Figure(d("0.0067"), AT + dt.timedelta(hours=14), daily=True), ""),
        (Figure(d("0.0067"), AT - dt.timedelta(days=3), daily=True), ""),
        (Figure(d("0.0067"), AT - dt.timedelta(days=15), daily=True), "NO_RATE"),
    ],
)
def test_conversion(rate, expected):
    assert code(rules.conversion(question(order(quote="JPY", rate=rate)))) == expected


@pytest.mark.parametrize(("most", "expected"), [("1", ""), ("0.99", "MAX_LOTS")])
def test_max_lots(most, expected):
    assert code(rules.max_lots(question(), limit(Kind.MAX_LOTS, most, Unit.LOTS))) == expected


@pytest.mark.parametrize(
    ("most", "unit", "currency", "expected"),
    [
        ("110020", Unit.MONEY, "", ""),  # 1 lot at the ask, 1.10020
        ("110019.99", Unit.MONEY, "", "MAX_NOTIONAL"),
        ("1100.20", Unit.PERCENT, "", ""),  # of 10,000
        ("1100.19", Unit.PERCENT, "", "MAX_NOTIONAL"),
        ("99018", Unit.MONEY, "EUR", ""),  # at 0.9
        ("99017", Unit.MONEY, "EUR", "MAX_NOTIONAL"),
    ],
)
def test_max_notional(most, unit, currency, expected):
    bound = limit(Kind.MAX_NOTIONAL, most, unit, currency=currency)
    check = rules.max_notional(question(), bound)
    assert code(check) == expected
    assert Decimal(check.figures["asked"]) == d("110020") * (d("0.9") if currency else 1)


@pytest.mark.parametrize(
    ("side", "kind", "price", "worth"),
    [
        ("sell", "market", None, "110020"),  # at the ask
        ("buy", "limit", "1.09", "109000"),
        ("buy", "stop", "1.09", "110020"),  # passed: it fills at the ask
        ("sell", "limit", "1.09", "110000"),  # passed: it fills at the bid
        ("sell", "stop", "1.09", "109000"),
    ],
)
def test_an_order_is_worth_the_most_at_which_it_may_open(side, kind, price, worth):
    asked = order(side=side, kind=kind, price=d(price) if price else None)
    assert question(asked).ask.notional == d(worth)


@pytest.mark.parametrize(
    ("fields", "most", "unit", "expected"),
    [
        ({}, "300", Unit.MONEY, ""),  # 30 pips of one lot
        ({}, "3", Unit.PERCENT, ""),
        ({}, "299.99", Unit.MONEY, "RISK_PER_TRADE"),
        ({"costs": d(7)}, "300", Unit.MONEY, "RISK_PER_TRADE"),
        ({"stop_loss": None}, "300", Unit.MONEY, "NO_STOP"),
        ({"side": "sell", "stop_loss": d("1.103")}, "300", Unit.MONEY, ""),  # from the bid
        ({"kind": "stop", "price": d("1.09")}, "299", Unit.MONEY, "RISK_PER_TRADE"),  # passed
        ({"kind": "limit", "price": d("1.09800")}, "80", Unit.MONEY, ""),
        ({"price": d("1.09721")}, "299", Unit.MONEY, "RISK_PER_TRADE"),  # at the market: no price
    ],
)
def test_risk_per_trade(fields, most, unit, expected):
    bound = limit(Kind.RISK_PER_TRADE, most, unit)
    assert code(rules.risk_per_trade(question(order(**fields)), bound)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(30, ""), (31, "STALE_MARGIN"), (-60, "STALE_MARGIN")]
)
def test_free_margin_is_of_now(seconds, expected):
    free = Figure(d(10000), AT - dt.timedelta(seconds=seconds))
    assert code(rules.free_margin(question(order(free_margin=free)))) == expected


@pytest.mark.parametrize(
    ("free", "reserved", "least", "expected"),
    [
        (10000, (), 900, ""),  # 10,000 / 1,100.20 = 908.9 %
        (10000, (), 909, "MARGIN_LEVEL"),
        (9000, (), 476, ""),  # 1,000 in use: 476.1 %
        (10000, (ask(),), 454, ""),  # another on its way: 454.4 %
        (10000, (ask(),), 455, "MARGIN_LEVEL"),
    ],
)
def test_margin_level(free, reserved, least, expected):
    asked = question(order(free_margin=Figure(d(free), AT)), reserved=reserved)
    bound = limit(Kind.MARGIN_LEVEL, least, Unit.PERCENT)
    assert code(rules.margin_level(asked, bound)) == expected


@pytest.mark.parametrize(
    ("r", "side", "total"),
    [
        ("0.9", "buy", 1300),  # both long, both up
        ("0.9", "sell", 300),
        ("-0.9", "sell", 1300),
        ("-0.9", "buy", 300),
        ("0.7", "buy", 300),  # not above
    ],
)
def test_correlated(r, side, total):
    stop = d("1.24") if side == "buy" else d("1.26")
    known = {8: Correlation(d(r), 180)}
    asked = question(order(correlations=known), holdings=(holding(side=side, stop_loss=stop),))
    check = rules.correlated(asked, limit(Kind.CORRELATED, 1300, Unit.MONEY))
    assert check.passed and Decimal(check.figures["asked"]) == total
    assert (
        total < 1300 or not rules.correlated(asked, limit(Kind.CORRELATED, 1299, Unit.MONEY)).passed
    )


def test_what_moves_together_is_named_with_its_r_and_of_how_many_days():
    known = {8: Correlation(d("0.8345"), 180)}
    asked = question(order(correlations=known), holdings=(holding(stop_loss=d("1.24")),))
    refused = rules.correlated(asked, limit(Kind.CORRELATED, 1299, Unit.MONEY))
    assert refused.text.endswith("allowed 1 299.00; with GBPUSD r 0.83 of n 180 days")
    assert refused.figures["moves_with"] == "GBPUSD r 0.83 of n 180 days"
    alone = rules.correlated(
        question(order(correlations={})), limit(Kind.CORRELATED, 1, Unit.MONEY)
    )
    assert "moves_with" not in alone.figures


def test_a_correlation_that_nobody_gave_is_missed():
    bound = limit(Kind.CORRELATED, 10**6, Unit.MONEY)
    with pytest.raises(Missing, match="correlations"):
        rules.correlated(question(holdings=(holding(),)), bound)
    with pytest.raises(Missing, match="GBPUSD"):
        rules.correlated(question(order(correlations={}), holdings=(holding(),)), bound)


# FTMO's published example: 100,000; the floor of a day is its starting balance less 5,000.
@pytest.mark.parametrize(
    ("lost", "unit", "value", "capital", "expected"),
    [
        (4999, Unit.PERCENT, 5, 100000, ""),
        (5000, Unit.PERCENT, 5, 100000, "LOSS"),
        (5001, Unit.PERCENT, 5, 100000, "LOSS"),
        (5199, Unit.PERCENT, 5, None, ""),  # of the 104,000 at the start of the day
        (5200, Unit.PERCENT, 5, None, "LOSS"),
        (499, Unit.MONEY, 500, None, ""),
        (500, Unit.MONEY, 500, None, "LOSS"),
        (-100, Unit.MONEY, 500, None, ""),
    ],
)
def test_loss(lost, unit, value, capital, expected):
    found = Losses(result=d(4000 - lost), reference=d(4000), base=d(104000))
    bound = limit(
        Kind.LOSS, value, unit, window=Window.DAY, capital=None if capital is None else d(capital)
    )
    asked = question(order(stop_loss=None), losses={1: found})
    assert code(rules.loss(asked, bound)) == expected


def test_a_commission_that_nobody_can_convert_is_missed_wherever_the_stop_counts():
    asked = question(order(costs=None), losses={1: Losses(result=d(0), reference=d(0), base=d(0))})
    assert asked.ask.risk is None
    with pytest.raises(Missing, match="commission"):
        rules.risk_per_trade(asked, limit(Kind.RISK_PER_TRADE, 300, Unit.MONEY))
    with pytest.raises(Missing, match="commission"):
        rules.loss(asked, limit(Kind.LOSS, 500, Unit.MONEY))


def test_a_stop_beyond_what_is_left_is_refused_with_both_figures():
    found = Losses(result=d(-300), reference=d(0), base=d(10000))
    check = rules.loss(question(losses={1: found}), limit(Kind.LOSS, 500, Unit.MONEY))
    assert (check.code, check.figures["at_stop"], check.figures["left"]) == (
        "LOSS_ROOM", "300", "200",
    )  # fmt: skip


def test_a_broken_limit_stays_broken_when_the_price_comes_back():
    found = Losses(result=d(0), reference=d(0), base=d(10000))
    bound = limit(Kind.LOSS, 500, Unit.MONEY, latched_at=AT)
    assert code(rules.loss(question(losses={1: found}), bound)) == "LOSS"


@pytest.mark.parametrize(
    ("losses", "missing"),
    [
        (Losses(result=None, reference=d(0), base=d(1)), "equity"),
        (Losses(result=d(0), reference=None, base=d(1)), "result at the start"),
        (Losses(result=d(0), reference=d(0), base=None), "capital"),
    ],
)
def test_a_loss_that_cannot_be_known_is_missed(losses, missing):
    with pytest.raises(Missing, match=missing):
        rules.loss(question(losses={1: losses}), limit(Kind.LOSS, 5, Unit.PERCENT))


def test_an_old_equity_is_missed():
    found = Losses(result=d(0), reference=d(0), base=d(1))
    asked = question(
        order(equity=Figure(d(10000), AT - dt.timedelta(seconds=31))), losses={1: found}
    )
    with pytest.raises(Missing, match="equity of the last 30 s"):
        rules.loss(asked, limit(Kind.LOSS, 500, Unit.MONEY))


# FTMO 1-step: 100,000; ends of days 104,000 and 103,000 leave the floor at 94,000.
@pytest.mark.parametrize(
    ("high", "equity", "lock", "expected"),
    [
        (0, 90001, None, ""),
        (0, 90000, None, "DRAWDOWN"),
        (4000, 94001, None, ""),
        (4000, 94000, None, "DRAWDOWN"),
        (15000, 100001, 100000, ""),  # the floor would be 105,000, but locks
        (15000, 100000, 100000, "DRAWDOWN"),
        (15000, 104999, None, "DRAWDOWN"),
    ],
)
def test_drawdown(high, equity, lock, expected):
    found = Losses(result=d(equity - 100000), reference=d(high), base=d(100000 + high))
    bound = limit(
        Kind.DRAWDOWN, 10, Unit.PERCENT, trail=Trail.END_OF_DAY, capital=d(100000),
        lock_at=None if lock is None else d(lock),
    )  # fmt: skip
    asked = question(order(stop_loss=None), losses={1: found})
    assert code(rules.drawdown(asked, bound)) == expected


@pytest.mark.parametrize(
    ("strategy", "result", "expected"),
    [("mr", "-99.99", ""), ("mr", "-100", "STRATEGY_LOSS"), ("mr", "50", ""), ("", None, "")],
)
def test_strategy_loss(strategy, result, expected):
    asked = order(strategy=strategy, strategy_result=None if result is None else d(result))
    bound = limit(Kind.STRATEGY_LOSS, 1, Unit.PERCENT)
    assert code(rules.strategy_loss(question(asked), bound)) == expected


def test_a_strategys_loss_at_old_prices_is_missed():
    old = Figure(d(10000), AT - dt.timedelta(seconds=31))
    asked = order(strategy="mr", strategy_result=d(0), equity=old)
    with pytest.raises(Missing, match="equity of the last 30 s"):
        rules.strategy_loss(question(asked), limit(Kind.STRATEGY_LOSS, 500, Unit.MONEY))


@pytest.mark.parametrize(
    ("today", "earlier", "expected"),
    [
        (4999, 0, ""),  # half of the target of 10,000
        (5000, 0, "BEST_DAY"),
        (5000, 5001, ""),  # half of 10,001
        (-100, 0, ""),
    ],
)
def test_best_day(today, earlier, expected):
    bound = limit(Kind.BEST_DAY, 50, Unit.PERCENT, capital=d(10000))
    asked = question(best_days={1: BestDay(d(today), d(earlier))})
    assert code(rules.best_day(asked, bound)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"), [(2, "DUPLICATE"), (-2, "DUPLICATE"), (3, ""), (4, "")]
)
def test_duplicates(seconds, expected):
    asked = question(twins=(AT - dt.timedelta(seconds=seconds),))
    assert code(rules.duplicates(asked)) == expected


@pytest.mark.parametrize(
    ("automatic", "found", "latched", "expected"),
    [
        (True, 4, None, ""),
        (True, 5, None, "TOO_MANY_ENTRIES"),
        (True, 0, AT, "TOO_MANY_ENTRIES"),  # the window is empty again, but nobody let it go on
        (False, 5, AT, ""),
    ],
)
def test_entries(automatic, found, latched, expected):
    bound = limit(Kind.ENTRIES, 5, Unit.COUNT, seconds=60, latched_at=latched)
    asked = question(order(automatic=automatic), entries={1: found})
    assert code(rules.entries(asked, bound)) == expected


def test_exits_have_their_own_short_list():
    assert {rule.name for rule in rules.RULES if rule.exits} == {"account_state", "size"}


def test_a_change_that_could_lose_no_more_has_a_list_as_short():
    eased = {rule.name for rule in rules.RULES if rule.eases}
    assert eased == {"kill_switch", "account_state", "size"}


def test_every_kind_that_orders_do_not_share_has_its_rule():
    judged = {rule.kind for rule in rules.RULES} | set(SHARED) | {Kind.MESSAGES}
    assert judged - {None} == set(Kind)


def test_figures_are_plain_text_with_their_refusal():
    check = rules.max_lots(question(), limit(Kind.MAX_LOTS, "0.5", Unit.LOTS))
    assert check.text == "Lots of one order, account 1: 1 lots, allowed 0.50"
    assert check.figures == {"asked": "1", "limit": "0.5", "unit": "lots", "version": 1}
