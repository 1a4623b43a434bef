"""A process of its own that asks the gate, for the race on SQLite: room for one order in each round."""

from __future__ import annotations

import sys
import time

import django


def main(what: str, *words: str) -> None:
    django.setup()
    globals()[what](*words)


def prepare() -> None:
    """Make an account with room for one order a round; print its id."""
    from tests.risk.orders import Desk  # needs the apps loaded

    print(Desk().account.pk)


def race(account: str, worker: str, rounds: str) -> None:
    """Ask, round by round, for all that a parent order has room for; print the answers.

    Says when it is ready, and begins at the moment that it is told then.
    """
    from django.db import transaction

    from accounts.models import Account
    from risk import gate
    from tests.risk.orders import Desk, d

    desk = Desk(Account.objects.get(pk=account))
    print("ready", flush=True)
    start = float(input())
    for number in range(int(rounds)):
        parent = f"round-{number}"
        order = desk.order(
            client_order_id=f"{worker}-{number}", origin=f"{worker}-{number}", parent=parent,
            parent_lots=d(1), lots=d(1), margin=d("0.01"),
            price=d("1.1") + d(number * 10 + int(worker)) / 10**5,
        )  # fmt: skip
        time.sleep(max(0, start + number * 0.2 - time.time()))
        with transaction.atomic():
            verdict = gate.authorise(order)
        print("passed" if verdict.passed else verdict.refusal.code, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
