from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import partial

import pytest
from django.utils import timezone

from accounts import manual
from accounts.booking import NewDeal, book, derive, rebuild
from accounts.models import BrokerOrder, DayFigures, Deal, Position
from accounts.queries import booked_money
from brokers.models import Instrument, SymbolTerms
from tests.factories import make_account, make_symbol, moment
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.models import AuditEntry

D = Decimal
pytestmark = pytest.mark.django_db


@pytest.fixture(params=["hedging", "netting"])
def any_account(request):
    return make_account(mode=request.param)


@pytest.fixture
def account():
    return make_account()


@pytest.fixture
def netting():
    return make_account(mode="netting")


def with_terms(account, name="EURUSD", *, base="EUR", quote="USD", **terms):
    shape = {"category": "fx", "base": base, "quote": quote}
    size = {"tick_size": "0.00001", "contract_size": 100000}
    instrument, _ = Instrument.objects.get_or_create(symbol=name, defaults=shape | size)
    symbol = make_symbol(account, name, instrument=instrument)
    terms = {"contract_size": 100000, "tick_size": "0.00001", **terms}
    SymbolTerms.objects.create(symbol=symbol, valid_from=dt.date(2020, 1, 1), **terms)
    return symbol


def balance(account):
    return booked_money([account])[account.pk].balance


def buy(account, symbol, **fields):
    fields = {"side": "buy", "volume": "1", "price": "1.1", "actor": "me"} | fields
    return manual.trade(account, symbol=symbol, **fields)


def test_money_in_and_out_changes_the_balance(account):
    manual.deposit(account, actor="me", amount="1000")
    out = manual.withdrawal(account, actor="me", amount=D("250.50"))
    manual.charge(account, actor="me", kind="swap", amount="-1.25", symbol="EURUSD")
    manual.charge(account, actor="me", kind="credit", amount="100")
    assert (out.kind, out.amount) == ("withdrawal", D("-250.50"))
    assert booked_money([account])[account.pk] == (D("748.25"), D(100))
    assert Deal.objects.get(kind="swap").swap == D("-1.25")


def test_each_entry_is_one_audit_entry_of_its_owner(account):
    manual.deposit(account, actor="me", amount="1000")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor, entry.owner_id) == ("deposit.enter", "me", account.owner_id)


@pytest.mark.parametrize("amount", ["0", "-5", "ten", "1E+999999", "NaN", "0.0000000001"])
def test_an_amount_that_cannot_be_booked_is_refused(account, amount):
    with pytest.raises(BadInput):
        manual.deposit(account, actor="me", amount=amount)
    assert not Deal.objects.exists()


@pytest.mark.parametrize(
    ("currency", "amount", "expected"),
    [("USD", "0.001", "at most 2 decimals"), ("JPY", "10.5", "no decimals")],
)
def test_money_that_the_currency_cannot_pay_is_refused(currency, amount, expected):
    account = make_account(currency=currency)
    for enter in (manual.deposit, manual.withdrawal, partial(manual.charge, kind="swap")):
        with pytest.raises(BadInput) as refusal:
            enter(account, actor="me", amount=amount)
        assert expected in str(refusal.value) and refusal.value.param == "amount"
    for costs in ({"profit": amount}, {"costs": manual.Costs(swap=amount)}):
        with pytest.raises(BadInput, match=expected):
            buy(account, "EURUSD", side="sell", **costs)
    manual.deposit(account, actor="me", amount="10.00")
    assert Deal.objects.get().kind == "deposit"


def test_a_moment_to_come_or_without_a_zone_is_refused(account):
    later = timezone.now() + dt.timedelta(days=1)
    for at in (later, later.replace(tzinfo=None)):
        with pytest.raises(BadInput) as refusal:
            manual.deposit(account, actor="me", amount="1", at=at)
        assert refusal.value.param == "at"


def test_a_closed_account_refuses_entries(account):
    account.status = "closed"
    account.save()
    with pytest.raises(Conflict, match="closed"):
        manual.deposit(account, actor="me", amount="1")
    with pytest.raises(Conflict, match="closed"):
        manual.place_order(account, actor="me", symbol="EURUSD", side="buy", volume="1")


def test_a_brokers_deal_id_is_entered_once(account):
    manual.deposit(account, actor="me", amount="1", broker_deal_id="55")
    with pytest.raises(Conflict, match="55"):
        manual.deposit(account, actor="me", amount="1", broker_deal_id="55")


