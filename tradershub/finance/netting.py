"""Positions out of fills: hedging, netting (average price) and first-in-first-out.

A pure fold. Fills are sorted here by (moment, key in natural order), so the order of arrival does
not matter, and every cent of every fill ends in exactly one position.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Literal, NamedTuple

from tradershub.finance.decimals import ZERO, split
from tradershub.finance.sides import OPPOSITE, Side

Entry = Literal["in", "out", "inout", "out_by", ""]
Mode = Literal["hedging", "netting", "fifo"]

_MOMENT = attrgetter("at")
_DIGITS = re.compile(r"([0-9]{1,100})")


class Fill(NamedTuple):
    """One execution as the broker booked it.

    key: the deal's id. ref: the broker's position id, or "". side: of the deal, not the position.
    entry: what the broker says it did; "" where it does not say. lots: never negative. at: aware.
    profit, swap, commission, fee, tax: signed from the trader's side, costs negative.
    inferred: the fill was concluded from other facts, not read.
    """

    key: str
    ref: str
    symbol: str
    side: Side
    entry: Entry
    lots: Decimal
    price: Decimal
    at: datetime
    profit: Decimal = ZERO
    swap: Decimal = ZERO
    commission: Decimal = ZERO
    fee: Decimal = ZERO
    tax: Decimal = ZERO
    inferred: bool = False


class PositionState(NamedTuple):
    """A holding as its fills leave it. Prices are unrounded averages weighted by lots.

    open_price: of the lots still held (netting: their average); once closed, of all
    its openings; None where no opening is known. close_price: of all its closings, None before the
    first. opened_at: the first moment known. closed_at: None while lots are open.
    unopened: the fills close more than they open; the missing opening has to be reported.
    """

    ref: str
    symbol: str
    side: Side
    lots_opened: Decimal
    lots_open: Decimal
    lots_closed: Decimal
    open_price: Decimal | None
    close_price: Decimal | None
    opened_at: datetime
    closed_at: datetime | None
    profit: Decimal
    swap: Decimal
    commission: Decimal
    fee: Decimal
    tax: Decimal
    keys: tuple[str, ...]
    inferred: bool
    unopened: bool

    @property
    def net(self) -> Decimal:
        """Everything the position earned or cost, in the account's currency."""
        return self.profit + self.swap + self.commission + self.fee + self.tax


class Amounts(NamedTuple):
    """The five amounts of a fill, or one position's part of them."""

    profit: Decimal
    swap: Decimal
    commission: Decimal
    fee: Decimal
    tax: Decimal


class Part(NamedTuple):
    """What is held of the openings of one ref. cost: lots times price."""

    lots: Decimal
    cost: Decimal

    def less(self, lots: Decimal) -> "Part":
        left = self.lots - lots
        return Part(left, self.cost * left / self.lots if self.lots else ZERO)


class Holding:
    """A position while it is being built.

    named: the ref of its openings while they have one; parts: what is held by ref where they have several.
    """

    __slots__ = (
        "closed", "closed_value", "commission", "fee", "held", "held_cost", "inferred", "keys",
        "last_at", "named", "opened", "opened_at", "opened_cost", "parts", "profit", "ref", "side",
        "swap", "symbol", "tax", "unopened",
    )  # fmt: skip

    def __init__(self, fill: Fill, *, ref: str, side: Side) -> None:
        self.ref, self.symbol, self.side = ref, fill.symbol, side
        self.opened = self.held = self.closed = ZERO
        self.opened_cost = self.held_cost = self.closed_value = ZERO
        self.profit = self.swap = self.commission = self.fee = self.tax = ZERO
        self.opened_at = self.last_at = fill.at
        self.keys: list[str] = []
        self.inferred = self.unopened = False
        self.named, self.parts = fill.ref, dict[str, Part]()

    def open(self, fill: Fill, lots: Decimal) -> None:
        cost = lots * fill.price
        if self.parts or fill.ref != self.named:
            self._tell_apart(fill.ref, Part(lots, cost))
        self.opened += lots
        self.opened_cost += cost
        self.held += lots
        self.held_cost += cost

    def close(self, fill: Fill, lots: Decimal) -> None:
        """Take lots off at the fill's price: of the opening that it names among others, else of all alike.

        Of all alike, the average price of what stays does not change.
        """
        self.closed += lots
        self.closed_value += lots * fill.price
        if lots >= self.held:
            self.held = self.held_cost = ZERO
            self.parts.clear()
            return
        left = self.held - lots
        part = self.parts.get(fill.ref)
        if part is not None and lots <= part.lots:
            self.parts[fill.ref] = part.less(lots)
            self.held_cost -= part.cost - self.parts[fill.ref].cost
        else:
            self.parts = {
                ref: one.less(one.lots * lots / self.held) for ref, one in self.parts.items()
            }
            self.held_cost = self.held_cost * left / self.held
        self.held = left

    def _tell_apart(self, ref: str, part: Part) -> None:
        if not self.held:
            self.named = ref
            return
        if not self.parts:
            self.parts = {self.named: Part(self.held, self.held_cost)}
        old = self.parts.get(ref, Part(ZERO, ZERO))
        self.parts[ref] = Part(old.lots + part.lots, old.cost + part.cost)

    def book(self, fill: Fill) -> None:
        """Take all the money of a fill."""
        self.book_part(fill, fill)

    def book_part(self, fill: Fill, part: Fill | Amounts) -> None:
        """Take this position's part of the money of a fill."""
        self.profit += part.profit
        self.swap += part.swap
        self.commission += part.commission
        self.fee += part.fee
        self.tax += part.tax
        self.keys.append(fill.key)
        self.last_at = fill.at
        self.inferred = self.inferred or fill.inferred

    def state(self) -> PositionState:
        if self.held:
            price: Decimal | None = self.held_cost / self.held
        else:
            price = self.opened_cost / self.opened if self.opened else None
        return PositionState(
            self.ref,
            self.symbol,
            self.side,
            self.opened,
            self.held,
            self.closed,
            price,
            self.closed_value / self.closed if self.closed else None,
            self.opened_at,
            None if self.held else self.last_at,
            self.profit,
            self.swap,
            self.commission,
            self.fee,
            self.tax,
            tuple(self.keys),
            self.inferred,
            self.unopened or self.closed > self.opened,
        )


