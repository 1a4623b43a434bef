"""The platform without a line: the hub writes an order down, and a person carries it out.

It knows the orders that it was given and nothing else. What the person enters by hand goes to the books; here
every question about the account is Unavailable, so that silence is never taken for "flat".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar, NoReturn

from brokers.adapters.base import Adapter
from brokers.adapters.errors import AdapterError, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import (
    OVER,
    AccountReport,
    Ack,
    BarReport,
    Capabilities,
    DealPage,
    Mode,
    OrderReport,
    OrderTicket,
    PositionReport,
    QuoteReport,
    Search,
    Status,
    Stops,
    SymbolReport,
    Tier,
)
from tradershub.finance.venue.codec import from_plain, to_plain

LOCK = ORDERS = "orders"


class ManualAdapter(Adapter):
    capabilities: ClassVar[Capabilities] = Capabilities(
        modes=frozenset(Mode),
        proof=Tier.A,
        finds_closed=True,
        refuses_repeats="always",
        places_orders=False,
        closes_in_part=False,
        notes=("A person carries orders out and enters what came of them.",),
    )

    # -- Orders --------------------------------------------------------------------------------
    def place(self, ticket: OrderTicket) -> Ack:
        def write(orders: dict[str, Any]) -> OrderReport:
            if ticket.client_id in {order["client_id"] for order in orders.values()}:
                text = f"client id {ticket.client_id!r} was written down already"
                raise Rejected(text, code="duplicate_client_id")
            return OrderReport(
                broker_order_id=f"hand-{len(orders) + 1}",
                client_id=ticket.client_id,
                status=Status.WORKING,
                placed_at=dt.datetime.now(dt.UTC),
                **_said_by(ticket),
            )

        return self._write(write)

    def amend(self, broker_order_id: str, ticket: OrderTicket) -> Ack:
        def change(orders: dict[str, Any]) -> OrderReport:
            order = _working(orders, broker_order_id)
            said = _said_by(ticket)
            for name in ("symbol", "side", "kind"):
                if said[name] != getattr(order, name):
                    was = getattr(order, name)
                    text = f"an amendment keeps the {name} {was}, found {said[name]}"
                    raise Rejected(text, code="bad_request")
            return replace(order, **said)

        return self._write(change)

    def cancel(self, broker_order_id: str) -> Ack:
        def end(orders: dict[str, Any]) -> OrderReport:
            order = _known(orders, broker_order_id)
            if order.status in OVER:
                return order
            now = dt.datetime.now(dt.UTC)
            return replace(order, status=Status.CANCELLED, done_at=now, reason="taken back")

        return self._write(end)

    def working_orders(self) -> list[OrderReport]:
        orders = [from_plain(OrderReport, plain) for plain in self._read().values()]
        return [order for order in orders if order.status not in OVER]

    def find_by_client_id(self, client_id: str, *, since: str = "") -> Search:
        orders = self._read()
        mine = (plain for plain in orders.values() if plain["client_id"] == client_id)
        found = next((Ack(order=from_plain(OrderReport, plain)) for plain in mine), None)
        return Search(
            found=found, watermark=str(len(orders)), evidence=f"{len(orders)} orders written down"
        )

    # -- What only the person knows ------------------------------------------------------------
    def close(self, position_ref: str, *, client_id: str, lots: Decimal | None = None) -> Ack:
        raise Rejected("positions are closed by hand", code="by_hand")

    def protect(self, position_ref: str, stops: Stops) -> PositionReport:
        raise Rejected("stops are set by hand", code="by_hand")

    def account(self) -> AccountReport:
        _nobody_says("the account")

    def terms(self, symbols: Collection[str] = ()) -> list[SymbolReport]:
        _nobody_says("contracts")

    def quotes(self, symbols: Collection[str]) -> list[QuoteReport]:
        _nobody_says("prices")

    def bars(
        self, symbol: str, *, minutes: int, since: dt.datetime, at_most: int = 1000
    ) -> list[BarReport]:
        _nobody_says("bars")

    def positions(self) -> list[PositionReport]:
        _nobody_says("positions")

    def deals_since(self, cursor: str = "") -> DealPage:
        _nobody_says("deals")

    # -- How -----------------------------------------------------------------------------------
    def _read(self) -> dict[str, Any]:
        try:
            return self.session.load(ORDERS) or {}
        except Exception as error:
            raise Unavailable(f"the list failed: {type(error).__name__}") from error

    def _write(self, change: Any) -> Ack:
        """Change the list under its lock. What fails before it is kept did not happen."""
        written = False
        try:
            with self.session.lock(LOCK):
                orders = self.session.load(ORDERS) or {}
                order = change(orders)
                self.session.store(ORDERS, orders | {order.broker_order_id: to_plain(order)})
                written = True
        except AdapterError:
            raise
        except Exception as error:
            kind = OutcomeUnknown if written else Unavailable
            raise kind(f"the list failed: {type(error).__name__}") from error
        return Ack(order=order)


def _said_by(ticket: OrderTicket) -> dict[str, Any]:
    names = (
        "symbol", "side", "lots", "kind", "price", "limit_price", "distance", "duration",
        "expires_at", "stops", "position_ref", "comment",
    )  # fmt: skip
    return {name: getattr(ticket, name) for name in names}


def _known(orders: dict[str, Any], broker_order_id: str) -> OrderReport:
    if broker_order_id not in orders:
        raise Rejected(f"no order is called {broker_order_id!r}", code="unknown_order")
    order: OrderReport = from_plain(OrderReport, orders[broker_order_id])
    return order


def _working(orders: dict[str, Any], broker_order_id: str) -> OrderReport:
    order = _known(orders, broker_order_id)
    if order.status in OVER:
        raise Rejected(f"order {broker_order_id} is {order.status}", code="order_over")
    return order


def _nobody_says(what: str) -> NoReturn:
    raise Unavailable(f"{what}: only what was entered by hand is known", code="by_hand")
