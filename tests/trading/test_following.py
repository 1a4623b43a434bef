"""A connection in the keeper's hands: what is taken and when, and what is told when it does not answer."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as D

import pytest
from django.db import OperationalError
from django.utils import timezone

from accounts.models import Position
from brokers.adapters.errors import KeyRefused, Rejected, Unavailable
from brokers.models import Connection, Instrument, Quote
from tests.accounts.histories import history
from tests.factories import make_account, make_broker, make_strategy, make_symbol
from tests.trading.lives import reports_of
from tests.trading.platform import Platform, quote
from trading import following, keeper, leases
from trading.following import Following
from trading.models import Lease, Route

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick(settings):
    """Everything is due at every turn."""
    settings.QUOTE_SECONDS = settings.LOOK_SECONDS = 0


def connected(**more):
    """An account with its connection; the platform is one of the test's own."""
    broker = make_broker(time_zone="Europe/Athens")
    account = make_account(broker=broker, **({"number": "77"} | more))
    account.connection = Connection.objects.create(
        owner=account.owner, broker=broker, platform="fake", name=f"Link {account.pk}"
    )
    account.save()
    return account


@pytest.fixture
def account():
    return connected()


@pytest.fixture
def platform(account, monkeypatch):
    found = Platform(deals=reports_of(history(3), account))
    monkeypatch.setattr(following, "open_adapter", found.adapter)
    return found


@pytest.fixture
def followed(account, platform):
    return Following(account.connection, "me")


def link(account):
    return Connection.objects.get(pk=account.connection_id)


def test_a_turn_books_and_says_that_the_connection_answers(account, followed, settings):
    settings.QUOTE_SECONDS = 0.5
    assert followed.turn() == 0.5
    assert account.deals.count() == 40
    assert link(account).seen_at is not None and link(account).fault == ""
    assert followed.begun is None


def test_prices_of_what_is_held_are_kept(account, platform, followed):
    platform.quotes = [quote("EURUSD", "1.2"), quote("GBPUSD", "1.3"), quote("XAUUSD", "2000")]
    followed.turn()
    followed.turn()
    held = Position.objects.filter(open_volume__gt=0).values_list("symbol__name", flat=True)
    assert dict(Quote.objects.values_list("symbol__name", "bid")) == {
        name: {"EURUSD": D("1.2"), "GBPUSD": D("1.3")}[name] for name in set(held)
    }


def test_prices_of_what_a_routed_strategy_trades_are_kept(account, platform, followed):
    """Or its first order would be judged without a price."""
    gold = Instrument.objects.get(symbol="XAUUSD")
    make_symbol(account, "GOLD", instrument=gold)
    strategy = make_strategy(account.owner)
    strategy.instruments.add(gold)
    route = Route.objects.create(strategy=strategy, account=account, enabled=False)
    platform.quotes = [quote("GOLD", "2000")]
    followed.turn()
    assert not Quote.objects.exists()
    Route.objects.filter(pk=route.pk).update(enabled=True)
    followed.turn()
    assert Quote.objects.get().symbol.name == "GOLD"


def test_prices_of_the_pairs_that_convert_what_is_traded_are_kept(account, platform, followed):
    """Or an order in another currency than the account's would be judged by the daily reference."""
    account.currency = "EUR"
    account.save()
    strategy = make_strategy(account.owner)
    pairs = ("USDJPY", "EURUSD", "EURJPY", "GBPUSD", "AUDJPY")
    for name in pairs:
        make_symbol(account, name, instrument=Instrument.objects.get(symbol=name))
    strategy.instruments.add(Instrument.objects.get(symbol="USDJPY"))
    Route.objects.create(strategy=strategy, account=account)
    platform.quotes = [quote(name, "1.5") for name in pairs]
    platform.deals = []
    followed.turn()
    kept = set(Quote.objects.values_list("symbol__name", flat=True))
    assert kept == {"USDJPY", "EURUSD", "EURJPY"}


def test_a_connection_whose_last_account_is_closed_has_no_fault(account, followed):
    account.status = account.Status.CLOSED
    account.save()
    followed.turn()
    assert link(account).fault == ""


def test_what_an_adapter_raises_is_told_and_passes(account, platform, followed):
    platform.failing = ZeroDivisionError("a secret")
    followed.turn()
    assert link(account).fault == "The adapter failed: ZeroDivisionError; the log says more"
    platform.failing = None
    followed.turn()
    assert (link(account).fault, account.deals.count()) == ("", 40)


