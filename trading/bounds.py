"""How far a stop or a way in price may be: beyond, it was meant in another unit, or as a price."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings

from brokers.models import BrokerSymbol
from tradershub.core.formats import plain
from tradershub.finance.decimals import HUNDRED
from trading.models import Order

FARTHEST_STOP = Decimal("0.5")  # of the price


def price_to_close(symbol: BrokerSymbol, side: str) -> Decimal | None:
    """The last at which a position of that side would close, however old."""
    quote = getattr(symbol, "last_quote", None)
    return quote and (quote.bid if side == Order.Side.BUY else quote.ask)


def why_too_far(stop: Decimal | None, *prices: Decimal) -> str:
    """What is wrong with a stop that is farther than half of each of these prices away from it; empty for none."""
    if stop is None or any(abs(stop - price) <= price * FARTHEST_STOP for price in prices):
        return ""
    price = min(prices, key=lambda one: abs(stop - one))
    return (
        f"Expected the stop within half of the price {plain(price)}, found {plain(stop)}: was it meant "
        "in pips or as a distance?"
    )


def why_too_wide(word: str, away: Decimal | None, price: Decimal) -> str:
    """What is wrong with a way of more than RISK_COLLAR_PERCENT of the price; empty for none."""
    most = price * settings.RISK_COLLAR_PERCENT / HUNDRED
    if away is None or away <= most:
        return ""
    return f"Expected a {word} of at most {plain(most)} at {plain(price)}, found {plain(away)}"
