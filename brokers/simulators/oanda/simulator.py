"""The whole simulator: its broker, its three addresses, and the thread that moves the prices."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Collection
from pathlib import Path
from socketserver import BaseServer
from types import TracebackType
from typing import Any

from brokers.simulators.faults import Script
from brokers.simulators.ledger import Ledger
from brokers.simulators.oanda.broker import Broker
from brokers.simulators.oanda.control import Control
from brokers.simulators.oanda.exchange import EXAMPLES, AccountTerms
from brokers.simulators.oanda.server import Server

TOKEN = "sandbox-token"  # noqa: S105 - of a server that holds nothing and is reached from this machine only
POLL = 0.05  # seconds until a closing server notices


class Simulator:
    """port, stream_port, control_port: 0 for any that is free; equal ports are one address for both services.

    tick: seconds between new prices, 0 for prices that stand still. heartbeat: seconds. Raises ValueError
    for a host that is not loopback.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        stream_port: int = 0,
        control_port: int = 0,
        token: str = TOKEN,
        accounts: Collection[AccountTerms] = EXAMPLES,
        ledger: Path | None = None,
        seed: int = 1,
        tick: float = 0.0,
        heartbeat: float = 5.0,
    ) -> None:
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"a simulator listens on loopback only, found {host}")
        self.token, self.tick = token, tick
        self.script, self.ledger = Script(), Ledger(ledger)
        self.broker = Broker(accounts=accounts, ledger=self.ledger, seed=seed)
        self._closing = threading.Event()
        one = bool(port) and port == stream_port
        shared: dict[str, Any] = {
            "token": token, "script": self.script, "ledger": self.ledger, "heartbeat": heartbeat,
        }  # fmt: skip
        self.rest = Server((host, port), self.broker, **shared, streams=one)
        self.stream = (
            self.rest if one else Server((host, stream_port), self.broker, **shared, rest=False)
        )
        self.control = Control((host, control_port), self.broker, self.script)

    def start(self) -> Simulator:
        """Listen, in threads of this process."""
        for server in self._servers():
            self._thread(lambda one=server: one.serve_forever(POLL))
        if self.tick:
            self._thread(self._walk)
        return self

    def stop(self) -> None:
        self._closing.set()
        for server in self._servers():
            if isinstance(server, Server):
                server.closing.set()
        with self.broker.changed:
            self.broker.changed.notify_all()
        for server in self._servers():
            server.shutdown()
            server.server_close()
        self.ledger.close()

    @property
    def addresses(self) -> dict[str, Any]:
        """What another process needs to use it."""
        return {
            "rest": self.rest.url,
            "stream": self.stream.url,
            "control": self.control.url,
            "token": self.token,
            "accounts": list(self.broker.books),
        }

    def __enter__(self) -> Simulator:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _servers(self) -> list[BaseServer]:
        return list(dict.fromkeys([self.rest, self.stream, self.control]))

    def _thread(self, work: Any) -> None:
        threading.Thread(target=work, daemon=True).start()

    def _walk(self) -> None:
        while not self._closing.wait(self.tick):
            self.broker.tick()
