"""Conversion between currencies at a stated moment, by a stated rule, with its trail kept."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Literal, NamedTuple

from tradershub.finance.decimals import HUNDRED, ONE
from tradershub.finance.sides import Side


class Rule(StrEnum):
    """Which side of the quote converts. A term of the broker; differences start here.

    BY_DEAL: ask of PROFIT/DEPOSIT when a buy is closed, bid when a sell is (MT5 default for Forex).
    BY_MARKET: a gain at the bid, a loss at the ask: the trader's bad side (MT5 elsewhere).
    BID, ASK, MID: that price of whichever symbol is quoted, on every leg.
    """

    BY_DEAL = "by_deal"
    BY_MARKET = "by_market"
    BID = "bid"
    ASK = "ask"
    MID = "mid"


class NoRate(LookupError):
    """No chain of quotes joins the two currencies at that moment."""


class Quote(NamedTuple):
    """Units of `quote` for one unit of `base`, as known from `at` on. Prices are positive."""

    base: str
    quote: str
    bid: Decimal
    ask: Decimal
    at: datetime

    @property
    def mid(self) -> Decimal:
        return (self.bid + self.ask) / 2


class DealPrice(NamedTuple):
    """The execution price of the traded symbol itself."""

    base: str
    quote: str
    price: Decimal
    at: datetime


class Leg(NamedTuple):
    """One step of a conversion: times the price of `base``quote`, or divided by it."""

    base: str
    quote: str
    price: Decimal
    side: Literal["bid", "ask", "mid", "deal"]
    divides: bool
    at: datetime

    def apply(self, amount: Decimal) -> Decimal:
        """The amount after this step, unrounded."""
        return amount / self.price if self.divides else amount * self.price


class Converted(NamedTuple):
    """An amount in its new currency, unrounded, with what explains it."""

    amount: Decimal
    rate: Decimal
    rule: Rule
    legs: tuple[Leg, ...]


class RateTable:
    """Quotes by pair and time. A conversion uses the last quote at or before its moment.

    Tried in turn: the pair itself, its reverse, through `pivot`, then through other currencies by
    the fewest legs, alphabetically.
    """

    def __init__(self, quotes: Iterable[Quote], *, pivot: str = "USD") -> None:
        self.pivot = pivot
        self._quotes: dict[tuple[str, str], list[Quote]] = defaultdict(list)
        self._neighbours: dict[str, set[str]] = defaultdict(set)
        for quote in sorted(quotes, key=lambda quote: quote.at):
            if quote.bid <= 0 or quote.ask <= 0:
                raise ValueError(f"a quote of {quote.base}{quote.quote} was not positive")
            self._quotes[quote.base, quote.quote].append(quote)
            self._neighbours[quote.base].add(quote.quote)
            self._neighbours[quote.quote].add(quote.base)

    def convert(
        self,
        amount: Decimal,
        *,
        frm: str,
        to: str,
        at: datetime,
        rule: Rule = Rule.MID,
        closing: Side | None = None,
        deal: DealPrice | None = None,
    ) -> Converted:
        """The amount in `to`, unrounded, with rate, side and time of each leg.

        closing: side of the position being closed; needed by BY_DEAL, which holds for a direct
        symbol only: through a third currency each leg is BY_MARKET. deal: what was traded; where it
        joins the two currencies itself, BY_DEAL uses its price. Raises NoRate.
        Source: MetaQuotes, "Profit Calculation" and "Conversion".
        """
        if deal and rule is Rule.BY_DEAL and {deal.base, deal.quote} == {frm, to}:
            return _at_deal(amount, deal, frm=frm)
        path = self._path(frm, to, at)
        if len(path) > 2 and rule is Rule.BY_DEAL:
            rule = Rule.BY_MARKET
        legs: list[Leg] = []
        result, rate = amount, ONE
        for start, end in pairwise(path):
            leg = self._leg(start, end, at, rule=rule, sells=_sells(rule, amount, closing))
            legs.append(leg)
            result, rate = leg.apply(result), leg.apply(rate)
        return Converted(result, rate, rule, tuple(legs))

    def rate(self, *, frm: str, to: str, at: datetime, rule: Rule = Rule.MID) -> Decimal:
        """What one unit of `frm` is worth in `to`. Raises NoRate."""
        return self.convert(ONE, frm=frm, to=to, at=at, rule=rule).rate

    def last(self, base: str, quote: str, at: datetime) -> Quote | None:
        """The last quote of the pair as named, at or before the moment."""
        history = self._quotes.get((base, quote), [])
        found = bisect_right(history, at, key=lambda quote: quote.at)
        return history[found - 1] if found else None

    def _joined(self, one: str, other: str, at: datetime) -> bool:
        return bool(self.last(one, other, at) or self.last(other, one, at))

    def _path(self, frm: str, to: str, at: datetime) -> list[str]:
        if frm == to:
            return [frm]
        if self._joined(frm, to, at):
            return [frm, to]
        if self._joined(frm, self.pivot, at) and self._joined(self.pivot, to, at):
            return [frm, self.pivot, to]
        return self._shortest(frm, to, at)

    def _shortest(self, frm: str, to: str, at: datetime) -> list[str]:
        paths, seen = [[frm]], {frm}
        while paths:
            path = paths.pop(0)
            if path[-1] == to:
                return path
            for step in sorted(self._neighbours.get(path[-1], set()) - seen):
                if self._joined(path[-1], step, at):
                    seen.add(step)
                    paths.append([*path, step])
        raise NoRate(f"no rate from {frm} to {to} at {at.isoformat()}")

    def _leg(self, start: str, end: str, at: datetime, *, rule: Rule, sells: bool) -> Leg:
        direct = self.last(start, end, at)
        quote = direct or self.last(end, start, at)
        if quote is None:
            raise NoRate(f"no rate from {start} to {end} at {at.isoformat()}")
        side = _side(rule, sells=sells if direct else not sells)
        price: Decimal = getattr(quote, side)
        return Leg(quote.base, quote.quote, price, side, direct is None, quote.at)


def _at_deal(amount: Decimal, deal: DealPrice, *, frm: str) -> Converted:
    leg = Leg(deal.base, deal.quote, deal.price, "deal", deal.base != frm, deal.at)
    return Converted(leg.apply(amount), leg.apply(ONE), Rule.BY_DEAL, (leg,))


def _sells(rule: Rule, amount: Decimal, closing: Side | None) -> bool:
    """Whether the amount's currency is sold, which is done at the bid."""
    if rule is not Rule.BY_DEAL:
        return amount > 0
    if closing is None:
        raise ValueError("conversion by deal needs the side of the position that is closed")
    return closing == "sell"


def _side(rule: Rule, *, sells: bool) -> Literal["bid", "ask", "mid"]:
    if rule is Rule.MID:
        return "mid"
    if rule is Rule.BID:
        return "bid"
    if rule is Rule.ASK:
        return "ask"
    return "bid" if sells else "ask"


def marked_up_rate(mid: Decimal, *, markup_percent: Decimal, gain: bool) -> Decimal:
    """The rate of a broker that converts at mid less (gain) or plus (loss) a markup.

    Source: OANDA, "Home currency conversion" (0.5 % at OANDA Asia Pacific; a term of the broker).
    """
    markup = markup_percent / HUNDRED
    return mid * (ONE - markup if gain else ONE + markup)
