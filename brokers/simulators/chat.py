"""Telegram's Bot API and Slack's webhooks on loopback: remembers what a chat received, and fails as told.

    python -m brokers.simulators.chat --port 0        prints {"address": "http://127.0.0.1:PORT"}

As Telegram: /bot<TOKEN>/getMe, sendMessage, getUpdates; as Slack: /services/T/B/X. Beside them, for people and tests:
GET / shows what was received, GET /seen the same as JSON, POST /say {"text", "chat", "person"} writes to the bot,
POST /fault {"kind": "429" | "500" | "403" | "400" | "html" | "hang" | "lost", "times": 1, "seconds": 1} makes the next
requests fail; "lost" keeps the message and never answers. Source: core.telegram.org/bots/api,
api.slack.com/messaging/webhooks.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import threading
import time
from collections import defaultdict
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

TELEGRAM = re.compile(r"/bot([^/]*)/(\w+)")
TOKEN = re.compile(r"[0-9]{5,16}:[A-Za-z0-9_-]{30,80}")
SLACK = re.compile(r"/services/[A-Za-z0-9]+/[A-Za-z0-9]+/[A-Za-z0-9]+")
LONGEST, SLACK_LONGEST = 4096, 40_000
TAGS = {"b", "strong", "i", "em", "u", "ins", "s", "del", "code", "pre", "a", "blockquote"}
Answer = tuple[int, Any]


class Tags(HTMLParser):
    """Telegram's HTML: few tags, each closed; every other "<" is an error."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text, self.wrong = "", ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in TAGS:
            self.wrong = f"Unsupported start tag {tag}"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong = f"Unmatched end tag {tag}"

    def handle_data(self, data: str) -> None:
        self.text += data

    @classmethod
    def read(cls, text: str) -> Tags:
        found = cls()
        found.feed(text)
        found.close()
        if found.open:
            found.wrong = f"Can't find end tag of {found.open[-1]}"
        return found


class ChatServer(ThreadingHTTPServer):
    """pace: seconds between two messages to a chat, 0 for any number. at: reads the clock."""

    daemon_threads = True

    def __init__(self, port: int = 0, *, pace: float = 0.0) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.pace = pace
        self.seen: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.last: dict[Any, float] = defaultdict(lambda: -1e9)
        self.asking = 0
        self.news = threading.Condition()
        self.closing = False

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def server_close(self) -> None:
        with self.news:
            self.closing = True
            self.news.notify_all()
        super().server_close()

    # -- From the other side of the chat -------------------------------------------------------
    def say(
        self,
        text: str,
        *,
        chat: int = 4242,
        person: int = 4242,
        at: float | None = None,
        name: str = "Ada",
    ) -> int:
        """Somebody writes to the bot; the number of the update."""
        with self.news:
            number = len(self.updates) + 1000
            kind = "group" if chat < 0 else "private"
            message = {
                "message_id": number,
                "from": {"id": person, "is_bot": False, "first_name": name},
                "chat": {"id": chat, "type": kind, "title" if chat < 0 else "first_name": name},
                "date": int(time.time() if at is None else at),
                "text": text,
            }
            self.updates.append({"update_id": number, "message": message})
            self.news.notify_all()
        return number

    def fail(self, kind: str, *, times: int = 1, seconds: float = 1) -> None:
        self.faults += [{"kind": kind, "seconds": seconds} for _ in range(times)]

    # -- Telegram ------------------------------------------------------------------------------
    def telegram(self, token: str, method: str, given: dict[str, Any]) -> Answer:
        if not TOKEN.fullmatch(token):
            return no(401, "Unauthorized")
        if method == "getMe":
            number = int(token.partition(":")[0])
            return yes({"id": number, "is_bot": True, "username": f"hub{number}_bot"})
        if method == "sendMessage":
            return self._send_message(given)
        if method == "getUpdates":
            return self._get_updates(given)
        return no(404, "Not Found")

    def _send_message(self, given: dict[str, Any]) -> Answer:
        chat, text = given.get("chat_id"), given.get("text")
        if not isinstance(chat, int):
            return no(400, "Bad Request: chat not found")
        if not isinstance(text, str) or not text.strip():
            return no(400, "Bad Request: message text is empty")
        if given.get("parse_mode") == "HTML":
            tags = Tags.read(text)
            if tags.wrong:
                return no(400, f"Bad Request: can't parse entities: {tags.wrong}")
            text = tags.text
        if len(text.encode("utf-16-le")) // 2 > LONGEST:
            return no(400, "Bad Request: message is too long")
        if wait := self._too_fast(chat):
            return 429, {
                "ok": False,
                "error_code": 429,
                "description": f"Too Many Requests: retry after {wait}",
                "parameters": {"retry_after": wait},
            }
        number = self._keep({"service": "telegram", "chat": chat, "text": text})
        return yes(
            {"message_id": number, "chat": {"id": chat}, "date": int(time.time()), "text": text}
        )

    def _get_updates(self, given: dict[str, Any]) -> Answer:
        offset, seconds = int(given.get("offset") or 0), float(given.get("timeout") or 0)
        with self.news:
            self.asking += 1
            mine, until = self.asking, time.monotonic() + min(seconds, 50)
            self.news.notify_all()
            while True:
                if mine != self.asking:
                    return no(409, "Conflict: terminated by other getUpdates request")
                found = [one for one in self.updates if one["update_id"] >= offset]
                rest = until - time.monotonic()
                if found or rest <= 0 or self.closing:
                    return yes(found[:100])
                self.news.wait(rest)

    # -- Slack ---------------------------------------------------------------------------------
    def slack(self, path: str, given: dict[str, Any]) -> Answer:
        text = given.get("text")
        if not isinstance(text, str) or not text:
            return 400, "no_text"
        if len(text) > SLACK_LONGEST:
            return 400, "msg_too_long"
        if wait := self._too_fast(path):
            return 429, f"rate_limited {wait}"
        self._keep({"service": "slack", "chat": path, "text": html.unescape(text)})
        return 200, "ok"

    def _too_fast(self, chat: Any) -> int:
        now = time.monotonic()
        if now - self.last[chat] < self.pace:
            return max(1, int(self.pace))
        self.last[chat] = now
        return 0

    def _keep(self, message: dict[str, Any]) -> int:
        self.seen.append(message | {"at": time.time()})
        return len(self.seen)


