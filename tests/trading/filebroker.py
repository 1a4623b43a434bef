"""A broker that lives in a file: every request that reached it is a line, and that ledger is the oracle.

It shares nothing with the hub but the adapter's shape. `plan` says how its next answers go wrong:
ok, reject, refuse (nothing arrives), lose (arrives, the answer does not), drop (neither), other (wrong account).
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
from decimal import Decimal
from pathlib import Path

from brokers.adapters.base import Adapter, Line
from brokers.adapters.errors import OutcomeUnknown, Rejected, Unavailable
from brokers.adapters.messages import (
    AccountReport,
    Ack,
    Capabilities,
    DealKind,
    DealPage,
    DealReport,
    Entry,
    Kind,
    Mode,
    OrderReport,
    PositionReport,
    QuoteReport,
    Search,
    Status,
    Stops,
    Tier,
)
from tradershub.core.failpoints import failpoint

PRICE = Decimal("1.1")
NUMBER = "77"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


class Ledger:
    """The file, and the plan beside it: a list of words that the next requests use up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.plan_path = path.with_suffix(".plan")

    def append(self, **line) -> int:
        with self.path.open("a+") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            number = len(file.readlines()) + 1
            file.write(json.dumps({"number": number, "at": now().isoformat(), **line}) + "\n")
        return number

    def lines(self) -> list[dict]:
        return (
            [json.loads(line) for line in self.path.read_text().splitlines()]
            if self.path.exists()
            else []
        )

    def of(self, *actions: str) -> list[dict]:
        return [line for line in self.lines() if line["action"] in actions]

    @property
    def placed(self) -> list[dict]:
        return self.of("place", "close")

    def plan(self, *words: str) -> None:
        self.plan_path.write_text(json.dumps(words))

    def next_word(self) -> str:
        words = json.loads(self.plan_path.read_text()) if self.plan_path.exists() else []
        if words:
            self.plan_path.write_text(json.dumps(words[1:]))
        return words[0] if words else "ok"


