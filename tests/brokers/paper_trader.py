"""A process that trades on a paper account, for tests: python -m tests.brokers.paper_trader trade|check ..."""

from __future__ import annotations

import json
import sys
import threading
from decimal import Decimal as D

import django


def trade(pk: int, name: str, count: int) -> None:
    """Two threads that send orders of their own and the same orders as everybody."""
    faults: list[str] = []

    def run(thread: str) -> None:
        try:
            for n in range(count):
                send(pk, f"{name}-{thread}-{n}", "buy" if n % 2 else "sell")
                send(pk, f"all-{n}", "buy")
        except Exception as error:  # noqa: BLE001 (a thread's fault must reach the test)
            faults.append(repr(error))

    threads = [threading.Thread(target=run, args=(one,)) for one in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(faults))


def send(pk: int, client_id: str, side: str) -> None:
    from django.utils import timezone

    from brokers.adapters.errors import Rejected
    from brokers.models import Connection
    from brokers.papers import paper_adapter
    from tests.brokers.venues import NUMBER, ticket

    adapter = paper_adapter(Connection.objects.get(pk=pk), NUMBER)
    try:
        adapter.place(ticket(client_id, side))
    except Rejected as refusal:
        if refusal.code != "duplicate_client_id":
            raise
    adapter.tick(adapter.session.quotes(), timezone.now())


def check(pk: int) -> None:
    """What the database holds of the account, and what a venue made from all events says of it."""
    from brokers.adapters.messages import DealKind
    from brokers.models import Connection
    from brokers.papers import paper_adapter
    from tests.brokers.adapter_contract import balance_of
    from tests.brokers.venues import NUMBER
    from tradershub.finance.venue import events
    from tradershub.finance.venue.venue import replay

    adapter = paper_adapter(Connection.objects.get(pk=pk), NUMBER)
    happened = adapter.session.events()
    whole = replay(adapter.session.market(), happened).account(NUMBER)
    deals, cursor, more = [], "", True
    while more:
        page = adapter.deals_since(cursor)
        deals, cursor, more = [*deals, *page.deals], page.cursor, page.more
    orders = [e.order.request.client_id for e in happened if isinstance(e, events.Accepted)]
    report = {
        "seqs": [event.seq for event in happened],
        "orders": orders,
        "trades": [d.client_id for d in deals if d.kind is DealKind.TRADE],
        "ids": len({d.deal_id for d in deals}) == len(deals),
        "balances": [str(D(x)) for x in (whole.balance, adapter.account().balance, balance_of(deals))],
        "lots": [str(sum(p.lots for p in whole.positions.values())), str(sum(p.lots for p in adapter.positions()))],
    }  # fmt: skip
    print(json.dumps(report))


if __name__ == "__main__":
    django.setup()
    verb, key, *rest = sys.argv[1:]
    if verb == "trade":
        trade(int(key), rest[0], int(rest[1]))
    else:
        check(int(key))
