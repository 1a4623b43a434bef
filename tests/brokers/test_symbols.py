from __future__ import annotations

import pytest

from brokers.catalogue import instruments
from brokers.symbols import instrument_for


def names(futures: bool) -> dict[str, str]:
    rows = [row for row in instruments() if (row["category"] == "future") == futures]
    return {
        name.upper(): row["symbol"]
        for row in rows
        for name in (row["symbol"], *row.get("aliases", []))
    }


SPOT, FUTURES = names(futures=False), names(futures=True)


def ask(name: str) -> str | None:
    return instrument_for(name, spot=SPOT, futures=FUTURES)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        ("EURUSD", "EURUSD"),
        ("eurusd.", "EURUSD"),
        ("EURUSD.m", "EURUSD"),
        ("EURUSDm", "EURUSD"),
        ("EURUSD.pro", "EURUSD"),
        ("GBPJPY_i", "GBPJPY"),
        ("xauusd@", "XAUUSD"),
        ("usdcad-2", "USDCAD"),
        ("GOLD", "XAUUSD"),
        ("Gold.m", "XAUUSD"),
        ("US30.cash", "US30"),
        ("#US30", "US30"),
        ("DE40", "GER40"),
        ("EUR/USD", "EURUSD"),
        ("EUR_USD", "EURUSD"),
        ("ESZ4", "ES"),
        ("MNQH26", "MNQ"),
        ("NQ 12-24", "NQ"),
        ("6EM5", "6E"),
    ],
)
def test_certain_names_are_mapped(name, symbol):
    assert ask(name) == symbol


@pytest.mark.parametrize(
    "name",
    [
        "",
        "GOLD.us",
        "US30.f",
        "XAUUSD.fut",
        "EURUSD.2412",
        "US30.Z24",
        "US500x2leverage",
        "EURUSDT",
        "eurusdt",
        "BTCUSD",
        "AAPL.US",
        "ES35.fut",
        "EURUSD-EURGBP",
    ],
)
def test_uncertain_names_are_left_to_the_person(name):
    assert ask(name) is None


def test_the_catalogue_holds_28_pairs_and_no_name_twice():
    rows = instruments()
    assert sum(row["category"] == "fx" for row in rows) == 28
    spoken = [n.upper() for row in rows for n in (row["symbol"], *row.get("aliases", []))]
    assert len(spoken) == len(set(spoken))
