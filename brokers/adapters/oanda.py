"""OANDA's v20 REST service. Lots are units; an order's number is that of the transaction that made it.

A trade is a position of a hedging account. A netting account has one position a symbol, however many trades
it is made of: it is named like the oldest, and closed and protected as a whole.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any, ClassVar

from brokers.adapters.base import Adapter, Line
from brokers.adapters.errors import AdapterError, OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import (
    AccountReport,
    Ack,
    BarReport,
    Capabilities,
    DealPage,
    Duration,
    Kind,
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
from brokers.adapters.oanda_history import Cursor, holes, read_on
from brokers.adapters.oanda_line import OandaLine, OandaSettings, part
from brokers.adapters.oanda_orders import (
    Closing,
    ack_of,
    client_of,
    each_once,
    entry_kind,
    instant,
    order_body,
    order_report,
    plain,
    stop_orders,
    story_of,
    told_of,
)
from brokers.adapters.oanda_reports import (
    GRANULARITY,
    account_report,
    bar_report,
    netted,
    quote_reports,
    side_of,
    symbol_report,
    trade_report,
)
from brokers.adapters.session import Session
from tradershub.finance.decimals import to_decimal

Json = dict[str, Any]
PAGE = 500  # transactions
MOST_CANDLES = 5000
MOST_STEPS = 50  # from an order to the one that replaced it
CLOSINGS, CLOSINGS_KEPT = "closings asked", 50
LINKED = "linked to MT4"


class OandaAdapter(Adapter):
    settings = OandaSettings
    capabilities: ClassVar[Capabilities] = Capabilities(
        modes=frozenset(Mode),
        kinds=frozenset({Kind.MARKET, Kind.LIMIT, Kind.STOP}),
        durations=frozenset(Duration),
        proof=Tier.A,
        finds_closed=True,
        refuses_repeats="working",
        visible_within=1.0,
        takes_bound=True,
        notes=(
            "Make the token on OANDA's pages under Manage API Access; the one of practice opens only practice.",
            "A lot is one unit: 10000 of EUR_USD is what others call 0.1 lot.",
            "The account's number is as OANDA writes it, as 101-004-1234567-001.",
            "An account that is linked to MT4 bears no ids of ours: what is lost there a person settles.",
        ),
    )

    def __init__(self, line: Line, session: Session) -> None:
        super().__init__(line, session)
        self.web = OandaLine(lambda: self.line, session)
        self._about: Json | None = None  # the account as it was stated last
        self._names: frozenset[str] = frozenset()  # of its instruments
        self._seen = 0  # the account's last transaction when its open trades were read

    def close_session(self) -> None:
        self.web.close()

    # -- The account ---------------------------------------------------------------------------
    def account(self) -> AccountReport:
        with _reading():
            if self._is_linked():
                self.capabilities = replace(  # type: ignore[misc]
                    type(self).capabilities, proof=Tier.C, finds_closed=False
                )
            about, last = self._summary()
            is_live = self.line.settings.environment == "live"
            now = dt.datetime.now(dt.UTC)
            return account_report(about, live=is_live, watermark=str(last), at=now)

    def _summary(self) -> tuple[Json, int]:
        """The account now, and the number of its last transaction."""
        found = self.web.get("summary")
        self._about = found["account"]
        return found["account"], int(found["lastTransactionID"])

    @property
    def _currency(self) -> str:
        return str((self._about or self._summary()[0])["currency"])

    @property
    def _nets(self) -> bool:
        about = self._about or self._summary()[0]
        return not about["hedgingEnabled"]

    def _is_linked(self) -> bool:
        """Whether MT4 deals on it, where ids of ours must not be set. Asked once, then remembered."""
        known = self.session.load(LINKED)
        if known is None:
            known = bool(self._own_entry().get("mt4AccountID"))
            self.session.store(LINKED, known)
        return bool(known)

    def _own_entry(self) -> Json:
        rows: dict[str, Json] = {str(row["id"]): row for row in self.web.accounts()["accounts"]}
        if self.line.number not in rows:
            reached = ", ".join(sorted(rows)) or "none"
            raise Unavailable(
                f"The token does not reach account {self.line.number}; it reaches {reached}"[:300],
                code="unknown_account",
            )
        return rows[self.line.number]

    # -- The market ----------------------------------------------------------------------------
    def terms(self, symbols: Collection[str] = ()) -> list[SymbolReport]:
        with _reading():
            found = self.web.get("instruments")["instruments"]
            self._names = frozenset(one["name"] for one in found)
            return [symbol_report(one) for one in found if not symbols or one["name"] in symbols]

    def quotes(self, symbols: Collection[str]) -> list[QuoteReport]:
        with _reading():
            if not self._names:
                self.terms()
            known = sorted(self._names.intersection(symbols))
            if not known:
                return []
            found = self.web.get("pricing", instruments=",".join(known))
            return quote_reports(found["prices"])

    def bars(
        self, symbol: str, *, minutes: int, since: dt.datetime, at_most: int = 1000
    ) -> list[BarReport]:
        """Candles of the bid that are complete."""
        if minutes not in GRANULARITY:
            known = ", ".join(str(one) for one in GRANULARITY)
            text = f"OANDA has no candles of {minutes} minutes, expected one of {known}"
            raise Unavailable(text, code="unsupported")
        with _reading():
            found = self.web.candles(
                symbol,
                price="B",
                granularity=GRANULARITY[minutes],
                count=min(at_most, MOST_CANDLES),
                **{"from": instant(since)},
            )
            return [bar_report(symbol, one) for one in found["candles"] if one["complete"]]

    # -- What stands ---------------------------------------------------------------------------
    def working_orders(self) -> list[OrderReport]:
        """Orders that open or close by themselves; stops belong to their trades."""
        with _reading():
            orders = self.web.get("pendingOrders")["orders"]
            entries = [order for order in orders if entry_kind(order)]
            return [order_report(order, status=Status.WORKING) for order in entries]

    def positions(self) -> list[PositionReport]:
        with _reading():
            trades = [trade_report(one, currency=self._currency) for one in self._open_trades()]
            return netted(trades) if self._nets else trades

    def _open_trades(self) -> list[Json]:
        found = self.web.get("openTrades")
        self._seen = int(found.get("lastTransactionID", 0))
        trades: list[Json] = found["trades"]
        return trades

    def deals_since(self, cursor: str = "") -> DealPage:
        with _reading():
            begin = Cursor.of(cursor)
            about, last = self._summary()
            end = min(begin.last + PAGE, last)
            if end <= begin.last:
                return DealPage(deals=(), cursor=cursor)
            read = self._all_up_to if end == last else self._transactions
            rows = read(begin.last, end)
            now = dt.datetime.now(dt.UTC)
            deals, reached = read_on(begin, rows, to=end, currency=about["currency"], now=now)
            return DealPage(deals=deals, cursor=str(reached), more=end < last)

    def _transactions(self, after: int, to: int) -> list[Json]:
        """All of them with a number above `after`, up to `to`, each once and in turn."""
        rows: list[Json] = []
        start = after
        while start < to:
            end = min(start + PAGE, to)
            found = self.web.get("transactions/idrange", **{"from": start + 1, "to": end})
            rows += found["transactions"]
            start = end
        return [one for one in each_once(rows) if after < int(one["id"]) <= to]

    def _all_up_to(self, after: int, last: int) -> list[Json]:
        """The same up to the account's last one. Raises ValueError where OANDA does not show that yet."""
        rows = self._transactions(after, last)
        if after < last and str(last) not in {str(one["id"]) for one in rows}:
            raise ValueError(f"transaction {last} is said to be there and is not shown yet")
        return rows

    def find_by_client_id(self, client_id: str, *, since: str = "") -> Search:
        """By all transactions since then, refusals too; what was made before is asked for by its name.

        Without a watermark the newest are read: a trade's closing has no name to ask for.
        """
        with _reading():
            last = self._summary()[1]
            after = int(since) if since else max(last - PAGE, 0)
            rows = self._all_up_to(after, last)
            for number in holes(rows, after=after, now=dt.datetime.now(dt.UTC)):
                raise ValueError(f"transaction {number}, maybe the one, is not shown yet")
            story = story_of(rows, client_id, closing=self._noted_closing(client_id))
            found = ack_of(story, currency=self._currency, client_id=client_id)
            evidence = f"transactions {after + 1} to {last}"
            if found is None:
                found = self._by_name(client_id)
                said = "known" if found else "unknown"
                evidence = f"{evidence}; order @{client_id} is {said}"
            return Search(found=found, watermark=str(last), evidence=evidence)

    def _by_name(self, client_id: str) -> Ack | None:
        order = self.web.find(f"orders/@{part(client_id)}")
        return self._standing(order["order"], client_id) if order else None

    def _standing(self, order: Json, client_id: str = "") -> Ack:
        """What became of an order, and of that which replaced it."""
        for _ in range(MOST_STEPS):
            if not (newer := order.get("replacedByOrderID")):
                break
            order = self.web.get(f"orders/{part(str(newer))}")["order"]
        story = [order]
        for name in ("fillingTransactionID", "cancellingTransactionID"):
            if number := order.get(name):
                story.append(self.web.get(f"transactions/{part(str(number))}")["transaction"])
        found = ack_of(story, currency=self._currency, client_id=client_id)
        if found is None:
            raise ValueError(f"order {order['id']} neither opens nor closes")
        return found

    # -- Sending -------------------------------------------------------------------------------
    def place(self, ticket: OrderTicket) -> Ack:
        if ticket.position_ref and ticket.kind is Kind.MARKET:
            return self.close(ticket.position_ref, client_id=ticket.client_id, lots=ticket.lots)
        with _reading():
            bears_ids = not self._is_linked()
            body = order_body(ticket, bears_ids=bears_ids)
            currency = self._currency
        reply = self.web.send(
            "POST", "orders", {"order": body}, expected=201, name=ticket.client_id
        )
        return self._told(reply, ticket.client_id, currency, named=bears_ids)

    def amend(self, broker_order_id: str, ticket: OrderTicket) -> Ack:
        """OANDA puts a new order in the place of the old one: what comes back has its number.

        Raises Rejected for the rest of an order that filled in part: a new one would be for the whole again.
        """
        with _reading():
            bears_ids = not self._is_linked()
            body = order_body(ticket, bears_ids=bears_ids)
            currency = self._currency
            number = self._newest(broker_order_id)
            self._refuse_rest(number, ticket.client_id)
        reply = self.web.send(
            "PUT", f"orders/{number}", {"order": body}, expected=201, name=ticket.client_id
        )
        return self._told(reply, ticket.client_id, currency, named=bears_ids)

    def _refuse_rest(self, number: str, client_id: str) -> None:
        """Of what fills in part OANDA makes another order of the rest, in the batch of the fill.

        A replacement that bears our own name was looked at like this before it was made.
        """
        found = number
        for _ in range(MOST_STEPS):
            made = self.web.get(f"transactions/{part(found)}")["transaction"]
            earlier = made.get("replacesOrderID")
            if not earlier:
                break
            if made.get("requestID") == client_id:
                return
            found = str(earlier)
        if made["batchID"] != made["id"]:
            text = f"OANDA order {number} is the rest of one that filled in part: cancel it and place the rest anew"
            raise Rejected(text, code="part_filled")

    def _newest(self, broker_order_id: str) -> str:
        """The number under which the order works, if it does; its own where that cannot be seen yet."""
        number = _number(broker_order_id, "order")
        for _ in range(MOST_STEPS):
            found = self.web.find(f"orders/{number}")
            newer = found and found["order"].get("replacedByOrderID")
            if not newer:
                break
            number = part(str(newer))
        return number

    def cancel(self, broker_order_id: str) -> Ack:
        number = _number(broker_order_id, "order")
        with _reading():
            number = self._newest(number)
            currency = self._currency
        try:
            reply = self.web.send("PUT", f"orders/{number}/cancel", expected=200)
        except Rejected as refusal:
            return self._over_already(number, refusal)
        with _understanding():
            ended = reply["orderCancelTransaction"]
            if ended["orderID"] != number:
                raise ValueError("the answer is to another order")
            made = self.web.get(f"transactions/{number}")["transaction"]
            return _given(ack_of([made, ended], currency=currency))

    def _over_already(self, number: str, refusal: Rejected) -> Ack:
        """What became of an order that cannot be cancelled; the refusal, where OANDA knows of none."""
        with _reading():
            found = self.web.find(f"orders/{number}")
            if found is None:
                raise refusal
            return self._standing(found["order"])

    def close(self, position_ref: str, *, client_id: str, lots: Decimal | None = None) -> Ack:
        ref = _number(position_ref, "trade")
        with _reading():
            currency = self._currency
            trades = self._trades_of(ref)
            units = "ALL" if lots is None else plain(lots)
            self._note_closing(client_id, ref, lots)
        if self._nets:
            return self._close_netted(trades[0], units, client_id, currency)
        path, body = f"trades/{ref}/close", {"units": units}
        reply = self.web.send("PUT", path, body, expected=200, name=client_id)
        return self._told(reply, client_id, currency, named=False)

    def _close_netted(self, trade: Json, units: str, client_id: str, currency: str) -> Ack:
        side, other = (
            ("long", "short") if to_decimal(trade["currentUnits"]) > 0 else ("short", "long")
        )
        body: Json = {f"{side}Units": units, f"{other}Units": "NONE"}
        if named := not self._is_linked():
            body[f"{side}ClientExtensions"] = {"id": client_id}
        path = f"positions/{part(trade['instrument'])}/close"
        reply = self.web.send("PUT", path, body, expected=200, name=client_id)
        return self._told(reply, client_id, currency, named=named)

    def _note_closing(self, client_id: str, ref: str, lots: Decimal | None) -> None:
        """A trade's closing has no room for an id of ours: which it was is kept for who asks later."""
        kept = self.session.load(CLOSINGS) or {}
        kept.pop(client_id, None)
        note = [ref, None if lots is None else plain(lots), self._seen]
        newest = dict([*kept.items(), (client_id, note)][-CLOSINGS_KEPT:])
        self.session.store(CLOSINGS, newest)

    def _noted_closing(self, client_id: str) -> Closing | None:
        note = (self.session.load(CLOSINGS) or {}).get(client_id)
        if note is None:
            return None
        ref, lots, after = note
        return Closing(ref, None if lots is None else to_decimal(lots), after)

    def protect(self, position_ref: str, stops: Stops) -> PositionReport:
        ref = _number(position_ref, "trade")
        with _reading():
            currency, trades = self._currency, self._trades_of(ref)
        done: list[PositionReport] = []
        for trade in trades:
            try:
                self._protect(trade, stops, currency)
            except AdapterError as error:
                if not done:
                    raise
                text = f"{len(done)} of {len(trades)} trades carry them: {error.message}"
                raise OutcomeUnknown(text, code=error.code) from error
            done.append(replace(trade_report(trade, currency=currency), stops=stops))
        return netted(done)[0]

    def _protect(self, trade: Json, stops: Stops, currency: str) -> None:
        changes = _stop_changes(trade, stops, currency)
        if not changes:
            return
        reply = self.web.send("PUT", f"trades/{trade['id']}/orders", changes, expected=200)
        if not told_of(reply):
            raise OutcomeUnknown("OANDA's answer tells of no change", code="answer")

    def _trades_of(self, ref: str) -> list[Json]:
        """The open trades of a position, oldest first. Raises Rejected where it is closed.

        In a netting account any trade that was a part of the position names it.
        """
        open_ones = {str(one["id"]): one for one in self._open_trades()}
        if not self._nets:
            if ref not in open_ones:
                raise _unknown(ref)
            return [open_ones[ref]]
        named = open_ones.get(ref) or (self.web.find(f"trades/{ref}") or {}).get("trade")
        if named is None:
            raise _unknown(ref)
        side = side_of(to_decimal(named["initialUnits"]))
        alike = [
            one
            for one in open_ones.values()
            if one["instrument"] == named["instrument"]
            and side_of(to_decimal(one["currentUnits"])) == side
        ]
        if not alike:
            raise _unknown(ref)
        return sorted(alike, key=lambda one: int(one["id"]))

    @staticmethod
    def _told(reply: Json, client_id: str, currency: str, *, named: bool) -> Ack:
        """The answer to an order. named: whether OANDA bears our id on it."""
        with _understanding():
            told = told_of(reply)
            made = next((one for one in told if entry_kind(one)), {})
            if named and client_of(made) not in (client_id, ""):
                raise ValueError("the answer is to another order")
            ack = _given(ack_of(told, currency=currency, client_id=client_id))
        if ack.order.status is Status.REJECTED:
            raise Rejected(ack.order.reason, code=ack.order.code)
        return ack


