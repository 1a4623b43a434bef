"""A broker as a process of its own: its append-only ledger is the oracle of the fault runs.

    python -m tests.faults.broker PORT LEDGER

Speaks a line of JSON a request over TCP and imports nothing of the hub. It misbehaves on request: `words` tell
it how it answers the next order of an account, `mode` how it behaves until told otherwise.

ok; reject: refused for good. Taken, and then: lose, no answer; reset, the line breaks; fault, an inner fault is
answered; garbage, a page instead of an answer; half, the answer is cut; schema, an answer of another shape;
hide:S, no answer and found only after S seconds; strip, no answer and our id is gone; slow:S, answered late;
quiet, answered without its deals; twice, each deal told twice; rest, nothing fills; stale, it fills at once, and
what it was before is answered when it is told to. Not taken: drop, no answer.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
import threading
import time
from collections import defaultdict, deque
from decimal import Decimal
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

BID, ASK = "1.1", "1.1001"
SILENCE = 60.0  # seconds after which a request that gets no answer is let go
TAKEN_UNANSWERED = ("lose", "hide", "strip")
Row = dict[str, Any]


class Account:
    """What the broker holds of one account."""

    def __init__(self) -> None:
        self.orders: dict[str, Row] = {}
        self.deals: list[Row] = [{"id": "deposit", "order": "", "at": time.time()}]
        self.words: deque[str] = deque()
        self.mode: Row = {}
        self.held: dict[str, Row] = {}
        self.answered = threading.Event()  # a stale answer may go


class Broker:
    """All accounts, and the ledger. Every method is called with the lock held."""

    def __init__(self, ledger: Path) -> None:
        self.lock = threading.RLock()
        self.accounts: dict[str, Account] = defaultdict(Account)
        self.file = ledger.open("a", encoding="utf-8")
        self.number = 0

    def note(self, op: str, account: str, **line: Any) -> int:
        self.number += 1
        row = {"n": self.number, "t": time.time(), "op": op, "account": account, **line}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        return self.number

    # -- Orders
    def take(self, name: str, asked: Row, word: str) -> Row:
        """Write the order down as accepted, and fill it where it is one at the market."""
        account = self.accounts[name]
        client_id = "" if word == "strip" else asked["client_id"]
        fields = ("side", "lots", "kind", "price", "stops", "symbol", "position")
        line = {field: asked.get(field) for field in fields}
        number = self.note(asked["op"], name, accepted=True, client_id=client_id, word=word, **line)
        order = line | {
            "id": str(number), "client_id": client_id, "status": "working", "filled": "0",
            "at": time.time(), "seen_from": time.time() + _seconds(word, "hide"),
        }  # fmt: skip
        account.orders[order["id"]] = order
        before = dict(order)
        if asked["kind"] == "market" and word != "rest":
            self.fill(name, order, asked["lots"])
        return before if word == "stale" else order

    def fill(self, name: str, order: Row, lots: str) -> None:
        """Execute some lots of it, of its status whatever it is."""
        account = self.accounts[name]
        closes = order["position"] or ""
        position = closes or f"p{order['id']}"
        filled = Decimal(order["filled"]) + Decimal(lots)
        order["filled"] = str(filled)
        if filled >= Decimal(order["lots"]):
            order["status"] = "filled"
        elif order["status"] == "working":
            order["status"] = "partial"
        known = {"order": order["id"], "client_id": order["client_id"], "position": position}
        what = {"symbol": order["symbol"], "side": order["side"], "lots": lots}
        entry = "out" if closes else "in"
        number = self.note("fill", name, entry=entry, **known, **what)
        deal = known | what | {"id": f"d{number}", "entry": entry, "at": time.time()}
        account.deals.append(deal)
        held = account.held.setdefault(position, {"at": time.time(), **what, **known, "lots": "0"})
        held["lots"] = str(Decimal(held["lots"]) + (-1 if closes else 1) * Decimal(lots))
        if Decimal(held["lots"]) <= 0:
            account.held.pop(position)

    def cancel(self, name: str, order: Row) -> None:
        self.note("cancelled", name, order=order["id"], client_id=order["client_id"])
        order["status"] = "cancelled"

    # -- What it says
    def said(self, name: str, order: Row, *, with_deals: bool = True, times: int = 1) -> Row:
        deals = [deal for deal in self.accounts[name].deals if deal["order"] == order["id"]]
        return {"order": order, "deals": deals * times if with_deals else []}

    def find(self, name: str, client_id: str) -> Row:
        now, account = time.time(), self.accounts[name]
        found = [o for o in account.orders.values() if o["client_id"] == client_id]
        seen = [order for order in found if order["seen_from"] <= now]
        first = self.said(name, seen[0]) if seen else None
        return {"found": first, "watermark": str(self.number_of(name))}

    def number_of(self, name: str) -> int:
        """Up to where its history reaches."""
        account = self.accounts[name]
        return len(account.orders) + len(account.deals)

    def deals_of(self, name: str, client_id: str) -> list[Row]:
        return [d for d in self.accounts[name].deals if d.get("client_id") == client_id]

    def seen_deals(self, name: str) -> list[Row]:
        now, account = time.time(), self.accounts[name]
        orders = account.orders
        return [
            d for d in account.deals if not d["order"] or orders[d["order"]]["seen_from"] <= now
        ]


def _seconds(word: str, name: str) -> float:
    kind, _, seconds = word.partition(":")
    return float(seconds or 0) if kind == name else 0.0


class Refused(Exception):
    """Answered with an error."""


class Handler(StreamRequestHandler):
    broker: Broker

    def handle(self) -> None:
        for line in self.rfile:
            if not line.endswith(b"\n"):
                return  # cut in the middle: nothing arrived
            asked = json.loads(line)
            try:
                answer: Any = {"ok": self.answer(asked)}
            except Refused as refusal:
                answer = {"error": str(refusal)}
            except Gone:
                return
            if not self.tell(json.dumps(answer) + "\n"):
                return

    def tell(self, text: str) -> bool:
        try:
            self.wfile.write(text.encode())
        except OSError:
            return False
        return True

    def answer(self, asked: Row) -> Any:
        op, name = asked["op"], asked.get("account", "")
        account = self.broker.accounts[name]
        if op in CONTROLS:
            with self.broker.lock:
                return getattr(self, f"control_{op}")(name, account, asked)
        if account.mode.get("login"):
            with self.broker.lock:
                self.broker.note("login", name, accepted=False)
            raise Refused("login")
        time.sleep(float(account.mode.get("latency", 0)))
        if account.mode.get("mute"):
            self.hang()
        if op in ("place", "close", "cancel"):
            return self.order(name, account, asked)
        with self.broker.lock:
            return getattr(self, f"read_{op}")(name, account, asked)

    # -- Orders
    def order(self, name: str, account: Account, asked: Row) -> Any:
        with self.broker.lock:
            word = account.words.popleft() if account.words else "ok"
            known = {"client_id": asked.get("client_id", ""), "word": word}
            if word in ("reject", "drop"):
                self.broker.note(asked["op"], name, accepted=False, **known)
            elif asked["op"] == "cancel":
                order = account.orders[asked["order"]]
                if order["status"] in ("working", "partial"):
                    self.broker.cancel(name, order)
            else:
                order = self.place(name, account, asked, word)
        if word == "reject":
            raise Refused("rejected")
        if word == "drop":
            self.hang()
        return self.misbehave(name, order, word)

    def place(self, name: str, account: Account, asked: Row, word: str) -> Row:
        if asked["op"] == "close":
            held = account.held.get(asked["position"])
            if held is None:
                known = {"client_id": asked["client_id"], "word": "no position"}
                self.broker.note("close", name, accepted=False, **known)
                raise Refused("rejected")
            asked["side"] = "sell" if held["side"] == "buy" else "buy"
            asked["symbol"] = held["symbol"]
            asked["lots"] = str(min(Decimal(asked["lots"] or held["lots"]), Decimal(held["lots"])))
        return self.broker.take(name, asked, word)

    def misbehave(self, name: str, order: Row, word: str) -> Any:
        kind = word.partition(":")[0]
        time.sleep(_seconds(word, "slow"))
        if kind == "stale":
            self.broker.accounts[name].answered.wait(SILENCE)
        if kind in TAKEN_UNANSWERED:
            self.hang()
        if kind == "reset":
            hard = struct.pack("ii", 1, 0)  # an RST instead of an orderly end
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
            self.connection.close()
            raise Gone
        if kind == "fault":
            raise Refused("inner fault")
        if kind in RUINED:
            self.tell(RUINED[kind])
            raise Gone
        with self.broker.lock:
            times = 2 if kind == "twice" else 1
            with_deals = kind not in ("quiet", "stale")
            return self.broker.said(name, order, with_deals=with_deals, times=times)

    def hang(self) -> None:
        """Say nothing until the other side gives up."""
        self.connection.settimeout(SILENCE)
        try:
            while self.connection.recv(1024):
                pass
        except OSError:
            pass
        raise Gone

    # -- Readings
    def read_account(self, name: str, account: Account, asked: Row) -> Any:
        said = account.mode.get("stranger") or name
        return {"number": said, "watermark": str(self.broker.number_of(name))}

    def read_find(self, name: str, account: Account, asked: Row) -> Any:
        return self.broker.find(name, asked["client_id"])

    def read_orders(self, name: str, account: Account, asked: Row) -> Any:
        now, live = time.time(), ("working", "partial")
        rows = account.orders.values()
        return [o for o in rows if o["status"] in live and o["seen_from"] <= now]

    def read_positions(self, name: str, account: Account, asked: Row) -> Any:
        return [{"ref": ref, **held} for ref, held in account.held.items()]

    def read_deals(self, name: str, account: Account, asked: Row) -> Any:
        """In pages; a mode has each page told in another order, and each deal of it twice."""
        found = self.broker.seen_deals(name)
        start = int(asked["cursor"] or 0)
        page = found[start : start + 200]
        end = start + len(page)
        page = [deal for deal in page if "busted" not in deal]
        if account.mode.get("shuffle"):
            page = page[::-1] + page
        return {"deals": page, "cursor": str(end), "more": end < len(found)}

    # -- Controls
    def control_words(self, name: str, account: Account, asked: Row) -> Any:
        account.words.extend(asked["words"])

    def control_mode(self, name: str, account: Account, asked: Row) -> Any:
        account.mode = asked["mode"]

    def control_fill(self, name: str, account: Account, asked: Row) -> Any:
        """Somebody fills an order of ours, by our id: working or over."""
        mine = [o for o in account.orders.values() if o["client_id"] == asked["client_id"]]
        self.broker.fill(name, mine[0], asked["lots"])

    def control_end(self, name: str, account: Account, asked: Row) -> Any:
        mine = [o for o in account.orders.values() if o["client_id"] == asked["client_id"]]
        self.broker.cancel(name, mine[0])

    def control_answer(self, name: str, account: Account, asked: Row) -> Any:
        account.answered.set()

    def control_bust(self, name: str, account: Account, asked: Row) -> Any:
        """The deals of our order never were, as the broker tells from now on."""
        for deal in self.broker.deals_of(name, asked["client_id"]):
            deal["busted"] = True
            account.held.pop(deal["position"], None)
            self.broker.note("bust", name, client_id=asked["client_id"], deal=deal["id"])

    def control_correct(self, name: str, account: Account, asked: Row) -> Any:
        """The deals of our order are told anew under their old ids, with other lots."""
        for deal in self.broker.deals_of(name, asked["client_id"]):
            account.deals.append(deal | {"lots": asked["lots"]})
            account.held[deal["position"]]["lots"] = asked["lots"]
            self.broker.note("correct", name, client_id=asked["client_id"], deal=deal["id"])

    def control_trade(self, name: str, account: Account, asked: Row) -> Any:
        """A trade at the broker that is none of ours."""
        self.broker.take(
            name, {"op": "place", "client_id": "", "kind": "market", **asked["trade"]}, ""
        )

    def control_ping(self, name: str, account: Account, asked: Row) -> Any:
        return self.broker.number


class Gone(Exception):
    """There is nobody to answer any more."""


CONTROLS = ("words", "mode", "fill", "end", "answer", "bust", "correct", "trade", "ping")
RUINED = {
    "garbage": "<html><title>Log in</title></html>\n",
    "half": '{"ok": {"order": {"id": "1", "clie',
    "schema": '{"ok": {"state": 7}}\n',
}


class Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64


def end_with_harness() -> None:
    """Whoever started it holds the other end of standard input."""
    sys.stdin.read()
    os._exit(0)


def main(port: int, ledger: Path) -> None:
    threading.Thread(target=end_with_harness, daemon=True).start()
    Handler.broker = Broker(ledger)
    with Server(("127.0.0.1", port), Handler) as server:
        server.serve_forever(poll_interval=0.1)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
