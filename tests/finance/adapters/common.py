from datetime import UTC, datetime

from tradershub.finance.decimals import ONE, ZERO, quantise, to_decimal
from tradershub.finance.fx import Quote, RateTable
from tradershub.finance.terms import CalcMode, ContractTerms

NOW = datetime(2024, 6, 3, 12, tzinfo=UTC)
SIDES = {"long": "buy", "short": "sell", "buy": "buy", "sell": "sell"}


def number(value, default=ZERO):
    return default if value is None else to_decimal(value)


def optional(value):
    return None if value is None else to_decimal(value)


def cents(value):
    return None if value is None else quantise(value, 2)


def side_of(name):
    return SIDES[name]


def pair_of(symbol):
    """EURUSD, EUR/GBP, XAUUSD: the last three letters are the quote."""
    plain = symbol.replace("/", "")
    return plain[:-3], plain[-3:]


def table(prices):
    """A rate table of {symbol: (bid, ask)}, all known now."""
    return RateTable(
        Quote(*pair_of(symbol), to_decimal(bid), to_decimal(ask), NOW)
        for symbol, (bid, ask) in prices.items()
    )


def terms_of(inputs, mode, **more):
    return ContractTerms(
        mode=CalcMode(mode.lower()),
        contract_size=number(inputs.get("contract_size"), ONE),
        tick_size=optional(inputs.get("tick_size")),
        tick_value=optional(inputs.get("tick_value", inputs.get("tick_price"))),
        profit_digits=inputs.get("profit_currency_digits", 2),
        **more,
    )
