"""Two workers that book into one account take turns; SQLite gives its whole database to one writer anyway."""

from __future__ import annotations

import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from accounts import imports
from accounts.booking import NewDeal, book, derive, rebuild
from accounts.models import Account, Deal, Position, StatementFile
from accounts.statements import storage
from tests.factories import make_account, make_owner, make_symbol, moment

WORKERS = 4


def faults_of_workers(work) -> list[Exception]:
    """What went wrong in some workers that do the same at the same time."""
    faults = []
    start = threading.Barrier(WORKERS)

    def run() -> None:
        try:
            start.wait()
            work()
        except Exception as fault:  # noqa: BLE001 (a thread's fault must reach the test)
            faults.append(fault)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_workers_with_the_first_file_of_an_account_open_it_once(tmp_path):
    owner = make_owner()
    path = tmp_path / "report.html"
    path.write_text("the same bytes")
    opening = {"broker": "New Broker", "currency": "USD", "number": "77"}

    def work() -> None:
        with transaction.atomic():
            storage.store(path, owner=owner)
            imports.open_as_stated(opening, actor=owner, owner=owner)

    assert not faults_of_workers(work)
    assert (StatementFile.objects.count(), Account.objects.count()) == (1, 1)


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

    def work() -> None:
        with transaction.atomic():
            book(account, rows)
            derive(account, symbols={symbol.pk})

    assert not faults_of_workers(work)
    assert (Deal.objects.count(), Position.objects.count()) == (200, 100)
    assert rebuild(account) == []
