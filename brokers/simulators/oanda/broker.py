"""OANDA's server without its wire: one venue, its accounts, and the commands that change them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from brokers.simulators.faults import Fault
from brokers.simulators.ledger import Ledger, Moment
from brokers.simulators.oanda.booking import CANCEL_REASON, Booking, Fill
from brokers.simulators.oanda.books import Books, client_id
from brokers.simulators.oanda.instruments import CATALOGUE, Instrument
from brokers.simulators.oanda.prices import Curve
from brokers.simulators.oanda.requests import (
    DEPENDENTS,
    Draft,
    Malformed,
    Reader,
    Refused,
    losing,
)
from brokers.simulators.oanda.wire import MONEY_DIGITS, Plain, number, units
from tradershub.finance.decimals import ONE, ZERO, round_lots
from tradershub.finance.sides import Side
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.orders import Kind, OrderRequest
from tradershub.finance.venue.rules import AccountRules, Protection, Repeats, StopOutOrder
from tradershub.finance.venue.venue import Venue

NEW_YORK = ZoneInfo("America/New_York")
ROLLOVER = time(17)
Answer = tuple[int, Plain]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTerms:
    """An account to open. balance: its first deposit."""

    id: str
    currency: str = "USD"
    hedging: bool = False
    balance: Decimal = Decimal(100_000)
    alias: str = "Primary"


EXAMPLES = (
    AccountTerms(id="101-004-1234567-001", alias="Netting"),
    AccountTerms(id="101-004-1234567-002", currency="EUR", hedging=True, alias="Hedging"),
)


class Clock:
    """The time of the machine, moved ahead as told; it never goes back."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)
        self._last = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        self._last = max(self._last, datetime.now(UTC) + self.ahead)
        return self._last


