"""A paper account in the keeper's hands: what happens at its venue is what the books say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest
from django.utils import timezone

from accounts.models import AccountTerms, Position
from accounts.papers import open_paper_account
from accounts.valuation import state_of
from brokers.adapters.messages import Kind, OrderTicket, QuoteReport, Stops
from brokers.connecting import open_adapter
from brokers.models import VenueEvent
from tests.accounts.books import assert_derived
from tests.factories import make_owner
from trading import following
from trading.following import Following

pytestmark = pytest.mark.django_db


class Prices:
    """A feed that says what it is told."""

    def __init__(self):
        self.bid = D("1.1")

    def quotes(self, now):
        return [
            QuoteReport(
                symbol="EURUSD", bid=self.bid, ask=self.bid + D("0.0002"), at=timezone.now()
            )
        ]


@pytest.fixture(autouse=True)
def quick(settings):
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0


@pytest.fixture
def prices(monkeypatch):
    found = Prices()
    monkeypatch.setattr(following, "feed_of", lambda connection: found)
    return found


@pytest.fixture
def account(prices):
    owner = make_owner()
    return open_paper_account(
        actor=owner, owner=owner, name="Practice", currency="USD", deposit="10000", leverage=100
    )


@pytest.fixture
def keep(account, prices):
    followed = Following(account.connection, "me")

    def turn(bid=None):
        prices.bid = D(bid) if bid else prices.bid
        for _ in range(2):
            followed.turn()
        assert followed.connection.fault == "" and followed.failing_since is None

    turn()
    return turn


def placed(account, **more):
    ticket = {"client_id": "c1", "symbol": "EURUSD", "side": "buy", "lots": D("0.1")}
    return open_adapter(account.connection, account.number).place(OrderTicket(**(ticket | more)))


def assert_one_truth(account):
    """Books and venue agree, and the books follow from their deals."""
    report = open_adapter(account.connection, account.number).account()
    state = state_of(account)
    assert (state.balance, state.equity) == (report.balance, report.equity)
    assert not account.breaks.exists()
    assert_derived(account)


def test_deposit_order_profit_and_close_are_the_venues(account, keep):
    assert_one_truth(account)
    placed(account)
    keep("1.1050")
    held = Position.objects.get(account=account)
    assert (held.open_volume, held.open_price) == (D("0.1"), D("1.1002"))
    assert state_of(account).floating == D("48.00")
    assert_one_truth(account)
    open_adapter(account.connection, account.number).close(held.ref, client_id="c2")
    keep()
    assert state_of(account).balance == D("10048.00")
    assert not Position.objects.filter(open_volume__gt=0).exists()
    assert_one_truth(account)


def test_a_resting_order_fills_as_the_price_passes_and_its_stop_follows(account, keep):
    placed(account, kind=Kind.LIMIT, price=D("1.09"), stops=Stops(stop_loss=D("1.08")))
    keep()
    assert account.orders.get().state == "working"
    keep("1.0890")
    assert account.orders.get(price=D("1.09")).state == "filled"
    assert Position.objects.get(open_volume__gt=0).stop_loss == D("1.08")
    assert_one_truth(account)
    keep("1.0790")
    assert not Position.objects.filter(open_volume__gt=0).exists()
    assert state_of(account).balance < 10000
    assert_one_truth(account)


def test_a_stop_out_is_in_the_books(account, keep):
    placed(account, lots=D(8))
    keep()
    keep("1.0905")
    assert not Position.objects.filter(open_volume__gt=0).exists()
    assert_one_truth(account)


def test_terms_that_a_person_adds_are_granted_from_their_day_on(account, keep):
    def leverage():
        return open_adapter(account.connection, account.number).account().leverage

    today = timezone.now().date()
    AccountTerms.objects.filter(account=account).update(valid_from=today - dt.timedelta(days=9))
    tomorrow = {"valid_from": today + dt.timedelta(days=1), "leverage": 5}
    AccountTerms.objects.create(account=account, **tomorrow)
    keep()
    assert leverage() == 100
    AccountTerms.objects.create(account=account, valid_from=today, leverage=20, stop_out_level=99)
    keep()
    assert leverage() == 20
    events = VenueEvent.objects.filter(kind="RulesChanged").count()
    keep()
    assert VenueEvent.objects.filter(kind="RulesChanged").count() == events > 0
    placed(account, lots=D("1.8"))
    keep("1.0990")
    assert not Position.objects.filter(open_volume__gt=0).exists()
    assert_one_truth(account)


def test_an_average_price_without_end_is_kept(prices):
    """A third at 1.1002, two thirds dearer, a seventh more: on a netting account one position."""
    owner = make_owner()
    account = open_paper_account(
        actor=owner, owner=owner, name="Nets", currency="USD", deposit="10000", leverage=100,
        mode="netting",
    )  # fmt: skip
    followed = Following(account.connection, "me")
    for number, lots in enumerate(("0.1", "0.2", "0.05")):
        followed.turn()
        placed(account, client_id=f"c{number}", lots=D(lots))
        prices.bid += D("0.00001")
    followed.turn()
    followed.turn()
    assert followed.connection.fault == "" and followed.failing_since is None
    held = Position.objects.get(account=account)
    assert (held.open_volume, held.mark_open_price) == (D("0.35"), held.open_price)
    assert_one_truth(account)
