"""A rebuild of 1,000,000 deals in 200 accounts, account by account, against one scan of the same columns."""

from __future__ import annotations

from django.contrib.auth import get_user_model

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
    """The same columns as values, exact decimals and aware moments, by a cursor on the server, to its end."""
    rows = Deal.objects.values_list(*DEAL_COLUMNS).iterator(chunk_size=CHUNK)
    return sum(1 for _ in rows)
