from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from accounts import manual
from accounts.booking import Mark, mark
from accounts.models import AccountTerms, Position
from accounts.valuation import state_of, states_of
from brokers.models import FxRate, Instrument, Quote, SymbolTerms
from tests.factories import make_account, make_broker, make_owner, make_symbol, moment
from tradershub.core.models import Preference

D = Decimal
pytestmark = pytest.mark.django_db
OPENED = moment("2024-03-04 10:00")
SAID = moment("2024-03-05 21:00")
NOW = moment("2024-03-06 12:00")
INSTRUMENTS = {"EURUSD": ("EUR", "USD"), "USDJPY": ("USD", "JPY"), "EURGBP": ("EUR", "GBP")}


@pytest.fixture
def account():
    account = make_account()
    AccountTerms.objects.create(account=account, valid_from=dt.date(2020, 1, 1), leverage=100)
    manual.deposit(account, actor="me", amount="1000", at=moment("2024-03-01 00:00"))
    return account


def mapped(account, name="EURUSD", **terms):
    base, quote = INSTRUMENTS[name]
    shape = {"category": "fx", "base": base, "quote": quote}
    size = {"tick_size": "0.00001", "contract_size": 100000}
    instrument, _ = Instrument.objects.get_or_create(symbol=name, defaults=shape | size)
    symbol = make_symbol(account, name, instrument=instrument)
    fields = {"contract_size": 100000, "tick_size": "0.00001", **terms}
    SymbolTerms.objects.create(symbol=symbol, valid_from=dt.date(2020, 1, 1), **fields)
    return symbol


def bought(account, symbol, side="buy", price="1.1", volume="1"):
    manual.trade(
        account, actor="me", symbol=symbol, side=side, volume=volume, price=price, at=OPENED
    )


def quoted(symbol, bid, ask, at=NOW):
    return Quote.objects.create(symbol=symbol, bid=bid, ask=ask, at=at, source="platform")


def test_without_positions_equity_is_balance_and_credit(account):
    manual.charge(account, actor="me", kind="credit", amount="50")
    state = state_of(account, at=NOW)
    assert (state.balance, state.credit, state.equity) == (1000, 50, 1050)
    assert (state.margin, state.free_margin, state.margin_level) == (0, 1050, None)


def test_a_long_is_marked_at_the_bid_and_a_short_at_the_ask(account):
    symbol = mapped(account)
    bought(account, symbol)
    bought(account, symbol, side="sell", volume="0.5")
    quoted(symbol, "1.1010", "1.1012")
    state = state_of(account, at=NOW)
    assert {v.position.side: v.floating for v in state.positions} == {
        "buy": D("100.00"),
        "sell": D("-60.00"),
    }
    assert state.equity == D("1040.00")
    assert (state.prices_at, state.sources) == (NOW, ("platform",))


def test_the_later_of_quote_and_statement_counts(account):
    symbol = mapped(account)
    bought(account, symbol)
    held = Position.objects.get()
    said = Mark(symbol.pk, held.ref, price=D("1.2"), profit=D(77), swap=D("-4"))
    mark(account, [said], at=SAID, source="statement 1")
    old = quoted(symbol, "1.1010", "1.1012", at=moment("2024-03-05 20:00"))
    by_mark = state_of(account, at=NOW)
    assert (by_mark.floating, by_mark.open_swap, by_mark.equity) == (77, -4, 1073)
    assert (by_mark.prices_at, by_mark.sources) == (SAID, ("statement 1",))
    Quote.objects.filter(pk=old.pk).update(at=NOW)
    assert state_of(account, at=NOW).floating == 100


def test_a_mark_without_a_profit_leaves_the_word_to_the_quote(account):
    """A platform that states no profit must not make an account's worth unknown between two quotes."""
    symbol = mapped(account)
    bought(account, symbol)
    quoted(symbol, "1.1010", "1.1012", at=SAID)
    held = Position.objects.get()
    mark(account, [Mark(symbol.pk, held.ref, swap=D("-4"))], at=NOW, source="mirror")
    state = state_of(account, at=NOW)
    assert (state.floating, state.open_swap, state.prices_at) == (100, -4, SAID)


