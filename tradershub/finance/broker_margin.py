"""Margin of brokers that do not follow MetaTrader, and the regulators' minimum."""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from tradershub.finance.decimals import HUNDRED, ZERO, quantise

HALF = Decimal("0.5")


class AssetClass(StrEnum):
    """Classes of the ESMA retail caps."""

    MAJOR = "major"
    NONMAJOR_GOLD_MAJORINDEX = "nonmajor_gold_majorindex"
    COMMODITY_NONMAJORINDEX = "commodity_nonmajorindex"
    SHARE_OTHER = "share_other"
    CRYPTO = "crypto"


# Leverage caps for retail clients, ESMA35-43-1000.
ESMA_LEVERAGE: dict[AssetClass, Decimal] = {
    AssetClass.MAJOR: Decimal(30),
    AssetClass.NONMAJOR_GOLD_MAJORINDEX: Decimal(20),
    AssetClass.COMMODITY_NONMAJORINDEX: Decimal(10),
    AssetClass.SHARE_OTHER: Decimal(5),
    AssetClass.CRYPTO: Decimal(2),
}

# Currencies whose pairs need 2 % at US brokers; all others 5 % (NFA Financial Requirements 12).
NFA_MAJORS = frozenset(
    {"USD", "GBP", "CHF", "CAD", "JPY", "EUR", "AUD", "NZD", "SEK", "NOK", "DKK"}
)


class CurrencyBalance(NamedTuple):
    """A balance with its value in the base currency and its haircut in percent."""

    value: Decimal
    haircut_percent: Decimal


class WithdrawalMargin(NamedTuple):
    """Interactive Brokers' margin for withdrawals, base currency, unrounded."""

    margin: Decimal
    liquidation_value: Decimal

    @property
    def available(self) -> Decimal:
        return self.liquidation_value - self.margin


def margin_by_percent(units: Decimal, price: Decimal, percent: Decimal) -> Decimal:
    """Margin as a percent of the value at `price`, quote currency, unrounded.

    OANDA v20 takes the mid price, OANDA on MetaTrader the deal's.
    """
    return abs(units) * price * percent / HUNDRED


def closeout_percent(margin_used: Decimal, net_value_at_mid: Decimal) -> Decimal | None:
    """OANDA v20: half the margin in percent of the value at mid; positions close at 100.

    None where the value is not positive: closing is overdue. Source: OANDA, "Margin-related
    calculations".
    """
    if net_value_at_mid <= 0:
        return None
    return margin_used * HALF / net_value_at_mid * HUNDRED


def withdrawal_margin(balances: Iterable[CurrencyBalance]) -> WithdrawalMargin:
    """Sum of haircuts on each currency's net value, long or short; the base currency's is zero.

    Source: Interactive Brokers, "Currency Margin Calculation (Withdrawals)".
    """
    rows = list(balances)
    charged = sum((abs(row.value) * row.haircut_percent / HUNDRED for row in rows), ZERO)
    return WithdrawalMargin(charged, sum((row.value for row in rows), ZERO))


def esma_margin(asset_class: AssetClass, notional: Decimal, *, digits: int = 2) -> Decimal:
    """Minimum initial margin of a retail position in the EU, rounded half-up."""
    return quantise(abs(notional) / ESMA_LEVERAGE[asset_class], digits)


def esma_close_out(initial_margins: Iterable[Decimal]) -> Decimal:
    """Equity at or below which the broker must close: half the minimum initial margins."""
    return sum(initial_margins, ZERO) * HALF


def nfa_margin_percent(base: str, quote: str) -> Decimal:
    """Minimum security deposit of a US Forex position, percent of its value."""
    return Decimal(2) if {base, quote} <= NFA_MAJORS else Decimal(5)