def test_a_position_is_closed_in_parts_with_the_profit_of_its_terms(any_account):
    symbol = with_terms(any_account)
    buy(any_account, symbol, at=moment("2024-03-04 10:00"))
    held = Position.objects.get()
    first = manual.close_position(held, actor="me", price="1.101", volume="0.4")
    assert first.profit == D("40.00")
    held.refresh_from_db()
    assert (held.open_volume, held.is_open) == (D("0.6"), True)
    second = manual.close_position(
        held, actor="me", price="1.0995", costs=manual.Costs(commission="-2")
    )
    held.refresh_from_db()
    assert (second.profit, held.net, held.is_open) == (D("-30.00"), D("8.00"), False)
    assert balance(any_account) == D("8.00")
    assert rebuild(any_account) == []


def test_closing_without_terms_asks_for_the_profit(any_account):
    symbol = make_symbol(any_account)
    buy(any_account, symbol)
    held = Position.objects.get()
    with pytest.raises(BadInput, match="unchecked: no terms"):
        manual.close_position(held, actor="me", price="1.2")
    deal = manual.close_position(held, actor="me", price="1.2", profit="12.34")
    assert (deal.profit, Position.objects.get().is_open) == (D("12.34"), False)


def test_profit_in_another_currency_is_converted_at_the_symbols_own_price(account):
    symbol = with_terms(account, "USDJPY", base="USD", quote="JPY", digits=3)
    buy(account, symbol, price="150.000")
    deal = manual.close_position(Position.objects.get(), actor="me", price="151.000")
    assert deal.profit == D("662.25")  # 100,000 JPY / 151
    assert "0.00662252" in deal.comment


def test_closing_more_than_is_open_or_twice_is_refused(account):
    buy(account, "EURUSD")
    held = Position.objects.get()
    with pytest.raises(BadInput, match="at most the 1 lots"):
        manual.close_position(held, actor="me", price="1", volume="1.5", profit="0")
    manual.close_position(held, actor="me", price="1", profit="0")
    with pytest.raises(Conflict, match="closed already"):
        manual.close_position(held, actor="me", price="1", profit="0")


def test_closing_before_the_opening_is_refused(account):
    buy(account, "EURUSD", at=moment("2024-03-04 10:00"))
    with pytest.raises(BadInput, match="opened at"):
        manual.close_position(
            Position.objects.get(), actor="me", price="1", profit="0", at=moment("2024-03-04 09:00")
        )


@pytest.fixture
def grown(netting):
    """A netting position: a lot at 1.10 on 3 March, another at 1.12 on 5 March."""
    symbol = with_terms(netting)
    buy(netting, symbol, price="1.10", at=moment("2024-03-03 10:00"))
    buy(netting, symbol, price="1.12", at=moment("2024-03-05 10:00"))
    return netting.positions.get()


def test_an_earlier_closing_closes_what_was_held_then(grown):
    closed = manual.close_position(grown, actor="me", price="1.11", at=moment("2024-03-04 10:00"))
    assert (closed.volume, closed.profit) == (1, 1000)
    assert sorted(grown.account.positions.values_list("open_volume", "inferred")) == [
        (0, False),
        (1, False),
    ]
    assert rebuild(grown.account) == []


def test_an_earlier_closing_of_more_than_was_held_then_is_refused(grown):
    with pytest.raises(BadInput, match="at most the 1 lots that were open on 2024-03-04"):
        manual.close_position(
            grown, actor="me", price="1.11", volume="2", at=moment("2024-03-04 10:00")
        )
    assert grown.account.deals.count() == 2


def test_an_earlier_closing_of_what_later_deals_close_is_refused(netting):
    symbol = with_terms(netting)
    buy(netting, symbol, volume="2", at=moment("2024-03-03 10:00"))
    buy(netting, symbol, side="sell", volume="1.5", at=moment("2024-03-04 10:00"))
    buy(netting, symbol, at=moment("2024-03-05 10:00"))
    held, noon = netting.positions.get(), moment("2024-03-03 12:00")
    with pytest.raises(Conflict, match="close fewer lots"):
        manual.close_position(held, actor="me", price="1.1", volume="1", at=noon)
    manual.close_position(held, actor="me", price="1.1", volume="0.5", at=noon)
    assert netting.positions.get(open_volume__gt=0).open_volume == 1
    assert not netting.positions.filter(inferred=True).exists()


def test_hedging_keeps_both_sides_and_netting_nets_them(account, netting):
    for each in (account, netting):
        buy(each, "EURUSD", volume="2")
        buy(each, "EURUSD", side="sell", volume="3", profit="7")
    assert list(account.positions.order_by("side").values_list("side", "open_volume")) == [
        ("buy", 2),
        ("sell", 3),
    ]
    open_now = netting.positions.get(open_volume__gt=0)
    assert (open_now.side, open_now.open_volume) == ("sell", 1)
    assert netting.deals.get(side="sell").entry == "inout"


