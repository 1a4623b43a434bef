"""A venue opened on paper: a broker of its own with symbols, terms, and prices from its feed."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest
from django.utils import timezone

from brokers.adapters.errors import Rejected
from brokers.adapters.messages import Status
from brokers.catalogue import instruments
from brokers.connecting import open_adapter
from brokers.feeds import feed_of, keep_quotes
from brokers.models import Broker, BrokerSymbol, Connection, Instrument, SymbolTerms
from brokers.papers import open_paper_venue, open_venue_account, paper_adapter
from tests.brokers.venues import make_symbols, ticket
from tests.factories import make_broker, make_owner
from tradershub.core.errors import BadInput
from tradershub.core.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    for row in instruments():
        Instrument.objects.get_or_create(symbol=row["symbol"], defaults=row)
    return make_owner()


def test_a_venue_of_the_starter_catalogue_trades_at_once(owner):
    venue = open_paper_venue(actor=owner, owner=owner, name="Lab", always_open=True)
    assert (venue.broker.name, venue.platform, venue.live) == ("Paper: Lab", "paper", False)
    assert AuditEntry.objects.filter(action__in=["broker.open", "connection.open"]).count() == 2
    open_venue_account(venue, "P1", currency="EUR", deposit=D(100_000))
    keep_quotes(venue, feed_of(venue).quotes(timezone.now()))
    adapter = open_adapter(venue, "P1")
    symbols = [symbol.name for symbol in adapter.terms()]
    assert {"EURUSD", "XAUUSD", "US30", "ES", "6E"} <= set(symbols)
    for n, symbol in enumerate(symbols):
        lots = 1 if Instrument.objects.get(symbol=symbol).category == "future" else "0.01"
        assert adapter.place(ticket(f"c{n}", lots=lots, symbol=symbol)).order.status in (
            Status.FILLED,
            Status.CANCELLED,
        )
    assert len(adapter.positions()) > 40
    account = adapter.account()
    assert 0 < account.margin < 100_000
    assert abs(account.equity - 100_000) < 1000


def test_a_venue_like_a_broker_has_its_clock_symbols_and_terms(owner):
    like = make_broker(name="Real", time_zone="Asia/Tokyo", conversion="mid", rollover=dt.time(7))
    make_symbols(like, commission_scheme="per_lot_side", commission_rate="3.5")
    eurusd = like.symbols.get(name="EURUSD")
    SymbolTerms.objects.create(
        symbol=eurusd, valid_from="2024-01-01", contract_size=1000, tick_size="0.00001"
    )
    before = SymbolTerms.objects.filter(symbol__broker=like).count()
    venue = open_paper_venue(actor=owner, owner=owner, name="As real", like=like)
    made = venue.broker
    assert (made.time_zone, made.conversion, made.rollover) == ("Asia/Tokyo", "mid", dt.time(7))
    assert {s.name for s in made.symbols.all()} == {s.name for s in like.symbols.all()}
    theirs = SymbolTerms.objects.filter(symbol__broker=made)
    assert (theirs.count(), SymbolTerms.objects.filter(symbol__broker=like).count()) == (
        before,
        before,
    )
    (terms,) = paper_adapter(venue, "P1").terms(["EURUSD"])
    assert terms.terms.contract_size == 1000


def test_an_invented_price_never_values_an_account_elsewhere(owner):
    like = make_broker()
    make_symbols(like)
    venue = open_paper_venue(actor=owner, owner=owner, name="Lab", like=like, always_open=True)
    keep_quotes(venue, feed_of(venue).quotes(timezone.now()))
    assert BrokerSymbol.objects.filter(broker=like, last_quote__isnull=False).count() == 0


def test_a_name_and_settings_are_checked_before_anything_is_made(owner):
    open_paper_venue(actor=owner, owner=owner, name="Lab")
    with pytest.raises(BadInput):
        open_paper_venue(actor=owner, owner=make_owner(), name="lab")
    for wrong in (
        {"feed": "oracle"},
        {"slippage_low": 5},
        {"speed": "fast"},
        {"speed": "0"},
        {"spread": "-1"},
        {"no_such": 1},
    ):
        with pytest.raises(BadInput):
            open_paper_venue(actor=owner, owner=owner, name="Other", **wrong)
    assert Broker.objects.filter(name="Paper: Other").count() == 0


def test_an_adapter_of_another_platform_is_no_paper_adapter(owner):
    connection = Connection.objects.create(
        owner=owner, broker=make_broker(), platform="manual", name="By phone"
    )
    with pytest.raises(TypeError):
        paper_adapter(connection, "1")


def test_money_of_a_currency_without_cents_has_none(owner):
    venue = open_paper_venue(actor=owner, owner=owner, name="Yen", always_open=True)
    open_venue_account(venue, "P1", currency="JPY", deposit=D(1_000_000))
    keep_quotes(venue, feed_of(venue).quotes(timezone.now()))
    adapter = paper_adapter(venue, "P1")
    ref = adapter.place(ticket("c1", lots="0.13")).order.broker_order_id
    (deal,) = adapter.close(ref, client_id="c2").deals
    assert deal.profit == deal.profit.to_integral_value() < 0
    with pytest.raises(Rejected):
        adapter.deposit(D(-5))
