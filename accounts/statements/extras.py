"""Orders, marks of open positions, and snapshots: what a file says besides the rows that change money.

They are kept with each file, so that what the books show is always what the latest booked file says.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from decimal import Decimal
from itertools import islice
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from accounts import booking, bulk, figures, kept
from accounts.booking import Mark
from accounts.models import (
    Account,
    BrokerOrder,
    Deal,
    EquitySnapshot,
    Position,
    StatementExtras,
    StatementImport,
)
from accounts.statements.base import OpenPositionLine, OrderLine, Statement
from accounts.statements.clock import moment
from accounts.statements.likeness import DAY, Pair, Symbols, one_to_one
from accounts.statements.lines import plain, used_up
from accounts.statements.settling import booked_imports
from brokers.models import BrokerSymbol
from tradershub.finance.decimals import ZERO

SOURCE = "statement"
MARKED_BY = "Statement "
State = BrokerOrder.State
STATES = {
    "filled": State.FILLED,
    "canceled": State.CANCELLED,
    "cancelled": State.CANCELLED,
    "deleted": State.CANCELLED,
    "expired": State.EXPIRED,
    "rejected": State.REJECTED,
    "partial": State.PARTIAL,
    "placed": State.WORKING,
    "working": State.WORKING,
    "started": State.WORKING,
}
TYPES = {"stop limit": BrokerOrder.Type.STOP_LIMIT.value}
COLUMNS = (
    "broker_order_id", "symbol", "type", "side", "volume", "filled", "price", "stop_loss",
    "take_profit", "state", "placed_at", "done_at", "comment",
)  # fmt: skip
ID, SYMBOL, TYPE, SIDE, VOLUME, PRICE, PLACED_AT = (
    COLUMNS.index(name)
    for name in ("broker_order_id", "symbol", "type", "side", "volume", "price", "placed_at")
)
DECIMALS = frozenset({"volume", "filled", "price", "stop_loss", "take_profit"})
MOMENTS = frozenset({"placed_at", "done_at"})
STORED = tuple("symbol_id" if name == "symbol" else name for name in COLUMNS)
INSERTED = ("account_id", "statement_id", "source", "bracket", "position_ref", *STORED)
LONGEST_ID = 64

OrderRow = tuple[Any, ...]
# [source, what the order said in the terms of COLUMNS, as texts, the id that a statement gave it]
Replaced = list[Any]


def order_rows(statement: Statement, zone: dt.tzinfo) -> list[OrderRow]:
    """The orders of a file that the books can keep, in the terms of COLUMNS, each id once.

    The statement is left without its orders, so that memory holds a large file once.
    """
    rows: dict[str, OrderRow] = {}
    for order in used_up(statement.orders):
        placed = moment(order.time_text, zone)
        if placed and order.order_id and order.symbol and order.volume > 0:
            rows[order.order_id] = _order_row(order, placed, zone)
    return list(rows.values())


def _order_row(order: OrderLine, placed: dt.datetime, zone: dt.tzinfo) -> OrderRow:
    done = placed if order.done_time_text == order.time_text else moment(order.done_time_text, zone)
    state = STATES.get(order.state.lower().strip())
    if state is None:
        state = State.CANCELLED if done else State.WORKING
    return (
        order.order_id[:LONGEST_ID], order.symbol, TYPES.get(order.type, order.type), order.side,
        order.volume, order.filled, order.price, order.stop_loss, order.take_profit,
        state.value, placed, done, order.comment.replace("\0", "")[:300],
    )  # fmt: skip


def keep(imported: StatementImport, statement: Statement, orders: list[OrderRow]) -> None:
    """Store the orders and open positions of the file beside it."""
    positions = [_position(line) for line in statement.open_positions]
    _save(imported, orders, {"positions": positions})


def _save(imported: StatementImport, orders: Iterable[OrderRow], rest: dict[str, Any]) -> None:
    """Compressed lines of JSON: first all but the orders, then an order a line."""
    squeeze, data = zlib.compressobj(1), bytearray()
    data += squeeze.compress(_line(rest))
    for chunk in bulk.chunks(orders, 1000):
        data += squeeze.compress("".join(map(_order_line, chunk)).encode())
    data += squeeze.flush()
    StatementExtras.objects.update_or_create(statement=imported, defaults={"data": bytes(data)})


def _order_line(row: OrderRow) -> str:
    """A JSON list, as json itself would write it more slowly."""
    return f"[{','.join(map(_as_json, row))}]\n"


def _as_json(value: Any) -> str:
    if value is None:
        return "null"
    return encode_basestring_ascii(value) if isinstance(value, str) else f'"{_text(value)}"'


def _line(content: Any) -> bytes:
    return _json(content).encode() + b"\n"


_json = json.JSONEncoder(separators=(",", ":")).encode


def _position(line: OpenPositionLine) -> dict[str, str]:
    values = {
        "ref": line.position_ref, "symbol": line.symbol, "side": line.side,
        "volume": line.volume, "open_price": line.open_price, "price": line.market_price, "profit": line.profit,
        "swap": line.swap, "stop_loss": line.stop_loss, "take_profit": line.take_profit,
    }  # fmt: skip
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, dt.datetime) else value


def load(imported: StatementImport) -> dict[str, Any]:
    """What `keep` stored besides orders: open positions as texts by name, orders it replaced."""
    return next(_stored_lines(imported), None) or {"positions": []}


def load_orders(imported: StatementImport, wanted: Collection[str]) -> list[OrderRow]:
    """The file's orders of these ids."""
    lines = islice(_stored_lines(imported), 1, None)
    return [_order(texts) for texts in lines if texts[0] in wanted]


