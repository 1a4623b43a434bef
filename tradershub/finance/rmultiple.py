"""R: a result in units of the risk that was taken at entry, and what a list of them says.

Source: Van Tharp, "Trade Your Way to Financial Freedom" and "Definitive Guide to Position Sizing".
"""

import math
from collections.abc import Sequence
from decimal import Decimal
from statistics import fmean, stdev
from typing import NamedTuple

from tradershub.finance.decimals import ONE, ZERO
from tradershub.finance.performance import mean

# From which SQN a band begins; another public version differs, so callers may bring their own.
BANDS: tuple[tuple[float, str], ...] = (
    (7.0, "holy_grail"),
    (5.0, "superb"),
    (3.0, "excellent"),
    (2.5, "good"),
    (2.0, "average"),
    (1.6, "below_average"),
)
NO_EDGE = "no_edge"
# The cap makes systems with many trades comparable.
CAP = 100
ENOUGH_TRADES = 30


class RStatistics(NamedTuple):
    """Figures of a list of R multiples; None where there are too few or they do not vary."""

    n: int
    expectancy: float | None
    deviation: float | None
    sqn: float | None
    sqn_uncapped: float | None
    band: str | None

    @property
    def reliable(self) -> bool:
        return self.n >= ENOUGH_TRADES


def initial_risk(*, entry: Decimal, stop: Decimal, units: Decimal, rate: Decimal = ONE) -> Decimal:
    """Money at risk at entry, positive: the distance to the first stop, frozen.

    units: lots times contract size. rate: account currency for one of the quote currency. Scaling
    in adds the risk of each addition; trailing the stop changes nothing.
    """
    return abs(entry - stop) * abs(units) * rate


def r_multiple(net: Decimal, risk: Decimal | None) -> Decimal | None:
    """The net result by the initial risk; None without risk."""
    return net / risk if risk is not None and risk > 0 else None


def risk_from_losses(results: Sequence[Decimal]) -> Decimal | None:
    """One R estimated as the average loss, positive; None where nothing was lost.

    Tharp's proxy for trades without a stop. To be shown as estimated.
    """
    average = mean([result for result in results if result < 0])
    return None if average is None else -average


def r_statistics(
    multiples: Sequence[float],
    *,
    cap: int = CAP,
    ddof: int = 1,
    bands: Sequence[tuple[float, str]] = BANDS,
) -> RStatistics:
    """Expectancy, deviation and SQN = sqrt(min(N, cap)) x mean / deviation.

    Up to the cap SQN is the t-statistic of the mean R. Unreliable below 30 trades.
    """
    n = len(multiples)
    expectancy = fmean(multiples) if multiples else None
    deviation = _deviation(multiples, ddof)
    if expectancy is None or not deviation:
        return RStatistics(n, expectancy, deviation, None, None, None)
    quality = expectancy / deviation
    sqn = math.sqrt(min(n, cap)) * quality
    return RStatistics(n, expectancy, deviation, sqn, math.sqrt(n) * quality, sqn_band(sqn, bands))


def sqn_band(sqn: float, bands: Sequence[tuple[float, str]] = BANDS) -> str:
    """The name of the highest band reached."""
    reached = [band for band in bands if sqn >= band[0]]
    return max(reached)[1] if reached else NO_EDGE


def total_risk(risks: Sequence[Decimal]) -> Decimal:
    """Portfolio heat: the risk of all open positions together."""
    return sum(risks, ZERO)


def _deviation(multiples: Sequence[float], ddof: int) -> float | None:
    n = len(multiples)
    if n <= ddof or n < 2:
        return None
    return stdev(multiples) * math.sqrt((n - 1) / (n - ddof))
