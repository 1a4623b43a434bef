"""The whole state as plain data, and back."""

from datetime import datetime
from decimal import Decimal

from tradershub.finance.venue.account import Account
from tradershub.finance.venue.book import Book
from tradershub.finance.venue.codec import Plain, from_plain, to_plain
from tradershub.finance.venue.events import Quoted


def taken(book: Book) -> Plain:
    """{"seed", "market": {"now", "seq", "quotes", "taken"}, "accounts"}, for JSON."""
    market = book.market
    return {
        "seed": book.seed,
        "market": {
            "now": to_plain(market.now),
            "seq": market.seq,
            "quotes": to_plain(market.quotes),
            "taken": to_plain(market.taken),
        },
        "accounts": to_plain(book.accounts),
    }


def put_back(book: Book, plain: Plain) -> None:
    """Fill an empty book with what `taken` gave."""
    market = plain["market"]
    book.seed = plain["seed"]
    book.accounts = from_plain(dict[str, Account], plain["accounts"])
    for quote in from_plain(dict[str, Quoted], market["quotes"]).values():
        book.market.apply(quote)
    book.market.now = from_plain(datetime, market["now"])
    book.market.seq = market["seq"]
    book.market.taken = from_plain(dict[str, Decimal], market["taken"])
