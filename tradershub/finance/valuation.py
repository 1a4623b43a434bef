"""What an account is worth now: equity, free margin, margin level.

Source: MetaQuotes, client help, "Trading report" and administrator help, "Margin settings".
"""

from decimal import Decimal

from tradershub.finance.decimals import HUNDRED, ZERO


def equity(
    *,
    balance: Decimal,
    credit: Decimal = ZERO,
    floating: Decimal = ZERO,
    open_swap: Decimal = ZERO,
    blocked_commission: Decimal = ZERO,
) -> Decimal:
    """Balance, credit, floating profit and what has accrued; signed, so blocked costs are negative."""
    return balance + credit + floating + open_swap + blocked_commission


def free_margin(equity: Decimal, margin: Decimal, *, ignored_profit: Decimal = ZERO) -> Decimal:
    """Equity less margin. ignored_profit: floating profit that the group may not trade on."""
    return equity - margin - max(ignored_profit, ZERO)


def margin_level(equity: Decimal, margin: Decimal) -> Decimal | None:
    """Equity in percent of margin, unrounded; None without margin."""
    return equity / margin * HUNDRED if margin else None
