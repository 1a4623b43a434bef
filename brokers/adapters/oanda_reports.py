"""What OANDA states in the words of all platforms: account, contracts, prices, candles, trades. Lots are units."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterable
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

from brokers.adapters.messages import (
    AccountReport,
    BarReport,
    Mode,
    PositionReport,
    QuoteReport,
    Stops,
    SymbolReport,
)
from tradershub.finance.decimals import HUNDRED, ONE, ZERO, quantise, to_decimal
from tradershub.finance.sides import Side
from tradershub.finance.terms import CalcMode, ContractTerms

Json = dict[str, Any]
PRICE_DIGITS = 9  # of an average price
FINER = re.compile(r"(\.\d{6})\d+")  # than microseconds
GRANULARITY = {
    1: "M1", 2: "M2", 4: "M4", 5: "M5", 10: "M10", 15: "M15", 30: "M30", 60: "H1", 120: "H2",
    180: "H3", 240: "H4", 360: "H6", 480: "H8", 720: "H12", 1440: "D", 10080: "W",
}  # fmt: skip
DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")


def moment(text: str) -> dt.datetime:
    """OANDA's time, cut to microseconds."""
    at = dt.datetime.fromisoformat(FINER.sub(r"\1", text))
    if at.tzinfo is None:
        raise ValueError(f"expected a time with its zone, found {text[:40]!r}")
    return at


def side_of(units: Decimal) -> Side:
    return "buy" if units > 0 else "sell"


def account_report(account: Json, *, live: bool, watermark: str, at: dt.datetime) -> AccountReport:
    rate = to_decimal(account["marginRate"]) if account.get("marginRate") else ZERO
    return AccountReport(
        number=account["id"],
        currency=account["currency"],
        mode=Mode.HEDGING if account["hedgingEnabled"] else Mode.NETTING,
        live=live,
        balance=to_decimal(account["balance"]),
        at=at,
        equity=to_decimal(account["NAV"]),
        margin=to_decimal(account["marginUsed"]),
        free_margin=to_decimal(account["marginAvailable"]),
        leverage=round(ONE / rate) if rate else None,
        name=account.get("alias", ""),
        watermark=watermark,
    )


def symbol_report(instrument: Json) -> SymbolReport:
    """A unit is a lot. Margin is a part of what is held, not of a leverage."""
    name, is_pair = instrument["name"], instrument["type"] == "CURRENCY"
    base, _, quote = name.rpartition("_")
    rate = to_decimal(instrument["marginRate"])
    digits = instrument["displayPrecision"]
    most = to_decimal(instrument.get("maximumOrderUnits", "0"))
    financing = instrument.get("financing", {})
    return SymbolReport(
        name=name,
        quote=quote,
        base="" if instrument["type"] == "CFD" else base,
        description=instrument.get("displayName", ""),
        terms=ContractTerms(
            mode=CalcMode.FOREX_NO_LEVERAGE if is_pair else CalcMode.CFD,
            contract_size=ONE,
            digits=digits,
            tick_size=ONE.scaleb(-digits),
            pip_size=ONE.scaleb(instrument["pipLocation"]),
            lot_min=to_decimal(instrument["minimumTradeSize"]),
            lot_step=ONE.scaleb(-instrument["tradeUnitsPrecision"]),
            lot_max=most or None,
            margin_rate_buy=rate,
            margin_rate_sell=rate,
        ),
        swap_mode="financing" if financing else "",
        swap_long=to_decimal(financing.get("longRate", "0")) * HUNDRED,
        swap_short=to_decimal(financing.get("shortRate", "0")) * HUNDRED,
        swap_days=_days(financing.get("financingDaysOfWeek", ())),
    )


def _days(given: Iterable[Json]) -> tuple[int, ...]:
    charged = {day["dayOfWeek"]: int(day["daysCharged"]) for day in given}
    return tuple(charged.get(day, 0) for day in DAYS) if charged else ()


