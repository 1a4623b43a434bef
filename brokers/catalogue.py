"""The starter catalogue: what most traders hold. Conventions, each of which a person can edit.

Currency pairs: contract 100,000 base units, pip 0.0001 (JPY 0.01), fractional pip quoted. Metals and index
CFDs as most brokers specify them. Futures: multiplier, tick and tick value by the exchanges' specifications
(CME Group contract specifications; `../shared/finance.md` 1 lists the same).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

CURRENCIES = ("EUR", "GBP", "AUD", "NZD", "USD", "CAD", "CHF", "JPY")  # the usual order of quoting

METALS = (
    ("XAUUSD", "Gold", "XAU", "100", ("GOLD",)),
    ("XAGUSD", "Silver", "XAG", "5000", ("SILVER",)),
)
INDICES = (
    ("US30", "Dow Jones 30", "USD", ("DJ30", "WS30", "DJI30", "USA30", "WALLSTREET30")),
    ("US500", "S&P 500", "USD", ("SPX500", "SP500", "USA500", "US500CASH")),
    ("NAS100", "Nasdaq 100", "USD", ("US100", "USTEC", "NDX100", "USA100", "USTECH100")),
    ("US2000", "Russell 2000", "USD", ("RUSSELL2000", "USSMALLCAP2000")),
    ("GER40", "DAX 40", "EUR", ("DE40", "DAX40", "GER30", "DE30", "GERMANY40")),
    ("UK100", "FTSE 100", "GBP", ("FTSE100", "GBR100")),
    ("FRA40", "CAC 40", "EUR", ("F40", "FR40", "CAC40", "FRANCE40")),
    ("EU50", "Euro Stoxx 50", "EUR", ("EUSTX50", "STOXX50", "ESTX50", "EUR50")),
    ("JP225", "Nikkei 225", "JPY", ("JPN225", "NIK225", "NIKKEI225", "JAPAN225")),
    ("AUS200", "ASX 200", "AUD", ("AU200", "ASX200", "AUSTRALIA200")),
    ("HK50", "Hang Seng 50", "HKD", ("HKG50", "HK33", "HSI50")),
    ("ESP35", "IBEX 35", "EUR", ("ES35", "IBEX35", "SPA35")),
)
FUTURES = (
    ("ES", "E-mini S&P 500", "50", "0.25", "12.50", "CME"),
    ("MES", "Micro E-mini S&P 500", "5", "0.25", "1.25", "CME"),
    ("NQ", "E-mini Nasdaq-100", "20", "0.25", "5.00", "CME"),
    ("MNQ", "Micro E-mini Nasdaq-100", "2", "0.25", "0.50", "CME"),
    ("6E", "Euro FX", "125000", "0.00005", "6.25", "CME"),
    ("GC", "Gold", "100", "0.10", "10.00", "COMEX"),
    ("CL", "Crude oil", "1000", "0.01", "10.00", "NYMEX"),
    ("MGC", "Micro gold", "10", "0.10", "1.00", "COMEX"),
)


def instruments() -> list[dict[str, Any]]:
    """The catalogue as field values of `brokers.Instrument`."""
    return [*_pairs(), *_metals(), *_indices(), *_futures()]


def _pairs() -> list[dict[str, Any]]:
    return [
        _pair(base, quote) for at, base in enumerate(CURRENCIES) for quote in CURRENCIES[at + 1 :]
    ]


def _pair(base: str, quote: str) -> dict[str, Any]:
    pip = Decimal("0.01") if quote == "JPY" else Decimal("0.0001")
    return {
        "symbol": base + quote,
        "name": f"{base} against {quote}",
        "category": "fx",
        "base": base,
        "quote": quote,
        "pip_size": pip,
        "tick_size": pip / 10,
        "contract_size": Decimal(100_000),
    }


def _metals() -> list[dict[str, Any]]:
    return [
        {
            "symbol": symbol,
            "name": name,
            "category": "metal",
            "base": base,
            "quote": "USD",
            "pip_size": Decimal("0.1") if base == "XAU" else Decimal("0.01"),
            "tick_size": Decimal("0.01") if base == "XAU" else Decimal("0.001"),
            "contract_size": Decimal(size),
            "aliases": list(aliases),
        }
        for symbol, name, base, size, aliases in METALS
    ]


def _indices() -> list[dict[str, Any]]:
    return [
        {
            "symbol": symbol,
            "name": name,
            "category": "index",
            "base": symbol,
            "quote": quote,
            "pip_size": Decimal(1),
            "tick_size": Decimal("0.01"),
            "contract_size": Decimal(1),
            "aliases": list(aliases),
        }
        for symbol, name, quote, aliases in INDICES
    ]


def _futures() -> list[dict[str, Any]]:
    return [
        {
            "symbol": symbol,
            "name": name,
            "category": "future",
            "base": symbol,
            "quote": "USD",
            "pip_size": None,
            "tick_size": Decimal(tick),
            "tick_value": Decimal(value),
            "contract_size": Decimal(multiplier),
            "exchange": exchange,
        }
        for symbol, name, multiplier, tick, value, exchange in FUTURES
    ]
