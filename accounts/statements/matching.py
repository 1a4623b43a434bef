"""Which rows of a file the books hold already, which of them a person entered by hand, which are new."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection

from accounts import bulk
from accounts.models import Account, Deal, StatementLine
from accounts.statements import base
from accounts.statements.base import Refusal
from accounts.statements.likeness import DAY, Pair, Symbols, one_to_one
from accounts.statements.lines import FACTS, Row, net
from brokers.models import BrokerSymbol

Fate = StatementLine.Fate
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
    confirmed = _confirmed(account, rows, known.keys()) if account else {}
    opened = _opened(account, rows) if account else set()
    for place, row in enumerate(rows):
        fate, deal_id = _fate(made, place, row, known.get(row.key), confirmed.get(place), opened)
        made.fates.append(fate)
        made.deals.append(deal_id)
    return made


def _fate(
    made: Plan,
    place: int,
    row: Row,
    known: Known | None,
    entry: Known | None,
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
    if entry is not None:
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


def _confirmed(account: Account, rows: list[Row], known: Collection[str]) -> dict[int, Known]:
    """The entries by hand that new rows confirm, by the row's place."""
    if not rows or not account.deals.filter(source=Deal.Source.MANUAL).exists():
        return {}
    entries = list(known_deals(account, _UNCONFIRMED, _unconfirmed(account, rows)))
    if not entries:
        return {}
    symbols = Symbols(account)
    waiting: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        waiting[_alike(entry.values, symbols)].append(place)
    pairs = (
        Pair(_unlike(entries[entry], row), entry, place)
        for place, row in enumerate(rows)
        if not row.inferred and row.key not in known
        for entry in waiting.get(_alike(row.values, symbols), ())
        if _may_be(entries[entry], row, symbols)
    )
    return {pair.line: entries[pair.entry] for pair in one_to_one(pairs)}


def _alike(values: tuple[Any, ...], symbols: Symbols) -> tuple[Any, ...]:
    """What an entry and its row have in common. Of money the amount, whatever its kind is called."""
    if values[KIND] != base.TRADE:
        return (values[KIND] == base.CREDIT, net(values))
    return (symbols.identity(values[SYMBOL]), values[SIDE], values[VOLUME])


def _may_be(entry: Known, row: Row, symbols: Symbols) -> bool:
    if abs(entry.values[_AT] - row.at) > DAY:
        return False
    if row.values[KIND] != base.TRADE:
        return True
    entries = {entry.values[ENTRY], row.values[ENTRY]} - {""}
    ours, theirs = entry.values[PRICE], row.values[PRICE]
    return len(entries) < 2 and symbols.is_one_price(ours, theirs, row.values[SYMBOL])


def _unlike(entry: Known, row: Row) -> tuple[Any, ...]:
    """Another kind or name first, then how far apart they are."""
    names = (KIND, SYMBOL)
    others = sum(entry.values[n] != row.values[n] for n in names)
    return (others, abs(entry.values[_AT] - row.at), entry.key)


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
