"""An order as OANDA takes it, and what became of one by the transactions that tell of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from brokers.adapters.errors import Rejected
from brokers.adapters.messages import (
    Ack,
    Duration,
    Kind,
    OrderReport,
    OrderTicket,
    Status,
    Stops,
)
from brokers.adapters.oanda_history import deals_of
from brokers.adapters.oanda_line import worded
from brokers.adapters.oanda_reports import moment, side_of
from tradershub.finance.decimals import ZERO, to_decimal

Json = dict[str, Any]
NAMES = {Kind.MARKET: "MARKET", Kind.LIMIT: "LIMIT", Kind.STOP: "STOP"}
# A resting order "if touched" fills as a limit order does.
KINDS = {name: kind for kind, name in NAMES.items()} | {
    "MARKET_IF_TOUCHED": Kind.LIMIT,
    "FIXED_PRICE": Kind.MARKET,
}
IN_FORCE = {
    Duration.GTC: "GTC",
    Duration.DAY: "GFD",
    Duration.GTD: "GTD",
    Duration.IOC: "IOC",
    Duration.FOK: "FOK",
}
DURATIONS = {name: duration for duration, name in IN_FORCE.items()}
# Ends that are no refusal: the order was taken, and the market or its owner ended it.
NOT_REFUSED = {
    "CLIENT_REQUEST",
    "CLIENT_REQUEST_REPLACED",
    "TIME_IN_FORCE_EXPIRED",
    "BOUNDS_VIOLATION",
    "INSUFFICIENT_LIQUIDITY",
    "MIGRATION",
}
UNFIT = re.compile(r"[^A-Za-z0-9 ._:-]")
LONGEST_TAG = 60


# -- To OANDA ----------------------------------------------------------------------------------
def plain(number: Decimal) -> str:
    """Without the zeros at its end, which OANDA would count as digits of its own."""
    return f"{number.normalize():f}"


def order_body(ticket: OrderTicket, *, bears_ids: bool) -> Json:
    """The order of a ticket. Raises Rejected for what OANDA has no order for."""
    if ticket.kind not in NAMES:
        text = f"OANDA has no {ticket.kind.value.replace('_', '-')} orders"
        raise Rejected(text, code="unsupported")
    if ticket.position_ref:
        raise Rejected("OANDA closes a trade at the market only", code="unsupported")
    is_market = ticket.kind is Kind.MARKET
    units = ticket.lots if ticket.side == "buy" else -ticket.lots
    body: Json = {
        "type": NAMES[ticket.kind],
        "instrument": ticket.symbol,
        "units": plain(units),
        "timeInForce": _in_force(ticket, is_market=is_market),
        "positionFill": "REDUCE_ONLY" if ticket.reduce_only else "DEFAULT",
    }
    if not is_market:
        body["price"] = _price(ticket.price, "price")
    if ticket.bound is not None and ticket.kind is not Kind.LIMIT:
        body["priceBound"] = plain(ticket.bound)
    if ticket.duration is Duration.GTD and not is_market:
        if ticket.expires_at is None:
            raise Rejected("An order until a moment needs that moment", code="bad_request")
        body["gtdTime"] = instant(ticket.expires_at)
    if bears_ids:
        body |= _extensions(ticket)
    return body | _stops_on_fill(ticket.stops)


def _in_force(ticket: OrderTicket, *, is_market: bool) -> str:
    """An order at the market fills whole or not at all, unless a part is asked for."""
    if is_market:
        return "IOC" if ticket.duration is Duration.IOC else "FOK"
    return IN_FORCE[ticket.duration]


def _price(price: Decimal | None, what: str) -> str:
    if price is None:
        raise Rejected(f"The order needs a {what}", code="bad_request")
    return plain(price)


def instant(at: dt.datetime) -> str:
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _extensions(ticket: OrderTicket) -> Json:
    """Ours on the order and on the trade that it opens, which guards an open trade against a second one."""
    ours = {"id": ticket.client_id}
    if ticket.label:
        ours["tag"] = UNFIT.sub(" ", ticket.label)[:LONGEST_TAG]
    if ticket.comment:
        ours["comment"] = UNFIT.sub(" ", ticket.comment)[:LONGEST_TAG]
    return {"clientExtensions": ours, "tradeClientExtensions": ours}


def _stops_on_fill(stops: Stops) -> Json:
    return {f"{name}OnFill": spec for name, spec in stop_orders(stops).items() if spec}


def stop_orders(stops: Stops) -> dict[str, Json | None]:
    """The orders of a trade's stops by their names in a request; None: there is to be none."""
    return {
        "stopLoss": _good("price", stops.stop_loss),
        "takeProfit": _good("price", stops.take_profit),
        "trailingStopLoss": _good("distance", stops.trail),
    }