def _stored_lines(imported: StatementImport) -> Iterator[Any]:
    found = StatementExtras.objects.filter(statement=imported).first()
    if found is not None:
        yield from map(json.loads, zlib.decompress(bytes(found.data)).splitlines())


def _order(texts: list[Any]) -> OrderRow:
    return tuple(
        Decimal(text) if name in DECIMALS and text is not None
        else dt.datetime.fromisoformat(text) if name in MOMENTS and text is not None
        else text
        for name, text in zip(COLUMNS, texts, strict=True)
    )  # fmt: skip


def book_orders(account: Account, imported: StatementImport, rows: list[OrderRow]) -> None:
    """Insert the orders; one that the books have takes what the file says, unless a later file said more.

    One entered by hand without the broker's number is the file's order that equals it, and takes its number.
    """
    order = {statement.pk: n for n, statement in enumerate(booked_imports(account))}
    names = dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("id", "name"))
    has_orders = account.orders.exists()
    entered = _entered(account, rows, names) if has_orders else {}
    changed: list[OrderRow] = []
    foreign: list[tuple[Known, str]] = []
    for chunk in bulk.chunks(rows, 900):
        known = _known(account, [row[ID] for row in chunk], names) if has_orders else {}
        for row in chunk:
            before = known.get(row[ID]) or entered.get(row[ID])
            if before and not _is_news(before, row, order, order[imported.pk]):
                continue
            changed.append(row)
            if before and before.statement_id is None:
                foreign.append((before, row[ID]))
    _remember(imported, rows, foreign)
    for number, before in entered.items():
        _rename(account, before.said[ID], number)
    _write(account, imported, changed, are_new=not has_orders)


class Known(NamedTuple):
    """An order in the books: whose word it is, and what it says in the terms of COLUMNS."""

    statement_id: int | None
    source: str
    said: OrderRow


def _is_news(before: Known, row: OrderRow, order: dict[int, int], mine: int) -> bool:
    said_by = order.get(before.statement_id, -1) if before.statement_id else -1
    return before.said != row and said_by <= mine


def _known(account: Account, ids: list[str], names: dict[int, str]) -> dict[str, Known]:
    where = f"account_id = %s AND broker_order_id IN ({', '.join(['%s'] * len(ids))})"
    columns = ("statement_id", "source", *STORED)
    found = bulk.select(BrokerOrder, columns, where=where, params=[account.pk, *ids])
    return {row[2]: Known(row[0], row[1], (row[2], names[row[3]], *row[4:])) for row in found}


def _entered(account: Account, rows: list[OrderRow], names: dict[int, str]) -> dict[str, Known]:
    """The orders by hand without the broker's number that new ones of the file equal, by its number."""
    mine = BrokerOrder.objects.filter(account=account, broker_order_id__startswith=BrokerOrder.OWN)
    waiting = mine.filter(source=Deal.Source.MANUAL).values_list("broker_order_id", flat=True)
    ids = [number for number in waiting if number.startswith(f"{BrokerOrder.OWN}-")]
    entries = [e for chunk in bulk.chunks(ids, 900) for e in _known(account, chunk, names).values()]
    if not entries:
        return {}
    symbols = Symbols(account)
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for place, entry in enumerate(entries):
        alike[_look(entry.said, symbols)].append(place)
    numbers = set(account.orders.values_list("broker_order_id", flat=True))
    pairs = (
        Pair(_unlike(entries[entry].said, row), entry, place)
        for place, row in enumerate(rows)
        if row[ID] not in numbers
        for entry in alike.get(_look(row, symbols), ())
        if _may_be(entries[entry].said, row, symbols)
    )
    return {rows[pair.line][ID]: entries[pair.entry] for pair in one_to_one(pairs)}


