"""A process of its own that asks the gate, for the race on SQLite: room for one order in each round."""

from __future__ import annotations

import sys
import time

import django


def main(what: str, *words: str) -> None:
    django.setup()
    globals()[what](*words)


def prepare() -> None:
    """Make the database and an account with room for one order a round; print the account's id."""
    from django.core.management import call_command  # these need the apps loaded

    from tests.risk.orders import Desk

    call_command("migrate", verbosity=0)
    print(Desk().account.pk)


def race(account: str, start: str, worker: str, rounds: str) -> None:
    """From that moment on ask, round by round, for all that a parent order has room for; print the answers."""
    from django.db import transaction

    from accounts.models import Account
    from risk import gate
    from tests.risk.orders import Desk, d

    desk = Desk(Account.objects.get(pk=account))
    for number in range(int(rounds)):
        parent = f"round-{number}"
        order = desk.order(
            client_order_id=f"{worker}-{number}", origin=f"{worker}-{number}", parent=parent,
            parent_lots=d(1), lots=d(1), margin=d("0.01"),
            price=d("1.1") + d(number * 10 + int(worker)) / 10**5,
        )  # fmt: skip
        time.sleep(max(0, float(start) + number * 0.2 - time.time()))
        with transaction.atomic():
            verdict = gate.authorise(order)
        print("passed" if verdict.passed else verdict.refusal.code, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