class Book:
    """All holdings of an account, in the order in which they were opened."""

    def __init__(self) -> None:
        self.holdings: dict[str, Holding] = {}
        self.queues: dict[tuple[str, Side], deque[Holding]] = {}

    def add(self, fill: Fill, *, side: Side) -> Holding:
        """A new holding under the broker's ref, else the fill's key."""
        holding = Holding(fill, ref=self._free_ref(fill), side=side)
        self.holdings[holding.ref] = holding
        return holding

    def _free_ref(self, fill: Fill) -> str:
        wanted = fill.ref or fill.key
        if wanted not in self.holdings:
            return wanted
        wanted, copy = fill.key, 1
        while wanted in self.holdings:
            copy += 1
            wanted = f"{fill.key}#{copy}"
        return wanted

    def open(self, fill: Fill, lots: Decimal) -> Holding:
        """A new holding of `lots` on the fill's side, last in its queue."""
        holding = self.add(fill, side=fill.side)
        holding.open(fill, lots)
        self.enqueue(holding)
        return holding

    def enqueue(self, holding: Holding) -> None:
        self.queues.setdefault((holding.symbol, holding.side), deque()).append(holding)

    def oldest(self, symbol: str, side: Side) -> Holding | None:
        """The first holding on that side that still has lots."""
        queue = self.queues.get((symbol, side))
        while queue:
            if queue[0].held > 0:
                return queue[0]
            queue.popleft()
        return None

    def unopened(self, fill: Fill, lots: Decimal) -> Holding:
        """A holding of which only the closing is known."""
        holding = self.add(fill, side=OPPOSITE[fill.side])
        holding.close(fill, lots)
        holding.unopened = True
        return holding


def build_positions(fills: Iterable[Fill], *, mode: Mode) -> list[PositionState]:
    """The positions that the fills make, in the order of their opening.

    hedging: fills with a ref belong to that position, one `in` without ref opens one, one `out`
    without ref closes the oldest of the other side. netting: one position a symbol at the average
    price of what is held, of which a closing that names one of its openings takes that one's lots.
    fifo: each opening is a position, the oldest is closed first (NFA 2-43).
    The sum of each money column over the result equals its sum over the fills. Never raises for
    a history that does not add up: what closes too much is flagged `unopened`.
    """
    book = Book()
    step = _STEPS[mode]
    for fill in in_order(fills):
        step(book, fill)
    return [holding.state() for holding in book.holdings.values()]


def in_order(fills: Iterable[Fill]) -> list[Fill]:
    """The fills by moment, those of one moment by key in natural order."""
    ordered = sorted(fills, key=_MOMENT)
    first = 0
    for place in range(1, len(ordered) + 1):
        if place < len(ordered) and ordered[place].at == ordered[first].at:
            continue
        if place - first > 1:
            ordered[first:place] = sorted(ordered[first:place], key=_by_key)
        first = place
    return ordered


def _by_key(fill: Fill) -> tuple[tuple[str | int, ...], Fill]:
    return natural(fill.key), fill


def natural(key: str) -> tuple[str | int, ...]:
    """A key that sorts "D9" before "D10": text and numbers in turn, beginning with text."""
    if len(key) <= 100 and key.isascii() and key.isdigit():
        return ("", int(key), "")
    pieces = _DIGITS.split(key)
    return tuple(int(piece) if n % 2 else piece for n, piece in enumerate(pieces))


