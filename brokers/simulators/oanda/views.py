"""What the readings show: account, positions, trades, orders, changes, prices."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from brokers.simulators.oanda.books import Books
from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.prices import client_price
from brokers.simulators.oanda.wire import Plain, factor, money, price, units
from tradershub.finance.decimals import ONE, ZERO
from tradershub.finance.fx import Rule
from tradershub.finance.venue.orders import Position
from tradershub.finance.venue.worth import Figures, floating_of, symbol_margin

DEPENDENT_KEYS = {
    "TAKE_PROFIT": "takeProfitOrder",
    "STOP_LOSS": "stopLossOrder",
    "TRAILING_STOP_LOSS": "trailingStopLossOrder",
}
CHANGED = {
    "ORDER_FILL": "ordersFilled",
    "ORDER_CANCEL": "ordersCancelled",
}


class Views:
    """Readings of one account. To be asked inside `broker.present`."""

    def __init__(self, broker: Broker, books: Books) -> None:
        self.broker, self.books = broker, books
        self._account = broker.venue.account(books.id)
        self._market = broker.venue.market

    # -- Account -------------------------------------------------------------------------------
    def summary(self) -> Plain:
        books = self.books
        trades = list(books.trades.values())
        fills = [one for one in books.transactions if one["type"] == "ORDER_FILL"]
        total = _sum(one["realizedPL"] for one in trades)
        created = books.transactions[0]
        return {
            "id": books.id,
            "alias": books.alias,
            "currency": books.currency,
            "balance": money(books.balance),
            "createdByUserID": created["userID"],
            "createdTime": created["time"],
            "guaranteedStopLossOrderMode": "DISABLED",
            "pl": total,
            "resettablePL": total,
            "resettablePLTime": "0",
            "financing": _sum(one["financing"] for one in trades),
            "commission": "0.0000",
            "dividendAdjustment": "0.0000",
            "guaranteedExecutionFees": "0.0000",
            "marginRate": "0.0333",
            "openTradeCount": len(books.open_trades()),
            "openPositionCount": len({one["instrument"] for one in books.open_trades()}),
            "pendingOrderCount": len(self.orders("PENDING")),
            "hedgingEnabled": books.hedging,
            "lastOrderFillTimestamp": fills[-1]["time"] if fills else None,
            "lastTransactionID": books.last_id,
            **self._priced(),
        }

    def _priced(self) -> Plain:
        worth = self.broker.venue.figures(self.books.id)
        if not isinstance(worth, Figures):
            raise RuntimeError(worth.reason)  # every instrument is quoted from the start
        nav, used, free = worth.equity, worth.margin, max(worth.equity - worth.margin, ZERO)
        value = sum((self._value(one) for one in self._account.positions.values()), ZERO)
        share = used / nav if nav > 0 else ZERO
        return {
            "unrealizedPL": money(worth.floating),
            "NAV": money(nav),
            "marginUsed": money(used),
            "marginAvailable": money(free),
            "positionValue": money(value),
            "marginCloseoutUnrealizedPL": money(worth.floating),
            "marginCloseoutNAV": money(nav),
            "marginCloseoutMarginUsed": money(used),
            "marginCloseoutPercent": f"{share / 2:.5f}",
            "marginCloseoutPositionValue": money(value),
            "withdrawalLimit": money(max(min(free, self.books.balance), ZERO)),
            "marginCallMarginUsed": money(used),
            "marginCallPercent": f"{share:.5f}",
        }

    def details(self) -> Plain:
        return self.summary() | {
            "trades": [self.short_trade(one) for one in self.trades("OPEN")],
            "positions": self.positions(),
            "orders": self.orders("PENDING"),
        }

    # -- Trades and orders -----------------------------------------------------------------------
    def trades(self, state: str) -> list[Plain]:
        """Newest first."""
        found = [one for one in self.books.seen_trades() if state in (one["state"], "ALL")]
        return sorted(found, key=lambda one: -int(one["id"]))

    def trade(self, trade: Plain) -> Plain:
        """With its pending dependent orders in full."""
        orders = self.books.dependents(trade["id"])
        shown = {DEPENDENT_KEYS[kind]: self.order(one) for kind, one in orders.items()}
        return trade | self._trade_worth(trade) | shown

    def short_trade(self, trade: Plain) -> Plain:
        """With the numbers of its pending dependent orders."""
        orders = self.books.dependents(trade["id"])
        shown = {f"{DEPENDENT_KEYS[kind]}ID": one["id"] for kind, one in orders.items()}
        return trade | self._trade_worth(trade) | shown

    def _trade_worth(self, trade: Plain) -> Plain:
        held = self._account.positions.get(self.books.venue_position[trade["id"]])
        if held is None:
            return {}
        return {
            "unrealizedPL": money(floating_of(self._market, self._account, held)),
            "marginUsed": money(self._margin([held])),
        }

    def orders(self, state: str) -> list[Plain]:
        """Newest first."""
        found = [one for one in self.books.seen_orders() if state in (one["state"], "ALL")]
        return [self.order(one) for one in sorted(found, key=lambda one: -int(one["id"]))]

    def order(self, order: Plain) -> Plain:
        if order["type"] != "TRAILING_STOP_LOSS" or order["state"] != "PENDING":
            return order
        working = self._account.orders.get(self.books.venue_order[order["id"]])
        if working is None or working.level is None:
            return order
        digits = self.broker.instruments[working.request.symbol].digits
        return order | {"trailingStopValue": price(working.level, digits)}

    # -- Positions -----------------------------------------------------------------------------
    def positions(self, *, only_open: bool = False) -> list[Plain]:
        names = dict.fromkeys(one["instrument"] for one in self.books.trades.values())
        held = {one["instrument"] for one in self.books.open_trades()}
        return [self.position(name) for name in names if not only_open or name in held]

    def position(self, name: str) -> Plain:
        trades = [one for one in self.books.trades.values() if one["instrument"] == name]
        long = [one for one in trades if Decimal(one["initialUnits"]) > 0]
        short = [one for one in trades if Decimal(one["initialUnits"]) < 0]
        pl = _sum(one["realizedPL"] for one in trades)
        sides = {"long": self._side(name, long), "short": self._side(name, short)}
        return {
            "instrument": name,
            "pl": pl,
            "resettablePL": pl,
            "unrealizedPL": _sum(one["unrealizedPL"] for one in sides.values()),
            "financing": _sum(one["financing"] for one in trades),
            "commission": "0.0000",
            "dividendAdjustment": "0.0000",
            "guaranteedExecutionFees": "0.0000",
            "marginUsed": money(self._margin(self._account.positions_of(name))),
            **sides,
        }

    def _side(self, name: str, trades: list[Plain]) -> Plain:
        still = [one for one in trades if one["state"] != "CLOSED"]
        held = sum((Decimal(one["currentUnits"]) for one in still), ZERO)
        pl = _sum(one["realizedPL"] for one in trades)
        shown: Plain = {
            "units": units(held),
            "pl": pl,
            "resettablePL": pl,
            "unrealizedPL": _sum(self._trade_worth(one)["unrealizedPL"] for one in still),
            "financing": _sum(one["financing"] for one in trades),
            "dividendAdjustment": "0.0000",
            "guaranteedExecutionFees": "0.0000",
        }
        if still:
            value = sum(
                (Decimal(one["price"]) * Decimal(one["currentUnits"]) for one in still), ZERO
            )
            shown["averagePrice"] = price(value / held, self.broker.instruments[name].digits)
            shown["tradeIDs"] = [one["id"] for one in still]
        return shown

    def _margin(self, held: list[Position]) -> Decimal:
        if not held:
            return ZERO
        return symbol_margin(self._market, self._account, held[0].symbol, held)

    def _value(self, held: Position) -> Decimal:
        quote = self.broker.instruments[held.symbol].quote
        at = self._market.quote(held.symbol).mid
        rate = self._market.rates.rate(frm=quote, to=self.books.currency, at=self._market.now)
        return held.lots * at * rate

    # -- Changes -------------------------------------------------------------------------------
    def changes(self, since: int) -> Plain:
        books, fresh = self.books, self.books.after(since)
        found: dict[str, list[Any]] = {
            name: []
            for name in (
                "ordersCreated", "ordersCancelled", "ordersFilled", "ordersTriggered",
                "tradesOpened", "tradesReduced", "tradesClosed", "positions",
            )
        }  # fmt: skip
        touched: dict[str, None] = {}
        for told in fresh:
            if told["type"].endswith("_ORDER") and told["id"] in books.orders:
                found["ordersCreated"].append(self.order(books.orders[told["id"]]))
            elif told["type"] in CHANGED:
                found[CHANGED[told["type"]]].append(books.orders[told["orderID"]])
            if told["type"] == "ORDER_FILL":
                touched[told["instrument"]] = None
                self._changed_trades(told, found)
        found["positions"] = [self.position(name) for name in touched]
        return {"changes": found | {"transactions": fresh}, "state": self._state()}

    def _changed_trades(self, told: Plain, found: Mapping[str, list[Any]]) -> None:
        if opened := told.get("tradeOpened"):
            found["tradesOpened"].append(self.short_trade(self.books.trades[opened["tradeID"]]))
        if reduced := told.get("tradeReduced"):
            found["tradesReduced"].append(self.short_trade(self.books.trades[reduced["tradeID"]]))
        for closed in told.get("tradesClosed", []):
            found["tradesClosed"].append(self.short_trade(self.books.trades[closed["tradeID"]]))

    def _state(self) -> Plain:
        positions = self.positions(only_open=True)
        return self._priced() | {
            "orders": [
                {
                    "id": one["id"],
                    "trailingStopValue": one["trailingStopValue"],
                    "triggerDistance": one["distance"],
                    "isTriggerDistanceExact": False,
                }
                for one in self.orders("PENDING")
                if "trailingStopValue" in one
            ],
            "trades": [{"id": one["id"], **self._trade_worth(one)} for one in self.trades("OPEN")],
            "positions": [
                {
                    "instrument": one["instrument"],
                    "netUnrealizedPL": one["unrealizedPL"],
                    "longUnrealizedPL": one["long"]["unrealizedPL"],
                    "shortUnrealizedPL": one["short"]["unrealizedPL"],
                    "marginUsed": one["marginUsed"],
                }
                for one in positions
            ],
        }

    # -- Prices --------------------------------------------------------------------------------
    def price(self, name: str, *, with_units: bool = True) -> Plain:
        instrument = self.broker.instruments[name]
        shown = client_price(instrument, self._market.quote(name))
        gain, loss = self._factors(instrument.quote)
        shown["quoteHomeConversionFactors"] = {
            "positiveUnits": factor(gain),
            "negativeUnits": factor(loss),
        }
        if with_units:
            shown["unitsAvailable"] = self._units_available(name)
        return shown

    def conversions(self, names: Iterable[str]) -> list[Plain]:
        currencies = dict.fromkeys(
            part for name in names for part in (_base(self.broker, name), name.partition("_")[2])
        )
        found = []
        for currency in (one for one in currencies if one):
            gain, loss = self._factors(currency)
            found.append(
                {
                    "currency": currency,
                    "accountGain": factor(gain),
                    "accountLoss": factor(loss),
                    "positionValue": factor((gain + loss) / 2),
                }
            )
        return found

    def _factors(self, currency: str) -> tuple[Decimal, Decimal]:
        rates, own, now = self._market.rates, self.books.currency, self._market.now
        gain = rates.convert(ONE, frm=currency, to=own, at=now, rule=Rule.BY_MARKET)
        loss = rates.convert(-ONE, frm=currency, to=own, at=now, rule=Rule.BY_MARKET)
        return gain.rate, loss.rate

    def _units_available(self, name: str) -> Plain:
        instrument = self.broker.instruments[name]
        free = Decimal(self._priced()["marginAvailable"])
        mid = self._market.quote(name).mid
        gain, _ = self._factors(instrument.quote)
        most = (free / (mid * gain * instrument.margin_rate)).quantize(ONE)
        held = [Decimal(one["currentUnits"]) for one in self.books.open_trades(name)]
        long = sum((one for one in held if one > 0), ZERO)
        short = -sum((one for one in held if one < 0), ZERO)
        opens = {"long": units(most), "short": units(most)}
        first = {"long": units(most + 2 * short), "short": units(most + 2 * long)}
        return {
            "default": opens if self.books.hedging else first,
            "openOnly": opens,
            "reduceFirst": first,
            "reduceOnly": {"long": units(short), "short": units(long)},
        }


def _base(broker: Broker, name: str) -> str:
    instrument = broker.instruments[name]
    return instrument.base if instrument.type == "CURRENCY" else ""


def _sum(amounts: Iterable[str]) -> str:
    return money(sum((Decimal(one) for one in amounts), ZERO))