@pytest.mark.parametrize(("before", "price"), [(30, D("1.1010")), (90, None)])
def test_a_mark_without_a_price_shows_the_quote_of_about_then(account, before, price):
    symbol = mapped(account)
    bought(account, symbol)
    quoted(symbol, "1.1010", "1.1012", at=SAID - dt.timedelta(seconds=before))
    held = Position.objects.get()
    mark(account, [Mark(symbol.pk, held.ref, profit=D(97))], at=SAID, source="mirror")
    (one,) = state_of(account, at=NOW).positions
    assert (one.floating, one.price, one.at) == (97, price, SAID)


def marked(account, symbol, **said):
    """A lot at 1.1, last said to have gained 100 at 1.101 and to owe a swap of 4."""
    bought(account, symbol)
    held = Position.objects.get()
    said = {"price": D("1.101"), "profit": D(100), "swap": D(-4)} | said
    mark(account, [Mark(symbol.pk, held.ref, **said)], at=SAID, source="statement 1")
    return held


def test_one_r_is_what_the_first_stop_would_have_lost_wherever_the_stop_is_now(account):
    symbol = mapped(account)
    held = marked(account, symbol, stop_loss=D("1.095"))
    raised = Mark(symbol.pk, held.ref, D("1.11"), D(1000), D(-4), stop_loss=D("1.105"))
    mark(account, [raised], at=NOW, source="mirror")
    state, held = state_of(account, at=NOW), Position.objects.get()
    assert (held.stop_loss, held.first_stop) == (D("1.105"), D("1.095"))
    assert (state.risk(held), state.r_multiple(state.of(held))) == (D("500.00"), D("1.992"))


@pytest.mark.parametrize("stop", [None, "1.1", "1.105"])
def test_a_position_whose_first_stop_risked_nothing_has_no_r(account, stop):
    symbol = mapped(account)
    marked(account, symbol, stop_loss=stop and D(stop))
    state, held = state_of(account, at=NOW), Position.objects.get()
    assert (state.risk(held), state.r_multiple(state.of(held))) == (None, None)


def test_the_stop_of_a_trade_by_hand_is_its_first(account):
    symbol = mapped(account)
    trade = {"symbol": symbol, "side": "buy", "volume": "1", "price": "1.1", "at": OPENED}
    manual.trade(account, actor="me", stop_loss="1.09", **trade)
    assert state_of(account, at=NOW).risk(Position.objects.get()) == D("1000.00")


def test_a_stop_that_follows_is_marked_with_its_distance(account):
    symbol = mapped(account)
    held = marked(account, symbol, trailing_distance=D("0.003"))
    held.refresh_from_db()
    assert held.trailing_distance == D("0.003")
    mark(account, [Mark(symbol.pk, held.ref)], at=NOW, source="mirror")
    held.refresh_from_db()
    assert held.trailing_distance is None


def later(account, symbol, side, volume, price="1.101", **fields):
    entry = {"symbol": symbol, "side": side, "volume": volume, "price": price, "at": NOW, **fields}
    return manual.trade(account, actor="me", **entry)


@pytest.fixture
def netting(account):
    account.mode = "netting"
    account.save()
    return account


def test_a_mark_shrinks_with_its_position(netting):
    symbol = make_symbol(netting, "STRANGE")
    marked(netting, symbol)
    later(netting, symbol, "sell", "0.25", profit="25")
    state = state_of(netting, at=NOW)
    assert (state.floating, state.open_swap) == (75, -3)


def test_a_position_that_grew_since_its_mark_is_valued_at_the_marks_price(netting):
    symbol = mapped(netting)
    marked(netting, symbol)
    later(netting, symbol, "buy", "9", "1.102")
    state = state_of(netting, at=NOW)
    assert (state.floating, state.open_swap, state.prices_at) == (-800, -4, SAID)
    later(netting, symbol, "sell", "9", "1.102")
    assert state_of(netting, at=NOW).floating == -80  # one lot at 1.1018 now