def _look(order: OrderRow, symbols: Symbols) -> tuple[Any, ...]:
    return (symbols.identity(order[SYMBOL]), order[TYPE], order[SIDE], order[VOLUME])


def _may_be(ours: OrderRow, theirs: OrderRow, symbols: Symbols) -> bool:
    if abs(ours[PLACED_AT] - theirs[PLACED_AT]) > DAY:
        return False
    if ours[PRICE] is None or theirs[PRICE] is None:
        return ours[TYPE] == BrokerOrder.Type.MARKET or ours[PRICE] == theirs[PRICE]
    return symbols.is_one_price(ours[PRICE], theirs[PRICE], theirs[SYMBOL])


def _unlike(ours: OrderRow, theirs: OrderRow) -> tuple[Any, ...]:
    """Another name first, then how far apart they were placed."""
    return (ours[SYMBOL] != theirs[SYMBOL], abs(ours[PLACED_AT] - theirs[PLACED_AT]), ours[ID])


def _rename(account: Account, old: str, new: str) -> None:
    BrokerOrder.objects.filter(account=account, broker_order_id=old).update(broker_order_id=new)


def _remember(
    imported: StatementImport, orders: list[OrderRow], foreign: list[tuple[Known, str]]
) -> None:
    """Keep what an order said that no statement brought, before a statement's word replaces it."""
    if foreign:
        replaced = [[e.source, [_text(value) for value in e.said], number] for e, number in foreign]
        _save(imported, orders, load(imported) | {"replaced": replaced})


def _write(
    account: Account,
    imported: StatementImport | None,
    rows: Iterable[OrderRow],
    source: str = SOURCE,
    *,
    are_new: bool = False,
) -> None:
    ids = dict(BrokerSymbol.objects.filter(broker=account.broker_id).values_list("name", "id"))
    head = (account.pk, imported and imported.pk, source, "", "")
    full = ((*head, row[0], ids[row[1]], *row[2:]) for row in rows)
    changing = ("statement_id", "source", *INSERTED[6:])
    unique = () if are_new else ("account_id", "broker_order_id")
    bulk.insert(BrokerOrder, INSERTED, full, unique=unique, update=changing)
    kept.forget(account)


def unbook_orders(account: Account, imported: StatementImport) -> None:
    """Take back what this file said of orders: the latest other file that has one speaks, else it goes."""
    mine = BrokerOrder.objects.filter(account=account, statement=imported)
    waiting = set(mine.values_list("broker_order_id", flat=True))
    replaced = load(imported).get("replaced", [])
    inherited: list[Replaced] = []
    for other in reversed(booked_imports(account)):
        if not waiting:
            break
        if other.pk != imported.pk:
            rows = load_orders(other, waiting)
            _write(account, other, rows)
            waiting -= {row[0] for row in rows}
    for entry in replaced:
        source, texts, number = entry[0], entry[1], _number(entry)
        if number in waiting:
            _rename(account, number, texts[ID])
            _write(account, None, [_order(texts)], source)
            waiting.discard(number)
        else:
            inherited.append(entry)
    _hand_on(account, inherited)
    for chunk in bulk.chunks(waiting, 900):
        BrokerOrder.objects.filter(account=account, broker_order_id__in=chunk).delete()
    kept.forget(account)


def _number(entry: Replaced) -> str:
    """The id that a replaced order bears now; before orders without a number were matched, always its own."""
    return str(entry[2] if len(entry) > 2 else entry[1][ID])


def _hand_on(account: Account, inherited: list[Replaced]) -> None:
    """Keep what orders said before any statement with the file that speaks for each of them now."""
    ids = [_number(entry) for entry in inherited]
    speakers = BrokerOrder.objects.filter(account=account, broker_order_id__in=ids)
    by_order = {order.broker_order_id: order.statement for order in speakers if order.statement}
    by_file: dict[StatementImport, list[Replaced]] = defaultdict(list)
    for entry in inherited:
        if _number(entry) in by_order:
            by_file[by_order[_number(entry)]].append(entry)
    for heir, replaced in by_file.items():
        kept = load(heir)
        orders = map(_order, islice(_stored_lines(heir), 1, None))
        _save(heir, orders, kept | {"replaced": [*kept.get("replaced", []), *replaced]})


