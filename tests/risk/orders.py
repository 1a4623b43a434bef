"""Orders to judge, and an account that can carry them: valid by default, every value by name."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from itertools import count
from typing import Any

from accounts.models import Account, AccountTerms, Position
from brokers.models import Instrument, Quote, SymbolTerms
from risk.facts import Ages, Ask, Figure, Intent, LimitFact, OrderFacts, Price, Question, Standing
from risk.kinds import Kind, Scope, Unit
from risk.measures import ask_of
from risk.models import Limit
from tests.factories import make_account, make_symbol, moment

AT = moment("2024-03-06 10:00")  # a Wednesday
AGES = Ages(
    quote=Decimal(30),
    rate=Decimal(60),
    daily_rate=Decimal(14 * 86400),
    equity=Decimal(30),
    signal=Decimal(60),
    duplicates=Decimal(3),
    collar=Decimal(10),
    no_stop_move=Decimal(5),
)
FREE = Standing(False, 0)
_numbers = count(1)


def d(value: Any) -> Decimal:
    return Decimal(str(value))


def order(**fields: Any) -> OrderFacts:
    """Buy 1 lot EURUSD at the market, 1.10000/1.10020, stop at 1.09720, on 10,000 USD, leverage 100."""
    given = {
        "client_order_id": f"T{next(_numbers)}",
        "at": AT,
        "intent": Intent.ENTRY,
        "owner_id": 1,
        "account_id": 1,
        "currency": "USD",
        "origin": "form:1",
        "automatic": False,
        "symbol_id": 1,
        "symbol": "EURUSD",
        "instrument_id": 7,
        "base": "EUR",
        "quote": "USD",
        "side": "buy",
        "lots": d(1),
        "stop_loss": d("1.09720"),
        "point_value": d(100000),
        "lot_min": d("0.01"),
        "lot_step": d("0.01"),
        "lot_max": d(100),
        "market": Price(d("1.10000"), d("1.10020"), AT),
        "rate": Figure(d(1), AT),
        "margin": d("1100.20"),
        "equity": Figure(d(10000), AT),
        "free_margin": Figure(d(10000), AT),
        "account_open": True,
        "may_trade": True,
        "platform_enabled": True,
        "connection_enabled": True,
        "account_is_live": False,
        "connection_is_live": False,
        "session_open": True,
    }
    return OrderFacts(**{**given, **fields})


def close(**fields: Any) -> OrderFacts:
    """An exit with as little known as an exit may have."""
    nothing = dict.fromkeys(
        ("market", "rate", "margin", "equity", "free_margin", "stop_loss", "point_value"), None
    )
    return order(
        **{"intent": Intent.EXIT, "side": "sell", "session_open": None, **nothing, **fields}
    )


def rates(source: str, target: str) -> Decimal:
    known = {("USD", "EUR"): d("0.9"), ("EUR", "USD"): d("1.1")}
    return d(1) if source == target else known[(source, target)]


def question(asked: OrderFacts | None = None, **fields: Any) -> Question:
    asked = asked or order()
    given: dict[str, Any] = {
        "order": asked,
        "standing": FREE,
        "ages": AGES,
        "ask": ask_of(asked, AGES),
        "rates": rates,
    }
    return Question(**{**given, **fields})


def limit(kind: Kind, value: Any, unit: Unit, **fields: Any) -> LimitFact:
    given = {"id": 1, "name": "account 1", "scope": Scope.ACCOUNT, "owner_id": 1, "account_id": 1}
    return LimitFact(kind=kind, value=d(value), unit=unit, **{**given, **fields})


def ask(**fields: Any) -> Ask:
    """As `order`, on its way."""
    return ask_of(order(**fields), AGES)


# -- In the database -----------------------------------------------------------------------------
class Desk:
    """An account of 10,000 USD that may trade EURUSD, its terms and a quote of now."""

    def __init__(self, account: Account | None = None, **fields: Any) -> None:
        self.account: Account = account or make_account(**fields)
        AccountTerms.objects.get_or_create(
            account=self.account, valid_from="2020-01-01", defaults={"leverage": 100}
        )
        self.instrument, _ = Instrument.objects.get_or_create(
            symbol="EURUSD",
            defaults={
                "category": "fx", "base": "EUR", "quote": "USD", "pip_size": "0.0001",
                "tick_size": "0.00001", "contract_size": 100000,
            },
        )  # fmt: skip
        self.symbol = make_symbol(self.account, instrument=self.instrument)
        SymbolTerms.objects.get_or_create(
            symbol=self.symbol,
            valid_from="2020-01-01",
            defaults={"contract_size": 100000, "tick_size": "0.00001"},
        )
        Quote.objects.get_or_create(
            symbol=self.symbol,
            defaults={"bid": "1.1", "ask": "1.1002", "at": AT, "source": "test"},
        )

    @property
    def owner(self) -> Any:
        return self.account.owner

    def order(self, **fields: Any) -> OrderFacts:
        return order(**{**self._who(), **fields})

    def close(self, **fields: Any) -> OrderFacts:
        return close(**{**self._who(), **fields})

    def _who(self) -> dict[str, Any]:
        return {
            "owner_id": self.account.owner_id,
            "account_id": self.account.pk,
            "symbol_id": self.symbol.pk,
            "instrument_id": self.instrument.pk,
            "origin": f"form:{next(_numbers)}",
            "lots": d("0.1") + d(next(_numbers) % 100) / 100,  # no two alike by chance
            "margin": d(10),
        }

    def position(self, **fields: Any) -> Position:
        given = {
            "ref": str(next(_numbers)),
            "side": "buy",
            "volume": d(1),
            "open_volume": d(1),
            "open_price": d("1.1"),
            "opened_at": AT - dt.timedelta(days=2),
        }
        return Position.objects.create(
            account=self.account, symbol=self.symbol, **{**given, **fields}
        )

    def limit(self, kind: Kind, value: Any, unit: Unit, **fields: Any) -> Limit:
        given: dict[str, Any] = {"scope": Scope.ACCOUNT, "owner": self.owner}
        given |= fields
        if given["scope"] == Scope.ACCOUNT:
            given.setdefault("account", self.account)
        return Limit.objects.create(kind=kind, value=value, unit=unit, **given)
