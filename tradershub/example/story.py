"""Alex Morgan's year: four accounts at three brokers in three currencies, and their files."""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from tradershub.example import clock, fills, mt4_html, mt5_html, mt5_xlsx
from tradershub.example.market import CONTRACTS, Market
from tradershub.example.mt4_records import Mt4Records
from tradershub.example.mt5_records import Records
from tradershub.example.netting import NettingTrader
from tradershub.example.records import Account, CashFlow, History
from tradershub.example.trader import Style, Trader

HOLDER = "Alex Morgan"
NORTHGATE, HARBOUR, KAEDE = "Northgate Markets Ltd", "Harbour & Pine Capital", "Kaede Securities"


def _spelled(suffix: str, index_suffix: str = "") -> dict[str, str]:
    """A broker's spelling of every instrument."""
    return {
        name: name + (index_suffix if contract.size == 1 else suffix)
        for name, contract in CONTRACTS.items()
    }


DOLLARS = Account(
    number=50481127,
    holder=HOLDER,
    company=NORTHGATE,
    server="NorthgateMarkets-Live 2",
    currency="USD",
    leverage=30,
    symbols=_spelled(".m", ".cash"),
    commission=Decimal("3.50"),
)
EUROS = Account(
    number=50481203,
    holder=HOLDER,
    company=NORTHGATE,
    server="NorthgateMarkets-Live 2",
    currency="EUR",
    leverage=30,
    symbols=_spelled("", ".cash"),
    margin_mode="Netting",
    index_fee=Decimal("0.25"),
)
HARBOUR_EUROS = Account(
    number=772106,
    holder=HOLDER,
    company=HARBOUR,
    server="HarbourPine-Real",
    currency="EUR",
    leverage=100,
    symbols=_spelled("@", "-cash"),
    commission=Decimal("3.00"),
)
YEN = Account(
    number=1200458,
    holder=HOLDER,
    company=KAEDE,
    server="Kaede-Live",
    currency="JPY",
    leverage=25,
    symbols=_spelled("."),
)

DOLLAR_STYLE = Style(
    names=("EURUSD", "GBPUSD", "XAUUSD", "AUDUSD", "USDCAD", "US30"),
    busy=1.15,
    risk=Decimal("0.0055"),
    edge=0.685,
    bad_month=3,
)
EURO_STYLE = Style(
    names=("GER40", "EURUSD", "EURGBP", "USDCHF", "EURJPY"),
    busy=1.12,
    risk=Decimal("0.005"),
    edge=0.62,
    bad_month=6,
    patience=(6, 150),
)
HARBOUR_STYLE = Style(
    names=("XAUUSD", "EURUSD", "GBPJPY", "USDJPY", "GER40"),
    busy=0.9,
    risk=Decimal("0.006"),
    edge=0.65,
    bad_month=10,
)
YEN_STYLE = Style(
    names=("USDJPY", "EURJPY", "GBPJPY", "AUDUSD"),
    busy=0.85,
    risk=Decimal("0.006"),
    edge=0.66,
    bad_month=1,
)

# Days after the start, amount, comment.
Flows = tuple[tuple[int, str, str], ...]
DOLLAR_FLOWS: Flows = (
    (0, "20000", "Deposit"),
    (94, "5000", "Deposit"),
    (233, "-3000", "Withdrawal"),
    (331, "-18.75", "Account adjustment"),
)
EURO_FLOWS: Flows = ((3, "12000", "Bank transfer"), (150, "-1500", "Withdrawal"))
HARBOUR_FLOWS: Flows = (
    (1, "8000", "Deposit"),
    (120, "2500", "Deposit"),
    (205, "-1200", "Withdrawal"),
    (206, "-5.00", "Withdrawal fee"),
    (262, "11.40", "Interest on balance"),
)
YEN_FLOWS: Flows = ((2, "1500000", "Deposit"), (180, "300000", "Deposit"))
YEN_CREDIT: Flows = ((30, "20000", "Welcome bonus"),)


