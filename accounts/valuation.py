"""What accounts are worth at the last known prices: floating P&L, equity, margin.

Each open position is marked by the later of its symbol's quote and what a statement last said of it. What cannot
be computed without terms is left empty with its reason; nothing is assumed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts.margin import MarginUsed, margin_used
from accounts.market import NO_PRICE, Gain, Market, market_on
from accounts.models import Account, AccountTerms, Position
from accounts.queries import BookedMoney, booked_money
from brokers.contracts import symbols_on
from brokers.models import Quote
from brokers.rates import Rate
from tradershub.core.models import Preference
from tradershub.core.prepared import prepared
from tradershub.finance import valuation as rules
from tradershub.finance.decimals import ONE, ZERO, post_money
from tradershub.finance.money import currency_digits
from tradershub.finance.rmultiple import r_multiple


@dataclass(frozen=True, slots=True)
class Valued:
    """An open position at the last known price. Money in the account's currency.

    floating: without swap; None with the reason where it cannot be known. swap: last stated, not yet booked.
    rate: what converted the profit from the currency of the price, where that was needed.
    """

    position: Position
    floating: Decimal | None
    swap: Decimal
    price: Decimal | None = None
    at: dt.datetime | None = None
    source: str = ""
    rate: Rate | None = None
    reason: str = ""

    @property
    def result(self) -> Decimal | None:
        """Floating profit with the swap that is not booked yet."""
        return None if self.floating is None else self.floating + self.swap


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountState:
    """An account at the last known prices, in its own currency; None is what cannot be known.

    reasons: why floating and equity are not known; margin_used.reason: why the margin is not.
    base_rate: of one unit in base_currency, with its day.
    """

    account: Account
    at: dt.datetime
    balance: Decimal
    credit: Decimal
    floating: Decimal | None
    open_swap: Decimal
    margin_used: MarginUsed
    positions: tuple[Valued, ...]
    base_currency: str
    base_rate: Rate | None
    market: Market

    @property
    def equity(self) -> Decimal | None:
        if self.floating is None:
            return None
        return rules.equity(
            balance=self.balance,
            credit=self.credit,
            floating=self.floating,
            open_swap=self.open_swap,
        )

    @property
    def margin(self) -> Decimal | None:
        return self.margin_used.amount

    @property
    def free_margin(self) -> Decimal | None:
        if self.equity is None or self.margin is None:
            return None
        return rules.free_margin(self.equity, self.margin)

    @property
    def margin_level(self) -> Decimal | None:
        """Percent; None while no margin is used, too."""
        if self.equity is None or not self.margin:
            return None
        return rules.margin_level(self.equity, self.margin)

    @property
    def reasons(self) -> tuple[str, ...]:
        found = (f"{v.position.symbol.name} {v.reason}" for v in self.positions if v.reason)
        return tuple(dict.fromkeys(found))

    @property
    def prices_at(self) -> dt.datetime | None:
        """The age of the oldest price in use."""
        return min((v.at for v in self.positions if v.at), default=None)

    @property
    def sources(self) -> tuple[str, ...]:
        return tuple(sorted({v.source for v in self.positions if v.source}))

    def of(self, position: Position) -> Valued | None:
        """The open position as it is valued here; None where it is closed."""
        return next((one for one in self.positions if one.position.pk == position.pk), None)

    def risk(self, position: Position) -> Decimal | None:
        """1 R: what its first stop would have lost of the lots still open, positive; None where unknown or nothing."""
        if position.first_stop is None:
            return None
        at_stop = self.market.gain(
            position,
            price=position.first_stop,
            lots=position.open_volume,
            currency=self.account.currency,
        )
        return -at_stop.amount if at_stop.amount and at_stop.amount < ZERO else None

    def r_multiple(self, valued: Valued) -> Decimal | None:
        """The result in units of the risk that was taken."""
        if valued.result is None:
            return None
        return r_multiple(valued.result, self.risk(valued.position))

    def in_base(self, amount: Decimal | None) -> Decimal | None:
        """An amount of this account in the base currency, rounded to its digits; None without a rate."""
        if amount is None or self.base_rate is None:
            return None
        return post_money(amount * self.base_rate.value, currency_digits(self.base_currency))


def state_of(
    account: Account, *, at: dt.datetime | None = None, base: str | None = None
) -> AccountState:
    """The account at the last known prices. at: the moment that ages and rates refer to, now by default.

    base: the currency to state it in besides its own; by default what its owner prefers.
    """
    return states_of([account], at=at, base=base)[0]


def states_of(
    accounts: Collection[Account], *, at: dt.datetime | None = None, base: str | None = None
) -> list[AccountState]:
    """Each account's state, with the same number of queries for one as for hundreds."""
    at = at or timezone.now()
    bases = {account.pk: base for account in accounts} if base else _preferred(accounts)
    day, positions = at.date(), _held(accounts)
    symbols, terms = symbols_on({position.symbol_id for position in positions}, day)
    currencies = {account.currency for account in accounts} | set(bases.values())
    market = market_on(day, symbols.values(), currencies, terms=terms)
    money, leverages = booked_money(accounts), _leverages(accounts, day)
    held: dict[int, list[Position]] = defaultdict(list)
    for position in positions:
        position.symbol = symbols[position.symbol_id]
        held[position.account_id].append(position)
    return [
        _state(
            account,
            at=at,
            money=money[account.pk],
            held=held[account.pk],
            leverage=leverages.get(account.pk),
            market=market,
            base=bases[account.pk],
        )
        for account in accounts
    ]


