"""OANDA's server without its wire: one venue, its accounts and books, time and prices, and an order's way."""

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
    Draft,
    Reader,
    Refused,
    losing,
)
from brokers.simulators.oanda.wire import MONEY_DIGITS, Plain, units
from tradershub.finance.decimals import ONE, round_lots
from tradershub.finance.sides import DIRECTION
from tradershub.finance.venue import events
from tradershub.finance.venue.events import Event
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.orders import Order
from tradershub.finance.venue.rules import AccountRules, Protection, Repeats, StopOutOrder
from tradershub.finance.venue.venue import Venue

NEW_YORK = ZoneInfo("America/New_York")
ROLLOVER = time(17)
Answer = tuple[int, Plain]
OF_ITS_MAKING = {
    "id", "time", "userID", "accountID", "batchID", "requestID", "type", "replacesOrderID",
    "reason", "units",
}  # fmt: skip


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


class Exchange:
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
        self._reissues = False
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

    def offer(self, name: str, bid: Decimal, ask: Decimal, size: Decimal) -> None:
        """Set an instrument's prices for so many units only; the rest of what fills is made another order."""
        with self.present():
            self._reissues = True
            try:
                self._quote(name, bid, ask, bid_size=size, ask_size=size)
            finally:
                self._reissues = False

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
        """An order of OANDA's fills once; what its one fill left over is gone, or goes on as another."""
        number_at_venue = books.venue_order.get(key, 0)
        left = self.venue.account(books.id).orders.get(number_at_venue)
        if left is None:
            return
        if self._reissues:
            self._reissue(books, key, left)
        else:
            self._book(self.venue.cancel(books.id, number_at_venue, self.now))

    def _reissue(self, books: Books, key: str, left: Order) -> None:
        made = books.transactions[int(key) - 1]
        facts = {name: value for name, value in made.items() if name not in OF_ITS_MAKING}
        facts["units"] = units(DIRECTION[left.request.side] * left.left)
        facts["reason"] = "REISSUE"
        told = books.add(made["type"], self.now, **facts)
        self._booking[books.id].order_made(told, books.orders[key]["type"], left.id)

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
        return refused.status, reply | error_body(refused.reason)

    def _cancel_refused(self, account: str, spec: str, request: str) -> Answer:
        books = self.books[account]
        start = books.begin(request)
        named = {"clientOrderID": spec[1:]} if spec.startswith("@") else {"orderID": spec}
        books.add("ORDER_CANCEL_REJECT", self.now, **named, rejectReason="ORDER_DOESNT_EXIST")
        reply = self._reply(books, start, {"ORDER_CANCEL_REJECT": "orderCancelRejectTransaction"})
        return 404, reply | error_body(
            "ORDER_DOESNT_EXIST", "The order ID specified does not exist"
        )

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
            request_id=told.get("requestID", ""),
            instrument=told["instrument"],
            units=told["units"],
            price=told["price"],
            trades=fill.trades,
        )


def _nameless(draft: Draft) -> Draft:
    facts = {key: value for key, value in draft.facts.items() if "Extensions" not in key}
    return replace(draft, facts=facts, request=replace(draft.request, client_id=""))


def error_body(code: str, message: str = "") -> Plain:
    return {"errorCode": code, "errorMessage": message or code.replace("_", " ").capitalize()}
