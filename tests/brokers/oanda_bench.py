"""OANDA's adapter at its simulator: real sockets on loopback, prices that stand still."""

from __future__ import annotations

from contextlib import contextmanager
from decimal import Decimal as D

from brokers.adapters.base import Line
from brokers.adapters.oanda import OandaAdapter, OandaSettings
from brokers.simulators.oanda import Simulator
from tradershub.core import net

NETTING, HEDGING = "101-004-1234567-001", "101-004-1234567-002"
BID, ASK = D("1.10000"), D("1.10010")


class Memory:
    """A session in memory. wait: seconds that each request is told to wait."""

    def __init__(self):
        self.kept, self.wait = {}, 0.0

    @contextmanager
    def lock(self, name):
        yield

    def load(self, key):
        return self.kept.get(key)

    def store(self, key, value):
        self.kept[key] = value

    def take(self, bucket, *, per_second, burst, longest):
        return self.wait


class Bench:
    """The simulator, an adapter at one of its accounts, and the hand that moves prices and makes faults."""

    def __init__(self, simulator: Simulator, number: str) -> None:
        self.simulator = simulator
        port = simulator.rest.server_address[1]
        line = Line(
            settings=OandaSettings(environment="simulator", port=port, token=""),
            number=number,
            live=False,
            secrets={"token": simulator.token},
            client=net.client,
        )
        self.adapter = OandaAdapter(line, Memory())

    def move(self, symbol, bid, ask):
        self.simulator.broker.move(symbol, D(bid), D(ask))

    def offer(self, symbol, bid, ask, lots):
        self.simulator.broker.offer(symbol, D(bid), D(ask), D(lots))

    def fault(self, do, on="create_order", **more):
        self.simulator.control.do("POST /faults", {"do": do, "on": on, **more})

    def sent(self, operation=""):
        """What the simulator was asked that may change something."""
        lines = [line for line in self.simulator.ledger.lines if line["kind"] == "request"]
        return [line for line in lines if operation in ("", line["operation"])]


@contextmanager
def oanda_bench(number: str):
    with Simulator() as simulator:
        bench = Bench(simulator, number)
        bench.move("EUR_USD", BID, ASK)
        try:
            yield bench
        finally:
            bench.adapter.close_session()
