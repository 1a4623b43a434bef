"""Makes the database of a fault run and what trades in it; prints what the driver must know, as JSON.

    python -m tests.faults.seeding '{"accounts": {"1001": ["fault", 40001]}, "sources": {"a": ["1001"]}}'

accounts: number -> platform and port of its line. sources: name -> numbers of the accounts its strategy goes to.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from typing import Any

import django

LATE = 3600  # seconds: nothing is refused for having waited while everything was broken


def main(plan: dict[str, Any]) -> dict[str, Any]:
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.utils import timezone

    from accounts.models import AccountTerms, Channel
    from brokers.models import Broker, Connection, Instrument, Quote, SymbolTerms
    from risk.models import Limit
    from strategies.models import Strategy
    from tests.factories import make_account, make_symbol
    from tradershub.core.api_keys import create_key
    from tradershub.core.step_up import Proof
    from trading import signals

    if not plan.get("migrated"):
        call_command("migrate", verbosity=0)
    owner = get_user_model().objects.create_user(
        "trader", password="a-long-password", is_staff=True, is_superuser=True
    )
    broker = Broker.objects.create(name="Fault broker")
    accounts = {}
    for number, (platform, port) in plan["accounts"].items():
        line = Connection.objects.create(
            owner=owner, broker=broker, platform=platform, name=number, settings={"port": port}
        )
        account = make_account(
            owner=owner, broker=broker, number=number, connection=line, may_trade=True, kind="demo",
            mode="hedging",
        )  # fmt: skip
        AccountTerms.objects.create(account=account, valid_from="2020-01-01", leverage=100)
        accounts[number] = account
    symbol = make_symbol(
        next(iter(accounts.values())), instrument=Instrument.objects.get(symbol="EURUSD")
    )
    SymbolTerms.objects.create(
        symbol=symbol, contract_size=100000, tick_size="0.00001", lot_min="0.01", lot_step="0.01",
        valid_from="2020-01-01",
    )  # fmt: skip
    Quote.objects.create(symbol=symbol, bid="1.1", ask="1.1001", at=timezone.now(), source="seed")
    sources = {}
    for name, numbers in plan["sources"].items():
        strategy = Strategy.objects.create(owner=owner, key=name, status=Strategy.Status.LIVE)
        for number in numbers:
            signals.set_route(strategy, accounts[number], actor="seeding")
        fields = {
            "name": name,
            "mode": "live",
            "strategy": strategy,
            "burst": 10_000,
            "expires_after": LATE,
        }
        source, token = signals.create_source(actor="seeding", owner=owner, **fields)
        sources[name] = f"/api/v1/signals/{source.uid}/{token}"
    for number, lots in plan.get("limits", {}).items():
        on = {"scope": "account", "account": accounts[number], "owner": owner}
        Limit.objects.create(kind="symbol_lots", unit="lots", value=lots, **on)
    # The outbox fills, and nothing leaves it.
    Channel.objects.create(
        owner=owner, kind="slack", name="outbox", not_before=timezone.now() + dt.timedelta(days=9)
    )
    owner.proof = Proof(is_given=True)
    _, key = create_key(owner=owner, name="driver", scopes=["read", "write"])
    if plan.get("drop_unique"):
        drop_unique()
    return {"sources": sources, "key": key, "accounts": {n: a.pk for n, a in accounts.items()}}


def drop_unique() -> None:
    """Take away what keeps a signal and an order single: the plant of that name."""
    import copy

    from django.db import connection

    from trading.models import Order, Signal

    wanted = {Signal: "signal_key_unique", Order: "own_order_origin_unique"}
    with connection.schema_editor() as editor:
        for model, name in wanted.items():
            found = next(c for c in model._meta.constraints if c.name == name)
            model._meta.constraints.remove(found)  # SQLite makes the table anew, by its model
            editor.remove_constraint(model, found)
        unique = Order._meta.get_field("client_order_id")
        plain = copy.copy(unique)
        plain._unique = False
        editor.alter_field(Order, unique, plain)


if __name__ == "__main__":
    django.setup()
    print(json.dumps(main(json.loads(sys.argv[1]))))
