"""Ratios of daily returns. Floats: statistics, not money. A return of 0.01 is one percent.

Conventions as in empyrical and quantstats, which agree on these.
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from statistics import NormalDist, fmean, stdev

from tradershub.finance.decimals import from_float
from tradershub.finance.drawdown import largest_fall

PERIODS = 252


def volatility(returns: Sequence[float], *, periods: int = PERIODS) -> float | None:
    """Yearly standard deviation (ddof 1); None below two returns."""
    return stdev(returns) * math.sqrt(periods) if len(returns) > 1 else None


def sharpe(
    returns: Sequence[float], *, risk_free: float = 0.0, periods: int = PERIODS
) -> float | None:
    """Yearly Sharpe ratio, ddof 1. risk_free: a period. None where returns do not vary."""
    if len(returns) < 2:
        return None
    excess = [each - risk_free for each in returns]
    spread = stdev(excess)
    return fmean(excess) / spread * math.sqrt(periods) if spread else None


def sharpe_error(ratio_per_period: float, n: int) -> float | None:
    """Standard error of a Sharpe ratio per period, sqrt((1 + SR^2 / 2) / n)."""
    return math.sqrt((1 + ratio_per_period**2 / 2) / n) if n else None


def probabilistic_sharpe(returns: Sequence[float], *, benchmark: float = 0.0) -> float | None:
    """Probability that the true Sharpe per period exceeds the benchmark.

    Source: Bailey and Lopez de Prado 2012; kurtosis 3 for the normal.
    """
    n = len(returns)
    ratio = sharpe(returns, periods=1)
    if ratio is None:
        return None
    middle = fmean(returns)
    second, third, fourth = (fmean((r - middle) ** power for r in returns) for power in (2, 3, 4))
    skew, kurtosis = third / second**1.5, fourth / second**2
    variance = 1 - skew * ratio + (kurtosis - 1) / 4 * ratio**2
    if variance <= 0:
        return None
    return NormalDist().cdf((ratio - benchmark) * math.sqrt(n - 1) / math.sqrt(variance))


def sortino(
    returns: Sequence[float], *, required: float = 0.0, periods: int = PERIODS
) -> float | None:
    """Yearly Sortino ratio, the downside averaged over all n. None without a downside."""
    if not returns:
        return None
    excess = [each - required for each in returns]
    downside = math.sqrt(fmean(min(each, 0.0) ** 2 for each in excess))
    return fmean(excess) * math.sqrt(periods) / downside if downside else None


def total_return(returns: Sequence[float]) -> float:
    """The returns compounded, less one."""
    return math.prod(1 + each for each in returns) - 1


def annual_return(returns: Sequence[float], *, periods: int = PERIODS) -> float | None:
    """The compound yearly growth; None of nothing or once everything was lost."""
    growth = 1 + total_return(returns)
    return growth ** (periods / len(returns)) - 1 if returns and growth > 0 else None


def max_drawdown(returns: Sequence[float]) -> float:
    """The largest fall of the compounded returns, zero or negative."""
    curve = accumulate(returns, lambda level, each: level * (1 + each), initial=1.0)
    return -float(largest_fall([from_float(level) for level in curve]))


def calmar(returns: Sequence[float], *, periods: int = PERIODS) -> float | None:
    """Yearly growth by the largest fall; None without a fall."""
    growth, fall = annual_return(returns, periods=periods), max_drawdown(returns)
    return growth / -fall if growth is not None and fall else None


def percentile(values: Sequence[float], share: float) -> float | None:
    """The share's quantile (0.05: the fifth percentile), linear between order statistics."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def lower_tail_mean(values: Sequence[float], share: float) -> float | None:
    """The mean of the order statistics up to the share's quantile, itself included."""
    if not values:
        return None
    ordered = sorted(values)
    return fmean(ordered[: int((len(ordered) - 1) * share) + 1])


def to_returns(curve: Sequence[Decimal]) -> list[float]:
    """Returns between the points of a curve that stays positive."""
    return [float(after / before) - 1 for before, after in zip(curve, curve[1:], strict=False)]
