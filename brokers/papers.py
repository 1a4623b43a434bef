"""Brokers that are invented: their symbols and terms, and the accounts opened at their venues.

A venue has a broker of its own, for a quote belongs to a broker's symbol: invented prices never value an
account that exists elsewhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import transaction

from brokers.adapters.paper import PaperAdapter
from brokers.catalogue import CURRENCIES
from brokers.connecting import open_adapter, open_connection
from brokers.models import Broker, BrokerSymbol, Connection, Instrument, SymbolTerms
from brokers.services import open_broker
from tradershub.core.audit import record
from tradershub.core.errors import BadInput
from tradershub.finance.decimals import ZERO
from tradershub.finance.money import currency_digits
from tradershub.finance.venue.rules import AccountRules, Protection

EVER = dt.date(2000, 1, 1)
COPIED = (
    "time_zone",
    "earlier_zones",
    "rollover",
    "triple_swap_weekday",
    "negative_balance_protection",
    "conversion",
    "rounding",
)
Category = Instrument.Category
# Margin of a contract in USD, of the size that exchanges ask; a person can edit it.
FUTURES_MARGIN = {
    "ES": "16000", "MES": "1600", "NQ": "24000", "MNQ": "2400", "6E": "2600", "GC": "11000",
    "CL": "6000", "MGC": "1100",
}  # fmt: skip


@transaction.atomic
def open_paper_venue(
    *, actor: Any, owner: Any, name: str, like: Broker | None = None, **settings: Any
) -> Connection:
    """A venue with a broker "Paper: name", its symbols with their terms, and the owner's connection to it.

    like: the broker whose clock, symbols and terms are copied; the starter catalogue without one. settings:
    those of PaperSettings. Raises BadInput for a name that is taken or a wrong setting.
    """
    name = name.strip()
    if Broker.objects.filter(name__iexact=f"Paper: {name}").exists():
        raise BadInput(
            f'There is a paper account "{name}" already: expected another name', param="name"
        )
    copied = {field: getattr(like, field) for field in COPIED} if like else {}
    broker = open_broker(actor=actor, name=f"Paper: {name}", **copied)
    count = _copy_symbols(broker, like) if like else _starter_symbols(broker)
    record(
        "broker.symbols",
        actor=actor,
        target=broker,
        summary=f"{count} symbols as {like or 'in the starter catalogue'}",
    )
    return open_connection(
        actor=actor, owner=owner, broker=broker, platform="paper", name=name, settings=settings
    )


def open_venue_account(
    connection: Connection,
    number: str,
    *,
    currency: str,
    mode: str = "hedging",
    leverage: int = 30,
    call_level: Decimal = Decimal(100),
    stop_level: Decimal = Decimal(50),
    deposit: Decimal = ZERO,
) -> None:
    """Open the account at the connection's venue. levels: percent of the margin. deposit: not negative.

    Raises Rejected where it is open already, Unavailable.
    """
    protected = connection.broker.negative_balance_protection
    rules = AccountRules(
        currency=currency,
        digits=currency_digits(currency),
        mode="netting" if mode == "netting" else "hedging",
        leverage=Decimal(leverage),
        call_level=call_level,
        stop_level=stop_level,
        protection=Protection.STOP_OUT if protected else Protection.NONE,
    )
    paper_adapter(connection, number).open(rules, deposit=deposit)


def change_venue_account(
    connection: Connection, number: str, *, leverage: int, call_level: Decimal, stop_level: Decimal
) -> None:
    """Other terms of an account from now on. Raises Rejected where it is not open, Unavailable."""
    paper_adapter(connection, number).change_rules(
        leverage=Decimal(leverage), call_level=call_level, stop_level=stop_level
    )


def paper_adapter(connection: Connection, number: str) -> PaperAdapter:
    """The adapter of a paper connection. Raises Unavailable; TypeError for another platform's."""
    adapter = open_adapter(connection, number)
    if not isinstance(adapter, PaperAdapter):
        raise TypeError(f"expected a paper connection, found {connection}")
    return adapter


def _copy_symbols(broker: Broker, like: Broker) -> int:
    theirs = list(BrokerSymbol.objects.filter(broker=like, instrument__isnull=False))
    made = {
        symbol.pk: BrokerSymbol(
            broker=broker,
            name=symbol.name,
            instrument_id=symbol.instrument_id,
            mapped_by=symbol.mapped_by,
        )
        for symbol in theirs
    }
    BrokerSymbol.objects.bulk_create(made.values())
    terms = list(SymbolTerms.objects.filter(symbol__in=made))
    for row in terms:
        row.pk, row.symbol, row.source = None, made[row.symbol_id], ""
    SymbolTerms.objects.bulk_create(terms)
    return len(made)


def _starter_symbols(broker: Broker) -> int:
    """All of the catalogue that can be converted into each other."""
    instruments = Instrument.objects.filter(quote__in=CURRENCIES).exclude(
        category__in=[Category.CRYPTO, Category.STOCK, Category.OTHER]
    )
    symbols = [
        BrokerSymbol(broker=broker, name=i.symbol, instrument=i, mapped_by="catalogue")
        for i in instruments
    ]
    BrokerSymbol.objects.bulk_create(symbols)
    SymbolTerms.objects.bulk_create(_starter_terms(symbols))
    return len(symbols)


def _starter_terms(symbols: Iterable[BrokerSymbol]) -> list[SymbolTerms]:
    return [
        SymbolTerms(
            symbol=symbol,
            valid_from=EVER,
            contract_size=symbol.instrument.contract_size,
            digits=max(0, -int(symbol.instrument.tick_size.normalize().as_tuple().exponent)),
            tick_size=symbol.instrument.tick_size,
            tick_value=symbol.instrument.tick_value,
            **_margin_and_lots(symbol.instrument),
        )
        for symbol in symbols
    ]


def _margin_and_lots(instrument: Instrument) -> dict[str, Any]:
    """Neither commission nor swap: what a broker charges is not to be guessed, and can be entered."""
    if instrument.category == Category.FUTURE:
        margin = FUTURES_MARGIN.get(instrument.symbol)
        whole = {"lot_min": Decimal(1), "lot_step": Decimal(1)}
        return {
            "margin_mode": "futures",
            "margin_initial": Decimal(margin) if margin else None,
            **whole,
        }
    mode = "forex" if instrument.category == Category.FX else "cfd_leverage"
    return {"margin_mode": mode, "lot_min": Decimal("0.01"), "lot_step": Decimal("0.01")}
