"""A tiny vault: answers the key-value engine of version 2 as HashiCorp's documentation says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "hvs.c4n4ry-of-the-vault"
SEALED, TORN, OTHER, FAULTY = "sealed", "torn", "other", "faulty"


class Handler(BaseHTTPRequestHandler):
    server: TinyVault

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        if self.server.mood == TORN:
            self.close_connection = True
            return
        self._answer(*self._found())

    def _found(self) -> tuple[int, Any]:
        if self.server.mood == SEALED:
            return 503, {"errors": ["Vault is sealed"]}
        if self.server.mood == OTHER:
            return 200, {"data": {"token": "of version 1"}}
        if self.headers.get("X-Vault-Token") != TOKEN:
            return 403, {"errors": ["permission denied"]}
        kept = self.server.kept.get(self.path.removeprefix("/v1/secret/data/"))
        if kept is None:
            return 404, {"errors": []}
        metadata = {"version": 1, "created_time": "2024-03-04T10:00:00Z", "destroyed": False}
        return 200, {"request_id": "x", "data": {"data": kept, "metadata": metadata}}

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class TinyVault(ThreadingHTTPServer):
    """kept: path without the mount -> secrets. mood: how it fails, "" for not at all."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.kept: dict[str, Any] = {}
        self.asked: list[str] = []
        self.mood = ""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def tiny_vault() -> Iterator[TinyVault]:
    with TinyVault() as served:
        thread = threading.Thread(target=served.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield served
        finally:
            served.shutdown()
            thread.join()
