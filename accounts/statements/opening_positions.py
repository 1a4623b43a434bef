"""The positions that lay before a file's first row: what its lines prove and no real row shows."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from decimal import Decimal
from typing import Any

from django.db.models import Max, Min, Q, Sum

from accounts.booking import NewDeal
from accounts.models import Account, Deal, StatementImport, StatementLine
from accounts.statements import base
from accounts.statements.lines import COLUMNS, FACTS, new_deal, restored
from accounts.statements.matching import SIDE, SYMBOL, VOLUME
from accounts.statements.settling import booked_imports
from tradershub.finance.decimals import ZERO

Fate = StatementLine.Fate
REF, AT, BROKER_TIME = -3, FACTS.index("at"), COLUMNS.index("broker_time")
SECOND = dt.timedelta(seconds=1)

Proof = tuple[StatementLine, tuple[Any, ...]]


def find_positions(
    account: Account, symbol_ids: dict[str, int]
) -> list[tuple[NewDeal, StatementLine]]:
    """The openings of positions that no row shows, each with the line that proves it."""
    order = {statement.pk: n for n, statement in enumerate(booked_imports(account))}
    lines = StatementLine.objects.filter(
        statement_id__in=order, fate__in=(Fate.INFERRED, Fate.SUPERSEDED)
    ).select_related("statement")
    by_holding: dict[tuple[str, str], list[Proof]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: order[line.statement_id]):
        values = restored(line.values)
        by_holding[values[SYMBOL], values[REF]].append((line, values))
    found: list[tuple[NewDeal, StatementLine]] = []
    for (symbol, ref), proofs in by_holding.items():
        infer = _missing_of_ref if ref else _missing_of_symbol
        for line, values in infer(account, symbol_ids[symbol], proofs):
            key = line.key if ref else f"{symbol}:{values[AT]:%Y%m%d%H%M%S}:open"
            found.append((new_deal(key, values, symbol_ids, inferred=True), line))
    return found


def _missing_of_ref(account: Account, symbol_id: int, proofs: list[Proof]) -> list[Proof]:
    """What the real openings of a position leave open of the largest that a file proves."""
    ref = proofs[0][1][REF]
    openings = Deal.objects.filter(
        account=account, symbol_id=symbol_id, entry__in=(base.IN, base.IN_OUT), inferred=False
    )
    if account.mode == Account.Mode.NETTING:
        known = openings.filter(Q(position_ref=ref) | Q(broker_order_id=ref)).exists()
        proofs = [] if known else [proof for proof in proofs if not _is_opened_later(proof)]
    if not proofs:
        return []
    real = openings.filter(position_ref=ref)
    booked = _volume(real)
    shown = {
        line.pk: _volume(real.filter(lines__statement=line.statement_id)) for line, _ in proofs
    }
    line, values = max(proofs, key=lambda proof: proof[1][VOLUME] + shown[proof[0].pk])
    missing = values[VOLUME] + shown[line.pk] - booked
    return [(line, _with_volume(values, missing))] if missing > 0 else []


def _is_opened_later(proof: Proof) -> bool:
    """Whether the position was opened after the file's last row: a report lists those of its print."""
    line, values = proof
    return bool(line.statement.period_to and values[AT] > line.statement.period_to)


def _volume(deals: Any) -> Decimal:
    return deals.aggregate(total=Sum("volume"))["total"] or ZERO


def _with_volume(values: tuple[Any, ...], volume: Decimal, side: str = "") -> tuple[Any, ...]:
    changed = list(values)
    changed[VOLUME] = volume
    changed[SIDE] = side or values[SIDE]
    return tuple(changed)


def _missing_of_symbol(account: Account, symbol_id: int, proofs: list[Proof]) -> list[Proof]:
    """Netting: what must have been held before a file's first row, less what is booked before it."""
    found: list[Proof] = []
    held, held_since = ZERO, None
    for line, values in sorted(proofs, key=lambda proof: _start(proof[0].statement)):
        start = _start(line.statement)
        claimed = values[VOLUME] if values[SIDE] == base.BUY else -values[VOLUME]
        missing = claimed - held - _held_before(account, symbol_id, start)
        if missing:
            side = base.BUY if missing > 0 else base.SELL
            dated = _between_rows(account, symbol_id, values, start=start, after=held_since)
            found.append((line, _with_volume(dated, abs(missing), side)))
            held, held_since = held + missing, dated[AT]
    return found


def _between_rows(
    account: Account,
    symbol_id: int,
    values: tuple[Any, ...],
    *,
    start: dt.datetime,
    after: dt.datetime | None,
) -> tuple[Any, ...]:
    """The opening dated where it belongs: behind all that is booked before the file, ahead of its rows.

    A position's own time may lie outside: rows of other files precede it, or the file shows it only
    reopened. What is held is a matter of order, so the second before the file then stands for it.
    after: the moment of an opening inferred before this one.
    """
    rows = Deal.objects.filter(
        account=account, symbol_id=symbol_id, kind=base.TRADE, inferred=False
    )
    booked = rows.filter(at__lt=start).aggregate(last=Max("at"))["last"]
    following = rows.filter(at__gte=start).aggregate(first=Min("at"))["first"]
    earliest = max((moment for moment in (after, booked) if moment), default=None)
    is_late = following is not None and values[AT] >= following
    if not is_late and (earliest is None or values[AT] > earliest):
        return values
    changed = list(values)
    changed[AT], changed[BROKER_TIME] = start - SECOND, ""
    return tuple(changed)


def _start(statement: StatementImport) -> dt.datetime:
    return dt.datetime.fromisoformat(statement.preview["facts"]["first"])


def _held_before(account: Account, symbol_id: int, moment: dt.datetime) -> Decimal:
    deals = Deal.objects.filter(
        account=account, symbol_id=symbol_id, kind=base.TRADE, at__lt=moment, inferred=False
    )
    sums = deals.aggregate(
        bought=Sum("volume", filter=Q(side=base.BUY)), sold=Sum("volume", filter=Q(side=base.SELL))
    )
    return (sums["bought"] or ZERO) - (sums["sold"] or ZERO)
