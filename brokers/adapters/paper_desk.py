"""A paper account's venue in the hands of one command: what it is shown, what it meets, what happened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from brokers.adapters.errors import Rejected
from brokers.adapters.messages import QuoteReport
from brokers.adapters.paper_settings import PaperSettings
from tradershub.finance.decimals import ZERO
from tradershub.finance.trading_day import day_bounds
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.events import Event, Quoted
from tradershub.finance.venue.rules import Slippage
from tradershub.finance.venue.venue import Events, Venue


@dataclass(slots=True)
class Desk:
    """The venue of the account `number`.

    read_at: when the terms were read. kept: event that the last snapshot holds. quotes: as they came last.
    met: bid, ask and whether it could be dealt, of each price that orders have met. happened: not yet kept.
    """

    venue: Venue
    number: str
    settings: PaperSettings
    read_at: dt.datetime
    kept: int = 0
    quotes: dict[str, QuoteReport] = field(default_factory=dict)
    met: dict[str, tuple[Decimal, Decimal, bool]] = field(default_factory=dict)
    happened: list[Event] = field(default_factory=list)

    @property
    def account(self) -> Account:
        return self.venue.account(self.number)

    @property
    def seq(self) -> int:
        """The number of the account's last event, 0 before it is opened."""
        try:
            return self.account.seq
        except ValueError:
            return 0

    @property
    def slippage(self) -> Slippage:
        return Slippage(self.settings.slippage_low, self.settings.slippage_high)

    def take(self, found: Events) -> Events:
        """Remember the account's events among what a command gave."""
        self.happened += [event for event in found if event.account == self.number]
        return found

    def without_terms(self) -> list[str]:
        """Symbols that are held or ordered, and not described any more."""
        used = {p.symbol for p in self.account.positions.values()}
        used |= {order.request.symbol for order in self.account.orders.values()}
        return sorted(used - self.venue.market.symbols.keys())

    def rests(self, at: dt.datetime) -> bool:
        """Whether neither prices nor the time until then can make anything happen."""
        account, market = self.account, self.venue.market
        if account.orders or account.positions or account.called:
            return False
        return at < day_bounds(account.day, zone=market.zone, rollover=market.rollover)[1]

    def show(self, quotes: Iterable[QuoteReport], at: dt.datetime) -> set[str]:
        """Let the market have the prices. The symbols come back whose price orders have not met."""
        market, unmet = self.venue.market, set()
        for quote in quotes:
            if quote.symbol not in market.symbols or not ZERO < quote.bid <= quote.ask:
                continue
            self.quotes[quote.symbol] = quote
            found = (quote.bid, quote.ask, self.can_be_dealt(quote, at))
            if self.met.get(quote.symbol) != found:
                unmet.add(quote.symbol)
            known = market.quotes.get(quote.symbol)
            if known is None or (known.bid, known.ask, known.tradable) != found:
                self._put_up(quote, found[2])
        return unmet

    def meet(self, quotes: Iterable[QuoteReport], at: dt.datetime) -> dt.datetime:
        """Let time pass and orders meet the prices; the moment it became comes back.

        All prices are there before the first is met: nobody is stopped out at one of two that belong together.
        Those that did not come again grow old: nothing is dealt at them any more.
        """
        at = max(at, self.venue.market.now)
        known = self.quotes | {quote.symbol: quote for quote in quotes}
        for symbol in sorted(self.show(known.values(), at)):
            self._meet(self.quotes[symbol], at)
        self.take(self.venue.advance(at))
        if self.seq and self.account.rules.slippage != self.slippage:
            rules = replace(self.account.rules, slippage=self.slippage)
            self.take(self.venue.change_rules(self.number, rules, at))
        return at

    def price_missing(
        self, symbol: str, at: dt.datetime, *, at_market: bool = True
    ) -> Rejected | None:
        """Why there is no price to deal at; an order that rests only needs that there ever was one."""
        quote = self.quotes.get(symbol)
        if symbol not in self.venue.market.symbols:
            return None
        if quote is None:
            return Rejected(f"{symbol} has not been quoted", code="no_price")
        if at_market and quote.tradable and not self.can_be_dealt(quote, at):
            age, most = int((at - quote.at).total_seconds()), self.settings.max_age
            text = f"the last price of {symbol} is {age} s old, at most {most} s may pass"
            return Rejected(text, code="stale_price")
        return None

    def can_be_dealt(self, quote: QuoteReport, at: dt.datetime) -> bool:
        return quote.tradable and at - quote.at <= dt.timedelta(seconds=self.settings.max_age)

    def _meet(self, quote: QuoteReport, at: dt.datetime) -> None:
        dealt, size = self.can_be_dealt(quote, at), self._on_offer
        if self.seq and self._waits_for(quote.symbol):
            found = self.venue.quote(
                quote.symbol, quote.bid, quote.ask, at,
                bid_size=size, ask_size=size, tradable=dealt,
            )  # fmt: skip
            self.take(found)
        self.met[quote.symbol] = (quote.bid, quote.ask, dealt)

    def _waits_for(self, symbol: str) -> bool:
        return bool(self.account.held.get(symbol) or self.account.resting.get(symbol))

    def _put_up(self, quote: QuoteReport, tradable: bool) -> None:
        """Show a price without letting anything happen."""
        market, size = self.venue.market, self._on_offer
        shown = Quoted(
            seq=market.seq + 1,
            at=market.now,
            symbol=quote.symbol,
            bid=quote.bid,
            ask=quote.ask,
            bid_size=size,
            ask_size=size,
            tradable=tradable,
        )
        self.venue.apply(shown)

    @property
    def _on_offer(self) -> Decimal | None:
        return self.settings.on_offer or None


def in_turn(quotes: Iterable[QuoteReport]) -> list[list[QuoteReport]]:
    """The prices in as few steps as meet each: a symbol that comes again begins the next."""
    steps: list[dict[str, QuoteReport]] = [{}]
    for quote in quotes:
        if quote.symbol in steps[-1]:
            steps.append({})
        steps[-1][quote.symbol] = quote
    return [list(step.values()) for step in steps]
