"""A process of its own that asks the gate, for the race on SQLite: room for one order in each round."""

from __future__ import annotations

import sys

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

    Says when it is ready, and asks whenever it is told to: that is the barrier of the round.
    """
    from django.db import transaction

    from accounts.models import Account
    from risk import gate
    from tests.risk.orders import Desk, d

    desk = Desk(Account.objects.get(pk=account))
    print("ready", flush=True)
    for number in range(int(rounds)):
        order = desk.order(
            client_order_id=f"{worker}-{number}", origin=f"{worker}-{number}", parent=f"round-{number}",
            parent_lots=d(1), lots=d(1), margin=d("0.01"),
            price=d("1.1") + d(number * 10 + int(worker)) / 10**5,
        )  # fmt: skip
        input()
        with transaction.atomic():
            verdict = gate.authorise(order)
        print("passed" if verdict.passed else verdict.refusal.code, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
