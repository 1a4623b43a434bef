"""A trader with a paper account that has money and a price."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

from django.utils import timezone

from accounts import manual
from accounts.models import Position
from accounts.papers import open_paper_account
from brokers.models import BrokerSymbol, Quote
from tests.admin.conftest import Browser
from trading import execution


class PaperTrader(Browser):
    """10,000 USD, leverage 100, EURUSD at 1.10000/1.10010."""

    def __init__(self, group: str = "Trader", **fields: Any) -> None:
        super().__init__(group)
        given = {"name": "Practice", "currency": "USD", "deposit": 10_000, "leverage": 100}
        self.account = open_paper_account(
            actor=self.user, owner=self.user, **given | fields, always_open=True
        )
        manual.deposit(self.account, actor=self.user, amount=10_000, at=timezone.now())
        self.symbol = BrokerSymbol.objects.get(broker=self.account.broker, name="EURUSD")
        self.quote()

    def quote(self, bid: str = "1.1", ask: str = "1.1001", **fields: Any) -> None:
        now = {"bid": bid, "ask": ask, "at": timezone.now(), "source": "test", **fields}
        Quote.objects.update_or_create(symbol=self.symbol, defaults=now)

    def pump(self) -> None:
        """Have the worker send what waits."""
        execution.pump(self.account)

    def hold(self, **fields: Any) -> Position:
        """An open position, as the books know it."""
        given = {"ref": "1", "side": "buy", "open_price": D("1.095"), "opened_at": timezone.now()}
        lots = {"volume": D("0.5"), "open_volume": D("0.5")}
        return Position.objects.create(
            account=self.account, symbol=self.symbol, **given | lots | fields
        )
