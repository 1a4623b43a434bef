"""What the simulated OANDA lets trade: a small catalogue with the figures the real one publishes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from brokers.simulators.oanda.wire import Plain
from tradershub.finance.decimals import HUNDRED
from tradershub.finance.fx import Rule
from tradershub.finance.swap import FOREX_WEEK
from tradershub.finance.terms import CalcMode, ContractTerms
from tradershub.finance.venue.symbols import SwapMode, SwapTerms, Symbol

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")
# Rounding of profits waits until they are in the account's currency.
UNROUNDED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """digits: of the price. start: mid price of a fresh server. spread: in steps of the last digit.

    long_rate, short_rate: yearly, as fractions; negative when the trader pays.
    """

    name: str
    type: Literal["CURRENCY", "METAL", "CFD"] = "CURRENCY"
    digits: int = 5
    pip: int = -4
    unit_digits: int = 0
    least: Decimal = Decimal(1)
    most: Decimal = Decimal(100_000_000)
    margin_rate: Decimal = Decimal("0.0333")
    start: Decimal
    spread: int = 12
    long_rate: Decimal = Decimal("-0.0153")
    short_rate: Decimal = Decimal("-0.0026")
    week: Mapping[int, int] = field(default_factory=lambda: FOREX_WEEK)

    @property
    def base(self) -> str:
        return self.name.partition("_")[0]

    @property
    def quote(self) -> str:
        return self.name.partition("_")[2]

    @property
    def step(self) -> Decimal:
        """The last digit of its price."""
        return Decimal(1).scaleb(-self.digits)

    def symbol(self) -> Symbol:
        """As the venue knows it: one lot is one unit."""
        pair = self.type == "CURRENCY"
        terms = ContractTerms(
            mode=CalcMode.FOREX if pair else CalcMode.CFD,
            digits=self.digits,
            profit_digits=UNROUNDED,
            lot_min=self.least,
            lot_step=Decimal(1).scaleb(-self.unit_digits),
            lot_max=self.most,
            margin_rate_buy=self.margin_rate,
            margin_rate_sell=self.margin_rate,
        )
        swap = SwapTerms(
            mode=SwapMode.FINANCING,
            long=self.long_rate * HUNDRED,
            short=self.short_rate * HUNDRED,
            days_in_year=365,
            week=self.week,
        )
        return Symbol(
            name=self.name,
            base=self.base if pair else "",
            quote=self.quote,
            terms=terms,
            rule=Rule.BY_MARKET,
            swap=swap,
            larger_leg=True,
        )

    def wire(self) -> Plain:
        distance = Decimal(5).scaleb(self.pip)
        return {
            "name": self.name,
            "type": self.type,
            "displayName": self.name.replace("_", "/"),
            "pipLocation": self.pip,
            "displayPrecision": self.digits,
            "tradeUnitsPrecision": self.unit_digits,
            "minimumTradeSize": f"{self.least:f}",
            "maximumTrailingStopDistance": f"{(distance * 2000).quantize(self.step):f}",
            "minimumTrailingStopDistance": f"{distance.quantize(self.step):f}",
            "maximumPositionSize": "0",
            "maximumOrderUnits": f"{self.most:f}",
            "marginRate": f"{self.margin_rate:f}",
            "guaranteedStopLossOrderMode": "DISABLED",
            "tags": [{"type": "ASSET_CLASS", "name": self.type}],
            "financing": {
                "longRate": f"{self.long_rate:f}",
                "shortRate": f"{self.short_rate:f}",
                "financingDaysOfWeek": [
                    {"dayOfWeek": name, "daysCharged": self.week[index]}
                    for index, name in enumerate(DAYS)
                ],
            },
        }


def _pair(name: str, start: str, **more: object) -> Instrument:
    return Instrument(name=name, start=Decimal(start), **more)  # type: ignore[arg-type]


YEN = {"digits": 3, "pip": -2}
CATALOGUE: tuple[Instrument, ...] = (
    _pair("EUR_USD", "1.10200"),
    _pair("GBP_USD", "1.27500", spread=16),
    _pair("AUD_USD", "0.66200"),
    _pair("USD_CHF", "0.88400", long_rate=Decimal("0.0112"), short_rate=Decimal("-0.0349")),
    _pair("USD_CAD", "1.35900"),
    _pair("USD_JPY", "149.500", **YEN, long_rate=Decimal("0.0201"), short_rate=Decimal("-0.0481")),
    _pair("EUR_JPY", "164.750", **YEN, spread=18),
    _pair("EUR_GBP", "0.86430"),
    _pair(
        "XAU_USD",
        "2040.500",
        type="METAL",
        digits=3,
        pip=-2,
        margin_rate=Decimal("0.05"),
        spread=300,
    ),
    _pair(
        "SPX500_USD",
        "5100.0",
        type="CFD",
        digits=1,
        pip=0,
        unit_digits=1,
        least=Decimal("0.1"),
        margin_rate=Decimal("0.05"),
        spread=4,
    ),
)