def _good(name: str, value: Decimal | None) -> Json | None:
    return None if value is None else {name: plain(value), "timeInForce": "GTC"}


# -- From OANDA --------------------------------------------------------------------------------
def entry_kind(order: Json) -> Kind | None:
    """The kind of an order or of a transaction that makes or refuses one; None for any other."""
    name = str(order.get("type", "")).removesuffix("_REJECT").removesuffix("_ORDER")
    return KINDS.get(name) if "units" in order and "instrument" in order else None


def is_reject(transaction: Json) -> bool:
    return str(transaction.get("type", "")).endswith("_REJECT")


def client_of(order: Json) -> str:
    return str((order.get("clientExtensions") or {}).get("id", ""))


def in_turn(transactions: Iterable[Json]) -> list[Json]:
    return sorted(transactions, key=lambda one: int(one["id"]))


def each_once(transactions: Iterable[Json]) -> list[Json]:
    """Oldest first, also where one is told twice."""
    return in_turn({int(one["id"]): one for one in transactions}.values())


def told_of(reply: Json) -> list[Json]:
    """The transactions of a reply, oldest first."""
    return in_turn(one for name, one in reply.items() if name.endswith("Transaction"))


@dataclass(frozen=True, slots=True)
class Closing:
    """The closing of a trade as it was asked for. lots: None for all. after: OANDA's last transaction before."""

    trade: str
    lots: Decimal | None = None
    after: int = 0


def story_of(
    transactions: Iterable[Json], client_id: str, *, closing: Closing | None = None
) -> list[Json]:
    """Those that tell of the order of that client id. closing: what was sent under it, where it was one.

    Raises ValueError where several closings may be the one that is meant.
    """
    told = in_turn(transactions)
    own = {one["id"] for one in told if entry_kind(one) and _is_of(one, client_id)}
    if not own and closing:
        own = {one["id"] for one in told if _is_that(one, closing)}
        if len(own) > 1:
            found = ", ".join(sorted(own))
            raise ValueError(f"several closings of trade {closing.trade} may be it: {found}")
    return [one for one in told if one["id"] in own or one.get("orderID") in own]


def _is_of(transaction: Json, client_id: str) -> bool:
    """By our id on it, or on the request: the closing of a trade has room for none of its own."""
    return client_id in (client_of(transaction), transaction.get("requestID"))


def _is_that(transaction: Json, closing: Closing) -> bool:
    """Whether it closes as many lots of that trade, and was made after they were asked for."""
    return (
        (transaction.get("tradeClose") or {}).get("tradeID") == closing.trade
        and int(transaction["id"]) > closing.after
        and closing.lots in (None, _lots(transaction))
    )


def ack_of(story: Iterable[Json], *, currency: str, client_id: str = "") -> Ack | None:
    """What became of an order by what tells of it, oldest first; None where nothing makes one.

    Of an order that was replaced the newest counts, with what had filled before. client_id: ours, where
    OANDA has no room for it.
    """
    told = list(story)
    made = [one for one in told if entry_kind(one) and not is_reject(one)]
    if not made:
        refused = [one for one in told if entry_kind(one) and is_reject(one)]
        return _refused(refused[-1], client_id) if refused else None
    last = made[-1]
    fills = [one for one in told if one["type"] == "ORDER_FILL"]
    ends = [
        one for one in told if one["type"] == "ORDER_CANCEL" and one.get("orderID") == last["id"]
    ]
    deals = tuple(deal for fill in fills for deal in deals_of(fill, currency=currency))
    own_fills = [fill for fill in fills if fill["orderID"] == last["id"]]
    status, end = _status(last, own_fills, fills, ends)
    before = sum((_lots(fill) for fill in fills if fill not in own_fills), ZERO)
    filled = sum((_lots(fill) for fill in fills), ZERO)
    traded = sum((deal.lots * deal.price for deal in deals if deal.price), ZERO)
    over = end or (own_fills[-1] if own_fills else None)
    lots = _lots(last) + before
    code, reason = _why(end, filled=filled, lots=lots, is_over=over is not None)
    if code == LEFT_OVER:
        status = Status.CANCELLED
    report = order_report(
        last,
        status=status,
        client_id=client_id,
        lots=lots,
        filled=filled,
        average_price=traded / filled if filled else None,
        done_at=moment(over["time"]) if over else None,
        code=code,
        reason=reason,
    )
    return Ack(order=report, deals=deals)


