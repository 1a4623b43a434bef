"""A platform that only tests have: it asks for secrets, answers as it is told, and takes no order."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brokers.adapters.base import Adapter, Settings, setting
from brokers.adapters.messages import (
    AccountReport,
    Capabilities,
    Mode,
    QuoteReport,
    SymbolReport,
    Tier,
)
from brokers.platforms import PLATFORMS
from tradershub.finance.terms import CalcMode, ContractTerms

CANARY = "c4n4ry-7f3a/19+x"
KEY = "example"
AT = dt.datetime(2024, 3, 4, 10, tzinfo=dt.UTC)


@dataclass(frozen=True, kw_only=True)
class ExampleSettings(Settings):
    host: str = setting("Host", help_text="As the broker's mail says")
    practice: bool = setting("Practice", default=True)
    pause: int = setting("Pause", help_text="Seconds", default=2)
    spread: Decimal = setting("Largest spread", default=Decimal("1.5"))
    side: str = setting("Sides", default="both", choices=(("both", "Both"), ("buy", "Buys only")))
    token: str = setting("Token", secret=True)
    pin: str = setting("PIN", default="", secret=True)


class ExampleAdapter(Adapter):
    settings = ExampleSettings
    capabilities = Capabilities(
        modes=frozenset(Mode),
        proof=Tier.A,
        finds_closed=True,
        refuses_repeats="always",
        notes=("Make a token that may trade and not withdraw.",),
    )
    says: dict[str, Any] = {}  # what tests want answered, or raised

    def _said(self, what: str, otherwise: Any) -> Any:
        found = self.says.get(what, otherwise)
        if isinstance(found, Exception):
            raise found
        return found

    def account(self) -> AccountReport:
        own = AccountReport(
            number=self.line.number, currency="USD", mode=Mode.HEDGING,
            live=self.line.live, balance=Decimal("1000"), at=AT,
        )  # fmt: skip
        return self._said("account", own)

    def terms(self, symbols: Collection[str] = ()) -> list[SymbolReport]:
        terms = ContractTerms(mode=CalcMode.FOREX, contract_size=Decimal(100_000))
        return self._said("terms", [SymbolReport(name="EURUSD", quote="USD", terms=terms)])

    def quotes(self, symbols: Collection[str]) -> list[QuoteReport]:
        bid, ask = Decimal("1.1"), Decimal("1.1002")
        return self._said("quotes", [QuoteReport(symbol="EURUSD", bid=bid, ask=ask, at=AT)])

    def _never(self, *_: Any, **__: Any) -> Any:
        raise AssertionError("Only a read was allowed")

    bars = place = amend = cancel = close = protect = _never
    working_orders = find_by_client_id = positions = deals_since = _never


def add_example(monkeypatch: Any) -> type[ExampleAdapter]:
    """Put the platform into the table for the length of a test."""
    path = f"{__name__}.ExampleAdapter"
    monkeypatch.setitem(PLATFORMS._entries, KEY, ("Example", path))
    monkeypatch.setattr(ExampleAdapter, "says", {})
    return ExampleAdapter


def settings_given(**more: Any) -> dict[str, Any]:
    return {"host": "api.example.com", **more}