def test_a_netting_trade_before_others_asks_for_its_profit(netting):
    buy(netting, "EURUSD", at=moment("2024-03-04 10:00"))
    with pytest.raises(BadInput, match="[Ll]ater deals"):
        buy(netting, "EURUSD", at=moment("2024-03-03 10:00"))
    buy(netting, "EURUSD", at=moment("2024-03-03 10:00"), profit="0")
    assert netting.positions.get().open_volume == 2


def test_stop_and_target_are_kept_on_what_was_opened(any_account):
    buy(any_account, "EURUSD", stop_loss="1.05", take_profit="1.2")
    held = Position.objects.get()
    assert (held.stop_loss, held.take_profit) == (D("1.05"), D("1.2"))


# -- Orders ------------------------------------------------------------------------------------
def place(account, **fields):
    fields = {
        "side": "buy",
        "volume": "2",
        "type": "limit",
        "price": "1.1",
        "symbol": "EURUSD",
    } | fields
    return manual.place_order(account, actor="me", **fields)


def test_an_order_is_filled_in_parts(any_account):
    order = place(any_account, stop_loss="1.0")
    deal = manual.fill_order(order, actor="me", volume="0.5")
    order.refresh_from_db()
    assert (order.state, order.filled, deal.price) == ("partial", D("0.5"), D("1.1"))
    manual.fill_order(order, actor="me", price="1.09")
    order.refresh_from_db()
    assert (order.state, order.filled) == ("filled", 2)
    assert order.done_at is not None
    held = Position.objects.get()
    assert (held.open_volume, held.open_price, held.stop_loss) == (2, D("1.0925"), 1)
    with pytest.raises(Conflict, match="filled already"):
        manual.fill_order(order, actor="me")


def test_an_order_is_modified_until_it_is_over(account):
    order = place(account)
    changed = manual.modify_order(order, actor="me", price="1.05", volume="3")
    assert (changed.price, changed.volume) == (D("1.05"), 3)
    with pytest.raises(BadInput, match="needs a price"):
        manual.modify_order(order, actor="me", price=None)
    with pytest.raises(BadInput, match="state"):
        manual.modify_order(order, actor="me", state="filled")
    manual.cancel_order(order, actor="me")
    with pytest.raises(Conflict, match="cancelled already"):
        manual.modify_order(order, actor="me", price="1.04")


def test_a_filled_order_ends_the_others_of_its_bracket(account):
    stop, target = place(account, bracket="a", type="stop"), place(account, bracket="a")
    alone = place(account)
    manual.fill_order(target, actor="me")
    states = dict(BrokerOrder.objects.values_list("pk", "state"))
    assert states == {stop.pk: "cancelled", target.pk: "filled", alone.pk: "working"}


def test_an_order_that_closes_a_position_closes_it(account):
    buy(account, "EURUSD", volume="2")
    held = Position.objects.get()
    order = place(account, side="sell", position=held, price="1.2")
    manual.fill_order(order, actor="me", profit="20")
    held.refresh_from_db()
    assert (held.is_open, held.profit) == (False, 20)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"price": None}, "price"),
        ({"type": "stop_limit"}, "limit_price"),
        ({"type": "iceberg"}, "type"),
        ({"side": "long"}, "side"),
        ({"volume": "0"}, "volume"),
        ({"symbol": " "}, "symbol"),
        ({"expires_at": moment("2001-01-01 00:00")}, "expires_at"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(account, fields, param):
    with pytest.raises(BadInput) as refusal:
        place(account, **fields)
    assert refusal.value.param == param
    assert not BrokerOrder.objects.exists()


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"stop_loss": "1.2"}, "stop_loss", "below the price 1.1, found 1.2"),
        ({"stop_loss": "1.1"}, "stop_loss", "below the price 1.1, found 1.1"),
        ({"take_profit": "1.05"}, "take_profit", "above the price 1.1, found 1.05"),
        ({"side": "sell", "stop_loss": "1.05"}, "stop_loss", "of a sell above"),
        ({"side": "sell", "take_profit": "1.2"}, "take_profit", "of a sell below"),
        (
            {"type": "stop_limit", "limit_price": "1.08", "stop_loss": "1.09"},
            "stop_loss",
            "below the price 1.08",
        ),
        (
            {"type": "market", "price": None, "stop_loss": "1.2", "take_profit": "1.1"},
            "stop_loss",
            "below the take profit 1.1",
        ),
    ],
)
def test_a_level_on_the_wrong_side_is_refused(account, fields, param, words):
    with pytest.raises(BadInput, match=words) as refusal:
        place(account, **fields)
    assert refusal.value.param == param
    assert not BrokerOrder.objects.exists()