def _hedge(book: Book, fill: Fill) -> None:
    closes = fill.entry in ("out", "out_by")
    if fill.ref:
        _hedge_by_ref(book, fill, closes=closes)
    elif closes:
        _close_oldest(book, fill, reopen=False)
    elif fill.entry == "inout":
        _close_oldest(book, fill, reopen=True)
    else:
        book.open(fill, fill.lots).book(fill)


def _hedge_by_ref(book: Book, fill: Fill, *, closes: bool) -> None:
    """The ticket decides, not the time: within one second a file may print out before in."""
    holding = book.holdings.get(fill.ref)
    if holding is None:
        holding = book.add(fill, side=OPPOSITE[fill.side] if closes else fill.side)
    if fill.entry == "inout":
        return _reverse(book, fill, holding)
    holding.book(fill)
    if closes or fill.side != holding.side:
        holding.close(fill, fill.lots)
        return None
    queued = holding.held > 0
    _open_late(holding, fill)
    if holding.held > 0 and not queued:
        book.enqueue(holding)
    return None


def _open_late(holding: Holding, fill: Fill) -> None:
    """Open on a ticket of which some lots may have been closed already."""
    holding.open(fill, fill.lots)
    excess = holding.closed - (holding.opened - holding.held)
    if excess <= 0 or not holding.held:
        return
    late = min(excess, holding.held)
    holding.held_cost = holding.held_cost * (holding.held - late) / holding.held
    holding.held -= late


def _net(book: Book, fill: Fill) -> None:
    other = book.oldest(fill.symbol, OPPOSITE[fill.side])
    if fill.entry in ("out", "out_by"):
        return _close_oldest(book, fill, reopen=False)
    if other is not None:
        return _reverse(book, fill, other)
    same = book.oldest(fill.symbol, fill.side)
    holding = same or book.add(fill, side=fill.side)
    queued = holding.held > 0
    holding.open(fill, fill.lots)
    holding.book(fill)
    holding.unopened = holding.unopened or fill.entry == "inout"
    if not queued:
        book.enqueue(holding)
    return None


def _fifo(book: Book, fill: Fill) -> None:
    if fill.entry in ("out", "out_by"):
        return _close_oldest(book, fill, reopen=False)
    if book.oldest(fill.symbol, OPPOSITE[fill.side]) is not None:
        return _close_oldest(book, fill, reopen=True)
    holding = book.open(fill, fill.lots)
    holding.book(fill)
    holding.unopened = fill.entry == "inout"
    return None


def _reverse(book: Book, fill: Fill, holding: Holding) -> None:
    """Close the holding at the fill's price; what is left over opens on the fill's side."""
    closing = min(fill.lots, holding.held)
    holding.close(fill, closing)
    opening = fill.lots - closing
    if not opening:
        holding.book(fill)
        return
    pieces = [(holding, closing), (book.open(fill, opening), opening)]
    _share(fill, pieces, reopened=True)


def _close_oldest(book: Book, fill: Fill, *, reopen: bool) -> None:
    """Close the other side, oldest first; what is left over opens, or lacks its opening."""
    left, side = fill.lots, OPPOSITE[fill.side]
    pieces: list[tuple[Holding, Decimal]] = []
    holding = book.oldest(fill.symbol, side)
    while holding is not None and (left > 0 or not pieces):
        lots = min(left, holding.held)
        holding.close(fill, lots)
        pieces.append((holding, lots))
        left -= lots
        holding = book.oldest(fill.symbol, side)
    if reopen and left > 0:
        pieces.append((book.open(fill, left), left))
    elif left > 0 or not pieces:
        pieces.append((book.unopened(fill, left), left))
    _share(fill, pieces, reopened=reopen and left > 0)


def _share(fill: Fill, pieces: list[tuple[Holding, Decimal]], *, reopened: bool) -> None:
    """Divide the money of a fill by lots; profit and swap belong to the lots that it closed."""
    if len(pieces) == 1:
        pieces[0][0].book(fill)
        return
    lots = [piece for _, piece in pieces]
    closed = lots[:-1] if reopened else lots
    opened = [ZERO] * (len(lots) - len(closed))
    parts = zip(
        split(fill.profit, closed) + opened,
        split(fill.swap, closed) + opened,
        split(fill.commission, lots),
        split(fill.fee, lots),
        split(fill.tax, lots),
        strict=True,
    )
    for (holding, _), part in zip(pieces, parts, strict=True):
        holding.book_part(fill, Amounts(*part))


_STEPS: dict[Mode, Callable[[Book, Fill], None]] = {
    "hedging": _hedge,
    "netting": _net,
    "fifo": _fifo,
}