LEFT_OVER = "LEFT_OVER"  # ours: OANDA says nothing of what its one fill left over


def _why(end: Json | None, *, filled: Decimal, lots: Decimal, is_over: bool) -> tuple[str, str]:
    """Code and sentence of an order that is over and did not fill whole; empty for any other."""
    if end:
        return str(end["reason"]), f"OANDA ended it: {worded(str(end['reason']))}"
    if is_over and filled < lots:
        return LEFT_OVER, f"OANDA filled {plain(filled)} of {plain(lots)}; the rest is gone"
    return "", ""


def _status(
    last: Json, own_fills: list[Json], fills: list[Json], ends: list[Json]
) -> tuple[Status, Json | None]:
    """OANDA fills an order once: what is left over is ended, or goes on as another order."""
    if not ends:
        if own_fills:
            return Status.FILLED, None
        return (Status.PARTIAL if fills else Status.WORKING), None
    end = ends[-1]
    if end["reason"] == "TIME_IN_FORCE_EXPIRED":
        return Status.EXPIRED, end
    at_once = end.get("batchID") == last["id"]
    if at_once and not fills and end["reason"] not in NOT_REFUSED:
        return Status.REJECTED, end
    return Status.CANCELLED, end


def _lots(transaction: Json) -> Decimal:
    return abs(to_decimal(transaction["units"]))


def _refused(reject: Json, client_id: str) -> Ack:
    code = str(reject.get("rejectReason", ""))
    report = order_report(
        reject,
        status=Status.REJECTED,
        client_id=client_id,
        done_at=moment(reject["time"]),
        code=code,
        reason=f"OANDA refused it: {worded(code)}",
    )
    return Ack(order=report)


def order_report(order: Json, *, status: Status, client_id: str = "", **known: Any) -> OrderReport:
    """An order, or the transaction that made it: they share the names of what was asked for."""
    kind = entry_kind(order)
    if kind is None:
        raise ValueError(f"{order.get('type')} is no order that opens or closes")
    units = to_decimal(order["units"])
    gtd = order.get("gtdTime")
    trade = (order.get("tradeClose") or {}).get("tradeID", "")
    fields: dict[str, Any] = {
        "broker_order_id": str(order["id"]),
        "client_id": client_of(order) or client_id,
        "symbol": order["instrument"],
        "side": side_of(units),
        "lots": abs(units),
        "kind": kind,
        "status": status,
        "placed_at": moment(order.get("createTime") or order["time"]),
        "price": None if kind is Kind.MARKET else to_decimal(order["price"]),
        "duration": DURATIONS.get(order.get("timeInForce", "GTC"), Duration.GTC),
        "expires_at": moment(gtd) if gtd else None,
        "stops": Stops(
            stop_loss=_on_fill(order, "stopLossOnFill", "price"),
            take_profit=_on_fill(order, "takeProfitOnFill", "price"),
            trail=_on_fill(order, "trailingStopLossOnFill", "distance"),
        ),
        "position_ref": str(trade),
        "comment": str((order.get("clientExtensions") or {}).get("comment", "")),
    }
    return OrderReport(**(fields | known))


def _on_fill(order: Json, spec: str, name: str) -> Decimal | None:
    value = (order.get(spec) or {}).get(name)
    return None if value is None else to_decimal(value)