@pytest.mark.parametrize("said", [{}, {"price": None}])
def test_a_position_that_grew_since_its_mark_is_unknown_without_terms_or_price(netting, said):
    symbol = make_symbol(netting, "STRANGE")
    marked(netting, symbol, **said)
    later(netting, symbol, "buy", "9")
    state = state_of(netting, at=NOW)
    why = "no terms" if not said else "no price"
    assert state.equity is None
    assert state.reasons == (f"STRANGE unchecked: {why}; last valued when 1 lots were open",)


def test_without_terms_nothing_is_assumed(account):
    symbol = make_symbol(account, "STRANGE")
    bought(account, symbol)
    assert state_of(account, at=NOW).reasons == ("STRANGE unchecked: no price",)
    quoted(symbol, "1.2", "1.3")
    state = state_of(account, at=NOW)
    assert (state.floating, state.equity, state.margin, state.free_margin) == (None,) * 4
    assert state.reasons == ("STRANGE unchecked: no terms",)
    assert state.margin_used.reason == "STRANGE unchecked: no terms"
    assert state.balance == 1000


def test_a_quote_without_terms_leaves_the_statements_word(account):
    symbol = make_symbol(account, "STRANGE")
    bought(account, symbol)
    said = Mark(symbol.pk, Position.objects.get().ref, profit=D(5))
    mark(account, [said], at=SAID, source="statement 1")
    quoted(symbol, "1.2", "1.3")
    assert state_of(account, at=NOW).floating == 5


def test_margin_by_the_leverage_of_the_account(account):
    bought(account, mapped(account), price="1.2790")
    state = state_of(account, at=NOW)
    assert state.margin == D("1279.00")  # finance.md 2.6: 1,000 EUR at the deal's price


def test_margin_needs_the_terms_of_the_account():
    account = make_account()
    bought(account, mapped(account))
    state = state_of(account, at=NOW)
    assert (state.margin, state.margin_used.reason) == (None, "unchecked: no terms of the account")


def test_covered_lots_cost_the_hedged_size(account):
    symbol = mapped(account, hedged_size=100000)
    bought(account, symbol)
    bought(account, symbol, side="sell")
    assert state_of(account, at=NOW).margin == D("1100.00")


def test_free_margin_and_level(account):
    symbol = mapped(account)
    bought(account, symbol, price="1.10000", volume="0.5")
    quoted(symbol, "1.11100", "1.11120")
    state = state_of(account, at=NOW)
    assert (state.equity, state.margin, state.free_margin) == (1550, 550, 1000)
    assert round(state.margin_level, 2) == D("281.82")


def test_profit_in_a_third_currency_goes_through_reference_rates(account):
    FxRate.objects.filter(day__gte=dt.date(2024, 3, 1)).delete()
    for code, rate in (("USD", "1.10"), ("GBP", "0.88")):
        FxRate.objects.create(currency=code, day=dt.date(2024, 3, 5), rate=rate)
    symbol = mapped(account, "EURGBP")
    bought(account, symbol, price="0.85")
    quoted(symbol, "0.852", "0.853")
    valued = state_of(account, at=NOW).positions[0]
    assert (valued.floating, valued.rate.day) == (D("250.00"), dt.date(2024, 3, 5))


def test_state_in_the_base_currency_says_its_rate_and_day(account):
    FxRate.objects.filter(day__gte=dt.date(2024, 3, 1)).delete()
    FxRate.objects.create(currency="USD", day=dt.date(2024, 3, 5), rate="1.25")
    state = state_of(account, at=NOW)
    assert (state.base_currency, state.in_base(state.equity)) == ("EUR", D("800.00"))
    assert (state.base_rate.value, state.base_rate.day) == (D("0.8"), dt.date(2024, 3, 5))
    Preference.objects.create(owner=account.owner, base_currency="USD")
    assert state_of(account, at=NOW).in_base(D(10)) == 10
    assert state_of(account, at=NOW, base="XXX").in_base(D(10)) is None


def test_as_many_queries_for_ten_accounts_as_for_one(django_assert_num_queries):
    owner, broker = make_owner(), make_broker()
    accounts = [make_account(owner=owner, broker=broker) for _ in range(10)]
    symbol = mapped(accounts[0])
    for each in accounts:
        bought(each, symbol)
    with django_assert_num_queries(7):
        states_of(accounts[:1], at=NOW)
    with django_assert_num_queries(7):
        states_of(accounts, at=NOW)
