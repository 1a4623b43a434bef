"""Any sequence of deals, in any order of arrival, booked in pieces: derived = rebuilt from scratch."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db.models import Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import manual
from accounts.booking import NewDeal, book, derive, rebuild, remove
from accounts.models import DayFigures, Deal, Position
from accounts.queries import booked_money
from accounts.trail import trail
from tests.factories import make_account, make_symbol, moment

D = Decimal
START = moment("2024-03-28 12:00")  # the clock of the default broker changes on the 31st
POSITION_FIELDS = (
    "symbol_id", "ref", "side", "volume", "open_volume", "open_price", "close_price", "opened_at",
    "closed_at", "profit", "swap", "commission", "fee", "tax", "net", "deals", "inferred",
)  # fmt: skip

cents = st.integers(-100_000, 100_000).map(lambda n: D(n) / 100)
prices = st.integers(1, 3_000_000).map(lambda n: D(n) / 100_000)
lots = st.integers(1, 500).map(lambda n: D(n) / 100)
minutes = st.integers(0, 6 * 24 * 60)


@st.composite
def deals(draw):
    """A trade, or money, without its key; the symbol as a number."""
    kind = draw(st.sampled_from(["trade"] * 5 + ["deposit", "credit", "interest"]))
    money = {name: draw(cents) for name in ("profit", "swap", "commission", "fee", "tax")}
    fields = {"kind": kind, "at": START + dt.timedelta(minutes=draw(minutes)), **money}
    if kind != "trade":
        return fields | {"symbol": None}
    return fields | {
        "symbol": draw(st.integers(0, 1)),
        "side": draw(st.sampled_from(["buy", "sell"])),
        "entry": draw(st.sampled_from(["in", "in", "out", "out", "inout", "out_by", ""])),
        "volume": draw(lots),
        "price": draw(prices),
        "position_ref": draw(st.sampled_from(["", "1", "2", "3"])),
    }


pieces = st.lists(st.lists(deals(), min_size=1, max_size=6), min_size=1, max_size=5)


def numbered(found, symbols):
    """The deals with keys in the order of their making, in pieces."""
    n = 0
    for piece in found:
        rows = []
        for fields in piece:
            n += 1
            symbol = fields["symbol"]
            rest = {name: v for name, v in fields.items() if name != "symbol"}
            symbol_id = None if symbol is None else symbols[symbol].pk
            rows.append(NewDeal(key=str(n), source="statement", symbol_id=symbol_id, **rest))
        yield rows


def stored(account):
    positions = Position.objects.filter(account=account).order_by("symbol_id", "ref")
    days = DayFigures.objects.filter(account=account).order_by("symbol_id", "day")
    figures = [f.attname for f in DayFigures._meta.fields if f.name not in ("id", "account")]
    return list(positions.values_list(*POSITION_FIELDS)), list(days.values_list(*figures))


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["hedging", "netting"])
def test_any_deals_in_any_order_of_arrival_make_the_same_books(mode):
    account = make_account(mode=mode)
    symbols = [make_symbol(account, "EURUSD"), make_symbol(account, "GOLD")]

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(pieces, st.randoms())
    def check(found, random):
        Position.objects.all().delete()
        DayFigures.objects.all().delete()
        Deal.objects.all()._raw_delete("default")
        order = list(numbered(found, symbols))
        random.shuffle(order)
        for rows in order:
            book(account, random.sample(rows, len(rows)))
            touched = {deal.symbol_id for deal in rows if deal.symbol_id}
            derive(account, symbols=touched, since=min(deal.at for deal in rows))
        check_books(account)
        check_removal(account, random)

    check()


def check_books(account):
    as_derived = stored(account)
    assert rebuild(account, check=True) == []
    Position.objects.all().delete()
    DayFigures.objects.all().delete()
    rebuild(account)
    assert stored(account) == as_derived
    money = Deal.objects.exclude(kind="credit").aggregate(amount=Sum("amount"))["amount"] or 0
    assert booked_money([account])[account.pk].balance == money
    traded = Deal.objects.filter(kind="trade").aggregate(amount=Sum("amount"))["amount"] or 0
    assert (Position.objects.aggregate(net=Sum("net"))["net"] or 0) == traded
    assert (DayFigures.objects.aggregate(net=Sum("net"))["net"] or 0) == traded


def ids_by_name():
    rows = Position.objects.values_list("symbol_id", "ref", "id")
    return {(symbol, ref): pk for symbol, ref, pk in rows}


def check_removal(account, random):
    """Taking some out and putting them back leaves the books as they were, ids included."""
    before, ids = stored(account), ids_by_name()
    some = list(Deal.objects.order_by("id")[: random.randint(1, 5)])
    again = [NewDeal(**{name: getattr(d, name) for name in NewDeal._fields}) for d in some]
    with trail(actor="me", target=None):
        symbols = remove(account, [deal.pk for deal in some])
    since = min(deal.at for deal in some)
    derive(account, symbols=symbols, since=since)
    assert rebuild(account, check=True) == []
    left = ids_by_name()
    assert all(ids[name] == left[name] for name in left.keys() & ids.keys())
    book(account, again)
    derive(account, symbols=symbols, since=since)
    assert stored(account) == before


@pytest.mark.django_db
def test_reversing_and_rebuilding_agree():
    account = make_account()
    first = manual.trade(account, actor="me", symbol="EURUSD", side="buy", volume="1", price="1.1")
    manual.trade(account, actor="me", symbol="EURUSD", side="buy", volume="2", price="1.2")
    manual.reverse(first, actor="me")
    assert Position.objects.get().volume == 2
    assert rebuild(account) == []


@pytest.mark.django_db
def test_the_command_says_all_is_well():
    account = make_account()
    manual.deposit(account, actor="me", amount="5")
    out = StringIO()
    call_command("rebuild", stdout=out)
    assert "follows from the deals" in out.getvalue()


@pytest.mark.django_db
def test_the_command_fails_with_a_list_and_mends_unless_it_only_checks():
    account = make_account(number="4711")
    manual.deposit(account, actor="me", amount="5")
    DayFigures.objects.update(deposits=6)
    for options in (["--check"], []):
        out = StringIO()
        with pytest.raises(CommandError, match="1 difference "):
            call_command("rebuild", "--account", "4711", *options, stdout=out)
        assert "deposits stored 6, rebuilt 5" in out.getvalue()
    call_command("rebuild", "--check", stdout=StringIO())


@pytest.mark.django_db
def test_the_command_names_an_account_that_is_not_there():
    with pytest.raises(CommandError, match="no account 99999"):
        call_command("rebuild", "--account", "99999")
