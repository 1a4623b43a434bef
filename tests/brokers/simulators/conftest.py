"""The OANDA simulator with prices that stand still, and a plain way to talk to it."""

import json
import ssl
from decimal import Decimal

import httpx
import pytest

from brokers.simulators.oanda import Simulator

NETTING, HEDGING = "101-004-1234567-001", "101-004-1234567-002"

# Nothing here speaks TLS, and an empty context is made at once.
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Desk:
    """A client of one account over real sockets, and the hand on the control channel."""

    def __init__(self, simulator, account=NETTING):
        self.simulator, self.account = simulator, account
        headers = {"Authorization": f"Bearer {simulator.token}"}
        self.http = httpx.Client(
            base_url=simulator.rest.url, headers=headers, timeout=5, verify=PLAIN
        )

    def at(self, account):
        return Desk(self.simulator, account)

    def sleep_over(self):
        """To the other side of a rollover that charges, whatever day it is."""
        for _ in range(3):
            self.simulator.broker.roll_over()

    def send(self, method, path, body=None, **more):
        return self.http.request(method, f"/v3/accounts/{self.account}{path}", json=body, **more)

    def get(self, path, **params):
        answer = self.send("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, type="MARKET", units="1000", instrument="EUR_USD", client_id="", **more):
        if client_id:
            more["clientExtensions"] = {"id": client_id}
        entry = {} if "tradeID" in more else {"instrument": instrument, "units": units}
        return self.send("POST", "/orders", {"order": {"type": type, **entry, **more}})

    def filled(self, units="1000", **more):
        """The fill of a market order."""
        return self.order(units=units, **more).json()["orderFillTransaction"]

    def price(self, bid, ask, instrument="EUR_USD"):
        self.simulator.broker.move(instrument, Decimal(bid), Decimal(ask))

    def fault(self, do, on="create_order", **more):
        self.simulator.control.do("POST /faults", {"do": do, "on": on, **more})

    @property
    def summary(self):
        return self.get("/summary")["account"]

    @property
    def transactions(self):
        return self.get("/transactions/sinceid", id=0)["transactions"]


@pytest.fixture
def desk(tmp_path):
    """EUR_USD at 1.10000 / 1.10010."""
    with Simulator(ledger=tmp_path / "ledger.jsonl", heartbeat=0.1) as simulator:
        one = Desk(simulator)
        one.price("1.10000", "1.10010")
        one.ledger = lambda: [json.loads(x) for x in (tmp_path / "ledger.jsonl").open()]
        yield one
