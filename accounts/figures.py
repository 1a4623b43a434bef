"""Day figures and marks of equity: what pages read instead of a million deals.

A trade counts as MetaTrader counts it: each closing deal is one, won or lost by its own profit, swap, commission,
fee and tax. Deposits and withdrawals are the flows of money from outside: bonuses and transfers by their sign
are among them. A deal that was reversed, and its reversal, count as if they had never been.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from accounts import bulk
from accounts.calendar import Calendar
from accounts.models import Account, DayFigures, Deal, EquitySnapshot, StatementImport
from tradershub.finance.decimals import ZERO

# The columns of a deal in the order in which derivation reads them; from "key" on they make a netting.Fill.
DEAL_COLUMNS = (
    "id", "kind", "amount", "key", "position_ref", "symbol_id", "side", "entry", "volume", "price",
    "at", "profit", "swap", "commission", "fee", "tax", "inferred",
)  # fmt: skip
ID, KIND, AMOUNT, KEY, SYMBOL, ENTRY, VOLUME, AT, PROFIT = 0, 1, 2, 3, 5, 7, 8, 10, 11

COLUMNS = (
    "symbol_id", "day", "deals", "closings", "wins", "losses", "volume", "profit", "swap",
    "commission", "fee", "tax", "net", "gross_profit", "gross_loss", "deposits", "withdrawals",
    "credit", "other",
)  # fmt: skip

TRADE = Deal.Kind.TRADE.value
CREDIT = Deal.Kind.CREDIT.value
FLOWS = frozenset(
    kind.value
    for kind in (Deal.Kind.DEPOSIT, Deal.Kind.WITHDRAWAL, Deal.Kind.TRANSFER, Deal.Kind.BONUS)
)
CLOSING = frozenset(entry.value for entry in (Deal.Entry.OUT, Deal.Entry.IN_OUT, Deal.Entry.OUT_BY))

DealRow = tuple[Any, ...]
DayRow = tuple[Any, ...]


def day_rows(deals: Sequence[DealRow], *, calendar: Calendar) -> list[DayRow]:
    """The figures of one symbol's deals (columns: DEAL_COLUMNS, sorted by moment), a row a day (COLUMNS)."""
    return [_day_row(day, run) for day, run in _by_day(deals, calendar)]


def _by_day(
    deals: Sequence[DealRow], calendar: Calendar
) -> Iterator[tuple[dt.date, list[DealRow]]]:
    start, total = 0, len(deals)
    while start < total:
        day = calendar.day_of(deals[start][AT])
        end = _first_from(deals, calendar.bounds(day)[1], start)
        yield day, list(deals[start:end])
        start = end


def _first_from(deals: Sequence[DealRow], moment: dt.datetime, start: int) -> int:
    """The index of the first deal at or after the moment."""
    for n in range(start, len(deals)):
        if deals[n][AT] >= moment:
            return n
    return len(deals)


def _day_row(day: dt.date, deals: list[DealRow]) -> DayRow:
    trades = [deal for deal in deals if deal[KIND] == TRADE]
    others = [deal for deal in deals if deal[KIND] != TRADE] if len(trades) < len(deals) else []
    closed = [deal[AMOUNT] for deal in trades if closes(deal[ENTRY], deal[PROFIT])]
    won = [amount for amount in closed if amount > 0]
    lost = [amount for amount in closed if amount < 0]
    return (
        deals[0][SYMBOL],
        day,
        len(deals),
        len(closed),
        len(won),
        len(lost),
        *_trade_sums(trades),
        sum(won, ZERO),
        sum(lost, ZERO),
        *_other_sums(others),
    )


def closes(entry: str, profit: Decimal) -> bool:
    """Whether a trade deal counts as a closed trade; where the entry is not stated, by realised profit."""
    return entry in CLOSING or (not entry and bool(profit))


def _trade_sums(trades: list[DealRow]) -> tuple[Decimal, ...]:
    """Volume, profit, swap, commission, fee, tax and net."""
    if not trades:
        return (ZERO,) * 7
    columns = list(zip(*trades, strict=True))
    sums = [sum(columns[n], ZERO) for n in range(PROFIT, PROFIT + 5)]
    return (sum(columns[VOLUME], ZERO), *sums, sum(sums, ZERO))


def _other_sums(others: list[DealRow]) -> tuple[Decimal, ...]:
    """Deposits, withdrawals, credit and everything else."""
    flows = [deal[AMOUNT] for deal in others if deal[KIND] in FLOWS]
    credit = sum((deal[AMOUNT] for deal in others if deal[KIND] == CREDIT), ZERO)
    total = sum((deal[AMOUNT] for deal in others), ZERO)
    deposits = sum((amount for amount in flows if amount > 0), ZERO)
    withdrawals = sum((amount for amount in flows if amount < 0), ZERO)
    return (deposits, withdrawals, credit, total - deposits - withdrawals - credit)


class FigureChanges(NamedTuple):
    """What brings stored day figures to those that follow from the deals."""

    gone: list[int]
    new: list[DayRow]
    changed: list[tuple[Any, ...]]
    words: list[str]


def compare(wanted: Iterable[DayRow], stored: Iterable[tuple[Any, ...]]) -> FigureChanges:
    """Stored rows carry their id first, `changed` has it last. words: one sentence a difference."""
    known = {row[2]: row for row in stored}
    changes = FigureChanges([], [], [], [])
    for row in wanted:
        old = known.pop(row[1], None)
        if old is None:
            changes.new.append(row)
        elif old[1:] != row:
            changes.changed.append((*row, old[0]))
        else:
            continue
        changes.words.append(f"Day figures of {row[1]}: {_difference(old and old[1:], row)}")
    for old in known.values():
        changes.gone.append(old[0])
        changes.words.append(f"Day figures of {old[2]}: stored, but no deal is of that day")
    return changes


def _difference(old: tuple[Any, ...] | None, new: tuple[Any, ...]) -> str:
    if old is None:
        return "not stored"
    return differences(COLUMNS, old, new)


def differences(columns: Sequence[str], old: Sequence[Any], new: Sequence[Any]) -> str:
    """The columns in which two rows differ, with both values."""
    pairs = zip(columns, old, new, strict=True)
    differing = ((name, _shown(a), _shown(b)) for name, a, b in pairs if a != b)
    return ", ".join(f"{name} stored {a}, rebuilt {b}" for name, a, b in differing)


def _shown(value: Any) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def store(account: Account, changes: FigureChanges) -> None:
    for ids in bulk.chunks(changes.gone, 900):
        DayFigures.objects.filter(id__in=ids).delete()
    if changes.changed:
        bulk.change(DayFigures, COLUMNS, changes.changed)
    if changes.new:
        rows = ((account.pk, *row) for row in changes.new)
        bulk.insert(DayFigures, ("account_id", *COLUMNS), rows)


def snapshot(
    account: Account,
    *,
    at: dt.datetime,
    source: str,
    balance: Decimal,
    equity: Decimal,
    credit: Decimal = ZERO,
    floating: Decimal | None = None,
    open_swap: Decimal | None = None,
    margin: Decimal | None = None,
    statement: StatementImport | None = None,
) -> EquitySnapshot:
    """Keep what the account was worth at that moment; the same moment and source is one row."""
    row, _ = EquitySnapshot.objects.update_or_create(
        account=account,
        at=at,
        source=source,
        defaults={
            "balance": balance,
            "credit": credit,
            "floating": floating,
            "open_swap": open_swap,
            "equity": equity,
            "margin": margin,
            "statement": statement,
        },
    )
    return row
