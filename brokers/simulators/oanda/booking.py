"""From the venue's events to OANDA's transactions, with the orders and trades that they change."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from brokers.simulators.oanda.books import Books, client_id
from brokers.simulators.oanda.instruments import Instrument
from brokers.simulators.oanda.wire import Plain, factor, money, price, stamp, units
from tradershub.finance.decimals import ONE, ZERO
from tradershub.finance.fx import Rule
from tradershub.finance.sides import DIRECTION
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Code, Event
from tradershub.finance.venue.orders import Order, Reason
from tradershub.finance.venue.venue import Venue
from tradershub.finance.venue.worth import symbol_margin

CANCEL_REASON: dict[Code, str] = {
    Code.CLIENT_REQUEST: "CLIENT_REQUEST",
    Code.POSITION_CLOSED: "LINKED_TRADE_CLOSED",
    Code.NO_MONEY: "INSUFFICIENT_MARGIN",
    Code.NO_LIQUIDITY: "INSUFFICIENT_LIQUIDITY",
    Code.BOUND_PASSED: "BOUNDS_VIOLATION",
    Code.MARKET_CLOSED: "MARKET_HALTED",
    Code.NO_PRICE: "MARKET_HALTED",
    Code.NOTHING_TO_REDUCE: "POSITION_CLOSEOUT_FAILED",
    Code.UNKNOWN_POSITION: "LINKED_TRADE_CLOSED",
}
PARTS_OF_FILL = (
    events.Cancelled, events.PositionOpened, events.PositionChanged, events.PositionClosed,
)  # fmt: skip
ROLLING = (events.SwapCharged, events.RolledOver)


class Fill(NamedTuple):
    """An execution as the ledger wants it."""

    transaction: Plain
    trades: list[str]


class Booking:
    """Writes one account's events into its books. told: called with each fill."""

    def __init__(
        self,
        venue: Venue,
        books: Books,
        instruments: dict[str, Instrument],
        told: Callable[[Books, Fill], None],
    ) -> None:
        self.venue, self.books, self.instruments, self._told = venue, books, instruments, told
        self.cancel_reason = ""  # in place of what the code says, for the next cancel
        self.replaced_by = ""

    def book(self, happened: Sequence[Event]) -> None:
        """All of them in their order. What one fill did is one ORDER_FILL, a night one DAILY_FINANCING."""
        mine = [one for one in happened if one.account == self.books.id]
        place = 0
        while place < len(mine):
            event = mine[place]
            if isinstance(event, events.Filled):
                place = self._fill(mine, place, event)
            elif isinstance(event, events.SwapCharged):
                place = self._night(mine, place)
            else:
                self._one(event)
                place += 1

    # -- One event -----------------------------------------------------------------------------
    def _one(self, event: Event) -> None:
        if isinstance(event, events.Accepted) and event.order.reason is Reason.STOP_OUT:
            self._closeout(event.order)
        elif isinstance(event, events.Cancelled):
            reason = self.cancel_reason or CANCEL_REASON.get(event.code, "INTERNAL_SERVER_ERROR")
            self.cancelled(self.books.order_of.get(event.order, ""), reason, event.at)
        elif isinstance(event, events.Expired):
            key = self.books.order_of.get(event.order, "")
            self.cancelled(key, "TIME_IN_FORCE_EXPIRED", event.at)
        elif isinstance(event, events.Posted):
            self._transfer(event)
        elif isinstance(event, events.MarginCall):
            self.books.begin()
            self.books.add("MARGIN_CALL_ENTER", event.at)
        elif isinstance(event, events.MarginCallLifted):
            self.books.begin()
            self.books.add("MARGIN_CALL_EXIT", event.at)

    def cancelled(self, key: str, reason: str, at: datetime) -> None:
        """Say that an order ended, unless it filled: then what is left of it has no transaction."""
        order = self.books.orders.get(key)
        if order is None or order["state"] != "PENDING":
            return
        told = self.books.add(
            "ORDER_CANCEL",
            at,
            orderID=key,
            clientOrderID=client_id(order),
            reason=reason,
            replacedByOrderID=self.replaced_by,
        )
        order |= {
            "state": "CANCELLED",
            "cancellingTransactionID": told["id"],
            "cancelledTime": told["time"],
        }
        if self.replaced_by:
            order["replacedByOrderID"] = self.replaced_by

    def _closeout(self, order: Order) -> None:
        self.books.begin()
        request = order.request
        told = self.books.add(
            "MARKET_ORDER",
            self.venue.market.now,
            instrument=request.symbol,
            units=units(DIRECTION[request.side] * request.lots),
            timeInForce="FOK",
            positionFill="REDUCE_ONLY",
            marginCloseout={"reason": "MARGIN_CHECK_VIOLATION"},
            reason="MARGIN_CLOSEOUT",
        )
        self.order_made(told, "MARKET", order.id)

    def order_made(self, told: Plain, kind: str, venue_order: int) -> Plain:
        """The order that a transaction created."""
        shown = {
            name: value
            for name, value in told.items()
            if name not in ("time", "userID", "accountID", "batchID", "requestID", "type", "reason")
        }
        order = {"createTime": told["time"], "type": kind, "state": "PENDING", **shown}
        self.books.orders[told["id"]] = order
        self.books.order_of[venue_order] = told["id"]
        self.books.venue_order[told["id"]] = venue_order
        return order

    def _transfer(self, event: events.Posted) -> None:
        self.books.balance += event.amount
        self.books.begin(self.books.request)
        self.books.add(
            "TRANSFER_FUNDS",
            event.at,
            amount=money(event.amount),
            fundingReason="CLIENT_FUNDING",
            comment=event.comment,
            accountBalance=money(self.books.balance),
        )

    # -- A night -------------------------------------------------------------------------------
    def _night(self, mine: Sequence[Event], place: int) -> int:
        charged: list[events.SwapCharged] = []
        while place < len(mine) and isinstance(mine[place], events.SwapCharged):
            charged.append(mine[place])  # type: ignore[arg-type]
            place += 1
        by_instrument: dict[str, list[Plain]] = {}
        total = ZERO
        for event in charged:
            trade = self.books.trades[self.books.trade_of[event.position]]
            trade["financing"] = money(Decimal(trade["financing"]) + event.amount)
            total += event.amount
            one = {"tradeID": trade["id"], "financing": money(event.amount)}
            by_instrument.setdefault(trade["instrument"], []).append(one)
        self.books.balance += total
        self.books.begin()
        self.books.add(
            "DAILY_FINANCING",
            charged[0].at,
            financing=money(total),
            accountBalance=money(self.books.balance),
            accountFinancingMode="DAILY",
            positionFinancings=[
                {
                    "instrument": name,
                    "financing": money(sum((Decimal(one["financing"]) for one in parts), ZERO)),
                    "accountFinancingMode": "DAILY_INSTRUMENT",
                    "openTradeFinancings": parts,
                }
                for name, parts in by_instrument.items()
            ],
        )
        return place

    # -- A fill --------------------------------------------------------------------------------
    def _fill(self, mine: Sequence[Event], place: int, first: events.Filled) -> int:
        """All deals of one order at once, then the orders that ended with its trades."""
        deals: list[events.Filled] = []
        ended: list[events.Cancelled] = []
        for event in _of_one_order(mine[place:], first.order):
            place += 1
            if isinstance(event, events.Filled):
                deals.append(event)
            elif isinstance(event, events.Cancelled):
                ended.append(event)
        key = self.books.order_of[first.order]
        order = self.books.orders[key]
        if int(key) < int(self.books.batch or 0):
            self.books.begin()
        told = self._told_fill(order, deals)
        order |= {"state": "FILLED", "fillingTransactionID": told["id"], "filledTime": told["time"]}
        self._trades_of(order, told)
        for event in ended:
            self._one(event)
        self._told(self.books, Fill(told, _trade_ids(told)))
        return place

    def _told_fill(self, order: Plain, deals: Sequence[events.Filled]) -> Plain:
        instrument = self.instruments[order.get("instrument") or deals[0].symbol]
        sign, at_price = DIRECTION[deals[0].side], deals[0].price
        quote = self.venue.market.quote(instrument.name)
        half = (quote.ask - quote.bid) / 2
        lots = sum((deal.lots for deal in deals), ZERO)
        gain, loss = self.factors(instrument)
        profit = sum((deal.profit for deal in deals), ZERO)
        raw = sum((deal.profit / deal.rate for deal in deals if deal.rate), ZERO)
        self.books.balance += sum((deal.money for deal in deals), ZERO)
        text = price(at_price, instrument.digits)
        liquidity = "10000000"
        key = str(len(self.books.transactions) + 1)
        return self.books.add(
            "ORDER_FILL",
            deals[0].at,
            orderID=order["id"],
            clientOrderID=client_id(order),
            instrument=instrument.name,
            units=units(sign * lots),
            requestedUnits=order.get("units") or units(sign * lots),
            price=text,
            fullVWAP=text,
            fullPrice={
                "closeoutBid": price(quote.bid, instrument.digits),
                "closeoutAsk": price(quote.ask, instrument.digits),
                "timestamp": stamp(quote.at),
                "bids": [{"price": price(quote.bid, instrument.digits), "liquidity": liquidity}],
                "asks": [{"price": price(quote.ask, instrument.digits), "liquidity": liquidity}],
            },
            gainQuoteHomeConversionFactor=factor(gain),
            lossQuoteHomeConversionFactor=factor(loss),
            homeConversionFactors={
                "gainQuoteHome": {"factor": factor(gain)},
                "lossQuoteHome": {"factor": factor(loss)},
            },
            reason=_fill_reason(order),
            pl=money(profit),
            quotePL=money(raw),
            financing="0.0000",
            commission=money(-sum((deal.commission for deal in deals), ZERO)),
            guaranteedExecutionFee="0.0000",
            accountBalance=money(self.books.balance),
            halfSpreadCost=money(half * lots * loss),
            **self._parts(order, deals, key, text, half * loss),
        )

    def _parts(
        self, order: Plain, deals: Sequence[events.Filled], key: str, text: str, half: Decimal
    ) -> Plain:
        """What the fill opened, reduced and closed; half: cost of the half spread of one unit."""
        parts: Plain = {}
        for deal in deals:
            sign = DIRECTION[deal.side]
            one = {
                "units": units(sign * deal.lots),
                "price": text,
                "guaranteedExecutionFee": "0.0000",
                "halfSpreadCost": money(half * deal.lots),
            }
            if not deal.closed:
                self.books.trade_of[deal.position] = key
                self.books.venue_position[key] = deal.position
                position = self.venue.account(self.books.id).positions.get(deal.position)
                parts["tradeOpened"] = one | {
                    "tradeID": key,
                    "initialMarginRequired": money(self._margin(deal.position, deal.symbol)),
                }
                if position is None:
                    parts["tradeOpened"]["initialMarginRequired"] = money(ZERO)
                if extensions := order.get("tradeClientExtensions"):
                    parts["tradeOpened"]["clientExtensions"] = extensions
                continue
            trade = self.books.trades[self.books.trade_of[deal.position]]
            one |= {
                "tradeID": trade["id"],
                "realizedPL": money(deal.profit),
                "financing": "0.0000",
            }
            if client := client_id(trade):
                one["clientTradeID"] = client
            if abs(Decimal(trade["currentUnits"])) == deal.lots:
                parts.setdefault("tradesClosed", []).append(one)
            else:
                parts["tradeReduced"] = one
        return parts

    def _margin(self, position: int, symbol: str) -> Decimal:
        account = self.venue.account(self.books.id)
        held = account.positions.get(position)
        if held is None:
            return ZERO
        return symbol_margin(self.venue.market, account, symbol, [held])

    def _trades_of(self, order: Plain, told: Plain) -> None:
        if opened := told.get("tradeOpened"):
            self.books.trades[opened["tradeID"]] = {
                "id": opened["tradeID"],
                "instrument": told["instrument"],
                "price": opened["price"],
                "openTime": told["time"],
                "state": "OPEN",
                "initialUnits": opened["units"],
                "initialMarginRequired": opened["initialMarginRequired"],
                "currentUnits": opened["units"],
                "realizedPL": "0.0000",
                "financing": "0.0000",
                "dividendAdjustment": "0.0000",
            } | ({"clientExtensions": dict(e)} if (e := opened.get("clientExtensions")) else {})
            order["tradeOpenedID"] = opened["tradeID"]
        if reduced := told.get("tradeReduced"):
            self._take_off(reduced, told)
            order["tradeReducedID"] = reduced["tradeID"]
        for closed in told.get("tradesClosed", []):
            self._take_off(closed, told)
            order.setdefault("tradeClosedIDs", []).append(closed["tradeID"])

    def _take_off(self, part: Plain, told: Plain) -> None:
        trade = self.books.trades[part["tradeID"]]
        before = abs(Decimal(trade["initialUnits"])) - abs(Decimal(trade["currentUnits"]))
        gone = abs(Decimal(part["units"]))
        average = (
            Decimal(trade.get("averageClosePrice", "0")) * before + Decimal(part["price"]) * gone
        ) / (before + gone)
        left = Decimal(trade["currentUnits"]) + Decimal(part["units"])
        trade["currentUnits"] = units(left)
        trade["realizedPL"] = money(Decimal(trade["realizedPL"]) + Decimal(part["realizedPL"]))
        trade["averageClosePrice"] = price(average, self.instruments[trade["instrument"]].digits)
        trade["closingTransactionIDs"] = [*trade.get("closingTransactionIDs", []), told["id"]]
        if not left:
            trade |= {"state": "CLOSED", "closeTime": told["time"]}

    def factors(self, instrument: Instrument) -> tuple[Decimal, Decimal]:
        """Account currency for one of the quote currency: of a gain, of a loss."""
        market = self.venue.market
        own = self.books.currency
        gain = market.rates.convert(
            ONE, frm=instrument.quote, to=own, at=market.now, rule=Rule.BY_MARKET
        )
        loss = market.rates.convert(
            -ONE, frm=instrument.quote, to=own, at=market.now, rule=Rule.BY_MARKET
        )
        return gain.rate, loss.rate


def _of_one_order(happened: Sequence[Event], order: int) -> Iterator[Event]:
    """The events of one execution, from its first deal on."""
    for event in happened:
        if isinstance(event, events.Filled):
            if event.order != order:
                return
        elif not isinstance(event, PARTS_OF_FILL):
            return
        yield event


def _fill_reason(order: Plain) -> str:
    for name, reason in (
        ("tradeClose", "MARKET_ORDER_TRADE_CLOSE"),
        ("longPositionCloseout", "MARKET_ORDER_POSITION_CLOSEOUT"),
        ("shortPositionCloseout", "MARKET_ORDER_POSITION_CLOSEOUT"),
        ("marginCloseout", "MARKET_ORDER_MARGIN_CLOSEOUT"),
    ):
        if name in order:
            return reason
    return f"{order['type']}_ORDER"


def _trade_ids(told: Plain) -> list[str]:
    parts = [told.get("tradeOpened"), told.get("tradeReduced"), *told.get("tradesClosed", [])]
    return [part["tradeID"] for part in parts if part]