class FileAdapter(Adapter):
    capabilities = Capabilities(
        modes=frozenset(Mode), proof=Tier.A, finds_closed=True, refuses_repeats="never"
    )

    mode = Mode.HEDGING

    def __init__(self, ledger: Ledger, *, number: str = NUMBER) -> None:
        super().__init__(Line(settings=None, number=NUMBER, live=False), session=None)
        self.ledger = ledger
        self.number = number

    # -- What it is told
    def place(self, ticket):
        fills = ticket.lots if ticket.kind is Kind.MARKET else Decimal(0)
        return self._do(
            "place", client_id=ticket.client_id, symbol=ticket.symbol, side=ticket.side,
            lots=str(ticket.lots), kind=str(ticket.kind), price=_text(ticket.price), filled=str(fills),
            stops=[_text(ticket.stops.stop_loss), _text(ticket.stops.take_profit)],
        )  # fmt: skip

    def close(self, position_ref, *, client_id, lots=None):
        held = {p.ref: p for p in self.positions()}.get(position_ref)
        if held is None:
            raise Rejected("There is no such position", code="NO_POSITION")
        lots = min(lots or held.lots, held.lots)
        side = "sell" if held.side == "buy" else "buy"
        return self._do(
            "close", client_id=client_id, symbol=held.symbol, side=side, lots=str(lots), kind="market",
            price=None, filled=str(lots), position_ref=position_ref, stops=[None, None],
        )  # fmt: skip

    def amend(self, broker_order_id, ticket):
        return self._do(
            "amend", order=broker_order_id, price=_text(ticket.price), lots=str(ticket.lots),
            stops=[_text(ticket.stops.stop_loss), _text(ticket.stops.take_profit)],
        )  # fmt: skip

    def cancel(self, broker_order_id):
        return self._do("cancel", order=broker_order_id)

    def protect(self, position_ref, stops):
        self._arrive(
            "protect",
            position_ref=position_ref,
            stops=[_text(stops.stop_loss), _text(stops.take_profit), _text(stops.trail)],
        )
        return {p.ref: p for p in self.positions()}[position_ref]

    def _do(self, action, **line):
        number = self._arrive(action, **line)
        found = self._order(str(number) if action in ("place", "close") else line["order"])
        return Ack(
            order=found,
            deals=tuple(d for d in self._deals() if d.broker_order_id == found.broker_order_id),
        )

    def _arrive(self, action, **line):
        word = self.ledger.next_word()
        failpoint("broker.before_accept")
        if word == "refuse":
            raise Unavailable("The line is down", code="DOWN")
        if word == "drop":
            raise OutcomeUnknown("No answer", code="TIMEOUT")
        if word == "reject":
            raise Rejected("Not enough money", code="NO_MONEY")
        if word == "crash":
            raise RuntimeError("a fault of the adapter")
        number = self.ledger.append(action=action, **line)
        failpoint("broker.accepted")
        if word == "lose":
            raise OutcomeUnknown("No answer", code="TIMEOUT")
        return number

    def fill(self, order, lots):
        """Somebody at the broker fills a working order."""
        self.ledger.append(action="fill", order=order, lots=str(lots))

    # -- What it says
    def _orders(self):
        orders, deals = {}, []
        for line in self.ledger.lines():
            at = dt.datetime.fromisoformat(line["at"])
            if line["action"] in ("place", "close"):
                orders[str(line["number"])] = {**line, "placed_at": at, "cancelled": False}
                if Decimal(line["filled"]):
                    deals.append((line["number"], str(line["number"]), Decimal(line["filled"]), at))
            elif line["action"] == "fill":
                deals.append((line["number"], line["order"], Decimal(line["lots"]), at))
                order = orders[line["order"]]
                order["filled"] = str(Decimal(order["filled"]) + Decimal(line["lots"]))
            elif line["action"] == "cancel":
                orders[line["order"]]["cancelled"] = True
            elif line["action"] == "amend":
                orders[line["order"]] |= {name: line[name] for name in ("price", "lots", "stops")}
        return orders, deals

    def _order(self, number):
        line = self._orders()[0][number]
        lots, filled = Decimal(line["lots"]), Decimal(line["filled"])
        status = Status.PARTIAL if filled else Status.WORKING
        if line["cancelled"]:
            status = Status.CANCELLED
        if filled >= lots:
            status = Status.FILLED
        return OrderReport(
            broker_order_id=number,
            client_id=line["client_id"],
            symbol=line["symbol"],
            side=line["side"],
            lots=lots,
            kind=Kind(line["kind"]),
            status=status,
            placed_at=line["placed_at"],
            filled=filled,
            price=_number(line["price"]),
            stops=Stops(stop_loss=_number(line["stops"][0]), take_profit=_number(line["stops"][1])),
        )

    def _deals(self):
        orders, deals = self._orders()
        for number, order, lots, at in deals:
            line = orders[order]
            yield DealReport(
                deal_id=f"d{number}",
                kind=DealKind.TRADE,
                at=at,
                currency="USD",
                symbol=line["symbol"],
                side=line["side"],
                entry=Entry.OUT if line["action"] == "close" else Entry.IN,
                lots=lots,
                price=PRICE,
                position_ref=line.get("position_ref") or f"p{order}",
                broker_order_id=order,
                client_id=line["client_id"],
            )

    def account(self):
        return AccountReport(
            number=self.number, currency="USD", mode=self.mode, live=False,
            balance=Decimal(100_000), at=now(), watermark=str(len(self.ledger.lines())),
        )  # fmt: skip

    def find_by_client_id(self, client_id, *, since=""):
        if self.ledger.plan_path.exists() and self.ledger.next_word() == "refuse":
            raise Unavailable("The line is down")
        found = [n for n, line in self._orders()[0].items() if line["client_id"] == client_id]
        evidence = f"{len(self.ledger.lines())} lines since {since or 'the start'}"
        ack = None
        if found:
            order = self._order(found[0])
            ack = Ack(
                order=order, deals=tuple(d for d in self._deals() if d.broker_order_id == found[0])
            )
        return Search(found=ack, watermark=str(len(self.ledger.lines())), evidence=evidence)

    def positions(self):
        held = {}
        for deal in self._deals():
            sign = 1 if deal.entry is Entry.IN else -1
            side, symbol, lots = held.get(deal.position_ref, (deal.side, deal.symbol, Decimal(0)))
            held[deal.position_ref] = (side, symbol, lots + sign * deal.lots)
        stops = {line["position_ref"]: line["stops"] for line in self.ledger.of("protect")}
        return [
            PositionReport(
                ref=ref, symbol=symbol, side=side, lots=lots, open_price=PRICE, opened_at=now(),
                currency="USD", stops=Stops(
                    **dict(
                        zip(
                            ("stop_loss", "take_profit", "trail"),
                            map(_number, stops.get(ref, [])),
                            strict=False,
                        )
                    )
                ),
            )
            for ref, (side, symbol, lots) in held.items() if lots
        ]  # fmt: skip

    def working_orders(self):
        reports = [self._order(number) for number in self._orders()[0]]
        return [report for report in reports if report.status in (Status.WORKING, Status.PARTIAL)]

    def deals_since(self, cursor=""):
        return DealPage(deals=tuple(self._deals()), cursor="")

    def quotes(self, symbols):
        return [QuoteReport(symbol=s, bid=PRICE, ask=PRICE, at=now()) for s in symbols]

    def terms(self, symbols=()):
        return []

    def bars(self, symbol, *, minutes, since, at_most=1000):
        return []


def _text(value):
    return None if value is None else str(value)


def _number(text):
    return None if text is None else Decimal(text)
