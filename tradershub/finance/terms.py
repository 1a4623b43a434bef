"""A broker's contract for one symbol at one time, as the maths needs it."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from tradershub.finance.decimals import ONE, ZERO, Rounding


class CalcMode(StrEnum):
    """How MetaTrader 5 computes profit and margin of a symbol."""

    FOREX = "forex"
    FOREX_NO_LEVERAGE = "forex_no_leverage"
    CFD = "cfd"
    CFD_INDEX = "cfd_index"
    CFD_LEVERAGE = "cfd_leverage"
    STOCKS = "stocks"
    FUTURES = "futures"
    OPTIONS = "options"
    BONDS = "bonds"


BY_TICK = frozenset({CalcMode.FUTURES, CalcMode.OPTIONS})
IS_FOREX = frozenset({CalcMode.FOREX, CalcMode.FOREX_NO_LEVERAGE})


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTerms:
    """Terms of a symbol valid at the moment in question.

    contract_size: units a lot. tick_value: profit currency a tick and lot. digits: of the price.
    profit_digits: to which the profit currency is rounded by `rounding`. margin_initial and
    margin_maintenance: margin currency a lot, zero where a formula decides. margin_rate_*: factors
    on the margin. hedged_size: contract size charged for covered lots (money a lot where
    margin_initial is set), None where hedging is not netted. face_value: bonds, profit currency.
    Raises ValueError for sizes that are not positive.
    """

    mode: CalcMode
    contract_size: Decimal = ONE
    digits: int = 5
    tick_size: Decimal | None = None
    tick_value: Decimal | None = None
    pip_size: Decimal | None = None
    profit_digits: int = 2
    rounding: Rounding = Rounding.HALF_UP
    lot_min: Decimal = Decimal("0.01")
    lot_step: Decimal = Decimal("0.01")
    lot_max: Decimal | None = None
    margin_rate_buy: Decimal = ONE
    margin_rate_sell: Decimal = ONE
    margin_initial: Decimal = ZERO
    margin_maintenance: Decimal = ZERO
    hedged_size: Decimal | None = None
    face_value: Decimal | None = None

    def __post_init__(self) -> None:
        for name in ("contract_size", "lot_step", "tick_size", "pip_size", "face_value"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} must be positive, was {value}")

    @property
    def point(self) -> Decimal:
        """The last digit of the price."""
        return Decimal(1).scaleb(-self.digits)

    @property
    def tick_factor(self) -> Decimal:
        """Profit currency a unit of price and lot. Raises ValueError where the ticks are unknown."""
        if self.tick_size is None or self.tick_value is None:
            raise ValueError(f"{self.mode} needs a tick size and a tick value, found none")
        return self.tick_value / self.tick_size
