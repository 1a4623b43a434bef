"""A paper account that follows prices of a test's own choice; all else about it is the hub's own."""

from __future__ import annotations

from decimal import Decimal as D

from django.utils import timezone

from accounts.models import Account
from accounts.papers import open_paper_account
from brokers.adapters.messages import QuoteReport
from tests.factories import make_owner
from trading import execution, following, services
from trading.following import Following


class Prices:
    bid = D("1.1")

    def quotes(self, now):
        return [
            QuoteReport(
                symbol="EURUSD", bid=self.bid, ask=self.bid + D("0.0002"), at=timezone.now()
            )
        ]


class Paper:
    """A paper account with its keeper; everything about it is the hub's own."""

    def __init__(self, monkeypatch):
        self.prices = Prices()
        monkeypatch.setattr(following, "feed_of", lambda connection: self.prices)
        self.owner = make_owner()
        self.account = open_paper_account(
            actor=self.owner, owner=self.owner, name="Practice", currency="USD", deposit="10000",
            leverage=100,
        )  # fmt: skip
        Account.objects.filter(pk=self.account.pk).update(may_trade=True)
        self.account.refresh_from_db()
        self.followed = Following(self.account.connection, "me")
        self.turn()

    def turn(self, bid=None):
        self.prices.bid = D(bid) if bid else self.prices.bid
        for _ in range(2):
            self.followed.turn()
        assert self.followed.connection.fault == ""

    def place(self, lots="0.1", **asked):
        order = services.place_by_hand(
            self.account, actor=self.owner, symbol="EURUSD", side="buy", lots=D(lots), **asked
        )
        return self.pump(order)

    def pump(self, order):
        execution.pump(self.account)
        order.refresh_from_db()
        return order
