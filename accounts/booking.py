"""Deals in, positions out: the only writer of both.

Deals are added in bulk; what takes them out leaves a trail. Positions and day figures follow from them: `derive`
recomputes those of some symbols, `rebuild` all of an account and says what differed. Whatever the order of
arrival, the result is the same. Every function locks the account, so that two workers take turns; `add` has it locked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import bulk, kept, trail
from accounts.derivation import bring_up
from accounts.models import Account, BrokerOrder, Deal, Position, StatementImport, StatementLine
from accounts.progress import UNWATCHED, Progress
from tradershub.core.errors import BadInput, Conflict
from tradershub.core.garbage import uncollected
from tradershub.core.prepared import first, prepared
from tradershub.core.validation import bad_input
from tradershub.finance.decimals import ZERO


class NewDeal(NamedTuple):
    """A deal on its way into the books. Money in the account's currency, from the trader's side.

    key: which row of the broker this is, unique in the account (see Deal). at: aware.
    volume: positive lots. position_ref: the broker's position id, or "".
    """

    key: str
    kind: str
    at: dt.datetime
    source: str
    symbol_id: int | None = None
    side: str = ""
    entry: str = ""
    volume: Decimal | None = None
    price: Decimal | None = None
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    fee: Decimal = ZERO
    tax: Decimal = ZERO
    broker_time: str = ""
    broker_deal_id: str = ""
    position_ref: str = ""
    broker_order_id: str = ""
    client_order_id: str = ""
    comment: str = ""
    inferred: bool = False
    reverses_id: int | None = None

    @property
    def amount(self) -> Decimal:
        return self.profit + self.swap + self.commission + self.fee + self.tax


class Booked(NamedTuple):
    """Ids of the deals by key: those that were booked now, and those that had been there before."""

    new: dict[str, int]
    existing: dict[str, int]


def lock(account: Account) -> Account:
    """The account as it is now, ours until the transaction ends. Raises outside of a transaction."""
    found = first(_locked(account))
    if found is None:
        raise Account.DoesNotExist(f"There is no account {account.pk} any more")
    return found


@prepared
def _locked(account: Account) -> QuerySet[Account]:
    mine = Account.objects.select_for_update(of=("self",), no_key=True).select_related("broker")
    return mine.filter(pk=account)


@transaction.atomic
def book(
    account: Account, deals: Iterable[NewDeal], *, statement: StatementImport | None = None
) -> Booked:
    """Add the deals whose keys are not yet in the account; what follows from them is left to `derive`.

    Raises BadInput, and books nothing, for a deal that the books cannot keep exactly or whole.
    """
    return add(lock(account), deals, statement=statement)


def add(
    locked: Account, deals: Iterable[NewDeal], *, statement: StatementImport | None = None
) -> Booked:
    """As `book`, for who has the account from `lock`, and takes back all of it where this raises."""
    keys: dict[str, None] = {}
    head = (locked.pk, locked.currency, statement and statement.pk, timezone.now())
    rows = (_row(deal, head, keys) for deal in deals if deal.key not in keys)
    try:
        new = _inserted(locked, rows)
    except ValidationError as error:
        raise bad_input(error) from error
    return Booked(new, _ids(locked, [key for key in keys if key not in new]))


def _inserted(account: Account, rows: Iterable[tuple[Any, ...]]) -> dict[str, int]:
    """Ids by key of the deals that were not there."""
    rows, few = bulk.told_apart(rows)
    columns, unique = HEAD + NewDeal._fields, ("account_id", "key")
    if few:
        returning = ("key", "id")
        return dict(bulk.insert_few(Deal, columns, list(rows), unique=unique, returning=returning))
    before = first(_last_deal()) or 0
    bulk.insert(Deal, columns, rows, unique=unique if _any_deal(account) else ())
    return dict(_deals_after(account, before))


@prepared
def _last_deal() -> QuerySet[Any]:
    return Deal.objects.order_by("-id").values_list("id", flat=True)[:1]


@prepared
def _any_deal(account: Account) -> QuerySet[Any]:
    return Deal.objects.filter(account=account).order_by().values_list("id", flat=True)[:1]


@prepared
def _deals_after(account: Account, deal: int) -> QuerySet[Any]:
    rows = Deal.objects.filter(account=account, id__gt=deal).order_by()
    return rows.values_list("key", "id")


HEAD = ("account_id", "currency", "statement_id", "booked_at", "amount")


def _row(deal: NewDeal, head: tuple[Any, ...], keys: dict[str, None]) -> tuple[Any, ...]:
    keys[deal.key] = None
    for place, name, longest in TEXTS:
        if len(deal[place]) > longest:
            found = f"{deal[place][:20]}… of {len(deal[place])}"
            raise BadInput(f"{name}: expected at most {longest} characters, found {found}")
    return (*head, deal.amount, *deal)


# Where the texts of a NewDeal stand, and how long each may be: SQLite would not refuse longer ones.
TEXTS = tuple(
    (place, name, longest)
    for place, name in enumerate(NewDeal._fields)
    if (longest := Deal._meta.get_field(name).max_length)
)


def _ids(account: Account, keys: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for chunk in bulk.chunks(keys, 900):
        rows = Deal.objects.filter(account=account, key__in=chunk).values_list("key", "id")
        found.update(rows)
    return found


@transaction.atomic
def remove(account: Account, deal_ids: Collection[int]) -> set[int]:
    """Take deals out: for the undo of an import, and for inferred deals that the real rows replace.

    Returns the symbols to `derive`. Raises Conflict where a deal that stays reverses one that goes,
    LookupError outside of a `trail`.
    """
    lock(account)
    ids, symbols = set(deal_ids), set()
    for chunk in bulk.chunks(ids, 900):
        deals = Deal.objects.filter(account=account, id__in=chunk)
        symbols.update(deals.values_list("symbol_id", flat=True))
        _refuse_reversed(deals, ids)
        _note(deals)
        StatementLine.objects.filter(deal_id__in=chunk).update(deal=None)
        deals._raw_delete(deals.db)  # what refers to deals is dealt with above
    return symbols - {None}


def _note(deals: Any) -> None:
    told = trail.current()
    for key, symbol, *facts in deals.order_by("id").values_list("key", "symbol__name", *FACTS):
        told.remove(key, {"symbol": symbol, **dict(zip(FACTS, facts, strict=True))})


FACTS = ("kind", "side", "volume", "price", "at", "profit", "swap", "commission", "fee", "tax")


def _refuse_reversed(deals: Any, going: set[int]) -> None:
    for deal in deals.filter(reversed_by__isnull=False).select_related("reversed_by"):
        if deal.reversed_by.pk not in going:
            raise Conflict(f"Deal {deal} cannot be taken out: it was reversed by hand")


@transaction.atomic(savepoint=False)
def derive(
    account: Account,
    *,
    symbols: Collection[int] | None,
    since: dt.datetime | None = None,
    progress: Progress = UNWATCHED,
) -> None:
    """Bring positions and day figures of those symbols (None: all) to what the deals say.

    Rows without a symbol are always seen to. since: no deal before that moment was added or removed; with
    it, and symbols named, no more is read than can have changed.
    """
    named = None if symbols is None else {None, *symbols}
    bring_up(lock(account), symbols=named, since=since, progress=progress)


@uncollected()
@transaction.atomic
def rebuild(account: Account, *, check: bool = False) -> list[str]:
    """Recompute everything of the account; what differed from the stored, one sentence each.

    The differences are mended, unless only a check is asked for.
    """
    return bring_up(lock(account), symbols=None, check=check)


class Identity(NamedTuple):
    """What a broker's own row tells of a deal that was booked without it; None leaves it as it is."""

    key: str | None = None
    broker_deal_id: str | None = None
    position_ref: str | None = None
    broker_order_id: str | None = None
    broker_time: str | None = None
    symbol_id: int | None = None