def test_levels_on_the_right_side_are_taken_and_kept_right_when_modified(account):
    place(account, side="sell", stop_loss="1.2", take_profit="1.0")
    order = place(account, stop_loss="1.0", take_profit="1.2")
    with pytest.raises(BadInput, match="above the price 1.3, found 1.2"):
        manual.modify_order(order, actor="me", price="1.3")
    order.refresh_from_db()
    assert order.price == D("1.1")


def test_an_odd_order_of_the_broker_can_still_be_noted_upon(account):
    order = place(account)
    BrokerOrder.objects.update(stop_loss="1.2")
    order.refresh_from_db()
    same = {"stop_loss": D("1.2"), "price": D("1.1"), "volume": D(2)}
    assert manual.modify_order(order, actor="me", comment="so it was", **same).comment


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        ("0.005", "at least 0.01 lots by its terms of 2020-01-01, found 0.005"),
        ("10.01", "at most 10 lots"),
        ("0.015", "a multiple of 0.01 lots"),
    ],
)
def test_a_volume_outside_the_terms_is_refused(account, volume, words):
    symbol = with_terms(account, lot_min="0.01", lot_step="0.01", lot_max="10")
    with pytest.raises(BadInput, match=words) as refusal:
        place(account, symbol=symbol, volume=volume)
    assert refusal.value.param == "volume"
    order = place(account, symbol=symbol, volume="0.03")
    with pytest.raises(BadInput, match=words):
        manual.modify_order(order, actor="me", volume=volume)


def test_a_volume_without_terms_in_force_is_not_checked(account):
    symbol = with_terms(account, lot_min="0.01", lot_step="0.01")
    assert place(account, symbol="XAUUSD", volume="0.005").volume == D("0.005")
    early = place(account, symbol=symbol, volume="0.005", placed_at=moment("2019-12-31 10:00"))
    assert early.volume == D("0.005")


def test_what_the_broker_did_is_booked_whatever_the_terms_say(account):
    symbol = with_terms(account, lot_min="0.01", lot_step="0.01")
    deal = buy(account, symbol, volume="0.005", stop_loss="1.2")
    assert deal.volume == D("0.005")
    held = Position.objects.get()
    assert place(account, symbol=symbol, side="sell", volume="0.005", position=held).pk


# -- Reversal ----------------------------------------------------------------------------------
def test_a_reversed_trade_is_kept_and_nothing_follows_from_it(any_account):
    manual.deposit(any_account, actor="me", amount="1000", at=moment("2024-03-04 08:00"))
    wrong = buy(
        any_account,
        "EURUSD",
        at=moment("2024-03-04 10:00"),
        costs=manual.Costs(commission="-3"),
    )
    back = manual.reverse(wrong, actor="me")
    assert (back.reverses_id, back.amount, back.at) == (wrong.pk, 3, wrong.at)
    assert Deal.objects.count() == 3
    assert not Position.objects.exists()
    assert DayFigures.objects.get().symbol is None
    assert balance(any_account) == 1000
    assert rebuild(any_account) == []


def test_a_deal_is_reversed_once(account):
    wrong = manual.deposit(account, actor="me", amount="10")
    back = manual.reverse(wrong, actor="me")
    assert balance(account) == 0
    with pytest.raises(Conflict, match="reversed already"):
        manual.reverse(wrong, actor="me")
    with pytest.raises(Conflict, match="itself a reversal"):
        manual.reverse(back, actor="me")


def test_a_deal_of_a_statement_is_undone_with_its_import(account):
    printed = NewDeal("7", "deposit", moment("2024-03-04 10:00"), "statement", profit=D(5))
    ids = book(account, [printed]).new
    derive(account, symbols=None)
    with pytest.raises(Conflict, match="undo the import"):
        manual.reverse(Deal.objects.get(pk=ids["7"]), actor="me")


def test_an_opening_is_reversed_after_its_closing(account):
    opened = buy(account, "EURUSD")
    closed = manual.close_position(Position.objects.get(), actor="me", price="1.2", profit="5")
    with pytest.raises(Conflict, match="reverse those first"):
        manual.reverse(opened, actor="me")
    assert Deal.objects.count() == 2
    manual.reverse(closed, actor="me")
    assert Position.objects.get().is_open
    manual.reverse(opened, actor="me")
    assert not Position.objects.exists()


def test_reversing_a_fill_lets_the_order_work_again(account):
    order = place(account)
    deal = manual.fill_order(order, actor="me")
    manual.reverse(deal, actor="me")
    order.refresh_from_db()
    assert (order.state, order.filled, order.done_at) == ("working", 0, None)
