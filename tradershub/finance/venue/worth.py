"""What accounts are worth at the market's quotes: profit, margin, equity."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from tradershub.finance import valuation
from tradershub.finance.decimals import ONE, ZERO, post_money, quantise
from tradershub.finance.fx import DealPrice, NoRate, Rule, marked_up_rate
from tradershub.finance.margin import HeldLots, hedged_margin, leg_margins, margin
from tradershub.finance.pnl import price_profit
from tradershub.finance.sides import Side
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.events import Quoted
from tradershub.finance.venue.market import Market, NoPrice
from tradershub.finance.venue.orders import Order, Position
from tradershub.finance.venue.rules import AccountRules
from tradershub.finance.venue.symbols import Symbol


class Figures(NamedTuple):
    """The account's currency. equity = balance + credit + floating + swap; level: percent.

    floating: profit of the open positions if closed now, from price alone. swap: accrued, not
    booked. level: None without margin.
    """

    balance: Decimal
    credit: Decimal
    floating: Decimal
    swap: Decimal
    equity: Decimal
    margin: Decimal
    free: Decimal
    level: Decimal | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """Figures that cannot be had, and why."""

    reason: str


class Profit(NamedTuple):
    """In the account's currency, with the rate that took it there."""

    amount: Decimal
    rate: Decimal


def figures(market: Market, account: Account, *, apart: int | None = None) -> Figures | Unknown:
    """What the account is worth now. apart: an order whose reservation is left out."""
    try:
        floating = floating_profit(market, account)
        margin = margin_held(market, account)
        margin += reserved(market, account, (o for o in account.orders.values() if o.id != apart))
    except (NoPrice, NoRate) as missing:
        return Unknown(str(missing))
    swap = sum((position.swap for position in account.positions.values()), ZERO)
    equity = valuation.equity(
        balance=account.balance, credit=account.credit, floating=floating, open_swap=swap
    )
    return Figures(
        balance=account.balance,
        credit=account.credit,
        floating=floating,
        swap=swap,
        equity=equity,
        margin=margin,
        free=valuation.free_margin(equity, margin),
        level=valuation.margin_level(equity, margin),
    )


def floating_profit(market: Market, account: Account) -> Decimal:
    """Profit of all open positions if closed at the quotes. Raises NoPrice, NoRate."""
    return sum((floating_of(market, account, p) for p in account.positions.values()), ZERO)


def floating_of(market: Market, account: Account, position: Position) -> Decimal:
    """A position's profit if closed at the quote, without swap. Raises NoPrice, NoRate."""
    price = closing_price(position.side, market.quote(position.symbol))
    made_of = position, price, market.symbols[position.symbol], account.rules, market.turns
    return _once(
        account,
        position.id,
        made_of,
        lambda: profit_at(market, account, position, lots=position.lots, price=price).amount,
    )


def _once(account: Account, key: int | str, made_of: Any, work: Callable[[], Decimal]) -> Decimal:
    """What `work` makes of it, worked out again only where something of it has changed."""
    known = account.known.get(key)
    if known is None or known[0] != made_of:
        known = account.known[key] = made_of, work()
    return known[1]


def closing_price(side: Side, quote: Quoted) -> Decimal:
    """A long is marked and closed at the bid, a short at the ask."""
    return quote.bid if side == "buy" else quote.ask


def profit_at(
    market: Market, account: Account, position: Position, *, lots: Decimal, price: Decimal
) -> Profit:
    """Profit of `lots` of the position closed at the price, rounded. Raises NoRate."""
    symbol = market.symbols[position.symbol]
    raw = price_profit(
        side=position.side,
        lots=lots,
        open_price=position.price,
        close_price=price,
        terms=symbol.terms,
    )
    deal = DealPrice(symbol.base, symbol.quote, price, market.now) if symbol.is_pair else None
    rate = _profit_rate(market, account.rules, symbol, raw, closing=position.side, deal=deal)
    return Profit(quantise(raw * rate, account.rules.digits, rounding=symbol.terms.rounding), rate)


def _profit_rate(
    market: Market,
    rules: AccountRules,
    symbol: Symbol,
    raw: Decimal,
    *,
    closing: Side,
    deal: DealPrice | None,
) -> Decimal:
    frm, to, at = symbol.quote, rules.currency, market.now
    if frm == to:
        return ONE
    if rules.markup_percent:
        mid = market.rates.rate(frm=frm, to=to, at=at)
        return marked_up_rate(mid, markup_percent=rules.markup_percent, gain=raw > 0)
    converted = market.rates.convert(
        raw, frm=frm, to=to, at=at, rule=symbol.rule, closing=closing, deal=deal
    )
    return converted.rate