def yes(result: Any) -> Answer:
    return 200, {"ok": True, "result": result}


def no(status: int, words: str) -> Answer:
    return status, {"ok": False, "error_code": status, "description": words}


class Handler(BaseHTTPRequestHandler):
    server: ChatServer

    def do_GET(self) -> None:
        if self.path == "/seen":
            self._answer(200, self.server.seen)
        elif self.path == "/":
            self._answer(200, page(self.server.seen), kind="text/html; charset=utf-8")
        elif found := TELEGRAM.fullmatch(urlsplit(self.path).path):
            self._answer(*self.server.telegram(found[1], found[2], {}))
        else:
            self._answer(404, "not found")

    def do_POST(self) -> None:
        given = self._given()
        if given is None:
            self._answer(400, "invalid_payload")
        elif self.path == "/say":
            self._answer(200, {"update_id": self.server.say(**given)})
        elif self.path == "/fault":
            self.server.fail(**given)
            self._answer(200, "ok")
        else:
            self._serve(given)

    def _given(self) -> dict[str, Any] | None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            found = json.loads(data or b"{}")
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def _serve(self, given: dict[str, Any]) -> None:
        waits = self.path.endswith("/getUpdates")
        fault = self.server.faults.pop(0) if self.server.faults and not waits else None
        if fault and fault["kind"] != "lost":
            self._fail(fault)
            return
        if found := TELEGRAM.fullmatch(self.path):
            answer = self.server.telegram(found[1], found[2], given)
        elif SLACK.fullmatch(self.path):
            answer = self.server.slack(self.path, given)
        else:
            answer = (404, "no_service")
        if fault:
            time.sleep(fault["seconds"])
            self.close_connection = True
            return
        self._answer(*answer)

    def _fail(self, fault: dict[str, Any]) -> None:
        kind, seconds = fault["kind"], fault["seconds"]
        if kind == "hang":
            time.sleep(seconds)
            self.close_connection = True
            return
        if kind == "html":
            self._answer(200, "<html>Log in</html>", kind="text/html")
            return
        status = int(kind)
        words = {403: "Forbidden: bot was blocked by the user", 400: "Bad Request: no"}.get(
            status, "Error"
        )
        body = {"ok": False, "error_code": status, "description": words}
        if status == 429:
            body |= {"parameters": {"retry_after": seconds}}
        is_slack = SLACK.fullmatch(self.path)
        self._answer(status, words if is_slack else body, retry_after=seconds)

    def _answer(
        self, status: int, body: Any, *, kind: str = "", retry_after: float | None = None
    ) -> None:
        text = isinstance(body, str)
        data = body.encode() if text else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind or ("text/plain" if text else "application/json"))
        if status == 429:
            self.send_header("Retry-After", f"{retry_after or 1:g}")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Addresses have tokens in them."""


def page(seen: list[dict[str, Any]]) -> str:
    rows = "".join(
        f"<li><b>{one['service']} {html.escape(str(one['chat']))}</b><pre>{html.escape(one['text'])}</pre></li>"
        for one in reversed(seen[-100:])
    )
    return f"<!doctype html><meta charset=utf-8><title>What the chats received</title><ol>{rows or 'Nothing yet'}</ol>"


def main() -> None:
    parser = argparse.ArgumentParser(description="Telegram and Slack, as far as the hub uses them")
    parser.add_argument("--port", type=int, default=0, help="0 for any that is free")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds between two messages")
    given = parser.parse_args()
    with ChatServer(given.port, pace=given.pace) as server:
        print(json.dumps({"address": server.address}), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