def test_a_refusal_is_told_at_once(account, platform, followed):
    platform.failing = Rejected("The token has expired")
    followed.turn()
    assert link(account).fault == "The token has expired"


def test_a_key_that_is_refused_is_told_once_and_left_alone_until_it_is_another(
    account, platform, followed, settings
):
    settings.KEY_SECONDS = 200
    platform.failing = KeyRefused("The token is revoked")
    for _ in range(3):
        followed.turn()
    assert len(platform.asked) == 1
    assert link(account).fault == "The token is revoked"

    followed.shut_until -= 200
    followed.turn()
    assert len(platform.asked) == 2

    platform.failing = None
    Connection.objects.update(sealed="another key")
    followed.turn()
    assert link(account).fault == ""


def test_a_silence_is_told_only_when_it_lasts(account, platform, followed, settings):
    settings.LINK_SECONDS = 10
    platform.failing = Unavailable("No route to the host")
    followed.turn()
    followed.turn()
    assert link(account).fault == ""
    followed.failing_since -= 10
    followed.turn()
    assert link(account).fault == "No route to the host"


def test_it_waits_longer_the_more_often_it_failed_but_not_too_long(platform, followed, settings):
    settings.QUOTE_SECONDS, settings.LINK_SECONDS = 1, 10
    platform.failing = Unavailable("No route to the host")
    pauses = []
    for _ in range(5):
        followed.prices.at = followed.looks.at = 0
        pauses.append(followed.turn())
    assert pauses == [2, 4, 5, 5, 5]


def test_a_database_that_is_away_is_no_fault_of_the_connection(account, platform, followed):
    platform.failing = OperationalError("server closed the connection")
    with pytest.raises(OperationalError):
        followed.turn()
    assert link(account).fault == ""


def test_an_account_that_fails_leaves_the_others_of_its_connection_alone(
    account, platform, followed, monkeypatch
):
    other = make_account(broker=account.broker, owner=account.owner, number="78")
    other.connection = account.connection
    other.save()
    theirs = Platform(number="78", failing=Unavailable("No such account"))
    both = {"77": platform, "78": theirs}
    monkeypatch.setattr(
        following, "open_adapter", lambda connection, number: both[number].adapter()
    )
    followed.turn()
    assert account.deals.count() == 40


def test_other_settings_open_the_connection_anew(account, platform, followed, monkeypatch):
    opened = []
    monkeypatch.setattr(
        following, "open_adapter", lambda *_: opened.append(1) or platform.adapter()
    )
    followed.turn()
    followed.turn()
    assert len(opened) == 1
    Connection.objects.update(settings={"host": "another"})
    followed.turn()
    assert len(opened) == 2


# -- Leases ------------------------------------------------------------------------------------
def test_two_keepers_do_not_follow_the_same_connection(account, platform, followed):
    another = Following(account.connection, "another")
    followed.turn()
    platform.asked.clear()
    another.turn()
    assert (followed.is_held, another.is_held, platform.asked) == (True, False, [])


def test_a_hold_that_ran_out_goes_to_who_asks_next(account):
    connection = account.connection
    assert leases.hold(connection, "me")
    assert not leases.hold(connection, "another")
    assert leases.hold(connection, "me")
    Lease.objects.update(until=timezone.now() - dt.timedelta(seconds=1))
    assert leases.hold(connection, "another")
    assert not leases.hold(connection, "me")


def test_a_hold_lasts_as_long_as_is_set(account, settings):
    settings.LEASE_SECONDS = 40
    leases.hold(account.connection, "me")
    left = Lease.objects.get().until - timezone.now()
    assert dt.timedelta(seconds=35) < left <= dt.timedelta(seconds=41)


def test_who_lets_go_lets_the_next_in_but_only_of_its_own(account):
    leases.hold(account.connection, "me")
    leases.release(account.connection, "another")
    assert not leases.hold(account.connection, "another")
    leases.release(account.connection, "me")
    assert leases.hold(account.connection, "another")


# -- What is to be followed --------------------------------------------------------------------
def test_only_enabled_connections_with_open_accounts_are_followed(monkeypatch):
    monkeypatch.setattr(keeper, "_can_be_asked", lambda connection: True)
    wanted, disabled, closed = connected(), connected(), connected()
    make_account()
    Connection.objects.filter(pk=disabled.connection_id).update(enabled=False)
    closed.status = "closed"
    closed.save()
    assert keeper.to_follow() == [wanted.connection]
