"""Commission of a deal and swap of a night, in the account's currency, costs negative."""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from tradershub.finance import commission, swap
from tradershub.finance.decimals import ONE, ZERO, quantise
from tradershub.finance.fx import NoRate, Rule
from tradershub.finance.terms import BY_TICK, IS_FOREX
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.orders import Position
from tradershub.finance.venue.symbols import CommissionTerms, Scheme, SwapMode, Symbol
from tradershub.finance.venue.worth import to_account

# More digits than any currency has: rounding waits until after the conversion.
UNROUNDED = 10


class NightSwap(NamedTuple):
    """amount: rounded. price: the new opening price where the swap reopens the position."""

    amount: Decimal
    price: Decimal | None = None


def missing_rate(market: Market, account: Account, symbol: Symbol) -> str | None:
    """Why the symbol cannot be traded for lack of a rate; None where all are known."""
    try:
        for frm, to in _conversions(symbol, account.rules.currency):
            market.rates.rate(frm=frm, to=to, at=market.now)
    except NoRate as missing:
        return str(missing)
    return None


def _conversions(symbol: Symbol, own: str) -> Iterator[tuple[str, str]]:
    terms = symbol.commission
    yield symbol.quote, own
    yield symbol.margin_currency, own
    if symbol.is_pair:
        yield symbol.base, own
    if terms.currency:
        yield terms.currency, own
        yield symbol.quote, terms.currency
    if terms.scheme is Scheme.PER_MILLION:
        yield symbol.quote, "USD"
    if symbol.swap.currency:
        yield symbol.swap.currency, own


def deal_commission(
    market: Market,
    account: Account,
    symbol: Symbol,
    *,
    lots: Decimal,
    price: Decimal,
    profit: Decimal = ZERO,
) -> Decimal:
    """Commission of one deal, rounded: never positive. profit: account currency. Raises NoRate."""
    terms, own = symbol.commission, account.rules.currency
    if terms.scheme is Scheme.NONE or not lots:
        return ZERO
    if terms.scheme is Scheme.SHARE_OF_PROFIT:
        return commission.share_of_profit(profit, terms.rate, digits=account.rules.digits)
    currency = symbol.quote if terms.scheme is Scheme.POINTS else terms.currency or own
    digits = account.rules.digits if currency == own else UNROUNDED
    charged = _charge(market, symbol, currency, lots=lots, price=price, digits=digits)
    return quantise(to_account(market, account, charged, currency), account.rules.digits)


def _charge(
    market: Market,
    symbol: Symbol,
    currency: str,
    *,
    lots: Decimal,
    price: Decimal,
    digits: int,
) -> Decimal:
    """In `currency`, in which rates and bounds are stated."""
    terms = symbol.commission
    match terms.scheme:
        case Scheme.PER_LOT:
            return commission.per_lot(lots, terms.rate, digits=digits)
        case Scheme.PER_TRADE:
            return commission.per_trade(terms.rate, digits=digits)
        case Scheme.POINTS:
            size, point = symbol.terms.contract_size, symbol.terms.point
            return commission.in_points(
                lots, terms.rate, contract_size=size, point=point, digits=digits
            )
        case Scheme.PER_MILLION:
            traded = _notional(market, symbol, lots, price, "USD")
            return commission.per_million(traded, terms.rate, digits=digits)
    traded = _notional(market, symbol, lots, price, currency)
    return _of_notional(terms, traded, digits)


def _of_notional(terms: CommissionTerms, traded: Decimal, digits: int) -> Decimal:
    percent = terms.scheme is Scheme.PERCENT
    charge = commission.percent_of_notional if percent else commission.basis_points
    return charge(traded, terms.rate, minimum=terms.minimum, maximum=terms.maximum, digits=digits)


def _notional(
    market: Market, symbol: Symbol, lots: Decimal, price: Decimal, currency: str
) -> Decimal:
    """The value traded at the deal's price."""
    terms = symbol.terms
    unit = terms.tick_factor if terms.mode in BY_TICK else terms.contract_size
    value = lots * unit * price
    return market.rates.convert(value, frm=symbol.quote, to=currency, at=market.now).amount


def night_swap(market: Market, account: Account, position: Position, *, nights: int) -> NightSwap:
    """The swap of a position for a rollover that charges `nights`. Raises NoRate."""
    symbol = market.symbols[position.symbol]
    terms, digits = symbol.swap, account.rules.digits
    rate = terms.rate(position.side)
    if terms.mode is SwapMode.REOPEN:
        points = rate * nights
        price = swap.reopen_price(
            side=position.side, price=position.price, points=points, point=symbol.terms.point
        )
        return NightSwap(ZERO, price)
    if not rate:
        return NightSwap(ZERO)
    if terms.mode is SwapMode.POINTS:
        return NightSwap(_by_points(market, account, symbol, position, rate, nights))
    if terms.mode is SwapMode.MONEY:
        raw = swap.swap_by_money(position.lots, rate, multiplier=nights)
        own = terms.currency or account.rules.currency
        return NightSwap(quantise(to_account(market, account, raw, own), digits))
    if terms.mode is SwapMode.FINANCING:
        raw = _financing(market, symbol, position, rate, nights)
        return NightSwap(quantise(to_account(market, account, raw, symbol.quote), digits))
    return NightSwap(_by_interest(market, account, symbol, position, rate, nights))


def _by_points(
    market: Market,
    account: Account,
    symbol: Symbol,
    position: Position,
    points: Decimal,
    nights: int,
) -> Decimal:
    own, digits, terms = account.rules.currency, account.rules.digits, symbol.terms
    converted = market.rates.convert(
        points, frm=symbol.quote, to=own, at=market.now, rule=Rule.BY_MARKET
    )
    a_point = swap.point_price(
        lots=position.lots,
        contract_size=terms.contract_size,
        point=terms.point,
        rate=converted.rate,
        tick_factor=terms.tick_factor if terms.mode in BY_TICK else ONE,
        digits=digits,
    )
    return swap.swap_by_points(a_point, points=points, multiplier=nights, digits=digits)


def _by_interest(
    market: Market,
    account: Account,
    symbol: Symbol,
    position: Position,
    percent: Decimal,
    nights: int,
) -> Decimal:
    raw = swap.swap_by_interest(
        lots=position.lots,
        annual_percent=percent,
        terms=symbol.terms,
        price=_mark(market, position),
        days_in_year=symbol.swap.days_in_year,
        multiplier=nights,
    )
    frm = symbol.base if symbol.terms.mode in IS_FOREX else symbol.quote
    rule = Rule.BID if position.side == "buy" else Rule.ASK
    converted = market.rates.convert(
        raw, frm=frm, to=account.rules.currency, at=market.now, rule=rule
    )
    return quantise(converted.amount, account.rules.digits)


def _financing(
    market: Market, symbol: Symbol, position: Position, percent: Decimal, nights: int
) -> Decimal:
    return swap.daily_financing(
        units=position.lots * symbol.terms.contract_size,
        price=_mark(market, position),
        annual_percent=percent,
        days=nights,
        days_in_year=symbol.swap.days_in_year,
        digits=UNROUNDED,
    )


def _mark(market: Market, position: Position) -> Decimal:
    """The mid price; the opening price where a restored venue has seen no quote yet."""
    quote = market.quotes.get(position.symbol)
    return position.price if quote is None else quote.mid
