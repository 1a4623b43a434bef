"""The wire: HTTP/1.1 with kept connections, and every way of answering wrongly."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from brokers.simulators.faults import Fault, Script
from brokers.simulators.ledger import Ledger, Moment
from brokers.simulators.oanda import streams
from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.exchange import Answer
from brokers.simulators.oanda.requests import Malformed
from brokers.simulators.oanda.routes import Call, NotFound, Route, found
from brokers.simulators.oanda.wire import Plain, in_unix

LARGEST = 1024 * 1024
HANG = 60.0  # seconds, unless a fault says otherwise
FORBIDDEN = {"errorMessage": "Insufficient authorization to perform request."}
PAGE = b"<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>"


class Server(ThreadingHTTPServer):
    """One listening address. rest, streams: which of the two services it is, or both."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        broker: Broker,
        *,
        token: str,
        script: Script,
        ledger: Ledger,
        rest: bool = True,
        streams: bool = True,
        heartbeat: float = 5.0,
    ) -> None:
        super().__init__(address, Handler)
        self.broker, self.token, self.script, self.ledger = broker, token, script, ledger
        self.rest, self.streams, self.heartbeat = rest, streams, heartbeat
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of ours; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "openresty", ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server
    sent = 0

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def do_PUT(self) -> None:
        self._handle()

    def do_PATCH(self) -> None:
        self._handle()

    def do_DELETE(self) -> None:
        self._handle()

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: the ledger is the record."""

    # -- One request ---------------------------------------------------------------------------
    def _handle(self) -> None:
        began = Moment.now()
        raw = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST))
        url = urlsplit(self.path)
        place = found(
            self.command,
            url.path.rstrip("/") or "/",
            streams=self.server.streams,
            rest=self.server.rest,
        )
        if isinstance(place, int):
            word = "Not Found" if place == 404 else "Method Not Allowed"
            return self.send(place, {"errorMessage": word})
        route, names = place
        account = unquote(names.pop("account", ""))
        faults = self.server.script.take(route.name, account)
        if (fault := faults.get("delay")) is not None:
            time.sleep(fault.seconds)
        try:
            sent = json.loads(raw, parse_float=str) if raw else None
        except ValueError:
            sent = raw
        request = self.headers.get("ClientRequestID", "")
        note = _Note(self.server.ledger, began, route, account, sent, faults, names, request)
        if self._turned_away(note, account, faults):
            return None
        params = dict(parse_qsl(url.query, keep_blank_values=True))
        read_from = account
        if "other_account" in faults and not route.writes:
            read_from = self._other(account)
        call = Call(
            broker=self.server.broker,
            account=read_from,
            names={key: unquote(value) for key, value in names.items()},
            params=params,
            body=sent,
            faults=faults,
            request=request,
            host=self.headers.get("Host", ""),
        )
        if route.streams:
            self.close_connection = True
            return streams.run(self, route.name, call)
        status, answer = self._answered(route, call)
        note.write(_outcome(status, answer), status, answer)
        return self._reply(status, answer, faults, account, route)

    def _turned_away(self, note: _Note, account: str, faults: Mapping[str, Fault]) -> bool:
        """Whether it is answered already: dropped, refused on request, or by one who may not ask."""
        if "drop" in faults:
            note.write("refused", 0)
            self.reset()
        elif (fault := faults.get("refuse")) is not None:
            note.write("unauthorised" if fault.status == 401 else "refused", fault.status)
            self.send(fault.status, _refusal(fault))
        elif self.headers.get("Authorization") != f"Bearer {self.server.token}":
            note.write("unauthorised", 401)
            self.send(401, FORBIDDEN)
        elif account and account not in self.server.broker.books:
            note.write("unauthorised", 403)
            self.send(403, {"errorMessage": "The provided request was forbidden."})
        else:
            return False
        return True

    def _answered(self, route: Route, call: Call) -> Answer:
        if route.answer is None:
            raise AssertionError("streams are run, not answered")
        if not isinstance(call.body, dict | None):
            return 400, {"errorMessage": "Invalid JSON, ParseErrorCode: 3, Message: Invalid value."}
        try:
            with call.broker.present():
                return route.answer(call)
        except Malformed as unreadable:
            return 400, {"errorMessage": str(unreadable)}
        except NotFound as missing:
            return missing.status, {"errorCode": missing.code, "errorMessage": missing.message}

    # -- Answering -----------------------------------------------------------------------------
    def _reply(
        self,
        status: int,
        answer: Plain,
        faults: Mapping[str, Fault],
        account: str,
        route: Route,
    ) -> None:
        if (fault := faults.get("delay_after")) is not None:
            time.sleep(fault.seconds)
        if (fault := faults.get("hang")) is not None:
            self.server.closing.wait(fault.seconds or HANG)
            return self.reset()
        if "reset" in faults:
            return self.reset()
        if (fault := faults.get("status_after")) is not None:
            return self.send(fault.status, {"errorMessage": "Internal server error"})
        if "html" in faults:
            return self._put(200, PAGE, "text/html")
        if "wrong_schema" in faults:
            return self.send(status, {"result": ["unexpected"], "ok": True})
        if "truncate" in faults:
            return self._truncated(status, answer)
        text = self._text(answer)
        if "other_account" in faults and route.writes:
            text = text.replace(account, self._other(account))
        place = ""
        if status == 201 and (told := answer.get("orderCreateTransaction")):
            place = f"/v3/accounts/{account}/orders/{told['id']}"
        return self._put(status, text.encode(), "application/json", place=place)

    def _other(self, account: str) -> str:
        others = [one for one in self.server.broker.books if one != account]
        return others[0] if others else "101-004-9999999-999"

    def _text(self, answer: Plain) -> str:
        text = json.dumps(answer)
        return in_unix(text) if self.unix else text

    @property
    def unix(self) -> bool:
        return self.headers.get("Accept-Datetime-Format", "").upper() == "UNIX"

    def send(self, status: int, answer: Plain) -> None:
        self._put(status, self._text(answer).encode(), "application/json")

    def _put(
        self, status: int, body: bytes, kind: str, *, whole: bool = True, place: str = ""
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("RequestID", f"{time.time_ns()}")
        self.send_header("Access-Control-Allow-Origin", "*")
        if place:
            self.send_header("Location", place)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if whole else body[: len(body) // 2])
        self.wfile.flush()

    def _truncated(self, status: int, answer: Plain) -> None:
        self._put(status, self._text(answer).encode(), "application/json", whole=False)
        self.close_connection = True

    def reset(self) -> None:
        """End the connection with RST instead of an answer."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        raise ConnectionResetError("as a fault asked")


