"""Margin call, stop-out by the account's rule, and negative balances made good."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal

from tradershub.finance.decimals import ZERO
from tradershub.finance.stopout import AtRisk, PendingOrder, smart_stop_out, stop_out
from tradershub.finance.venue import events
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.costs import missing_rate
from tradershub.finance.venue.events import Code
from tradershub.finance.venue.filling import cancel
from tradershub.finance.venue.matching import closing_request, work
from tradershub.finance.venue.orders import Order, Position, Reason
from tradershub.finance.venue.rules import Protection, StopOutOrder
from tradershub.finance.venue.worth import (
    Figures,
    Unknown,
    figures,
    floating_of,
    margin_used,
    reservation,
    symbol_margin,
)


def check(book: Book, account: Account) -> None:
    """Warn, close and compensate as the account's margin level demands. Safe to run at any time."""
    if account.positions or account.called:
        worth = figures(book.market, account)
        if isinstance(worth, Unknown):
            return
        if _is_low(account, worth):
            worth = _stop_out(book, account, worth)
        _warn(book, account, worth)
    if account.rules.protection is Protection.ALWAYS:
        _compensate(book, account)


def _is_low(account: Account, worth: Figures) -> bool:
    """At the stop level or below; without margin only where hedged accounts are stopped too."""
    if worth.level is None:
        return account.rules.hedged_too and bool(account.positions) and worth.equity < 0
    return worth.level <= account.rules.stop_level


def _warn(book: Book, account: Account, worth: Figures) -> None:
    low = worth.level is not None and worth.level <= account.rules.call_level
    if low and not account.called and worth.level is not None:
        call = events.MarginCall(level=worth.level, equity=worth.equity, margin=worth.margin)
        book.emit(account, call)
    elif not low and account.called:
        book.emit(account, events.MarginCallLifted())


def _stop_out(book: Book, account: Account, worth: Figures) -> Figures:
    """Delete resting orders, then close what can be dealt, until the level is higher.

    What the account is worth afterwards comes back.
    """
    if not any(_deletable(account)) and not any(_tradable(book, account)):
        return worth
    book.emit(account, events.StopOut(level=worth.level, equity=worth.equity, margin=worth.margin))
    closed = False
    for victim, lots in _victims(book, account):
        _close(book, account, victim, lots)
        closed = True
    if closed and account.rules.protection is not Protection.NONE:
        _compensate(book, account)
    left = figures(book.market, account)
    return worth if isinstance(left, Unknown) else left


def _victims(book: Book, account: Account) -> Iterator[tuple[Position, Decimal]]:
    """What to close next, asked anew after each closing, for closing costs too."""
    choose = CHOICES[account.rules.stop_out]
    while True:
        worth = figures(book.market, account)
        if isinstance(worth, Unknown) or not _is_low(account, worth):
            return
        if _delete_largest(book, account):
            continue
        chosen = choose(book, account, worth)
        if not chosen:
            return
        yield from chosen


Chosen = Sequence[tuple[Position, Decimal]]


def _worst_first(book: Book, account: Account, worth: Figures) -> Chosen:
    """MetaTrader's next, by `finance.stopout`."""
    at_risk = [_at_risk(book, account, position) for position in account.positions.values()]

    def margin_of(left: Sequence[AtRisk]) -> Decimal:
        held = [account.positions[int(one.key)] for one in left]
        return margin_used(book.market, account, held)

    found = stop_out(
        at_risk,
        balance=worth.balance,
        credit=worth.credit,
        level=account.rules.stop_level,
        hedged_too=account.rules.hedged_too,
        margin_of=margin_of,
    )
    first = (account.positions[int(key)] for key in found.closed[:1])
    return [(position, position.lots) for position in first]


def _smart(book: Book, account: Account, worth: Figures) -> Chosen:
    """cTrader's reductions; where hedging keeps them from helping, the largest margin as a whole."""
    held = list(_tradable(book, account))
    steps = [book.market.symbols[p.symbol].terms.lot_step for p in held]
    kept = worth.margin - sum((_margin(book, account, p) for p in held), ZERO)
    if not held or kept > 0 or not all(_margin(book, account, p) for p in held):
        return _fair(book, account, worth)
    found = smart_stop_out(
        [p.lots for p in held],
        margin_per_unit=[_margin(book, account, p) / p.lots for p in held],
        equity=worth.equity,
        level=account.rules.stop_level,
        step=max(steps),
    )
    chosen = [(p, lots) for p, lots in zip(held, found.units, strict=True) if lots]
    return chosen[:1] or _fair(book, account, worth)


def _fair(book: Book, account: Account, worth: Figures) -> Chosen:
    held = _tradable(book, account)
    largest = max(held, key=lambda p: (_margin(book, account, p), -p.id), default=None)
    return [(largest, largest.lots)] if largest else []


def _all(book: Book, account: Account, worth: Figures) -> Chosen:
    return [(position, position.lots) for position in _tradable(book, account)]


CHOICES: dict[StopOutOrder, Callable[[Book, Account, Figures], Chosen]] = {
    StopOutOrder.WORST_FIRST: _worst_first,
    StopOutOrder.SMART: _smart,
    StopOutOrder.FAIR: _fair,
    StopOutOrder.ALL: _all,
}


def _tradable(book: Book, account: Account) -> Iterator[Position]:
    return (p for p in account.positions.values() if _is_tradable(book, account, p))


def _is_tradable(book: Book, account: Account, position: Position) -> bool:
    """Whether a closing would fill: what is dealt in a rate that is missing stays open."""
    symbol = book.market.symbols[position.symbol]
    return book.market.trades(symbol.name) and not missing_rate(book.market, account, symbol)


def _margin(book: Book, account: Account, position: Position) -> Decimal:
    """The position's margin on its own."""
    return symbol_margin(book.market, account, position.symbol, [position])


def _at_risk(book: Book, account: Account, position: Position) -> AtRisk:
    return AtRisk(
        key=str(position.id),
        profit=floating_of(book.market, account, position),
        margin=_margin(book, account, position),
        costs=position.swap,
        tradable=_is_tradable(book, account, position),
    )


def _deletable(account: Account) -> Iterator[Order]:
    return (order for order in account.orders.values() if not order.closes_only)


def _delete_largest(book: Book, account: Account) -> bool:
    """Cancel the resting order with the largest reserved margin. False where there is none."""
    pending = [
        PendingOrder(str(order.id), reservation(book.market, account, order))
        for order in _deletable(account)
    ]
    if not pending:
        return False
    largest = max(pending, key=lambda order: order.margin)
    order = account.orders[int(largest.key)]
    cancel(book, account, order, Code.STOP_OUT, "stop-out deletes resting orders first")
    return True


def _close(book: Book, account: Account, position: Position, lots: Decimal) -> None:
    order = Order(
        id=account.last_id + 1,
        request=closing_request(position, lots),
        placed_at=book.at,
        reason=Reason.STOP_OUT,
    )
    book.emit(account, events.Accepted(order=order))
    work(book, account, account.orders[order.id])


def _compensate(book: Book, account: Account) -> None:
    """Bring the balance of a flat account back to zero."""
    if account.balance < 0 and not account.positions:
        book.emit(account, events.Compensation(amount=-account.balance))
