"""Works an account's lane in processes, for tests: python -m tests.trading.worker kills|race ACCOUNT LEDGER.

kills: a child works and is killed at each failpoint, the parent takes over as another worker would.
race: several children work the lane at once. Prints what became of the orders, as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import django

BEFORE_CLAIM = ("lane.before_take", "lane.taken", "claim.before", "claim.inside")
UNSENT = ("claim.committed", "send.before_write", "broker.before_accept")
SENT = (
    "broker.accepted",
    "send.answered",
    "record.before",
    "record.inside",
    "record.committed",
    "lane.before_let_go",
)
LOOKING = ("reconcile.asked", "reconcile.inside")
POINTS = (*BEFORE_CLAIM, *UNSENT, *SENT, *LOOKING)
WORKERS, RACE = 4, 12
PATIENCE = 30.0  # seconds for an order to come to its end


def main(what: str, account_pk: int, path: Path) -> None:
    from django.conf import settings

    from accounts.models import Account
    from risk import gate, pace
    from tests.trading.desk import LenientRisk
    from tests.trading.filebroker import FileAdapter, Ledger
    from trading import execution, services

    lenient, ledger = LenientRisk(), Ledger(path)
    for name in ("authorise", "recheck", "consume", "release"):
        setattr(gate, name, getattr(lenient, name))
    pace.may_send_message = lenient.may_send_message
    execution.open_adapter = lambda *args: FileAdapter(ledger)
    services.enqueue = lambda *args, **kwargs: ""
    settings.LANE_SECONDS, settings.SETTLE_SECONDS, settings.ORDER_SECONDS = 0.5, 0.1, 0.1
    settings.ABSENCE_SECONDS = settings.RETRY_SECONDS = 0.05
    account = Account.objects.get(pk=account_pk)
    if what == "race":
        print(json.dumps(race(account)))
    else:
        print(json.dumps([one(account, ledger, point) for point in POINTS]))


def one(account, ledger, point):
    """One order whose worker is killed at that point."""
    from trading import execution, services

    order = services.place_by_hand(
        account, actor="test", symbol="EURUSD", side="buy", lots=Decimal(1), token=point
    )
    ledger.plan(*(["lose"] if point in LOOKING else []))
    killed = work_and_die(account, point)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        execution.pump(account)
        order.refresh_from_db()
        if order.is_over:
            break
        time.sleep(0.05)
    mine = [line for line in ledger.placed if line["client_id"] == order.client_order_id]
    return {
        "point": point,
        "killed": killed,
        "state": order.state,
        "filled": str(order.filled.normalize()),
        "placed": len(mine),
        "rules": [event.rule for event in order.events.order_by("seq")],
        "unsettled": order.attempts.filter(outcome__in=["open", "unknown", "waiting"]).count(),
    }


def race(account):
    """How the children ended, the orders in the turn of their lane, and their states."""
    from django.db import connections

    from trading import execution, services
    from trading.models import Order

    for n in range(RACE):
        services.place_by_hand(
            account, actor="test", symbol="EURUSD", side="buy", lots=Decimal(1), token=str(n)
        )
    connections.close_all()
    children = []
    for _ in range(WORKERS):
        child = os.fork()
        if child == 0:
            for _ in range(5):
                execution.pump(account)
            os._exit(0)
        children.append(child)
    ends = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    execution.pump(account)
    orders = Order.objects.order_by("lane_seq")
    return {
        "ends": ends,
        "orders": list(orders.values_list("client_order_id", flat=True)),
        "states": sorted(set(orders.values_list("state", flat=True))),
    }


def work_and_die(account, point) -> bool:
    from django.conf import settings
    from django.db import connections

    from trading import execution

    connections.close_all()  # a connection must not be shared with the child
    child = os.fork()
    if child == 0:
        settings.FAILPOINTS = {point: "kill"}
        for _ in range(50):
            execution.pump(account)
            time.sleep(0.05)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
