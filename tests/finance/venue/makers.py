"""A small broker: three pairs and an index, New York's day, and short words for commands."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal as D
from zoneinfo import ZoneInfo

from tradershub.finance.fx import Rule
from tradershub.finance.terms import CalcMode, ContractTerms
from tradershub.finance.venue import events
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.orders import Kind, OrderRequest, Stops
from tradershub.finance.venue.rules import AccountRules
from tradershub.finance.venue.symbols import Symbol
from tradershub.finance.venue.venue import Venue

NEW_YORK = ZoneInfo("America/New_York")
# A Monday, four in the morning in New York.
MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)

FOREX = ContractTerms(mode=CalcMode.FOREX, contract_size=D(100_000), hedged_size=D(0))
YEN = ContractTerms(mode=CalcMode.FOREX, contract_size=D(100_000), digits=3, hedged_size=D(0))
INDEX = ContractTerms(
    mode=CalcMode.CFD, contract_size=D(1), digits=1, lot_min=D("0.1"), lot_step=D("0.1")
)

SYMBOLS = {
    "EURUSD": Symbol(name="EURUSD", base="EUR", quote="USD", terms=FOREX, rule=Rule.BY_DEAL),
    "USDJPY": Symbol(name="USDJPY", base="USD", quote="JPY", terms=YEN, rule=Rule.BY_DEAL),
    "USDCHF": Symbol(name="USDCHF", base="USD", quote="CHF", terms=FOREX, rule=Rule.BY_DEAL),
    "DAX": Symbol(name="DAX", base="", quote="EUR", terms=INDEX),
}  # fmt: skip


def market(**changed):
    """changed: by name, fields that differ, as EURUSD={"stops_level": 20}."""
    symbols = [replace(one, **changed.get(name, {})) for name, one in SYMBOLS.items()]
    return Market(symbols, zone=NEW_YORK, rollover=time(17))


class Desk:
    """One account "a" at a venue, with a clock that moves a second at each command."""

    def __init__(self, *, deposit="100000", symbols=None, seed=7, currency="USD", **rules):
        self.venue = Venue(market(**(symbols or {})), seed=seed)
        self.at = MONDAY
        self.log = []
        self.take(self.venue.open_account("a", AccountRules(currency=currency, **rules), self.at))
        if deposit:
            self.take(self.venue.deposit("a", D(deposit), self.at))

    def take(self, found):
        self.log += found
        return found

    def tick(self):
        self.at += timedelta(seconds=1)
        return self.at

    def quote(self, symbol, bid, ask, *, bid_size=None, ask_size=None, **more):
        sizes = {"bid_size": bid_size and D(bid_size), "ask_size": ask_size and D(ask_size)}
        return self.take(self.venue.quote(symbol, D(bid), D(ask), self.tick(), **sizes, **more))

    def submit(self, side, lots, symbol="EURUSD", kind="market", **more):
        return self.take(
            self.venue.submit("a", request(side, lots, symbol, kind, **more), self.tick())
        )

    def buy(self, lots, symbol="EURUSD", **more):
        return self.submit("buy", lots, symbol, **more)

    def sell(self, lots, symbol="EURUSD", **more):
        return self.submit("sell", lots, symbol, **more)

    def do(self, command, *args, **more):
        return self.take(getattr(self.venue, command)("a", *args, self.tick(), **more))

    def advance(self, at):
        self.at = at
        return self.take(self.venue.advance(at))

    @property
    def account(self):
        return self.venue.account("a")

    @property
    def figures(self):
        return self.venue.figures("a")

    @property
    def position(self):
        (found,) = self.account.positions.values()
        return found


def request(side, lots, symbol="EURUSD", kind="market", **more):
    for name in ("price", "limit_price", "distance", "bound"):
        if isinstance(more.get(name), str):
            more[name] = D(more[name])
    return OrderRequest(symbol=symbol, side=side, lots=D(lots), kind=Kind(kind), **more)


def stops(**prices):
    return Stops(**{name: D(value) for name, value in prices.items()})


def only(found, kind):
    """The one event of that kind."""
    (event,) = of(found, kind)
    return event


def of(found, kind):
    return [event for event in found if isinstance(event, kind)]


def kinds(found):
    return [type(event).__name__ for event in found if event.account]


def filled(found):
    return only(found, events.Filled)