@transaction.atomic
def identify(account: Account, deal_id: int, identity: Identity) -> Identity:
    """Give a deal entered by hand the names that the broker's row proves; returns the names it had.

    Money, volume, price and moment stay. The position that bore the deal's old ref keeps its id and takes
    the new one, and entries by hand that named it name it so. `derive` the symbols afterwards. Raises
    Conflict where another deal has the key.
    """
    lock(account)
    deal = Deal.objects.get(account=account, pk=deal_id)
    changed = {
        n: v for n, v in identity._asdict().items() if v is not None and v != getattr(deal, n)
    }
    before = Identity(**{name: getattr(deal, name) for name in changed})
    key = changed.get("key")
    if key and Deal.objects.filter(account=account, key=key).exists():
        raise Conflict(f"Deal {deal} cannot be the row {key}: that row is booked already")
    old = _Name(deal.symbol_id, deal.position_ref or deal.key)
    for name, value in changed.items():
        setattr(deal, name, value)
    deal.save(update_fields=list(changed))
    kept.forget(account)
    new = _Name(deal.symbol_id, deal.position_ref or deal.key)
    if old != new and deal.kind == Deal.Kind.TRADE:
        _rename_position(account, old, new)
        _name_anew(deal, old, new)
    return before


class _Name(NamedTuple):
    """What names a position within its account."""

    symbol_id: int | None
    ref: str


