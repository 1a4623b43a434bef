"""What a client may ask of orders, trades and positions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from brokers.simulators.faults import Fault
from brokers.simulators.oanda.books import Books
from brokers.simulators.oanda.exchange import Answer, Exchange, error_body
from brokers.simulators.oanda.requests import (
    DEPENDENTS,
    Draft,
    Malformed,
    Reader,
    Refused,
    shaped,
)
from brokers.simulators.oanda.wire import Plain, number, units
from tradershub.finance.decimals import ONE, ZERO
from tradershub.finance.sides import Side
from tradershub.finance.venue.orders import Kind, OrderRequest


class Broker(Exchange):
    """The commands. Each holds the exchange and answers as the wire does: status and body."""

    # -- Orders --------------------------------------------------------------------------------
    def create(
        self,
        account: str,
        body: Any,
        *,
        faults: Mapping[str, Fault] | None = None,
        request: str = "",
    ) -> Answer:
        """Place an order. Raises Malformed where nothing is recorded."""
        return self._order(account, lambda reader: reader.order(body), body, faults or {}, request)

    def replace(
        self,
        account: str,
        spec: str,
        body: Any,
        *,
        faults: Mapping[str, Fault] | None = None,
        request: str = "",
    ) -> Answer:
        """Cancel a pending order for another in its place."""
        with self.present():
            old = self.books[account].order(spec)
            if old is None or old["state"] != "PENDING":
                return self._cancel_refused(account, spec, request)

            def read(reader: Reader) -> Draft:
                draft = replace(reader, replacing=old["id"]).order(body)
                if draft.type != old["type"]:
                    raise Refused("REPLACING_ORDER_INVALID", draft.facts)
                return draft

            return self._order(account, read, body, faults or {}, request, replaces=old)

    def cancel(self, account: str, spec: str, *, request: str = "") -> Answer:
        with self.present() as now:
            books = self.books[account]
            order = books.order(spec)
            if order is None or order["state"] != "PENDING":
                return self._cancel_refused(account, spec, request)
            start = books.begin(request)
            self._book(self.venue.cancel(account, books.venue_order[order["id"]], now))
            return 200, self._reply(books, start, {"ORDER_CANCEL": "orderCancelTransaction"})

    def extend_order(self, account: str, spec: str, body: Plain, *, request: str = "") -> Answer:
        """Change an order's client extensions, and those of the trade it will open."""
        with self.present() as now:
            books = self.books[account]
            start = books.begin(request)
            order, name = books.order(spec), "orderClientExtensionsModify"
            facts = {
                "orderID": order["id"] if order else spec,
                "clientExtensionsModify": body.get("clientExtensions"),
                "tradeClientExtensionsModify": body.get("tradeClientExtensions"),
            }
            if order is None or order["state"] != "PENDING":
                reason = "ORDER_DOESNT_EXIST"
                books.add(
                    "ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT", now, rejectReason=reason, **facts
                )
                keys = {"ORDER_CLIENT_EXTENSIONS_MODIFY_REJECT": f"{name}RejectTransaction"}
                return 404, error_body(reason) | self._reply(books, start, keys)
            _extend(order, "clientExtensions", body.get("clientExtensions"))
            _extend(order, "tradeClientExtensions", body.get("tradeClientExtensions"))
            books.add("ORDER_CLIENT_EXTENSIONS_MODIFY", now, **facts)
            keys = {"ORDER_CLIENT_EXTENSIONS_MODIFY": f"{name}Transaction"}
            return 200, self._reply(books, start, keys)

    # -- Trades --------------------------------------------------------------------------------
    def close_trade(self, account: str, spec: str, body: Plain, *, request: str = "") -> Answer:
        asked = body.get("units", "ALL") if isinstance(body, dict) else "ALL"

        def read(reader: Reader) -> Draft:
            trade = reader.books.trade(spec)
            facts: Plain = {
                "timeInForce": "FOK",
                "positionFill": "REDUCE_ONLY",
                "tradeClose": {"tradeID": trade["id"] if trade else spec, "units": str(asked)},
            }
            if trade is None or trade["state"] == "CLOSED":
                raise Refused("TRADE_DOESNT_EXIST", facts, status=404)
            held = Decimal(trade["currentUnits"])
            lots = abs(held) if asked == "ALL" else number(asked)
            if lots is None or lots <= 0:
                raise Refused("UNITS_INVALID", facts)
            if lots > abs(held):
                raise Refused("CLOSE_TRADE_UNITS_EXCEED_TRADE_SIZE", facts)
            reader.refuse_fractions(trade["instrument"], lots, facts)
            side: Side = "sell" if held > 0 else "buy"
            return _market(
                trade["instrument"],
                side,
                lots,
                facts,
                reason="TRADE_CLOSE",
                position=reader.books.venue_position[trade["id"]],
            )

        return self._order(account, read, {}, {}, request, created=200)

    def trade_orders(self, account: str, spec: str, body: Plain, *, request: str = "") -> Answer:
        """A key that is absent leaves the order, null cancels it, an object makes or replaces it."""
        with self.present() as now:
            books = self.books[account]
            trade = books.trade(spec)
            if trade is None or trade["state"] == "CLOSED":
                return 404, error_body("NO_SUCH_TRADE", "The trade ID specified does not exist")
            reader, start = self._reader(books), books.begin(request)
            wanted: list[tuple[str, str, Plain | None, Plain | None]] = []
            for kind, name in zip(
                DEPENDENTS, ("takeProfit", "stopLoss", "trailingStopLoss"), strict=True
            ):
                if name not in body:
                    continue
                old, details = books.dependents(trade["id"]).get(kind), body[name]
                try:
                    if details is not None:
                        at = replace(reader, replacing=old["id"] if old else "")
                        at.dependent(kind, details, trade)
                except Refused as refused:
                    told = books.add(
                        f"{kind}_ORDER_REJECT",
                        now,
                        **refused.facts,
                        reason="CLIENT_ORDER",
                        rejectReason=refused.reason,
                    )
                    keys = {told["type"]: f"{name}OrderRejectTransaction"}
                    return 400, error_body(refused.reason) | self._reply(books, start, keys)
                wanted.append((kind, name, old, details))
            reply: Plain = {}
            for kind, name, old, details in wanted:
                reply |= self._dependent(books, trade, kind, name, old, details)
            return 200, reply | self._reply(books, start, {})

    def _dependent(
        self,
        books: Books,
        trade: Plain,
        kind: str,
        name: str,
        old: Plain | None,
        details: Plain | None,
    ) -> Plain:
        start, booking = len(books.transactions), self._booking[books.id]
        if old is not None:
            if details is not None:
                booking.cancel_reason = "CLIENT_REQUEST_REPLACED"
                booking.replaced_by = str(start + 2)
            self._book(self.venue.cancel(books.id, books.venue_order[old["id"]], self.now))
            booking.cancel_reason = booking.replaced_by = ""
        if details is not None:
            reason = "CLIENT_ORDER" if old is None else "REPLACEMENT"
            draft = self._reader(books).dependent(kind, details, trade, reason=reason)
            if old is not None:
                draft.facts["replacesOrderID"] = old["id"]
            self._submit(books, draft)
        found: Plain = {}
        for told in books.transactions[start:]:
            if told["type"] == f"{kind}_ORDER":
                found[f"{name}OrderTransaction"] = told
            elif told["type"] == "ORDER_FILL":
                found[f"{name}OrderFillTransaction"] = told
            elif told["type"] == "ORDER_CANCEL":
                ours = old is not None and told["orderID"] == old["id"]
                word = "Cancel" if ours else "CreatedCancel"
                found.setdefault(f"{name}Order{word}Transaction", told)
        return found

    def extend_trade(self, account: str, spec: str, body: Plain, *, request: str = "") -> Answer:
        with self.present() as now:
            books = self.books[account]
            start, trade = books.begin(request), books.trade(spec)
            facts = {
                "tradeID": trade["id"] if trade else spec,
                "tradeClientExtensionsModify": body.get("clientExtensions"),
            }
            name = "tradeClientExtensionsModify"
            if trade is None or trade["state"] == "CLOSED":
                reason = "TRADE_DOESNT_EXIST"
                books.add(
                    "TRADE_CLIENT_EXTENSIONS_MODIFY_REJECT", now, rejectReason=reason, **facts
                )
                keys = {"TRADE_CLIENT_EXTENSIONS_MODIFY_REJECT": f"{name}RejectTransaction"}
                return 404, error_body(reason) | self._reply(books, start, keys)
            _extend(trade, "clientExtensions", body.get("clientExtensions"))
            books.add("TRADE_CLIENT_EXTENSIONS_MODIFY", now, **facts)
            keys = {"TRADE_CLIENT_EXTENSIONS_MODIFY": f"{name}Transaction"}
            return 200, self._reply(books, start, keys)

    # -- Positions -----------------------------------------------------------------------------
    def close_position(
        self, account: str, instrument: str, body: Plain, *, request: str = ""
    ) -> Answer:
        """Close one side or both; a side that is left out counts as ALL where the other is, too."""
        if instrument not in self.instruments:
            raise Malformed("Invalid value specified for 'instrument'")
        with self.present():
            books, status = self.books[account], 200
            reply: Plain = {}
            asked = {
                "long": str(body.get("longUnits", "NONE" if "shortUnits" in body else "ALL")),
                "short": str(body.get("shortUnits", "NONE" if "longUnits" in body else "ALL")),
            }
            start = books.begin(request)
            if set(asked.values()) == {"NONE"}:
                refused = Refused("CLOSEOUT_POSITION_INCOMPLETE_SPECIFICATION")
                return self._rejected(books, {}, refused, start)
            said = "longUnits" in body or "shortUnits" in body
            for side, units_asked in asked.items():
                if units_asked == "NONE":
                    continue
                held = self._held(books, instrument, side)
                if (
                    not held
                    and not said
                    and any(self._held(books, instrument, other) for other in asked)
                ):
                    continue
                code, answer = self._order(
                    account,
                    self._closeout(instrument, side, units_asked, body),
                    {},
                    {},
                    request,
                    created=200,
                )
                status = max(status, code)
                reply |= {
                    side + key[0].upper() + key[1:]: value
                    for key, value in answer.items()
                    if key.endswith("Transaction")
                }
                reply |= {k: v for k, v in answer.items() if k.startswith("error")}
            return status, reply | self._reply(books, start, {})

    def _held(self, books: Books, instrument: str, side: str) -> Decimal:
        held = (Decimal(one["currentUnits"]) for one in books.open_trades(instrument))
        return sum((abs(one) for one in held if (one > 0) == (side == "long")), ZERO)

    def _closeout(
        self, instrument: str, side: str, asked: str, body: Plain
    ) -> Callable[[Reader], Draft]:
        def read(reader: Reader) -> Draft:
            facts: Plain = {
                "timeInForce": "FOK",
                "positionFill": "REDUCE_ONLY",
                f"{side}PositionCloseout": {"instrument": instrument, "units": asked},
                "clientExtensions": shaped(body.get(f"{side}ClientExtensions") or {}),
            }
            held = self._held(reader.books, instrument, side)
            if not held:
                raise Refused("CLOSEOUT_POSITION_DOESNT_EXIST", facts, status=404)
            lots = held if asked == "ALL" else number(asked)
            if lots is None or lots <= 0:
                raise Refused("UNITS_INVALID", facts)
            if lots > held:
                raise Refused("CLOSEOUT_POSITION_UNITS_EXCEED_POSITION_SIZE", facts)
            reader.refuse_fractions(instrument, lots, facts)
            away: Side = "sell" if side == "long" else "buy"
            return _market(instrument, away, lots, facts, reason="POSITION_CLOSEOUT")

        return read


def _market(
    instrument: str,
    side: Side,
    lots: Decimal,
    facts: Plain,
    *,
    reason: str,
    position: int | None = None,
) -> Draft:
    """A market order that closes."""
    sign = ONE if side == "buy" else -ONE
    told = {"instrument": instrument, "units": units(sign * lots), **facts}
    request = OrderRequest(
        symbol=instrument,
        side=side,
        lots=lots,
        kind=Kind.MARKET,
        position=position,
        reduce_only=True,
        client_id=str((facts.get("clientExtensions") or {}).get("id", "")),
    )
    return Draft(type="MARKET", request=request, facts=told, reason=reason)


def _extend(plain: Plain, name: str, given: Any) -> None:
    if isinstance(given, dict):
        kept = plain.get(name, {}) | given
        plain[name] = {key: value for key, value in kept.items() if value}
