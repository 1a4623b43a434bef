"""A rebuild of 1,000,000 deals in 200 accounts, account by account, against one scan of the same columns."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.db import connection

from accounts.booking import rebuild
from accounts.figures import DEAL_COLUMNS
from accounts.models import Account, Deal
from benchmarks import books
from benchmarks.measures import Measure, Memory, Rounds, watched

DEALS, ROUNDS = 1_000_000, 3
MOST, MOST_MB = 5, 500
CHUNK = 2000


def measure(scale: float) -> list[Measure]:
    wanted = int(DEALS * scale)
    if Deal.objects.count() < wanted * 0.9:
        owner, _ = get_user_model().objects.get_or_create(username="rebuilder")
        books.fill(wanted, owner=owner)
    rounds, memory = Rounds(), Memory()
    with watched(memory):
        whole()
    for _ in range(ROUNDS):
        rounds.add(whole, scan)
    what = f"rebuild of {Deal.objects.count()} deals"
    return [rounds.measure(what, most=MOST), memory.measure(what, most_mb=MOST_MB)]


def whole() -> None:
    """As the command does it; the books are whole, so it finds nothing to mend."""
    for account in Account.objects.order_by("pk"):
        assert rebuild(account) == []


def scan() -> int:
    """The same columns by the driver's own means: a cursor on the server, read to its end."""
    statement = f"SELECT {', '.join(DEAL_COLUMNS)} FROM {Deal._meta.db_table}"
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement)
        return _read_to_the_end(cursor)


def _read_to_the_end(cursor: Any) -> int:
    rows = 0
    while chunk := cursor.fetchmany(CHUNK):
        rows += len(chunk)
    return rows