def _leverages(accounts: Collection[Account], day: dt.date) -> dict[int, Decimal]:
    """The leverage in force on that day by account id; an account without terms is not in it."""
    if len(accounts) == 1:
        pairs = _leverages_of(next(iter(accounts)), day)
    else:
        pairs = list(_leverages_on(day, Q(account__in=[a.pk for a in accounts])))
    return {account_id: Decimal(leverage) for account_id, leverage in pairs}


@prepared
def _leverages_of(account: Account, day: dt.date) -> QuerySet[Any]:
    return _leverages_on(day, Q(account=account))


def _leverages_on(day: dt.date, theirs: Q) -> QuerySet[Any]:
    rows = AccountTerms.objects.filter(theirs, valid_from__lte=day)
    return rows.order_by("valid_from").values_list("account_id", "leverage")


def _preferred(accounts: Collection[Account]) -> dict[int, str]:
    """The base currency of each account's owner."""
    owners = {account.owner_id for account in accounts}
    found = dict(
        Preference.objects.filter(owner__in=owners).values_list("owner_id", "base_currency")
    )
    default = Preference._meta.get_field("base_currency").default
    return {account.pk: found.get(account.owner_id, default) for account in accounts}


def _held(accounts: Collection[Account]) -> list[Position]:
    if len(accounts) == 1:
        return _open_of(next(iter(accounts)))
    return list(_open(Q(account__in=[a.pk for a in accounts])))


OF_CLOSED = ("close_price", "profit", "swap", "commission", "fee", "tax", "net", "deals")


@prepared
def _open_of(account: Account) -> QuerySet[Position]:
    return _open(Q(account=account))


def _open(theirs: Q) -> QuerySet[Position]:
    return Position.objects.filter(theirs, open_volume__gt=0).defer(*OF_CLOSED)


def _state(
    account: Account,
    *,
    at: dt.datetime,
    money: BookedMoney,
    held: list[Position],
    leverage: Decimal | None,
    market: Market,
    base: str,
) -> AccountState:
    currency = account.currency
    valued = tuple(value(position, currency=currency, market=market) for position in held)
    known = [v.floating for v in valued if v.floating is not None]
    return AccountState(
        account=account,
        at=at,
        balance=money.balance,
        credit=money.credit,
        floating=sum(known, ZERO) if len(known) == len(valued) else None,
        open_swap=sum((v.swap for v in valued), ZERO),
        margin_used=margin_used(held, currency=currency, leverage=leverage, market=market),
        positions=valued,
        base_currency=base,
        base_rate=market.rates.rate(currency, base, market.day),
        market=market,
    )


def value(position: Position, *, currency: str, market: Market) -> Valued:
    """The position by its symbol's quote where that is later than its own mark, else by the mark.

    A mark that says no profit, as of a platform that states none, leaves the word to the quote.
    """
    quote = getattr(position.symbol, "last_quote", None)
    is_marked = position.mark_at is not None and position.mark_profit is not None
    if quote and (not is_marked or quote.at > position.mark_at):
        by_quote = _by_quote(position, quote, currency=currency, market=market)
        if by_quote.floating is not None or position.mark_profit is None:
            return by_quote
    if position.mark_profit is None:
        return Valued(position, None, _open_swap(position, currency), reason=NO_PRICE)
    return _by_mark(position, quote, currency=currency, market=market)


def _by_quote(position: Position, quote: Quote, *, currency: str, market: Market) -> Valued:
    price = _closes_at(position, quote)
    gain = market.gain(position, price=price, lots=position.open_volume, currency=currency)
    swap = _open_swap(position, currency)
    if gain.amount is None:
        return Valued(position, None, swap, reason=gain.reason)
    return Valued(position, gain.amount, swap, price, quote.at, quote.source, gain.rate)


def _by_mark(position: Position, quote: Quote | None, *, currency: str, market: Market) -> Valued:
    """What was said of these lots, or their part of it; of lots that came since only the price was said."""
    swap, said = _open_swap(position, currency), (_price_said(position, quote), position.mark_at)
    share = _marked_share(position)
    if share is not None:
        profit = _part(position.mark_profit, share, currency)
        return Valued(position, profit, swap, *said, source=position.mark_source)
    gain = Gain(None, reason=NO_PRICE)
    if position.mark_price is not None:
        lots, price = position.open_volume, position.mark_price
        gain = market.gain(position, price=price, lots=lots, currency=currency)
    if gain.amount is None:
        reason = (
            f"{gain.reason}; last valued when {position.mark_volume.normalize():f} lots were open"
        )
        return Valued(position, None, swap, reason=reason)
    return Valued(position, gain.amount, swap, *said, position.mark_source, gain.rate)


def _price_said(position: Position, quote: Quote | None) -> Decimal | None:
    """The mark's price; of a platform that states a profit alone, the quote's from about that moment."""
    if position.mark_price is not None or quote is None or position.mark_at is None:
        return position.mark_price
    age = (position.mark_at - quote.at).total_seconds()
    return _closes_at(position, quote) if age <= settings.STALE_SECONDS else None


def _closes_at(position: Position, quote: Quote) -> Decimal:
    return quote.bid if position.side == "buy" else quote.ask


def _marked_share(position: Position) -> Decimal | None:
    """The part still open of the lots that the mark is of; None where others have come since."""
    if position.mark_volume is None:
        return ONE
    is_grown = position.open_volume > position.mark_volume
    if is_grown or position.open_price != position.mark_open_price:
        return None
    return Decimal(position.open_volume / position.mark_volume)


def _open_swap(position: Position, currency: str) -> Decimal:
    """The swap last stated of the lots still open; of those that came since nothing is known."""
    share = _marked_share(position)
    return _part(position.mark_swap or ZERO, ONE if share is None else share, currency)


def _part(amount: Decimal, share: Decimal, currency: str) -> Decimal:
    return amount if share == ONE else post_money(amount * share, currency_digits(currency))