class Broker:
    """Every command and every reading holds `changed`, which also tells streams what is new."""

    def __init__(
        self,
        *,
        accounts: Collection[AccountTerms] = EXAMPLES,
        ledger: Ledger | None = None,
        seed: int = 1,
        instruments: Collection[Instrument] = CATALOGUE,
    ) -> None:
        self.instruments: Mapping[str, Instrument] = {one.name: one for one in instruments}
        self.ledger = ledger or Ledger()
        self.clock, self.changed = Clock(), threading.Condition(threading.RLock())
        market = Market(
            (one.symbol() for one in instruments), zone=NEW_YORK, rollover=ROLLOVER, pivot="USD"
        )
        self.venue = Venue(market, seed=seed)
        self.curve = Curve(seed, self.instruments)
        self.halted: set[str] = set()
        self.books: dict[str, Books] = {}
        self._booking: dict[str, Booking] = {}
        self.ledger.write("started", Moment.now(), seed=seed, accounts=[one.id for one in accounts])
        self.tick()
        for terms in accounts:
            self._open(terms)

    @property
    def now(self) -> datetime:
        return self.venue.market.now

    # -- Time and prices -----------------------------------------------------------------------
    @contextmanager
    def present(self) -> Iterator[datetime]:
        """The state as it is now: what time brought about has happened."""
        with self.changed:
            seen = self._count()
            self._begin()
            self._book(self.venue.advance(self.clock.now()))
            yield self.now
            if self._count() != seen:
                self.changed.notify_all()

    def tick(self, names: Collection[str] = ()) -> None:
        """New prices from the curve, as of now."""
        with self.changed:
            at = self.clock.now()
            for name in names or self.instruments:
                bid, ask = self.curve.prices(name, at)
                self._quote(name, bid, ask)
            self.changed.notify_all()

    def move(self, name: str, bid: Decimal, ask: Decimal) -> None:
        """Set an instrument's prices; its curve goes on from there."""
        with self.present():
            self.curve.pin(name, bid, ask, self.now)
            self._quote(name, bid, ask)

    def halt(self, name: str, *, halted: bool) -> None:
        """Close an instrument for dealing, or open it again."""
        with self.present():
            (self.halted.add if halted else self.halted.discard)(name)
            quote = self.venue.market.quote(name)
            self._quote(name, quote.bid, quote.ask)

    def advance(self, seconds: float) -> datetime:
        """Let so much time pass at once: orders expire, days roll over."""
        with self.present():
            self.clock.ahead += timedelta(seconds=seconds)
            self._begin()
            self._book(self.venue.advance(self.clock.now()))
        return self.now

    def roll_over(self) -> datetime:
        """Let time pass up to just after the next 17:00 in New York."""
        with self.present() as now:
            local = now.astimezone(NEW_YORK)
            end = local.replace(hour=17, minute=0, second=1, microsecond=0)
            end = end if end > local else end + timedelta(days=1)
        return self.advance((end - local).total_seconds())

    def _quote(self, name: str, bid: Decimal, ask: Decimal, **sizes: Decimal | None) -> None:
        self._begin()
        tradable = name not in self.halted
        self._book(self.venue.quote(name, bid, ask, self.clock.now(), tradable=tradable, **sizes))

    # -- Accounts ------------------------------------------------------------------------------
    def _open(self, terms: AccountTerms) -> None:
        rules = AccountRules(
            currency=terms.currency,
            digits=MONEY_DIGITS,
            mode="hedging",
            leverage=ONE,
            call_level=Decimal(100),
            stop_level=Decimal(50),
            stop_out=StopOutOrder.ALL,
            protection=Protection.NONE,
            repeats=Repeats.REFUSE_WORKING,
            margin_at_market=True,
            swap_daily=True,
        )
        books = Books(terms.id, terms.currency, terms.hedging, alias=terms.alias)
        self.books[terms.id] = books
        self._booking[terms.id] = Booking(self.venue, books, dict(self.instruments), self._filled)
        with self.changed:
            self.venue.open_account(terms.id, rules, self.clock.now())
            books.begin()
            books.add(
                "CREATE",
                self.now,
                divisionID=4,
                siteID=101,
                accountUserID=1234567,
                accountNumber=len(self.books),
                homeCurrency=terms.currency,
            )
            books.add("CLIENT_CONFIGURE", self.now, alias=terms.alias)
        if terms.balance:
            self.fund(terms.id, terms.balance)

    def fund(self, account: str, amount: Decimal, comment: str = "") -> Plain:
        """Money in, or out where negative; the transaction comes back."""
        with self.present() as now:
            kind = "deposit" if amount > 0 else "withdrawal"
            self._begin()
            self._book(self.venue.post(account, kind, amount, now, comment=comment))
            return self.books[account].transactions[-1]

    def configure(self, account: str, alias: str, request: str = "") -> Plain:
        with self.present() as now:
            books = self.books[account]
            books.begin(request)
            books.alias = alias or books.alias
            told = books.add("CLIENT_CONFIGURE", now, alias=books.alias)
            return {"clientConfigureTransaction": told, "lastTransactionID": told["id"]}

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
                return 404, _error(reason) | self._reply(books, start, keys)
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
                return 404, _error("NO_SUCH_TRADE", "The trade ID specified does not exist")
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
                    return 400, _error(refused.reason) | self._reply(books, start, keys)
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
                return 404, _error(reason) | self._reply(books, start, keys)
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
                "clientExtensions": body.get(f"{side}ClientExtensions"),
            }
            held = self._held(reader.books, instrument, side)
            if not held:
                raise Refused("CLOSEOUT_POSITION_DOESNT_EXIST", facts, status=404)
            lots = held if asked == "ALL" else number(asked)
            if lots is None or lots <= 0:
                raise Refused("UNITS_INVALID", facts)
            if lots > held:
                raise Refused("CLOSEOUT_POSITION_UNITS_EXCEED_POSITION_SIZE", facts)
            away: Side = "sell" if side == "long" else "buy"
            return _market(instrument, away, lots, facts, reason="POSITION_CLOSEOUT")

        return read

    # -- One order through the venue -------------------------------------------------------------
    def _order(
        self,
        account: str,
        read: Callable[[Reader], Draft],
        body: Any,
        faults: Mapping[str, Fault],
        request: str,
        *,
        replaces: Plain | None = None,
        created: int = 201,
    ) -> Answer:
        with self.present():
            books = self.books[account]
            start = books.begin(request)
            try:
                draft = read(self._reader(books))
                if "reject" in faults:
                    raise Refused(faults["reject"].reason or "INTERNAL_SERVER_ERROR", draft.facts)
            except Refused as refused:
                return self._rejected(books, body, refused, start)
            if "strip_client_id" in faults:
                draft = _nameless(draft)
            if replaces is not None:
                self._replaced(books, replaces)
                draft.facts["replacesOrderID"] = replaces["id"]
                draft = replace(draft, reason="REPLACEMENT")
            with self._thin(draft, faults.get("partial")):
                self._submit(books, draft, cancel=faults.get("cancel"))
            if "hide" in faults:
                books.hide(start, faults["hide"].seconds)
            keys = {
                draft.transaction: "orderCreateTransaction",
                "ORDER_FILL": "orderFillTransaction",
                "ORDER_CANCEL": "orderCancelTransaction",
            }
            return created, self._reply(books, start, keys)

    def _submit(self, books: Books, draft: Draft, *, cancel: Fault | None = None) -> None:
        """Create the order, and let it meet the market."""
        booking = self._booking[books.id]
        told = books.add(draft.transaction, self.now, **draft.facts, reason=draft.reason)
        batch = books.batch
        reason = cancel.reason if cancel else self._doomed(books, draft)
        if reason:
            booking.order_made(told, draft.type, -int(told["id"]))
            booking.cancelled(told["id"], reason, self.now)
            return
        # The number that the venue will give: what it tells on the way is booked under it.
        booking.order_made(told, draft.type, self.venue.account(books.id).last_id + 1)
        if draft.on_fill:
            books.on_fill[told["id"]] = draft.on_fill
        happened = self.venue.submit(books.id, draft.request, self.now)
        self._book(happened)
        refusal = next((one for one in happened if isinstance(one, events.Rejected)), None)
        books.batch = batch
        if refusal is not None:
            reason = CANCEL_REASON.get(refusal.code, "INTERNAL_SERVER_ERROR")
            booking.cancelled(told["id"], reason, self.now)

    def _doomed(self, books: Books, draft: Draft) -> str:
        """Why an order that is in order is cancelled at once."""
        wanted = draft.facts.get("tradeClientExtensions", {}).get("id")
        if wanted and any(client_id(one) == wanted for one in books.open_trades()):
            return "CLIENT_TRADE_ID_ALREADY_EXISTS"
        return losing(draft, self.venue.market)

    def _book(self, happened: Sequence[Event]) -> None:
        """Write down what the venue says, then place what fills bring with them."""
        for account in dict.fromkeys(one.account for one in happened if one.account):
            books = self.books.get(account)
            if books is not None:
                seen = len(books.transactions)
                self._booking[account].book(happened)
                for told in books.transactions[seen:]:
                    if told["type"] == "ORDER_FILL":
                        self._after_fill(books, told)

    def _after_fill(self, books: Books, told: Plain) -> None:
        self._end_rest(books, told["orderID"])
        opened = told.get("tradeOpened")
        brought = books.on_fill.pop(told["orderID"], {})
        trade = books.trades.get(opened["tradeID"]) if opened else None
        for kind, details in brought.items():
            if trade is not None and trade["state"] != "CLOSED":
                books.batch = told["batchID"]
                draft = self._reader(books).dependent(kind, details, trade, reason="ON_FILL")
                draft.facts["orderFillTransactionID"] = told["id"]
                self._submit(books, draft)

    def _end_rest(self, books: Books, key: str) -> None:
        """An order of OANDA's fills once; what its one fill left over is gone."""
        number_at_venue = books.venue_order.get(key, 0)
        if number_at_venue in self.venue.account(books.id).orders:
            self._book(self.venue.cancel(books.id, number_at_venue, self.now))

    def _replaced(self, books: Books, old: Plain) -> None:
        booking = self._booking[books.id]
        booking.cancel_reason = "CLIENT_REQUEST_REPLACED"
        booking.replaced_by = str(len(books.transactions) + 2)
        self._book(self.venue.cancel(books.id, books.venue_order[old["id"]], self.now))
        booking.cancel_reason = booking.replaced_by = ""

    @contextmanager
    def _thin(self, draft: Draft, fault: Fault | None) -> Iterator[None]:
        """While an order is placed, a market with a share of its units on offer only."""
        if fault is None:
            yield
            return
        name = draft.request.symbol
        step = Decimal(1).scaleb(-self.instruments[name].unit_digits)
        size = round_lots(draft.request.lots * Decimal(fault.share), step)
        quote = self.venue.market.quote(name)
        with self._same_batch():
            self._quote(name, quote.bid, quote.ask, bid_size=size, ask_size=size)
        try:
            yield
        finally:
            with self._same_batch():
                self._quote(name, quote.bid, quote.ask)

    @contextmanager
    def _same_batch(self) -> Iterator[None]:
        """What happens inside does not end the batch of the request."""
        kept = {key: (one.batch, one.request) for key, one in self.books.items()}
        yield
        for key, (batch, request) in kept.items():
            self.books[key].batch, self.books[key].request = batch, request

    # -- Answers -------------------------------------------------------------------------------
    def _reply(self, books: Books, start: int, keys: Mapping[str, str]) -> Plain:
        """The transactions since `start` under their names; the first of a type counts."""
        fresh = books.transactions[start:]
        reply: Plain = {}
        for told in fresh:
            if told["type"] in keys:
                reply.setdefault(keys[told["type"]], told)
        reply["relatedTransactionIDs"] = [told["id"] for told in fresh]
        reply["lastTransactionID"] = str(len(books.transactions))
        return reply

    def _rejected(self, books: Books, body: Any, refused: Refused, start: int) -> Answer:
        asked = body.get("order") if isinstance(body, dict) else None
        kind = asked.get("type", "MARKET") if isinstance(asked, dict) else "MARKET"
        told = books.add(
            f"{kind}_ORDER_REJECT",
            self.now,
            **refused.facts,
            reason="CLIENT_ORDER",
            rejectReason=refused.reason,
        )
        reply = self._reply(books, start, {told["type"]: "orderRejectTransaction"})
        return refused.status, reply | _error(refused.reason)

    def _cancel_refused(self, account: str, spec: str, request: str) -> Answer:
        books = self.books[account]
        start = books.begin(request)
        named = {"clientOrderID": spec[1:]} if spec.startswith("@") else {"orderID": spec}
        books.add("ORDER_CANCEL_REJECT", self.now, **named, rejectReason="ORDER_DOESNT_EXIST")
        reply = self._reply(books, start, {"ORDER_CANCEL_REJECT": "orderCancelRejectTransaction"})
        return 404, reply | _error("ORDER_DOESNT_EXIST", "The order ID specified does not exist")

    # -- Parts ---------------------------------------------------------------------------------
    def _reader(self, books: Books) -> Reader:
        return Reader(books, self.venue.market, self.instruments, self.now)

    def _begin(self) -> None:
        for books in self.books.values():
            books.begin()

    def _count(self) -> int:
        return sum(len(books.transactions) for books in self.books.values())

    def _filled(self, books: Books, fill: Fill) -> None:
        told = fill.transaction
        self.ledger.write(
            "fill",
            Moment.now(),
            account=books.id,
            transaction=told["id"],
            order_id=told["orderID"],
            client_id=told.get("clientOrderID", ""),
            instrument=told["instrument"],
            units=told["units"],
            price=told["price"],
            trades=fill.trades,
        )


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


def _nameless(draft: Draft) -> Draft:
    facts = {key: value for key, value in draft.facts.items() if "Extensions" not in key}
    return replace(draft, facts=facts, request=replace(draft.request, client_id=""))


def _extend(plain: Plain, name: str, given: Any) -> None:
    if isinstance(given, dict):
        kept = plain.get(name, {}) | given
        plain[name] = {key: value for key, value in kept.items() if value}


def _error(code: str, message: str = "") -> Plain:
    return {"errorCode": code, "errorMessage": message or code.replace("_", " ").capitalize()}
