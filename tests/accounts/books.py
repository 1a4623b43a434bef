"""The books of an account as plain values, to compare them before and after."""

from __future__ import annotations

from typing import Any

from accounts.booking import rebuild
from accounts.models import (
    Account,
    BrokerOrder,
    DayFigures,
    Deal,
    EquitySnapshot,
    Position,
    StatementLine,
)

FORGOTTEN = frozenset(
    {"id", "booked_at", "opened_at_", "statement_id", "statement", "deal_id", "mark_source"}
)


def rows_of(rows: Any) -> list[str]:
    found = []
    for row in rows.values():
        kept = {k: v for k, v in row.items() if k not in FORGOTTEN}
        found.append(repr(sorted((k, str(v)) for k, v in kept.items())))
    return sorted(found)


def money_of(account: Account) -> dict[str, list[str]]:
    """What the books say, whichever file said it first."""
    return {
        "deals": rows_of(Deal.objects.filter(account=account)),
        "positions": rows_of(Position.objects.filter(account=account)),
        "figures": rows_of(DayFigures.objects.filter(account=account)),
        "orders": rows_of(BrokerOrder.objects.filter(account=account)),
        "snapshots": rows_of(EquitySnapshot.objects.filter(account=account)),
    }


def books_of(account: Account) -> dict[str, list[str]]:
    """Everything of the account: what the books say, from which file, and what differs."""
    lines = StatementLine.objects.filter(statement__account=account)
    breaks = account.breaks.values_list("kind", "symbol", "cause", "count", "difference", "state")
    return money_of(account) | {
        "lines": sorted(
            map(repr, lines.values_list("statement", "row", "fate", "reason", "key", "deal__key"))
        ),
        "sources": sorted(map(repr, account.deals.values_list("key", "source", "statement"))),
        "order sources": sorted(
            map(repr, account.orders.values_list("broker_order_id", "statement"))
        ),
        "breaks": sorted(map(repr, breaks)),
    }


def assert_derived(account: Account) -> None:
    """Invariant 1: what is stored is what a rebuild would make."""
    assert rebuild(account, check=True) == []
