"""What every account sees: the symbols, their last quotes and sizes, the clock."""

from collections.abc import Iterable
from datetime import time, tzinfo
from decimal import Decimal

from tradershub.finance.decimals import ZERO
from tradershub.finance.fx import Quote, RateTable
from tradershub.finance.sides import Side
from tradershub.finance.trading_day import MIDNIGHT
from tradershub.finance.venue.events import NEVER, Event, Filled, Quoted
from tradershub.finance.venue.orders import Reason
from tradershub.finance.venue.symbols import Symbol


class NoPrice(LookupError):
    """The symbol has not been quoted."""


class Market:
    """symbols: that can be traded. zone, rollover: the broker's day. pivot: see `fx.RateTable`.

    Terms may be replaced in `symbols` at any time: what was booked keeps its figures.
    """

    def __init__(
        self,
        symbols: Iterable[Symbol],
        *,
        zone: tzinfo,
        rollover: time = MIDNIGHT,
        pivot: str = "USD",
    ) -> None:
        self.symbols = {symbol.name: symbol for symbol in symbols}
        self.zone, self.rollover, self.pivot = zone, rollover, pivot
        self.now = NEVER
        self.seq = 0
        self.quotes: dict[str, Quoted] = {}
        self.taken: dict[str, Decimal] = {}
        self.turns = 0  # how often the rates became others
        self._rates: RateTable | None = None

    def apply(self, event: Event) -> None:
        """Take the time of any event, a quote, and the size that a fill used up."""
        self.now = max(self.now, event.at)
        if not event.account:
            self.seq = event.seq
        if isinstance(event, Quoted):
            self._take_quote(event)
        elif isinstance(event, Filled) and _uses_size(event):
            key = event.symbol + " " + event.side
            self.taken[key] = self.taken.get(key, ZERO) + event.lots

    def quote(self, symbol: str) -> Quoted:
        """The last quote. Raises NoPrice."""
        if symbol not in self.quotes:
            raise NoPrice(f"{symbol} has not been quoted")
        return self.quotes[symbol]

    def trades(self, symbol: str) -> bool:
        """Whether the symbol can be dealt now: quoted as tradable, within its hours."""
        quote = self.quotes.get(symbol)
        return quote is not None and quote.tradable and self.symbols[symbol].hours.is_open(self.now)

    def on_offer(self, symbol: str, side: Side) -> Decimal | None:
        """Lots that a deal of that side still finds at the quote; None is without limit."""
        quote = self.quote(symbol)
        size = quote.ask_size if side == "buy" else quote.bid_size
        if size is None:
            return None
        return max(size - self.taken.get(symbol + " " + side, ZERO), ZERO)

    @property
    def rates(self) -> RateTable:
        """The last quotes of all pairs as rates."""
        if self._rates is None:
            self._rates = RateTable(self._pairs(), pivot=self.pivot)
        return self._rates

    def _take_quote(self, event: Quoted) -> None:
        self.quotes[event.symbol] = event
        for side in ("buy", "sell"):
            self.taken.pop(f"{event.symbol} {side}", None)
        symbol = self.symbols.get(event.symbol)
        if symbol is None or symbol.is_pair:
            self.turns += 1
            self._rates = None

    def _pairs(self) -> Iterable[Quote]:
        for name, quote in self.quotes.items():
            symbol = self.symbols.get(name)
            if symbol is not None and symbol.is_pair:
                yield Quote(symbol.base, symbol.quote, quote.bid, quote.ask, quote.at)


def _uses_size(event: Filled) -> bool:
    """Closing by another position needs nobody, and a stop-out does not wait for size."""
    return event.entry != "out_by" and event.reason is not Reason.STOP_OUT
