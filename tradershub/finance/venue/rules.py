"""What a broker grants an account: its mode, leverage, levels and habits of execution."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from tradershub.finance.decimals import HUNDRED, ZERO


class StopOutOrder(StrEnum):
    """What is closed first at a stop-out (`finance.md` 2.7).

    WORST_FIRST: MetaTrader, the largest loss from price alone. SMART: cTrader, the largest margin
    in steps of volume. FAIR: cTrader, the largest margin as a whole. ALL: everything at once.
    """

    WORST_FIRST = "worst_first"
    SMART = "smart"
    FAIR = "fair"
    ALL = "all"


class Protection(StrEnum):
    """When a negative balance is made good: never, after a stop-out, or whenever the account is flat."""

    NONE = "none"
    STOP_OUT = "stop_out"
    ALWAYS = "always"


class Repeats(StrEnum):
    """What a client order id given a second time gets.

    REFUSE: a refusal, for ever. REFUSE_WORKING: only while the first works (OANDA). RETURN: the
    first order's number. ALLOW: another order (MetaTrader's magic numbers).
    """

    REFUSE = "refuse"
    REFUSE_WORKING = "refuse_working"
    RETURN = "return"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Slippage:
    """Points by which a market or stop order fills worse than the quote, drawn evenly.

    low = high is fixed; a negative low lets some fills be better. Limits never slip.
    """

    low: int = 0
    high: int = 0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"slippage goes from low to high, found {self.low} to {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """Terms of one account. Levels are percent of margin; leverage 100 is 1:100.

    call_level warns, stop_level closes. hedged_too: without margin, close at an equity below zero.
    reserves: resting orders hold margin. margin_at_market: margin follows the mid price (OANDA)
    instead of the opening price. swap_daily: swap is booked each night, not with the closing.
    markup_percent: profits convert at mid less or plus this, instead of the symbol's rule.
    improves: limits fill at a better market. rejects_passed: a resting price that the market has
    passed is refused, not filled. rests_when_closed: resting orders are taken in a closed market.
    """

    currency: str
    digits: int = 2
    mode: Literal["hedging", "netting"] = "hedging"
    leverage: Decimal = HUNDRED
    call_level: Decimal = HUNDRED
    stop_level: Decimal = Decimal(50)
    stop_out: StopOutOrder = StopOutOrder.WORST_FIRST
    hedged_too: bool = False
    protection: Protection = Protection.STOP_OUT
    repeats: Repeats = Repeats.REFUSE
    slippage: Slippage = Slippage()
    reserves: bool = False
    margin_at_market: bool = False
    swap_daily: bool = False
    markup_percent: Decimal = ZERO
    improves: bool = True
    rejects_passed: bool = False
    rests_when_closed: bool = True
