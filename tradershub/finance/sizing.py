"""Position size by model. Lots are rounded down to the step, never up; too little is zero.

Source: Van Tharp (percent risk, percent volatility, CPR), Ryan Jones (fixed ratio).
"""

from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import NamedTuple

from tradershub.finance.decimals import HUNDRED, ONE, ZERO, round_lots
from tradershub.finance.sides import Side
from tradershub.finance.terms import ContractTerms


class SizeIn(StrEnum):
    """The unit in which a size is asked for.

    MONEY is notional in the account's currency, PERCENT_EQUITY notional of the equity, PERCENT_RISK of the
    equity lost at the stop.
    """

    LOTS = "lots"
    UNITS = "units"
    MONEY = "money"
    PERCENT_EQUITY = "percent_equity"
    PERCENT_RISK = "percent_risk"


class Size(NamedTuple):
    """A size with what it was made of. Money in the account's currency, unrounded.

    cash_at_risk: what may be lost. risk_per_lot: what one lot loses at the stop, costs included.
    lots: after rounding and limits, zero means skip the trade. actual_risk: of those lots.
    """

    cash_at_risk: Decimal
    risk_per_lot: Decimal
    raw_lots: Decimal
    lots: Decimal

    @property
    def actual_risk(self) -> Decimal:
        return self.lots * self.risk_per_lot


def allowed_lots(
    raw: Decimal,
    *,
    step: Decimal,
    minimum: Decimal = ZERO,
    maximum: Decimal | None = None,
) -> Decimal:
    """Lots down to the step, at most `maximum`; zero below `minimum`. Negative counts as zero."""
    wanted = max(raw, ZERO) if maximum is None else min(max(raw, ZERO), maximum)
    lots = round_lots(wanted, step)
    return lots if lots >= minimum else ZERO


def percent_risk(
    *,
    equity: Decimal,
    percent: Decimal,
    entry: Decimal,
    stop: Decimal,
    contract_size: Decimal,
    rate: Decimal,
    step: Decimal,
    minimum: Decimal = ZERO,
    maximum: Decimal | None = None,
    costs_per_lot: Decimal = ZERO,
) -> Size:
    """Lots so that the stop costs `percent` of the equity: P = C / R.

    rate: account currency for one of the quote currency. costs_per_lot: round-turn commission and
    expected slippage, positive, account currency. Raises ValueError where stop equals entry and
    nothing else is at risk.
    """
    cash = equity * percent / HUNDRED
    per_lot = abs(entry - stop) * contract_size * rate + costs_per_lot
    return _sized(cash, per_lot, step=step, minimum=minimum, maximum=maximum)


def percent_volatility(
    *,
    equity: Decimal,
    percent: Decimal,
    average_range: Decimal,
    multiple: Decimal,
    contract_size: Decimal,
    rate: Decimal,
    step: Decimal,
    minimum: Decimal = ZERO,
    maximum: Decimal | None = None,
) -> Size:
    """Lots so that `multiple` average true ranges move `percent` of the equity."""
    cash = equity * percent / HUNDRED
    per_lot = average_range * multiple * contract_size * rate
    return _sized(cash, per_lot, step=step, minimum=minimum, maximum=maximum)


def percent_margin(
    *,
    equity: Decimal,
    percent: Decimal,
    margin_per_lot: Decimal,
    step: Decimal,
    minimum: Decimal = ZERO,
    maximum: Decimal | None = None,
) -> Size:
    """Lots whose margin is `percent` of the equity. risk_per_lot is then the margin a lot."""
    cash = equity * percent / HUNDRED
    return _sized(cash, margin_per_lot, step=step, minimum=minimum, maximum=maximum)


def kelly_risk(*, equity: Decimal, kelly_fraction: Decimal, part: Decimal) -> Decimal:
    """Cash at risk by a part (say a quarter) of the Kelly fraction; nothing where it is negative."""
    return equity * max(kelly_fraction, ZERO) * part


def markets_money(
    *, initial: Decimal, equity: Decimal, core_percent: Decimal, profit_percent: Decimal
) -> Decimal:
    """Cash at risk: a percent of the initial capital and another of the profit made so far."""
    profit = max(equity - initial, ZERO)
    core = min(initial, equity)
    return (core * core_percent + profit * profit_percent) / HUNDRED


def units_per_money(equity: Decimal, *, money_per_unit: Decimal) -> int:
    """Whole units, one for each `money_per_unit` of equity."""
    if money_per_unit <= 0:
        raise ValueError(f"money per unit must be positive, was {money_per_unit}")
    return max(0, int((equity / money_per_unit).to_integral_value(rounding=ROUND_FLOOR)))


def fixed_ratio(profit: Decimal, *, delta: Decimal) -> int:
    """Contracts by Ryan Jones: one more after each further `delta` of profit a contract; at least 1.

    The floor of (1 + sqrt(1 + 8 P / delta)) / 2; a loss leaves one contract.
    """
    if delta <= 0:
        raise ValueError(f"delta must be positive, was {delta}")
    root = (ONE + 8 * max(profit, ZERO) / delta).sqrt()
    return int((ONE + root) / 2)


def lots_by_margin(free_margin: Decimal, *, margin_per_lot: Decimal, step: Decimal) -> Decimal:
    """The most lots that the free margin carries."""
    if margin_per_lot <= 0:
        raise ValueError(f"margin per lot must be positive, was {margin_per_lot}")
    return allowed_lots(free_margin / margin_per_lot, step=step)


def within_terms(raw: Decimal, terms: ContractTerms) -> Decimal:
    """Lots as the broker's terms allow them; zero means skip."""
    return allowed_lots(raw, step=terms.lot_step, minimum=terms.lot_min, maximum=terms.lot_max)


def risk_to_stop(
    *,
    side: Side,
    lots: Decimal,
    entry: Decimal,
    stop: Decimal,
    contract_size: Decimal,
    rate: Decimal,
) -> Decimal:
    """What the position still loses at its stop, account currency; zero once the stop locks a gain."""
    distance = entry - stop if side == "buy" else stop - entry
    return max(distance, ZERO) * lots * contract_size * rate


def _sized(
    cash: Decimal,
    per_lot: Decimal,
    *,
    step: Decimal,
    minimum: Decimal,
    maximum: Decimal | None,
) -> Size:
    if per_lot <= 0:
        raise ValueError(f"the risk of one lot must be positive, was {per_lot}")
    raw = max(cash, ZERO) / per_lot
    lots = allowed_lots(raw, step=step, minimum=minimum, maximum=maximum)
    return Size(cash, per_lot, raw, lots)
