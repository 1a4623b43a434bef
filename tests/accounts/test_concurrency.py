"""Two workers that book into one account take turns; SQLite gives its whole database to one writer anyway."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts.booking import NewDeal, book, derive, rebuild
from accounts.models import Deal, Position
from tests.factories import make_account, make_symbol, moment

WORKERS = 4


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_workers_that_book_the_same_rows_book_them_once():
    account = make_account()
    symbol = make_symbol(account)
    rows = [
        NewDeal(
            str(n), "trade", moment("2024-03-04 10:00"), "statement", symbol.pk, side, entry,
            Decimal(1), Decimal("1.1"), position_ref=str(n // 2),
        )
        for n in range(200)
        for side, entry in [("sell", "out") if n % 2 else ("buy", "in")]
    ]  # fmt: skip
    faults = []

    def work() -> None:
        try:
            with transaction.atomic():
                book(account, rows)
                derive(account, symbols={symbol.pk})
        except Exception as fault:  # noqa: BLE001 (a thread's fault must reach the test)
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert (Deal.objects.count(), Position.objects.count()) == (200, 100)
    assert rebuild(account) == []
