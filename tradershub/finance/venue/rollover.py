"""What happens by itself as time passes: orders expire, days end, swaps are charged."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tradershub.finance.swap import nights
from tradershub.finance.trading_day import day_bounds, trading_day
from tradershub.finance.venue import events
from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.costs import night_swap
from tradershub.finance.venue.market import Market
from tradershub.finance.venue.orders import Position

ONE_DAY = timedelta(days=1)


def day_end(market: Market, at: datetime) -> datetime:
    """The end of the broker's day that holds `at`."""
    day = trading_day(at, zone=market.zone, rollover=market.rollover)
    return day_bounds(day, zone=market.zone, rollover=market.rollover)[1]


def pass_time(book: Book, at: datetime) -> None:
    """Expire orders and roll days over, in their order, up to and including `at`."""
    while (end := _next_end(book)) is not None and end <= at:
        for account in book.accounts.values():
            expire(book, account, end)
            if _ends_at(book.market, account) == end:
                book.move_to(end)
                _roll(book, account, end)
    for account in book.accounts.values():
        expire(book, account, at)
    book.move_to(at)


def expire(book: Book, account: Account, at: datetime) -> None:
    """End the orders whose time is over, each at its own moment."""
    if not account.expiring:
        return
    for moment, key in sorted(_moments(account)):
        if moment <= at:
            book.move_to(moment)
            book.emit(account, events.Expired(order=key))


def _moments(account: Account) -> Iterator[tuple[datetime, int]]:
    for key in account.expiring:
        moment = account.orders[key].expires_at
        if moment is not None:
            yield moment, key


def _next_end(book: Book) -> datetime | None:
    ends = (_ends_at(book.market, account) for account in book.accounts.values())
    return min(ends, default=None)


def _ends_at(market: Market, account: Account) -> datetime:
    return day_bounds(account.day, zone=market.zone, rollover=market.rollover)[1]


def _roll(book: Book, account: Account, at: datetime) -> None:
    """Charge the swap of the day that ends to what was open before `at`, and begin the next."""
    for position in list(account.positions.values()):
        terms = book.market.symbols[position.symbol].swap
        charged = nights(account.day, week=terms.week, holidays=terms.holidays)
        if charged and position.opened_at < at:
            _charge(book, account, position, charged)
    book.emit(account, events.RolledOver(day=account.day + ONE_DAY))


def _charge(book: Book, account: Account, position: Position, charged: int) -> None:
    due = night_swap(book.market, account, position, nights=charged)
    if not due.amount and due.price is None:
        return
    book.emit(
        account,
        events.SwapCharged(
            position=position.id,
            day=account.day,
            nights=charged,
            amount=due.amount,
            booked=account.rules.swap_daily,
            price=due.price,
        ),
    )
