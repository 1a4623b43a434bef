"""Positions as rows: what the deals of one symbol make, and how it differs from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from accounts import bulk
from accounts.figures import KEY, KIND, TRADE, DealRow, differences
from accounts.models import Account, Position
from tradershub.finance.netting import Fill, Mode, PositionState, build_positions

COLUMNS = (
    "symbol_id", "ref", "side", "volume", "open_volume", "open_price", "close_price", "opened_at",
    "closed_at", "profit", "swap", "commission", "fee", "tax", "net", "deals", "inferred",
)  # fmt: skip
UNIQUE = ("account_id", "symbol_id", "ref")

PositionRow = tuple[Any, ...]


def position_rows(deals: Iterable[DealRow], *, mode: Mode) -> list[PositionRow]:
    """The positions (COLUMNS) that one symbol's deals (figures.DEAL_COLUMNS) make; other kinds are passed over."""
    fills = [Fill._make(deal[KEY:]) for deal in deals if deal[KIND] == TRADE]
    return [_row(state) for state in build_positions(fills, mode=mode)]


def _row(state: PositionState) -> PositionRow:
    profit, swap, commission, fee, tax = state[10:15]
    return (
        state.symbol,
        state.ref,
        state.side,
        max(state.lots_opened, state.lots_closed),
        state.lots_open,
        _kept(state.open_price),
        _kept(state.close_price),
        state.opened_at,
        state.closed_at,
        profit,
        swap,
        commission,
        fee,
        tax,
        profit + swap + commission + fee + tax,
        len(state.keys),
        state.inferred or state.unopened,
    )


def _kept(price: Decimal | None) -> Decimal | None:
    """An average price as the database keeps it: half-even at its last digit."""
    return None if price is None else price.quantize(bulk.UNIT)


class PositionChanges(NamedTuple):
    """What brings stored positions to those that follow from the deals."""

    gone: list[int]
    new: list[PositionRow]
    changed: list[PositionRow]
    words: list[str]


def compare(wanted: Iterable[PositionRow], stored: Iterable[tuple[Any, ...]]) -> PositionChanges:
    """Stored rows carry their id first. words: one sentence a difference."""
    known = {row[2]: row for row in stored}
    changes = PositionChanges([], [], [], [])
    for row in wanted:
        old = known.pop(row[1], None)
        if old is not None and old[1:] == row:
            continue
        (changes.changed if old else changes.new).append(row)
        what = differences(COLUMNS, old[1:], row) if old else "not stored"
        changes.words.append(f"Position {row[1]}: {what}")
    for old in known.values():
        changes.gone.append(old[0])
        changes.words.append(f"Position {old[2]}: stored, but no deal makes it")
    return changes


def store(account: Account, changes: PositionChanges) -> None:
    """Write them in place by (account, symbol, ref); marks, stops and targets stay as they are."""
    for ids in bulk.chunks(changes.gone, 900):
        Position.objects.filter(id__in=ids).delete()
    columns = ("account_id", "mark_source", *COLUMNS)
    if changes.new:
        bulk.insert(Position, columns, _full(account, changes.new))
    if changes.changed:
        rows = _full(account, changes.changed)
        bulk.insert(Position, columns, rows, unique=UNIQUE, update=COLUMNS[2:])


def _full(account: Account, rows: Iterable[PositionRow]) -> Iterator[tuple[Any, ...]]:
    return ((account.pk, "", *row) for row in rows)