def to_account(market: Market, account: Account, amount: Decimal, currency: str) -> Decimal:
    """A cost or credit in the account's currency at the trader's bad side, unrounded."""
    to = account.rules.currency
    if currency == to:
        return amount
    rates = market.rates
    return rates.convert(amount, frm=currency, to=to, at=market.now, rule=Rule.BY_MARKET).amount


def margin_used(market: Market, account: Account, positions: Iterable[Position]) -> Decimal:
    """Margin of the positions, symbol by symbol, each rounded. Raises NoPrice, NoRate."""
    by_symbol: dict[str, list[Position]] = defaultdict(list)
    for position in positions:
        by_symbol[position.symbol].append(position)
    used = (symbol_margin(market, account, name, held) for name, held in by_symbol.items())
    return sum(used, ZERO)


def margin_held(market: Market, account: Account) -> Decimal:
    """Margin of all open positions. Raises NoPrice, NoRate."""
    names = dict.fromkeys(position.symbol for position in account.positions.values())
    return sum((symbol_margin_held(market, account, name) for name in names), ZERO)


def symbol_margin_held(market: Market, account: Account, name: str) -> Decimal:
    """Margin of the open positions of one symbol. Raises NoPrice, NoRate."""
    held, symbol, rules = account.positions_of(name), market.symbols[name], account.rules
    mid = market.quote(name).mid if held and rules.margin_at_market else None
    made_of = held, mid, symbol, rules, market.turns
    return _once(account, name, made_of, lambda: symbol_margin(market, account, name, held))


def symbol_margin(
    market: Market, account: Account, name: str, positions: Collection[Position]
) -> Decimal:
    """Margin of positions of one symbol, both sides together. Raises NoPrice, NoRate.

    A pair quoted in the account's currency is charged at the price of the deal itself (or the mid);
    others convert at the ask where buys prevail, else at the bid.
    """
    if not positions:
        return ZERO
    symbol, rules = market.symbols[name], account.rules
    lots = [HeldLots(p.side, p.lots, _margin_price(market, rules, p)) for p in positions]
    at_price = symbol.is_pair and symbol.quote == rules.currency
    charged = _charged(lots, symbol, rules, at_price=at_price)
    if not at_price:
        charged *= _margin_rate(market, rules, symbol, lots)
    return post_money(charged, rules.digits)


def reserved(market: Market, account: Account, orders: Iterable[Order]) -> Decimal:
    """Margin held by resting orders, where the account's rules say so."""
    if not account.rules.reserves:
        return ZERO
    return sum((reservation(market, account, order) for order in orders), ZERO)


def reservation(market: Market, account: Account, order: Order) -> Decimal:
    """Margin of what is left of an order on its own. Closing orders hold none."""
    if order.closes_only or not account.rules.reserves:
        return ZERO
    symbol, rules, side = market.symbols[order.request.symbol], account.rules, order.request.side
    quote = market.quote(symbol.name)
    price = order.level or order.limit or closing_price("sell" if side == "buy" else "buy", quote)
    charged = margin(
        side=side, lots=order.left, terms=symbol.terms, leverage=rules.leverage, price=price
    )
    if symbol.is_pair and symbol.quote == rules.currency:
        return post_money(charged * price, rules.digits)
    rate = _margin_rate(market, rules, symbol, [HeldLots(side, order.left, price)])
    return post_money(charged * rate, rules.digits)


def _margin_price(market: Market, rules: AccountRules, position: Position) -> Decimal:
    return market.quote(position.symbol).mid if rules.margin_at_market else position.price


def _charged(
    lots: list[HeldLots], symbol: Symbol, rules: AccountRules, *, at_price: bool
) -> Decimal:
    terms, leverage = symbol.terms, rules.leverage
    if terms.hedged_size is not None and not symbol.larger_leg:
        return hedged_margin(lots, terms=terms, leverage=leverage, at_price=at_price).total
    sides = leg_margins(lots, terms=terms, leverage=leverage, at_price=at_price)
    return max(sides.values()) if symbol.larger_leg else sum(sides.values(), ZERO)


def _margin_rate(
    market: Market, rules: AccountRules, symbol: Symbol, lots: Iterable[HeldLots]
) -> Decimal:
    if symbol.margin_currency == rules.currency:
        return ONE
    frm, to, at = symbol.margin_currency, rules.currency, market.now
    if rules.margin_at_market:
        return market.rates.rate(frm=frm, to=to, at=at)
    net = sum((held.lots if held.side == "buy" else -held.lots for held in lots), ZERO)
    # A negative amount is bought: at the ask, or by one through the bid of the reverse pair.
    amount = -ONE if net >= 0 else ONE
    return market.rates.convert(amount, frm=frm, to=to, at=at, rule=Rule.BY_MARKET).rate