def _rename_position(account: Account, old: _Name, new: _Name) -> None:
    mine = Position.objects.filter(account=account)
    if not mine.filter(**new._asdict()).exists():
        mine.filter(**old._asdict()).update(**new._asdict())


def _name_anew(deal: Deal, old: _Name, new: _Name) -> None:
    """Orders, and deals by hand that no row confirms, stay with the position that the deal opened."""
    if deal.entry not in (Deal.Entry.IN, Deal.Entry.NONE):
        return
    others = Deal.objects.filter(account=deal.account_id, source=Deal.Source.MANUAL)
    theirs = others.filter(symbol=old.symbol_id, position_ref=old.ref, lines__isnull=True)
    theirs.exclude(pk=deal.pk).update(symbol=new.symbol_id, position_ref=new.ref)
    orders = BrokerOrder.objects.filter(account=deal.account_id, position_ref=old.ref)
    orders.update(position_ref=new.ref)


class Mark(NamedTuple):
    """What a statement or a platform says of an open position. Money in the account's currency.

    volume, open_price: of which lots it speaks; by default of those that are open.
    """

    symbol_id: int
    ref: str
    price: Decimal | None = None
    profit: Decimal | None = None
    swap: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    volume: Decimal | None = None
    open_price: Decimal | None = None
    trailing_distance: Decimal | None = None
    stops_differ: bool = False


@transaction.atomic
def mark(account: Account, marks: Iterable[Mark], *, at: dt.datetime, source: str) -> int:
    """Keep the marks on the open positions they name, unless a later one is kept; how many were kept."""
    lock(account)
    wanted = {(mark.symbol_id, mark.ref): mark for mark in marks}
    kept = []
    for position in Position.objects.filter(account=account, open_volume__gt=0):
        found = wanted.get((position.symbol_id, position.ref))
        if found is None or (position.mark_at and position.mark_at > at):
            continue
        position.mark_price, position.mark_profit, position.mark_swap = found[2:5]
        position.stop_loss, position.take_profit = found.stop_loss, found.take_profit
        position.trailing_distance = found.trailing_distance
        position.stops_differ = found.stops_differ
        if position.first_stop is None:
            position.first_stop = found.stop_loss
        position.mark_volume = found.volume or position.open_volume
        position.mark_open_price = found.open_price or position.open_price
        position.mark_at, position.mark_source = at, source
        kept.append(position)
    bulk.change(Position, MARK_FIELDS, [_mark_row(position) for position in kept])
    return len(kept)


def _mark_row(position: Position) -> tuple[Any, ...]:
    return (*(getattr(position, name) for name in MARK_FIELDS), position.pk)


MARK_FIELDS = (
    "mark_volume", "mark_open_price", "mark_price", "mark_profit", "mark_swap", "stop_loss",
    "take_profit", "first_stop", "trailing_distance", "stops_differ", "mark_at",
    "mark_source",
)  # fmt: skip


@transaction.atomic
def unmark(account: Account, *, source: str) -> int:
    """Take back the marks of that source, as the undo of an import must; how many there were."""
    lock(account)
    empty = dict.fromkeys(MARK_FIELDS, None) | {"stops_differ": False, "mark_source": ""}
    return Position.objects.filter(account=account, mark_source=source).update(**empty)