def _given(ack: Ack | None) -> Ack:
    if ack is None:
        raise ValueError("the answer tells of no order")
    return ack


def _stop_changes(trade: Json, stops: Stops, currency: str) -> Json:
    """Only what differs: an absent name leaves an order alone, null ends it."""
    now = stop_orders(trade_report(trade, currency=currency).stops)
    wanted = stop_orders(stops)
    return {name: spec for name, spec in wanted.items() if spec != now[name]}


def _number(text: str, what: str) -> str:
    """The number of an order or trade. Raises Rejected for a text that is none."""
    if not (text.isascii() and text.isdigit()):
        raise Rejected(f"No {what} is called {text[:40]!r}", code=f"unknown_{what}")
    return text


def _unknown(ref: str) -> Rejected:
    return Rejected(f"No open trade is called {ref}", code="TRADE_DOESNT_EXIST")


@contextmanager
def _reading() -> Iterator[None]:
    """Nothing is sent in here: what cannot be understood may be asked again."""
    try:
        yield
    except AdapterError:
        raise
    except Exception as error:
        text = f"OANDA's answer cannot be understood: {_why(error)}"
        raise Unavailable(text, code="answer") from error


@contextmanager
def _understanding() -> Iterator[None]:
    """It was sent: an answer that cannot be understood leaves open what became of it."""
    try:
        yield
    except Unavailable as error:
        raise OutcomeUnknown(error.message, code=error.code) from error
    except AdapterError:
        raise
    except Exception as error:
        text = f"OANDA's answer cannot be understood: {_why(error)}"
        raise OutcomeUnknown(text, code="answer") from error


def _why(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{str(error)[:60]} is missing"
    return f"{type(error).__name__} {error}"[:120].strip()