def quote_reports(prices: Iterable[Json]) -> list[QuoteReport]:
    """Those of instruments that have a price: OANDA names the others as well."""
    return [quote_report(price) for price in prices if _bid_of(price) > 0 and _ask_of(price) > 0]


def quote_report(price: Json) -> QuoteReport:
    """The best bid and ask; those for closing out where nothing is on offer."""
    return QuoteReport(
        symbol=price["instrument"],
        bid=_bid_of(price),
        ask=_ask_of(price),
        at=moment(price["time"]),
        tradable=price.get("tradeable", price.get("status") == "tradeable"),
    )


def _bid_of(price: Json) -> Decimal:
    return _best(price.get("bids"), price.get("closeoutBid"))


def _ask_of(price: Json) -> Decimal:
    return _best(price.get("asks"), price.get("closeoutAsk"))


def _best(offers: list[Json] | None, otherwise: Any) -> Decimal:
    """0 where there is none."""
    return to_decimal((offers[0]["price"] if offers else otherwise) or ZERO)


def bar_report(symbol: str, candle: Json) -> BarReport:
    bid = candle["bid"]
    return BarReport(
        symbol=symbol,
        at=moment(candle["time"]),
        open=to_decimal(bid["o"]),
        high=to_decimal(bid["h"]),
        low=to_decimal(bid["l"]),
        close=to_decimal(bid["c"]),
        volume=to_decimal(candle["volume"]),
    )


# -- Positions ---------------------------------------------------------------------------------
def trade_report(trade: Json, *, currency: str) -> PositionReport:
    """A trade as a position of its own. Its financing is booked already, day by day."""
    units = to_decimal(trade["currentUnits"])
    return PositionReport(
        ref=trade["id"],
        symbol=trade["instrument"],
        side=side_of(units),
        lots=abs(units),
        open_price=to_decimal(trade["price"]),
        opened_at=moment(trade["openTime"]),
        currency=currency,
        profit=to_decimal(trade["unrealizedPL"]) if "unrealizedPL" in trade else None,
        swap=ZERO,
        stops=stops_of(trade),
        client_id=trade.get("clientExtensions", {}).get("id", ""),
    )


def stops_of(trade: Json) -> Stops:
    return Stops(
        stop_loss=_optional(trade.get("stopLossOrder"), "price"),
        take_profit=_optional(trade.get("takeProfitOrder"), "price"),
        trail=_optional(trade.get("trailingStopLossOrder"), "distance"),
    )


def _optional(order: Json | None, name: str) -> Decimal | None:
    return to_decimal(order[name]) if order and name in order else None


def netted(trades: Iterable[PositionReport]) -> list[PositionReport]:
    """One position a symbol, as a netting account has it: named like its oldest trade, at the average price.

    Its stops are those that all its trades share; which they do not is told beside.
    """
    by_symbol: dict[str, list[PositionReport]] = {}
    for trade in sorted(trades, key=lambda trade: int(trade.ref)):
        by_symbol.setdefault(trade.symbol, []).append(trade)
    return [_as_one(trades) for trades in by_symbol.values()]


def _as_one(trades: list[PositionReport]) -> PositionReport:
    first = trades[0]
    if len(trades) == 1:
        return first
    lots = sum((trade.lots for trade in trades), ZERO)
    worth = sum((trade.lots * trade.open_price for trade in trades), ZERO)
    differing = _differing([trade.stops for trade in trades])
    profits = [trade.profit for trade in trades if trade.profit is not None]
    return PositionReport(
        ref=first.ref,
        symbol=first.symbol,
        side=first.side,
        lots=lots,
        open_price=quantise(worth / lots, PRICE_DIGITS),
        opened_at=first.opened_at,
        currency=first.currency,
        profit=sum(profits, ZERO) if len(profits) == len(trades) else None,
        swap=ZERO,
        stops=replace(first.stops, **dict.fromkeys(differing)),
        differing=differing,
        client_id=first.client_id,
    )


def _differing(stops: Collection[Stops]) -> frozenset[str]:
    names = (field.name for field in fields(Stops))
    return frozenset(name for name in names if len({getattr(one, name) for one in stops}) > 1)
