"""Commission by scheme. Rates are positive, results negative: a cost to the trader.

Each function charges one deal and rounds it half-up to `digits`; sums are made of rounded deals.
Source: MetaQuotes, "Commissions"; Interactive Brokers, "Forex - Pricing Structure".
"""

from collections.abc import Sequence
from decimal import Decimal

from tradershub.finance.decimals import HUNDRED, ZERO, quantise

MILLION = Decimal(1_000_000)
BASIS_POINT = Decimal("0.0001")


def per_lot(lots: Decimal, rate: Decimal, *, digits: int = 2) -> Decimal:
    """Money a lot. lots: of one deal, so a round turn is charged by two calls."""
    return -quantise(lots * rate, digits) + ZERO


def per_trade(rate: Decimal, *, digits: int = 2) -> Decimal:
    """Money a deal, whatever its size."""
    return -quantise(rate, digits) + ZERO


def per_million(notional_usd: Decimal, rate: Decimal, *, digits: int = 2) -> Decimal:
    """Money a million US dollars traded, at the deal's own price."""
    return -quantise(notional_usd / MILLION * rate, digits) + ZERO


def percent_of_notional(
    notional: Decimal,
    percent: Decimal,
    *,
    minimum: Decimal = ZERO,
    maximum: Decimal | None = None,
    digits: int = 2,
) -> Decimal:
    """Percent of the value traded, at least `minimum`, at most `maximum`."""
    return _bounded(notional * percent / HUNDRED, minimum, maximum, digits)


def basis_points(
    notional: Decimal,
    points: Decimal,
    *,
    minimum: Decimal = ZERO,
    maximum: Decimal | None = None,
    digits: int = 2,
) -> Decimal:
    """Hundredths of a percent of the value traded, at least `minimum` an order."""
    return _bounded(notional * points * BASIS_POINT, minimum, maximum, digits)


def in_points(
    lots: Decimal, points: Decimal, *, contract_size: Decimal, point: Decimal, digits: int = 2
) -> Decimal:
    """Points of price a lot, in the quote currency."""
    return -quantise(lots * points * contract_size * point, digits) + ZERO


def share_of_profit(profit: Decimal, percent: Decimal, *, digits: int = 2) -> Decimal:
    """Percent of a profit; a loss pays nothing."""
    return -quantise(max(profit, ZERO) * percent / HUNDRED, digits) + ZERO


def tier_rate(turnover: Decimal, tiers: Sequence[tuple[Decimal, Decimal]]) -> Decimal:
    """The rate of the highest tier reached. tiers: (turnover from which it holds, rate).

    Raises ValueError where no tier begins at or below the turnover.
    """
    reached = [tier for tier in tiers if tier[0] <= turnover]
    if not reached:
        raise ValueError(f"no tier begins at or below a turnover of {turnover}")
    return max(reached)[1]


def _bounded(raw: Decimal, minimum: Decimal, maximum: Decimal | None, digits: int) -> Decimal:
    charged = max(raw, minimum)
    if maximum is not None:
        charged = min(charged, maximum)
    return -quantise(charged, digits) + ZERO
