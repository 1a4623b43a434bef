"""An account that may trade, at a broker in a file, with a risk that lets everything through."""

from __future__ import annotations

from decimal import Decimal

from django.utils import timezone

from brokers.models import Connection, Instrument, Quote, SymbolTerms
from risk import gate, pace
from risk.facts import Check, Verdict
from tests.factories import make_account, make_broker, make_owner, make_symbol
from tests.trading.filebroker import NUMBER, FileAdapter, Ledger
from trading import execution, services

D = Decimal


class Desk:
    """held, released: what the lenient risk was asked for, by client id."""

    def __init__(self, path, **fields) -> None:
        self.ledger = Ledger(path / "ledger")
        self.adapter = FileAdapter(self.ledger)
        self.owner = make_owner()
        broker = make_broker()
        connection = Connection.objects.create(
            owner=self.owner, broker=broker, platform="paper", name=f"line of {broker}"
        )
        self.account = make_account(
            owner=self.owner, broker=broker, number=NUMBER, connection=connection,
            may_trade=True, kind="demo", **fields,
        )  # fmt: skip
        pair = {"category": "fx", "base": "EUR", "quote": "USD"}
        sizes = {"tick_size": "0.00001", "contract_size": 100000}
        # Tests that empty the tables take the starter catalogue with them.
        instrument, _ = Instrument.objects.get_or_create(symbol="EURUSD", defaults=pair | sizes)
        self.symbol = make_symbol(self.account, instrument=instrument)
        SymbolTerms.objects.create(
            symbol=self.symbol, contract_size=100000, tick_size="0.00001", valid_from="2020-01-01"
        )
        Quote.objects.create(
            symbol=self.symbol, bid=D("1.1"), ask=D("1.1001"), at=timezone.now(), source="test"
        )

    def place(self, lots="1", side="buy", **asked):
        return services.place_by_hand(
            self.account, actor=self.owner, symbol="EURUSD", side=side, lots=D(lots), **asked
        )

    def pump(self):
        execution.pump(self.account)

    def state(self, order):
        order.refresh_from_db()
        return order.state


class LenientRisk:
    """Stands in for the gate: what trading asks is noted, and answered with yes unless told otherwise."""

    def __init__(self) -> None:
        self.held, self.used, self.refusing, self.refusing_last = set(), {}, "", ""
        self.messages, self.closes = True, False
        self.larger = {}

    def authorise(self, facts):
        verdict = self._verdict(self.refusing)
        if verdict.passed:
            self.held.add(facts.client_order_id)
        return verdict

    def recheck(self, facts):
        return self._verdict(self.refusing_last)

    def _verdict(self, code):
        check = Check(
            rule="lenient", passed=not code, code=code, text=f"refused: {code}" if code else ""
        )
        return Verdict(passed=not code, checks=(check,), epoch=0)

    def hold_larger(self, facts):
        self.larger[facts.client_order_id] = facts.lots
        return True

    def consume(self, client_order_id, *, lots):
        self.used[client_order_id] = self.used.get(client_order_id, 0) + lots

    def release(self, client_order_id):
        self.held.discard(client_order_id)

    def may_send_message(self, *, account_id, at, cancels=False):
        return self.messages or cancels and self.closes

    def put_in_place(self, monkeypatch):
        for name in ("authorise", "recheck", "hold_larger", "consume", "release"):
            monkeypatch.setattr(gate, name, getattr(self, name))
        monkeypatch.setattr(pace, "may_send_message", self.may_send_message)
        return self