class _Note:
    """What the ledger keeps of a request that may change something."""

    def __init__(
        self,
        ledger: Ledger,
        began: Moment,
        route: Route,
        account: str,
        sent: Any,
        faults: Mapping[str, Fault],
        names: Mapping[str, str],
        request: str,
    ) -> None:
        self._ledger, self._began, self._route = ledger, began, route
        self._facts = {
            "operation": route.name,
            "account": account,
            "client_id": _client_id(sent),
            "request_id": request,
            "asked": unquote(names.get("spec", "")),
            "faults": sorted(faults),
        }

    def write(self, outcome: str, status: int, answer: Plain | None = None) -> None:
        if self._route.writes:
            made = (answer or {}).get("orderCreateTransaction", {}).get("id", "")
            self._ledger.write(
                "request",
                self._began,
                **self._facts,
                outcome=outcome,
                status=status,
                order_id=made,
            )


def _client_id(sent: Any) -> str:
    """Of an order's body, or of a position's closing."""
    asked = sent.get("order", sent) if isinstance(sent, dict) else None
    for name in ("clientExtensions", "longClientExtensions", "shortClientExtensions"):
        extensions = asked.get(name) if isinstance(asked, dict) else None
        if isinstance(extensions, dict) and extensions.get("id"):
            return str(extensions["id"])
    return ""


def _outcome(status: int, answer: Plain) -> str:
    if status >= 400:
        return "rejected" if "relatedTransactionIDs" in answer else "invalid"
    if any(key.endswith("FillTransaction") for key in answer):
        return "filled"
    if "orderCreateTransaction" not in answer:
        return "changed"
    made = answer["orderCreateTransaction"]["id"]
    ended = answer.get("orderCancelTransaction", {}).get("orderID")
    return "cancelled" if ended == made else "pending"


def _refusal(fault: Fault) -> Plain:
    if fault.status == 401:
        return FORBIDDEN
    told: Plain = {"errorMessage": "The request cannot be answered now"}
    return told | ({"errorCode": fault.reason} if fault.reason else {})
