"""Which rows of a file the books hold already, which of them a person entered by hand, which are new."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from accounts import bulk
from accounts.models import Account, Deal, StatementLine
from accounts.statements import base
from accounts.statements.base import Refusal
from accounts.statements.lines import FACTS, Row, net
from brokers.models import BrokerSymbol
from tradershub.finance.decimals import ZERO

Fate = StatementLine.Fate
DAY = dt.timedelta(days=1)
ORDERS = frozenset({"orders", "working"})  # their rows change no money
DEAL_COLUMNS = (
    "id", "key", "source", "inferred", "kind", "symbol_id", "side", "entry", "volume", "price",
    "profit", "swap", "commission", "fee", "tax", "at", "broker_time", "broker_deal_id",
    "position_ref", "broker_order_id", "comment",
)  # fmt: skip
KIND, SYMBOL, SIDE, ENTRY, VOLUME, PRICE = (
    FACTS.index(name) for name in ("kind", "symbol", "side", "entry", "volume", "price")
)


class Known(NamedTuple):
    """A deal in the books, in the terms of `lines.COLUMNS`."""

    id: int
    key: str
    source: str
    inferred: bool
    values: tuple[Any, ...]


@dataclass(slots=True)
class Plan:
    """What will become of each row; `fates` and `deals` run beside `rows`.

    deals: the id of the deal that a row meets. unsettled: deals of which the row says something else
    or more than the books. replaced: inferred deals whose real rows have come.
    was: what a deal that is not a statement's says before the row changes it, by the row's place.
    """

    rows: list[Row]
    refusals: list[Refusal]
    fates: list[str] = field(default_factory=list)
    deals: list[int | None] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)
    replaced: set[int] = field(default_factory=set)
    was: dict[int, Known] = field(default_factory=dict)

    def counts(self) -> dict[str, int]:
        """How many rows that change money meet each fate; a row of the file counts once."""
        by_row: dict[tuple[str, int], str] = {}
        for row, fate in zip(self.rows, self.fates, strict=True):
            if not row.inferred and row.section != "open":
                place = (row.section, row.row)
                by_row[place] = min(by_row.get(place, fate), fate, key=STRENGTH.index)
        tally = Counter(by_row.values())
        inferred = sum(fate == Fate.INFERRED for fate in self.fates)
        refused = {(line.section, line.row) for line in self.refusals if line.section not in ORDERS}
        return {
            "read": len(by_row) + len(refused),
            "booked": tally[Fate.BOOKED],
            "confirmed": tally[Fate.CONFIRMED],
            "duplicate": tally[Fate.DUPLICATE],
            "inferred": inferred,
            "refused": len(refused),
        }


STRENGTH = (Fate.CONFIRMED, Fate.BOOKED, Fate.DUPLICATE, Fate.INFERRED, Fate.SUPERSEDED)


def plan(account: Account | None, rows: list[Row], refusals: list[Refusal]) -> Plan:
    """Compare the rows with the books of the account; without one all are new. Writes nothing."""
    made = Plan(rows, refusals)
    known = {deal.key: deal for deal in _known(account, rows)} if account else {}
    by_hand = _ByHand(account, rows) if account else None
    opened = _opened(account, rows) if account else set()
    for place, row in enumerate(rows):
        fate, deal_id = _fate(made, place, row, known.get(row.key), by_hand, opened)
        made.fates.append(fate)
        made.deals.append(deal_id)
    return made


def _fate(
    made: Plan,
    place: int,
    row: Row,
    known: Known | None,
    by_hand: _ByHand | None,
    opened: set[tuple[str, str]],
) -> tuple[str, int | None]:
    if row.inferred:
        is_real = (row.values[SYMBOL], row.values[-3]) in opened
        return (Fate.SUPERSEDED if is_real else Fate.INFERRED), None
    if known is not None and known.inferred:
        made.replaced.add(known.id)
        return Fate.BOOKED, None
    if known is not None:
        if known.values != row.values:
            made.unsettled.add(known.id)
            if known.source != Deal.Source.STATEMENT:
                made.was[place] = known
        return Fate.DUPLICATE, known.id
    if by_hand and (entry := by_hand.take(row)):
        made.was[place] = entry
        made.unsettled.add(entry.id)
        return Fate.CONFIRMED, entry.id
    return Fate.BOOKED, None


def _known(account: Account, rows: list[Row]) -> Iterator[Known]:
    """The deals of the account that have the key of a row."""
    if not account.deals.exists():
        return
    for chunk in bulk.chunks((row.key for row in rows), 900):
        places = ", ".join(["%s"] * len(chunk))
        yield from known_deals(
            account, f"account_id = %s AND key IN ({places})", [account.pk, *chunk]
        )


def known_deals(account: Account, where: str, params: list[Any]) -> Iterator[Known]:
    names = dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("id", "name"))
    for number, key, source, inferred, kind, symbol, *rest in bulk.select(
        Deal, DEAL_COLUMNS, where=where, params=params
    ):
        values = (kind, names.get(symbol, ""), *rest)
        yield Known(number, key, source, inferred, values)


def _opened(account: Account, rows: list[Row]) -> set[tuple[str, str]]:
    """Symbol and ref of the positions among the inferred rows whose real opening is in the books."""
    refs = [row.values[-3] for row in rows if row.inferred and row.values[-3]]
    found: set[tuple[str, str]] = set()
    for chunk in bulk.chunks(refs, 900):
        deals = Deal.objects.filter(
            account=account, position_ref__in=chunk, entry=base.IN, inferred=False
        )
        found.update(deals.values_list("symbol__name", "position_ref"))
    return found


class _ByHand:
    """The entries by hand that no row has confirmed yet."""

    def __init__(self, account: Account, rows: list[Row]) -> None:
        self.waiting: dict[tuple[Any, ...], list[Known]] = defaultdict(list)
        self.steps: dict[str, Decimal] = {}
        if not rows or not account.deals.filter(source=Deal.Source.MANUAL).exists():
            return
        for deal in known_deals(account, _UNCONFIRMED, _unconfirmed(account, rows)):
            self.waiting[_alike(deal.values)].append(deal)
        ticks = BrokerSymbol.objects.filter(broker=account.broker_id, instrument__isnull=False)
        self.steps = dict(ticks.values_list("name", "instrument__tick_size"))

    def take(self, row: Row) -> Known | None:
        """The nearest entry that equals the row, which then waits no longer."""
        waiting = self.waiting.get(_alike(row.values)) if self.waiting else None
        equal = [deal for deal in waiting or () if self._equals(deal, row)]
        if not waiting or not equal:
            return None
        nearest = min(equal, key=lambda deal: (abs(deal.values[_AT] - row.at), deal.key))
        waiting.remove(nearest)
        return nearest

    def _equals(self, deal: Known, row: Row) -> bool:
        if abs(deal.values[_AT] - row.at) > DAY:
            return False
        if row.values[KIND] != base.TRADE:
            return net(deal.values) == net(row.values)
        ours, theirs = deal.values[PRICE], row.values[PRICE]
        entries = {deal.values[ENTRY], row.values[ENTRY]} - {""}
        return len(entries) < 2 and abs(ours - theirs) <= self._step(row)

    def _step(self, row: Row) -> Decimal:
        """The price step of the instrument; where nobody has said which it is, the last digit printed."""
        digit = Decimal(1).scaleb(min(int(row.values[PRICE].as_tuple().exponent), 0))
        return max(self.steps.get(row.values[SYMBOL], ZERO), digit)


_AT = FACTS.index("at")
_UNCONFIRMED = (
    "account_id = %s AND source = %s AND at BETWEEN %s AND %s AND reverses_id IS NULL"
    " AND NOT EXISTS (SELECT 1 FROM accounts_deal other WHERE other.reverses_id = accounts_deal.id)"
    " AND NOT EXISTS (SELECT 1 FROM accounts_statementline l WHERE l.deal_id = accounts_deal.id)"
)


def _unconfirmed(account: Account, rows: Iterable[Row]) -> list[Any]:
    moments = [row.at for row in rows]
    stored = connection.ops.adapt_datetimefield_value
    return [
        account.pk,
        Deal.Source.MANUAL.value,
        stored(min(moments) - DAY),
        stored(max(moments) + DAY),
    ]


def _alike(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if values[KIND] != base.TRADE:
        return (values[KIND],)
    return (values[KIND], values[SYMBOL].upper(), values[SIDE], values[VOLUME])
