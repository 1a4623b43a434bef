"""The hand behind the simulator: JSON over HTTP on a port of its own, without a token, on loopback.

    GET    /state                        accounts with their balance, trades and pending orders; faults in force
    POST   /prices    {"instrument", "bid", "ask"}
    POST   /halt      {"instrument", "halted": true}
    POST   /tick      {}                 new prices from the curve, where the server does not tick by itself
    POST   /advance   {"seconds"} or {"to": "rollover"}
    POST   /fund      {"account", "amount", "comment"}
    POST   /trade     {"account", "order": {...}} or {"account", "close": trade number}: by hand, as the person
                      would in OANDA's own app
    POST   /faults    {"do", "on", "count", ...}, see `faults.Fault`; or a list of them
    DELETE /faults
    GET    /ledger                       the lines of the ledger since the start

Answers 200 with what was done, or 400 with {"error": a sentence}.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from brokers.simulators.faults import Script
from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.requests import Malformed
from brokers.simulators.oanda.views import Views
from brokers.simulators.oanda.wire import Plain


class Control(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], broker: Broker, script: Script) -> None:
        super().__init__(address, _Handler)
        self.broker, self.script = broker, script

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def do(self, command: str, asked: Any) -> Any:
        """Carry out one command. Raises ValueError for what it does not understand."""
        if command not in COMMANDS:
            raise ValueError(f"expected one of {', '.join(COMMANDS)}, found {command!r}")
        try:
            return COMMANDS[command](self, asked)
        except KeyError as missing:
            raise ValueError(f"{command} needs a known {missing}") from missing


def _state(control: Control, asked: Any) -> Plain:
    broker = control.broker
    with broker.present() as now:
        shown = {key: Views(broker, books).details() for key, books in broker.books.items()}
    return {
        "now": now.isoformat(),
        "accounts": shown,
        "faults": [asdict(one) for one in control.script.listed()],
    }


def _prices(control: Control, asked: Plain) -> Plain:
    name, bid, ask = asked["instrument"], Decimal(str(asked["bid"])), Decimal(str(asked["ask"]))
    control.broker.move(name, bid, ask)
    return {"instrument": name, "bid": str(bid), "ask": str(ask)}


def _halt(control: Control, asked: Plain) -> Plain:
    control.broker.halt(asked["instrument"], halted=bool(asked.get("halted", True)))
    return {"halted": sorted(control.broker.halted)}


def _tick(control: Control, asked: Plain) -> Plain:
    control.broker.tick()
    return {}


def _advance(control: Control, asked: Plain) -> Plain:
    broker = control.broker
    to_rollover = asked.get("to") == "rollover"
    now = broker.roll_over() if to_rollover else broker.advance(float(asked["seconds"]))
    return {"now": now.isoformat()}


def _fund(control: Control, asked: Plain) -> Plain:
    amount, comment = Decimal(str(asked["amount"])), str(asked.get("comment", ""))
    return control.broker.fund(_account(control, asked), amount, comment)


def _trade(control: Control, asked: Plain) -> Plain:
    account = _account(control, asked)
    try:
        if "close" in asked:
            return control.broker.close_trade(account, str(asked["close"]), {})[1]
        return control.broker.create(account, {"order": asked["order"]})[1]
    except Malformed as unreadable:
        raise ValueError(str(unreadable)) from unreadable


def _faults(control: Control, asked: Any) -> list[Plain]:
    wanted = asked if isinstance(asked, list) else [asked]
    return [asdict(control.script.add(one)) for one in wanted]


def _no_faults(control: Control, asked: Any) -> list[Plain]:
    control.script.clear()
    return []


def _ledger(control: Control, asked: Any) -> list[Plain]:
    return list(control.broker.ledger.lines)


def _account(control: Control, asked: Plain) -> str:
    if asked["account"] not in control.broker.books:
        known = ", ".join(control.broker.books)
        raise ValueError(f"expected an account of {known}, found {asked['account']!r}")
    return str(asked["account"])


COMMANDS: dict[str, Callable[[Control, Any], Any]] = {
    "GET /state": _state,
    "POST /prices": _prices,
    "POST /halt": _halt,
    "POST /tick": _tick,
    "POST /advance": _advance,
    "POST /fund": _fund,
    "POST /trade": _trade,
    "POST /faults": _faults,
    "DELETE /faults": _no_faults,
    "GET /ledger": _ledger,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Control

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            asked = json.loads(raw, parse_float=str) if raw else {}
            status, answer = 200, self.server.do(f"{self.command} {self.path}", asked)
        except (ValueError, TypeError, ArithmeticError) as unfit:
            status, answer = 400, {"error": str(unfit)}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()