def write_example(folder: Path, *, until: date, seed: int = 7) -> list[Path]:
    """Write the year's statements into a folder and return the files, oldest export first.

    until: the last day that may occur. The same day and seed give the same bytes, as far as the
    installed ECB rates agree. Every account ends with open positions and a working order; two
    exports of one account overlap.
    """
    folder.mkdir(parents=True, exist_ok=True)
    last = clock.last_working_day(until)
    market = Market(first=last - timedelta(days=365), last=last, seed=seed)
    printed = market.end - timedelta(minutes=7)
    middle = clock.server_time(clock.last_working_day(last - timedelta(days=170)), 12 * 60 + 31)
    return [
        *_write_dollars(folder, market, seed, middle, printed),
        *_write_harbour(folder, market, seed, middle, printed),
        *_write_euros(folder, market, seed, printed),
        *_write_yen(folder, market, seed, printed),
    ]


def flows_of(market: Market, flows: Flows, kind: str = "balance") -> list[CashFlow]:
    """The flows as moments of the market's year, moved to the next working day."""
    booked = []
    for days, amount, comment in flows:
        wanted = market.days[0] + timedelta(days=days)
        day = next(day for day in market.days if day >= wanted)
        at = clock.server_time(day, 9 * 60 + days % 50)
        booked.append(CashFlow(at, Decimal(amount), comment, kind))
    return booked


def dollars(market: Market, seed: int) -> Records:
    """MT5, hedging, with a commission."""
    rng = random.Random(f"{seed}:{DOLLARS.number}")
    history = History(DOLLARS, flows_of(market, DOLLAR_FLOWS))
    Trader(market, history, DOLLAR_STYLE, rng).trade()
    return Records(market, history, fills.of_history(history), rng)


def euros(market: Market, seed: int) -> Records:
    """MT5, netting, with a fee on indices and reversals."""
    rng = random.Random(f"{seed}:{EUROS.number}")
    history = History(EUROS, flows_of(market, EURO_FLOWS))
    trader = NettingTrader(market, history, EURO_STYLE, rng)
    trader.trade()
    return Records(market, history, trader.fills, rng)


def harbour(market: Market, seed: int) -> Mt4Records:
    """MT4 in euros, with a commission and partial closes."""
    rng = random.Random(f"{seed}:{HARBOUR_EUROS.number}")
    history = History(HARBOUR_EUROS, flows_of(market, HARBOUR_FLOWS))
    return Mt4Records(market, Trader(market, history, HARBOUR_STYLE, rng).trade(), rng)


def yen(market: Market, seed: int) -> Mt4Records:
    """MT4 in a currency without decimals, with a bonus credit."""
    rng = random.Random(f"{seed}:{YEN.number}")
    flows = [*flows_of(market, YEN_FLOWS), *flows_of(market, YEN_CREDIT, "credit")]
    history = History(YEN, flows)
    return Mt4Records(market, Trader(market, history, YEN_STYLE, rng).trade(), rng)


def _write_dollars(
    folder: Path, market: Market, seed: int, middle: datetime, printed: datetime
) -> list[Path]:
    records = dollars(market, seed)
    name = f"ReportHistory-{DOLLARS.number}"
    return [
        mt5_html.write(records.report(middle), folder / f"{name}-{middle:%Y-%m}.html"),
        mt5_xlsx.write(records.report(printed), folder / f"{name}.xlsx"),
    ]


def _write_harbour(
    folder: Path, market: Market, seed: int, middle: datetime, printed: datetime
) -> list[Path]:
    records = harbour(market, seed)
    since = clock.server_time(middle.date() - timedelta(days=20))
    later = records.report(printed, since=since)
    return [
        mt4_html.write(records.report(middle), folder / f"DetailedStatement-{middle:%Y-%m}.htm"),
        mt4_html.write(later, folder / "DetailedStatement.htm"),
    ]


def _write_euros(folder: Path, market: Market, seed: int, printed: datetime) -> list[Path]:
    report = euros(market, seed).report(printed)
    return [mt5_html.write(report, folder / f"ReportHistory-{EUROS.number}.html")]


def _write_yen(folder: Path, market: Market, seed: int, printed: datetime) -> list[Path]:
    report = yen(market, seed).report(printed)
    return [mt4_html.write(report, folder / "Statement.htm", detailed=False, newest_first=True)]
