"""A platform in memory, with its adapter: says what a test tells it to, and fails when it is told to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django.utils import timezone

from brokers.adapters.base import Adapter, Line
from brokers.adapters.messages import (
    AccountReport,
    Capabilities,
    DealPage,
    DealReport,
    Mode,
    OrderReport,
    PositionReport,
    QuoteReport,
    Tier,
)

D = Decimal


@dataclass
class Platform:
    """What the other side holds. failing: what each question raises. page: deals in a page."""

    number: str = "77"
    currency: str = "USD"
    deals: list[DealReport] = field(default_factory=list)
    orders: list[OrderReport] = field(default_factory=list)
    positions: list[PositionReport] = field(default_factory=list)
    quotes: list[QuoteReport] = field(default_factory=list)
    failing: Exception | None = None
    off_by: Decimal = D(0)
    page: int = 5
    asked: list[str] = field(default_factory=list)

    @property
    def balance(self) -> Decimal:
        rows = ((d.profit, d.swap, d.commission, d.fee, d.amount) for d in self.deals)
        return sum((sum(row) for row in rows), self.off_by)

    def adapter(self, *_) -> PlatformAdapter:
        return PlatformAdapter(self)


class PlatformAdapter(Adapter):
    capabilities = Capabilities(
        modes=frozenset(Mode), proof=Tier.A, finds_closed=True, refuses_repeats="always"
    )

    def __init__(self, platform: Platform) -> None:
        super().__init__(Line(settings=None, number=platform.number, live=False), session=None)
        self.platform = platform

    def _ask(self, what: str) -> None:
        self.platform.asked.append(what)
        if self.platform.failing:
            raise self.platform.failing

    def account(self) -> AccountReport:
        self._ask("account")
        return AccountReport(
            number=self.platform.number,
            currency=self.platform.currency,
            mode=Mode.HEDGING,
            live=False,
            balance=self.platform.balance,
            at=timezone.now(),
        )

    def working_orders(self) -> list[OrderReport]:
        self._ask("orders")
        return list(self.platform.orders)

    def positions(self) -> list[PositionReport]:
        self._ask("positions")
        return list(self.platform.positions)

    def deals_since(self, cursor: str = "") -> DealPage:
        self._ask(f"deals {cursor}")
        start = int(cursor or 0)
        end = start + self.platform.page
        found = tuple(self.platform.deals[start:end])
        return DealPage(
            deals=found, cursor=str(start + len(found)), more=end < len(self.platform.deals)
        )

    def quotes(self, symbols: Sequence[str]) -> list[QuoteReport]:
        self._ask("quotes")
        return [quote for quote in self.platform.quotes if quote.symbol in symbols]

    def terms(self, symbols=()):
        raise NotImplementedError

    def bars(self, symbol, *, minutes, since, at_most=1000):
        raise NotImplementedError

    def place(self, ticket):
        raise NotImplementedError

    def amend(self, broker_order_id, ticket):
        raise NotImplementedError

    def cancel(self, broker_order_id):
        raise NotImplementedError

    def close(self, position_ref, *, client_id, lots=None):
        raise NotImplementedError

    def protect(self, position_ref, stops):
        raise NotImplementedError

    def find_by_client_id(self, client_id, *, since=""):
        raise NotImplementedError


def quote(symbol: str = "EURUSD", bid: str = "1.1", *, at: dt.datetime | None = None):
    return QuoteReport(symbol=symbol, bid=D(bid), ask=D(bid) + D("0.0001"), at=at or timezone.now())