def settle_marks(account: Account) -> None:
    """Mark the open positions as the latest booked file does; older statements' marks go."""
    marked = Position.objects.filter(account=account, mark_source__startswith=MARKED_BY)
    for source in set(marked.values_list("mark_source", flat=True)):
        booking.unmark(account, source=source)
    files = booked_imports(account)
    latest = next((f for f in reversed(files) if "snapshot_at" in f.preview.get("facts", {})), None)
    if latest is None:
        return
    at = dt.datetime.fromisoformat(latest.preview["facts"]["snapshot_at"])
    booking.mark(account, _marks(account, latest, at), at=at, source=marked_by(latest))


def marked_by(imported: StatementImport) -> str:
    return f"{MARKED_BY}{imported.file_name}"[:60]


def _marks(account: Account, imported: StatementImport, at: dt.datetime) -> list[Mark]:
    held = Position.objects.filter(account=account, open_volume__gt=0).select_related("symbol")
    by_ref = {(p.symbol.name, p.ref): p for p in held}
    nets = account.mode == Account.Mode.NETTING  # one position a symbol, whatever its volume now
    by_look: dict[tuple[Any, ...], list[Position]] = defaultdict(list)
    for position in held:
        look = (position.symbol.name, position.side)
        by_look[look if nets else (*look, position.open_volume)].append(position)
    marks: dict[int, Mark] = {}
    grown = _opened_after(account, at)
    for line in load(imported)["positions"]:
        look = (line["symbol"], line["side"])
        alike = by_look[look if nets else (*look, Decimal(line["volume"]))]
        position = by_ref.get((line["symbol"], line["ref"])) or (
            alike[0] if len(alike) == 1 else None
        )
        if position:
            marked = _mark(position, line, marks.get(position.pk))
            if position.symbol_id in grown:
                marked = marked._replace(open_price=_opening_of(line, position))
            marks[position.pk] = marked
    return list(marks.values())


def _opened_after(account: Account, at: dt.datetime) -> set[int | None]:
    """The symbols of which lots were opened since, so that a position may be another than the file's."""
    later = Deal.objects.filter(account=account, kind=Deal.Kind.TRADE, at__gt=at)
    return set(later.exclude(entry=Deal.Entry.OUT).values_list("symbol_id", flat=True))


def _opening_of(line: dict[str, str], position: Position) -> Decimal | None:
    """The file's opening price, or ours where it is that one rounded."""
    theirs = Decimal(line.get("open_price", 0))
    if not theirs or position.open_price is None:
        return None
    digit = Decimal(1).scaleb(min(int(theirs.as_tuple().exponent), 0))
    return position.open_price if abs(position.open_price - theirs) <= digit else theirs


def _mark(position: Position, line: dict[str, str], before: Mark | None) -> Mark:
    """The mark of a line; several lines of one position add up."""
    number = {name: Decimal(line[name]) for name in DECIMALS | {"profit", "swap"} if name in line}
    profit, swap = number.get("profit", ZERO), number.get("swap", ZERO)
    return Mark(
        position.symbol_id,
        position.ref,
        number.get("price"),
        profit + (before.profit or ZERO if before else ZERO),
        swap + (before.swap or ZERO if before else ZERO),
        number.get("stop_loss"),
        number.get("take_profit"),
        number["volume"] + (before.volume or ZERO if before else ZERO),
    )


def settle_snapshots(account: Account) -> None:
    """One mark of equity at the end of each booked file that prints it; the latest word at one moment."""
    wanted: dict[dt.datetime, StatementImport] = {}
    for imported in booked_imports(account):
        facts = imported.preview.get("facts", {})
        if "equity" in facts.get("snapshot", {}) and "balance" in facts["snapshot"]:
            wanted[dt.datetime.fromisoformat(facts["snapshot_at"])] = imported
    mine = EquitySnapshot.objects.filter(account=account, source=EquitySnapshot.Source.STATEMENT)
    mine.exclude(at__in=list(wanted)).delete()
    for at, imported in wanted.items():
        figure = {k: Decimal(v) for k, v in imported.preview["facts"]["snapshot"].items()}
        figures.snapshot(account, at=at, source=SOURCE, statement=imported, **figure)
